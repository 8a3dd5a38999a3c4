//! How licences combine: permanent with time-based on one unit, then unit with unit.
//!
//! On one unit a time-based licence adds to the permanent one for UC proxy sessions and security
//! contexts, and the higher of the two counts for everything else. Over the units of a failover
//! pair or a cluster everything that comes in numbers adds. Both stop at the platform's largest
//! value. Each unit is combined first, then the units (C16, C17).
//!
//! Source: 9.1 guide, Table 5-18; PAK guide, Table 1; both guides, “How Failover or ASA Cluster
//! Licenses Combine”.

use super::running::Figures;
use super::unit::platform_largest;
use super::{ContextMode, Figure, Rule, Source, Unit};
use crate::catalogue::{Feature, Row, Value};

/// What a value amounts to, next to another one of the same feature.
pub(super) fn strength(value: Value) -> u64 {
    match value {
        Value::Enabled => 1,
        Value::Count(count) => u64::from(count),
        Value::Unlimited => u64::MAX,
        Value::Encryption(encryption) => encryption as u64,
        _ => 0,
    }
}

/// The larger of two licences for one feature, the later one where they are equal (A38).
pub(super) fn larger(held: Value, new: Value) -> Value {
    if strength(new) >= strength(held) { new } else { held }
}

/// Whether a time-based licence adds to the permanent one, rather than to be the higher of the two
/// (C3, C6).
const fn adds(feature: Feature) -> bool {
    matches!(feature, Feature::UcProxySessions | Feature::SecurityContexts)
}

/// The permanent figure combined with an active time-based licence for the same row (group C).
///
/// What is included counts in the sum like a licence for it: 2 contexts and 20 are 22 (C15).
/// Where the permanent value is higher it is used, and the figure does not mention the time-based
/// licence, which counts down all the same (C2, C12, B14).
pub(super) fn with_time_based(permanent: Figure, row: &Row, timed: Value, unit: &Unit) -> Figure {
    let largest = platform_largest(row);
    let platform = Source::Platform(unit.entry().table);
    let licence = Source::TimeBased(row.feature, timed);
    if largest == Value::NoSupport {
        return permanent.then(licence, timed).then(platform, largest);
    }
    // A feature of one size is bought as `enabled` too.
    let timed = if timed == Value::Enabled { largest } else { timed };
    let combined = match (permanent.value(), timed) {
        (Value::Count(permanent), Value::Count(timed)) if adds(row.feature) => {
            Value::Count(permanent.saturating_add(timed))
        }
        (held, timed) if strength(timed) > strength(held) => timed,
        _ => return permanent,
    };
    let figure = permanent.then(licence, combined);
    if strength(combined) > strength(largest) { figure.then(platform, largest) } else { figure }
}

/// The figures of every unit of a pair or cluster as one (F3), as the unit at `own` sees them.
///
/// `units` and `licensed` go together, the primary first; `unit` stands for all of them.
pub(super) fn over_units(
    unit: &Unit,
    units: &[Unit],
    licensed: Vec<Figures>,
    own: usize,
) -> Figures {
    let apex = own_peers(units, &licensed, own);
    let mut all = licensed.into_iter();
    let mut combined = all.next().unwrap_or_default();
    for (index, figures) in (1..).zip(all) {
        for (feature, figure) in figures {
            let row = unit.entry().row(feature);
            match combined.remove(&feature) {
                None => combined.insert(feature, figure),
                Some(held) => combined.insert(feature, two_units(held, index, &figure, row, unit)),
            };
        }
    }
    combined.extend(apex);
    combined
}

/// In multiple context mode each unit has the Client peers of its own Apex licence (D46).
fn own_peers(units: &[Unit], licensed: &[Figures], own: usize) -> Option<(Feature, Figure)> {
    let multiple = units.first()?.configuration().contexts == ContextMode::Multiple;
    let figure = licensed.get(own)?.get(&Feature::AnyconnectPeers).filter(|_| multiple)?;
    let own = Source::Rule(Rule::ApexNotCombined);
    Some((Feature::AnyconnectPeers, figure.clone().then(own, figure.value())))
}

/// What one more unit adds: numbers up to the platform's largest (F24 – F35), else the one that is
/// enabled (F36).
fn two_units(held: Figure, index: usize, other: &Figure, row: Option<&Row>, unit: &Unit) -> Figure {
    let peer = Source::Peer { unit: index, value: other.value() };
    let tiers = row.filter(|row| !row.optional.is_empty());
    match (held.value(), other.value(), tiers) {
        (Value::Count(ours), Value::Count(theirs), Some(row)) if theirs > 0 => {
            let figure = held.then(peer, Value::Count(ours.saturating_add(theirs)));
            match platform_largest(row) {
                Value::Count(largest) => {
                    figure.capped(Source::Platform(unit.entry().table), largest)
                }
                _ => figure,
            }
        }
        (ours, theirs, _) if strength(theirs) > strength(ours) => held.then(peer, theirs),
        _ => held,
    }
}
