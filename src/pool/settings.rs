//! What is configured, and who may take part.

use std::collections::BTreeMap;
use std::time::Duration;

use super::codec::Label;
use super::record::Allotment;
use crate::catalogue::{self, Entry, Feature, Offer, Value};
use crate::license::key::Serial;
use crate::license::{Allowance, Figure, RunningLicense, Step, Unit};

/// The smallest and largest refresh interval, in seconds (G13).
const REFRESH: std::ops::RangeInclusive<u64> = 10..=300;

/// The backup server that the server is configured with (G15): one, and its standby unit (G4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackupId {
    /// The backup's serial number.
    pub primary: Serial,
    /// Its standby unit's, where the backup is a failover pair.
    pub standby: Option<Serial>,
}

impl BackupId {
    /// Whether it is `unit`, or its standby.
    pub fn is(&self, unit: Serial) -> bool {
        self.primary == unit || self.standby == Some(unit)
    }
}

/// The settings of a licensing server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Sessions in the pool: what the server licence was bought for.
    pub size: u32,
    /// How often participants refresh, 30 seconds by default (G13).
    pub refresh: Duration,
    /// The most stranded sessions that are given again; none: all of them, as the guides have it.
    /// See the head of [`pool`](super#over-subscription).
    pub overlap: Option<u32>,
    /// The backup server.
    pub backup: Option<BackupId>,
    /// Where participants reach the backup (G15), which they are told when they register.
    pub backup_address: Option<Label>,
    /// The other unit of the server's failover pair: it has the server's own licence and becomes
    /// the server, so it cannot be the backup (G66, G77).
    pub mate: Option<Serial>,
    /// The most participants that are known at once, 100,000 by default. The guides set no limit
    /// (G76); memory does.
    pub most_participants: usize,
    /// Reservations and caps of single participants.
    pub allotments: BTreeMap<Serial, Allotment>,
}

/// Why settings are refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No such licence is sold (G37, G38).
    #[error("a pool of {size} sessions is not sold; sizes are {sold}")]
    Size {
        /// The size.
        size: u32,
        /// The sizes there are.
        sold: String,
    },
    /// Out of range, or not in whole seconds (G13).
    #[error("refresh interval of {} s; choose 10 to 300 whole seconds", .refresh.as_secs_f64())]
    Refresh {
        /// The interval.
        refresh: Duration,
    },
    /// More is reserved than there is.
    #[error("{reserved} sessions are reserved, of a pool of {size}; reserve fewer")]
    Reserved {
        /// The sum of the reservations.
        reserved: u64,
        /// The size of the pool.
        size: u32,
    },
    /// A cap below the reservation.
    #[error("{participant} has {reserved} sessions reserved and a cap of {cap}; raise the cap")]
    Cap {
        /// The participant.
        participant: Serial,
        /// Its reservation.
        reserved: u32,
        /// Its cap.
        cap: u32,
    },
    /// The server is named as its own backup, or a unit as its own standby.
    #[error("{unit} cannot be its own backup; name another unit")]
    OwnBackup {
        /// The unit.
        unit: Serial,
    },
    /// The two units of a failover pair are to be server and backup (G77).
    #[error(
        "{unit} is the other unit of the server's failover pair: it has the server's licence, and \
         a backup needs a participant's; name a unit that is not of the pair"
    )]
    BackupIsMate {
        /// The unit.
        unit: Serial,
    },
}

impl Settings {
    /// The defaults for a pool of `size` sessions: a refresh every 30 seconds, no backup.
    ///
    /// # Errors
    ///
    /// Where no licence of this size is sold.
    ///
    /// ```
    /// use tollgate::pool::Settings;
    /// assert!(Settings::new(49_500).is_ok());
    /// assert!(Settings::new(50_500).is_err()); // G38
    /// ```
    pub fn new(size: u32) -> Result<Self, SettingsError> {
        let settings = Self {
            size,
            refresh: Duration::from_secs(30),
            overlap: None,
            backup: None,
            backup_address: None,
            mate: None,
            most_participants: 100_000,
            allotments: BTreeMap::new(),
        };
        settings.check_size().map(|()| settings)
    }

