//! The statements of the language as plain values.

use std::net::IpAddr;
use std::time::Duration;

use super::network::{Quality, Wire};
use super::words::LineError;
use crate::license::key::Purchase;
use crate::license::{GroupMode, Kind};
use crate::pool::Appetite;

/// One line of a scenario, read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Statement {
    /// `unit`: a unit as shipped.
    Unit(NewUnit),
    /// `permanent`: issues a permanent key and enters it.
    Permanent {
        /// The unit.
        unit: String,
        /// What the key grants.
        purchase: Purchase,
    },
    /// `timed`: issues a time-based key and enters it.
    Timed {
        /// The unit.
        unit: String,
        /// The key's name in the scenario.
        key: String,
        /// What the key grants.
        purchase: Purchase,
        /// For how long.
        duration: Duration,
    },
    /// `install`: enters a key as text.
    Install {
        /// The unit.
        unit: String,
        /// The key's name in the scenario, where it gets one.
        key: Option<String>,
        /// The words of the key.
        text: String,
    },
    /// `activate`.
    Activate {
        /// The unit.
        unit: String,
        /// The key's name.
        key: String,
    },
    /// `deactivate`.
    Deactivate {
        /// The unit.
        unit: String,
        /// The key's name.
        key: String,
    },
    /// `configure`.
    Configure {
        /// The unit.
        unit: String,
        /// What is set.
        change: Change,
    },
    /// `advance`: time passes.
    Advance(Duration),
    /// `shutdown`, `boot`, `reload`.
    Power {
        /// The unit.
        unit: String,
        /// Which.
        power: Power,
    },
    /// `clock`: the unit's system clock is set.
    Clock {
        /// The unit.
        unit: String,
        /// By how much.
        by: Duration,
        /// Whether back rather than forward.
        back: bool,
        /// Whether it is the clock that nobody sets, by which a shared licence counts time.
        monotonic: bool,
    },
    /// `pair`, `cluster`.
    Group {
        /// The units, the primary first.
        units: Vec<String>,
        /// How they work together.
        mode: GroupMode,
    },
    /// `disconnect`, `reconnect`: communication between the units of a group.
    Contact {
        /// Two units of one group.
        units: [String; 2],
        /// Whether they can communicate from now on.
        restored: bool,
    },
    /// `license-server`: a unit serves a pool.
    LicenseServer(NewServer),
    /// `participant`: a unit draws on a server's pool, or is its backup.
    Participant(NewParticipant),
    /// `link`: the link between two units that share licences.
    Link {
        /// The units.
        units: [String; 2],
        /// How it is from now on.
        wire: Wire,
    },
    /// `network`: how messages fare from now on; none: they arrive at once.
    Network {
        /// How many get lost, and so on.
        quality: Option<Quality>,
        /// What chance begins from.
        seed: Option<u64>,
    },
    /// `crash`: a unit fails.
    Crash {
        /// The unit.
        unit: String,
        /// After so many more things that its part in shared licensing does.
        after: Option<u32>,
    },
    /// `restart`.
    Restart {
        /// The unit.
        unit: String,
    },
    /// `failover`: a unit is the active one in the place of another.
    Failover {
        /// The unit that was active, and the one that is.
        units: [String; 2],
        /// Whether the first does not notice.
        untold: bool,
    },
    /// `demand`: sessions that are needed, besides those that are admitted.
    Demand {
        /// The unit.
        unit: String,
        /// How many.
        sessions: u32,
    },
    /// `admit`.
    Admit(Admission),
    /// `release`.
    Release {
        /// The unit.
        unit: String,
        /// Which sessions.
        what: Released,
    },
    /// `show`.
    Show {
        /// The unit.
        unit: String,
        /// What.
        what: Shown,
    },
    /// `expect`.
    Expect {
        /// The unit.
        unit: String,
        /// What is expected of it.
        what: Expectation,
    },
    /// `fails`: a command that is to be refused.
    Fails {
        /// The command as it was written.
        command: String,
        /// The command, or why it was refused when it was read.
        inner: Result<Box<Self>, LineError>,
    },
}

