//! Arbitrary bytes as packets, as captures and as traffic: the bodies of the fuzz targets and of
//! property tests.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;

use etherparse::ip_number;

use super::event::{Action, Event, FlowId, Order, Rank};
use super::file::{PACKET_MAX, Reader};
use super::flow::{ICMP_IDLE, Tracker, UDP_IDLE};
use super::link::LinkType;
use super::packet::{Content, FiveTuple, Packet, Segment, SkipReason, parse};
use super::replay::{Replay, Sink};
use super::tcp::{Connection, End, Step};

/// Parses `data` as a frame of every link type.
///
/// # Panics
///
/// When what was read contradicts itself.
pub fn packet(data: &[u8]) {
    for number in [0, 1, 101, 108, 113, 276, 147] {
        let (tags, packet) = parse(LinkType::from_number(number), data);
        assert!(tags.ids().iter().all(|id| (1..4095).contains(id)), "{tags:?}");
        let Ok(Packet { tuple, content }) = packet else { continue };
        assert_eq!(tuple.source.is_ipv4(), tuple.destination.is_ipv4());
        match content {
            Content::Tcp(segment) => {
                assert_eq!(tuple.protocol, ip_number::TCP);
                assert!(segment.length as usize <= data.len().max(usize::from(u16::MAX)));
                assert!(!segment.encrypted_voice || segment.length > 0);
            }
            Content::Ike(ike) => {
                assert_eq!(tuple.protocol, ip_number::UDP);
                assert_ne!(ike.initiator_spi, 0);
            }
            Content::Other => assert_ne!(tuple.protocol, ip_number::TCP),
        }
    }
}

/// Reads `data` as a capture and replays it with one tracker and with three.
///
/// # Panics
///
/// When frames, counts or events contradict each other, or the number of trackers makes a
/// difference.
pub fn file(data: &[u8]) {
    let (frames, fault) = frames(data);
    let (traffic, events) = replay(data, NonZeroUsize::MIN);
    assert_eq!(traffic.packets, frames, "a fault takes away nothing before it");
    assert!(traffic.skipped.total() <= frames && traffic.clamped <= frames);
    let other = replay(data, NonZeroUsize::MIN.saturating_add(2));
    assert_eq!(other, (traffic, events));
    if let Some(offset) = fault
        && data.first_chunk() != Some(&[0x1f, 0x8b])
    {
        assert!(offset <= data.len() as u64);
    }
}

/// How many frames a capture has, and where its fault is.
fn frames(data: &[u8]) -> (u64, Option<u64>) {
    let mut reader = match Reader::new(data) {
        Ok(reader) => reader,
        Err(fault) => return (0, Some(fault.offset)),
    };
    let (mut frames, mut last) = (0, None);
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                frames += 1;
                assert!(frame.index == frames && frame.data.len() <= PACKET_MAX);
                assert!(last < Some(frame.offset), "offsets rise");
                last = Some(frame.offset);
            }
            Ok(None) => return (frames, None),
            Err(fault) => {
                assert!(last < Some(fault.offset), "a fault comes after every frame");
                return (frames, Some(fault.offset));
            }
        }
    }
}

fn replay(data: &[u8], trackers: NonZeroUsize) -> (super::Traffic, Vec<String>) {
    let mut replay = Replay::new(trackers, Ledger::default());
    if let Ok(mut reader) = Reader::new(data) {
        let _ = replay.run_here(&mut reader);
    }
    (replay.traffic(), replay.sink().lines.clone())
}

/// Takes events down by name, and keeps account of which flows are open.
#[derive(Debug, Default)]
struct Ledger {
    last: Option<Order>,
    open: HashSet<(usize, FlowId)>,
    voice: HashSet<(usize, FlowId)>,
    lines: Vec<String>,
}

