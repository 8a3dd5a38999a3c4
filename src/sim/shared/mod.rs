//! Shared licensing in a scenario: which units take part, as what, and what they hold.
//!
//! Nothing is decided here. After every command the units are looked at anew: who may take part,
//! who is the active unit of its pair, what its licence is; and the [`Network`] is made to be so.

mod commands;
mod look;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Answer;
use super::network::{Network, NewNode, Place, Role};
use super::statement::{NewParticipant, NewServer};
use super::words::{LineError, in_words};
use super::world::World;
use crate::license::{GroupMode, check_secret};
use crate::pool::{
    Allotment, Appetite, BackupId, Ineligible, Machine, Membership, Settings, SettingsError,
};

/// The most refreshes that one `advance` takes.
const REFRESHES: u64 = 100_000_000;

/// The port of shared licensing (G11).
const PORT: u64 = 50_554;

/// What a unit is configured to do.
#[derive(Clone, Debug)]
enum Config {
    Server(Server),
    Participant(Participant),
}

#[derive(Clone, Debug)]
struct Server {
    size: u32,
    refresh: Option<Duration>,
    overlap: Option<u32>,
    backup: Option<usize>,
    standby: Option<usize>,
    allotments: BTreeMap<usize, Allotment>,
    place: At,
    appetite: Appetite,
}

#[derive(Clone, Debug)]
struct Participant {
    server: usize,
    /// The server's or the backup's interface that it comes in by.
    by: Option<String>,
    place: At,
    appetite: Appetite,
}

/// What both sides have to agree on.
#[derive(Clone, Debug)]
struct At {
    secret: String,
    port: u16,
    /// The interfaces that participants are served on; none: every one.
    interfaces: Vec<String>,
}

impl Config {
    const fn at(&self) -> &At {
        match self {
            Self::Server(it) => &it.place,
            Self::Participant(it) => &it.place,
        }
    }

    const fn appetite(&self) -> Appetite {
        match self {
            Self::Server(it) => it.appetite,
            Self::Participant(it) => it.appetite,
        }
    }
}

/// The shared licences of a scenario.
#[derive(Default, Debug)]
pub(super) struct Shared {
    pub(super) network: Network,
    configs: BTreeMap<usize, Config>,
    places: BTreeMap<usize, Place>,
    /// The unit at each place.
    units: Vec<usize>,
    /// Sessions that are needed besides those there are, by `demand`.
    loads: BTreeMap<usize, u32>,
    /// Units that ran when they were looked at last, and those on standby because of their pair.
    running: BTreeSet<usize>,
    on_standby: BTreeSet<usize>,
    /// Who was told by whom that it has another secret.
    refused: BTreeSet<(usize, usize)>,
}

impl Shared {
    pub(super) fn place(&self, unit: usize) -> Option<Place> {
        self.places.get(&unit).copied()
    }

    /// The machine of a unit, while it runs.
    pub(super) fn machine(&self, unit: usize) -> Option<&Machine> {
        self.network.node(self.place(unit)?).machine()
    }

    pub(super) fn takes_part(&self, unit: usize) -> bool {
        self.configs.contains_key(&unit)
    }

    fn server(&self, unit: usize) -> Option<&Server> {
        match self.configs.get(&unit) {
            Some(Config::Server(server)) => Some(server),
            _ => None,
        }
    }

    /// The other units of a group have the configuration of the first.
    pub(super) fn replicate(&mut self, members: &[usize]) {
        let Some((primary, others)) = members.split_first() else { return };
        let config = self.configs.get(primary).cloned();
        for other in others {
            match &config {
                Some(config) => self.configs.insert(*other, config.clone()),
                None => self.configs.remove(other),
            };
        }
    }

    /// Whether a unit is the backup of a server, or its standby unit.
    fn is_backup(&self, unit: usize) -> bool {
        let Some(Config::Participant(config)) = self.configs.get(&unit) else { return false };
        self.server(config.server).is_some_and(|it| it.names(unit))
    }
}

impl Server {
    fn names(&self, unit: usize) -> bool {
        self.backup == Some(unit) || self.standby == Some(unit)
    }
}

/// A port, by number (G11).
fn port(number: Option<u64>) -> Result<u16, LineError> {
    let number = number.unwrap_or(PORT);
    u16::try_from(number).ok().filter(|port| *port > 0).ok_or_else(|| {
        LineError::Refused(format!("{number} is no port; choose 1 to 65535, {PORT} by default"))
    })
}

fn at(secret: &str, number: Option<u64>, interfaces: &[String]) -> Result<At, LineError> {
    check_secret(secret).map_err(LineError::refused)?;
    let interfaces = interfaces.to_vec();
    Ok(At { secret: secret.to_owned(), port: port(number)?, interfaces })
}

impl World {
    /// The units of a group have one configuration.
    fn configured_with(&self, index: usize) -> Vec<usize> {
        self.team_of(index).map_or_else(|| vec![index], |team| team.members.clone())
    }

    /// The other unit of an active/standby pair.
    fn mate(&self, index: usize) -> Option<usize> {
        let team = self.team_of(index)?;
        let pair = team.group.mode() == GroupMode::ActiveStandby;
        team.members.iter().copied().find(|it| pair && *it != index)
    }

    /// Whether it is the standby unit of a pair.
    fn is_standby(&self, index: usize) -> bool {
        self.mate(index).is_some() && self.team_of(index).is_some_and(|team| team.active != index)
    }

