//! Whole captures against gates.

use super::*;
use crate::capture::testing::{CLIENT, SERVER, ethernet, ethernet_capture, ike, tcp, udp};
use crate::capture::{
    Action, Desk, EMBRYONIC_IDLE, FirstRefusal, IkeVersion, LimitReport, SECOND, Segment, UDP_IDLE,
    Who, Zones,
};
use crate::catalogue;
use crate::gate::Gate;
use crate::license::{Allowance, Limit, RunningLicense, Unit};

const SYN: u8 = Segment::SYN;
const RST: u8 = Segment::RST;

fn gate(model: &str, restrictions: &[(Limit, u32)]) -> Gate {
    let mut unit = Unit::new(catalogue::find(model, None, None).expect("a model"));
    for (limit, units) in restrictions {
        unit.restrict(*limit, *units);
    }
    Gate::with_exact_peaks(RunningLicense::of(&unit))
}

fn trackers(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("at least one")
}

/// Replays a capture into a desk at `gate`.
fn run(gate: &Gate, number: usize, file: &[u8]) -> Replay<Desk> {
    let desk = Desk::new(gate, Zones::default(), number);
    let mut replay = Replay::new(trackers(number), desk);
    replay.capture(&mut Reader::new(file).expect("a capture")).expect("no fault");
    replay
}

fn report(replay: &Replay<Desk>, limit: Limit) -> LimitReport {
    let lines = replay.sink().report();
    *lines.iter().find(|line| line.usage.limit == limit).expect("a line of the report")
}

/// A report's peak, admitted, refused, in use.
fn figures(replay: &Replay<Desk>, limit: Limit) -> [u64; 4] {
    let usage = report(replay, limit).usage;
    [usage.peak, usage.admitted, usage.refused, usage.in_use]
}

fn capture(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    ethernet_capture(frames.iter().map(|(at, data)| (*at, &data[..])))
}

fn host(last: u8) -> [u8; 4] {
    [10, 0, 0, last]
}

fn from_host(last: u8, flags: u8) -> Vec<u8> {
    tcp((host(last), 1024), (SERVER, 443), (flags, 1, 0), &[])
}

/// Takes down what it is given.
#[derive(Default)]
struct Notes(Vec<String>);

impl Sink for Notes {
    fn take(&mut self, _tracker: usize, event: &Event) {
        let what = match event.action {
            Action::Open(_, tuple) => format!("open {tuple}"),
            Action::Close(_) => "close".to_owned(),
            Action::EncryptedVoice(_, tuple) => format!("voice {tuple}"),
            Action::Vlan(id) => format!("vlan {id}"),
            Action::Ike(version, tuple) => format!("ike {version:?} {tuple}"),
        };
        self.0.push(format!("{:?} {what}", event.order));
    }
}

/// Traffic of some rounds, of every kind, in which flows of every kind end at idle times.
fn busy() -> Vec<u8> {
    const FRAMES: u32 = 5 * 1024 + 7;
    // A linear congruential generator: any disorder will do, as long as it is always the same.
    let mut state = 1_u32;
    let mut random = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let mut at = 0;
    let frames = (0..FRAMES).map(|number| {
        at += u64::from(random(100)) * SECOND / 1000;
        let client = (host(u8::try_from(random(40)).expect("small")), 1024);
        let server = (SERVER, [443, 5061, 500, 53][random(4) as usize]);
        let (from, to) = if random(3) == 0 { (server, client) } else { (client, server) };
        let hello = [22, 3, 1, 0, 1, 1];
        let frame = match random(10) {
            0..3 => tcp(from, to, (SYN, number, 0), &[]),
            3 => tcp(from, to, (Segment::ACK, number, 1), &hello),
            4 => tcp(from, to, (Segment::FIN | Segment::ACK, number, number), &[]),
            5 => tcp(from, to, (RST, number, 0), &[]),
            6 => udp(from, to, &ike(u64::from(random(9)), 0x20)),
            7 => {
                let mut frame = udp(from, to, b"tagged");
                let id = [0x81, 0x00, 0, u8::try_from(random(20)).expect("small")];
                frame.splice(12..12, id);
                frame
            }
            8 => vec![0; 20],
            _ => udp(from, to, b"plain"),
        };
        (at, frame)
    });
    capture(&frames.collect::<Vec<_>>())
}

