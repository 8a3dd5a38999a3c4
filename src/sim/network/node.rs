//! One unit of a shared licence: its machine, its clock, its disk.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::license::key::Serial;
use crate::pool::{
    Appetite, Backup, BackupState, Change, Label, Link, Machine, Membership, Participant,
    ParticipantConfig, Record, Server, Settings, SettingsError, Start,
};

/// What a unit has stored: what survives a crash.
#[derive(Clone, Default, Debug)]
pub struct Disk {
    /// A server's or a backup's records.
    pub records: BTreeMap<Serial, Record>,
    /// What a backup remembers besides.
    pub backup: Option<BackupState>,
}

impl Disk {
    fn store(&mut self, change: Change) {
        match change {
            Change::Record(record) => {
                debug_assert_eq!(Record::decode(&record.encode()).as_ref(), Ok(&record));
                self.records.insert(record.serial, record);
            }
            Change::Forget(serial) => {
                self.records.remove(&serial);
            }
            Change::Backup(state) => self.backup = Some(state),
        }
    }
}

/// Tells a machine that the link to a peer in this role changed, where it is told: a server hears
/// it of its backup, a backup of its server, a participant of both.
pub fn tell_link(
    machine: &mut Machine,
    now: Duration,
    (serial, role): (Serial, &Role),
    link: Link,
) {
    match (&machine, role) {
        (Machine::Server(_), _)
        | (Machine::Backup(_), Role::Server(_))
        | (Machine::Participant(_), Role::Server(_) | Role::Backup) => {
            machine.handle_link(now, serial, link);
        }
        _ => {}
    }
}

/// What a unit is set to do.
#[derive(Clone, Debug)]
pub enum Role {
    /// The licensing server, with these settings.
    Server(Box<Settings>),
    /// The backup server.
    Backup,
    /// A participant.
    Participant,
}

/// A unit to be added to the network.
#[derive(Clone, Debug)]
pub struct NewNode {
    /// Its ID.
    pub serial: Serial,
    /// Its name in the scenario.
    pub name: String,
    /// What it is set to do.
    pub role: Role,
    /// What it brings.
    pub membership: Membership,
    /// When it asks for more and when it gives back.
    pub appetite: Appetite,
}

/// One unit.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) name: String,
    pub(super) serial: Serial,
    pub(super) role: Role,
    pub(super) membership: Membership,
    pub(super) appetite: Appetite,
    pub(super) machine: Option<Machine>,
    pub(super) disk: Disk,
    pub(super) incarnation: u64,
    /// What the unit's clock is ahead of the network's, in milliseconds.
    pub(super) ahead: i64,
    /// Killed after so many more outputs.
    pub(super) fuse: Option<u32>,
    pub(super) demand: u32,
    pub(super) standby: bool,
}

/// Whole milliseconds, as far as they can be counted.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Node {
    pub(super) fn new(new: NewNode) -> Self {
        Self {
            name: new.name,
            serial: new.serial,
            role: new.role,
            membership: new.membership,
            appetite: new.appetite,
            machine: None,
            disk: Disk::default(),
            incarnation: 0,
            ahead: 0,
            fuse: None,
            demand: 0,
            standby: false,
        }
    }

    /// Its name in the scenario.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its ID.
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// What it is set to do.
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// What it brings.
    pub const fn membership(&self) -> Membership {
        self.membership
    }

    /// Its machine, while it runs.
    pub const fn machine(&self) -> Option<&Machine> {
        self.machine.as_ref()
    }

    /// What it has stored.
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Whether it is going to be killed in the middle of something.
    pub const fn is_doomed(&self) -> bool {
        self.fuse.is_some()
    }

    /// The sessions that are needed on it.
    pub const fn demand(&self) -> u32 {
        self.demand
    }

    /// Whether it is the standby unit of a pair.
    pub const fn is_standby(&self) -> bool {
        self.standby
    }

    /// Shared sessions that it may admit.
    pub fn held(&self) -> u32 {
        self.machine.as_ref().map_or(0, |machine| machine.own().held())
    }

    /// What the unit's own clock shows.
    pub(super) fn clock(&self, now: Duration) -> Duration {
        let shown = millis(now).saturating_add(self.ahead);
        // The rest of a millisecond would be lost: it is waited for.
        Duration::from_millis(u64::try_from(shown).unwrap_or_default())
    }

    /// When the network's clock has reached what the unit's will show.
    pub(super) fn global(&self, shown: Duration) -> Duration {
        let shown = shown.as_nanos().div_ceil(1_000_000);
        let shown = i64::try_from(shown).unwrap_or(i64::MAX);
        Duration::from_millis(u64::try_from(shown.saturating_sub(self.ahead)).unwrap_or_default())
    }

    pub(super) const fn jump(&mut self, by_millis: i64) {
        self.ahead = self.ahead.saturating_add(by_millis);
    }

    pub(super) fn store(&mut self, change: Change) {
        self.disk.store(change);
    }

    /// Starts the process, with what is stored, in a new life; its clock begins at `epoch`.
    pub(super) fn start(
        &mut self,
        now: Duration,
        why: Start,
        epoch: Duration,
    ) -> Result<(), SettingsError> {
        let ahead = millis(epoch).saturating_sub(millis(now));
        let before = std::mem::replace(&mut self.ahead, ahead);
        let now = self.clock(now);
        let own = ParticipantConfig {
            serial: self.serial,
            incarnation: self.incarnation + 1,
            hostname: self.name.parse::<Label>().unwrap_or_default(),
            membership: self.membership,
            appetite: self.appetite,
        };
        let saved = self.disk.records.values().cloned();
        let mut machine = match &self.role {
            Role::Server(settings) => {
                match Server::start(now, why, own, (**settings).clone(), saved) {
                    Ok(server) => Machine::Server(Box::new(server)),
                    Err(why) => {
                        self.ahead = before;
                        return Err(why);
                    }
                }
            }
            Role::Backup => {
                Machine::Backup(Box::new(Backup::start(now, own, self.disk.backup, saved)))
            }
            Role::Participant => Machine::Participant(Box::new(Participant::new(now, own))),
        };
        self.incarnation += 1;
        self.fuse = None;
        if self.standby {
            machine.stand_by(now);
        } else {
            machine.set_demand(now, self.demand);
        }
        self.machine = Some(machine);
        Ok(())
    }
}
