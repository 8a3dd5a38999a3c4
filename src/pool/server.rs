//! The licensing server.

use std::collections::BTreeMap;
use std::time::Duration;

use super::authority::{Authority, PoolUsage, exchange};
use super::book::Terms;
use super::denial::Denials;
use super::event::Event;
use super::message::{Message, Refusal, Report, Role, SyncAnswer, Update};
use super::participant::{Participant, ParticipantConfig};
use super::record::Record;
use super::settings::{Membership, Settings, SettingsError};
use super::tally::Tallies;
use super::{DecodeError, Link, Output, Outputs, SYNC_INTERVAL, TAKEOVER};
use crate::license::key::Serial;

/// How long the backup's answer to a part of the records is waited for.
const SYNC_RETRY: Duration = Duration::from_secs(1);

/// Why a server starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// It has never served, so that nobody can have in its place.
    First,
    /// It was down: its backup may have served since, and is waited for (G57). So it is where its
    /// books are lost: the backup may have them.
    Return,
    /// It is the standby unit of a pair whose active unit failed: it serves at once (G66, G67).
    Failover,
}

/// What the server knows of its backup.
#[derive(Clone, Copy, Debug)]
struct BackupPeer {
    incarnation: u64,
    /// What it has applied of this life's versions.
    version: u64,
    next_update: Duration,
    heard: Duration,
    unavailable: bool,
    remaining: Option<Duration>,
}

/// The licensing server. See the head of [`pool`](super).
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue::{self, Feature, Value};
/// use tollgate::license::{RunningLicense, Unit};
/// use tollgate::pool::{Appetite, Membership, ParticipantConfig, Server, Settings, Start};
///
/// let mut unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
/// unit.add(Feature::SharedServer, Value::Count(1_000))?;
/// let membership = Membership::server(&unit, &RunningLicense::of(&unit))?;
/// let own = ParticipantConfig {
///     serial: "JMX0912K04J".parse()?,
///     incarnation: 1,
///     hostname: "headquarters".parse()?,
///     membership,
///     appetite: Appetite::default(),
/// };
/// let settings = Settings::new(1_000)?;
/// let mut server = Server::start(Duration::ZERO, Start::Return, own, settings, [])?;
///
/// server.set_demand(Duration::ZERO, 120); // its own users draw on the pool (G7, G47)
/// assert_eq!(server.usage().granted, 150);
/// assert_eq!(server.oversubscription_bound(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    now: Duration,
    settings: Settings,
    authority: Authority,
    own: Participant,
    backups: BTreeMap<Serial, BackupPeer>,
    /// Until when the backup's report is waited for.
    returning: Option<Duration>,
    outputs: Outputs,
}

impl Server {
    /// A server in a new life, with the records that were saved in earlier ones: all of them, as
    /// the last [`Change`](super::Change) of each left it.
    ///
    /// # Errors
    ///
    /// Where the settings are not such that a server could work with them.
    pub fn start(
        now: Duration,
        start: Start,
        own: ParticipantConfig,
        settings: Settings,
        saved: impl IntoIterator<Item = Record>,
    ) -> Result<Self, SettingsError> {
        settings.check(own.serial)?;
        let terms = Terms {
            size: settings.size,
            refresh: settings.refresh,
            overlap: settings.overlap,
            most: settings.most_participants.max(1),
        };
        let mut authority = Authority::new(own.serial, own.incarnation, Role::Main, terms);
        authority.backup = settings.backup.map(|backup| backup.primary);
        authority.backup_address.clone_from(&settings.backup_address);
        saved.into_iter().for_each(|record| authority.book.adopt(now, record));
        let _ = authority.book.take_unsaved();
        authority.book.allot(&settings.allotments);
        let own_serial = own.serial;
        let mut server = Self {
            now,
            settings,
            authority,
            own: Participant::new(now, own),
            backups: BTreeMap::new(),
            returning: None,
            outputs: Outputs::new(),
        };
        let waits = start == Start::Return && server.settings.backup.is_some();
        if waits {
            server.returning = Some(now + TAKEOVER);
        } else {
            server.authority.open(now);
        }
        server.own.handle_link(now, own_serial, Link::Up);
        server.act();
        Ok(server)
    }

