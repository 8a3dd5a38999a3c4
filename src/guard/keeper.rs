//! What conntrack says, entered into the booth: events as they come, dumps of its table against
//! drift. Does no input or output of its own.

use std::collections::{HashMap, HashSet};

use super::booth::{Clerk, Found};
use super::flow::{Dump, Key, Millis};
use super::netlink::{Entry, Event};
use super::scope::Scope;
use crate::capture::FiveTuple;

/// By what a packet and conntrack's news of its connection are known to be of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// The entry that the packet comes with: its original tuple and its zone.
    Entry,
    /// The packet's own addresses, against those that conntrack forwards the entry by. The kernel
    /// tells no entries with packets, so zones are not told apart.
    Packet,
}

impl Identity {
    /// The name of a packet's connection.
    pub fn of_packet(self, tuple: &FiveTuple, entry: Option<&Entry>) -> Key {
        match (self, entry) {
            (Self::Entry, Some(entry)) => self.of_entry(entry),
            _ => Key { tuple: *tuple, zone: 0 },
        }
    }

    /// The name of an entry's connection.
    pub fn of_entry(self, entry: &Entry) -> Key {
        match self {
            Self::Entry => Key { tuple: entry.original, zone: entry.zone },
            Self::Packet => Key { tuple: entry.forwarded(), zone: 0 },
        }
    }
}

/// What a keeper has come across.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Connections that were there when the guard began.
    pub adopted: u64,
    /// Connections that conntrack had and nobody asked for: they passed by the queue.
    pub unasked: u64,
    /// Connections that were let through and never came to be, because something dropped them.
    pub unconfirmed: u64,
    /// Connections that ended unheard of.
    pub vanished: u64,
    /// Dumps of the table that were compared.
    pub dumps: u64,
}

impl Tally {
    /// How many connections were counted otherwise than conntrack had them until a dump was
    /// compared.
    pub const fn drift(&self) -> u64 {
        self.unasked + self.vanished
    }
}

/// A dump that is being read.
#[derive(Debug)]
struct Reading {
    dump: Dump,
    /// What nobody asked for in it.
    found: Vec<Found>,
    /// What has ended since it began: it may have been read before that.
    ended: HashSet<(Key, u32)>,
}

/// Enters what conntrack says.
#[derive(Debug)]
pub struct Keeper {
    clerk: Clerk,
    identity: Identity,
    scope: Scope,
    /// What began since the last [`settle`](Self::settle) and nobody asked for.
    unasked: HashMap<Key, Found>,
    reading: Option<Reading>,
    tally: Tally,
}

impl Keeper {
    /// A keeper that has heard nothing.
    pub fn new(clerk: Clerk, identity: Identity, scope: Scope) -> Self {
        let (unasked, tally) = (HashMap::new(), Tally::default());
        Self { clerk, identity, scope, unasked, reading: None, tally }
    }

    /// What it has come across.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The machine's addresses have changed.
    pub fn set_scope(&mut self, scope: Scope) {
        self.scope = scope;
    }

    /// Enters one piece of news; [`settle`](Self::settle) after those that came together.
    pub fn event(&mut self, event: &Event, now: Millis) {
        match event {
            Event::New(entry) => {
                let key = self.identity.of_entry(entry);
                if !self.clerk.began(key, entry.id, now) && self.scope.passes_through(entry) {
                    self.unasked.insert(key, found(key, entry));
                }
            }
            Event::Destroy(entry) => {
                let key = self.identity.of_entry(entry);
                self.clerk.ended(key, entry.id, now);
                if self.unasked.get(&key).is_some_and(|found| found.id == entry.id) {
                    self.unasked.remove(&key);
                }
                if let Some(reading) = &mut self.reading {
                    reading.ended.insert((key, entry.id));
                }
            }
        }
    }

    /// Enters what began and nobody asked for.
    pub fn settle(&mut self, now: Millis) {
        if !self.unasked.is_empty() {
            let found: Vec<_> = self.unasked.drain().map(|(_, found)| found).collect();
            self.tally.unasked += self.clerk.adopt(&found, now);
        }
    }

    /// Whether a dump is being read.
    pub const fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// A dump has been asked for.
    pub fn begin_dump(&mut self, now: Millis) {
        let number = u32::try_from(self.tally.dumps + 1).unwrap_or(u32::MAX);
        let dump = Dump { number, began: now };
        self.reading = Some(Reading { dump, found: Vec::new(), ended: HashSet::new() });
    }

    /// The dump has this entry.
    pub fn dumped(&mut self, entry: &Entry) {
        let Some(reading) = &mut self.reading else { return };
        let key = self.identity.of_entry(entry);
        let known = entry.dying || self.clerk.seen(key, entry.id, reading.dump);
        if !known && self.scope.passes_through(entry) {
            reading.found.push(found(key, entry));
        }
    }

    /// The dump has come to its end: puts right what differs. The first one is what was there when
    /// the guard began. How many connections it put right.
    pub fn end_dump(&mut self, now: Millis) -> u64 {
        let Some(Reading { dump, mut found, ended }) = self.reading.take() else { return 0 };
        found.retain(|found| !ended.contains(&(found.key, found.id)));
        let entered = self.clerk.adopt(&found, now);
        let (unconfirmed, vanished) = self.clerk.sweep(dump);
        let first = self.tally.dumps == 0;
        *(if first { &mut self.tally.adopted } else { &mut self.tally.unasked }) += entered;
        self.tally.unconfirmed += unconfirmed;
        self.tally.vanished += vanished;
        self.tally.dumps += 1;
        if first { 0 } else { entered + vanished }
    }

    /// The dump broke off: it says nothing.
    pub fn abandon_dump(&mut self) {
        self.reading = None;
    }
}

fn found(key: Key, entry: &Entry) -> Found {
    Found { key, tuple: entry.forwarded(), id: entry.id }
}

#[cfg(test)]
mod tests;
