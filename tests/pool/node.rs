//! One unit of the simulation: its machine, its clock, its disk.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::key::Serial;
use tollgate::license::{RunningLicense, Unit};
use tollgate::pool::{
    Allotment, Appetite, Backup, BackupId, BackupState, Change, Link, Membership, Message, Output,
    Participant, ParticipantConfig, Record, Server, Settings, Start,
};

use crate::script::{BACKUP, Place, SERVER, Setup};

/// What a unit has stored: what survives a kill.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    pub(crate) records: BTreeMap<Serial, Record>,
    pub(crate) backup: Option<BackupState>,
}

impl Disk {
    pub(crate) fn store(&mut self, change: Change) {
        match change {
            Change::Record(record) => {
                let read = Record::decode(&record.encode()).expect("what was encoded");
                self.records.insert(record.serial, read);
            }
            Change::Forget(serial) => {
                self.records.remove(&serial);
            }
            Change::Backup(state) => self.backup = Some(state),
            other => panic!("{other:?} is not stored"),
        }
    }
}

pub(crate) enum Machine {
    Server(Box<Server>),
    Backup(Box<Backup>),
    Participant(Box<Participant>),
}

impl Machine {
    pub(crate) fn own(&self) -> &Participant {
        match self {
            Self::Server(it) => it.own(),
            Self::Backup(it) => it.own(),
            Self::Participant(it) => it,
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        match self {
            Self::Server(it) => it.poll(),
            Self::Backup(it) => it.poll(),
            Self::Participant(it) => it.poll(),
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        match self {
            Self::Server(it) => it.next_timeout(),
            Self::Backup(it) => it.next_timeout(),
            Self::Participant(it) => it.next_timeout(),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        match self {
            Self::Server(it) => it.handle_timeout(now),
            Self::Backup(it) => it.handle_timeout(now),
            Self::Participant(it) => it.handle_timeout(now),
        }
    }

    pub(crate) fn handle_message(&mut self, now: Duration, from: Serial, message: &Message) {
        match self {
            Self::Server(it) => it.handle_message(now, from, message),
            Self::Backup(it) => it.handle_message(now, from, message),
            Self::Participant(it) => it.handle_message(now, from, message),
        }
    }

    pub(crate) fn set_demand(&mut self, now: Duration, sessions: u32) {
        match self {
            Self::Server(it) => it.set_demand(now, sessions),
            Self::Backup(it) => it.set_demand(now, sessions),
            Self::Participant(it) => it.set_demand(now, sessions),
        }
    }

    /// A link to `peer`, which is the server or the backup.
    pub(crate) fn handle_link(&mut self, now: Duration, peer: (Place, Serial), link: Link) {
        match self {
            Self::Server(it) => it.handle_link(now, peer.1, link),
            // Participants dial the backup, not the other way round.
            Self::Backup(it) if peer.0 == SERVER => it.handle_link(now, peer.1, link),
            Self::Backup(_) => {}
            Self::Participant(it) => it.handle_link(now, peer.1, link),
        }
    }
}

pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) serial: Serial,
    pub(crate) membership: Membership,
    pub(crate) machine: Option<Machine>,
    pub(crate) disk: Disk,
    incarnation: u64,
    /// What the unit's clock is ahead of the simulation's, in milliseconds.
    ahead: i64,
    /// Killed after so many more outputs.
    pub(crate) fuse: Option<u32>,
    pub(crate) demand: u32,
    pub(crate) standby: bool,
}

pub(crate) fn serial_of(place: Place) -> Serial {
    format!("SIM{place:08}").parse().expect("a serial number")
}

/// Models with different platform maxima, some with sessions of their own.
pub(crate) fn memberships() -> &'static [Membership] {
    static MEMBERSHIPS: OnceLock<Vec<Membership>> = OnceLock::new();
    MEMBERSHIPS.get_or_init(|| {
        let units = [
            ("ASA 5510", 0),
            ("ASA 5520", 0),
            ("ASA 5520", 100),
            ("ASA 5540", 500),
            ("ASA 5510", 100),
            ("ASA 5580-20", 0),
        ];
        let membership = |(model, local)| {
            let mut unit = Unit::new(catalogue::find(model, None, None).expect("a model"));
            unit.add(Feature::SharedParticipant, Value::Enabled).expect("sold");
            if local > 0 {
                unit.add(Feature::AnyconnectPremium, Value::Count(local)).expect("sold");
            }
            Membership::participant(&RunningLicense::of(&unit)).expect("a participant")
        };
        units.map(membership).into()
    })
}