impl Sink for Ledger {
    fn take(&mut self, tracker: usize, event: &Event) {
        assert!(self.last < Some(event.order), "events come in order, each in a place of its own");
        self.last = Some(event.order);
        let what = match event.action {
            Action::Open(flow, tuple) => {
                assert!(self.open.insert((tracker, flow)), "an open flow opens again");
                format!("open {tuple}")
            }
            Action::Close(flow) => {
                assert!(self.open.remove(&(tracker, flow)), "a flow closes that is not open");
                self.voice.remove(&(tracker, flow));
                "close".to_owned()
            }
            Action::EncryptedVoice(flow, tuple) => {
                assert!(self.open.contains(&(tracker, flow)), "a flow that is not open");
                assert!(self.voice.insert((tracker, flow)), "once a flow");
                format!("encrypted voice {tuple}")
            }
            Action::Vlan(id) => format!("vlan {id}"),
            Action::Ike(version, tuple) => format!("ike {version:?} {tuple}"),
        };
        self.lines.push(format!("{:?} {what}", event.order));
    }
}

/// Follows the packets that `data` encodes with a tracker and with a plain list of flows.
///
/// # Panics
///
/// When the two disagree.
pub fn flows(data: &[u8]) {
    const CAPACITY: usize = 6;
    let mut tracker = Tracker::new(CAPACITY);
    let mut model = Model { flows: Vec::new(), capacity: CAPACITY };
    let (mut now, mut events) = (0, Vec::new());
    for (frame, bytes) in (1..).zip(data.as_chunks::<4>().0) {
        let (step, packet) = decode(*bytes);
        now += step;
        events.clear();
        let verdict = tracker.packet(now, frame, &packet, &mut events);
        let mut expected = Vec::new();
        assert_eq!(verdict, model.packet(now, frame, &packet, &mut expected));
        let got: Vec<_> = events.iter().map(|event| (event.order, Plain::of(event))).collect();
        assert_eq!(got, expected, "frame {frame}");
        assert_eq!(tracker.open(), model.flows.len());
    }
}

/// Time to pass, and a packet: few ends and few numbers, so that packets belong together.
fn decode([step, what, ends, numbers]: [u8; 4]) -> (u64, Packet) {
    const STEPS: [u64; 8] = [
        0,
        0,
        1,
        ICMP_IDLE,
        super::EMBRYONIC_IDLE,
        UDP_IDLE,
        super::HALF_CLOSED_IDLE,
        super::ESTABLISHED_IDLE,
    ];
    let early = u64::from(step & 8 != 0);
    let step = STEPS[usize::from(step % 8)].saturating_sub(early);
    let (source, destination) = (1 + (ends & 1), 2 - (ends & 1));
    let host = |last: u8| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
    let protocol = [ip_number::TCP, ip_number::UDP, ip_number::ICMP][usize::from(what / 64) % 3];
    let port = u16::from(ends >> 1 & 1);
    let tuple = FiveTuple {
        protocol,
        source: host(source),
        destination: host(destination),
        source_port: port,
        destination_port: port,
    };
    let segment = Segment {
        sequence: u32::from(numbers & 3).wrapping_sub(1),
        acknowledgement: u32::from(numbers >> 2 & 7).wrapping_sub(1),
        length: u32::from(numbers >> 5 & 1),
        flags: what & 0x17,
        encrypted_voice: numbers >> 6 == 3,
    };
    let content = if protocol == ip_number::TCP { Content::Tcp(segment) } else { Content::Other };
    (step, Packet { tuple, content })
}

/// An event with the flow's opening frame in place of its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plain {
    Open,
    Close,
    EncryptedVoice,
}

impl Plain {
    fn of(event: &Event) -> Self {
        match event.action {
            Action::Open(..) => Self::Open,
            Action::Close(_) => Self::Close,
            _ => Self::EncryptedVoice,
        }
    }
}

/// Flows in a list: no index, no timers.
struct Model {
    flows: Vec<ModelFlow>,
    capacity: usize,
}

