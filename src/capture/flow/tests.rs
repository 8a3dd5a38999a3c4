//! Every way in which a flow opens and closes, at the instant and one nanosecond before.

use super::super::link::LinkType;
use super::super::packet::{Segment, parse};
use super::super::tcp::{EMBRYONIC_IDLE, ESTABLISHED_IDLE, HALF_CLOSED_IDLE};
use super::super::testing::{CLIENT, SERVER, ethernet, tcp, udp};
use super::*;

const SYN: u8 = Segment::SYN;
const ACK: u8 = Segment::ACK;
const FIN: u8 = Segment::FIN;
const RST: u8 = Segment::RST;

/// A firewall's view of one client and one server.
struct Wire {
    tracker: Tracker,
    now: u64,
    frame: u64,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq)]
enum Sender {
    Client,
    Server,
}
use Sender::{Client, Server};

impl Wire {
    fn new() -> Self {
        Self { tracker: Tracker::new(100), now: 0, frame: 0 }
    }

    fn wait(&mut self, time: u64) -> &mut Self {
        self.now += time;
        self
    }

    /// What a frame does: `open`, `close`, `voice` or a skip reason, separated by blanks.
    fn frame(&mut self, frame: &[u8]) -> String {
        let packet = parse(LinkType::Ethernet, frame).1.expect("a packet");
        self.frame += 1;
        let mut events = Vec::new();
        let result = self.tracker.packet(self.now, self.frame, &packet, &mut events);
        let mut words = words(&events);
        words.extend(result.err().map(SkipReason::name));
        words.join(" ")
    }

    /// A TCP segment with flags, sequence and acknowledgement number.
    fn tcp(&mut self, from: Sender, flags: u8, sequence: u32, acknowledgement: u32) -> String {
        self.payload(from, (flags, sequence, acknowledgement), &[])
    }

    fn payload(&mut self, from: Sender, numbers: (u8, u32, u32), payload: &[u8]) -> String {
        const ENDS: [([u8; 4], u16); 2] = [(CLIENT, 1024), (SERVER, 5061)];
        let [client, server] = ENDS;
        let (from, to) = if from == Client { (client, server) } else { (server, client) };
        self.frame(&tcp(from, to, numbers, payload))
    }

    /// A connection whose handshake is complete: both ends continue at 101 and 201.
    fn established() -> Self {
        let mut wire = Self::new();
        assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
        assert_eq!(wire.tcp(Server, SYN | ACK, 200, 101), "");
        assert_eq!(wire.tcp(Client, ACK, 101, 201), "");
        wire
    }

    /// What happens until now without a packet.
    fn idle(&mut self) -> String {
        let mut events = Vec::new();
        self.tracker.expire(self.now, &mut events);
        words(&events).join(" ")
    }

    /// Asserts that the flow closes when it was idle for `time`, and not before.
    #[track_caller]
    fn assert_idle_time(&mut self, time: u64) {
        assert_eq!(self.wait(time - 1).idle(), "", "one nanosecond before");
        assert_eq!(self.wait(1).idle(), "close");
    }
}

fn words(events: &[Event]) -> Vec<&'static str> {
    let word = |event: &Event| match event.action {
        Action::Open(..) => "open",
        Action::Close(_) => "close",
        Action::EncryptedVoice(..) => "voice",
        _ => "other",
    };
    events.iter().map(word).collect()
}

#[test]
fn a_connection_closes_when_both_fins_are_acknowledged() {
    let mut wire = Wire::established();
    assert_eq!(wire.payload(Client, (ACK, 101, 201), b"hello"), "");
    assert_eq!(wire.tcp(Client, FIN | ACK, 106, 201), "");
    assert_eq!(wire.tcp(Server, ACK, 201, 107), "", "one FIN");
    assert_eq!(wire.payload(Server, (ACK, 201, 107), b"goodbye"), "");
    assert_eq!(wire.tcp(Server, FIN | ACK, 208, 107), "");
    assert_eq!(wire.tcp(Client, ACK, 107, 208), "", "all but the FIN");
    assert_eq!(wire.tcp(Client, ACK, 107, 209), "close");
    assert_eq!(wire.tcp(Client, ACK, 107, 209), "mid-stream");
}

