//! A key ring as it is stored.

use std::collections::BTreeSet;
use std::time::Duration;

use super::timed::Active;
use super::{Clock, ClockPolicy, KeyRing, Permanent, RingError, TimedLicence};
use crate::catalogue::Entry;
use crate::license::key::{ParsedKey, UnitSecret, VerifiedKey};

/// Everything that a key ring has to remember, as plain values for whoever stores it.
///
/// The keys are stored as they were typed and verified again when the ring is restored: what a key
/// grants is never taken from storage. The timers are.
///
/// ```
/// # use tollgate::catalogue;
/// # use tollgate::license::key::Authority;
/// # use tollgate::license::ring::{Clock, KeyRing};
/// # let secret = Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse()?);
/// # let entry = catalogue::find("ASA 5520", None, None)?;
/// let ring = KeyRing::new(entry, *secret.serial(), Clock::default());
/// assert_eq!(KeyRing::restore(entry, &secret, &ring.save())?, ring);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedRing {
    /// When timers count down.
    pub policy: ClockPolicy,
    /// The permanent key: none as shipped, [`ParsedKey::ZERO`] where it was lost.
    pub permanent: Option<ParsedKey>,
    /// Whether a downgrade of the encryption waits for a reload.
    pub strong_until_reload: bool,
    /// The time-based licences, in the order of installation.
    pub time_based: Vec<SavedLicence>,
    /// How many activations there were.
    pub turns: u64,
    /// The system clock when this was saved.
    pub clock: Clock,
    /// Whether the unit ran when this was saved.
    pub up: bool,
}

/// A time-based licence as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedLicence {
    /// Its keys, the first one and those stacked on it.
    pub keys: Vec<ParsedKey>,
    /// The time that is left.
    pub remaining: Duration,
    /// How long it was active while the unit ran.
    pub ran: Duration,
    /// When it was installed, by the system clock.
    pub installed: Clock,
    /// The time that earlier units of a group counted down instead.
    pub owed: Duration,
    /// What is kept while it is active.
    pub active: Option<SavedActive>,
}

/// What is stored of a licence while it is active.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavedActive {
    /// When it was activated, by the system clock.
    pub since: Clock,
    /// The time since then that was counted down or held.
    pub accounted: Duration,
    /// Its place among all activations: the larger the later.
    pub turn: u64,
}

/// Why a stored ring was not restored.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A key is not this unit's, or not a key that its model takes.
    #[error("stored activation key {key}: {error}")]
    Key {
        /// The key.
        key: ParsedKey,
        /// What is wrong with it.
        #[source]
        error: RingError,
    },
    /// A permanent key where a time-based one belongs, or the reverse.
    #[error("stored activation key {key} is not of the kind that it is stored as")]
    Kind {
        /// The key.
        key: ParsedKey,
    },
    /// Keys that cannot be together: one twice, a licence without any, different ones stacked, two
    /// active ones for one feature.
    #[error("the stored time-based keys do not go together")]
    Together,
    /// More time is left than was bought.
    #[error("stored activation key {key} has more time left than was bought")]
    Time {
        /// The licence's first key.
        key: ParsedKey,
    },
}

impl KeyRing {
    /// The ring as plain values.
    pub fn save(&self) -> SavedRing {
        SavedRing {
            policy: self.policy,
            permanent: match &self.permanent {
                Permanent::Preinstalled => None,
                Permanent::Zeros => Some(ParsedKey::ZERO),
                Permanent::Key(key) => Some(key.key()),
            },
            strong_until_reload: self.strong_until_reload,
            time_based: self.timed.iter().map(TimedLicence::save).collect(),
            turns: self.turns,
            clock: self.clock,
            up: self.up,
        }
    }

    /// The ring that was saved.
    ///
    /// # Errors
    ///
    /// When a key is not this unit's or the model does not take it, and when the parts cannot be
    /// those of one ring.
    pub fn restore(
        entry: &'static Entry,
        secret: &UnitSecret,
        saved: &SavedRing,
    ) -> Result<Self, RestoreError> {
        let mut ring = Self::new(entry, *secret.serial(), saved.clock).with_policy(saved.policy);
        if let Some(key) = saved.permanent {
            let refused = |error| RestoreError::Key { key, error };
            let entered = ring.enter(secret, key).map_err(refused)?;
            if !matches!(entered, super::Entered::Permanent { .. }) {
                return Err(RestoreError::Kind { key });
            }
        }
        ring.strong_until_reload = saved.strong_until_reload;
        for licence in &saved.time_based {
            let licence = ring.verified(secret, licence)?;
            ring.timed.push(licence);
        }
        let active = (0..ring.timed.len()).filter(|index| ring.timed[*index].is_active());
        if active.into_iter().any(|index| ring.overlapping(index).next().is_some()) {
            return Err(RestoreError::Together);
        }
        let last = ring.timed.iter().filter_map(TimedLicence::turn).max().unwrap_or(0);
        ring.turns = saved.turns.max(last);
        ring.up = saved.up;
        Ok(ring)
    }

    fn verified(
        &self,
        secret: &UnitSecret,
        saved: &SavedLicence,
    ) -> Result<TimedLicence, RestoreError> {
        let mut keys = saved.keys.iter().map(|key| self.verified_key(secret, *key));
        let first = keys.next().ok_or(RestoreError::Together)??;
        let stacked = keys.collect::<Result<Vec<_>, _>>()?;
        if stacked.iter().any(|key| !key.grant().is_identical(first.grant())) {
            return Err(RestoreError::Together);
        }
        let different: BTreeSet<_> = saved.keys.iter().collect();
        if different.len() < saved.keys.len() {
            return Err(RestoreError::Together);
        }
        let mut licence = TimedLicence::new(first, saved.installed);
        stacked.into_iter().for_each(|key| licence.stack(key));
        if saved.remaining > licence.remaining {
            return Err(RestoreError::Time { key: licence.key() });
        }
        let SavedLicence { remaining, ran, owed, .. } = *saved;
        let active = saved.active.map(Active::from);
        Ok(TimedLicence { remaining, ran, owed, active, ..licence })
    }

    fn verified_key(
        &self,
        secret: &UnitSecret,
        key: ParsedKey,
    ) -> Result<VerifiedKey, RestoreError> {
        if self.find(key).is_some() {
            return Err(RestoreError::Together);
        }
        let verified = secret
            .verify(key)
            .map_err(RingError::from)
            .and_then(|verified| self.check_time_based(verified.grant()).map(|()| verified))
            .map_err(|error| RestoreError::Key { key, error })?;
        match verified.grant().duration() {
            Some(_) => Ok(verified),
            None => Err(RestoreError::Kind { key }),
        }
    }
}

impl TimedLicence {
    fn save(&self) -> SavedLicence {
        SavedLicence {
            keys: self.keys().map(VerifiedKey::key).collect(),
            remaining: self.remaining,
            ran: self.ran,
            installed: self.installed,
            owed: self.owed,
            active: self.active.map(SavedActive::from),
        }
    }
}

impl From<Active> for SavedActive {
    fn from(active: Active) -> Self {
        let Active { since, accounted, turn } = active;
        Self { since, accounted, turn }
    }
}

impl From<SavedActive> for Active {
    fn from(saved: SavedActive) -> Self {
        let SavedActive { since, accounted, turn } = saved;
        Self { since, accounted, turn }
    }
}
