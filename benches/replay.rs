//! Packets per second through each stage of a replay, from memory.
//!
//! ```text
//! cargo bench --bench replay
//! ```
//!
//! Each line contains the one before it, so that the difference is what a stage costs: framing,
//! parsing, tracking, and the gate.

use std::hint::black_box;
use std::num::NonZeroUsize;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etherparse::{PacketBuilder, TcpHeader};
use tollgate::capture::{Desk, Reader, Replay, Sink, Zones, parse};
use tollgate::catalogue;
use tollgate::gate::Gate;
use tollgate::license::{RunningLicense, Unit};

/// Connections that are open at once.
const CONNECTIONS: u32 = 8192;
/// Data segments of each connection, beside the seven that open and close it.
const SEGMENTS: u32 = 17;
const PACKETS: u64 = CONNECTIONS as u64 * (SEGMENTS as u64 + 7);
const PAYLOAD: [u8; 200] = [0x5a; 200];

#[derive(Clone, Copy, Default)]
struct Flags {
    syn: bool,
    ack: bool,
    fin: bool,
}

const SYN: Flags = Flags { syn: true, ack: false, fin: false };
const SYN_ACK: Flags = Flags { syn: true, ack: true, fin: false };
const ACK: Flags = Flags { syn: false, ack: true, fin: false };
const FIN: Flags = Flags { syn: false, ack: true, fin: true };

/// One segment of one connection; its source is the client where `up` is set.
fn segment(
    connection: u32,
    up: bool,
    flags: Flags,
    numbers: (u32, u32),
    payload: &[u8],
) -> Vec<u8> {
    let [_, a, b, c] = connection.to_be_bytes();
    let (client, server) = ([10, a, b, c], [198, 51, 100, c]);
    let ((from, source), (to, destination)) =
        if up { ((client, 40_000), (server, 443)) } else { ((server, 443), (client, 40_000)) };
    let mut header = TcpHeader::new(source, destination, numbers.0, 65_535);
    (header.syn, header.ack, header.fin) = (flags.syn, flags.ack, flags.fin);
    header.acknowledgment_number = numbers.1;
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64).tcp_header(header);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).expect("a frame");
    frame
}

/// The segments of one connection, first to last: handshake, data from the server, both FINs.
fn connection(number: u32) -> Vec<Vec<u8>> {
    let mut segments = vec![
        segment(number, true, SYN, (0, 0), &[]),
        segment(number, false, SYN_ACK, (0, 1), &[]),
        segment(number, true, ACK, (1, 1), &[]),
    ];
    let mut sent = 1;
    for _ in 0..SEGMENTS {
        segments.push(segment(number, false, ACK, (sent, 1), &PAYLOAD));
        sent += u32::try_from(PAYLOAD.len()).expect("short");
    }
    segments.push(segment(number, true, FIN, (1, sent), &[]));
    segments.push(segment(number, false, ACK, (sent, 2), &[]));
    segments.push(segment(number, false, FIN, (sent, 2), &[]));
    segments.push(segment(number, true, ACK, (2, sent + 1), &[]));
    segments
}

/// A pcap file in which all connections take turns, so that no packet finds its flow in the cache
/// that the packet before it has left.
fn capture() -> Vec<u8> {
    let connections: Vec<_> = (0..CONNECTIONS).map(connection).collect();
    let mut file = Vec::new();
    file.extend([0xa1b2_3c4d, 0x0004_0002, 0, 0, 65_535, 1].map(u32::to_le_bytes).concat());
    let mut at = 0_u32;
    for turn in 0..connections[0].len() {
        for segments in &connections {
            let length = u32::try_from(segments[turn].len()).expect("short");
            file.extend([0, at, length, length].map(u32::to_le_bytes).concat());
            file.extend(&segments[turn]);
            at += 1_000;
        }
    }
    file
}

fn replay(file: &[u8], trackers: usize, sink: impl Sink + Send) -> u64 {
    let trackers = NonZeroUsize::new(trackers).expect("at least one");
    let mut replay = Replay::new(trackers, sink);
    replay.capture(&mut Reader::new(file).expect("a capture")).expect("no fault");
    replay.traffic().packets
}

fn gate() -> Gate {
    let entry = catalogue::find("ASA 5585-X with SSP-60", None, None).expect("a model");
    Gate::with_exact_peaks(RunningLicense::of(&Unit::new(entry)))
}

fn stages(c: &mut Criterion) {
    let file = capture();
    let mut group = c.benchmark_group("replay");
    group.throughput(Throughput::Elements(PACKETS)).sample_size(20);
    group.bench_function("read", |b| {
        b.iter(|| {
            let mut reader = Reader::new(&file[..]).expect("a capture");
            while let Some(frame) = reader.next_frame().expect("no fault") {
                black_box(frame);
            }
        });
    });
    group.bench_function("read, parse", |b| {
        b.iter(|| {
            let mut reader = Reader::new(&file[..]).expect("a capture");
            while let Some(frame) = reader.next_frame().expect("no fault") {
                let _ = black_box(parse(frame.link, frame.data));
            }
        });
    });
    group.bench_function("read, parse, track", |b| b.iter(|| replay(&file, 1, ())));
    group.bench_function("read, parse, track, admit", |b| {
        let gate = gate();
        b.iter(|| replay(&file, 1, Desk::new(&gate, Zones::default(), 1)));
    });
    group.bench_function("the same with 2 trackers", |b| {
        let gate = gate();
        b.iter(|| replay(&file, 2, Desk::new(&gate, Zones::default(), 2)));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
