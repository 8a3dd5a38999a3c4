//! The flow table: a slab of flows and an index by key.

use std::hash::BuildHasher;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::event::FlowId;
use super::packet::FiveTuple;

/// The name of a flow: its five-tuple with the ends in an order of their own, so that both
/// directions have the same one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    first: [u64; 2],
    second: [u64; 2],
    /// Both ports, the protocol and the IP version.
    rest: u64,
}

impl Key {
    /// The key of a packet's flow, and whether the packet's source is the key's first end.
    pub(super) fn of(tuple: &FiveTuple) -> (Self, bool) {
        let (source, destination) = (words(tuple.source), words(tuple.destination));
        let source_first = (source, tuple.source_port) <= (destination, tuple.destination_port);
        let from = (source, u64::from(tuple.source_port));
        let to = (destination, u64::from(tuple.destination_port));
        let (first, second) = if source_first { (from, to) } else { (to, from) };
        let version = u64::from(tuple.source.is_ipv6());
        let rest = version << 40 | u64::from(tuple.protocol.0) << 32 | first.1 << 16 | second.1;
        (Self { first: first.0, second: second.0, rest }, source_first)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "each word is a half of its own")]
fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(address) => [0, u64::from(address.to_bits())],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            [(bits >> 64) as u64, bits as u64]
        }
    }
}

/// Flows by key and by [`FlowId`]. An id is used again after its flow is removed.
#[derive(Debug)]
pub(super) struct Table<F> {
    hasher: RandomState,
    index: HashTable<FlowId>,
    slots: Vec<Option<(Key, F)>>,
    free: Vec<FlowId>,
}

impl<F> Table<F> {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::default(),
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn find_mut(&mut self, key: &Key) -> Option<(FlowId, &mut F)> {
        let hash = self.hasher.hash_one(key);
        let has = |id: FlowId| matches!(&self.slots[id as usize], Some((its, _)) if its == key);
        let id = *self.index.find(hash, |&id| has(id))?;
        Some((id, self.get_mut(id)?))
    }

    pub(super) fn get(&self, id: FlowId) -> Option<&F> {
        self.slots.get(id as usize)?.as_ref().map(|(_, flow)| flow)
    }

    pub(super) fn get_mut(&mut self, id: FlowId) -> Option<&mut F> {
        self.slots.get_mut(id as usize)?.as_mut().map(|(_, flow)| flow)
    }

    /// Adds a flow whose key is not in the table.
    pub(super) fn insert(&mut self, key: Key, flow: F) -> FlowId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            FlowId::try_from(self.slots.len() - 1).expect("a table has at most FLOWS_MAX flows")
        });
        self.slots[id as usize] = Some((key, flow));
        let Self { hasher, index, slots, .. } = self;
        index.insert_unique(hasher.hash_one(key), id, |&id| {
            slots[id as usize].as_ref().map_or(0, |(key, _)| hasher.hash_one(key))
        });
        id
    }

    pub(super) fn remove(&mut self, id: FlowId) {
        let Some((key, _)) = self.slots.get_mut(id as usize).and_then(Option::take) else { return };
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.index.find_entry(hash, |&other| other == id) {
            entry.remove();
        }
        self.free.push(id);
    }
}