pub(crate) fn server_membership(size: u32) -> Membership {
    let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).expect("a model"));
    unit.add(Feature::SharedServer, Value::Count(size)).expect("sold");
    Membership::server(&unit, &RunningLicense::of(&unit)).expect("a server")
}

impl Node {
    pub(crate) fn new(place: Place, setup: &Setup) -> Self {
        let kinds = memberships();
        let membership = match place {
            SERVER => server_membership(setup.size),
            place => kinds[place % kinds.len()],
        };
        Self {
            place,
            serial: serial_of(place),
            membership,
            machine: None,
            disk: Disk::default(),
            incarnation: 0,
            ahead: 0,
            fuse: None,
            demand: 0,
            standby: false,
        }
    }

    /// Shared sessions that it may admit.
    pub(crate) fn held(&self) -> u32 {
        self.machine.as_ref().map_or(0, |machine| machine.own().held())
    }

    pub(crate) fn room(&self) -> u32 {
        self.membership.platform() - self.membership.local()
    }

    /// What the unit's own clock shows.
    pub(crate) fn clock(&self, now: Duration) -> Duration {
        let shown = i64::try_from(now.as_millis()).expect("not that long") + self.ahead;
        // The rest of a millisecond would be lost: it is waited for.
        Duration::from_millis(u64::try_from(shown).unwrap_or_default())
    }

    /// When the simulation's clock has reached what the unit's will show.
    pub(crate) fn global(&self, shown: Duration) -> Duration {
        let millis = i64::try_from(shown.as_nanos().div_ceil(1_000_000)).expect("not that long");
        Duration::from_millis(u64::try_from(millis - self.ahead).unwrap_or_default())
    }

    pub(crate) fn jump(&mut self, by_millis: i64) {
        self.ahead += by_millis;
    }

    /// Starts the process, with what is stored, in a new life; its clock begins anew.
    pub(crate) fn start(&mut self, now: Duration, setup: &Setup, epoch: u64) {
        self.incarnation += 1;
        self.fuse = None;
        let epoch = i64::try_from(epoch).expect("small");
        self.ahead = epoch - i64::try_from(now.as_millis()).expect("not that long");
        let now = self.clock(now);
        let own = ParticipantConfig {
            serial: self.serial,
            incarnation: self.incarnation,
            hostname: format!("unit-{}", self.place).parse().expect("a name"),
            membership: self.membership,
            appetite: Appetite::default(),
        };
        let mut machine = match self.place {
            SERVER => {
                let settings = settings(setup);
                let saved = self.disk.records.values().cloned();
                let server = Server::start(now, Start::Return, own, settings, saved);
                Machine::Server(Box::new(server.expect("settings that work")))
            }
            BACKUP => Machine::Backup(Box::new(Backup::start(
                now,
                own,
                self.disk.backup,
                self.disk.records.values().cloned(),
            ))),
            _ => Machine::Participant(Box::new(Participant::new(now, own))),
        };
        if let Machine::Participant(participant) = &mut machine
            && self.standby
        {
            participant.stand_by(now);
        }
        machine.set_demand(now, self.demand);
        self.machine = Some(machine);
    }
}

fn settings(setup: &Setup) -> Settings {
    let mut settings = Settings::new(setup.size).expect("a size that is sold");
    settings.refresh = setup.refresh;
    settings.overlap = setup.overlap;
    settings.backup =
        setup.has_backup.then(|| BackupId { primary: serial_of(BACKUP), standby: None });
    for place in BACKUP + 1..setup.participants + 2 {
        let reserved = if place < 4 { setup.reserved } else { 0 };
        let cap = setup.cap.filter(|_| place % 5 == 4);
        if reserved > 0 || cap.is_some() {
            settings.allotments.insert(serial_of(place), Allotment { reserved, cap });
        }
    }
    settings
}

pub(crate) fn cap_of(setup: &Setup, place: Place) -> Option<u32> {
    setup.cap.filter(|_| place > BACKUP && place % 5 == 4)
}
