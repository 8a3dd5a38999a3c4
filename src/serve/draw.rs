//! The gate beside a machine: what it needs, and what it may admit.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::gate::{Gate, PublishError};
use crate::license::{Limit, RunningLicense};

/// A session that was refused is asked for as long as this, although nobody waits for it any more:
/// whoever was refused tries again.
const REMEMBERED: Duration = Duration::from_secs(5);

/// How often the gate is looked at. Two reads; no admission waits for it. A need is noticed after
/// half of it on average, which is part of the time from need to grant. The clock of the tasks
/// knows nothing shorter.
pub(super) const LOOK: Duration = Duration::from_millis(1);

/// The gate of the unit and the unit's own licence.
///
/// An admission never asks the network: it draws on the sessions that are held, which are part of
/// the gate's licence. What the pool gives and takes changes that licence, by [`Gate::publish`].
#[derive(Debug)]
pub struct Draw {
    gate: Gate,
    own: RunningLicense,
    /// Shared sessions that are held.
    shared: u32,
    refused: Refused,
}

impl Draw {
    /// `own` is what the unit has without the pool; the gate has it from now on.
    ///
    /// # Errors
    ///
    /// When the gate is one for another model.
    pub fn new(gate: Gate, own: RunningLicense) -> Result<Self, PublishError> {
        gate.publish(own.clone().with_shared(0))?;
        let seen = gate.usage(Limit::Anyconnect).refused;
        Ok(Self { gate, own, shared: 0, refused: Refused { seen, recent: VecDeque::new() } })
    }

    /// So many shared sessions are held.
    pub(super) fn publish(&mut self, sessions: u32) -> Result<(), PublishError> {
        self.shared = sessions;
        self.gate.publish(self.own.clone().with_shared(sessions))
    }

    /// The unit has another licence of its own.
    pub(super) fn publish_own(&mut self, own: RunningLicense) -> Result<(), PublishError> {
        self.own = own;
        self.publish(self.shared)
    }

    /// Sessions in use, and those that were asked for just now in vain.
    pub(super) fn demand(&mut self, now: Instant) -> u32 {
        let usage = self.gate.usage(Limit::Anyconnect);
        let refused = self.refused.at(now, usage.refused);
        u32::try_from(usage.in_use.saturating_add(refused)).unwrap_or(u32::MAX)
    }

    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// The refusals of the last [`REMEMBERED`].
#[derive(Debug)]
struct Refused {
    /// How many there ever were.
    seen: u64,
    /// When there were some, and how many: the most between two looks counts, because whoever is
    /// refused asks again.
    recent: VecDeque<(Instant, u64)>,
}

impl Refused {
    /// The most that were refused between two looks of late. It is never longer than the looks that
    /// there are in [`REMEMBERED`].
    fn at(&mut self, now: Instant, refused: u64) -> u64 {
        let new = refused.saturating_sub(self.seen);
        self.seen = self.seen.max(refused);
        self.recent.retain(|(then, _)| now.saturating_duration_since(*then) < REMEMBERED);
        if new > 0 {
            // Smaller ones before it no longer matter.
            while self.recent.back().is_some_and(|(_, before)| *before <= new) {
                self.recent.pop_back();
            }
            self.recent.push_back((now, new));
        }
        self.recent.front().map_or(0, |(_, most)| *most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{self, Feature, Value};
    use crate::license::{Kind, Origin, Unit};

    fn draw() -> Draw {
        let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).unwrap());
        unit.add(Feature::AnyconnectPremium, Value::Count(25)).unwrap();
        let own = RunningLicense::of(&unit);
        Draw::new(Gate::new(own.clone()), own).unwrap()
    }

    #[test]
    fn the_gate_admits_what_is_held_and_no_more() {
        let mut draw = draw();
        let gate = draw.gate().clone();
        let mut worker = gate.worker();
        let mut held = Vec::new();
        for (shared, most) in [(0, 25), (50, 75), (725, 750), (2_000, 750), (50, 750), (0, 750)] {
            draw.publish(shared).unwrap();
            held.extend(std::iter::from_fn(|| worker.admit(Kind::Anyconnect).ok()));
            // What is in use stays when shared sessions are given up (G33).
            assert_eq!(held.len(), most, "{shared} shared");
        }
        let refusal = worker.admit(Kind::Anyconnect).unwrap_err();
        assert_eq!((refusal.limit, refusal.origin), (Limit::Anyconnect, Origin::Licence));
        draw.publish(50).unwrap();
        assert_eq!(worker.admit(Kind::Anyconnect).unwrap_err().origin, Origin::Shared);
        held.into_iter().for_each(|token| worker.release(token));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_refused_is_needed_for_a_while() {
        let mut draw = draw();
        let gate = draw.gate().clone();
        let mut worker = gate.worker();
        let held: Vec<_> = (0..25).map(|_| worker.admit(Kind::Anyconnect).unwrap()).collect();
        assert_eq!(draw.demand(Instant::now()), 25);
        for refused in [3, 1] {
            (0..refused).for_each(|_| assert!(worker.admit(Kind::Anyconnect).is_err()));
            assert_eq!(draw.demand(Instant::now()), 28);
            tokio::time::advance(REMEMBERED / 2).await;
        }
        assert_eq!(draw.demand(Instant::now()), 26);
        tokio::time::advance(REMEMBERED / 2).await;
        assert_eq!(draw.demand(Instant::now()), 25);
        held.into_iter().for_each(|token| worker.release(token));
        assert_eq!(draw.demand(Instant::now()), 0);
    }
}