/// A unit to be made.
#[derive(Clone, Debug)]
pub struct NewUnit {
    /// Its name in the scenario.
    pub name: String,
    /// The model.
    pub model: String,
    /// The tier; base where it is not said.
    pub tier: Option<String>,
    /// The guide; the 9.1 guide where it has the model.
    pub guide: Option<String>,
    /// The serial number; a made-up one where it is not said.
    pub serial: Option<String>,
    /// Whether it is a No Payload Encryption model.
    pub npe: bool,
    /// The firewall mode.
    pub mode: Option<String>,
    /// The context mode.
    pub contexts: Option<String>,
}

/// A unit that is to serve a pool.
#[derive(Clone, Debug)]
pub struct NewServer {
    /// The unit.
    pub unit: String,
    /// Sessions in the pool; what its licence is for where it is not said.
    pub size: Option<u32>,
    /// The shared secret.
    pub secret: String,
    /// How often participants refresh.
    pub refresh: Option<Duration>,
    /// The backup server, and its standby unit.
    pub backup: Option<String>,
    /// The backup's standby unit; the other unit of its pair where it is not said.
    pub standby: Option<String>,
    /// The port.
    pub port: Option<u64>,
    /// The interfaces that participants are served on; none: every one.
    pub interfaces: Vec<String>,
    /// The most sessions that are given again while participants out of contact may hold them.
    pub overlap: Option<u32>,
    /// What is reserved, by unit.
    pub reserve: Vec<(String, u32)>,
    /// Caps, by unit.
    pub cap: Vec<(String, u32)>,
    /// When it asks for more for itself, and when it gives back.
    pub appetite: Appetite,
}

/// A unit that is to draw on a pool.
#[derive(Clone, Debug)]
pub struct NewParticipant {
    /// The unit.
    pub unit: String,
    /// The server.
    pub server: String,
    /// The shared secret.
    pub secret: String,
    /// The port.
    pub port: Option<u64>,
    /// The server's interface that it comes in by; `inside` where it is not said.
    pub by: Option<String>,
    /// The interfaces that it serves participants on as the backup; none: every one.
    pub interfaces: Vec<String>,
    /// When it asks for more, and when it gives back.
    pub appetite: Appetite,
}

/// A change of the configuration.
#[derive(Clone, Debug)]
pub enum Change {
    /// A setting, or the operator's own limit.
    Set {
        /// The setting.
        key: String,
        /// Its value.
        value: String,
    },
    /// `clear-all`: the whole configuration.
    ClearAll,
}

/// What happens to a unit's power.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Power {
    /// It is shut down.
    Shutdown,
    /// It boots.
    Boot,
    /// It reloads: down and up, and no time passes.
    Reload,
}

/// An `admit`.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The unit.
    pub unit: String,
    /// The kind of session.
    pub kind: Kind,
    /// How many.
    pub count: u64,
    /// The name of the sessions that are admitted.
    pub name: Option<String>,
    /// The clientless sessions from whose portals they are started.
    pub portal: Option<String>,
    /// The ends of connections.
    pub ends: Option<Ends>,
}

/// Between which hosts connections are opened.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The addresses that open them, taken in turn.
    pub from: Addresses,
    /// The addresses that they are opened to, taken in turn.
    pub to: Addresses,
    /// The interface that they come in by.
    pub ingress: Option<String>,
    /// The interface that they go out by.
    pub egress: Option<String>,
}

/// One address, or those from one to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// The first.
    pub first: IpAddr,
    /// How many.
    pub count: u32,
}

impl Addresses {
    /// The address at `index`, from the beginning again after the last.
    pub fn nth(&self, index: u64) -> IpAddr {
        let index = u32::try_from(index % u64::from(self.count)).unwrap_or(0);
        match self.first {
            IpAddr::V4(first) => {
                std::net::Ipv4Addr::from_bits(first.to_bits().wrapping_add(index)).into()
            }
            IpAddr::V6(first) => {
                std::net::Ipv6Addr::from_bits(first.to_bits().wrapping_add(index.into())).into()
            }
        }
    }
}

