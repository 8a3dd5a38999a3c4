//! Where connections are admitted and what they hold is kept: the gate with a table of flows.
//!
//! Each queue has a [`Clerk`] with a worker of its own, and so has the thread that hears of ends;
//! they share the table, whose entries have locks of their own. An admission happens under the lock
//! of its flow, so of two packets of one new connection one is admitted and the other is known.
//!
//! A clerk holds the till for reading while it admits: admissions run beside each other, and
//! stand still while connections that nobody asked for are entered, or a licence is put in force.
//! Where units are reserved or the guard only observes, figures of several admissions have to
//! agree, and each holds the till alone.
//!
//! Locks are taken in this order: till, flow, the gate's own.

use std::sync::Arc;

use super::flow::{Dump, End, Flow, Key, Millis, Swept, Units};
use super::reserve::Reserve;
use crate::capture::{FiveTuple, Zones};
use crate::gate::{Audit, Gate, PublishError, Refusal, Usage, Worker};
use crate::license::{Kind, Limit, RunningLicense};
use crate::sync::{LockedMap, RwLock};

/// What connections take: the limits that a guard enforces.
const LIMITS: [Limit; 2] = [Limit::FirewallConns, Limit::InsideHosts];

/// Room for flows without allocating.
const FLOWS: usize = 65_536;

/// How a booth admits.
#[derive(Clone, Default, Debug)]
pub struct Settings {
    /// Which addresses are inside.
    pub zones: Zones,
    /// What is kept for whom.
    pub reserves: Vec<Reserve>,
    /// Let everything pass, and count what would have been refused.
    pub observe: bool,
}

/// The gate, and the connections that hold its units.
#[derive(Debug)]
pub struct Booth {
    gate: Gate,
    /// Counts everything that passes, where the guard observes.
    demand: Option<Gate>,
    flows: LockedMap<Key, Flow>,
    till: RwLock<Till>,
    settings: Settings,
}

/// What admissions agree on.
#[derive(Debug)]
struct Till {
    license: RunningLicense,
    /// Connections that hold a unit of the licence; counted where it is needed.
    held: u64,
    /// Of each reserve, the connections that hold a unit.
    used: Vec<u32>,
    /// Refusals for the sake of a reserve.
    refused_for_reserves: u64,
    /// The most that was demanded beyond each of [`LIMITS`].
    overruns: [u64; LIMITS.len()],
}

/// The answer to a packet that opens a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Its connection was admitted.
    Admitted,
    /// Its connection had been let through before.
    Known,
    /// There is no room for it.
    Refused(Refusal),
    /// There would have been no room for it.
    Observed(Refusal),
}

impl Answer {
    /// Whether the packet passes.
    pub const fn passes(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// A connection that conntrack has and nobody asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Who it is.
    pub key: Key,
    /// The connection as it is forwarded.
    pub tuple: FiveTuple,
    /// The id of its entry.
    pub id: u32,
}

/// One limit in a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// What is allowed, in use, admitted and refused. Where the guard observes, in use and admitted
    /// is everything that passed, and refused is what would have been.
    pub usage: Usage,
    /// The most that was in use beyond what is allowed, where the guard observes.
    pub overrun: Option<u64>,
}

impl Till {
    fn allowed(&self, limit: Limit) -> u64 {
        self.license.limit(limit).allowance().units().map_or(u64::MAX, u64::from)
    }

    /// Units that are kept for others than connections of the reserve `own`, and not used.
    fn kept_from(&self, own: Option<u8>, reserves: &[Reserve]) -> u64 {
        let others = reserves.iter().zip(&self.used).zip(0..);
        let others = others.filter(|(_, reserve)| own != Some(*reserve));
        others.map(|((reserve, used), _)| u64::from(reserve.units.saturating_sub(*used))).sum()
    }

