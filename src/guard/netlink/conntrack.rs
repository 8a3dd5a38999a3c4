//! What conntrack says: entries that begin and end, and all there are.
//!
//! Source: `linux/netfilter/nfnetlink_conntrack.h`.

use std::net::IpAddr;

use super::wire::{self, Attributes, Message, Writer, be16, be32};
use crate::capture::FiveTuple;

const SUBSYSTEM: u16 = 1 << 8;
const NEW: u16 = SUBSYSTEM;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;

/// The multicast groups of what begins and of what ends.
pub(super) const GROUP_NEW: u32 = 1;
pub(super) const GROUP_DESTROY: u32 = 3;

/// The entry is being taken out of the table.
const STATUS_DYING: u32 = 1 << 9;

mod attribute {
    pub(super) const TUPLE_ORIGINAL: u16 = 1;
    pub(super) const TUPLE_REPLY: u16 = 2;
    pub(super) const STATUS: u16 = 3;
    pub(super) const ID: u16 = 12;
    pub(super) const ZONE: u16 = 18;

    pub(super) const TUPLE_IP: u16 = 1;
    pub(super) const TUPLE_PROTOCOL: u16 = 2;
    pub(super) const TUPLE_ZONE: u16 = 3;

    pub(super) const IP_V4_SOURCE: u16 = 1;
    pub(super) const IP_V4_DESTINATION: u16 = 2;
    pub(super) const IP_V6_SOURCE: u16 = 3;
    pub(super) const IP_V6_DESTINATION: u16 = 4;

    pub(super) const PROTOCOL_NUMBER: u16 = 1;
    pub(super) const SOURCE_PORT: u16 = 2;
    pub(super) const DESTINATION_PORT: u16 = 3;
    pub(super) const ICMP_ID: u16 = 4;
    pub(super) const ICMPV6_ID: u16 = 7;
}

/// The protocols whose ports [`crate::capture::parse`] reads; of all others they are 0.
const WITH_PORTS: [u8; 3] = [6, 17, 132];

/// One connection as conntrack has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// As its first packet came in.
    pub original: FiveTuple,
    /// As its answers come in; with address translation not the original turned round.
    pub reply: FiveTuple,
    /// What tells it from an earlier one with the same addresses. The kernel's hash of where the
    /// entry lies and of its tuple: two live entries may have the same one.
    pub id: u32,
    /// The zone of a kernel that keeps several tables in one.
    pub zone: u16,
    /// Whether it is being taken out of the table.
    pub dying: bool,
}

impl Entry {
    /// The connection as packets of its first direction are forwarded: to where the address
    /// translation has sent them, and not yet from where it will say they come.
    pub fn forwarded(&self) -> FiveTuple {
        let FiveTuple { protocol, source, source_port, destination_port, .. } = self.original;
        let destination = self.reply.source;
        let has_ports = WITH_PORTS.contains(&protocol);
        let destination_port = if has_ports { self.reply.source_port } else { destination_port };
        FiveTuple { protocol, source, destination, source_port, destination_port }
    }
}

/// What a message says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// An entry began; in a dump, there is one.
    New(Entry),
    /// An entry ended.
    Destroy(Entry),
}

/// What `message` says, where it is about an entry and is whole.
pub(super) fn event(message: &Message) -> Option<Event> {
    let make = match message.kind {
        NEW => Event::New,
        DELETE => Event::Destroy,
        _ => return None,
    };
    entry(message.attributes()).map(make)
}

/// The entry in `attributes`, which are a message's or those that a queued packet comes with.
pub(super) fn entry(attributes: Attributes) -> Option<Entry> {
    let (mut original, mut reply, mut id) = (None, None, 0);
    let (mut zone, mut status) = (0, 0);
    for (kind, payload) in attributes {
        match kind {
            attribute::TUPLE_ORIGINAL => {
                let (read, its_zone) = tuple(payload)?;
                original = Some(read);
                zone = its_zone.unwrap_or(zone);
            }
            attribute::TUPLE_REPLY => reply = Some(tuple(payload)?.0),
            attribute::STATUS => status = be32(payload)?,
            attribute::ID => id = be32(payload)?,
            attribute::ZONE => zone = be16(payload)?,
            _ => {}
        }
    }
    let (original, reply) = (original?, reply?);
    let dying = status & STATUS_DYING != 0;
    Some(Entry { original, reply, id, zone, dying })
}

