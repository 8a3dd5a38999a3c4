//! The keys on one unit: one permanent, any number time-based, and their clocks.
//!
//! A [`KeyRing`] turns keys, commands and the passing of time into the licences of a [`Unit`]. It
//! is pure: time comes in as an argument ([`KeyRing::advance`]), so that the licence on any later
//! day can be asked for without waiting ([`KeyRing::after`]). An operation that is refused changes
//! nothing: everything that can be refused is checked before the first change.
//!
//! # Choices where the guides leave one
//!
//! * Licences are identical, and stack, when they grant the same features in the same sizes and
//!   export grade; how long they were sold for does not matter (B26). One that is inactive stacks
//!   too, and is activated (B27).
//! * The last key activated for a feature is the active one (A18), unless the one before is an
//!   evaluation key: then activating is refused (B6), and entering installs the key inactive (B11).
//!   Activating an evaluation key makes the standalone ones inactive (B10).
//! * When several licences could follow one that expired, the one installed first does (B31).
//! * Entering a key that is installed activates it, and adds no time.
//! * A permanent key with a licence that the model cannot use is refused, because it would
//!   overwrite one that works (D55); a time-based one takes nothing away, is kept and gives nothing
//!   (B38).
//! * With the key of all zeros the unit runs what it was shipped with (A22).
//! * A downgrade of the encryption waits for the reload it needs; everything else that the new
//!   permanent key changes is in force at once (A32, A33).
//! * While a unit is shut down no licence follows another: that is done when it boots.
//! * How much time has passed by the system clock is counted from the last activation, so that time
//!   spent inactive is not lost at a reload (B13, B17); whether the clock was set back is judged by
//!   the installation, as the guide has it (B19).
//! * The running time may be a minute ahead of the system clock before the clock counts as set back
//!   ([`CLOCK_SLACK`]).
//!
//! Source: groups A to C of the rules (cited by number where a rule is applied).

mod clock;
mod downgrade;
mod error;
mod install;
mod passing;
mod saved;
mod term;
mod timed;

use std::time::Duration;

pub use clock::{Clock, ClockPolicy};
pub use downgrade::{Downgrade, FailoverFate, PermanentFate, TimedFate, failover_after};
pub use error::{Activation, Entered, Event, Loss, Placed, RingError};
pub use passing::Happened;
pub(super) use passing::Pass;
pub use saved::{RestoreError, SavedActive, SavedLicence, SavedRing};
pub(super) use term::value;
pub use timed::{CLOCK_SLACK, State, TimedLicence};

use super::key::{Grant, ParsedKey, Serial, VerifiedKey};
use super::tls::K9_FROM;
use super::unit::Keys;
use super::{Configuration, Export, RunningLicense, Unit};
use crate::catalogue::{Entry, Feature, Model};

/// The permanent licence of a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Permanent {
    /// What the unit was shipped with (A34).
    Preinstalled,
    /// The key was lost: all zeros (A20).
    Zeros,
    /// This key.
    Key(VerifiedKey),
}

/// The keys on one unit, and their timers. See the [module's head](self).
///
/// It holds as many keys as can be issued for one serial number at most:
/// [`ISSUES`](super::key::ISSUES).
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue::{self, Feature, Value};
/// use tollgate::license::key::{Authority, Purchase, Register};
/// use tollgate::license::ring::{Clock, KeyRing};
/// use tollgate::license::{Configuration, Limit};
///
/// let secret = Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse()?);
/// let entry = catalogue::find("ASA 5540", None, None)?;
/// let mut ring = KeyRing::new(entry, *secret.serial(), Clock::from_unix(1_400_000_000));
///
/// let weeks = |weeks: u64| Duration::from_secs(weeks * 7 * 86_400);
/// let licences = vec![(Feature::AnyconnectPremium, Value::Count(2500))];
/// let premium = Purchase { licences, export: None };
/// let key = Register::default().time_based(&secret, &premium, weeks(8))?;
/// ring.enter(&secret, key)?;
///
/// let sessions = |ring: &KeyRing| {
///     ring.running(&Configuration::default()).limit(Limit::Anyconnect).value()
/// };
/// assert_eq!(sessions(&ring), Value::Count(2500));
/// assert_eq!(sessions(&ring.after(weeks(8))), Value::Count(2)); // what every unit has
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRing {
    entry: &'static Entry,
    serial: Serial,
    policy: ClockPolicy,
    permanent: Permanent,
    strong_until_reload: bool,
    timed: Vec<TimedLicence>,
    /// How many activations there were.
    turns: u64,
    clock: Clock,
    up: bool,
}

