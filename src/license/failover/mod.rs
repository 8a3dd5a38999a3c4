//! Failover pairs and clusters: what the units need, and what they have together.
//!
//! A [`Group`] is formed when nothing stands against it ([`check`] names everything that does at
//! once), and then gives every unit the licences of all of them as one.
//!
//! # Countdown
//!
//! | licence | while the units communicate, and for 30 days without | later |
//! |---|---|---|
//! | in numbers | every unit counts down its own, at the same time (F37) | the same |
//! | enabled or disabled | the primary counts down first, then the next (F38, F39) | every unit |
//!
//! After 30 days the time since communication was lost is taken off every unit's licence, as if
//! they had never been combined (F50, F54). Both guides print 84 weeks for what is left in their
//! example; by their own numbers for each unit, which hold here, it is 82 (F51).
//!
//! # Choices where the guides leave one
//!
//! * A key of several features counts down at once when one of them comes in numbers; otherwise it
//!   waits while earlier units have every one of its features.
//! * In a group time counts on a unit that is shut down as well, by both guides: the time without
//!   communication is subtracted (F49), and a failed unit is their example. By the PAK guide one
//!   unit at least has to run: only uptime counts.
//! * Exactly 30 days is still grace (F46).
//! * What every model includes counts in the sums where larger licences for it are sold: real
//!   pairs print 4 + 4 sessions as 8. What is not sold is the platform's and does not add.
//!
//! Source: group F of the rules (cited by number where a rule is applied).

mod requirement;

use std::time::Duration;

pub use requirement::{Mismatch, Reason, check};

use super::ring::{ClockPolicy, Event, KeyRing, Pass, TimedLicence, value};
use super::{Configuration, GroupMode, RunningLicense};
use crate::catalogue::{Feature, Value};
use crate::license::key::ParsedKey;

/// How long the units keep the combined licence without communication (F44 – F46).
pub const GRACE: Duration = Duration::from_secs(30 * 86_400);

/// Whether the units of a group communicate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// They do.
    Connected,
    /// Communication was lost so long ago, at most 30 days.
    Grace(Duration),
    /// It was lost more than 30 days ago.
    Separate,
}

/// A failover pair or a cluster: its mode, and since when its units have not communicated.
///
/// The units' key rings stay with their owner and are handed in, the primary first and always in
/// the same order.
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue::{self, Value};
/// use tollgate::license::failover::Group;
/// use tollgate::license::ring::{Clock, KeyRing};
/// use tollgate::license::{Configuration, GroupMode, Limit};
///
/// let entry = catalogue::find("ASA 5520", None, None)?;
/// let unit = |serial: &str| {
///     serial.parse().map(|serial| KeyRing::new(entry, serial, Clock::default()))
/// };
/// let (mut primary, mut secondary) = (unit("JMX0912K04J")?, unit("JMX0912K04K")?);
/// let (mode, configuration) = (GroupMode::ActiveStandby, Configuration::default());
/// let mut pair = Group::form(mode, &[&primary, &secondary], &configuration)?;
/// pair.advance(&mut [&mut primary, &mut secondary], Duration::from_secs(86_400));
///
/// // 2 sessions are included on each.
/// let license = pair.running(&[&primary, &secondary], &configuration, 1).expect("two units");
/// assert_eq!(license.limit(Limit::Anyconnect).value(), Value::Count(4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    mode: GroupMode,
    link: Link,
}

/// Something that time brought about in a group, and when, from the beginning of the time that
/// passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupEvent {
    /// When.
    pub at: Duration,
    /// What.
    pub what: What,
}

/// What happened in a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum What {
    /// Something on one unit, by its place in the group.
    Unit(usize, Event),
    /// The units have been without communication for more than 30 days and go by their own
    /// licences (F45).
    GraceEnded,
}

impl Group {
    /// Forms a group of `units`, the primary first.
    ///
    /// # Errors
    ///
    /// Every reason that stands against it; see [`check`].
    pub fn form(
        mode: GroupMode,
        units: &[&KeyRing],
        configuration: &Configuration,
    ) -> Result<Self, Mismatch> {
        check(mode, units, configuration)?;
        Ok(Self { mode, link: Link::Connected })
    }

    /// The group as it was stored: its [`mode`](Self::mode) and [`link`](Self::link). It was formed
    /// before, and what its units need is not asked again.
    pub fn restore(mode: GroupMode, link: Link) -> Self {
        match link {
            Link::Grace(elapsed) if elapsed > GRACE => Self { mode, link: Link::Separate },
            link => Self { mode, link },
        }
    }

