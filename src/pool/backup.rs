//! The backup server: a participant that serves while the main server is down.

use std::time::Duration;

use super::authority::{Authority, PoolUsage, exchange};
use super::book::Terms;
use super::budget::{Budget, days_of};
use super::denial::Denials;
use super::event::Event;
use super::message::{Message, Refusal, Report, Role, SyncAnswer, Update};
use super::participant::{Participant, ParticipantConfig};
use super::record::Record;
use super::settings::Membership;
use super::tally::Tallies;
use super::{Change, DecodeError, Link, Output, Outputs, TAKEOVER};
use crate::license::key::Serial;

/// How long the server's answer to a part of the report is waited for.
const REPORT_RETRY: Duration = Duration::from_secs(1);

/// The refresh interval until the server has told one.
const DEFAULT_REFRESH: Duration = Duration::from_secs(30);

/// What a backup has to remember besides its records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackupState {
    /// Whether it has had all records of the server at least once (G49, G53).
    pub synchronised: bool,
    /// Whether it has served since its last complete report.
    pub report_due: bool,
    /// For how long it may serve.
    pub budget: Budget,
    /// Sessions in the pool, by the server's word.
    pub size: u32,
    /// How often participants refresh, by the server's word.
    pub refresh: Duration,
    /// The limit on stranded sessions that are given again, by the server's word.
    pub overlap: Option<u32>,
    /// How many participants may be known at once.
    pub most_participants: usize,
}

impl Default for BackupState {
    fn default() -> Self {
        Self {
            synchronised: false,
            report_due: false,
            budget: Budget::default(),
            size: 0,
            refresh: DEFAULT_REFRESH,
            overlap: None,
            most_participants: 100_000,
        }
    }
}

/// A report on its way.
#[derive(Clone, Debug)]
struct Reporting {
    message: Report,
    /// The version of the books that is reached with it.
    reached: u64,
    retry_at: Duration,
}

/// The backup server. See the head of [`pool`](super).
#[derive(Clone, Debug)]
pub struct Backup {
    now: Duration,
    state: BackupState,
    saved: BackupState,
    authority: Authority,
    own: Participant,
    /// The main server, its life, and what is applied of its versions.
    server: Option<Serial>,
    server_incarnation: u64,
    applied: u64,
    heard: Duration,
    /// Whether there is a link to the server, and since when there is none.
    linked: bool,
    lost: Option<Duration>,
    /// Until when the time that the server was up is credited.
    credited: Duration,
    /// Until when the time served is spent.
    spent_until: Duration,
    /// The version of the books when it began to serve.
    served_from: u64,
    /// How many parts of reports were begun in this life.
    parts: u64,
    reporting: Option<Reporting>,
    outputs: Outputs,
}

impl Backup {
    /// A backup in a new life, with what was saved in earlier ones: the last
    /// [`Change::Backup`] and every record. The standby unit of a pair of backups starts with what
    /// the active one saved, and counts down where that left off (G70).
    pub fn start(
        now: Duration,
        own: ParticipantConfig,
        saved: Option<BackupState>,
        records: impl IntoIterator<Item = Record>,
    ) -> Self {
        let state = saved.unwrap_or_default();
        let terms = Terms {
            size: state.size,
            refresh: state.refresh,
            overlap: state.overlap,
            most: state.most_participants.max(1),
        };
        let mut authority = Authority::new(own.serial, own.incarnation, Role::Backup, terms);
        authority.backup = Some(own.serial);
        records.into_iter().for_each(|record| authority.book.adopt(now, record));
        let _ = authority.book.take_unsaved();
        let mut backup = Self {
            now,
            state,
            saved: state,
            authority,
            own: Participant::new(now, own),
            server: None,
            server_incarnation: 0,
            applied: 0,
            heard: now,
            linked: false,
            lost: None,
            credited: now,
            spent_until: now,
            served_from: 0,
            parts: 0,
            reporting: None,
            outputs: Outputs::new(),
        };
        backup.act();
        backup
    }

    /// Whether it serves in the main server's place.
    pub const fn is_serving(&self) -> bool {
        self.authority.is_open()
    }

    /// What it has to remember, up to now.
    pub const fn state(&self) -> &BackupState {
        &self.state
    }

