//! A unit as its file holds it, and the passing of time on it.

use std::path::Path;
use std::time::Duration;

use super::record::DeviceRecord;
use super::{File, Moment, StoreError};
use crate::catalogue::{Entry, Feature};
use crate::license::failover::{Group, Mismatch, What};
use crate::license::key::{ParsedKey, Serial, UnitSecret};
use crate::license::ring::{Activation, Entered, Event, KeyRing, RingError};
use crate::license::{Configuration, GroupMode, RunningLicense};

/// What time brought about.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Occurrence {
    /// Something on one unit.
    Key(Serial, Event),
    /// The units have been without communication for more than 30 days and go by their own
    /// licences (F45).
    GraceEnded,
    /// The units can be a group no longer, for these reasons.
    GroupEnded(Mismatch),
}

/// A unit: its keys and the secret that they are verified with.
#[derive(Clone, Debug)]
pub struct Member {
    /// The keys and their timers.
    pub ring: KeyRing,
    /// What verifies keys for its serial number.
    pub secret: UnitSecret,
}

/// What a unit's file holds: the unit, its configuration, and the units that it forms a failover
/// pair or a cluster with.
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue;
/// use tollgate::license::key::Authority;
/// use tollgate::license::ring::Clock;
/// use tollgate::store::{Device, Moment};
///
/// let boot = "e1f2".to_owned();
/// let now = Moment { clock: Clock::default(), boot, uptime: Duration::ZERO };
/// let secret = Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse()?);
/// let mut device = Device::new(catalogue::find("ASA 5520", None, None)?, secret, &now);
///
/// let later = Moment { uptime: Duration::from_secs(3600), ..now };
/// assert!(device.catch_up(&later).is_empty()); // nothing expired
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Device {
    /// This unit first, which is the primary of its group, then the others.
    pub(super) units: Vec<Member>,
    pub(super) configuration: Configuration,
    pub(super) group: Option<Group>,
    /// The boot and its uptime up to which time has passed.
    pub(super) boot: String,
    pub(super) uptime: Duration,
}

impl Device {
    /// A unit as shipped.
    pub fn new(entry: &'static Entry, secret: UnitSecret, now: &Moment) -> Self {
        let ring = KeyRing::new(entry, *secret.serial(), now.clock);
        Self {
            units: vec![Member { ring, secret }],
            configuration: Configuration::default(),
            group: None,
            boot: now.boot.clone(),
            uptime: now.uptime,
        }
    }

    /// The unit's keys.
    pub fn ring(&self) -> &KeyRing {
        &self.units[0].ring
    }

    /// The unit with its secret.
    pub fn member_mut(&mut self) -> &mut Member {
        &mut self.units[0]
    }

    /// Enters a key on this unit.
    ///
    /// # Errors
    ///
    /// As [`KeyRing::enter`]; nothing is changed then.
    pub fn enter(&mut self, key: ParsedKey) -> Result<Entered, RingError> {
        let Member { ring, secret } = &mut self.units[0];
        let entered = ring.enter(secret, key)?;
        self.apply(key);
        Ok(entered)
    }

    /// Activates a time-based key of this unit.
    ///
    /// # Errors
    ///
    /// As [`KeyRing::activate`]; nothing is changed then.
    pub fn activate(&mut self, key: ParsedKey) -> Result<Activation, RingError> {
        let activation = self.units[0].ring.activate(key)?;
        self.apply(key);
        Ok(activation)
    }

    fn apply(&mut self, key: ParsedKey) {
        if let Ok(key) = self.units[0].secret.verify(key) {
            self.configuration.apply(key.grant().licences());
        }
    }

    /// Every unit of the group, this one first; this one alone without a group.
    pub fn members(&self) -> &[Member] {
        &self.units
    }

    /// What is configured.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Configures the unit.
    pub fn configure(&mut self, configuration: Configuration) {
        self.configuration = configuration;
    }

    /// The failover pair or the cluster, where the unit is in one.
    pub const fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// Forms a group with this unit as its primary.
    ///
    /// # Errors
    ///
    /// Every reason that stands against it; nothing is changed then.
    pub fn form(&mut self, mode: GroupMode, mates: &[Member]) -> Result<(), Mismatch> {
        let units: Vec<_> = self.units.iter().take(1).chain(mates).cloned().collect();
        let rings: Vec<_> = units.iter().map(|unit| &unit.ring).collect();
        self.group = Some(Group::form(mode, &rings, &self.configuration)?);
        self.units = units;
        Ok(())
    }

    /// Ends the group: this unit goes by its own licence.
    pub fn leave(&mut self) {
        self.group = None;
        self.units.truncate(1);
    }

    /// The units of the group communicate, or no longer do.
    pub fn link(&mut self, connected: bool) {
        let Some(group) = &mut self.group else { return };
        if connected {
            let mut rings: Vec<_> = self.units.iter_mut().map(|unit| &mut unit.ring).collect();
            group.reconnect(&mut rings);
        } else {
            group.disconnect();
        }
    }

    /// What is in force under `configuration`: with a group the combined licence (I3).
    pub fn running(&self, configuration: &Configuration) -> RunningLicense {
        let combined = self.group.as_ref();
        combined
            .and_then(|group| group.running(&self.rings(), configuration, 0))
            .unwrap_or_else(|| self.ring().running(configuration))
    }

