//! The ledger of denials: who was refused sessions, when, how many, and why.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::message::Refusal;
use crate::license::key::Serial;

/// How many denials are remembered; older ones are only counted.
pub const REMEMBERED: usize = 1_000;

/// Why a participant did not get all it wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The pool has no more (G27).
    PoolEmpty,
    /// What is left is kept for other participants.
    Reserved,
    /// What is left may still be in use at participants that are out of contact.
    Stranded,
    /// The participant has all that is set for it.
    Cap,
    /// The participant has all that its platform allows (G24).
    Platform,
    /// The claim was refused as a whole.
    Refused(Refusal),
}

impl Reason {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::PoolEmpty => "license capacity reached",
            Self::Reserved => "what is left is reserved for other participants",
            Self::Stranded => "what is left may be in use at participants out of contact",
            Self::Cap => "the participant's cap is reached",
            Self::Platform => "the platform's maximum is reached",
            Self::Refused(refusal) => refusal.text(),
        }
    }
}

/// Sessions that a participant wanted and did not get.
///
/// A participant goes on asking (G28); the same answer to the same claim is one denial that
/// happened several times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Denial {
    /// Who wanted them.
    pub participant: Serial,
    /// How many were missing.
    pub missing: u32,
    /// Why.
    pub reason: Reason,
    /// When it was denied first, by the authority's clock.
    pub first: Duration,
    /// When it was denied last.
    pub last: Duration,
    /// How often.
    pub times: u64,
}

/// The denials of one authority since it started: the last [`REMEMBERED`] of them, and how many
/// there were of each kind.
#[derive(Clone, Default, Debug)]
pub struct Denials {
    kept: VecDeque<Denial>,
    dropped: u64,
    latest: BTreeMap<Serial, u64>,
    totals: BTreeMap<Reason, u64>,
}

impl Denials {
    /// The denials that are remembered, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Denial> {
        self.kept.iter()
    }

    /// How many claims were denied for each reason, remembered or not.
    pub const fn totals(&self) -> &BTreeMap<Reason, u64> {
        &self.totals
    }

    pub(super) fn note(&mut self, now: Duration, who: Serial, missing: u32, reason: Reason) {
        *self.totals.entry(reason).or_default() += 1;
        if let Some(denial) = self.latest_of(who)
            && (denial.missing, denial.reason) == (missing, reason)
        {
            denial.last = now;
            denial.times += 1;
            return;
        }
        self.drop_oldest();
        self.latest.insert(who, self.dropped + self.kept.len() as u64);
        let denial = Denial { participant: who, missing, reason, first: now, last: now, times: 1 };
        self.kept.push_back(denial);
    }

    /// What `who` is denied from here on is a new denial: it got what it wanted.
    pub(super) fn satisfied(&mut self, who: Serial) {
        self.latest.remove(&who);
    }

    fn latest_of(&mut self, who: Serial) -> Option<&mut Denial> {
        let index = self.latest.get(&who)?.checked_sub(self.dropped)?;
        self.kept.get_mut(usize::try_from(index).ok()?)
    }

    fn drop_oldest(&mut self) {
        if self.kept.len() < REMEMBERED {
            return;
        }
        if let Some(oldest) = self.kept.pop_front() {
            if self.latest.get(&oldest.participant) == Some(&self.dropped) {
                self.latest.remove(&oldest.participant);
            }
            self.dropped += 1;
        }
    }
}