    /// Whether the units can go on as this group: [`check`] is asked again while they run and
    /// communicate.
    ///
    /// Whoever enters a key, activates one, changes the configuration or lets time pass asks this
    /// afterwards, and ends the group where they cannot: every unit goes by its own licence then.
    ///
    /// # Errors
    ///
    /// Every reason that stands against it.
    pub fn recheck(
        &self,
        units: &[&KeyRing],
        configuration: &Configuration,
    ) -> Result<(), Mismatch> {
        if self.is_connected() && units.iter().all(|unit| unit.is_up()) {
            return check(self.mode, units, configuration);
        }
        Ok(())
    }

    /// Whether the units communicate, and since when they do not.
    pub const fn link(&self) -> Link {
        self.link
    }

    /// How the units work together.
    pub const fn mode(&self) -> GroupMode {
        self.mode
    }

    /// Whether the units communicate.
    pub const fn is_connected(&self) -> bool {
        matches!(self.link, Link::Connected)
    }

    /// Whether the units use their licences as one: while they communicate, and for 30 days after.
    pub const fn is_combined(&self) -> bool {
        !matches!(self.link, Link::Separate)
    }

    /// What is left of the 30 days, while the units do not communicate.
    pub const fn grace(&self) -> Option<Duration> {
        match self.link {
            Link::Connected => None,
            Link::Grace(elapsed) => Some(GRACE.saturating_sub(elapsed)),
            Link::Separate => Some(Duration::ZERO),
        }
    }

    /// The units lose communication: one of them fails, or what connects them.
    pub const fn disconnect(&mut self) {
        if self.is_connected() {
            self.link = Link::Grace(Duration::ZERO);
        }
    }

    /// The units communicate again and combine from now on.
    ///
    /// Within 30 days the time was the primary's (F49, F52); later it was taken off every unit when
    /// the 30 days ended (F50).
    pub fn reconnect(&mut self, units: &mut [&mut KeyRing]) {
        self.link = Link::Connected;
        for licence in units.iter_mut().flat_map(|unit| unit.time_based_mut()) {
            licence.forgive();
        }
    }

    /// Time passes for every unit.
    pub fn advance(&mut self, units: &mut [&mut KeyRing], elapsed: Duration) -> Vec<GroupEvent> {
        let mut events = Vec::new();
        let mut left = elapsed;
        loop {
            let at = elapsed.saturating_sub(left);
            if !left.is_zero() && self.link == Link::Grace(GRACE) {
                self.separate(units);
                events.push(GroupEvent { at, what: What::GraceEnded });
            }
            for (index, unit) in units.iter_mut().enumerate() {
                let what = unit.settle().into_iter().map(|event| What::Unit(index, event));
                events.extend(what.map(|what| GroupEvent { at, what }));
            }
            if left.is_zero() {
                return events;
            }
            left = left.saturating_sub(self.step(units, left));
        }
    }

    /// The 30 days have passed and more: what each unit would have used up on its own is taken off
    /// (F54).
    fn separate(&mut self, units: &mut [&mut KeyRing]) {
        self.link = Link::Separate;
        for licence in units.iter_mut().flat_map(|unit| unit.time_based_mut()) {
            licence.pay();
        }
    }

    /// Lets time pass up to the next expiry or the end of the grace period, `most` at most.
    fn step(&mut self, units: &mut [&mut KeyRing], most: Duration) -> Duration {
        let shared: Vec<&KeyRing> = units.iter().map(|unit| &**unit).collect();
        let passes = self.passes(&shared);
        let expiry = next_expiry(&shared, &passes);
        let grace_ends = self.grace().filter(|left| !left.is_zero());
        let step = expiry.into_iter().chain(grace_ends).fold(most, Duration::min);
        for (unit, passes) in units.iter_mut().zip(&passes) {
            unit.pass(step, &|licence| passes.of(licence));
        }
        if let Link::Grace(elapsed) = &mut self.link {
            *elapsed = elapsed.saturating_add(step);
        }
        step
    }

    /// The time until a licence expires or the grace period is over, if nobody changes anything:
    /// whoever publishes the running licences computes them again then.
    pub fn next_change(&self, units: &[&KeyRing]) -> Option<Duration> {
        // The 30 days are over when they are passed, not when they are reached.
        let over = |left: Duration| left.saturating_add(Duration::from_nanos(1));
        let grace_ends = self.grace().filter(|_| self.is_combined()).map(over);
        next_expiry(units, &self.passes(units)).into_iter().chain(grace_ends).min()
    }