impl KeyRing {
    /// The ring of a unit as shipped, running, with its system clock at `clock`.
    pub const fn new(entry: &'static Entry, serial: Serial, clock: Clock) -> Self {
        Self {
            entry,
            serial,
            policy: ClockPolicy::of(entry.guide()),
            permanent: Permanent::Preinstalled,
            strong_until_reload: false,
            timed: Vec::new(),
            turns: 0,
            clock,
            up: true,
        }
    }

    /// The same ring under another clock policy than that of its guide.
    #[must_use]
    pub fn with_policy(self, policy: ClockPolicy) -> Self {
        Self { policy, ..self }
    }

    /// The model, in the tier it was shipped in.
    pub const fn shipped(&self) -> &'static Entry {
        self.entry
    }

    /// The unit's serial number.
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// When its timers count down.
    pub const fn policy(&self) -> ClockPolicy {
        self.policy
    }

    /// The permanent licence.
    pub const fn permanent(&self) -> &Permanent {
        &self.permanent
    }

    /// Every time-based licence, in the order of installation (I13).
    pub fn time_based(&self) -> &[TimedLicence] {
        &self.timed
    }

    /// The time-based licence with this key, be it the first or a stacked one.
    pub fn find(&self, key: ParsedKey) -> Option<&TimedLicence> {
        self.timed.iter().find(|licence| licence.keys().any(|it| it.key() == key))
    }

    /// The active time-based licence for `feature`; there is at most one (B2, J1).
    pub fn active(&self, feature: Feature) -> Option<&TimedLicence> {
        self.timed.iter().find(|licence| licence.is_active() && licence.includes(feature))
    }

    /// The system clock.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Whether the unit runs.
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// Whether a change waits for a reload.
    pub const fn needs_reload(&self) -> bool {
        self.strong_until_reload
    }

    /// Whether the model takes time-based licences (B37, B38).
    pub const fn takes_time_based(&self) -> bool {
        !matches!(self.entry.model, Model::Asa5506X | Model::Asa5506WX)
    }

    /// The unit with what its keys grant now.
    ///
    /// Deactivated and expired licences are not in it (C14).
    pub fn unit(&self, configuration: &Configuration) -> Unit {
        Unit::with_keys(self.entry, self.keys(), configuration.clone())
    }

    /// What is in force now: the unit's own licence, not that of a group (I1, I8).
    pub fn running(&self, configuration: &Configuration) -> RunningLicense {
        RunningLicense::of(&self.unit(configuration))
    }

    /// The ring as it will be when the unit has run for `elapsed`, if nobody changes anything.
    #[must_use]
    pub fn after(&self, elapsed: Duration) -> Self {
        let mut later = self.clone();
        later.advance(elapsed);
        later
    }

    /// The unit without its time-based licences.
    pub(super) fn permanent_unit(&self, configuration: &Configuration) -> Unit {
        Unit::with_keys(self.entry, self.keys_with([]), configuration.clone())
    }

    /// The time-based licences, for a group to settle what their units owe.
    pub(super) fn time_based_mut(&mut self) -> &mut [TimedLicence] {
        &mut self.timed
    }

    fn keys(&self) -> Keys {
        self.keys_with(self.timed.iter().filter(|licence| licence.is_active()))
    }

    /// What the permanent key grants together with these time-based licences.
    fn keys_with<'a>(&self, timed: impl IntoIterator<Item = &'a TimedLicence>) -> Keys {
        let mut keys = Keys { strong_until_reload: self.strong_until_reload, ..Keys::default() };
        if let Permanent::Key(key) = &self.permanent {
            keys.licences.clone_from(key.grant().licences());
            keys.export = grade(key.grant());
        }
        for licence in timed {
            keys.time_based.extend(licence.grant().licences());
            keys.export = together(keys.export, grade(licence.grant()));
        }
        keys
    }
}

/// The export grade that a key says, or K9 by the size of its UC licence (E32).
fn grade(grant: &Grant) -> Option<Export> {
    let uc = grant.licences().get(&Feature::UcProxySessions).and_then(|value| value.count());
    grant.export().or_else(|| uc.is_some_and(|uc| uc >= K9_FROM).then_some(Export::K9))
}

/// The grade of two keys together: K9 where one of them is, because it was bought.
fn together(one: Option<Export>, other: Option<Export>) -> Option<Export> {
    match (one, other) {
        (Some(Export::K9), _) | (_, Some(Export::K9)) => Some(Export::K9),
        (one, other) => one.or(other),
    }
}