    /// Whether it serves: not before its backup has reported, or was waited for (G57).
    pub const fn is_serving(&self) -> bool {
        self.authority.is_open()
    }

    /// The settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is granted and what is left.
    pub fn usage(&self) -> PoolUsage {
        self.authority.usage()
    }

    /// Sessions that participants may hold beyond the pool, at most: those stranded at participants
    /// that are out of contact, as far as they are given again. Why: see the head of
    /// [`pool`](super#over-subscription).
    pub fn oversubscription_bound(&self) -> u64 {
        self.authority.bound()
    }

    /// Every participant known, by ID.
    pub fn participants(&self) -> impl Iterator<Item = &Record> {
        self.authority.book.records()
    }

    /// The ledger of denials since the start.
    pub const fn denials(&self) -> &Denials {
        &self.authority.book.denials
    }

    /// Messages, by request.
    pub const fn tallies(&self) -> &Tallies {
        &self.authority.tallies
    }

    /// The server's own part in the pool.
    pub const fn own(&self) -> &Participant {
        &self.own
    }

    /// How long the backup could serve, as it said last; of a pair, the unit that was heard last.
    pub fn backup_remaining(&self) -> Option<Duration> {
        let last =
            self.backups.values().filter(|it| it.remaining.is_some()).max_by_key(|it| it.heard);
        last.and_then(|backup| backup.remaining)
    }

    /// So many sessions are in use or asked for on the server itself; see
    /// [`Participant::set_demand`].
    pub fn set_demand(&mut self, now: Duration, sessions: u32) {
        self.tick(now);
        self.own.set_demand(self.now, sessions);
        self.act();
    }

    /// It draws on the pool no more; see [`Participant::stand_by`].
    pub fn stand_by(&mut self, now: Duration) {
        self.tick(now);
        self.own.stand_by(self.now);
        self.act();
    }

    /// Its licence changed; see [`Participant::set_membership`].
    pub fn set_membership(&mut self, now: Duration, membership: Membership) {
        self.tick(now);
        self.own.set_membership(self.now, membership);
        self.act();
    }

    /// The unit has the place of another one of its pair: what that one drew on the pool itself
    /// moves to this one; see [`Participant::take_over`].
    pub fn take_over(&mut self, now: Duration, of: Serial) {
        self.tick(now);
        self.own.take_over(self.now, of);
        self.act();
    }

    /// A link to the backup went up or down. Those of participants need not be told: who is silent
    /// is lost after three intervals, and no earlier (G30).
    pub fn handle_link(&mut self, now: Duration, peer: Serial, link: Link) {
        self.tick(now);
        let now = self.now;
        if let Some(backup) = self.backup_peer(peer) {
            // Nothing is sent that cannot arrive.
            backup.next_update = if link == Link::Up { now } else { now + SYNC_INTERVAL };
        }
        self.act();
    }

    /// The pool has another size from now on, which is what its licence is for. With fewer sessions
    /// than are granted nobody loses any, and none are granted until enough are given back. With
    /// fewer than are reserved none are granted to others, and the operator is told.
    pub fn set_size(&mut self, now: Duration, size: u32) {
        self.tick(now);
        if size == self.settings.size {
            return;
        }
        self.settings.size = size;
        self.authority.book.terms.size = size;
        let reserved = self.settings.reserved();
        if reserved > u64::from(size) {
            self.authority.log(Event::ReservedBeyond { reserved, size });
        }
        self.act();
    }

    /// A message came from `from`.
    pub fn handle_message(&mut self, now: Duration, from: Serial, message: &Message) {
        self.tick(now);
        match message {
            Message::SyncAnswer(answer) => self.synchronised(from, answer),
            Message::Report(report) => self.merge(from, report),
            message => self.authority.handle_message(self.now, from, message),
        }
        self.act();
    }

    /// A frame that is no message came from `from`.
    pub fn handle_garbage(&mut self, now: Duration, from: Serial, error: DecodeError) {
        self.tick(now);
        self.authority.log(Event::BadMessage { from, error });
        self.act();
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.tick(now);
        self.act();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due at the latest.
    pub fn next_timeout(&self) -> Option<Duration> {
        let updates = self.backups.values().map(|backup| backup.next_update);
        let others = [self.returning, self.authority.next_timeout(), self.own.next_timeout()];
        updates.chain(others.into_iter().flatten()).min()
    }

    /// The next thing to do for the caller.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is due by now is done before what comes now.
    fn tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.authority.handle_timeout(self.now);
    }