    /// How long it may serve as of `now`, of which [`state`](Self::state) is told when something
    /// happens.
    pub fn budget(&self, now: Duration) -> Budget {
        let (now, mut budget) = (self.now.max(now), self.state.budget);
        if self.is_serving() {
            budget.spend(now.saturating_sub(self.spent_until));
        } else if self.linked && self.is_in_contact(now) {
            budget.recharge(now.saturating_sub(self.credited));
        }
        budget
    }

    /// What is granted and what is left, by its copy or by what it granted itself.
    pub fn usage(&self) -> PoolUsage {
        self.authority.usage()
    }

    /// See [`Server::oversubscription_bound`](super::Server::oversubscription_bound).
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

    /// Messages, by request, as a server.
    pub const fn tallies(&self) -> &Tallies {
        &self.authority.tallies
    }

    /// Its part as a participant (G58).
    pub const fn own(&self) -> &Participant {
        &self.own
    }

    /// So many sessions are in use or asked for on the unit; see [`Participant::set_demand`].
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

    /// The unit has the place of another one of its pair; see [`Participant::take_over`].
    pub fn take_over(&mut self, now: Duration, of: Serial) {
        self.tick(now);
        self.own.take_over(self.now, of);
        self.act();
    }

    /// A link to the main server went up or down. Those of participants need not be told.
    ///
    /// Its days are counted from when the link was lost, though it serves only when it has heard
    /// nothing for [`TAKEOVER`].
    pub fn handle_link(&mut self, now: Duration, server: Serial, link: Link) {
        self.tick(now);
        match link {
            Link::Up => self.linked = true,
            Link::Down if self.linked => {
                self.linked = false;
                if !self.is_serving() && self.is_in_contact(self.now) {
                    self.credit();
                    self.lost = Some(self.now);
                }
            }
            Link::Down => {}
        }
        self.own.handle_link(self.now, server, link);
        self.act();
    }

