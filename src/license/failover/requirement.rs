//! What units need before they can be a failover pair or a cluster.

use std::fmt;

use crate::catalogue::{Entry, Failover, Feature, Guide, Model, Value, entries};
use crate::license::key::Serial;
use crate::license::ring::{KeyRing, Permanent};
use crate::license::{Configuration, ContextMode, Figure, GroupMode, RunningLicense};

/// Everything that stands against a group of units, all at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    reasons: Vec<Reason>,
}

impl Mismatch {
    /// Every reason. There is at least one.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }
}

impl std::error::Error for Mismatch {}

/// The reasons, one after another.
impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, reason) in self.reasons.iter().enumerate() {
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{reason}")?;
        }
        Ok(())
    }
}

/// One reason why units cannot be a failover pair or a cluster.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A pair has two units, a cluster at least two.
    #[error(
        "{}, not {units}",
        if *.cluster { "a cluster has two units or more" } else { "a failover pair has two units" }
    )]
    Units {
        /// How many there are.
        units: usize,
        /// Whether they were to be a cluster.
        cluster: bool,
    },
    /// One unit twice: its licences would count twice.
    #[error("{serial} is there twice; a group is of different units")]
    Twice {
        /// The unit.
        serial: Serial,
    },
    /// The units are of different models (D53).
    #[error("{serial} is an {model}, and the primary is an {primary}")]
    Model {
        /// The unit.
        serial: Serial,
        /// Its model.
        model: Model,
        /// The primary's model.
        primary: Model,
    },
    /// The units run software of different guides, which have different tables for one model.
    #[error("{serial} follows the {guide} guide, and the primary the {primary} guide")]
    Guide {
        /// The unit.
        serial: Serial,
        /// Its guide.
        guide: Guide,
        /// The primary's guide.
        primary: Guide,
    },
    /// The permanent key is all zeros (A20, F17).
    #[error("the permanent key of {serial} is all zeros; enter a valid one")]
    NoValidKey {
        /// The unit.
        serial: Serial,
    },
    /// The unit's tier does not support failover (F5, F6, F10, F13, F16).
    #[error("{serial} does not support failover: {entry}{}", way_out(.entry, Feature::Failover))]
    NoFailover {
        /// The unit.
        serial: Serial,
        /// Its model and tier.
        entry: &'static Entry,
    },
    /// The unit supports Active/Standby alone (F11, F16).
    #[error("{serial} supports active/standby failover alone: {entry}")]
    NoActiveActive {
        /// The unit.
        serial: Serial,
        /// Its model and tier.
        entry: &'static Entry,
    },
    /// The encryption licences differ (F7, F20).
    #[error(
        "{serial} has the encryption licence `{value}`, and the primary has `{primary}`; each unit \
         needs the same one"
    )]
    Encryption {
        /// The unit.
        serial: Serial,
        /// Its licence.
        value: Value,
        /// The primary's.
        primary: Value,
    },
    /// One unit has a licence that every unit needs for itself: the IPS module (F8), Apex in
    /// multiple context mode (F12).
    #[error("{serial} has no `{feature}` licence and another unit has; each unit needs its own")]
    Licence {
        /// The unit without.
        serial: Serial,
        /// The feature.
        feature: Feature,
    },
    /// The unit's model and tier cannot be clustered (F21, F22).
    #[error(
        "{serial} does not support clustering: {entry}{}",
        way_out(.entry, Feature::Clustering)
    )]
    NoClustering {
        /// The unit.
        serial: Serial,
        /// Its model and tier.
        entry: &'static Entry,
    },
    /// Each unit needs a clustering licence (F19).
    #[error("{serial} has no `clustering` licence; each unit needs its own")]
    NoClusteringLicence {
        /// The unit.
        serial: Serial,
    },
    /// More units than the model can have (F21, F22).
    #[error("{units} units are too many for a cluster of {model}, which has {most} at most")]
    ClusterSize {
        /// How many there are.
        units: usize,
        /// The model.
        model: Model,
        /// How many there can be.
        most: u32,
    },
}

/// Says that Security Plus would do, where it does.
fn way_out(entry: &Entry, feature: Feature) -> &'static str {
    let mut higher = entries().filter(|it| it.model == entry.model && it.tier > entry.tier);
    let supports = |it: &Entry| it.row(feature).is_some_and(|row| row.value != Value::NoSupport);
    if higher.any(supports) { "; each unit needs the security plus licence" } else { "" }
}