    /// Whether the last units under the limit are kept for others.
    fn is_kept_from(&self, own: Option<u8>, reserves: &[Reserve]) -> bool {
        let allowed = self.allowed(Limit::FirewallConns);
        self.held < allowed && self.held + self.kept_from(own, reserves) >= allowed
    }

    fn refusal_for_reserves(&mut self) -> Refusal {
        self.refused_for_reserves += 1;
        let figure = self.license.limit(Limit::FirewallConns);
        Refusal {
            kind: Kind::Connection,
            limit: Limit::FirewallConns,
            allowance: figure.allowance(),
            origin: figure.origin(),
        }
    }

    fn count(&mut self, units: &Units) {
        self.held += u64::from(units.licensed.is_some());
        if let (Some(_), Some(used)) = (units.licensed, self.used_by(units)) {
            *used += 1;
        }
    }

    fn uncount(&mut self, units: &Units) {
        self.held -= u64::from(units.licensed.is_some());
        if let (Some(_), Some(used)) = (units.licensed, self.used_by(units)) {
            *used -= 1;
        }
    }

    fn used_by(&mut self, units: &Units) -> Option<&mut u32> {
        self.used.get_mut(usize::from(units.reserve?))
    }

    fn note_overruns(&mut self, demand: &Gate) {
        for (place, limit) in LIMITS.into_iter().enumerate() {
            let over = demand.usage(limit).in_use.saturating_sub(self.allowed(limit));
            self.overruns[place] = self.overruns[place].max(over);
        }
    }
}

impl Booth {
    /// A booth under `license`, with nothing let through.
    pub fn new(license: RunningLicense, settings: Settings) -> Arc<Self> {
        // A packet through a queue costs microseconds: exact peaks are worth the nanoseconds.
        let demand = Gate::with_exact_peaks(license.clone().without_limits());
        let till = Till {
            license: license.clone(),
            held: 0,
            used: vec![0; settings.reserves.len()],
            refused_for_reserves: 0,
            overruns: [0; LIMITS.len()],
        };
        Arc::new(Self {
            gate: Gate::with_exact_peaks(license),
            demand: settings.observe.then_some(demand),
            flows: LockedMap::with_capacity(FLOWS),
            till: RwLock::new(till),
            settings,
        })
    }

    /// A clerk for one thread.
    pub fn clerk(self: &Arc<Self>) -> Clerk {
        let demand = self.demand.as_ref().map(Gate::worker);
        Clerk { booth: Arc::clone(self), worker: self.gate.worker(), demand }
    }

    /// Puts `license` in force; connections that are let through stay.
    ///
    /// # Errors
    ///
    /// Where it is for another model; the one before stays in force.
    pub fn publish(&self, license: RunningLicense) -> Result<(), PublishError> {
        let mut till = self.till.write();
        self.gate.publish(license.clone())?;
        till.license = license;
        if let Some(demand) = &self.demand {
            // It allows everything; which hosts count is by the licence.
            demand.publish(till.license.clone().without_limits())?;
            till.note_overruns(demand);
        }
        Ok(())
    }

    /// The licence in force.
    pub fn license(&self) -> RunningLicense {
        self.till.read().license.clone()
    }

    /// How many units are reserved, of how many that are allowed: where that is all of them, only
    /// what is reserved for is admitted.
    pub fn reserved(&self) -> (u64, u64) {
        let units = self.settings.reserves.iter().map(|reserve| u64::from(reserve.units)).sum();
        (units, self.till.read().allowed(Limit::FirewallConns))
    }

    /// How many connections are let through.
    pub fn connections(&self) -> usize {
        self.flows.len()
    }

    /// Whether a connection has waited too long for conntrack's word that it came to be.
    pub fn has_overdue(&self, now: Millis) -> bool {
        let mut overdue = false;
        self.flows.retain(|_, flow| {
            overdue |= flow.is_overdue(now);
            true
        });
        overdue
    }