    /// A message came from `from`.
    pub fn handle_message(&mut self, now: Duration, from: Serial, message: &Message) {
        self.tick(now);
        match message {
            Message::Sync(update) => self.update(from, update),
            Message::ReportAnswer { backup, number } => self.reported(*backup, *number),
            Message::Register(..) | Message::Claim(_) | Message::Transfer { .. } => {
                self.authority.handle_message(self.now, from, message);
            }
            answer => self.own.handle_message(self.now, from, answer),
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
        let role = if self.is_serving() {
            // By the minute, so that little is lost to a crash and the end is not missed.
            let minute = self.spent_until + Duration::from_secs(60);
            Some(minute.min(self.spent_until + self.state.budget.remaining))
        } else {
            self.may_serve().then(|| self.heard + TAKEOVER)
        };
        let reporting = self.reporting.as_ref().map(|report| report.retry_at);
        let others = [self.authority.next_timeout(), self.own.next_timeout()];
        [role, reporting].into_iter().chain(others).flatten().min()
    }

    /// The next thing to do for the caller.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is due by now is done before what comes now.
    fn tick(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.spend();
        self.authority.handle_timeout(self.now);
    }

    fn act(&mut self) {
        if !self.is_serving() && self.may_serve() && self.now >= self.heard + TAKEOVER {
            self.begin_to_serve();
        }
        self.authority.handle_timeout(self.now);
        self.own.handle_timeout(self.now);
        self.report_again();
        self.save();
        exchange(self.now, &mut self.authority, &mut self.own, &mut self.outputs);
    }

    /// Whether it is able to serve (G49, G52, G53) and allowed to (G55).
    const fn may_serve(&self) -> bool {
        self.state.synchronised && !self.state.budget.remaining.is_zero()
    }

    /// Counts the time that was served, and stops at its end.
    fn spend(&mut self) {
        if !self.is_serving() {
            return;
        }
        let spent = self.state.budget.spend(self.now.saturating_sub(self.spent_until));
        self.spent_until = self.now;
        if let Some(days) = spent.days_left {
            self.authority.log(Event::BackupRemaining { days });
        }
        if let Some(days) = spent.served {
            self.authority.log(Event::BackupServed { days });
        }
        if spent.over {
            let days = days_of(self.state.budget.served);
            self.authority.log(Event::BackupTerminated { days });
            self.step_down(Refusal::BackupSpent);
        }
    }

    /// Whether the server was heard so lately that it is taken to be up.
    fn is_in_contact(&self, now: Duration) -> bool {
        self.state.synchronised && now < self.heard + TAKEOVER
    }

    /// Credits the time that the server was up.
    fn credit(&mut self) {
        self.state.budget.recharge(self.now.saturating_sub(self.credited));
        self.credited = self.now;
    }

    fn begin_to_serve(&mut self) {
        self.reporting = None;
        self.served_from = if self.state.report_due { 0 } else { self.authority.book.version() };
        self.state.report_due = true;
        // What the server was away for is counted, not what this unit served.
        self.spent_until = self.lost.unwrap_or(self.heard);
        self.authority.open(self.now);
        self.save();
        self.authority.log(Event::BackupRole { active: true });
        self.own.handle_link(self.now, self.authority.serial, Link::Up);
    }

    fn step_down(&mut self, why: Refusal) {
        self.authority.close(why);
        self.authority.log(Event::BackupRole { active: false });
        self.own.handle_link(self.now, self.authority.serial, Link::Down);
    }

    /// The main server is up, and says what changed.
    fn update(&mut self, from: Serial, update: &Update) {
        if update.server < self.server_incarnation {
            return;
        }
        if update.server > self.server_incarnation {
            self.server_incarnation = update.server;
            self.applied = 0;
            self.reporting = None;
        }
        if self.is_serving() {
            self.step_down(Refusal::NotActive);
        } else if self.is_in_contact(self.now) {
            self.credit();
        }
        self.authority.close(Refusal::NotActive);
        self.state.budget.served = Duration::ZERO;
        self.server = Some(from);
        self.heard = self.now;
        self.credited = self.now;
        self.lost = None;
        self.apply(update);
        self.save();
        let answer = SyncAnswer {
            backup: self.authority.incarnation,
            server: update.server,
            version: self.applied,
            report_due: self.state.report_due,
            remaining: self.state.budget.remaining,
        };
        let message = Message::SyncAnswer(answer);
        self.authority.output(Output::Send { to: from, message });
        if self.state.report_due && self.reporting.is_none() {
            self.report(self.served_from);
        }
    }

    /// Takes the records that follow what is applied; what came before is older than what is known.
    fn apply(&mut self, update: &Update) {
        if update.base > self.applied || update.version < self.applied {
            return;
        }
        self.state.size = update.size;
        self.state.refresh = update.refresh;
        self.state.overlap = update.overlap;
        self.authority.book.terms = Terms {
            size: update.size,
            refresh: update.refresh,
            overlap: update.overlap,
            most: self.authority.book.terms.most,
        };
        for record in update.records.records() {
            self.authority.book.follow(self.now, record.clone());
        }
        self.applied = update.version;
        self.state.synchronised |= update.complete;
    }

    /// Sends the part of the report that begins after the version `base` of the books.
    fn report(&mut self, base: u64) {
        let (records, reached, last) = self.authority.book.changes_since(base);
        self.parts += 1;
        let message = Report {
            server: self.server_incarnation,
            backup: self.authority.incarnation,
            number: self.parts,
            last,
            records,
        };
        self.reporting = Some(Reporting { message, reached, retry_at: self.now });
        self.report_again();
    }

    fn report_again(&mut self) {
        let now = self.now;
        let Some(report) = self.reporting.as_mut().filter(|it| it.retry_at <= now) else { return };
        let Some(to) = self.server else { return };
        report.retry_at = now + REPORT_RETRY;
        let message = Message::Report(report.message.clone());
        self.authority.output(Output::Send { to, message });
    }

    fn reported(&mut self, backup: u64, number: u64) {
        let answers =
            |it: &mut Reporting| (it.message.backup, it.message.number) == (backup, number);
        let Some(report) = self.reporting.take_if(answers) else { return };
        if report.message.last {
            self.state.report_due = false;
            self.save();
        } else {
            self.report(report.reached);
        }
    }

    /// Has stored what changed, the time left by the minute.
    fn save(&mut self) {
        self.authority.save();
        let serving = self.is_serving();
        let mut state = BackupState { budget: self.state.budget.rounded(serving), ..self.state };
        // Time that was stored as spent ahead is not stored as left again while it serves.
        if serving && state.budget.remaining > self.saved.budget.remaining {
            state.budget.remaining = self.saved.budget.remaining;
        }
        let counts = |it: &BackupState| {
            let minutes = it.budget.remaining.as_secs() / 60;
            (it.synchronised, it.report_due, minutes, it.size, it.refresh, it.overlap)
        };
        if counts(&state) != counts(&self.saved) {
            self.saved = state;
            self.authority.output(Output::Save(Change::Backup(state)));
        }
    }
}
