//! A packet loop: what admission costs beside the work that a packet is anyway.
//!
//! TCP connections over IPv4 take turns, as on a wire, so that no packet finds its flow in the
//! cache lines that the packet before it has used. Each packet is parsed; its addresses and ports
//! are hashed and looked up in a flow table; a SYN enters a flow and a FIN removes it. With
//! admission, a flow is admitted when it enters and released when it is removed.

use std::hint::black_box;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::case::{Trial, handles};
use super::contestant::{Contestant, Handle};
use super::crew::{race, slowest};
use super::rounds::Sample;

/// Connections that are open at once.
const FLOWS: u32 = 256;
/// Packets of each, with its SYN and its FIN.
const TURNS: u32 = 16;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    addresses: [[u8; 4]; 2],
    ports: [u16; 2],
}

/// What a flow table holds: what any firewall counts, and where the unit is that was admitted.
struct Flow {
    packets: u64,
    bytes: u64,
    place: usize,
}

type Table = HashMap<Key, Flow, RandomState>;

/// All packets, one after another in one piece of memory, as in a receive ring.
struct Trace {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Trace {
    fn new() -> Self {
        let mut trace = Self { bytes: Vec::new(), ends: Vec::new() };
        for turn in 0..TURNS {
            for flow in 0..FLOWS {
                trace.push(flow, turn);
            }
        }
        trace
    }

    fn push(&mut self, flow: u32, turn: u32) {
        let [_, _, b, c] = flow.to_be_bytes();
        let ethernet = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let tcp =
            ethernet.ipv4([10, 1, b, c], [198, 51, 100, c], 64).tcp(40_000, 443, turn, 65_535);
        let payload: &[u8] = if turn == 0 || turn == TURNS - 1 { &[] } else { &[0x5a; 200] };
        let written = match turn {
            0 => tcp.syn().write(&mut self.bytes, payload),
            _ if turn == TURNS - 1 => tcp.ack(1).fin().write(&mut self.bytes, payload),
            _ => tcp.ack(1).write(&mut self.bytes, payload),
        };
        written.expect("a packet that fits its headers");
        self.ends.push(self.bytes.len());
    }

    fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[*start..*end])
    }
}

/// What a packet means for admission.
enum Event {
    /// Nothing, as most do.
    Goes,
    Opens(Key),
    /// The flow that had its unit in this place is over.
    Closes(usize),
}

/// One packet through parser, hash and table.
///
/// Not generic, and compiled once: with every contestant and without any it is the same code, and
/// what differs between them is admission.
#[inline(never)]
fn packet(table: &mut Table, frame: &[u8]) -> Event {
    let Ok(packet) = SlicedPacket::from_ethernet(frame) else { return Event::Goes };
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
        (&packet.net, &packet.transport)
    else {
        return Event::Goes;
    };
    let header = ip.header();
    let key = Key {
        addresses: [header.source(), header.destination()],
        ports: [tcp.source_port(), tcp.destination_port()],
    };
    let Some(flow) = table.get_mut(&key) else {
        return if tcp.syn() { Event::Opens(key) } else { Event::Goes };
    };
    flow.packets += 1;
    flow.bytes += frame.len() as u64;
    let Some(flow) = tcp.fin().then(|| table.remove(&key)).flatten() else { return Event::Goes };
    black_box((flow.packets, flow.bytes));
    Event::Closes(flow.place)
}

#[inline(never)]
fn enter(table: &mut Table, key: Key, place: usize, frame: &[u8]) {
    table.insert(key, Flow { packets: 1, bytes: frame.len() as u64, place });
}

/// One thread's share of the loop.
struct Lane<H: Handle> {
    handle: H,
    table: Table,
    /// The units of the flows that are open, in the order in which they opened.
    units: Vec<Option<H::Unit>>,
    opened: usize,
}

impl<H: Handle> Lane<H> {
    fn new(handle: H) -> Self {
        let table = Table::with_capacity_and_hasher(2048, RandomState::default());
        let units = std::iter::repeat_with(|| None).take(FLOWS as usize).collect();
        Self { handle, table, units, opened: 0 }
    }

    fn pass(&mut self, trace: &Trace) {
        for frame in trace.packets() {
            match packet(&mut self.table, black_box(frame)) {
                Event::Goes => {}
                Event::Opens(key) => {
                    if let Some(unit) = self.handle.admit() {
                        let place = self.opened % self.units.len();
                        self.units[place] = Some(unit);
                        enter(&mut self.table, key, place, frame);
                        self.opened += 1;
                    }
                }
                Event::Closes(place) => {
                    if let Some(unit) = self.units[place].take() {
                        self.handle.release(unit);
                    }
                }
            }
        }
        assert!(self.table.is_empty(), "every flow ends");
    }
}

/// Whole passes over the trace, until there were enough packets.
pub(super) fn run<C: Contestant>(trial: &Trial<'_>) -> Sample {
    let trace = Trace::new();
    let packets = trace.ends.len() as u64;
    let passes = (trial.operations / packets).max(1);
    let contestant = C::new(&trial.terms(trial.far()));
    let lanes = handles(&contestant, trial.threads).into_iter().map(Lane::new).collect();
    let laps = race(&trial.site.cores, lanes, |_, mut lane| {
        (0..passes).for_each(|_| lane.pass(&trace));
        (lane, ())
    });
    Sample::of(slowest(&laps), passes * packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Asked {
        admitted: u64,
        released: u64,
    }

    impl Handle for Asked {
        /// Which flow's it is.
        type Unit = u64;

        fn admit(&mut self) -> Option<u64> {
            self.admitted += 1;
            Some(self.admitted)
        }

        fn release(&mut self, unit: u64) {
            self.released += 1;
            assert_eq!(unit, self.released, "flows end in the order in which they began");
        }
    }

    #[test]
    fn a_flow_is_admitted_once_and_released_once() {
        let mut lane = Lane::new(Asked::default());
        let trace = Trace::new();
        for passes in 1..=3 {
            lane.pass(&trace);
            let flows = u64::from(FLOWS) * passes;
            assert_eq!((lane.handle.admitted, lane.handle.released), (flows, flows));
        }
    }
}
