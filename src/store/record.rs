//! The record of a unit's file: plain values beside those of the rules, so that a change there does
//! not change what is in the files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::{Device, Member, StoreError, Stored};
use crate::catalogue::{self, Entry};
use crate::license::failover::{Group, Link};
use crate::license::key::{ParsedKey, SECRET_LEN, UnitSecret};
use crate::license::ring::{Clock, ClockPolicy, KeyRing, SavedActive, SavedLicence, SavedRing};
use crate::license::{Configuration, ContextMode, Export, FirewallMode, GroupMode, Limit};

/// The most units of a group that are read: no table has more than 16.
const MOST_UNITS: usize = 16;

/// What the file of a unit holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceRecord {
    units: Vec<UnitRecord>,
    configuration: ConfigurationRecord,
    group: Option<GroupRecord>,
    boot: String,
    uptime: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitRecord {
    model: String,
    tier: String,
    guide: String,
    serial: String,
    secret: [u8; SECRET_LEN],
    keys: RingRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RingRecord {
    counts_while_off: bool,
    permanent: Option<String>,
    strong_until_reload: bool,
    time_based: Vec<LicenceRecord>,
    turns: u64,
    clock: i128,
    up: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LicenceRecord {
    keys: Vec<String>,
    remaining: Duration,
    ran: Duration,
    installed: i128,
    owed: Duration,
    active: Option<ActiveRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActiveRecord {
    since: i128,
    accounted: Duration,
    turn: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings, each one on or off")]
struct ConfigurationRecord {
    transparent: bool,
    multiple_contexts: bool,
    npe: bool,
    anyconnect_essentials: bool,
    default_route: bool,
    export_k9: Option<bool>,
    tls_proxy_maximum_sessions: Option<u32>,
    tls_proxy_cleared: bool,
    tls_proxy_default: Option<u32>,
    tls_proxy_platform: Option<u32>,
    ime_additional: u32,
    restrictions: BTreeMap<String, u32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupRecord {
    mode: ModeRecord,
    link: LinkRecord,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeRecord {
    ActiveStandby,
    ActiveActive,
    Cluster,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LinkRecord {
    Connected,
    Lost(Duration),
    Separate,
}

impl Stored for DeviceRecord {
    const KIND: &'static str = "a unit";
    const CREATE: &'static str = "device init";
}

impl DeviceRecord {
    pub(super) fn of(device: &Device) -> Self {
        Self {
            units: device.units.iter().map(UnitRecord::of).collect(),
            configuration: ConfigurationRecord::of(&device.configuration),
            group: device.group.as_ref().map(GroupRecord::of),
            boot: device.boot.clone(),
            uptime: device.uptime,
        }
    }

    /// The unit; `path` is for the error.
    pub(super) fn restore(self, path: &Path) -> Result<Device, StoreError> {
        let damaged =
            |why: &str| StoreError::Damaged { path: path.to_owned(), why: why.to_owned() };
        if self.units.is_empty() || self.units.len() > MOST_UNITS {
            return Err(damaged("it has no unit, or too many"));
        }
        if self.group.is_some() != (self.units.len() > 1) {
            return Err(damaged("its units and its group do not go together"));
        }
        let units = self.units.iter().map(|unit| unit.restore(path)).collect::<Result<_, _>>()?;
        let configuration = self.configuration.restore();
        Ok(Device {
            units,
            configuration: configuration.ok_or_else(|| damaged("an unknown limit"))?,
            group: self.group.map(GroupRecord::restore),
            boot: self.boot,
            uptime: self.uptime,
        })
    }
}

/// Never shows the secret.
impl std::fmt::Debug for UnitRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnitRecord").field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl Drop for UnitRecord {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl UnitRecord {
    fn of(unit: &Member) -> Self {
        let entry = unit.ring.shipped();
        Self {
            model: entry.model.name().to_owned(),
            tier: entry.tier.name().to_owned(),
            guide: entry.guide().name().to_owned(),
            serial: unit.ring.serial().to_string(),
            secret: *unit.secret.expose(),
            keys: RingRecord::of(&unit.ring.save()),
        }
    }

    fn restore(&self, path: &Path) -> Result<Member, StoreError> {
        let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), why };
        let entry: &'static Entry =
            catalogue::find(&self.model, Some(&self.tier), Some(&self.guide))
                .map_err(|error| damaged(error.to_string()))?;
        let serial = self.serial.parse();
        let serial = serial.map_err(|error| damaged(format!("{error}")))?;
        let secret = UnitSecret::from_secret(serial, self.secret);
        let saved = self.keys.restore().map_err(damaged)?;
        let ring = KeyRing::restore(entry, &secret, &saved)
            .map_err(|error| StoreError::Keys { path: path.to_owned(), error: Box::new(error) })?;
        Ok(Member { ring, secret })
    }
}

fn key(text: &str) -> Result<ParsedKey, String> {
    text.parse().map_err(|error| format!("{error}"))
}

impl RingRecord {
    fn of(saved: &SavedRing) -> Self {
        Self {
            counts_while_off: saved.policy == ClockPolicy::SystemClock,
            permanent: saved.permanent.map(|key| key.to_string()),
            strong_until_reload: saved.strong_until_reload,
            time_based: saved.time_based.iter().map(LicenceRecord::of).collect(),
            turns: saved.turns,
            clock: saved.clock.as_nanos(),
            up: saved.up,
        }
    }

    fn restore(&self) -> Result<SavedRing, String> {
        let licences = self.time_based.iter().map(LicenceRecord::restore);
        Ok(SavedRing {
            policy: if self.counts_while_off {
                ClockPolicy::SystemClock
            } else {
                ClockPolicy::Uptime
            },
            permanent: self.permanent.as_deref().map(key).transpose()?,
            strong_until_reload: self.strong_until_reload,
            time_based: licences.collect::<Result<_, _>>()?,
            turns: self.turns,
            clock: Clock::from_nanos(self.clock),
            up: self.up,
        })
    }
}

impl LicenceRecord {
    fn of(saved: &SavedLicence) -> Self {
        Self {
            keys: saved.keys.iter().map(ParsedKey::to_string).collect(),
            remaining: saved.remaining,
            ran: saved.ran,
            installed: saved.installed.as_nanos(),
            owed: saved.owed,
            active: saved.active.map(|active| ActiveRecord {
                since: active.since.as_nanos(),
                accounted: active.accounted,
                turn: active.turn,
            }),
        }
    }

    fn restore(&self) -> Result<SavedLicence, String> {
        let active = self.active.as_ref().map(|active| SavedActive {
            since: Clock::from_nanos(active.since),
            accounted: active.accounted,
            turn: active.turn,
        });
        Ok(SavedLicence {
            keys: self.keys.iter().map(|text| key(text)).collect::<Result<_, _>>()?,
            remaining: self.remaining,
            ran: self.ran,
            installed: Clock::from_nanos(self.installed),
            owed: self.owed,
            active,
        })
    }
}

impl ConfigurationRecord {
    fn of(set: &Configuration) -> Self {
        let limit = |(limit, most): (&Limit, &u32)| (limit.name().to_owned(), *most);
        Self {
            transparent: set.mode == FirewallMode::Transparent,
            multiple_contexts: set.contexts == ContextMode::Multiple,
            npe: set.npe,
            anyconnect_essentials: set.anyconnect_essentials,
            default_route: set.default_route,
            export_k9: set.export.map(|export| export == Export::K9),
            tls_proxy_maximum_sessions: set.tls_proxy_maximum_sessions,
            tls_proxy_cleared: set.tls_proxy_cleared,
            tls_proxy_default: set.tls_proxy_default,
            tls_proxy_platform: set.tls_proxy_platform,
            ime_additional: set.ime_additional,
            restrictions: set.restrictions.iter().map(limit).collect(),
        }
    }

    /// The configuration, or none where a limit is unknown.
    fn restore(self) -> Option<Configuration> {
        let limit = |(name, most): (String, u32)| Some((Limit::find(&name)?, most));
        Some(Configuration {
            mode: if self.transparent { FirewallMode::Transparent } else { FirewallMode::Routed },
            contexts: if self.multiple_contexts {
                ContextMode::Multiple
            } else {
                ContextMode::Single
            },
            npe: self.npe,
            anyconnect_essentials: self.anyconnect_essentials,
            default_route: self.default_route,
            export: self.export_k9.map(|k9| if k9 { Export::K9 } else { Export::K8 }),
            tls_proxy_maximum_sessions: self.tls_proxy_maximum_sessions,
            tls_proxy_cleared: self.tls_proxy_cleared,
            tls_proxy_default: self.tls_proxy_default,
            tls_proxy_platform: self.tls_proxy_platform,
            ime_additional: self.ime_additional,
            restrictions: self.restrictions.into_iter().map(limit).collect::<Option<_>>()?,
        })
    }
}

impl GroupRecord {
    fn of(group: &Group) -> Self {
        let mode = match group.mode() {
            GroupMode::ActiveStandby => ModeRecord::ActiveStandby,
            GroupMode::ActiveActive => ModeRecord::ActiveActive,
            GroupMode::Cluster => ModeRecord::Cluster,
        };
        let link = match group.link() {
            Link::Connected => LinkRecord::Connected,
            Link::Grace(since) => LinkRecord::Lost(since),
            Link::Separate => LinkRecord::Separate,
        };
        Self { mode, link }
    }

    fn restore(self) -> Group {
        let mode = match self.mode {
            ModeRecord::ActiveStandby => GroupMode::ActiveStandby,
            ModeRecord::ActiveActive => GroupMode::ActiveActive,
            ModeRecord::Cluster => GroupMode::Cluster,
        };
        let link = match self.link {
            LinkRecord::Connected => Link::Connected,
            LinkRecord::Lost(since) => Link::Grace(since),
            LinkRecord::Separate => Link::Separate,
        };
        Group::restore(mode, link)
    }
}
