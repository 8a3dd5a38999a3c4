//! What a cell of a table says, and what its optional licences offer.

use std::fmt;
use std::str::FromStr;

/// What is in a cell: a number, one of the guides' words, or a pair of numbers by firewall mode.
///
/// “No support”, “disabled”, a number and “unlimited” are four different things and stay so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// The model cannot do it, whatever licence is bought.
    NoSupport,
    /// The model can do it and no licence for it is in force.
    Disabled,
    /// In force, without a number.
    Enabled,
    /// In force, without a limit.
    Unlimited,
    /// In force up to this number (the unit is the feature's).
    Count(u32),
    /// In force up to a number that depends on the firewall mode (VLANs of the ASA 5505).
    ByMode {
        /// In routed mode.
        routed: u32,
        /// In transparent mode.
        transparent: u32,
    },
    /// The failover that is supported.
    Failover(Failover),
    /// The encryption that is in force.
    Encryption(Encryption),
    /// The speed of the interfaces.
    Speed(InterfaceSpeed),
}

/// Which failover a model and tier support.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failover {
    /// “Active/Standby (no stateful failover)”.
    ActiveStandbyNoStateful,
    /// “Active/Standby”.
    ActiveStandby,
    /// “Active/Standby or Active/Active”.
    ActiveStandbyOrActiveActive,
}

/// Which encryption a licence allows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Encryption {
    /// “Base (DES)”.
    Des,
    /// “Strong (3DES/AES)”; DES stays available.
    TripleDesAes,
}

/// The speed of an ASA 5510's interfaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InterfaceSpeed {
    /// “All: Fast Ethernet”.
    AllFastEthernet,
    /// “Ethernet 0/0 and 0/1: Gigabit Ethernet; Ethernet 0/2, 0/3, 0/4 (and others): Fast Eth.”
    TwoGigabitOthersFastEthernet,
}

impl Value {
    /// The number, where the cell has a single one.
    pub const fn count(self) -> Option<u32> {
        match self {
            Self::Count(count) => Some(count),
            _ => None,
        }
    }

    /// Whether this is “no support”, “disabled” or the number 0.
    pub const fn is_off(self) -> bool {
        matches!(self, Self::NoSupport | Self::Disabled | Self::Count(0))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoSupport => "no-support",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Unlimited => "unlimited",
            Self::Count(count) => return fmt::Display::fmt(count, f),
            Self::ByMode { routed, transparent } => {
                return f.pad(&format!("routed {routed}, transparent {transparent}"));
            }
            Self::Failover(Failover::ActiveStandbyNoStateful) => "active-standby-no-stateful",
            Self::Failover(Failover::ActiveStandby) => "active-standby",
            Self::Failover(Failover::ActiveStandbyOrActiveActive) => {
                "active-standby-or-active-active"
            }
            Self::Encryption(Encryption::Des) => "des",
            Self::Encryption(Encryption::TripleDesAes) => "3des-aes",
            Self::Speed(InterfaceSpeed::AllFastEthernet) => "fast-ethernet",
            Self::Speed(InterfaceSpeed::TwoGigabitOthersFastEthernet) => {
                "two-gigabit-others-fast-ethernet"
            }
        })
    }
}

/// Text that is no value of a licence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "unknown value `{text}`; a licence's value is a number, `enabled`, `unlimited`, `des` or \
     `3des-aes`"
)]
pub struct UnknownValue {
    /// What was given.
    pub text: String,
}

/// Parses what a licence may be bought as: a number (`10000` or `10,000`) or a word.
///
/// ```
/// use tollgate::catalogue::Value;
/// assert_eq!("10,000".parse(), Ok(Value::Count(10_000)));
/// assert_eq!("unlimited".parse(), Ok(Value::Unlimited));
/// ```
impl FromStr for Value {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Ok(match text {
            "enabled" => Self::Enabled,
            "unlimited" => Self::Unlimited,
            "des" => Self::Encryption(Encryption::Des),
            "3des-aes" => Self::Encryption(Encryption::TripleDesAes),
            number if number.starts_with(|c: char| c.is_ascii_digit()) => number
                .replace(',', "")
                .parse()
                .map(Self::Count)
                .map_err(|_| UnknownValue { text: text.to_owned() })?,
            _ => return Err(UnknownValue { text: text.to_owned() }),
        })
    }
}

/// One optional licence in a cell, in the guides' italics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// This value; it replaces the one that is included.
    One(Value),
    /// Any number from `from` to `to` in increments of `step` (shared server sizes).
    Range {
        /// The smallest.
        from: u32,
        /// The largest.
        to: u32,
        /// The increment.
        step: u32,
    },
}

impl Offer {
    /// Whether this offer is for `value`.
    pub const fn covers(self, value: Value) -> bool {
        match (self, value) {
            (Self::One(Value::Count(tier)), Value::Count(count)) => tier == count,
            (Self::One(Value::Enabled), Value::Enabled)
            | (Self::One(Value::Unlimited), Value::Unlimited) => true,
            (Self::One(Value::Encryption(offered)), Value::Encryption(wanted)) => {
                offered as u8 == wanted as u8
            }
            (Self::Range { from, to, step }, Value::Count(count)) => {
                from <= count && count <= to && (count - from).is_multiple_of(step)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(value) => fmt::Display::fmt(value, f),
            Self::Range { from, to, step } => write!(f, "{from}-{to} by {step}"),
        }
    }
}