#[test]
fn a_fin_may_acknowledge_a_fin() {
    let mut wire = Wire::established();
    assert_eq!(wire.tcp(Server, FIN | ACK, 201, 101), "");
    assert_eq!(wire.tcp(Client, FIN | ACK, 101, 202), "");
    assert_eq!(wire.tcp(Server, ACK, 202, 102), "close");
}

#[test]
fn both_ends_may_send_their_fin_at_once() {
    let mut wire = Wire::established();
    assert_eq!(wire.tcp(Client, FIN | ACK, 101, 201), "");
    assert_eq!(wire.tcp(Server, FIN | ACK, 201, 101), "", "neither is acknowledged");
    assert_eq!(wire.tcp(Client, ACK, 102, 202), "");
    assert_eq!(wire.tcp(Server, ACK, 202, 102), "close");
}

#[test]
fn sequence_numbers_wrap() {
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, u32::MAX - 1, 0), "open");
    assert_eq!(wire.tcp(Server, SYN | ACK, 0x7fff_ffff, u32::MAX), "");
    assert_eq!(wire.tcp(Client, FIN | ACK, u32::MAX, 0x8000_0000), "");
    assert_eq!(wire.tcp(Server, ACK, 0x8000_0000, u32::MAX), "", "not the FIN");
    assert_eq!(wire.tcp(Server, FIN | ACK, 0x8000_0000, 0), "");
    assert_eq!(wire.tcp(Client, ACK, 0, 0x8000_0001), "close");
}

#[test]
fn a_reset_closes_from_either_end_in_any_state() {
    for from in [Client, Server] {
        assert_eq!(Wire::established().tcp(from, RST, 0, 0), "close");
        let mut wire = Wire::new();
        wire.tcp(Client, SYN, 100, 0);
        assert_eq!(wire.tcp(from, RST | ACK, 0, 101), "close");
        assert_eq!(wire.tcp(from, RST, 0, 0), "mid-stream");
    }
}

#[test]
fn an_embryonic_connection_is_idle_for_half_a_minute() {
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
    wire.assert_idle_time(EMBRYONIC_IDLE);
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
    assert_eq!(wire.wait(EMBRYONIC_IDLE - 1).tcp(Server, SYN | ACK, 200, 101), "");
    wire.assert_idle_time(EMBRYONIC_IDLE);
}

#[test]
fn an_established_connection_is_idle_for_an_hour() {
    Wire::established().assert_idle_time(ESTABLISHED_IDLE);
    let mut wire = Wire::established();
    for _ in 0..3 {
        assert_eq!(wire.wait(ESTABLISHED_IDLE - 1).tcp(Server, ACK, 201, 101), "");
    }
    wire.assert_idle_time(ESTABLISHED_IDLE);
}

#[test]
fn a_handshake_is_complete_when_the_initiator_acknowledges() {
    // The answer went another way, or was lost in the capture.
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
    assert_eq!(wire.tcp(Client, ACK, 101, 201), "");
    wire.assert_idle_time(ESTABLISHED_IDLE);
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
    assert_eq!(wire.tcp(Server, ACK, 201, 101), "", "the responder does not complete it");
    wire.assert_idle_time(EMBRYONIC_IDLE);
}

#[test]
fn a_half_closed_connection_is_idle_for_ten_minutes() {
    for from in [Client, Server] {
        let mut wire = Wire::established();
        assert_eq!(wire.wait(HALF_CLOSED_IDLE).tcp(from, FIN | ACK, 300, 0), "");
        assert_eq!(wire.wait(HALF_CLOSED_IDLE - 1).tcp(Client, ACK, 101, 201), "");
        wire.assert_idle_time(HALF_CLOSED_IDLE);
    }
}