    /// What a unit brings as what it is configured to be.
    fn membership(&self, index: usize, serves: bool) -> Result<Membership, Ineligible> {
        let license = self.license(index);
        if serves {
            let unit = &self.units[index];
            Membership::server(&unit.ring.unit(self.configuration(index)), &license)
        } else {
            Membership::participant(&license)
        }
    }

    pub(super) fn license_server(&mut self, new: &NewServer) -> Result<Answer, LineError> {
        let index = self.index(&new.unit)?;
        let refused = |why: String| Err(LineError::Refused(why));
        match self.shared.configs.get(&index) {
            Some(Config::Server(server)) => {
                let backup = match server.backup {
                    Some(backup) => format!(", with {} as its one backup", self.units[backup].name),
                    None => String::new(),
                };
                return refused(format!("{} is a licensing server already{backup}", new.unit));
            }
            Some(Config::Participant(_)) => {
                return refused(format!(
                    "{} is a participant; a server draws on its pool by itself",
                    new.unit
                ));
            }
            None => {}
        }
        let membership = self.membership(index, true).map_err(LineError::refused)?;
        let licensed = membership.pool().unwrap_or_default();
        let size = new.size.unwrap_or(licensed);
        let mut server = Server {
            size,
            refresh: new.refresh,
            overlap: new.overlap,
            backup: new.backup.as_deref().map(|it| self.index(it)).transpose()?,
            standby: new.standby.as_deref().map(|it| self.index(it)).transpose()?,
            allotments: BTreeMap::new(),
            place: at(&new.secret, new.port, &new.interfaces)?,
            appetite: new.appetite,
        };
        for (unit, sessions) in &new.reserve {
            server.allotments.entry(self.index(unit)?).or_default().reserved = *sessions;
        }
        for (unit, sessions) in &new.cap {
            server.allotments.entry(self.index(unit)?).or_default().cap = Some(*sessions);
        }
        if server.standby.is_none() {
            server.standby = server.backup.and_then(|backup| self.mate(backup));
        }
        let settings = self.settings(index, &server).map_err(LineError::refused)?;
        let node = self.new_node(index, membership, server.appetite);
        Network::check(&node, &settings).map_err(LineError::refused)?;
        if size > licensed {
            return refused(format!(
                "{size} is more than the {licensed} sessions of {}'s key; enter a key for more",
                new.unit
            ));
        }
        let config = Config::Server(server);
        for member in self.configured_with(index) {
            self.shared.configs.insert(member, config.clone());
        }
        let (refresh, size) = (settings.refresh, settings.size);
        let interval = in_words(refresh);
        Ok(Answer::done()
            .line(format!("{}: serves {size} sessions, a refresh every {interval}", new.unit))
            .fact("size", size)
            .fact("refresh", refresh.as_secs())
            .fact("backup", new.backup.clone()))
    }

    pub(super) fn participant(&mut self, new: &NewParticipant) -> Result<Answer, LineError> {
        let index = self.index(&new.unit)?;
        let server = self.index(&new.server)?;
        if self.shared.server(index).is_some() || server == index {
            return Err(LineError::Refused(format!(
                "{} cannot be a participant of its own pool, on which a server draws by itself",
                new.unit
            )));
        }
        self.membership(index, false).map_err(LineError::refused)?;
        let config = Config::Participant(Participant {
            server,
            by: new.by.clone(),
            place: at(&new.secret, new.port, &new.interfaces)?,
            appetite: new.appetite,
        });
        for member in self.configured_with(index) {
            self.shared.configs.insert(member, config.clone());
        }
        let what = if self.shared.is_backup(index) { "the backup" } else { "a participant" };
        Ok(Answer::done()
            .line(format!("{}: {what} of {}", new.unit, new.server))
            .fact("server", new.server.clone())
            .fact("backup", self.shared.is_backup(index)))
    }

    fn settings(&self, index: usize, server: &Server) -> Result<Settings, SettingsError> {
        let serial = |unit: usize| *self.units[unit].ring.serial();
        let mut settings = Settings::new(server.size)?;
        settings.refresh = server.refresh.unwrap_or(settings.refresh);
        settings.overlap = server.overlap;
        settings.backup = server
            .backup
            .map(|it| BackupId { primary: serial(it), standby: server.standby.map(serial) });
        let mates = self.team_of(index).map(|team| team.members.clone()).unwrap_or_default();
        settings.mate = mates.into_iter().find(|it| *it != index).map(serial);
        let allotments = server.allotments.iter();
        settings.allotments = allotments.map(|(unit, it)| (serial(*unit), *it)).collect();
        Ok(settings)
    }

    fn new_node(&self, index: usize, membership: Membership, appetite: Appetite) -> NewNode {
        let unit = &self.units[index];
        NewNode {
            serial: *unit.ring.serial(),
            name: unit.name.clone(),
            role: Role::Participant,
            membership,
            appetite,
        }
    }

    /// A server and its backup cannot be one pair (G77).
    pub(super) fn check_pair(&self, members: &[usize]) -> Result<(), LineError> {
        for (index, server) in members.iter().filter_map(|it| Some((*it, self.shared.server(*it)?)))
        {
            if let Some(backup) = members.iter().find(|it| server.names(**it)) {
                let unit = *self.units[*backup].ring.serial();
                let why = SettingsError::BackupIsMate { unit };
                return Err(LineError::Refused(format!("{}: {why}", self.units[index].name)));
            }
        }
        Ok(())
    }
}