/// Every figure and every event is the same for any number of trackers, at limits that bite.
#[test]
fn the_number_of_trackers_makes_no_difference() {
    let file = busy();
    let limits = [
        (Limit::FirewallConns, 30),
        (Limit::InsideHosts, 25),
        (Limit::OtherVpn, 5),
        (Limit::Vlans, 3),
    ];
    let run = |number| {
        let gate = gate("ASA 5505", &limits);
        let sink = (Desk::new(&gate, Zones::default(), number), Notes::default());
        let mut replay = Replay::new(trackers(number), sink);
        replay.capture(&mut Reader::new(&file[..]).expect("a capture")).expect("no fault");
        let (desk, notes) = &replay.sink;
        (replay.traffic(), desk.report(), notes.0.clone())
    };
    let (traffic, lines, notes) = run(1);
    for limit in limits.map(|(limit, _)| limit) {
        let line = lines.iter().find(|line| line.usage.limit == limit).expect("a line");
        assert!(line.usage.refused > 0 && line.usage.admitted > 0, "{limit} does not bite");
    }
    for what in ["open", "close", "voice", "vlan", "ike", "frame: 0,"] {
        assert!(notes.iter().any(|note| note.contains(what)), "no {what}");
    }
    assert!(traffic.skipped.count(SkipReason::MidStream) > 0);
    for number in [2, 3, 8] {
        let (other_traffic, other_lines, other_notes) = run(number);
        assert_eq!(other_notes, notes, "{number} trackers");
        assert_eq!(other_lines, lines, "{number} trackers");
        assert_eq!(other_traffic, traffic, "{number} trackers");
    }
}

#[test]
fn a_refused_connection_is_asked_for_once_and_holds_nothing() {
    let gate = gate("ASA 5520", &[(Limit::FirewallConns, 1)]);
    let frames = [
        (0, from_host(1, SYN)),
        (SECOND, from_host(2, SYN)),
        (2 * SECOND, from_host(2, SYN)),
        (3 * SECOND, from_host(2, Segment::ACK)),
        (4 * SECOND, from_host(2, RST)),
        (5 * SECOND, from_host(3, SYN)),
        (6 * SECOND, from_host(1, RST)),
        (7 * SECOND, from_host(3, Segment::ACK)),
        (8 * SECOND, from_host(4, SYN)),
    ];
    let replay = run(&gate, 1, &capture(&frames));
    assert_eq!(figures(&replay, Limit::FirewallConns), [1, 2, 2, 1]);
    let first = report(&replay, Limit::FirewallConns).first_refusal.expect("a refusal");
    assert_eq!((first.at_ns, first.frame), (SECOND, 2));
    assert_eq!(first.who.to_string(), "TCP 10.0.0.2:1024 -> 192.0.2.1:443");
}

#[test]
fn inside_hosts_count_while_they_have_a_connection() {
    let gate = gate("ASA 5505", &[]);
    let mut frames: Vec<_> =
        (1..=11).map(|last| (u64::from(last) * SECOND, from_host(last, SYN))).collect();
    frames.push((12 * SECOND, tcp((host(12), 1), (host(13), 2), (SYN, 1, 0), &[])));
    frames.push((13 * SECOND, from_host(1, RST)));
    frames.push((14 * SECOND, from_host(14, SYN)));
    let replay = run(&gate, 2, &capture(&frames));
    assert_eq!(figures(&replay, Limit::InsideHosts), [10, 11, 1, 10]);
    assert_eq!(figures(&replay, Limit::FirewallConns), [11, 12, 0, 11]);
    let first = report(&replay, Limit::InsideHosts).first_refusal.expect("a refusal");
    assert_eq!((first.at_ns, first.frame), (10 * SECOND, 11), "time is from the first frame");
}

