//! What the server and a backup that serves have in common: they answer claims from their books.

use std::time::Duration;

use super::book::{Book, Terms, Verdict};
use super::codec::Label;
use super::event::{Event, Request};
use super::message::{About, Claim, Grant, Message, Refusal, Role};
use super::participant::Participant;
use super::settings::largest_of_model;
use super::tally::Tallies;
use super::{Change, Output, Outputs};
use crate::license::key::Serial;

/// What is granted and what is left, as `show shared license` has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolUsage {
    /// Sessions in the pool.
    pub size: u32,
    /// Sessions that are granted.
    pub granted: u64,
    /// Sessions that are granted to nobody.
    pub free: u32,
    /// The most that were granted at once since the start.
    pub high: u64,
    /// Sessions that may be in use at participants beyond what is granted to them.
    pub stranded: u64,
    /// Sessions that are reserved for participants and not granted to them.
    pub reserved: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Authority {
    pub(super) serial: Serial,
    pub(super) incarnation: u64,
    role: Role,
    pub(super) backup: Option<Serial>,
    pub(super) backup_address: Option<Label>,
    pub(super) book: Book,
    /// Why nothing is granted, where nothing is.
    pub(super) closed: Option<Refusal>,
    pub(super) tallies: Tallies,
    high: u64,
    nearly_exhausted: bool,
    outputs: Outputs,
}