    /// What the passing of time does to the licences of each unit.
    fn passes(&self, units: &[&KeyRing]) -> Vec<Passes> {
        let running = units.iter().any(|unit| unit.is_up());
        let passes = |(index, unit): (usize, &&KeyRing)| Passes {
            stopped: !running && unit.policy() == ClockPolicy::Uptime,
            holding: self.holding(units, index),
            owing: !self.is_connected(),
        };
        units.iter().enumerate().map(passes).collect()
    }

    /// The licences of a unit that wait for those of earlier units (F39, F43).
    fn holding(&self, units: &[&KeyRing], index: usize) -> Vec<ParsedKey> {
        let (earlier, rest) = units.split_at(index);
        let (Some(unit), true) = (rest.first(), self.is_combined()) else { return Vec::new() };
        let earlier = |feature: &Feature| earlier.iter().any(|it| it.active(*feature).is_some());
        let waits = |licence: &&TimedLicence| {
            !comes_in_numbers(licence) && licence.grant().licences().keys().all(earlier)
        };
        unit.time_based().iter().filter(waits).map(TimedLicence::key).collect()
    }

    /// What is in force on the unit at `own`: the combined licence, or its own one when the units
    /// have been without communication for more than 30 days (F44, F45, I3). None where there is no
    /// such unit.
    ///
    /// A unit's own licence alone, whatever its group, is [`KeyRing::running`] (I8).
    pub fn running(
        &self,
        units: &[&KeyRing],
        configuration: &Configuration,
        own: usize,
    ) -> Option<RunningLicense> {
        if self.is_combined() {
            let units: Vec<_> = units.iter().map(|unit| unit.unit(configuration)).collect();
            return RunningLicense::combined(&units, own, self.mode);
        }
        Some(units.get(own)?.running(configuration))
    }

    /// How long `feature` stays as [`Group::running`] has it; none is for ever.
    ///
    /// Enabled or disabled, the times of licences that wait for one another add up (F38, I6); in
    /// numbers it is the time until the first of them expires (I4, I5).
    pub fn remaining(
        &self,
        units: &[&KeyRing],
        configuration: &Configuration,
        own: usize,
        feature: Feature,
    ) -> Option<Duration> {
        if !self.is_combined() {
            let unit = units.get(own)?;
            return unit.remaining(&unit.running(configuration), feature);
        }
        let permanent: Vec<_> =
            units.iter().map(|unit| unit.permanent_unit(configuration)).collect();
        let with = self.running(units, configuration, own)?;
        let without = RunningLicense::combined(&permanent, own, self.mode)?;
        let now = value(&with, feature).filter(|now| !now.is_off())?;
        if value(&without, feature) == Some(now) {
            return None;
        }
        let each = units.iter().zip(self.passes(units)).filter_map(|(unit, passes)| {
            let licence = unit.behind(&unit.running(configuration), feature)?;
            Some((licence, passes))
        });
        each.fold(None, |before: Option<Duration>, (licence, passes)| {
            let left = licence.remaining();
            let Some(before) = before else { return Some(left) };
            Some(match licence.grant().licences().get(&feature) {
                Some(Value::Count(_) | Value::Unlimited) => before.min(left),
                _ if passes.waits(licence) => before.saturating_add(left),
                _ => before.max(left),
            })
        })
    }
}

/// What the passing of time does to the licences of one unit.
struct Passes {
    /// Nothing: no unit runs, and only uptime counts.
    stopped: bool,
    /// The keys of the licences that wait for those of earlier units.
    holding: Vec<ParsedKey>,
    /// Whether what waits owes the time.
    owing: bool,
}

impl Passes {
    /// Whether the licence waits for those of earlier units.
    fn waits(&self, licence: &TimedLicence) -> bool {
        self.holding.contains(&licence.key())
    }

    fn of(&self, licence: &TimedLicence) -> Pass {
        match self.waits(licence) {
            _ if self.stopped => Pass::Holds { owing: false },
            true => Pass::Holds { owing: self.owing },
            false => Pass::Counts,
        }
    }
}

fn next_expiry(units: &[&KeyRing], passes: &[Passes]) -> Option<Duration> {
    let each = units.iter().zip(passes);
    each.filter_map(|(unit, passes)| unit.next_expiry(&|licence| passes.of(licence))).min()
}

/// Whether one of its features comes in sizes rather than as enabled or disabled.
fn comes_in_numbers(licence: &TimedLicence) -> bool {
    let mut values = licence.grant().licences().values();
    values.any(|value| matches!(value, Value::Count(_) | Value::Unlimited))
}