    /// Whether a server on `unit` can work with them.
    pub(super) fn check(&self, unit: Serial) -> Result<(), SettingsError> {
        self.check_size()?;
        let refresh = self.refresh;
        if !REFRESH.contains(&refresh.as_secs()) || refresh.subsec_nanos() != 0 {
            return Err(SettingsError::Refresh { refresh });
        }
        for (&participant, allotment) in &self.allotments {
            let reserved = allotment.reserved;
            if let Some(cap) = allotment.cap.filter(|&cap| cap < reserved) {
                return Err(SettingsError::Cap { participant, reserved, cap });
            }
        }
        let reserved = self.reserved();
        if reserved > u64::from(self.size) {
            return Err(SettingsError::Reserved { reserved, size: self.size });
        }
        match self.backup {
            Some(backup) if backup.is(unit) => Err(SettingsError::OwnBackup { unit }),
            Some(BackupId { primary, standby }) if standby == Some(primary) => {
                Err(SettingsError::OwnBackup { unit: primary })
            }
            Some(backup) => match self.mate.filter(|mate| backup.is(*mate)) {
                Some(unit) => Err(SettingsError::BackupIsMate { unit }),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Sessions that are reserved, of all participants.
    pub(super) fn reserved(&self) -> u64 {
        self.allotments.values().map(|it| u64::from(it.reserved)).sum()
    }

    fn check_size(&self) -> Result<(), SettingsError> {
        let size = self.size;
        let rows = catalogue::entries().filter_map(|entry| entry.row(Feature::SharedServer));
        let mut offers: Vec<Offer> = Vec::new();
        for offer in rows.flat_map(|row| row.optional) {
            if !offers.contains(offer) {
                offers.push(*offer);
            }
        }
        if offers.iter().any(|offer| offer.covers(Value::Count(size))) {
            return Ok(());
        }
        let sold: Vec<_> = offers.iter().map(ToString::to_string).collect();
        Err(SettingsError::Size { size, sold: sold.join(", ") })
    }
}

/// Why a unit takes no part in shared licensing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Ineligible {
    /// The model has no such licence (G40, G41).
    #[error("{entry} takes no part in shared licensing; use a model with a shared licence")]
    Model {
        /// The model, tier and guide.
        entry: String,
    },
    /// The licence is missing (G5, G6), or is not in force: Essentials (G45), multiple contexts
    /// (G43), Active/Active failover (G44).
    #[error("`{feature}` is not in force: {reason}")]
    NotInForce {
        /// The licence.
        feature: Feature,
        /// The last step of its figure.
        reason: String,
    },
}

/// What a unit brings into shared licensing: evidence that it may take part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Membership {
    entry: &'static Entry,
    pool: Option<u32>,
    local: u32,
    platform: u32,
}

impl Membership {
    /// As a participant: its own sessions come first (G22).
    ///
    /// # Errors
    ///
    /// Where the model or the running licence rules it out.
    pub fn participant(license: &RunningLicense) -> Result<Self, Ineligible> {
        in_force(license, Feature::SharedParticipant)?;
        let local = license.feature(Feature::AnyconnectPremium).map(Figure::allowance);
        let local = local.and_then(Allowance::units).unwrap_or_default();
        Ok(Self { local, pool: None, ..Self::of(license) })
    }

    /// As the server: its permanent sessions are not used, its time-based ones for its own sessions
    /// alone (G46 – G48). It needs no participant licence to draw on the pool (G7).
    ///
    /// # Errors
    ///
    /// Where the model or the running licence rules it out.
    pub fn server(unit: &Unit, license: &RunningLicense) -> Result<Self, Ineligible> {
        let pool = in_force(license, Feature::SharedServer)?;
        let local = match unit.time_based().get(&Feature::AnyconnectPremium) {
            Some(&Value::Count(sessions)) => sessions,
            _ => 0,
        };
        let of = Self::of(license);
        let pool = if let Value::Count(size) = pool { Some(size) } else { None };
        Ok(Self { local: local.min(of.platform), pool, ..of })
    }

    fn of(license: &RunningLicense) -> Self {
        let entry = license.entry();
        Self { entry, pool: None, local: 0, platform: largest_premium(entry) }
    }

    /// The model, by the catalogue's name.
    pub fn model(&self) -> Label {
        self.entry.model.name().parse().unwrap_or_default()
    }

    /// Sessions of its own.
    pub const fn local(&self) -> u32 {
        self.local
    }

    /// The most sessions of its platform (G24, G26).
    pub const fn platform(&self) -> u32 {
        self.platform
    }

    /// The size of the pool that a server's licence is for.
    pub const fn pool(&self) -> Option<u32> {
        self.pool
    }
}

fn in_force(license: &RunningLicense, feature: Feature) -> Result<Value, Ineligible> {
    let entry = license.entry();
    let model = || Ineligible::Model { entry: entry.to_string() };
    let figure = license.feature(feature).ok_or_else(model)?;
    if figure.value() == Value::NoSupport {
        return Err(model());
    }
    if figure.value().is_off() {
        let reason = figure.steps().last().map(Step::reason).unwrap_or_default();
        return Err(Ineligible::NotInForce { feature, reason });
    }
    Ok(figure.value())
}

/// The most Premium sessions that are sold for the model and tier.
fn largest_premium(entry: &Entry) -> u32 {
    entry.largest(Feature::AnyconnectPremium).unwrap_or_default()
}

/// The most Premium sessions of any tier of the model of this name, where it can be a participant.
pub(super) fn largest_of_model(model: &Label) -> Option<u32> {
    catalogue::entries()
        .filter(|entry| entry.model.name() == model.as_str())
        .filter(|entry| {
            let row = entry.row(Feature::SharedParticipant);
            row.is_some_and(|row| row.value != Value::NoSupport)
        })
        .map(largest_premium)
        .max()
}
