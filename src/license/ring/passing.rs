//! Time on a unit: running, shut down, reloaded, and its system clock set.

use std::time::Duration;

use super::{Clock, ClockPolicy, Event, KeyRing, State, TimedLicence};

/// An event and when it happened, from the beginning of the time that passed.
pub type Happened = (Duration, Event);

impl KeyRing {
    /// Time passes, for a unit that runs or is shut down, and its system clock with it.
    ///
    /// While it runs, every active licence counts down; one that expires is followed by an
    /// installed one of the same feature in the same moment (B28, J3), else by the permanent one
    /// (B33). Shut down, timers count down by the 9.1 guide (B15) and stand still by the PAK guide
    /// (B16).
    pub fn advance(&mut self, elapsed: Duration) -> Vec<Happened> {
        let counts = |_: &TimedLicence| Pass::Counts;
        if !self.up {
            match self.policy {
                ClockPolicy::SystemClock => self.pass(elapsed, &counts),
                ClockPolicy::Uptime => self.clock = self.clock.plus(elapsed),
            }
            return Vec::new();
        }
        let mut happened = Vec::new();
        let mut left = elapsed;
        loop {
            let step = self.next_expiry(&counts).map_or(left, |next| next.min(left));
            self.pass(step, &counts);
            left = left.saturating_sub(step);
            let at = elapsed.saturating_sub(left);
            happened.extend(self.settle().into_iter().map(|event| (at, event)));
            if left.is_zero() {
                return happened;
            }
        }
    }

    /// The time until a licence expires, if the unit goes on running and nobody changes anything:
    /// whoever publishes the running licence computes it again then.
    pub fn next_change(&self) -> Option<Duration> {
        self.next_expiry(&|_| Pass::Counts).filter(|_| self.up)
    }

    /// Shuts the unit down.
    pub const fn shut_down(&mut self) {
        self.up = false;
    }

    /// Boots the unit, which is what a reload ends with.
    pub fn boot(&mut self) -> Vec<Event> {
        self.up = true;
        self.strong_until_reload = false;
        for licence in &mut self.timed {
            licence.reload(self.clock, self.policy);
        }
        self.settle()
    }

    /// Reloads the unit: the system clock is looked at, as far as the policy does (B18 – B22), and
    /// a downgrade of the encryption takes effect (A32).
    pub fn reload(&mut self) -> Vec<Event> {
        self.boot()
    }

    /// Sets the system clock. Nothing comes of it before a reload (B21).
    pub const fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// The time until the next licence that counts down expires.
    pub(in crate::license) fn next_expiry(
        &self,
        how: &impl Fn(&TimedLicence) -> Pass,
    ) -> Option<Duration> {
        let counting = self.timed.iter().filter(|it| it.is_active() && how(it) == Pass::Counts);
        counting.map(TimedLicence::remaining).min()
    }

    /// Time passes up to the next expiry at most.
    pub(in crate::license) fn pass(
        &mut self,
        time: Duration,
        how: &impl Fn(&TimedLicence) -> Pass,
    ) {
        self.clock = self.clock.plus(time);
        for licence in self.timed.iter_mut().filter(|licence| licence.is_active()) {
            match how(licence) {
                Pass::Counts => licence.count(time, self.up),
                Pass::Holds { owing } => licence.hold(time, owing),
            }
        }
    }

    /// Ends what is used up, and activates what follows it, the first installed one (B12, B31).
    pub(in crate::license) fn settle(&mut self) -> Vec<Event> {
        if !self.up {
            return Vec::new();
        }
        let mut events = Vec::new();
        let mut withdrawn = Vec::new();
        for licence in &mut self.timed {
            if licence.state() == State::Expired && licence.active.take().is_some() {
                events.push(Event::Expired(licence.key()));
                withdrawn.extend(licence.grant().licences().keys().copied());
            }
        }
        for feature in withdrawn {
            let follows = |index: &usize| {
                let licence = &self.timed[*index];
                licence.state() == State::Inactive
                    && licence.includes(feature)
                    && self.overlapping(*index).next().is_none()
            };
            if let Some(index) = (0..self.timed.len()).find(follows) {
                self.start(index);
                events.push(Event::Activated(self.timed[index].key()));
            }
        }
        events
    }
}

/// What the passing of time does to an active licence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::license) enum Pass {
    /// It counts down.
    Counts,
    /// Another unit of the group counts down for it, and it owes the time or not.
    Holds {
        /// Whether it would have to make up for the time without the other unit.
        owing: bool,
    },
}
