//! An authority's books: what is granted to whom, and what may still be in use.
//!
//! Every change of a record goes through [`Book::put`], which keeps the totals, the deadlines and
//! the versions in step with the records.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::Duration;

use super::denial::{Denials, Reason};
use super::message::{Batch, Claim, Refusal};
use super::record::{Allotment, Record, Standing};
use super::{HOLD, LOST_REFRESHES};
use crate::license::key::Serial;

/// What an authority goes by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Terms {
    pub(super) size: u32,
    pub(super) refresh: Duration,
    pub(super) overlap: Option<u32>,
    pub(super) most: usize,
}

/// What comes of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It was overtaken: no answer.
    Stale,
    /// So many sessions in all.
    Granted(u32),
    Refused(Refusal),
}

#[derive(Clone, Debug)]
struct Entry {
    record: Record,
    version: u64,
    deadline: Option<Duration>,
    /// The term in which it registered here; 0: not here.
    term: u64,
}

/// Sums over all records.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Totals {
    pub(super) granted: u64,
    pub(super) stranded: u64,
    pub(super) kept: u64,
}

impl Totals {
    fn add(&mut self, record: &Record) {
        self.granted += u64::from(record.granted);
        self.stranded += u64::from(record.stranded());
        self.kept += u64::from(record.kept());
    }

    fn subtract(&mut self, record: &Record) {
        self.granted -= u64::from(record.granted);
        self.stranded -= u64::from(record.stranded());
        self.kept -= u64::from(record.kept());
    }
}

#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) terms: Terms,
    pub(super) denials: Denials,
    entries: BTreeMap<Serial, Entry>,
    totals: Totals,
    deadlines: BTreeSet<(Duration, Serial)>,
    versions: BTreeMap<u64, Serial>,
    version: u64,
    idle: BTreeSet<Serial>,
    /// How often these books were opened. A participant registers in every term, also when it did
    /// not notice that one ended: that orders its records at two servers.
    term: u64,
    /// What changed since it was saved last.
    unsaved: BTreeSet<Serial>,
}