    fn act(&mut self) {
        if self.returning.is_some_and(|until| self.now >= until) {
            self.serve();
        }
        self.authority.handle_timeout(self.now);
        self.own.handle_timeout(self.now);
        exchange(self.now, &mut self.authority, &mut self.own, &mut self.outputs);
        self.update_backups();
    }

    /// What is known of `unit`, where it is the backup or its standby.
    fn backup_peer(&mut self, unit: Serial) -> Option<&mut BackupPeer> {
        if !self.settings.backup.is_some_and(|backup| backup.is(unit)) {
            return None;
        }
        Some(self.backups.entry(unit).or_insert(BackupPeer {
            incarnation: 0,
            version: 0,
            next_update: self.now,
            heard: self.now,
            unavailable: false,
            remaining: None,
        }))
    }

    /// Sends every backup what it lacks, if it is time to.
    fn update_backups(&mut self) {
        let now = self.now;
        let due = self.backups.iter().filter(|(_, backup)| backup.next_update <= now);
        for serial in due.map(|(serial, _)| *serial).collect::<Vec<_>>() {
            self.send_update(serial);
        }
        for (&serial, backup) in &mut self.backups {
            if !backup.unavailable && now >= backup.heard + TAKEOVER {
                backup.unavailable = true;
                let event = Event::BackupUnavailable { backup: serial };
                self.outputs.push_back(Output::Log(event));
            }
        }
    }

    fn send_update(&mut self, to: Serial) {
        let serving = self.is_serving();
        let Some(backup) = self.backups.get_mut(&to) else { return };
        let (records, version, complete) = self.authority.book.changes_since(backup.version);
        let waits = if complete { SYNC_INTERVAL } else { SYNC_RETRY };
        backup.next_update = self.now + waits;
        let update = Update {
            server: self.authority.incarnation,
            serving,
            base: backup.version,
            version,
            complete,
            size: self.settings.size,
            refresh: self.settings.refresh,
            overlap: self.settings.overlap,
            records,
        };
        self.outputs.push_back(Output::Send { to, message: Message::Sync(update) });
    }

    fn synchronised(&mut self, from: Serial, answer: &SyncAnswer) {
        let incarnation = self.authority.incarnation;
        let latest = self.authority.book.version();
        let now = self.now;
        let Some(backup) = self.backup_peer(from) else {
            let reason = Refusal::NotTheBackup;
            let message = Message::Refused { incarnation: answer.backup, number: 0, reason };
            self.outputs.push_back(Output::Send { to: from, message });
            return;
        };
        if answer.backup < backup.incarnation || answer.server != incarnation {
            return;
        }
        if answer.backup > backup.incarnation {
            backup.version = 0;
        }
        let advanced = answer.version > backup.version;
        backup.incarnation = answer.backup;
        backup.version = backup.version.max(answer.version);
        backup.heard = now;
        backup.unavailable = false;
        backup.remaining = Some(answer.remaining);
        if advanced && backup.version < latest {
            backup.next_update = now;
        }
        self.hear_of_report(!answer.report_due);
    }

    /// While it returns, the server waits for a backup that has to report, and for no other.
    fn hear_of_report(&mut self, complete: bool) {
        if self.returning.is_none() {
            return;
        }
        self.returning = Some(self.now + TAKEOVER);
        if complete {
            self.serve();
        }
    }

    fn merge(&mut self, from: Serial, report: &Report) {
        if report.server != self.authority.incarnation || self.backup_peer(from).is_none() {
            return;
        }
        for record in report.records.records() {
            self.authority.book.merge(self.now, record);
        }
        if report.last {
            self.authority.book.top_up();
        }
        self.authority.save();
        let message = Message::ReportAnswer { backup: report.backup, number: report.number };
        self.authority.output(Output::Send { to: from, message });
        self.hear_of_report(report.last);
    }

    fn serve(&mut self) {
        self.returning = None;
        self.authority.open(self.now);
        self.authority.book.top_up();
        self.authority.save();
        self.authority.log(Event::ServerReturned);
    }
}
