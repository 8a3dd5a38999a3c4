//! What a running unit tells of its part in the shared licence.

use serde::{Deserialize, Serialize};

use super::draw::Draw;
use super::wires::Wires;
use crate::license::Limit;
use crate::license::key::Serial;
use crate::pool::{BackupId, Denials, Machine, PoolUsage, Record, Request, Standing, Tallies};

/// A unit's part in the shared licence at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Its serial number.
    pub serial: String,
    /// What it does: `server`, `backup` or `participant`.
    pub role: String,
    /// Whether it serves.
    pub serving: bool,
    /// Whether it is on standby, until the active unit of its pair ends.
    #[serde(default)]
    pub standby: bool,
    /// The address of the main server, as configured, of a unit that has one.
    pub server_address: Option<String>,
    /// The serial number of the server that serves it.
    pub served_by: Option<String>,
    /// The pool, of a unit that serves or can.
    pub pool: Option<Pool>,
    /// The unit's own part.
    pub device: Device,
    /// Messages by request: of a server that serves those it received and answered, else those
    /// that the unit sent as a participant.
    pub messages: Vec<Messages>,
    /// The backup server, of a server that has one.
    pub backup: Option<BackupUnit>,
    /// How long it may yet serve, in seconds, of a backup.
    pub seconds_to_serve: Option<u64>,
    /// Every participant that is known, of a unit that serves or can.
    pub clients: Vec<Client>,
    /// Who was denied sessions, of a unit that serves or can; the last 1,000.
    pub denials: Vec<Denied>,
    /// The network.
    pub network: Network,
}

/// The pool of shared sessions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pool {
    /// Sessions in it.
    pub size: u32,
    /// Sessions that are granted.
    pub granted: u64,
    /// Sessions that are granted to nobody.
    pub free: u32,
    /// The most that were granted at once since the start.
    pub high: u64,
    /// Sessions that are reserved for participants and not granted.
    pub reserved: u64,
    /// Sessions that may be in use at participants out of contact.
    pub stranded: u64,
    /// By how many sessions the pool may be exceeded at most.
    pub oversubscription_bound: u64,
}

/// The unit as a participant.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Device {
    /// The most sessions of its platform.
    pub platform: u32,
    /// Sessions of its own licence.
    pub local: u32,
    /// Shared sessions that it holds.
    pub held: u32,
    /// Shared sessions that it wants.
    pub wanted: u32,
    /// The most shared sessions that it ever held.
    pub high: u32,
    /// Sessions in use, its own and shared ones.
    pub in_use: u64,
    /// Sessions that its gate refused.
    pub refused: u64,
}

/// How many messages of one request there were.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Messages {
    /// The request, as `show shared license` names it.
    pub request: String,
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
    /// Refused, or not understood.
    pub errors: u64,
}

/// The backup server by the server's word.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BackupUnit {
    /// Its serial number.
    pub serial: String,
    /// Its address, as configured.
    pub address: Option<String>,
    /// Whether it is connected.
    pub connected: bool,
    /// Its standby unit, where it is a pair.
    pub standby: Option<String>,
    /// Whether that one is connected.
    pub standby_connected: bool,
    /// How long it could serve, in seconds, as it said last.
    pub seconds_to_serve: Option<u64>,
}

/// A participant by the server's books.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Client {
    /// Its ID.
    pub serial: String,
    /// Its host name.
    pub hostname: String,
    /// `registered`, `expired` or `absent`.
    pub standing: String,
    /// Shared sessions granted to it.
    pub granted: u32,
    /// Shared sessions that it may hold beyond those.
    pub stranded: u32,
    /// Shared sessions that it said are in use.
    pub used: u32,
    /// The most that were granted to it.
    pub high: u32,
    /// The most that its platform has room for.
    pub room: u32,
    /// Sessions reserved for it.
    pub reserved: u32,
    /// The most it is given, where that is set.
    pub cap: Option<u32>,
}

/// Sessions that a participant wanted and did not get.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Denied {
    /// Who.
    pub serial: String,
    /// How many.
    pub missing: u32,
    /// Why.
    pub reason: String,
    /// How often.
    pub times: u64,
    /// How many seconds after the start it was denied first.
    pub first_seconds: u64,
    /// How many seconds after the start it was denied last.
    pub last_seconds: u64,
}

/// Connections of the unit.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    /// Peers that are connected.
    pub connected: usize,
    /// Connections that came up since the start.
    pub up: u64,
    /// Why others did not, or ended, with how often.
    pub ended: Vec<(String, u64)>,
}

/// What is configured and no machine has to know.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct About {
    /// The address of the main server.
    pub server_address: Option<String>,
    /// The address of the backup.
    pub backup_address: Option<String>,
}

