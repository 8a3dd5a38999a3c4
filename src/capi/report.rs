//! What operators read: usage, the audit, and why a limit is what it is.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::names::limit as limit_of;
use super::{TG_LIMITS, TgAllowance, TgGate, TgLimit, TgStatus, guarded, needed};
use crate::gate::{AuditLine, Usage};

/// One limit at one moment. Exact while nothing is admitted or given back.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TgUsage {
    /// What the limit allows.
    pub allowance: TgAllowance,
    /// How many units, where that is TG_ALLOWANCE_LIMITED; else 0.
    pub units: u32,
    /// Units in use.
    pub in_use: u64,
    /// The most units that are known to have been in use at once.
    pub peak: u64,
    /// Units admitted since the start.
    pub admitted: u64,
    /// Admissions that this limit refused since the start; a burst that was cut short is one.
    pub refused: u64,
}

/// The two books of one limit: its own word, and what the workers counted.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TgAuditLine {
    /// The limit.
    pub limit: TgLimit,
    /// Units free by the limit's own word; negative is debt.
    pub free: i64,
    /// Units in use by the limit's own word.
    pub held: i64,
    /// Units in use by what the workers counted.
    pub counted: i64,
}

/// What an audit found.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TgAudit {
    /// Whether the books agree and nothing was given back that was not in use.
    pub is_clean: bool,
    /// Whether nothing is in use.
    pub is_idle: bool,
    /// Whether nothing moved while the books were read: else a difference may be of what a worker
    /// was counting just then.
    pub at_rest: bool,
    /// How many units of what was not in use were given back.
    pub excess_releases: u64,
    /// Inside hosts in the map beyond what the word holds; 0 when they agree.
    pub host_drift: i64,
    /// How many of the lines there are.
    pub count: usize,
    /// The limits that the gate counts.
    pub lines: [TgAuditLine; TG_LIMITS],
}

/// The usage of one limit (enum tg_limit).
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_usage(
    gate: Option<&TgGate>,
    limit: u32,
    usage: Option<&mut MaybeUninit<TgUsage>>,
) -> TgStatus {
    guarded(|| {
        let (gate, place) = (needed(gate)?, needed(usage)?);
        let limit = limit_of(limit).ok_or(TgStatus::NoSuchLimit)?;
        let Usage { allowance, in_use, peak, admitted, refused, .. } = gate.0.usage(limit);
        place.write(TgUsage {
            allowance: TgAllowance::of(allowance),
            units: if allowance.is_off() { 0 } else { allowance.units().unwrap_or(0) },
            in_use,
            peak,
            admitted,
            refused,
        });
        Ok(())
    })
}

/// Checks that every unit is accounted for, while traffic flows or at rest.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_audit(
    gate: Option<&TgGate>,
    audit: Option<&mut MaybeUninit<TgAudit>>,
) -> TgStatus {
    guarded(|| {
        let (gate, place) = (needed(gate)?, needed(audit)?);
        let audit = gate.0.audit();
        let none = TgAuditLine { limit: TgLimit::FirewallConns, free: 0, held: 0, counted: 0 };
        let mut lines = [none; TG_LIMITS];
        for (line, AuditLine { limit, free, held, counted }) in lines.iter_mut().zip(&audit.lines) {
            let limit = TgLimit::ALL[limit.index()];
            *line = TgAuditLine { limit, free: *free, held: *held, counted: *counted };
        }
        place.write(TgAudit {
            is_clean: audit.is_clean(),
            is_idle: audit.is_idle(),
            at_rest: audit.at_rest,
            excess_releases: audit.excess_releases,
            host_drift: audit.host_drift,
            count: audit.lines.len(),
            lines,
        });
        Ok(())
    })
}

/// Tells why a limit is what it is, one line a step from the model's table on, for instance
/// "280000: included (9.1 guide, Table 5-3)": as much of it as `room` bytes hold with a zero at the
/// end, in UTF-8.
///
/// How long the text is without its zero, as snprintf does; 0 for null and for no limit.
///
/// # Safety
///
/// `text` has room for `room` bytes, which nobody else uses during the call; null where `room`
/// is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gate_why(
    gate: Option<&TgGate>,
    limit: u32,
    text: *mut c_char,
    room: usize,
) -> usize {
    let mut length = 0;
    guarded(|| {
        let limit = limit_of(limit).ok_or(TgStatus::NoSuchLimit)?;
        let steps = needed(gate)?.0.license().limit(limit).steps();
        let lines = steps.iter().map(|step| format!("{}: {}", step.value, step.reason()));
        let why = lines.collect::<Vec<_>>().join("\n");
        if room > 0 && !text.is_null() {
            let most = why.len().min(room - 1);
            let fits = (0..=most).rev().find(|end| why.is_char_boundary(*end)).unwrap_or(0);
            // SAFETY: `fits` < `room`, for which the caller promises that there is place; a new
            // text does not overlap it.
            unsafe {
                why.as_ptr().copy_to_nonoverlapping(text.cast(), fits);
                text.add(fits).write(0);
            }
        }
        length = why.len();
        Ok(())
    });
    length
}
