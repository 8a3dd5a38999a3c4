//! Entering, activating and deactivating keys.

use std::time::Duration;

use super::timed::Active;
use super::{
    Activation, Entered, KeyRing, Loss, Permanent, Placed, RingError, State, TimedLicence,
};
use crate::catalogue::{Encryption, Entry, Feature, Value};
use crate::license::combine::strength;
use crate::license::key::{Grant, ParsedKey, UnitSecret, VerifiedKey};
use crate::license::{Configuration, Figure, Unit};

impl KeyRing {
    /// Enters a key as a person typed it.
    ///
    /// The key of all zeros is taken too: it leaves the unit without a valid permanent key (A20).
    ///
    /// # Errors
    ///
    /// When the key is not this unit's, or cannot be taken; see [`KeyRing::install`].
    pub fn enter(&mut self, secret: &UnitSecret, key: ParsedKey) -> Result<Entered, RingError> {
        if key == ParsedKey::ZERO {
            self.running_now()?;
            return Ok(self.overwrite(Permanent::Zeros));
        }
        self.install(secret.verify(key)?)
    }

    /// Installs a verified key.
    ///
    /// A permanent key overwrites the one before (A13, A14) and leaves the time-based ones alone
    /// (A15, J4). A time-based key is added (A16), stacked on an identical one (B23), and activated
    /// (A17).
    ///
    /// # Errors
    ///
    /// When the key is another unit's, grants what the model does not have, is time-based where the
    /// model takes none, or was used up; and while the unit is shut down.
    pub fn install(&mut self, key: VerifiedKey) -> Result<Entered, RingError> {
        self.running_now()?;
        if key.serial() != self.serial() {
            return Err(RingError::AnotherUnit { serial: *self.serial(), of: *key.serial() });
        }
        if key.grant().duration().is_some() {
            return self.add(key);
        }
        self.check_permanent(key.grant())?;
        Ok(self.overwrite(Permanent::Key(key)))
    }

    /// Makes a time-based licence the active one for its features (A18, B32).
    ///
    /// # Errors
    ///
    /// When it is not installed or expired, when an active evaluation key includes one of its
    /// features (B6, B7), and while the unit is shut down.
    pub fn activate(&mut self, key: ParsedKey) -> Result<Activation, RingError> {
        self.running_now()?;
        let index = self.index_of(key)?;
        if let Some((by, feature)) = self.blocking(index) {
            return Err(RingError::Evaluation { by, feature });
        }
        Ok(self.make_active(index))
    }

    /// Makes a time-based licence inactive: its timer halts (B13).
    ///
    /// # Errors
    ///
    /// When it is not installed or expired, and while the unit is shut down.
    pub fn deactivate(&mut self, key: ParsedKey) -> Result<(), RingError> {
        self.running_now()?;
        let index = self.index_of(key)?;
        self.timed[index].active = None;
        Ok(())
    }

    const fn running_now(&self) -> Result<(), RingError> {
        if self.up { Ok(()) } else { Err(RingError::ShutDown) }
    }

    fn index_of(&self, key: ParsedKey) -> Result<usize, RingError> {
        let holds = |licence: &TimedLicence| licence.keys().any(|it| it.key() == key);
        let Some(index) = self.timed.iter().position(holds) else {
            let permanent = matches!(&self.permanent, Permanent::Key(it) if it.key() == key);
            return Err(if permanent {
                RingError::IsPermanent { key }
            } else {
                RingError::NotInstalled { key }
            });
        };
        match self.timed[index].state() {
            State::Expired => Err(RingError::Expired { key }),
            State::Active | State::Inactive => Ok(index),
        }
    }

    fn overwrite(&mut self, new: Permanent) -> Entered {
        let lost = losses(&self.permanent, &new);
        let strong = self.is_strong();
        self.permanent = new;
        self.strong_until_reload = false;
        self.strong_until_reload = strong && !self.is_strong();
        Entered::Permanent { lost, reload_required: self.strong_until_reload }
    }

    /// Whether the encryption in force is 3DES/AES.
    fn is_strong(&self) -> bool {
        let license = self.running(&Configuration::default());
        license.feature(Feature::Encryption).map(Figure::value) == Some(STRONG)
    }

    fn add(&mut self, key: VerifiedKey) -> Result<Entered, RingError> {
        self.check_time_based(key.grant())?;
        let (index, placed) = self.place(key)?;
        let activation = match self.blocking(index) {
            Some((by, _)) => Activation::Blocked { by },
            None => self.make_active(index),
        };
        Ok(Entered::TimeBased { placed, activation })
    }

