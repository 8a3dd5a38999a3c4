//! A figure and where it came from.

use std::fmt;

use super::{Allowance, Rule, Setting};
use crate::catalogue::{Feature, Table, Value};

/// What a step of a figure's provenance rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Source {
    /// The tier includes it, says this table.
    Table(Table),
    /// This table has no such row, so no licence limits it.
    NoRow(Table),
    /// A permanent licence for this feature and value replaces what is included.
    Licence(Feature, Value),
    /// An active time-based licence for this feature and value is combined with the permanent one.
    TimeBased(Feature, Value),
    /// Another unit of the pair or cluster has this value, and the units combine.
    Peer {
        /// Its place in the group, from 0 for the primary.
        unit: usize,
        /// Its own value.
        value: Value,
    },
    /// So many sessions of a shared licence are added to the unit's own (G22).
    Shared(u32),
    /// The largest that this table lists for the model: the value before was cut to it.
    Platform(Table),
    /// A rule of the guides.
    Rule(Rule),
    /// The unit's configuration or hardware.
    Setting(Setting),
}

/// Where an allowance came from, small enough for a verdict.
///
/// The whole trail, with tables and numbers, is in the running licence's [`Figure`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// The model's table, for its tier.
    Table,
    /// The guide's table has no such row.
    NoRow,
    /// A permanent licence.
    Licence,
    /// A time-based licence.
    TimeBased,
    /// The combined licence of a failover pair or a cluster.
    Combined,
    /// Sessions of a shared licence besides the unit's own.
    Shared,
    /// The platform's largest value.
    Platform,
    /// A rule of the guides.
    Rule(Rule),
    /// The unit's configuration or hardware.
    Setting(Setting),
}

impl From<Source> for Origin {
    fn from(source: Source) -> Self {
        match source {
            Source::Table(_) => Self::Table,
            Source::NoRow(_) => Self::NoRow,
            Source::Licence(..) => Self::Licence,
            Source::TimeBased(..) => Self::TimeBased,
            Source::Peer { .. } => Self::Combined,
            Source::Shared(_) => Self::Shared,
            Source::Platform(_) => Self::Platform,
            Source::Rule(rule) => Self::Rule(rule),
            Source::Setting(setting) => Self::Setting(setting),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table => f.write_str("the model's table"),
            Self::NoRow => f.write_str("not limited by a licence"),
            Self::Licence => f.write_str("permanent licence"),
            Self::TimeBased => f.write_str("time-based licence"),
            Self::Combined => f.write_str("combined licence of the units"),
            Self::Shared => f.write_str("own licence and the shared one"),
            Self::Platform => f.write_str("platform limit"),
            Self::Rule(rule) => f.write_str(rule.text()),
            Self::Setting(Setting::Restriction) => f.write_str("the operator's own limit"),
            Self::Setting(setting) => write!(f, "setting {setting}"),
        }
    }
}

/// One step of a figure's provenance: what it rests on and the value after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// What the step rests on.
    pub source: Source,
    /// The value after the step.
    pub value: Value,
}

impl Step {
    /// What happened, without the value: `included (9.1 guide, Table 5-3)`.
    pub fn reason(&self) -> String {
        match self.source {
            Source::Table(table) => match self.value {
                Value::NoSupport => format!("not supported ({table})"),
                Value::Disabled => format!("not included ({table})"),
                _ => format!("included ({table})"),
            },
            Source::NoRow(table) if self.value.is_off() => {
                format!("not in this guide: no such row ({table})")
            }
            Source::NoRow(table) => {
                format!("not limited by a licence: no such row ({table})")
            }
            Source::Licence(feature, value) => format!("permanent licence {feature}={value}"),
            Source::TimeBased(feature, value) => format!("time-based licence {feature}={value}"),
            Source::Peer { unit, value } => {
                format!("combined with unit {} of the group, which has {value}", unit + 1)
            }
            Source::Shared(sessions) => format!(
                "{sessions} of a shared licence besides the unit's own (both guides, Shared \
                 AnyConnect Premium Licenses)"
            ),
            Source::Platform(table) => format!("cut to the platform's largest ({table})"),
            Source::Rule(rule) => format!("{} ({})", rule.text(), rule.cite()),
            Source::Setting(Setting::Restriction) => "the operator's own limit".to_owned(),
            Source::Setting(setting) => format!("set by `{setting}`"),
        }
    }
}

/// `280000: included (9.1 guide, Table 5-3)`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.value, self.reason())
    }
}

/// A value with its provenance: every step that made it, the last one decisive.
///
/// ```
/// use tollgate::catalogue::{self, Feature, Value};
/// use tollgate::license::{RunningLicense, Unit};
///
/// let unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
/// let license = RunningLicense::of(&unit);
/// let conns = license.feature(Feature::FirewallConns).expect("a row of every table");
/// assert_eq!(conns.value(), Value::Count(280_000));
/// assert_eq!(conns.steps()[0].to_string(), "280000: included (9.1 guide, Table 5-3)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figure {
    first: Step,
    later: Vec<Step>,
}

impl Figure {
    pub(super) const fn new(source: Source, value: Value) -> Self {
        Self { first: Step { source, value }, later: Vec::new() }
    }

    /// Adds a step that changes the value, or states why it stays.
    pub(super) fn then(mut self, source: Source, value: Value) -> Self {
        self.later.push(Step { source, value });
        self
    }

    /// Adds the step only where it changes the value.
    pub(super) fn capped(self, source: Source, most: u32) -> Self {
        match self.value() {
            Value::Count(count) if count > most => self.then(source, Value::Count(most)),
            Value::Unlimited => self.then(source, Value::Count(most)),
            _ => self,
        }
    }

    fn last(&self) -> &Step {
        self.later.last().unwrap_or(&self.first)
    }

    /// The value in force.
    pub fn value(&self) -> Value {
        self.last().value
    }

    /// The value in force, read as a limit.
    pub fn allowance(&self) -> Allowance {
        self.value().into()
    }

    /// What the value rests on in the end.
    pub fn origin(&self) -> Origin {
        self.last().source.into()
    }

    /// Every step, first to last. There is at least one.
    pub fn steps(&self) -> Vec<Step> {
        std::iter::once(self.first).chain(self.later.iter().copied()).collect()
    }

    /// The feature of the time-based licence without which the value would be another one.
    pub fn time_based(&self) -> Option<Feature> {
        let steps = self.steps();
        let (at, feature) = (0..).zip(&steps).find_map(|(at, step)| match step.source {
            Source::TimeBased(feature, _) => Some((at, feature)),
            _ => None,
        })?;
        let before: &[Step] = &steps[..at];
        let without = before.last().map_or(Value::Disabled, |step| step.value);
        (!self.value().is_off() && self.value() != without).then_some(feature)
    }

    /// What was bought beyond the platform's largest value, and what it was cut to.
    ///
    /// The cut is the last word of the licences themselves; a rule may still have changed the
    /// value afterwards.
    pub fn cut(&self) -> Option<(Value, Value)> {
        let steps = self.steps();
        steps.windows(2).find_map(|pair| match (pair[0].source, pair[1].source) {
            (Source::Licence(_, bought), Source::Platform(_)) => Some((bought, pair[1].value)),
            _ => None,
        })
    }
}