struct ModelFlow {
    tuple: FiveTuple,
    opened: u64,
    seen: u64,
    connection: Option<Connection>,
}

impl ModelFlow {
    fn due(&self) -> u64 {
        let idle = match (&self.connection, self.tuple.protocol) {
            (Some(connection), _) => connection.idle(),
            (None, ip_number::ICMP) => ICMP_IDLE,
            (None, _) => UDP_IDLE,
        };
        self.seen + idle
    }

    fn is_of(&self, tuple: &FiveTuple) -> bool {
        *tuple == self.tuple || *tuple == reversed(&self.tuple)
    }
}

const fn reversed(tuple: &FiveTuple) -> FiveTuple {
    FiveTuple {
        protocol: tuple.protocol,
        source: tuple.destination,
        destination: tuple.source,
        source_port: tuple.destination_port,
        destination_port: tuple.source_port,
    }
}

impl Model {
    fn packet(
        &mut self,
        now: u64,
        frame: u64,
        packet: &Packet,
        events: &mut Vec<(Order, Plain)>,
    ) -> Result<(), SkipReason> {
        self.flows.sort_by_key(|flow| (flow.due(), flow.opened));
        while self.flows.first().is_some_and(|flow| flow.due() <= now) {
            let flow = self.flows.remove(0);
            events.push((Order::expiry(flow.due(), flow.opened), Plain::Close));
        }
        let mut note = |rank, what| events.push((Order::packet(now, frame, rank), what));
        if let Some(place) = self.flows.iter().position(|flow| flow.is_of(&packet.tuple)) {
            let flow = &mut self.flows[place];
            flow.seen = now;
            let (Some(connection), Content::Tcp(segment)) = (&mut flow.connection, packet.content)
            else {
                return Ok(());
            };
            let from = if packet.tuple == flow.tuple { End::Initiator } else { End::Responder };
            match connection.take(from, &segment) {
                Step::Continue => return Ok(()),
                Step::EncryptedVoice => {
                    note(Rank::EncryptedVoice, Plain::EncryptedVoice);
                    return Ok(());
                }
                step => {
                    self.flows.remove(place);
                    note(Rank::Close, Plain::Close);
                    if step == Step::Close {
                        return Ok(());
                    }
                }
            }
        }
        let connection = match packet.content {
            Content::Tcp(segment) if segment.opens() => Some(Connection::opened_by(&segment)),
            Content::Tcp(_) => return Err(SkipReason::MidStream),
            _ => None,
        };
        if self.flows.len() == self.capacity {
            return Err(SkipReason::FlowTableFull);
        }
        note(Rank::Open, Plain::Open);
        self.flows.push(ModelFlow { tuple: packet.tuple, opened: frame, seen: now, connection });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::testing::ethernet_capture;

    proptest! {
        #[test]
        fn packets(data in prop::collection::vec(any::<u8>(), 0..96)) {
            packet(&data);
        }

        #[test]
        fn noise_is_no_capture(data in prop::collection::vec(any::<u8>(), 0..256)) {
            file(&data);
        }

        /// Frames that are noise below Ethernet.
        #[test]
        fn captures_of_noise(
            frames in prop::collection::vec(
                (any::<u16>(), prop::collection::vec(any::<u8>(), 0..64)), 0..40),
        ) {
            let mut frames: Vec<_> =
                frames.into_iter().map(|(at, data)| (u64::from(at) << 22, data)).collect();
            for (_, data) in &mut frames {
                if let Some(kind) = data.get_mut(12..15) {
                    kind.copy_from_slice(&[0x08, 0x00, 0x45]);
                }
            }
            file(&ethernet_capture(frames.iter().map(|(at, data)| (*at, &data[..]))));
        }

        #[test]
        fn traffic(data in prop::collection::vec(any::<u8>(), 0..400)) {
            flows(&data);
        }
    }
}