#[test]
fn zones_may_be_given() {
    let gate = gate("ASA 5505", &[]);
    let file =
        capture(&[(0, from_host(1, SYN)), (0, tcp((SERVER, 1), (CLIENT, 2), (SYN, 1, 0), &[]))]);
    let networks = vec!["192.0.2.0/24".parse().expect("a network")];
    let mut replay = Replay::new(trackers(1), Desk::new(&gate, Zones::inside(networks), 1));
    replay.capture(&mut Reader::new(&file[..]).expect("a capture")).expect("no fault");
    assert_eq!(figures(&replay, Limit::InsideHosts), [1, 1, 0, 1]);
}

#[test]
fn encrypted_voice_ends_with_its_connection() {
    const HELLO: [u8; 6] = [22, 3, 1, 0, 1, 1];
    let voice = |last, flags, payload: &[u8]| {
        tcp((host(last), 1024), (SERVER, 5061), (flags, 1, 0), payload)
    };
    let frames = [
        (0, voice(1, SYN, &[])),
        (0, voice(2, SYN, &[])),
        (1, voice(1, Segment::ACK, &HELLO)),
        (2, voice(2, Segment::ACK, &HELLO)),
        (3, voice(1, RST, &[])),
        (4, voice(3, SYN, &[])),
        (5, voice(3, Segment::ACK, &HELLO)),
    ];
    let replay = run(&gate("ASA 5520", &[]), 1, &capture(&frames));
    assert_eq!(figures(&replay, Limit::UcProxy), [2, 3, 0, 2], "the two included");
    assert_eq!(figures(&replay, Limit::TlsProxy), [2, 3, 0, 2]);
    // The second connection is refused, so its handshake does not pass.
    let gate = gate("ASA 5520", &[(Limit::FirewallConns, 1), (Limit::UcProxy, 0)]);
    let replay = run(&gate, 1, &capture(&frames));
    assert_eq!(figures(&replay, Limit::UcProxy), [0, 0, 2, 0]);
    let first = report(&replay, Limit::UcProxy).first_refusal.expect("a refusal");
    assert_eq!(first.frame, 3);
}

#[test]
fn a_vlan_and_an_ike_session_are_held_from_first_sight() {
    let tagged = |id: u8| {
        let mut frame = udp((CLIENT, 7), (SERVER, 7), &[]);
        frame.splice(12..12, [0x81, 0x00, 0, id]);
        frame
    };
    let ike = |spi, version| udp((CLIENT, 500), (SERVER, 500), &ike(spi, version));
    let frames = [
        (0, tagged(1)),
        (0, tagged(2)),
        (0, ike(7, 0x10)),
        (1, tagged(1)),
        (1, ike(8, 0x20)),
        (1, ike(7, 0x10)),
        (UDP_IDLE * 9, tagged(3)),
    ];
    let gate = gate("ASA 5520", &[(Limit::Vlans, 2), (Limit::OtherVpn, 1)]);
    let replay = run(&gate, 1, &capture(&frames));
    assert_eq!(figures(&replay, Limit::Vlans), [2, 2, 1, 2]);
    assert_eq!(figures(&replay, Limit::Interfaces), [2, 2, 0, 2]);
    assert_eq!(figures(&replay, Limit::OtherVpn), [1, 1, 1, 1]);
    let first = |limit| report(&replay, limit).first_refusal;
    let vlan = FirstRefusal { at_ns: 9 * UDP_IDLE, frame: 7, who: Who::Vlan(3) };
    assert_eq!(first(Limit::Vlans), Some(vlan));
    let other = first(Limit::OtherVpn).expect("a refusal");
    assert_eq!(other.who.to_string(), "UDP 10.0.0.1:500 -> 192.0.2.1:500");
}

