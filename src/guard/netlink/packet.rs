//! Packets that wait for a verdict, and the verdicts.
//!
//! Source: `linux/netfilter/nfnetlink_queue.h`.

use super::conntrack::{self, Entry};
use super::wire::{self, Attributes, Message, Writer, be32};

const SUBSYSTEM: u16 = 3 << 8;
const PACKET: u16 = SUBSYSTEM;
const CONFIGURE: u16 = SUBSYSTEM | 2;
const VERDICT_BATCH: u16 = SUBSYSTEM | 3;

mod attribute {
    pub(super) const HEADER: u16 = 1;
    pub(super) const VERDICT: u16 = 2;
    pub(super) const IN_INTERFACE: u16 = 5;
    pub(super) const PAYLOAD: u16 = 10;
    pub(super) const CONNTRACK: u16 = 11;

    pub(super) const CONFIGURE_COMMAND: u16 = 1;
    pub(super) const CONFIGURE_COPY: u16 = 2;
    pub(super) const CONFIGURE_LENGTH: u16 = 3;
    pub(super) const CONFIGURE_MASK: u16 = 4;
    pub(super) const CONFIGURE_FLAGS: u16 = 5;
}

const COMMAND_BIND: u8 = 1;
const COMMAND_UNBIND: u8 = 2;
const COPY_PACKET: u8 = 2;
const VERDICT_DROP: u32 = 0;
const VERDICT_ACCEPT: u32 = 1;

/// The kernel accepts what it has no room to queue.
pub(super) const FLAG_FAIL_OPEN: u32 = 1;
/// Each packet comes with its conntrack entry.
pub(super) const FLAG_CONNTRACK: u32 = 2;

/// How much of a packet is looked at: its headers, with room for IPv6's extensions.
const COPIED: u32 = 256;

/// A packet that waits for a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::guard) struct Queued<'a> {
    /// Its number in the queue.
    pub(in crate::guard) number: u32,
    /// The interface that it came in by; 0 for none.
    pub(in crate::guard) interface: u32,
    /// The packet from its IP header on, as far as it was copied.
    pub(in crate::guard) payload: &'a [u8],
    /// Its conntrack entry, where the kernel tells it.
    pub(in crate::guard) entry: Option<Entry>,
}

/// The packet in `message`, where there is one.
pub(super) fn queued<'a>(message: &Message<'a>) -> Option<Queued<'a>> {
    if message.kind != PACKET {
        return None;
    }
    let (mut number, mut interface, mut payload, mut entry) = (None, 0, &[][..], None);
    for (kind, value) in message.attributes() {
        match kind {
            attribute::HEADER => number = Some(u32::from_be_bytes(*value.first_chunk()?)),
            attribute::IN_INTERFACE => interface = be32(value)?,
            attribute::PAYLOAD => payload = value,
            attribute::CONNTRACK => entry = conntrack::entry(Attributes::nested(value)),
            _ => {}
        }
    }
    Some(Queued { number: number?, interface, payload, entry })
}

/// Verdicts on the packets of one queue, in the order in which they were queued.
///
/// Packets that follow each other and fare alike are told in one message: the kernel takes a batch
/// verdict for everything up to its number.
#[derive(Debug)]
pub(super) struct Verdicts {
    queue: u16,
    writer: Writer,
    /// The last packet of those that fare alike, and how.
    run: Option<(u32, bool)>,
}

impl Verdicts {
    pub(super) fn on(queue: u16) -> Self {
        Self { queue, writer: Writer::default(), run: None }
    }

    /// The next packet passes, or does not.
    pub(super) fn push(&mut self, number: u32, pass: bool) {
        if self.run.is_some_and(|(_, passes)| passes != pass) {
            self.end_run();
        }
        self.run = Some((number, pass));
    }

    fn end_run(&mut self) {
        let Some((number, pass)) = self.run.take() else { return };
        let verdict = if pass { VERDICT_ACCEPT } else { VERDICT_DROP };
        let mut value = [0; 8];
        value[..4].copy_from_slice(&verdict.to_be_bytes());
        value[4..].copy_from_slice(&number.to_be_bytes());
        self.writer.begin(VERDICT_BATCH, wire::REQUEST, self.queue);
        self.writer.attribute(attribute::VERDICT, &value);
    }

    /// The messages for what was pushed since the last call, empty where nothing was.
    pub(super) fn take(&mut self, send: impl FnOnce(&[u8])) {
        self.end_run();
        if !self.writer.is_empty() {
            send(self.writer.bytes());
            self.writer.clear();
        }
    }
}

/// Takes `queue`, with at most `length` packets waiting at once. None comes before
/// [`begin`](begin()): the kernel drops what would have to wait until then.
pub(super) fn bind(writer: &mut Writer, queue: u16, length: u32) {
    command(writer, queue, COMMAND_BIND);
    writer.attribute(attribute::CONFIGURE_LENGTH, &length.to_be_bytes());
}

/// Asks for the packets of `queue`.
pub(super) fn begin(writer: &mut Writer, queue: u16) {
    writer.begin(CONFIGURE, wire::REQUEST, queue);
    let [c0, c1, c2, c3] = COPIED.to_be_bytes();
    writer.attribute(attribute::CONFIGURE_COPY, &[c0, c1, c2, c3, COPY_PACKET]);
}

/// Sets a flag of `queue`.
pub(super) fn set_flag(writer: &mut Writer, queue: u16, flag: u32) {
    writer.begin(CONFIGURE, wire::REQUEST | wire::ACK, queue);
    writer.attribute(attribute::CONFIGURE_FLAGS, &flag.to_be_bytes());
    writer.attribute(attribute::CONFIGURE_MASK, &flag.to_be_bytes());
}

/// Gives `queue` up.
pub(super) fn unbind(writer: &mut Writer, queue: u16) {
    command(writer, queue, COMMAND_UNBIND);
}

fn command(writer: &mut Writer, queue: u16, command: u8) {
    writer.begin(CONFIGURE, wire::REQUEST | wire::ACK, queue);
    // The protocol family, which newer kernels ignore.
    writer.attribute(attribute::CONFIGURE_COMMAND, &[command, 0, 0, 0]);
}

/// Writes the message with which the kernel queues `packet`.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn write(writer: &mut Writer, packet: &Queued) {
    let [n0, n1, n2, n3] = packet.number.to_be_bytes();
    writer.begin(PACKET, 0, 0);
    writer.attribute(attribute::HEADER, &[n0, n1, n2, n3, 8, 0, 2]);
    writer.attribute(attribute::IN_INTERFACE, &packet.interface.to_be_bytes());
    if let Some(entry) = &packet.entry {
        writer.nest(attribute::CONNTRACK, |writer| conntrack::write_entry(writer, entry));
    }
    writer.attribute(attribute::PAYLOAD, packet.payload);
}
