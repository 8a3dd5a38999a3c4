//! The control plane: a unit, what is in force on it, and the gate that enforces it.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::{Failure, TgStatus, guarded, needed, text};
use crate::catalogue::{self, Feature, Value};
use crate::gate::{Fence, Gate};
use crate::license::{RunningLicense, Unit};

/// A unit: model and tier, licences, settings. One thread at a time.
#[derive(Debug)]
pub struct TgUnit(Unit);

/// What is in force on a unit, with the reason for every figure. Nothing changes it, so any number
/// of threads may use it at once.
#[derive(Debug)]
pub struct TgLicense(RunningLicense);

/// Admission control for one firewall. Any number of threads may use it at once.
#[derive(Debug)]
pub struct TgGate(pub(super) Gate);

/// A place for a pointer that is given out.
type Out<'a, T> = Option<&'a mut MaybeUninit<Option<Box<T>>>>;

/// Makes what `out` is to hold; null where that fails.
fn give<T>(out: Out<'_, T>, make: impl FnOnce() -> Result<T, Failure>) -> TgStatus {
    let Some(out) = out else { return guarded(|| Err(TgStatus::NullPointer.into())) };
    let out = out.write(None);
    guarded(|| {
        *out = Some(Box::new(make()?));
        Ok(())
    })
}

fn not_understood(error: impl std::fmt::Display) -> Failure {
    Failure::new(TgStatus::NotUnderstood, error)
}

/// Makes a unit as shipped: `model` is `MODEL[/TIER][ (GUIDE)]` by the guides' names, for instance
/// "ASA 5520" or "5510/security-plus". Free it with tg_unit_free.
///
/// TG_STATUS_NOT_UNDERSTOOD where there is no such model, tier or guide; *unit is null then.
///
/// # Safety
///
/// `model` is a text that ends with a zero, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_unit_new(
    model: *const c_char,
    unit: Option<&mut MaybeUninit<Option<Box<TgUnit>>>>,
) -> TgStatus {
    give(unit, || {
        // SAFETY: as the caller promises.
        let model = unsafe { text(model) }?;
        Ok(TgUnit(Unit::new(catalogue::parse_entry(model).map_err(not_understood)?)))
    })
}

/// Adds a permanent licence, for instance "anyconnect-premium" and "250". Of two for one feature
/// the larger counts.
///
/// TG_STATUS_NOT_UNDERSTOOD where there is no such feature or value, or the model's table has no
/// such licence; the unit is unchanged then.
///
/// # Safety
///
/// `feature` and `value` are texts that end with a zero, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_unit_add(
    unit: Option<&mut TgUnit>,
    feature: *const c_char,
    value: *const c_char,
) -> TgStatus {
    guarded(|| {
        // SAFETY: as the caller promises.
        let (feature, value) = unsafe { (text(feature)?, text(value)?) };
        let feature = feature.parse::<Feature>().map_err(not_understood)?;
        let value = value.parse::<Value>().map_err(not_understood)?;
        needed(unit)?.0.add(feature, value).map_err(not_understood)
    })
}

/// Configures a unit: a setting, for instance "mode" and "transparent", or the name of a limit for
/// the operator's own, lower one.
///
/// TG_STATUS_NOT_UNDERSTOOD where there is no such setting, or it does not take the value; the unit
/// is unchanged then.
///
/// # Safety
///
/// `key` and `value` are texts that end with a zero, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_unit_set(
    unit: Option<&mut TgUnit>,
    key: *const c_char,
    value: *const c_char,
) -> TgStatus {
    guarded(|| {
        // SAFETY: as the caller promises.
        let (key, value) = unsafe { (text(key)?, text(value)?) };
        needed(unit)?.0.configure(key, value).map_err(not_understood)
    })
}

/// Frees a unit. Licences that were computed from it stay. Null is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn tg_unit_free(unit: Option<Box<TgUnit>>) {
    guarded(|| {
        drop(unit);
        Ok(())
    });
}