/// Whether these units can be a group, the primary first.
///
/// The licences need not be the same (F1) but for those that are named here.
///
/// # Errors
///
/// Every reason that stands against it.
pub fn check(
    mode: GroupMode,
    units: &[&KeyRing],
    configuration: &Configuration,
) -> Result<(), Mismatch> {
    let members: Vec<_> =
        units.iter().map(|ring| Member { ring, license: ring.running(configuration) }).collect();
    let cluster = mode == GroupMode::Cluster;
    let mut reasons = Vec::new();
    if units.len() < 2 || !cluster && units.len() > 2 {
        reasons.push(Reason::Units { units: units.len(), cluster });
    }
    let twice = |(at, ring): (usize, &&KeyRing)| {
        let earlier = units.iter().take(at).any(|it| it.serial() == ring.serial());
        earlier.then(|| Reason::Twice { serial: *ring.serial() })
    };
    reasons.extend(units.iter().enumerate().filter_map(twice));
    if let Some(primary) = members.first() {
        for member in &members {
            reasons.extend(member.model_and_key(primary));
            reasons.extend(match mode {
                GroupMode::Cluster => member.clustering(),
                GroupMode::ActiveStandby | GroupMode::ActiveActive => member.failover(mode),
            });
            reasons.extend(member.encryption(primary));
        }
        if mode == GroupMode::Cluster {
            reasons.extend(cluster_size(&members));
        } else {
            reasons.extend(own_licences(&members, configuration));
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Mismatch { reasons }) }
}

/// A unit and its own licence.
struct Member<'a> {
    ring: &'a KeyRing,
    license: RunningLicense,
}

impl Member<'_> {
    fn serial(&self) -> Serial {
        *self.ring.serial()
    }

    fn value(&self, feature: Feature) -> Option<Value> {
        self.license.feature(feature).map(Figure::value)
    }

    fn has(&self, feature: Feature) -> bool {
        self.value(feature).is_some_and(|value| !value.is_off())
    }

    fn model_and_key(&self, primary: &Self) -> Vec<Reason> {
        let (serial, entry) = (self.serial(), self.license.entry());
        let mut reasons = Vec::new();
        if *self.ring.permanent() == Permanent::Zeros {
            reasons.push(Reason::NoValidKey { serial });
        }
        let primary = primary.license.entry();
        if entry.model != primary.model {
            let (model, primary) = (entry.model, primary.model);
            reasons.push(Reason::Model { serial, model, primary });
        } else if entry.guide() != primary.guide() {
            let (guide, primary) = (entry.guide(), primary.guide());
            reasons.push(Reason::Guide { serial, guide, primary });
        }
        reasons
    }

    fn failover(&self, mode: GroupMode) -> Option<Reason> {
        let (serial, entry) = (self.serial(), self.license.entry());
        match self.value(Feature::Failover) {
            Some(Value::Failover(Failover::ActiveStandbyOrActiveActive)) => None,
            Some(Value::Failover(_)) if mode == GroupMode::ActiveStandby => None,
            Some(Value::Failover(_)) => Some(Reason::NoActiveActive { serial, entry }),
            _ => Some(Reason::NoFailover { serial, entry }),
        }
    }

    fn clustering(&self) -> Option<Reason> {
        let (serial, entry) = (self.serial(), self.license.entry());
        match self.value(Feature::Clustering) {
            Some(Value::Count(_)) => None,
            Some(Value::Disabled) => Some(Reason::NoClusteringLicence { serial }),
            _ => Some(Reason::NoClustering { serial, entry }),
        }
    }

    fn encryption(&self, primary: &Self) -> Option<Reason> {
        let value = self.value(Feature::Encryption)?;
        let primary = primary.value(Feature::Encryption)?;
        (value != primary).then_some(Reason::Encryption { serial: self.serial(), value, primary })
    }
}

/// More units than the unit with the fewest allows.
fn cluster_size(members: &[Member<'_>]) -> Option<Reason> {
    let each = members.iter().filter_map(|member| member.value(Feature::Clustering)?.count());
    let (units, most) = (members.len(), each.min()?);
    let model = members.first()?.license.entry().model;
    (units > most as usize).then_some(Reason::ClusterSize { units, model, most })
}

/// The licences that each unit of a pair needs for itself where one has it.
fn own_licences(members: &[Member<'_>], configuration: &Configuration) -> Vec<Reason> {
    let multiple = configuration.contexts == ContextMode::Multiple;
    let apex = multiple && members.iter().all(|member| apex_is_required(member.license.entry()));
    let required = [(Feature::IpsModule, true), (Feature::AnyconnectApex, apex)];
    let required = required.into_iter().filter_map(|(feature, it)| it.then_some(feature));
    required.flat_map(|feature| without(members, feature)).collect()
}

fn without(members: &[Member<'_>], feature: Feature) -> Vec<Reason> {
    if !members.iter().any(|member| member.has(feature)) {
        return Vec::new();
    }
    let without = members.iter().filter(|member| !member.has(feature));
    without.map(|member| Reason::Licence { serial: member.serial(), feature }).collect()
}

/// The ASA 5525-X to 5555-X of the PAK guide (F12).
fn apex_is_required(entry: &Entry) -> bool {
    entry.guide() == Guide::Pak
        && matches!(entry.model, Model::Asa5525X | Model::Asa5545X | Model::Asa5555X)
}