/// Which sessions are released.
#[derive(Clone, Debug)]
pub enum Released {
    /// So many of this kind, the last admitted first.
    Kind(Kind, u64),
    /// Every session of this name.
    Name(String),
}

/// What is shown of a unit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Shown {
    /// The running licence.
    Running,
    /// The keys.
    Keys,
    /// What is in use.
    Usage,
    /// Connections and hosts in the form of `show resource usage`.
    ResourceUsage,
    /// VPN sessions in the form of `show vpn-sessiondb summary`.
    VpnSessions,
    /// The host limit in the form of `show local-host`.
    LocalHost,
    /// The limits around TLS proxy.
    TlsProxy,
    /// The unit's part in a shared licence.
    Shared,
    /// The sessions of this name.
    Sessions(String),
}

/// What can be shown by its own name.
pub(super) const SHOWN: [(&str, Shown); 8] = [
    ("running", Shown::Running),
    ("keys", Shown::Keys),
    ("usage", Shown::Usage),
    ("resource-usage", Shown::ResourceUsage),
    ("vpn-sessiondb", Shown::VpnSessions),
    ("local-host", Shown::LocalHost),
    ("tls-proxy", Shown::TlsProxy),
    ("shared", Shown::Shared),
];

/// What is expected of a unit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Expectation {
    /// A value of the running licence.
    Running {
        /// The feature.
        feature: crate::catalogue::Feature,
        /// The value as text: a number without commas, or a word.
        value: String,
    },
    /// What is in use of a limit or a kind.
    Usage {
        /// The limit or the kind.
        what: Counted,
        /// How much.
        count: u64,
    },
    /// The state of a time-based key.
    KeyState {
        /// The key's name.
        key: String,
        /// `active`, `inactive`, `expired` or `absent`.
        state: &'static str,
    },
    /// What is left of a time-based key.
    KeyRemaining {
        /// The key's name.
        key: String,
        /// The time.
        time: Duration,
    },
    /// How long a feature stays in the running licence; none is perpetual.
    Remaining {
        /// The feature.
        feature: crate::catalogue::Feature,
        /// The time.
        time: Option<Duration>,
    },
    /// How many the last `admit` admitted.
    Admitted(u64),
    /// How many the last `admit` refused.
    Refused {
        /// How many.
        count: u64,
        /// By which limit.
        by: Option<String>,
    },
    /// Something that happened so far.
    Event(super::Event),
    /// A number of a pool or of a unit's part in one.
    Pool {
        /// Which.
        figure: Figure,
        /// The number.
        count: u64,
    },
    /// Which unit serves a participant; none does.
    PoolServer(Option<String>),
    /// How often a participant refreshes.
    PoolRefresh(Duration),
    /// For how long a backup may serve.
    BackupRemaining(Duration),
    /// Whether a backup serves.
    BackupActive(bool),
}

/// A number of a pool or of a unit's part in one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// Sessions in the pool.
    Size,
    /// Sessions that are granted to nobody.
    Free,
    /// Sessions that are granted.
    Granted,
    /// Sessions that may be in use at participants beyond what is granted to them.
    Stranded,
    /// Sessions that are reserved and not granted.
    Reserved,
    /// The bound on over-subscription.
    Bound,
    /// Participants known.
    Participants,
    /// Shared sessions that the unit holds.
    Held,
    /// Shared sessions that it wants in all.
    Wanted,
    /// The most that its platform has room for.
    Room,
}

/// The figures by name: those of whoever has the books first, then those of every unit.
pub(super) const FIGURES: [(&str, Figure); 10] = [
    ("size", Figure::Size),
    ("free", Figure::Free),
    ("granted", Figure::Granted),
    ("stranded", Figure::Stranded),
    ("reserved", Figure::Reserved),
    ("bound", Figure::Bound),
    ("participants", Figure::Participants),
    ("held", Figure::Held),
    ("wanted", Figure::Wanted),
    ("room", Figure::Room),
];

/// What `usage` counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// What is in use of a limit, and where nothing counts against it, sessions of a kind.
    Limit(crate::license::Limit, Option<Kind>),
    /// Sessions of a kind.
    Kind(Kind),
}