/// Computes what is in force on a unit. Free it with tg_license_free; a gate that runs it keeps
/// what it needs.
#[unsafe(no_mangle)]
pub extern "C" fn tg_license_of(
    unit: Option<&TgUnit>,
    license: Option<&mut MaybeUninit<Option<Box<TgLicense>>>>,
) -> TgStatus {
    give(license, || Ok(TgLicense(RunningLicense::of(&needed(unit)?.0))))
}

/// Reads what is in force from a unit's file, with its keys, its configuration and its failover
/// group, as of now. The file is only read, and left to others.
///
/// TG_STATUS_FILE where it cannot be read, TG_STATUS_NOT_BUILT where the library was built without
/// the feature `store`; *license is null then.
///
/// # Safety
///
/// `path` is a text that ends with a zero, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_license_open(
    path: *const c_char,
    license: Option<&mut MaybeUninit<Option<Box<TgLicense>>>>,
) -> TgStatus {
    // SAFETY: as the caller promises.
    give(license, || read(unsafe { text(path) }?).map(TgLicense))
}

#[cfg(feature = "store")]
fn read(path: &str) -> Result<RunningLicense, Failure> {
    use crate::store::{Device, Moment, StoreError};

    let failure = |error: StoreError| Failure::new(TgStatus::File, error);
    let now = Moment::now().map_err(failure)?;
    let (_file, device, _expired) = Device::open(path.as_ref(), &now).map_err(failure)?;
    Ok(device.running(device.configuration()))
}

#[cfg(not(feature = "store"))]
fn read(_path: &str) -> Result<RunningLicense, Failure> {
    Err(TgStatus::NotBuilt.into())
}

/// Frees a licence. Null is nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn tg_license_free(license: Option<Box<TgLicense>>) {
    guarded(|| {
        drop(license);
        Ok(())
    });
}

/// Makes a gate that runs `license`, with nothing in use. Free it with tg_gate_free.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_new(
    license: Option<&TgLicense>,
    gate: Option<&mut MaybeUninit<Option<Box<TgGate>>>>,
) -> TgStatus {
    give(gate, || Ok(TgGate(Gate::new(needed(license)?.0.clone()))))
}

/// Puts `license` in force while traffic flows. When it returns, nothing is admitted beyond the new
/// limits; what was admitted before stays, and a limit below use admits nothing until enough has
/// been given back.
///
/// TG_STATUS_OTHER_MODEL where it is for another model; the one before stays in force then.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_publish(gate: Option<&TgGate>, license: Option<&TgLicense>) -> TgStatus {
    guarded(|| put_in_force(&needed(gate)?.0, needed(license)?.0.clone()))
}

/// Reads a unit's file again and puts what it says in force: tg_license_open, then tg_gate_publish.
///
/// # Safety
///
/// `path` is a text that ends with a zero, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tg_gate_reload(gate: Option<&TgGate>, path: *const c_char) -> TgStatus {
    // SAFETY: as the caller promises.
    guarded(|| put_in_force(&needed(gate)?.0, read(unsafe { text(path) }?)?))
}

fn put_in_force(gate: &Gate, license: RunningLicense) -> Result<(), Failure> {
    gate.publish(license).map_err(|error| Failure::new(TgStatus::OtherModel, error))
}

/// Whether connections are to be admitted with their hosts on this model (tg_admit_connection).
/// False for null.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_counts_hosts(gate: Option<&TgGate>) -> bool {
    gate.is_some_and(|gate| gate.0.counts_hosts())
}

/// Whether packet threads pay for a full fence at every connection, because this process may not
/// use membarrier(2). False for null.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_pays_for_fences(gate: Option<&TgGate>) -> bool {
    gate.is_some_and(|gate| gate.0.info().fence == Some(Fence::Full))
}

/// Frees a handle on a gate. Its workers keep the gate, and tokens stay valid on them. Null is
/// nothing to free.
#[unsafe(no_mangle)]
pub extern "C" fn tg_gate_free(gate: Option<Box<TgGate>>) {
    guarded(|| {
        drop(gate);
        Ok(())
    });
}
