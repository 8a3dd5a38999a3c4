//! What becomes of a unit's keys when its software is replaced by an earlier release.
//!
//! Every later release takes every key (H1). Release 8.2 and earlier ones know one active
//! time-based key and no combined licence; 8.1 and earlier do not take a key that has licences from
//! 8.2 or later.
//!
//! Releases before 8.0(4), and 8.1(1), know no time-based licence at all (B42).
//!
//! Source: group H of the rules; both guides, “Upgrade and Downgrade Guidelines”. The shorter copy
//! of them in the 9.1 guide lacks two statements (H11); this follows the complete one, by which the
//! outdented bullets of the PAK guide belong to 8.2 too (H12).

use super::{KeyRing, Permanent, State, TimedLicence};
use crate::catalogue::{Feature, Release, SmallerLimit, introduced, smaller_limits};
use crate::license::Configuration;
use crate::license::key::{Grant, ParsedKey, VerifiedKey};

/// What a downgrade would leave of one unit's keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Downgrade {
    /// The release.
    pub to: Release,
    /// What becomes of the permanent key.
    pub permanent: PermanentFate,
    /// What becomes of the time-based keys, in the order of installation.
    pub time_based: Vec<TimedFate>,
    /// The limits that were smaller in that release, whatever the keys say.
    pub limits: Vec<SmallerLimit>,
}

/// What becomes of a permanent key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PermanentFate {
    /// It stays in force, without the features that the release does not have (H2).
    Kept {
        /// Those features.
        without: Vec<Feature>,
    },
    /// The release does not take it, and uses the key that was entered in it before (H3).
    Earlier {
        /// That key.
        key: ParsedKey,
        /// The features for which the release does not take the present one.
        because: Vec<Feature>,
    },
    /// The release does not take it, and a key for it has to be asked for (H4).
    NewKeyNeeded {
        /// The features for which the release does not take it.
        because: Vec<Feature>,
    },
}

/// What becomes of a time-based licence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedFate {
    /// Its first key.
    pub key: ParsedKey,
    /// Its state before.
    pub before: State,
    /// Its state after.
    pub after: State,
    /// The features of it that the release does not have.
    pub without: Vec<Feature>,
    /// Whether the release has any feature of it.
    pub usable: bool,
}

impl TimedFate {
    /// Whether it stays the active licence although the release can use nothing of it, until the
    /// permanent key or a valid time-based one is entered again (H6, H7).
    pub const fn blocks(&self) -> bool {
        matches!(self.after, State::Active) && !self.usable
    }
}

/// What becomes of a failover pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailoverFate {
    /// It stays as it is.
    Kept,
    /// The units' licences are the same: failover stays, each unit by its own licence (H9).
    NotCombined,
    /// The units' licences differ: failover is disabled (F4, H8).
    Disabled,
}

impl KeyRing {
    /// What a downgrade to `to` would leave of this unit's keys; `earlier` is the permanent key
    /// that was entered in that release, if there was one.
    pub fn downgrade(&self, to: Release, earlier: Option<&VerifiedKey>) -> Downgrade {
        let last = self.timed.iter().filter(|it| it.is_active()).max_by_key(|it| it.turn());
        let last = last.map(TimedLicence::key);
        let fate = |licence: &TimedLicence| {
            let before = licence.state();
            let last = last == Some(licence.key());
            let stays = to.takes_several_time_based() || to.takes_time_based() && last;
            let active = before == State::Active;
            // Of several active ones only the one activated last stays so (B43, H5).
            let after = if active && !stays { State::Inactive } else { before };
            let without = lacks(to, licence.grant());
            let usable = without.len() < licence.grant().licences().len();
            TimedFate { key: licence.key(), before, after, without, usable }
        };
        let entry = self.unit(&Configuration::default()).entry();
        Downgrade {
            to,
            permanent: self.permanent_fate(to, earlier),
            time_based: self.timed.iter().map(fate).collect(),
            limits: smaller_limits(entry, to),
        }
    }

    fn permanent_fate(&self, to: Release, earlier: Option<&VerifiedKey>) -> PermanentFate {
        let Permanent::Key(key) = &self.permanent else {
            return PermanentFate::Kept { without: Vec::new() };
        };
        let features = key.grant().licences().keys().copied();
        let since_8_2 = |it: &Feature| introduced(*it).is_some_and(|it| !it.is_up_to(8, 1));
        let because: Vec<_> = features.filter(since_8_2).collect();
        if !to.is_up_to(8, 1) || because.is_empty() {
            return PermanentFate::Kept { without: lacks(to, key.grant()) };
        }
        match earlier {
            Some(earlier) => PermanentFate::Earlier { key: earlier.key(), because },
            None => PermanentFate::NewKeyNeeded { because },
        }
    }
}

/// What a downgrade to `to` would leave of a failover pair of these units.
pub fn failover_after(
    to: Release,
    units: &[&KeyRing],
    configuration: &Configuration,
) -> FailoverFate {
    if !to.is_up_to(8, 2) {
        return FailoverFate::Kept;
    }
    let own = |ring: &&KeyRing| {
        let license = ring.running(configuration);
        license.features().map(|(feature, it)| (feature, it.value())).collect::<Vec<_>>()
    };
    let mut all = units.iter().map(own);
    let primary = all.next();
    if all.all(|unit| Some(unit) == primary) {
        FailoverFate::NotCombined
    } else {
        FailoverFate::Disabled
    }
}

/// The features of the grant that the release does not have.
fn lacks(to: Release, grant: &Grant) -> Vec<Feature> {
    grant.licences().keys().copied().filter(|feature| !to.has(*feature)).collect()
}