    /// How long `feature` stays as [`Device::running`] has it; none is for ever.
    pub fn remaining(&self, configuration: &Configuration, feature: Feature) -> Option<Duration> {
        match &self.group {
            Some(group) => group.remaining(&self.rings(), configuration, 0, feature),
            None => self.ring().remaining(&self.running(configuration), feature),
        }
    }

    /// The time until something expires, if nobody changes anything.
    pub fn next_change(&self) -> Option<Duration> {
        match &self.group {
            Some(group) => group.next_change(&self.rings()),
            None => self.ring().next_change(),
        }
    }

    /// Lets the time pass since the last moment: what the boot's uptime says, and where the machine
    /// was booted since, what the clock says for the time that it was off. Whether that counts is
    /// the policy's to say (B15, B16).
    ///
    /// What came of it. A group whose units can be one no longer ends in the moment in which
    /// that is so.
    pub fn catch_up(&mut self, now: &Moment) -> Vec<Occurrence> {
        let mut events = Vec::new();
        if self.boot == now.boot {
            events.extend(self.pass(now.uptime.saturating_sub(self.uptime)));
            self.uptime = self.uptime.max(now.uptime);
        } else {
            let booted = now.clock.minus(now.uptime);
            let off = booted.since(self.ring().clock()).unwrap_or_default();
            self.units.iter_mut().for_each(|unit| unit.ring.shut_down());
            events.extend(self.pass(off));
            for unit in &mut self.units {
                unit.ring.set_clock(booted);
                let serial = *unit.ring.serial();
                let booted = unit.ring.boot().into_iter();
                events.extend(booted.map(|event| Occurrence::Key(serial, event)));
            }
            events.extend(self.pass(now.uptime));
            (self.boot, self.uptime) = (now.boot.clone(), now.uptime);
        }
        self.units.iter_mut().for_each(|unit| unit.ring.set_clock(now.clock));
        events
    }

    /// Lets time pass from one change of a licence to the next.
    fn pass(&mut self, elapsed: Duration) -> Vec<Occurrence> {
        let mut events = Vec::new();
        let mut left = elapsed;
        loop {
            let next = self.next_change().filter(|next| !next.is_zero());
            let step = next.map_or(left, |next| next.min(left));
            events.extend(self.step(step));
            events.extend(self.settle().map(Occurrence::GroupEnded));
            left = left.saturating_sub(step);
            if left.is_zero() {
                return events;
            }
        }
    }

    fn step(&mut self, time: Duration) -> Vec<Occurrence> {
        let serials: Vec<_> = self.units.iter().map(|unit| *unit.ring.serial()).collect();
        let Some(group) = &mut self.group else {
            let happened = self.units[0].ring.advance(time).into_iter();
            return happened.map(|(_, event)| Occurrence::Key(serials[0], event)).collect();
        };
        let mut rings: Vec<_> = self.units.iter_mut().map(|unit| &mut unit.ring).collect();
        let happened = group.advance(&mut rings, time).into_iter();
        let told = happened.filter_map(|event| match event.what {
            What::Unit(index, event) => Some(Occurrence::Key(*serials.get(index)?, event)),
            What::GraceEnded => Some(Occurrence::GraceEnded),
        });
        told.collect()
    }

    /// Ends a group whose units can be one no longer, and says why; see [`Group::recheck`].
    fn settle(&mut self) -> Option<Mismatch> {
        let why = self.group.as_ref()?.recheck(&self.rings(), &self.configuration).err()?;
        self.leave();
        Some(why)
    }

    fn rings(&self) -> Vec<&KeyRing> {
        self.units.iter().map(|unit| &unit.ring).collect()
    }
}

impl Device {
    /// Opens a unit's file and lets the time pass since its record; with what came of it.
    ///
    /// # Errors
    ///
    /// As [`File::open`], and when the stored keys are not the unit's.
    pub fn open(
        path: &Path,
        now: &Moment,
    ) -> Result<(File<DeviceRecord>, Self, Vec<Occurrence>), StoreError> {
        let (file, record) = File::<DeviceRecord>::open(path)?;
        let mut device = record.restore(path)?;
        let events = device.catch_up(now);
        Ok((file, device, events))
    }

    /// Creates a unit's file.
    ///
    /// # Errors
    ///
    /// As [`File::create`].
    pub fn create(&self, path: &Path) -> Result<(), StoreError> {
        File::create(path, &DeviceRecord::of(self))
    }

    /// Replaces the record of a unit's file, after what was done ended a group whose units can be
    /// one no longer: then it says why.
    ///
    /// # Errors
    ///
    /// As [`File::replace`].
    pub fn save(&mut self, file: File<DeviceRecord>) -> Result<Option<Mismatch>, StoreError> {
        let ended = self.settle();
        file.replace(&DeviceRecord::of(self))?;
        Ok(ended)
    }

    /// One turn of what keeps the timers of a running unit: lets the time pass since the record of
    /// its file, and replaces it.
    ///
    /// What came of it, and when the next turn is: after `every`, and earlier where a licence
    /// expires before.
    ///
    /// # Errors
    ///
    /// As [`Device::open`] and [`Device::save`].
    pub fn tick(
        path: &Path,
        now: &Moment,
        every: Duration,
    ) -> Result<(Vec<Occurrence>, Duration), StoreError> {
        let (file, mut device, events) = Self::open(path, now)?;
        device.save(file)?;
        Ok((events, device.next_change().map_or(every, |next| next.min(every))))
    }
}
