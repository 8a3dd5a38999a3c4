//! One time-based licence on a unit: its keys and its timer.

use std::time::Duration;

use super::{Clock, ClockPolicy};
use crate::catalogue::Feature;
use crate::license::key::{Grant, ParsedKey, VerifiedKey};

/// How far the running time may be ahead of the system clock before the clock counts as set back.
///
/// Two clocks of one machine drift apart and are corrected in small steps. Without this, a
/// correction by a millisecond would take a licence of a year.
pub const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// The state of a time-based licence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// In force, and its timer counts down.
    Active,
    /// Installed and ready for use; its timer stands still (B36).
    Inactive,
    /// Its time is used up. It stays known, so that its key cannot be entered again.
    Expired,
}

impl State {
    /// The name in reports and scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
        }
    }
}

/// A time-based licence on a unit: one key, or several identical ones that were stacked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedLicence {
    /// The first key, then those stacked on it.
    pub(super) first: VerifiedKey,
    pub(super) stacked: Vec<VerifiedKey>,
    pub(super) remaining: Duration,
    /// How long the licence was active while the unit ran.
    pub(super) ran: Duration,
    pub(super) installed: Clock,
    /// The time for which earlier units of a group counted down instead, since the units lost
    /// communication. It stays when the licence is deactivated meanwhile.
    pub(super) owed: Duration,
    pub(super) active: Option<Active>,
}

/// What is kept while a licence is active.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Active {
    /// When it was activated, by the system clock.
    pub(super) since: Clock,
    /// The time since then that was counted down or held.
    pub(super) accounted: Duration,
    /// Its place among all activations: the larger the later.
    pub(super) turn: u64,
}

impl TimedLicence {
    pub(super) fn new(key: VerifiedKey, installed: Clock) -> Self {
        Self {
            remaining: key.grant().duration().unwrap_or_default(),
            first: key,
            stacked: Vec::new(),
            ran: Duration::ZERO,
            installed,
            owed: Duration::ZERO,
            active: None,
        }
    }

    /// Adds the time of one more key for the same licence (B23, B24, J2).
    pub(super) fn stack(&mut self, key: VerifiedKey) {
        let duration = key.grant().duration().unwrap_or_default();
        self.remaining = self.remaining.saturating_add(duration);
        self.stacked.push(key);
    }

    /// The key under which the licence was installed.
    pub const fn key(&self) -> ParsedKey {
        self.first.key()
    }

    /// Every key of the licence: the first, then those that were stacked on it.
    pub fn keys(&self) -> impl Iterator<Item = &VerifiedKey> {
        std::iter::once(&self.first).chain(&self.stacked)
    }

    /// What the licence grants. The duration is that of its first key as it was sold.
    pub const fn grant(&self) -> &Grant {
        self.first.grant()
    }

    /// The time that is left.
    pub const fn remaining(&self) -> Duration {
        self.remaining
    }

    /// Whether it is active, inactive or expired.
    pub const fn state(&self) -> State {
        match self.active {
            _ if self.remaining.is_zero() => State::Expired,
            Some(_) => State::Active,
            None => State::Inactive,
        }
    }

    /// When it was installed, by the system clock.
    pub const fn installed(&self) -> Clock {
        self.installed
    }

    /// Its place among all activations of the unit, while it is active: the larger the later (H5).
    pub fn turn(&self) -> Option<u64> {
        self.active.map(|active| active.turn)
    }

    /// Whether it includes `feature`.
    pub fn includes(&self, feature: Feature) -> bool {
        self.grant().licences().contains_key(&feature)
    }

    /// Whether both include a feature, so that only one of them can be active.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.grant().licences().keys().any(|feature| other.includes(*feature))
    }

    pub(super) fn is_active(&self) -> bool {
        self.state() == State::Active
    }

    /// Time passes and is counted down, as far as there is any left.
    pub(super) fn count(&mut self, time: Duration, running: bool) {
        let Some(active) = &mut self.active else { return };
        let time = time.min(self.remaining);
        active.accounted = active.accounted.saturating_add(time);
        if running {
            self.ran = self.ran.saturating_add(time);
        }
        self.remaining = self.remaining.saturating_sub(time);
    }

    /// Time passes for which another unit of the group counts down.
    pub(super) fn hold(&mut self, time: Duration, owing: bool) {
        let Some(active) = &mut self.active else { return };
        active.accounted = active.accounted.saturating_add(time);
        if owing {
            self.owed = self.owed.saturating_add(time);
        }
    }

    /// Takes off what other units counted down instead: without them the time is this unit's (F50,
    /// F54).
    pub(in crate::license) fn pay(&mut self) {
        self.remaining = self.remaining.saturating_sub(std::mem::take(&mut self.owed));
    }

    /// Forgets what other units counted down instead.
    pub(in crate::license) const fn forgive(&mut self) {
        self.owed = Duration::ZERO;
    }

    /// What a reload makes of an active licence by the system clock (9.1 guide, note on the clock).
    ///
    /// More time than was counted has passed by the clock: the difference is taken off (B15, B18).
    /// The licence ran for longer than the clock says it was installed: it expires (B19), not
    /// otherwise (B20). A timer never grows.
    pub(super) fn reload(&mut self, clock: Clock, policy: ClockPolicy) {
        let Some(active) = &mut self.active else { return };
        if policy == ClockPolicy::Uptime {
            return;
        }
        let installed_for = clock.since(self.installed).unwrap_or_default();
        if self.ran > installed_for.saturating_add(CLOCK_SLACK) {
            self.remaining = Duration::ZERO;
            return;
        }
        let by_clock = clock.since(active.since).unwrap_or_default();
        let more = by_clock.saturating_sub(active.accounted);
        active.accounted = active.accounted.saturating_add(more);
        self.remaining = self.remaining.saturating_sub(more);
    }
}