#[test]
fn flows_close_at_their_own_times_before_a_later_packet() {
    let mut tracker = Tracker::new(100);
    let mut events = Vec::new();
    let mut frame = 0;
    let mut send = |now, data: &[u8], events: &mut Vec<Event>| {
        frame += 1;
        let packet = parse(LinkType::Ethernet, data).1.expect("a packet");
        tracker.packet(now, frame, &packet, events).expect("a flow");
    };
    let syn = |port| tcp((CLIENT, port), (SERVER, 80), (SYN, 1, 0), &[]);
    send(0, &udp((CLIENT, 1), (SERVER, 53), &[]), &mut events);
    send(5, &syn(1), &mut events);
    send(5, &syn(2), &mut events);
    send(9, &udp((CLIENT, 1), (SERVER, 53), &[]), &mut events);
    events.clear();
    send(UDP_IDLE + 9, &syn(3), &mut events);
    let got: Vec<_> = events.iter().map(|event| event.order).collect();
    let expected = [
        Order::expiry(EMBRYONIC_IDLE + 5, 2),
        Order::expiry(EMBRYONIC_IDLE + 5, 3),
        Order::expiry(UDP_IDLE + 9, 1),
        Order::packet(UDP_IDLE + 9, 5, Rank::Open),
    ];
    assert_eq!(got, expected);
    assert!(expected.is_sorted());
}

#[test]
fn a_syn_that_is_sent_again_opens_nothing() {
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
    assert_eq!(wire.wait(3 * SECOND).tcp(Client, SYN, 100, 0), "");
    assert_eq!(Wire::established().tcp(Client, SYN, 100, 0), "");
}

#[test]
fn a_syn_of_both_ends_at_once_opens_one_connection() {
    let mut wire = Wire::new();
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open");
    assert_eq!(wire.tcp(Server, SYN, 200, 0), "");
    assert_eq!(wire.tcp(Client, SYN | ACK, 100, 201), "");
    assert_eq!(wire.tcp(Server, SYN | ACK, 200, 101), "");
    wire.assert_idle_time(EMBRYONIC_IDLE);
}

#[test]
fn the_ends_of_a_closed_connection_may_open_another() {
    let mut wire = Wire::established();
    assert_eq!(wire.tcp(Client, RST, 101, 0), "close");
    assert_eq!(wire.tcp(Client, SYN, 100, 0), "open", "even with the same numbers");
    let mut wire = Wire::established();
    wire.tcp(Client, FIN | ACK, 101, 201);
    wire.tcp(Server, FIN | ACK, 201, 102);
    assert_eq!(wire.tcp(Client, ACK, 102, 202), "close");
    assert_eq!(wire.tcp(Server, SYN, 500, 0), "open", "in either direction");
}

#[test]
fn a_new_syn_shows_that_the_connection_is_forgotten() {
    assert_eq!(Wire::established().tcp(Client, SYN, 5000, 0), "close open");
    assert_eq!(Wire::established().tcp(Server, SYN, 5000, 0), "close open");
    // Both FINs are there and the last acknowledgement is not.
    let mut wire = Wire::established();
    wire.tcp(Client, FIN | ACK, 101, 201);
    wire.tcp(Server, FIN | ACK, 201, 102);
    assert_eq!(wire.tcp(Client, SYN, 5000, 0), "close open");
    wire.assert_idle_time(EMBRYONIC_IDLE);
}

#[test]
fn a_connection_without_its_syn_is_not_tracked() {
    for flags in [ACK, SYN | ACK, FIN | ACK, RST, SYN | FIN, SYN | RST, 0] {
        let mut wire = Wire::new();
        assert_eq!(wire.tcp(Client, flags, 1, 1), "mid-stream", "{flags:#x}");
        assert_eq!(wire.tracker.open(), 0);
    }
}

#[test]
fn udp_opens_with_any_packet_and_is_idle_for_two_minutes() {
    let mut wire = Wire::new();
    assert_eq!(wire.frame(&udp((CLIENT, 1), (SERVER, 53), &[])), "open");
    assert_eq!(wire.frame(&udp((SERVER, 53), (CLIENT, 1), &[])), "", "the answer");
    assert_eq!(wire.frame(&udp((CLIENT, 2), (SERVER, 53), &[])), "open", "another port");
    assert_eq!(wire.frame(&udp((CLIENT, 53), (SERVER, 1), &[])), "open", "the ports exchanged");
    assert_eq!(wire.wait(UDP_IDLE - 1).frame(&udp((SERVER, 53), (CLIENT, 1), &[])), "");
    assert_eq!(wire.wait(1).idle(), "close close", "the two that had no packet");
    assert_eq!(wire.wait(UDP_IDLE - 2).idle(), "");
    assert_eq!(wire.wait(1).frame(&udp((CLIENT, 1), (SERVER, 53), &[])), "close open");
}

