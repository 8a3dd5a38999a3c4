//! The verdict of a refusal.

use std::fmt;

use super::figures::Figures;
use super::plan::Plan;
use super::word::{Request, Word};
use crate::license::{Allowance, Kind, Limit, Origin, Rule};

/// Why something was not admitted: the limit, what it allows, and where that came from.
///
/// Small and `Copy`, so that a packet thread can count or log it and go on. The whole trail is in
/// [`Gate::license`](super::Gate::license).
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What asked.
    pub kind: Kind,
    /// The limit that had no room.
    pub limit: Limit,
    /// What the limit allows.
    pub allowance: Allowance,
    /// Where the allowance came from.
    pub origin: Origin,
}

impl Refusal {
    /// The reason by name: the limit's, or `no-payload-encryption` or `feature-disabled` where the
    /// feature is off rather than full.
    pub const fn name(&self) -> &'static str {
        match (self.origin, self.allowance.is_off()) {
            (Origin::Rule(Rule::NoPayloadEncryption), true) => "no-payload-encryption",
            (_, true) => "feature-disabled",
            (_, false) => self.limit.name(),
        }
    }
}

/// `clientless refused by anyconnect: 100 allowed (permanent licence)`.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, limit, allowance, origin } = self;
        write!(f, "{kind} refused by {}: {limit} ", self.name())?;
        match allowance {
            Allowance::NotSupported => write!(f, "is not supported ({origin})"),
            Allowance::Disabled => write!(f, "is disabled ({origin})"),
            Allowance::Limited(units) => write!(f, "allows {units} ({origin})"),
            Allowance::Unlimited => write!(f, "is at the most that can be counted"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Names the limit: of those that lacked room, one that is off before one that is full.
pub(super) fn explain(
    plan: &Plan,
    figures: &Figures,
    kind: Kind,
    (group, request, word): (usize, &Request, Word),
) -> Refusal {
    let lacking = || {
        (0_u32..)
            .zip(plan.limits(group))
            .filter(move |(lane, _)| word.lacks(*request, *lane))
            .map(|(_, limit)| *limit)
    };
    let off = lacking().find(|limit| figures.get(*limit).0.is_off());
    let limit = off.or_else(|| lacking().next()).unwrap_or(plan.limits(group)[0]);
    let (allowance, origin) = figures.get(limit);
    Refusal { kind, limit, allowance, origin }
}