    fn place(&mut self, key: VerifiedKey) -> Result<(usize, Placed), RingError> {
        if self.find(key.key()).is_some() {
            return Ok((self.index_of(key.key())?, Placed::Again));
        }
        let identical = |licence: &TimedLicence| {
            licence.state() != State::Expired && licence.grant().is_identical(key.grant())
        };
        if let Some(index) = self.timed.iter().position(identical) {
            let on = self.timed[index].key();
            self.timed[index].stack(key);
            return Ok((index, Placed::StackedOn(on)));
        }
        self.timed.push(TimedLicence::new(key, self.clock));
        Ok((self.timed.len() - 1, Placed::New))
    }

    /// The active evaluation key that keeps the licence from being active, and a common feature.
    fn blocking(&self, index: usize) -> Option<(ParsedKey, Feature)> {
        let licence = &self.timed[index];
        let by = self.overlapping(index).find(|other| other.grant().is_evaluation())?;
        let feature = licence.grant().licences().keys().find(|feature| by.includes(**feature))?;
        Some((by.key(), *feature))
    }

    /// The other active licences that include one of its features.
    pub(super) fn overlapping(&self, index: usize) -> impl Iterator<Item = &TimedLicence> {
        let licence = &self.timed[index];
        let others = self.timed.iter().enumerate().filter(move |(other, _)| *other != index);
        others.map(|(_, other)| other).filter(|other| other.is_active() && licence.overlaps(other))
    }

    fn make_active(&mut self, index: usize) -> Activation {
        let deactivated: Vec<_> = self.overlapping(index).map(TimedLicence::key).collect();
        for licence in &mut self.timed {
            if deactivated.contains(&licence.key()) {
                licence.active = None;
            }
        }
        self.start(index);
        Activation::Active { deactivated }
    }

    /// Starts the timer of a licence that no active one overlaps (B1, B35).
    pub(super) fn start(&mut self, index: usize) {
        self.turns = self.turns.saturating_add(1);
        let (turn, clock) = (self.turns, self.clock);
        match &mut self.timed[index].active {
            Some(active) => active.turn = turn,
            none => {
                *none = Some(Active { since: clock, accounted: Duration::ZERO, turn });
            }
        }
    }

    pub(super) fn check_time_based(&self, grant: &Grant) -> Result<(), RingError> {
        if !self.takes_time_based() {
            return Err(RingError::NoTimeBased { model: self.entry.model.to_string() });
        }
        granted(self.unit(&Configuration::default()).entry(), grant).map(drop)
    }

    fn check_permanent(&self, grant: &Grant) -> Result<(), RingError> {
        // Its tier is its own or the shipped one, whatever other keys make of it.
        let unit = granted(self.entry, grant)?;
        let entry = unit.entry();
        let unsupported =
            |it: Feature| entry.row(it).is_some_and(|row| row.value == Value::NoSupport);
        match unit.licences().keys().copied().find(|feature| unsupported(*feature)) {
            Some(feature) => Err(RingError::NotSupported {
                entry: entry.to_string(),
                feature,
                table: entry.table.to_string(),
            }),
            None => Ok(()),
        }
    }
}

/// A unit with these licences, where its model has all of them in their size; one that it does not
/// support is allowed.
fn granted(entry: &'static Entry, grant: &Grant) -> Result<Unit, RingError> {
    let mut unit = Unit::new(entry);
    // The tier goes first, because it decides what the others are.
    let tier = grant.licences().get_key_value(&Feature::SecurityPlus);
    let others = grant.licences().iter().filter(|(it, _)| **it != Feature::SecurityPlus);
    for (&feature, &value) in tier.into_iter().chain(others) {
        unit.add(feature, value)?;
    }
    Ok(unit)
}

const STRONG: Value = Value::Encryption(Encryption::TripleDesAes);

/// What the old permanent key has and the new one lacks (A14).
fn losses(old: &Permanent, new: &Permanent) -> Vec<Loss> {
    let (Permanent::Key(old), new) = (old, new) else { return Vec::new() };
    let new = match new {
        Permanent::Key(new) => Some(new.grant().licences()),
        Permanent::Preinstalled | Permanent::Zeros => None,
    };
    let old = old.grant().licences().iter();
    old.filter_map(|(&feature, &had)| {
        let has = new.and_then(|new| new.get(&feature).copied());
        let kept = has.is_some_and(|has| strength(has) >= strength(had));
        (!kept).then_some(Loss { feature, had, has })
    })
    .collect()
}
