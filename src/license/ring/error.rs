//! What entering or activating a key can come to.

use crate::catalogue::{Feature, Value};
use crate::license::UnitError;
use crate::license::key::{KeyError, ParsedKey, Serial};

/// Why a key was not taken or not activated. The ring is unchanged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// The key itself.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was verified for another unit.
    #[error("the activation key was issued for serial number {of}, and this unit's is {serial}")]
    AnotherUnit {
        /// The unit's serial number.
        serial: Serial,
        /// The key's.
        of: Serial,
    },
    /// The model's table has no such licence, or not in this size.
    #[error(transparent)]
    Licence(#[from] UnitError),
    /// The model cannot do it in this tier (D55).
    #[error("{entry} does not support `{feature}` ({table}); ask for a key without it")]
    NotSupported {
        /// The model, tier and guide.
        entry: String,
        /// The feature.
        feature: Feature,
        /// The table.
        table: String,
    },
    /// The model takes no time-based licences (B37).
    #[error("{model} does not support time-based licences; ask for a permanent key")]
    NoTimeBased {
        /// The model.
        model: String,
    },
    /// No licence of this unit has this key.
    #[error("no time-based key {key} is installed; enter it first")]
    NotInstalled {
        /// The key.
        key: ParsedKey,
    },
    /// It is the permanent key.
    #[error("key {key} is the permanent key, which is always active; another one replaces it")]
    IsPermanent {
        /// The key.
        key: ParsedKey,
    },
    /// The licence's time is used up.
    #[error("the time of key {key} is used up; a renewal has a key of its own")]
    Expired {
        /// The key.
        key: ParsedKey,
    },
    /// An active evaluation key includes the feature (B6, B7).
    #[error(
        "key {by} is active and includes `{feature}` among several features; deactivate it first"
    )]
    Evaluation {
        /// The evaluation key.
        by: ParsedKey,
        /// A feature that both include.
        feature: Feature,
    },
    /// The unit is off.
    #[error("the unit is shut down; boot it first")]
    ShutDown,
}

/// What entering a key did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Entered {
    /// It overwrote the permanent key (A13).
    Permanent {
        /// What the permanent key before had and this one lacks (A14).
        lost: Vec<Loss>,
        /// Whether the change needs a reload: a downgrade of the encryption does (A32, I16).
        reload_required: bool,
    },
    /// It is one of the time-based keys.
    TimeBased {
        /// What became of it.
        placed: Placed,
        /// Whether it is active now, and at whose expense.
        activation: Activation,
    },
}

/// A licence that a new permanent key takes away, or makes smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loss {
    /// The feature.
    pub feature: Feature,
    /// What the key before had.
    pub had: Value,
    /// What the new one has.
    pub has: Option<Value>,
}

/// What became of a time-based key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placed {
    /// It is a licence of its own.
    New,
    /// Its time was added to the identical licence that was installed under this key.
    StackedOn(ParsedKey),
    /// It was installed before: nothing was added.
    Again,
}

/// Whether a time-based key that was entered or activated is active.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Activation {
    /// It is; these others, for a feature that it includes, are no longer.
    Active {
        /// The keys that it made inactive.
        deactivated: Vec<ParsedKey>,
    },
    /// It is installed and inactive, because this evaluation key is active (B11, our choice).
    Blocked {
        /// The evaluation key.
        by: ParsedKey,
    },
}

/// Something that time brought about on a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The time of this licence ran out.
    Expired(ParsedKey),
    /// This licence was activated in place of one that expired (B28).
    Activated(ParsedKey),
}

impl Event {
    /// The name in reports and scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired(_) => "expired",
            Self::Activated(_) => "activated",
        }
    }
}