impl Book {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            terms,
            denials: Denials::default(),
            entries: BTreeMap::new(),
            totals: Totals::default(),
            deadlines: BTreeSet::new(),
            versions: BTreeMap::new(),
            version: 0,
            idle: BTreeSet::new(),
            term: 0,
            unsaved: BTreeSet::new(),
        }
    }

    pub(super) fn get(&self, participant: Serial) -> Option<&Record> {
        self.entries.get(&participant).map(|entry| &entry.record)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.entries.values().map(|entry| &entry.record)
    }

    pub(super) const fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// Sessions of the pool that are granted to nobody.
    pub(super) fn free(&self) -> u32 {
        let free = u64::from(self.terms.size).saturating_sub(self.totals.granted);
        u32::try_from(free).unwrap_or(u32::MAX)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|&(deadline, _)| deadline)
    }

    /// Records that changed and are not saved; none: the record was forgotten.
    pub(super) fn take_unsaved(&mut self) -> Vec<(Serial, Option<Record>)> {
        let unsaved = std::mem::take(&mut self.unsaved);
        unsaved.into_iter().map(|serial| (serial, self.get(serial).cloned())).collect()
    }

    /// Puts a record in place of the one there was.
    fn put(&mut self, record: Record, deadline: Option<Duration>) {
        let serial = record.serial;
        self.totals.add(&record);
        if record.is_idle() {
            self.idle.insert(serial)
        } else {
            self.idle.remove(&serial)
        };
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, serial));
        }
        let before = self.entries.remove(&serial);
        if let Some(Entry { record, deadline: old, .. }) = &before {
            self.totals.subtract(record);
            if let Some(old) = old.filter(|_| *old != deadline) {
                self.deadlines.remove(&(old, serial));
            }
        }
        let version = match &before {
            Some(before) if !is_news(&before.record, &record) => before.version,
            before => {
                before.as_ref().map(|before| self.versions.remove(&before.version));
                self.version += 1;
                self.versions.insert(self.version, serial);
                self.unsaved.insert(serial);
                self.version
            }
        };
        let term = before.map_or(0, |before| before.term);
        self.entries.insert(serial, Entry { record, version, deadline, term });
    }

    fn remove(&mut self, serial: Serial) {
        let Some(entry) = self.entries.remove(&serial) else { return };
        self.totals.subtract(&entry.record);
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, serial));
        }
        self.versions.remove(&entry.version);
        self.idle.remove(&serial);
        self.unsaved.insert(serial);
    }

    /// Makes room for one more participant.
    fn make_room(&mut self) -> bool {
        if self.entries.len() >= self.terms.most
            && let Some(&idle) = self.idle.first()
        {
            self.remove(idle);
        }
        self.entries.len() < self.terms.most
    }

    /// When a participant that was heard at `now` is lost.
    fn lost_at(&self, now: Duration) -> Duration {
        now + self.terms.refresh * LOST_REFRESHES
    }

    /// A participant registers, with room for so many shared sessions.
    pub(super) fn register(
        &mut self,
        now: Duration,
        from: Serial,
        (room, hostname): (u32, super::Label),
        claim: &Claim,
    ) -> Verdict {
        let known = self.get(from).cloned();
        if known.is_none() && !self.make_room() {
            return self.refuse(now, from, claim, Refusal::TooManyParticipants);
        }
        let mut record = known.unwrap_or_else(|| Record::absent(from));
        if claim.incarnation < record.incarnation {
            return earlier_life(&record);
        }
        if claim.incarnation > record.incarnation {
            // What it held in its last life ended with it.
            let Record { high, allotment, .. } = record;
            record = Record { high, allotment, ..Record::absent(from) };
            record.incarnation = claim.incarnation;
        } else if let Some(verdict) = self.repeated(now, &record, claim) {
            return verdict;
        }
        record.registered = claim.number;
        record.room = room;
        record.hostname = hostname;
        record.standing = Standing::Registered;
        let verdict = self.settle(now, record, claim);
        self.set_term(from, self.term);
        verdict
    }

    fn set_term(&mut self, participant: Serial, term: u64) {
        if let Some(entry) = self.entries.get_mut(&participant) {
            entry.term = term;
        }
    }

    /// Whether it registered in this term and was not lost since.
    fn is_registered(&self, record: &Record) -> bool {
        record.standing == Standing::Registered
            && self.entries.get(&record.serial).is_some_and(|entry| entry.term == self.term)
    }

    /// A registered participant claims.
    pub(super) fn claim(&mut self, now: Duration, from: Serial, claim: &Claim) -> Verdict {
        match self.registered(now, from, claim) {
            Ok(record) => self.settle(now, record, claim),
            Err(verdict) => verdict,
        }
    }

    /// A registered participant takes over what `of` had; says how many sessions moved.
    pub(super) fn transfer(
        &mut self,
        now: Duration,
        from: Serial,
        of: Serial,
        claim: &Claim,
    ) -> (Verdict, u32) {
        let mut record = match self.registered(now, from, claim) {
            Ok(record) => record,
            Err(verdict) => return (verdict, 0),
        };
        let mut moved = 0;
        if let Some(mut other) = self.get(of).filter(|_| of != from).cloned() {
            moved = other.granted.min(limit(&record).saturating_sub(record.granted));
            // The other unit may be alive and cut off: what it held stays exposed until it is
            // heard.
            other.granted = 0;
            let deadline = self.entries.get(&of).and_then(|entry| entry.deadline);
            self.put(other, deadline);
            record.granted += moved;
            record.exposed = record.exposed.max(record.granted);
        }
        (self.settle(now, record, claim), moved)
    }

    /// The record of a participant whose claim is to be taken, or what is to be said instead.
    fn registered(
        &mut self,
        now: Duration,
        from: Serial,
        claim: &Claim,
    ) -> Result<Record, Verdict> {
        let record = self.get(from).cloned().unwrap_or_else(|| Record::absent(from));
        if claim.incarnation < record.incarnation {
            return Err(earlier_life(&record));
        }
        if claim.incarnation > record.incarnation {
            return Err(Verdict::Refused(Refusal::UnknownClient));
        }
        if let Some(verdict) = self.repeated(now, &record, claim) {
            return Err(verdict);
        }
        if self.is_registered(&record) {
            Ok(record)
        } else {
            Err(Verdict::Refused(Refusal::UnknownClient))
        }
    }

    /// What to say to a claim of this life that is not new.
    fn repeated(&mut self, now: Duration, record: &Record, claim: &Claim) -> Option<Verdict> {
        if claim.number > record.number {
            return None;
        }
        Some(if claim.number < record.number {
            Verdict::Stale
        } else if self.is_registered(record) {
            self.put(record.clone(), Some(self.lost_at(now)));
            Verdict::Granted(record.granted)
        } else {
            Verdict::Refused(Refusal::UnknownClient)
        })
    }

    /// Grants what can be granted of a claim that is new.
    fn settle(&mut self, now: Duration, mut record: Record, claim: &Claim) -> Verdict {
        let wanted = claim.wanted.min(limit(&record));
        if wanted > record.granted {
            record.granted += self.available(&record).min(wanted - record.granted);
        } else {
            record.granted = wanted;
        }
        record.exposed = claim.held.min(record.room).max(record.granted);
        record.number = claim.number;
        record.used = claim.used;
        record.high = record.high.max(record.granted);
        let missing = claim.wanted.saturating_sub(record.granted);
        if missing == 0 {
            self.denials.satisfied(record.serial);
        } else {
            let reason = self.shortage(&record, wanted);
            self.denials.note(now, record.serial, missing, reason);
        }
        let granted = record.granted;
        let deadline = self.lost_at(now);
        self.put(record, Some(deadline));
        Verdict::Granted(granted)
    }

    /// How many more sessions may be granted to `record`'s owner.
    fn available(&self, record: &Record) -> u32 {
        let before = self.get(record.serial);
        let own = |part: fn(&Record) -> u32| before.map_or(0, |it| u64::from(part(it)));
        let others_granted = self.totals.granted - own(|it| it.granted);
        let others_kept = self.totals.kept - own(Record::kept);
        let others_stranded = self.totals.stranded - own(Record::stranded);
        let taken = others_granted + others_kept + self.withheld(others_stranded);
        let left = u64::from(self.terms.size).saturating_sub(taken);
        u32::try_from(left).unwrap_or(u32::MAX).saturating_sub(record.granted)
    }

    /// The stranded sessions that are not given again.
    fn withheld(&self, stranded: u64) -> u64 {
        self.terms.overlap.map_or(0, |overlap| stranded.saturating_sub(overlap.into()))
    }

    fn shortage(&self, record: &Record, wanted: u32) -> Reason {
        if record.granted == wanted {
            let capped = record.allotment.cap.is_some_and(|cap| cap < record.room);
            return if capped { Reason::Cap } else { Reason::Platform };
        }
        let before = self.get(record.serial).map_or(0, |it| u64::from(it.granted));
        let granted = self.totals.granted - before + u64::from(record.granted);
        let free = u64::from(self.terms.size).saturating_sub(granted);
        if free == 0 {
            Reason::PoolEmpty
        } else if self.withheld(self.totals.stranded) < free {
            Reason::Reserved
        } else {
            Reason::Stranded
        }
    }

    pub(super) fn refuse(
        &mut self,
        now: Duration,
        from: Serial,
        claim: &Claim,
        refusal: Refusal,
    ) -> Verdict {
        if claim.wanted > 0 {
            self.denials.note(now, from, claim.wanted, Reason::Refused(refusal));
        }
        Verdict::Refused(refusal)
    }

    /// Takes back what is due at `now`: from participants that were silent for three intervals
    /// (their names and sessions), and from memory what none can hold any longer.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<(Serial, u32)> {
        let mut expired = Vec::new();
        while let Some(&(deadline, serial)) = self.deadlines.first().filter(|it| it.0 <= now) {
            let Some(mut record) = self.get(serial).cloned() else { break };
            let heard = deadline.saturating_sub(self.terms.refresh * LOST_REFRESHES);
            if record.standing == Standing::Registered {
                expired.push((serial, record.granted));
                record.standing = Standing::Expired;
                record.granted = 0;
                record.used = 0;
                let until = Some(heard + HOLD).filter(|_| record.exposed > 0);
                self.put(record, until);
            } else {
                record.exposed = 0;
                self.put(record, None);
            }
        }
        expired
    }

    /// Sets reservations and caps: these, and no others.
    pub(super) fn allot(&mut self, allotments: &BTreeMap<Serial, Allotment>) {
        for serial in allotments.keys() {
            if self.get(*serial).is_none() {
                self.put(Record::absent(*serial), None);
            }
        }
        for mut record in self.records().cloned().collect::<Vec<_>>() {
            record.allotment = allotments.get(&record.serial).copied().unwrap_or_default();
            let deadline = self.entries.get(&record.serial).and_then(|entry| entry.deadline);
            self.put(record, deadline);
        }
    }

    /// Takes a record as it is: stored, or of the server whose backup this is. Deadlines begin at
    /// `now`.
    pub(super) fn adopt(&mut self, now: Duration, record: Record) {
        if self.get(record.serial).is_none() && !self.make_room() {
            return;
        }
        let deadline = self.deadline_from(now, &record);
        let serial = record.serial;
        self.put(record, deadline);
        self.set_term(serial, 0);
    }

    /// Takes what a server says of a participant, unless this one has heard it later itself.
    pub(super) fn follow(&mut self, now: Duration, record: Record) {
        if self.get(record.serial).is_none_or(|own| own.moment() <= record.moment()) {
            self.adopt(now, record);
        }
    }

    /// Takes what a backup that served says of a participant, if it heard it later.
    pub(super) fn merge(&mut self, now: Duration, theirs: &Record) {
        let own = self.get(theirs.serial).cloned();
        let own = own.unwrap_or_else(|| Record::absent(theirs.serial));
        if theirs.moment() <= own.moment() {
            return;
        }
        let mut record =
            Record { allotment: own.allotment, granted: own.granted, ..theirs.clone() };
        record.granted = theirs.granted.min(own.granted + self.available(&own));
        record.exposed = theirs.exposed.max(record.granted);
        record.high = theirs.high.max(own.high);
        self.adopt(now, record);
    }

    /// Grants what participants hold by a report and was not free yet when their record came.
    pub(super) fn top_up(&mut self) {
        let short: Vec<_> = self.records().filter(|it| it.stranded() > 0).cloned().collect();
        for mut record in short.into_iter().filter(|it| it.standing == Standing::Registered) {
            let most = record.exposed.min(limit(&record));
            let more = most.saturating_sub(record.granted).min(self.available(&record));
            record.granted += more;
            let deadline = self.entries.get(&record.serial).and_then(|entry| entry.deadline);
            self.put(record, deadline);
        }
    }

    /// Begins to serve from a copy: everybody has three intervals to come, and what the copy grants
    /// beyond the pool, because it was taken in the middle of a change, is only exposed.
    pub(super) fn open(&mut self, now: Duration) {
        self.term += 1;
        let mut left = self.terms.size;
        for mut record in self.records().cloned().collect::<Vec<_>>() {
            record.granted = record.granted.min(left);
            left -= record.granted;
            let deadline = self.deadline_from(now, &record);
            self.put(record, deadline);
        }
    }

    fn deadline_from(&self, now: Duration, record: &Record) -> Option<Duration> {
        match record.standing {
            Standing::Registered => Some(self.lost_at(now)),
            Standing::Expired if record.exposed > 0 => Some(now + HOLD),
            Standing::Expired | Standing::Absent => None,
        }
    }

    /// The records that changed after `base`, the version that is reached with them, and whether
    /// that is all.
    pub(super) fn changes_since(&self, base: u64) -> (Batch, u64, bool) {
        let mut batch = Batch::default();
        let mut reached = base;
        for (&version, serial) in self.versions.range((Bound::Excluded(base), Bound::Unbounded)) {
            match self.get(*serial) {
                Some(record) if !batch.push(record) => return (batch, reached, false),
                _ => reached = version,
            }
        }
        (batch, self.version.max(base), true)
    }
}

/// The most a participant is granted.
fn limit(record: &Record) -> u32 {
    record.allotment.cap.map_or(record.room, |cap| cap.min(record.room))
}

const fn earlier_life(record: &Record) -> Verdict {
    Verdict::Refused(Refusal::EarlierLife { latest: record.incarnation })
}

/// Whether the change from `before` to `after` is more than that the participant was heard.
fn is_news(before: &Record, after: &Record) -> bool {
    let heard = Record { number: after.number, used: after.used, ..before.clone() };
    heard != *after
}
