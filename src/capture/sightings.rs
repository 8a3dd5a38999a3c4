//! What counts from its first sight to the end of a capture.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::event::{Action, Event, Order, Rank};
use super::ike::Ike;
use super::link::Tags;
use super::packet::{Content, Packet};

/// The most IKE sessions that are told apart: a hundred times what the largest model allows, and a
/// bound on memory (about 20 MiB).
pub const IKE_SESSIONS_MAX: usize = 1 << 20;

/// The VLAN ids and the IKE sessions that have been seen.
///
/// A VLAN is there as long as the interface that has it, and how an IKE session ends is encrypted:
/// both are asked for once and held. All of a capture passes one of these, in order, so that first
/// sight does not depend on how its flows are spread over trackers.
#[derive(Debug)]
pub(super) struct Sightings {
    vlans: [bool; 4096],
    ike: HashSet<Ike, RandomState>,
    ike_overflow: u64,
}

impl Sightings {
    pub(super) fn new() -> Self {
        Self { vlans: [false; 4096], ike: HashSet::default(), ike_overflow: 0 }
    }

    /// Messages of sessions that there was no room to remember.
    pub(super) const fn ike_overflow(&self) -> u64 {
        self.ike_overflow
    }

    /// The VLANs that a frame is the first to show.
    pub(super) fn vlans(&mut self, now: u64, frame: u64, tags: &Tags, events: &mut Vec<Event>) {
        for (place, &id) in (0..).zip(tags.ids()) {
            let seen = &mut self.vlans[usize::from(id)];
            if !std::mem::replace(seen, true) {
                let order = Order::packet(now, frame, Rank::Vlan(place));
                events.push(Event { order, action: Action::Vlan(id) });
            }
        }
    }

    /// The IKE session that a packet is the first to show.
    pub(super) fn ike(&mut self, now: u64, frame: u64, packet: &Packet, events: &mut Vec<Event>) {
        let Content::Ike(ike) = packet.content else { return };
        if self.ike.contains(&ike) {
            return;
        }
        if self.ike.len() == IKE_SESSIONS_MAX {
            self.ike_overflow += 1;
            return;
        }
        self.ike.insert(ike);
        let order = Order::packet(now, frame, Rank::Ike);
        events.push(Event { order, action: Action::Ike(ike.version, packet.tuple) });
    }
}