#[test]
fn an_icmp_query_is_known_by_its_identifier_and_idle_for_two_seconds() {
    let echo = |from, to, reply: bool, id| {
        let mut frame = Vec::new();
        let builder = ethernet().ipv4(from, to, 64);
        let builder = if reply {
            builder.icmpv4_echo_reply(id, 1)
        } else {
            builder.icmpv4_echo_request(id, 1)
        };
        builder.write(&mut frame, &[]).expect("a frame");
        frame
    };
    let mut wire = Wire::new();
    assert_eq!(wire.frame(&echo(CLIENT, SERVER, false, 1)), "open");
    assert_eq!(wire.frame(&echo(SERVER, CLIENT, true, 1)), "");
    assert_eq!(wire.frame(&echo(CLIENT, SERVER, false, 2)), "open");
    assert_eq!(wire.wait(ICMP_IDLE - 1).frame(&echo(CLIENT, SERVER, false, 1)), "");
    assert_eq!(wire.wait(1).idle(), "close");
    assert_eq!(wire.wait(ICMP_IDLE - 1).idle(), "close");
}

#[test]
fn protocols_and_versions_of_ip_are_apart() {
    let mapped = |last| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, last];
    let mut frame = Vec::new();
    ethernet().ipv6(mapped(1), mapped(2), 64).udp(7, 7).write(&mut frame, &[]).expect("a frame");
    let mut wire = Wire::new();
    assert_eq!(wire.frame(&udp(([10, 0, 0, 1], 7), ([10, 0, 0, 2], 7), &[])), "open");
    assert_eq!(wire.frame(&frame), "open");
    assert_eq!(wire.frame(&tcp(([10, 0, 0, 1], 7), ([10, 0, 0, 2], 7), (SYN, 0, 0), &[])), "open");
}

#[test]
fn a_full_table_tracks_nothing_new() {
    let mut wire = Wire { tracker: Tracker::new(2), now: 0, frame: 0 };
    let query = |port| udp((CLIENT, port), (SERVER, 53), &[]);
    assert_eq!(wire.frame(&query(1)), "open");
    assert_eq!(wire.frame(&query(2)), "open");
    assert_eq!(wire.frame(&query(3)), "flow-table-full");
    assert_eq!(wire.frame(&query(1)), "", "those that are there go on");
    assert_eq!(wire.wait(UDP_IDLE).frame(&query(3)), "close close open");
}

#[test]
fn encrypted_voice_is_told_once_a_connection() {
    const HELLO: [u8; 6] = [22, 3, 1, 0, 1, 1];
    let mut wire = Wire::established();
    assert_eq!(wire.payload(Client, (ACK, 101, 201), b"plain"), "");
    assert_eq!(wire.payload(Server, (ACK, 201, 106), &HELLO), "voice");
    assert_eq!(wire.payload(Client, (ACK, 106, 207), &HELLO), "");
    assert_eq!(wire.payload(Client, (RST, 0, 0), &HELLO), "close");
    assert_eq!(wire.payload(Client, (ACK, 106, 207), &HELLO), "mid-stream");
    // With the FIN: the shorter idle time holds too.
    let mut wire = Wire::established();
    wire.wait(EMBRYONIC_IDLE).idle();
    assert_eq!(wire.payload(Client, (FIN | ACK, 101, 201), &HELLO), "voice");
    wire.assert_idle_time(HALF_CLOSED_IDLE);
}

#[test]
fn timers_of_closed_flows_do_not_pile_up() {
    let mut wire = Wire::new();
    for sequence in 0..20_000 {
        assert_eq!(wire.tcp(Client, SYN, sequence, 0), "open");
        assert_eq!(wire.tcp(Client, RST, sequence, 0), "close");
    }
    assert!(wire.tracker.timers.len() <= 4097, "{}", wire.tracker.timers.len());
}

#[test]
fn time_may_be_as_late_as_it_can_be() {
    let mut wire = Wire { tracker: Tracker::new(2), now: u64::MAX, frame: 0 };
    assert_eq!(wire.tcp(Client, SYN, 1, 0), "open");
}