/// A tuple, and the zone where it has one of its own.
fn tuple(payload: &[u8]) -> Option<(FiveTuple, Option<u16>)> {
    let (mut addresses, mut ends, mut zone) = ([None; 2], None, None);
    for (kind, payload) in Attributes::nested(payload) {
        match kind {
            attribute::TUPLE_IP => addresses = self::addresses(payload)?,
            attribute::TUPLE_PROTOCOL => ends = Some(protocol(payload)?),
            attribute::TUPLE_ZONE => zone = Some(be16(payload)?),
            _ => {}
        }
    }
    let ([source, destination], (protocol, [source_port, destination_port])) = (addresses, ends?);
    let (source, destination) = (source?, destination?);
    Some((FiveTuple { protocol, source, destination, source_port, destination_port }, zone))
}

fn addresses(payload: &[u8]) -> Option<[Option<IpAddr>; 2]> {
    let v4 = |payload: &[u8]| Some(IpAddr::from(<[u8; 4]>::try_from(payload).ok()?));
    let v6 = |payload: &[u8]| Some(IpAddr::from(<[u8; 16]>::try_from(payload).ok()?));
    let mut addresses = [None; 2];
    for (kind, payload) in Attributes::nested(payload) {
        match kind {
            attribute::IP_V4_SOURCE => addresses[0] = Some(v4(payload)?),
            attribute::IP_V4_DESTINATION => addresses[1] = Some(v4(payload)?),
            attribute::IP_V6_SOURCE => addresses[0] = Some(v6(payload)?),
            attribute::IP_V6_DESTINATION => addresses[1] = Some(v6(payload)?),
            _ => {}
        }
    }
    Some(addresses)
}

/// The protocol, and its ports or its identifier the way a packet is read.
fn protocol(payload: &[u8]) -> Option<(u8, [u16; 2])> {
    let (mut number, mut ports, mut identifier) = (None, [0; 2], 0);
    for (kind, payload) in Attributes::nested(payload) {
        match kind {
            attribute::PROTOCOL_NUMBER => number = Some(*payload.first()?),
            attribute::SOURCE_PORT => ports[0] = be16(payload)?,
            attribute::DESTINATION_PORT => ports[1] = be16(payload)?,
            attribute::ICMP_ID | attribute::ICMPV6_ID => identifier = be16(payload)?,
            _ => {}
        }
    }
    let number = number?;
    Some((number, if WITH_PORTS.contains(&number) { ports } else { [identifier; 2] }))
}

/// Asks for all entries of every family.
pub(super) fn dump(writer: &mut Writer) {
    writer.begin(GET, wire::REQUEST | wire::DUMP, 0);
}

/// Writes the message that tells of `entry`, as the kernel does.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn write(writer: &mut Writer, event: &Event) {
    let (kind, entry) = match event {
        Event::New(entry) => (NEW, entry),
        Event::Destroy(entry) => (DELETE, entry),
    };
    writer.begin(kind, 0, 0);
    write_entry(writer, entry);
}

/// Writes the attributes of `entry`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn write_entry(writer: &mut Writer, entry: &Entry) {
    let status = if entry.dying { STATUS_DYING } else { 0 };
    for (kind, tuple) in
        [(attribute::TUPLE_ORIGINAL, entry.original), (attribute::TUPLE_REPLY, entry.reply)]
    {
        writer.nest(kind, |writer| write_tuple(writer, &tuple));
    }
    writer.attribute(attribute::STATUS, &status.to_be_bytes());
    writer.attribute(attribute::ID, &entry.id.to_be_bytes());
    writer.attribute(attribute::ZONE, &entry.zone.to_be_bytes());
}

#[cfg(any(test, feature = "fuzzing"))]
fn write_tuple(writer: &mut Writer, tuple: &FiveTuple) {
    writer.nest(attribute::TUPLE_IP, |writer| {
        for (address, v4, v6) in [
            (tuple.source, attribute::IP_V4_SOURCE, attribute::IP_V6_SOURCE),
            (tuple.destination, attribute::IP_V4_DESTINATION, attribute::IP_V6_DESTINATION),
        ] {
            match address {
                IpAddr::V4(address) => writer.attribute(v4, &address.octets()),
                IpAddr::V6(address) => writer.attribute(v6, &address.octets()),
            };
        }
    });
    writer.nest(attribute::TUPLE_PROTOCOL, |writer| {
        writer.attribute(attribute::PROTOCOL_NUMBER, &[tuple.protocol]);
        if WITH_PORTS.contains(&tuple.protocol) {
            writer.attribute(attribute::SOURCE_PORT, &tuple.source_port.to_be_bytes());
            writer.attribute(attribute::DESTINATION_PORT, &tuple.destination_port.to_be_bytes());
        } else {
            writer.attribute(attribute::ICMP_ID, &tuple.source_port.to_be_bytes());
        }
    });
}