#[test]
fn both_versions_of_ike_are_told_apart() {
    let frames = [
        (0, udp((CLIENT, 500), (SERVER, 500), &ike(7, 0x10))),
        (0, udp((CLIENT, 500), (SERVER, 500), &ike(7, 0x20))),
    ];
    let mut replay = Replay::new(trackers(1), Notes::default());
    let file = capture(&frames);
    replay.capture(&mut Reader::new(&file[..]).expect("a capture")).expect("no fault");
    let seen = |version: IkeVersion| {
        let what = format!("ike {version:?}");
        replay.sink().0.iter().filter(|note| note.contains(&what)).count()
    };
    assert_eq!([seen(IkeVersion::V1), seen(IkeVersion::V2)], [1, 1]);
}

#[test]
fn only_what_was_asked_for_is_reported() {
    let replay = run(&gate("ASA 5520", &[]), 1, &capture(&[(0, vec![0; 60])]));
    let lines = replay.sink().report();
    let limits: Vec<_> = lines.iter().map(|line| line.usage.limit).collect();
    assert_eq!(limits, [Limit::FirewallConns]);
    assert_eq!(lines[0].usage.allowance, Allowance::Limited(280_000));
    let replay = run(&gate("ASA 5520", &[]), 1, &capture(&[(0, from_host(1, SYN))]));
    assert_eq!(replay.sink().report().len(), 1, "hosts are not counted on this model");
}

#[test]
fn what_comes_before_a_fault_is_replayed() {
    let file = capture(&[(0, from_host(1, SYN)), (0, from_host(2, SYN)), (0, from_host(3, SYN))]);
    for number in [1, 3] {
        let desk = Desk::new(&gate("ASA 5520", &[]), Zones::default(), number);
        let mut replay = Replay::new(trackers(number), desk);
        let cut = &file[..file.len() - 1];
        let fault = replay.capture(&mut Reader::new(cut).expect("a capture")).expect_err("cut");
        assert_eq!(fault.offset, 24 + 2 * (16 + 54));
        assert_eq!(replay.traffic().packets, 2);
        assert_eq!(figures(&replay, Limit::FirewallConns), [2, 2, 0, 2]);
    }
}

#[test]
fn captures_in_a_row_are_one_recording() {
    let files = [
        capture(&[(SECOND, from_host(1, SYN))]),
        capture(&[(2 * SECOND, from_host(1, SYN)), (2 * SECOND, from_host(2, SYN))]),
        capture(&[(SECOND + EMBRYONIC_IDLE, from_host(3, SYN))]),
        capture(&[(2 * SECOND + EMBRYONIC_IDLE, from_host(3, SYN))]),
    ];
    let mut replay = Replay::new(trackers(2), Notes::default());
    for file in &files {
        replay.capture(&mut Reader::new(&file[..]).expect("a capture")).expect("no fault");
    }
    let notes: Vec<_> = replay.sink().0.iter().map(|note| note.contains("open")).collect();
    assert_eq!(notes, [true, true, true, false, false]);
    assert_eq!(replay.traffic().duration_ns, SECOND + EMBRYONIC_IDLE);
    assert_eq!(replay.traffic().packets, 5);
}

#[test]
fn skipped_frames_are_counted_by_reason() {
    let mut pinged = Vec::new();
    ethernet()
        .ipv4(CLIENT, SERVER, 1)
        .icmpv4_raw(11, 0, [0; 4])
        .write(&mut pinged, &[])
        .expect("a frame");
    let frames = [
        (0, vec![0; 60]),
        (0, pinged),
        (0, from_host(1, RST)),
        (0, from_host(1, RST)),
        (0, vec![0; 3]),
        (0, from_host(1, SYN)),
    ];
    let replay = run(&gate("ASA 5520", &[]), 2, &capture(&frames));
    let skipped = replay.traffic().skipped;
    let counts: Vec<_> = skipped.iter().filter(|(_, count)| *count > 0).collect();
    let expected = [
        (SkipReason::NonIp, 1),
        (SkipReason::Truncated, 1),
        (SkipReason::IcmpError, 1),
        (SkipReason::MidStream, 2),
    ];
    assert_eq!(counts, expected);
    assert_eq!(skipped.total(), 5);
}