impl Report {
    /// Of a unit that waits for the books of its pair.
    pub(super) fn on_standby(serial: &Serial, role: &str) -> Self {
        Self {
            serial: serial.to_string(),
            role: role.to_owned(),
            serving: false,
            standby: true,
            server_address: None,
            served_by: None,
            pool: None,
            device: Device::default(),
            messages: Vec::new(),
            backup: None,
            seconds_to_serve: None,
            clients: Vec::new(),
            denials: Vec::new(),
            network: Network::default(),
        }
    }

    pub(super) fn of(machine: &Machine, draw: &Draw, wires: &Wires, about: &About) -> Self {
        let own = machine.own();
        let usage = draw.gate().usage(Limit::Anyconnect);
        let device = Device {
            platform: own.membership().platform(),
            local: own.membership().local(),
            held: own.held(),
            wanted: own.wanted(),
            high: own.high(),
            in_use: usage.in_use,
            refused: usage.refused,
        };
        let mut report = Self {
            serial: own.serial().to_string(),
            role: "participant".to_owned(),
            serving: false,
            standby: own.is_on_standby(),
            server_address: about.server_address.clone(),
            served_by: own.server().map(|server| server.to_string()),
            pool: None,
            device,
            messages: messages(own.tallies()),
            backup: None,
            seconds_to_serve: None,
            clients: Vec::new(),
            denials: Vec::new(),
            network: network(wires),
        };
        match machine {
            Machine::Server(server) => {
                "server".clone_into(&mut report.role);
                report.serving = server.is_serving();
                report.pool = Some(pool(server.usage(), server.oversubscription_bound()));
                report.messages = messages(server.tallies());
                let backup = server.settings().backup;
                let left = server.backup_remaining().map(|left| left.as_secs());
                report.backup = backup.map(|it| backup_unit(it, left, wires, about));
                report.clients = server.participants().map(client).collect();
                report.denials = denials(server.denials());
            }
            Machine::Backup(backup) => {
                "backup".clone_into(&mut report.role);
                report.serving = backup.is_serving();
                // Until it serves, the pool is what the server said last.
                let (usage, size) = (backup.usage(), backup.state().size);
                let granted = u32::try_from(usage.granted).unwrap_or(u32::MAX);
                let usage = PoolUsage { size, free: size.saturating_sub(granted), ..usage };
                report.pool = Some(pool(usage, backup.oversubscription_bound()));
                if report.serving {
                    report.messages = messages(backup.tallies());
                }
                report.seconds_to_serve = Some(backup.state().budget.remaining.as_secs());
                report.clients = backup.participants().map(client).collect();
                report.denials = denials(backup.denials());
            }
            Machine::Participant(_) => {}
        }
        report
    }
}

fn pool(usage: PoolUsage, oversubscription_bound: u64) -> Pool {
    Pool {
        size: usage.size,
        granted: usage.granted,
        free: usage.free,
        high: usage.high,
        reserved: usage.reserved,
        stranded: usage.stranded,
        oversubscription_bound,
    }
}

fn messages(tallies: &Tallies) -> Vec<Messages> {
    let requests = Request::ALL.iter().map(|&request| {
        let tally = tallies.of(request);
        Messages {
            request: request.name().to_owned(),
            sent: tally.sent,
            received: tally.received,
            errors: tally.errors,
        }
    });
    requests.collect()
}

fn backup_unit(backup: BackupId, left: Option<u64>, wires: &Wires, about: &About) -> BackupUnit {
    BackupUnit {
        serial: backup.primary.to_string(),
        address: about.backup_address.clone(),
        connected: wires.is_up(backup.primary),
        standby: backup.standby.map(|it| it.to_string()),
        standby_connected: backup.standby.is_some_and(|it| wires.is_up(it)),
        seconds_to_serve: left,
    }
}

fn client(record: &Record) -> Client {
    let standing = match record.standing {
        Standing::Absent => "absent",
        Standing::Registered => "registered",
        Standing::Expired => "expired",
    };
    Client {
        serial: record.serial.to_string(),
        hostname: record.hostname.to_string(),
        standing: standing.to_owned(),
        granted: record.granted,
        stranded: record.stranded(),
        used: record.used,
        high: record.high,
        room: record.room,
        reserved: record.allotment.reserved,
        cap: record.allotment.cap,
    }
}

fn denials(denials: &Denials) -> Vec<Denied> {
    let denials = denials.iter().map(|denial| Denied {
        serial: denial.participant.to_string(),
        missing: denial.missing,
        reason: denial.reason.text().to_owned(),
        times: denial.times,
        first_seconds: denial.first.as_secs(),
        last_seconds: denial.last.as_secs(),
    });
    denials.collect()
}

fn network(wires: &Wires) -> Network {
    let counts = wires.counts();
    let ended = counts.iter().flat_map(|counts| {
        counts.iter().map(|(cause, count)| (cause.to_string(), count)).collect::<Vec<_>>()
    });
    Network {
        connected: wires.peers(),
        up: counts.iter().map(|counts| counts.up).sum(),
        ended: ended.collect(),
    }
}