    /// The limits that connections are counted under.
    pub fn report(&self) -> Vec<Line> {
        let till = self.till.read();
        let lines = LIMITS.iter().zip(till.overruns).map(|(limit, overrun)| {
            let mut usage = self.gate.usage(*limit);
            if *limit == Limit::FirewallConns {
                usage.refused += till.refused_for_reserves;
            }
            let Some(demand) = &self.demand else { return Line { usage, overrun: None } };
            let Usage { in_use, peak, admitted, .. } = demand.usage(*limit);
            Line { usage: Usage { in_use, peak, admitted, ..usage }, overrun: Some(overrun) }
        });
        let counts =
            |line: &Line| line.usage.limit == Limit::FirewallConns || self.gate.counts_hosts();
        lines.filter(counts).collect()
    }

    /// Whether every unit is accounted for: by the gate's own audit, and as many connections are
    /// let through as hold a unit.
    pub fn audit(&self) -> Audit {
        self.demand.as_ref().unwrap_or(&self.gate).audit()
    }

    const fn is_careful(&self) -> bool {
        self.settings.observe || !self.settings.reserves.is_empty()
    }

    fn reserve_of(&self, tuple: &FiveTuple) -> Option<u8> {
        (0..).zip(&self.settings.reserves).find(|(_, kept)| kept.matches(tuple)).map(|(i, _)| i)
    }
}

/// One thread's handle on a booth.
#[derive(Debug)]
pub struct Clerk {
    booth: Arc<Booth>,
    worker: Worker,
    demand: Option<Worker>,
}

impl Clerk {
    /// The booth.
    pub const fn booth(&self) -> &Arc<Booth> {
        &self.booth
    }

    /// Answers a packet that opens connection `key`; `tuple` is who talks to whom.
    pub fn ask(&mut self, key: Key, tuple: &FiveTuple, now: Millis) -> Answer {
        let booth = Arc::clone(&self.booth);
        if booth.is_careful() {
            let mut till = booth.till.write();
            booth.flows.with(key, |flow| self.answer(flow, Some(&mut till), tuple, now))
        } else {
            let _others_may_too = booth.till.read();
            booth.flows.with(key, |flow| self.answer(flow, None, tuple, now))
        }
    }

    fn answer(
        &mut self,
        slot: &mut Option<Flow>,
        till: Option<&mut Till>,
        tuple: &FiveTuple,
        now: Millis,
    ) -> Answer {
        if let Some(flow) = slot {
            flow.asked_again(now);
            return Answer::Known;
        }
        let (units, refusal) = match till {
            Some(till) => self.admit_carefully(till, tuple),
            None => self.admit(tuple),
        };
        match refusal {
            Some(refusal) if units.demanded.is_none() => Answer::Refused(refusal),
            refusal => {
                *slot = Some(Flow::asked(units, now));
                refusal.map_or(Answer::Admitted, Answer::Observed)
            }
        }
    }

    /// What a connection holds, or why it holds nothing of the licence.
    fn admit(&mut self, tuple: &FiveTuple) -> (Units, Option<Refusal>) {
        let verdict = self.worker.admit_connection(&self.booth.settings.zones.hosts(tuple));
        let (licensed, refusal) = (verdict.ok(), verdict.err());
        let reserve = self.booth.reserve_of(tuple);
        (Units { licensed, demanded: None, reserve }, refusal)
    }

    fn admit_carefully(&mut self, till: &mut Till, tuple: &FiveTuple) -> (Units, Option<Refusal>) {
        let reserve = self.booth.reserve_of(tuple);
        let (mut units, refusal) = if till.is_kept_from(reserve, &self.booth.settings.reserves) {
            let refusal = till.refusal_for_reserves();
            (Units { licensed: None, demanded: None, reserve }, Some(refusal))
        } else {
            self.admit(tuple)
        };
        if let (Some(worker), Some(gate)) = (&mut self.demand, &self.booth.demand) {
            let hosts = self.booth.settings.zones.hosts(tuple);
            units.demanded = worker.admit_connection(&hosts).ok();
            till.note_overruns(gate);
        }
        till.count(&units);
        (units, refusal)
    }

