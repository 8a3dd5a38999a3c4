//! Rows written the way the guides' cells are, so that a table here reads like the table there.

use super::{Encryption, Failover, Feature, Offer, Row, Term, Value};

/// The sizes in which an optional licence is sold, as the italic numbers of a cell.
macro_rules! sizes {
    ($($size:literal),+) => {
        &[$($crate::catalogue::Offer::One($crate::catalogue::Value::Count($size))),+]
    };
}
pub(super) use sizes;

/// The sizes of a shared licence server that every table with one has.
pub(super) const BY_500: Offer = Offer::Range { from: 500, to: 50_000, step: 500 };
/// The larger sizes of a shared licence server.
pub(super) const BY_1000: Offer = Offer::Range { from: 50_000, to: 545_000, step: 1000 };

const fn row(feature: Feature, value: Value, optional: &'static [Offer]) -> Row {
    Row { feature, value, optional, term: Term::Permanent, note: None }
}

/// “No support”.
pub(super) const fn no_support(feature: Feature) -> Row {
    row(feature, Value::NoSupport, &[])
}

/// “Disabled”, and nothing to buy but the other tier.
pub(super) const fn disabled(feature: Feature) -> Row {
    row(feature, Value::Disabled, &[])
}

/// “Enabled”, “Supported”.
pub(super) const fn enabled(feature: Feature) -> Row {
    row(feature, Value::Enabled, &[])
}

/// A number, “Supported for 2 units”, “8 trunks”.
pub(super) const fn count(feature: Feature, count: u32) -> Row {
    row(feature, Value::Count(count), &[])
}

/// A number, “Optional licenses:” larger ones.
pub(super) const fn count_or(feature: Feature, count: u32, sizes: &'static [Offer]) -> Row {
    row(feature, Value::Count(count), sizes)
}

/// “Disabled”, “Optional license: Available”.
pub(super) const fn available(feature: Feature) -> Row {
    row(feature, Value::Disabled, &[Offer::One(Value::Enabled)])
}

/// “Disabled”, “Optional license: Available (25 sessions)”, “Available for 8 units”.
pub(super) const fn disabled_or(feature: Feature, sizes: &'static [Offer]) -> Row {
    row(feature, Value::Disabled, sizes)
}

/// “Disabled”, “Optional Time-based license: Available”.
pub(super) const fn time_based(feature: Feature) -> Row {
    Row { term: Term::TimeBased, ..available(feature) }
}

/// AnyConnect Premium: 2 sessions, “Optional Permanent or Time-based licenses:” larger numbers.
pub(super) const fn premium(sizes: &'static [Offer]) -> Row {
    Row { term: Term::Either, ..count_or(Feature::AnyconnectPremium, 2, sizes) }
}

/// “Base (DES)”, “Optional license: Strong (3DES/AES)”.
pub(super) const fn encryption() -> Row {
    let strong = &[Offer::One(Value::Encryption(Encryption::TripleDesAes))];
    row(Feature::Encryption, Value::Encryption(Encryption::Des), strong)
}

/// The failover that is supported.
pub(super) const fn failover(supported: Failover) -> Row {
    row(Feature::Failover, Value::Failover(supported), &[])
}

/// Any other cell without optional licences.
pub(super) const fn fixed(feature: Feature, value: Value) -> Row {
    row(feature, value, &[])
}

impl Row {
    /// The same row with what its cell or footnote adds in words.
    pub(super) const fn noting(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }
}
