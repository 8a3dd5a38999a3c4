//! What every limit allows and why, for the verdicts of packet threads.
//!
//! # Algorithm
//!
//! One word a limit: its allowance and the number of its origin. A refusal reads one word, so the
//! two belong together whatever is published meanwhile, and nothing is allocated or counted for
//! it, as it would be for a reference to the whole licence. Origins are numbered when they first
//! occur; there are few of them.
//!
//! # Invariants
//!
//! * **F1** A number that has been given to an origin is its number for ever.
//!
//! # Orderings
//!
//! Words are stored with Release and loaded with Acquire, so that who reads a number finds the
//! origin that it numbers.
//!
//! # Progress
//!
//! Reading is wait-free. One thread publishes at a time.

use std::sync::OnceLock;

use crate::license::{Allowance, Limit, Origin, RunningLicense};
use crate::sync::Words;

/// More than there are origins: the kinds of licence, the rules and the settings.
const ORIGINS: usize = 128;

/// The figures of one gate.
#[derive(Debug)]
pub(super) struct Figures {
    words: Words<{ Limit::COUNT }>,
    origins: [OnceLock<Origin>; ORIGINS],
}

// From the lowest bit: units 32, what kind of allowance 2, the number of the origin.
const KIND_SHIFT: u32 = u32::BITS;
const ORIGIN_SHIFT: u32 = KIND_SHIFT + 2;

impl Figures {
    pub(super) fn new(license: &RunningLicense) -> Self {
        let figures = Self { words: Words::new(), origins: [const { OnceLock::new() }; ORIGINS] };
        figures.publish(license);
        figures
    }

    /// Takes the figures of `license`. The caller holds the gate's publish lock.
    pub(super) fn publish(&self, license: &RunningLicense) {
        for limit in Limit::ALL {
            let figure = license.limit(limit);
            let (kind, units) = match figure.allowance() {
                Allowance::NotSupported => (0, 0),
                Allowance::Disabled => (1, 0),
                Allowance::Limited(units) => (2, units),
                Allowance::Unlimited => (3, 0),
            };
            let origin = self.number(figure.origin());
            let word = u64::from(units) | kind << KIND_SHIFT | origin << ORIGIN_SHIFT;
            self.words.store(limit.index(), word);
        }
    }

    /// The number of `origin`, given to it now if it has none (F1).
    fn number(&self, origin: Origin) -> u64 {
        let place = self.origins.iter().position(|known| *known.get_or_init(|| origin) == origin);
        debug_assert!(place.is_some(), "more than {ORIGINS} origins");
        place.unwrap_or_default() as u64
    }

    /// What `limit` allows, and where that came from.
    pub(super) fn get(&self, limit: Limit) -> (Allowance, Origin) {
        let word = self.words.load(limit.index());
        let units = u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let allowance = match word >> KIND_SHIFT & 3 {
            0 => Allowance::NotSupported,
            1 => Allowance::Disabled,
            2 => Allowance::Limited(units),
            _ => Allowance::Unlimited,
        };
        let origin = usize::try_from(word >> ORIGIN_SHIFT).ok();
        let origin = origin.and_then(|place| self.origins.get(place)?.get());
        (allowance, origin.copied().unwrap_or(Origin::Table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{self, Feature};
    use crate::license::Unit;

    #[test]
    fn tells_of_every_limit_what_the_licence_tells() {
        for entry in catalogue::entries() {
            let mut unit = Unit::new(entry);
            let figures = Figures::new(&RunningLicense::of(&unit));
            for restricted in [false, true] {
                if restricted {
                    Limit::ALL.into_iter().for_each(|limit| unit.restrict(limit, 3));
                    for feature in Feature::ALL {
                        let most = entry.row(feature).map(|row| row.value);
                        let _ = most.map(|value| unit.add(feature, value));
                    }
                }
                let license = RunningLicense::of(&unit);
                figures.publish(&license);
                for limit in Limit::ALL {
                    let figure = license.limit(limit);
                    assert_eq!(figures.get(limit), (figure.allowance(), figure.origin()));
                }
            }
        }
    }
}