    /// Conntrack tells that an entry began; whether its connection was let through.
    pub fn began(&mut self, key: Key, id: u32, now: Millis) -> bool {
        self.booth.flows.with(key, |flow| {
            let known = flow.as_mut();
            known.map(|flow| flow.began(id, now)).is_some()
        })
    }

    /// Conntrack tells that an entry ended; none where its connection was not let through.
    pub fn ended(&mut self, key: Key, id: u32, now: Millis) -> Option<End> {
        let booth = Arc::clone(&self.booth);
        let mut alone = booth.is_careful().then(|| booth.till.write());
        booth.flows.with(key, |slot| {
            let flow = slot.as_mut()?;
            let end = flow.ended(id, now);
            if end == End::Over {
                // Before somebody may ask for the next connection of this name.
                self.give_back(&flow.units, alone.as_deref_mut());
                *slot = None;
            }
            Some(end)
        })
    }

    /// A dump has an entry; whether its connection was let through.
    pub fn seen(&mut self, key: Key, id: u32, dump: Dump) -> bool {
        self.booth.flows.with(key, |flow| flow.as_mut().map(|flow| flow.seen(id, dump)).is_some())
    }

    /// A dump has come to its end: gives back what is gone, and tells how many had never come to be
    /// and how many had ended unheard of.
    pub fn sweep(&mut self, dump: Dump) -> (u64, u64) {
        let booth = Arc::clone(&self.booth);
        let mut alone = booth.is_careful().then(|| booth.till.write());
        let (mut unconfirmed, mut vanished) = (0, 0);
        booth.flows.retain(|_, flow| {
            match flow.swept(dump) {
                Swept::Stays => return true,
                Swept::Unconfirmed => unconfirmed += 1,
                Swept::Vanished => vanished += 1,
            }
            self.give_back(&flow.units, alone.as_deref_mut());
            false
        });
        (unconfirmed, vanished)
    }

    /// Enters connections that conntrack has and nobody asked for, whatever is allowed: they exist.
    /// How many were entered; those that are known stay as they are.
    pub fn adopt(&mut self, found: &[Found], now: Millis) -> u64 {
        if found.is_empty() {
            return 0;
        }
        let booth = Arc::clone(&self.booth);
        let mut till = booth.till.write();
        // Nobody else admits anything while the limits are lifted.
        let lifted = booth.gate.publish(till.license.clone().without_limits());
        debug_assert!(lifted.is_ok(), "the same model");
        let mut adopted = 0;
        for Found { key, tuple, id } in found {
            booth.flows.with(*key, |slot| {
                if slot.is_none() {
                    let (mut units, _none) = self.admit(tuple);
                    let hosts = booth.settings.zones.hosts(tuple);
                    let demand = self.demand.as_mut();
                    units.demanded = demand.and_then(|worker| worker.admit_connection(&hosts).ok());
                    if booth.is_careful() {
                        till.count(&units);
                    }
                    *slot = Some(Flow::found(units, *id, now));
                    adopted += 1;
                }
            });
        }
        let in_force = booth.gate.publish(till.license.clone());
        debug_assert!(in_force.is_ok(), "the same model");
        if let Some(demand) = &booth.demand {
            till.note_overruns(demand);
        }
        adopted
    }

    fn give_back(&mut self, units: &Units, till: Option<&mut Till>) {
        if let Some(token) = units.licensed {
            self.worker.release(token);
        }
        if let (Some(token), Some(worker)) = (units.demanded, &mut self.demand) {
            worker.release(token);
        }
        if let Some(till) = till {
            till.uncount(units);
        }
    }
}

#[cfg(test)]
mod tests;
