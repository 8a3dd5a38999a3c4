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

/// What a flow table holds: the unit that was admitted, beside what any firewall counts.
struct Flow<U> {
    packets: u64,
    bytes: u64,
    unit: U,
}

type Table<U> = HashMap<Key, Flow<U>, RandomState>;

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

/// One packet through the loop.
#[inline]
fn packet<H: Handle>(handle: &mut H, table: &mut Table<H::Unit>, frame: &[u8]) {
    let Ok(packet) = SlicedPacket::from_ethernet(frame) else { return };
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) =
        (&packet.net, &packet.transport)
    else {
        return;
    };
    let header = ip.header();
    let key = Key {
        addresses: [header.source(), header.destination()],
        ports: [tcp.source_port(), tcp.destination_port()],
    };
    if let Some(flow) = table.get_mut(&key) {
        flow.packets += 1;
        flow.bytes += frame.len() as u64;
        if tcp.fin()
            && let Some(flow) = table.remove(&key)
        {
            black_box((flow.packets, flow.bytes));
            handle.release(flow.unit);
        }
    } else if tcp.syn()
        && let Some(unit) = handle.admit()
    {
        table.insert(key, Flow { packets: 1, bytes: frame.len() as u64, unit });
    }
}

/// Whole passes over the trace, until there were enough packets.
pub(super) fn run<C: Contestant>(trial: &Trial<'_>) -> Sample {
    let trace = Trace::new();
    let passes = (trial.operations / trace.ends.len() as u64).max(1);
    let contestant = C::new(&trial.terms(trial.far()));
    let crew: Vec<_> = handles(&contestant, trial.threads)
        .into_iter()
        .map(|handle| (handle, Table::with_capacity_and_hasher(2048, RandomState::default())))
        .collect();
    let laps = race(&trial.site.cores, crew, |_, (mut handle, mut table)| {
        for _ in 0..passes {
            for frame in trace.packets() {
                packet(&mut handle, &mut table, black_box(frame));
            }
            assert!(table.is_empty(), "every flow ends");
        }
        ((handle, table), ())
    });
    Sample::of(slowest(&laps), passes * trace.ends.len() as u64)
}