impl Authority {
    pub(super) fn new(serial: Serial, incarnation: u64, role: Role, terms: Terms) -> Self {
        Self {
            serial,
            incarnation,
            role,
            backup: None,
            backup_address: None,
            book: Book::new(terms),
            closed: Some(Refusal::NotActive),
            tallies: Tallies::default(),
            high: 0,
            nearly_exhausted: false,
            outputs: Outputs::new(),
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    pub(super) fn usage(&self) -> PoolUsage {
        let totals = self.book.totals();
        PoolUsage {
            size: self.book.terms.size,
            granted: totals.granted,
            free: self.book.free(),
            high: self.high,
            stranded: totals.stranded,
            reserved: totals.kept,
        }
    }

    /// Sessions that participants may hold beyond the pool by these books: now, or when all that is
    /// free is granted.
    pub(super) fn bound(&self) -> u64 {
        let totals = self.book.totals();
        let now = totals.granted + totals.stranded;
        let overlap = self.book.terms.overlap.map_or(u64::MAX, u64::from);
        now.saturating_sub(self.book.terms.size.into()).max(totals.stranded.min(overlap))
    }

    /// Begins to serve from what the books say.
    pub(super) fn open(&mut self, now: Duration) {
        self.book.open(now);
        self.closed = None;
        self.save();
    }

    pub(super) fn close(&mut self, why: Refusal) {
        self.closed = Some(why);
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        if !self.is_open() {
            return;
        }
        for (participant, sessions) in self.book.expire(now) {
            self.log(Event::Expired { participant, sessions });
        }
        self.watch_the_level();
        self.save();
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.book.next_deadline().filter(|_| self.is_open())
    }

    /// Answers a claim; other messages are not for an authority.
    pub(super) fn handle_message(&mut self, now: Duration, from: Serial, message: &Message) {
        let (request, claim) = match message {
            Message::Register(_, claim) => (Request::Registration, claim),
            Message::Claim(claim) => (claim.purpose.into(), claim),
            Message::Transfer { claim, .. } => (Request::Transfer, claim),
            _ => return,
        };
        self.tallies.of_mut(request).received += 1;
        if let Some(why) = self.closed {
            self.tallies.of_mut(request).errors += 1;
            self.refuse(from, claim, why);
            return;
        }
        let verdict = match message {
            Message::Register(about, claim) => self.register(now, from, about, claim),
            Message::Transfer { of, claim } => self.transfer(now, from, *of, claim),
            _ => self.book.claim(now, from, claim),
        };
        self.watch_the_level();
        self.save();
        self.answer(from, request, claim, verdict);
    }

    fn register(&mut self, now: Duration, from: Serial, about: &About, claim: &Claim) -> Verdict {
        let Some(largest) = largest_of_model(&about.model) else {
            return self.book.refuse(now, from, claim, Refusal::UnsupportedModel);
        };
        // What a participant says of its platform counts as far as its model's table goes.
        let room = about.platform.min(largest).saturating_sub(about.local);
        let known = self.book.get(from).map(|record| (record.incarnation, record.standing));
        let verdict = self.book.register(now, from, (room, about.hostname.clone()), claim);
        let after = self.book.get(from).map(|record| (record.incarnation, record.standing));
        if after != known {
            self.log(Event::Registered { participant: from });
        }
        verdict
    }

    fn transfer(&mut self, now: Duration, from: Serial, of: Serial, claim: &Claim) -> Verdict {
        let (verdict, sessions) = self.book.transfer(now, from, of, claim);
        if sessions > 0 {
            self.log(Event::Transferred { from: of, to: from, sessions });
        }
        verdict
    }

    fn answer(&mut self, to: Serial, request: Request, claim: &Claim, verdict: Verdict) {
        let granted = match verdict {
            Verdict::Stale => {
                self.tallies.of_mut(request).errors += 1;
                return;
            }
            Verdict::Refused(reason) => {
                self.tallies.of_mut(request).errors += 1;
                self.refuse(to, claim, reason);
                return;
            }
            Verdict::Granted(granted) => granted,
        };
        self.tallies.of_mut(request).sent += 1;
        let grant = Grant {
            server: self.incarnation,
            incarnation: claim.incarnation,
            number: claim.number,
            granted,
            refresh: self.book.terms.refresh,
        };
        let message = match request {
            Request::Registration => {
                let backup_address = self.backup_address.clone();
                Message::Welcome { role: self.role, backup: self.backup, backup_address, grant }
            }
            _ => Message::Grant(grant),
        };
        self.outputs.push_back(Output::Send { to, message });
    }

    fn refuse(&mut self, to: Serial, claim: &Claim, reason: Refusal) {
        let Claim { incarnation, number, .. } = *claim;
        let message = Message::Refused { incarnation, number, reason };
        self.outputs.push_back(Output::Send { to, message });
    }

    /// Tells when more than nine tenths are granted, when all are, and when that is over.
    fn watch_the_level(&mut self) {
        let granted = self.book.totals().granted;
        let free = self.book.free();
        let over = granted * 10 > u64::from(self.book.terms.size) * 9;
        if over && !self.nearly_exhausted {
            self.log(Event::NearlyExhausted);
        }
        let emptied = granted > self.high && free == 0;
        if emptied || (self.nearly_exhausted && !over) {
            self.log(Event::Availability { free });
        }
        self.nearly_exhausted = over;
        self.high = self.high.max(granted);
    }

    /// Has what changed in the books stored before anything that is said of it is sent.
    pub(super) fn save(&mut self) {
        for (serial, record) in self.book.take_unsaved() {
            let change = record.map_or(Change::Forget(serial), Change::Record);
            self.outputs.push_back(Output::Save(change));
        }
    }

    pub(super) fn log(&mut self, event: Event) {
        self.outputs.push_back(Output::Log(event));
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

/// Moves what `authority` and its own `participant` have to say into `outputs`; what they say to
/// each other goes the short way.
///
/// It ends: an answer makes a participant send a claim at most once more (it registers when it is
/// told that it is unknown), and registering is answered for good.
pub(super) fn exchange(
    now: Duration,
    authority: &mut Authority,
    participant: &mut Participant,
    outputs: &mut Outputs,
) {
    let own = authority.serial;
    loop {
        while let Some(output) = authority.outputs.pop_front() {
            match output {
                Output::Send { to, message } if to == own => {
                    participant.handle_message(now, own, &message);
                }
                other => outputs.push_back(other),
            }
        }
        let Some(output) = participant.poll() else { return };
        match output {
            Output::Send { to, message } if to == own => {
                authority.handle_message(now, own, &message);
            }
            other => outputs.push_back(other),
        }
    }
}
