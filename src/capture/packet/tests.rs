//! Every link type and protocol, whole, cut and damaged.

use etherparse::{
    Icmpv4Type, IpFragOffset, IpHeaders, Ipv4Header, Ipv6FragmentHeader, Ipv6Header, PacketBuilder,
    VlanId, icmpv4,
};
use proptest::prelude::*;

use super::*;
use crate::capture::ike::IkeVersion;
use crate::capture::testing::{CLIENT, SERVER, ethernet, ike, tcp, udp};

const V6_CLIENT: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const V6_SERVER: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn packet(frame: &[u8]) -> Result<Packet, SkipReason> {
    parse(LinkType::Ethernet, frame).1
}

fn tuple(packet: Result<Packet, SkipReason>) -> String {
    packet.expect("a packet").tuple.to_string()
}

fn segment(frame: &[u8]) -> Segment {
    match packet(frame).expect("a packet").content {
        Content::Tcp(segment) => segment,
        other => panic!("{other:?}"),
    }
}

/// The Ethernet payload of a frame, without a link layer.
fn ip(frame: &[u8]) -> &[u8] {
    &frame[14..]
}

fn syn() -> Vec<u8> {
    tcp((CLIENT, 1024), (SERVER, 443), (Segment::SYN, 7, 0), &[])
}

const SYN_TUPLE: &str = "TCP 10.0.0.1:1024 -> 192.0.2.1:443";

#[test]
fn a_tcp_segment_is_read_whole() {
    let frame = tcp((CLIENT, 1), (SERVER, 2), (Segment::ACK | Segment::FIN, 3, 4), b"12345");
    let expected =
        Segment { sequence: 3, acknowledgement: 4, length: 5, flags: 0x11, ..Default::default() };
    assert_eq!(segment(&frame), expected);
    assert_eq!(segment(&frame).end(), 3 + 5 + 1, "a FIN takes a sequence number");
    assert!(segment(&syn()).opens());
    for flags in [Segment::ACK, Segment::RST, Segment::FIN] {
        let frame = tcp((CLIENT, 1), (SERVER, 2), (Segment::SYN | flags, 3, 4), &[]);
        assert!(!segment(&frame).opens());
    }
}

/// With a short snapshot length the options and the payload are cut off.
#[test]
fn a_cut_segment_has_the_length_that_it_had_on_the_wire() {
    let mut frame = Vec::new();
    ethernet()
        .ipv4(CLIENT, SERVER, 64)
        .tcp(1024, 443, 7, 1024)
        .options_raw(&[1; 20])
        .expect("options")
        .write(&mut frame, &[0; 1000])
        .expect("a frame");
    for cut in [54, 60, 74, 100] {
        assert_eq!(segment(&frame[..cut]).length, 1000, "cut to {cut}");
    }
    assert_eq!(packet(&frame[..53]), Err(SkipReason::Truncated));
}

#[test]
fn a_segment_that_contradicts_itself_is_malformed() {
    const DATA_OFFSET: usize = 14 + 20 + 12;
    for offset in [4_u8, 6] {
        let mut frame = syn();
        frame[DATA_OFFSET] = offset << 4;
        assert_eq!(packet(&frame), Err(SkipReason::Malformed), "offset {offset}");
    }
    let mut frame = Vec::new();
    let builder = ethernet().ip(IpHeaders::Ipv4(
        Ipv4Header::new(10, 64, ip_number::TCP, CLIENT, SERVER).expect("a header"),
        etherparse::Ipv4Extensions::default(),
    ));
    builder.write(&mut frame, ip_number::TCP, &[0; 10]).expect("a frame");
    assert_eq!(packet(&frame), Err(SkipReason::Malformed), "no room for the header");
}

#[test]
fn every_link_type_leads_to_the_same_packet() {
    let syn = syn();
    let ip = ip(&syn);
    let sll = [&[0, 0, 3, 4, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x08, 0x00][..], ip].concat();
    let sll2 = [&[0x08, 0x00][..], &[0; 18], ip].concat();
    for (link, frame) in [
        (LinkType::Ethernet, syn.clone()),
        (LinkType::Ip, ip.to_owned()),
        (LinkType::Null, [&[2, 0, 0, 0][..], ip].concat()),
        (LinkType::Null, [&[0, 0, 0, 2][..], ip].concat()),
        (LinkType::Loop, [&[0, 0, 0, 2][..], ip].concat()),
        (LinkType::LinuxSll, sll),
        (LinkType::LinuxSll2, sll2),
    ] {
        assert_eq!(tuple(parse(link, &frame).1), SYN_TUPLE, "{link:?}");
        assert_eq!(parse(link, &frame[..3]).1, Err(SkipReason::Truncated), "{link:?}");
    }
    assert_eq!(parse(LinkType::Other(105), &syn).1, Err(SkipReason::UnsupportedLink));
    assert_eq!(parse(LinkType::Null, &[&[7, 0, 0, 0], ip].concat()).1, Err(SkipReason::NonIp));
}

/// `syn` with the tags given between its addresses and its type.
fn tagged(tags: &[(u16, u16)], kind: u16) -> Vec<u8> {
    let syn = syn();
    let mut frame = syn[..12].to_owned();
    for (kind, id) in tags {
        frame.extend(kind.to_be_bytes());
        frame.extend(id.to_be_bytes());
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(ip(&syn));
    frame
}

#[test]
fn vlan_tags_are_collected_and_passed() {
    const PRIORITY_5: u16 = 5 << 13;
    for (tags, ids) in [
        (&[][..], &[][..]),
        (&[(0x8100, PRIORITY_5 | 7)], &[7]),
        (&[(0x88a8, 100), (0x8100, 7)], &[100, 7]),
        (&[(0x8100, 100), (0x8100, 7)], &[100, 7]),
        (&[(0x9100, 100), (0x8100, 7)], &[100, 7]),
        (&[(0x8100, 1), (0x8100, 2), (0x8100, 3), (0x8100, 4)], &[1, 2, 3, 4]),
        (&[(0x8100, 0)], &[]),
        (&[(0x8100, 4095)], &[]),
    ] {
        let frame = tagged(tags, 0x0800);
        let (found, packet) = parse(LinkType::Ethernet, &frame);
        assert_eq!(found.ids(), ids);
        assert_eq!(tuple(packet), SYN_TUPLE);
    }
    let (found, packet) = parse(LinkType::Ethernet, &tagged(&[(0x8100, 9); 5], 0x0800));
    assert_eq!((found.ids(), packet), (&[9; 4][..], Err(SkipReason::Malformed)));
}

#[test]
fn the_tag_of_a_frame_that_is_not_ip_counts() {
    let (tags, packet) = parse(LinkType::Ethernet, &tagged(&[(0x8100, 7)], 0x0806));
    assert_eq!((tags.ids(), packet), (&[7][..], Err(SkipReason::NonIp)));
    let double = ethernet()
        .double_vlan(VlanId::try_new(100).expect("an id"), VlanId::try_new(7).expect("an id"));
    let mut frame = Vec::new();
    double.ipv6(V6_CLIENT, V6_SERVER, 64).udp(1, 2).write(&mut frame, &[]).expect("a frame");
    assert_eq!(parse(LinkType::Ethernet, &frame).0.ids(), [100, 7]);
    assert_eq!(parse(LinkType::Ethernet, &frame[..17]).0.ids(), [] as [u16; 0]);
}

#[test]
fn pppoe_sessions_are_unwrapped() {
    let session = |header: [u8; 8]| {
        let syn = syn();
        let ethernet = [&syn[..12], &[0x88, 0x64]].concat();
        packet(&[&ethernet[..], &header, ip(&syn)].concat())
    };
    assert_eq!(tuple(session([0x11, 0, 0, 1, 0, 42, 0x00, 0x21])), SYN_TUPLE);
    assert_eq!(session([0x11, 0, 0, 1, 0, 42, 0xc0, 0x21]), Err(SkipReason::NonIp), "LCP");
    assert_eq!(session([0x21, 0, 0, 1, 0, 42, 0, 0x21]), Err(SkipReason::Malformed));
}

#[test]
fn ipv6_is_read_through_its_extension_headers() {
    let hop_by_hop = [17, 0, 1, 4, 0, 0, 0, 0];
    let datagram = [0, 53, 0, 54, 0, 8, 0, 0];
    let mut frame = Vec::new();
    let header = Ipv6Header {
        payload_length: 16,
        next_header: ip_number::IPV6_HOP_BY_HOP,
        hop_limit: 64,
        source: V6_CLIENT,
        destination: V6_SERVER,
        ..Default::default()
    };
    header.write(&mut frame).expect("a header");
    frame.extend([hop_by_hop, datagram].concat());
    assert_eq!(tuple(parse(LinkType::Ip, &frame).1), "UDP [fd00::1]:53 -> [2001:db8::1]:54");
    assert_eq!(parse(LinkType::Ip, &frame[..44]).1, Err(SkipReason::Truncated));
}

#[test]
fn only_the_first_fragment_has_ports() {
    let fragment = |offset: u16, more| {
        let mut header = Ipv4Header::new(8, 64, ip_number::UDP, CLIENT, SERVER).expect("8");
        header.fragment_offset = IpFragOffset::try_new(offset).expect("an offset");
        header.more_fragments = more;
        let mut frame = header.to_bytes().to_vec();
        frame.extend([0, 53, 0, 54, 5, 0, 0, 0]);
        parse(LinkType::Ip, &frame).1
    };
    assert_eq!(tuple(fragment(0, true)), "UDP 10.0.0.1:53 -> 192.0.2.1:54");
    assert_eq!(fragment(1, true), Err(SkipReason::Fragment));
    assert_eq!(fragment(1, false), Err(SkipReason::Fragment));
}

#[test]
fn only_the_first_fragment_of_ipv6_has_ports() {
    let fragment = |offset: u16| {
        let offset = IpFragOffset::try_new(offset).expect("an offset");
        let fragment = Ipv6FragmentHeader::new(ip_number::UDP, offset, true, 7);
        let mut frame = Vec::new();
        let header = Ipv6Header {
            payload_length: 16,
            next_header: ip_number::IPV6_FRAGMENTATION_HEADER,
            hop_limit: 64,
            source: V6_CLIENT,
            destination: V6_SERVER,
            ..Default::default()
        };
        header.write(&mut frame).expect("a header");
        frame.extend(fragment.to_bytes());
        frame.extend([0, 53, 0, 54, 5, 0, 0, 0]);
        parse(LinkType::Ip, &frame).1
    };
    assert_eq!(tuple(fragment(0)), "UDP [fd00::1]:53 -> [2001:db8::1]:54");
    assert_eq!(fragment(1), Err(SkipReason::Fragment));
}

fn icmpv4(kind: u8) -> Result<Packet, SkipReason> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ipv4(CLIENT, SERVER, 64);
    builder.icmpv4_raw(kind, 0, [0x12, 0x34, 0, 1]).write(&mut frame, &[]).expect("a frame");
    parse(LinkType::Ip, &frame).1
}

fn icmpv6(kind: u8) -> Result<Packet, SkipReason> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ipv6(V6_CLIENT, V6_SERVER, 64);
    builder.icmpv6_raw(kind, 0, [0x12, 0x34, 0, 1]).write(&mut frame, &[]).expect("a frame");
    parse(LinkType::Ip, &frame).1
}

#[test]
fn icmp_queries_have_identifiers_and_errors_are_no_flows() {
    for kind in [0, 8, 13, 14] {
        assert_eq!(tuple(icmpv4(kind)), "ICMP 10.0.0.1 -> 192.0.2.1 id 4660", "type {kind}");
    }
    for kind in [3, 4, 5, 11, 12] {
        assert_eq!(icmpv4(kind), Err(SkipReason::IcmpError), "type {kind}");
    }
    assert_eq!(icmpv4(9), Err(SkipReason::NeighbourDiscovery));
    assert_eq!(tuple(icmpv4(40)), "ICMP 10.0.0.1 -> 192.0.2.1 id 0");
    let mut frame = Vec::new();
    let unreachable = icmpv4::DestUnreachableHeader::Port;
    ethernet()
        .ipv4(SERVER, CLIENT, 64)
        .icmpv4(Icmpv4Type::DestinationUnreachable(unreachable))
        .write(&mut frame, ip(&syn()))
        .expect("a frame");
    assert_eq!(packet(&frame), Err(SkipReason::IcmpError), "not the packet it quotes");
}

#[test]
fn discovery_of_ipv6_is_no_flow() {
    for kind in [128, 129] {
        assert!(tuple(icmpv6(kind)).ends_with("id 4660"), "type {kind}");
    }
    for kind in [1, 2, 3, 4, 127] {
        assert_eq!(icmpv6(kind), Err(SkipReason::IcmpError), "type {kind}");
    }
    for kind in [130, 131, 132, 143] {
        assert_eq!(icmpv6(kind), Err(SkipReason::MulticastListener), "type {kind}");
    }
    for kind in 133..=137 {
        assert_eq!(icmpv6(kind), Err(SkipReason::NeighbourDiscovery), "type {kind}");
    }
}

#[test]
fn other_protocols_are_known_by_their_addresses() {
    let other = |protocol, payload: &[u8]| {
        let length = u16::try_from(payload.len()).expect("short");
        let header = Ipv4Header::new(length, 64, protocol, CLIENT, SERVER).expect("a header");
        parse(LinkType::Ip, &[&header.to_bytes()[..], payload].concat()).1
    };
    let payload = [0, 9, 0, 10, 1, 2, 3, 4];
    assert_eq!(tuple(other(ip_number::GRE, &payload)), "GRE 10.0.0.1 -> 192.0.2.1");
    assert_eq!(tuple(other(IpNumber(253), &payload)), "protocol 253 10.0.0.1 -> 192.0.2.1");
    assert_eq!(tuple(other(ip_number::SCTP, &payload)), "SCTP 10.0.0.1:9 -> 192.0.2.1:10");
    assert_eq!(other(ip_number::SCTP, &[0, 9]), Err(SkipReason::Malformed));
    assert_eq!(other(ip_number::IGMP, &payload), Err(SkipReason::MulticastListener));
}

fn ike_of(port: u16, payload: &[u8]) -> Option<Ike> {
    let there = packet(&udp((CLIENT, 1024), (SERVER, port), payload));
    let back = packet(&udp((SERVER, port), (CLIENT, 1024), payload));
    let [there, back] = [there, back].map(|packet| match packet.expect("a packet").content {
        Content::Ike(ike) => Some(ike),
        _ => None,
    });
    assert_eq!(there, back, "either port tells");
    there
}

#[test]
fn ike_is_told_by_port_and_header() {
    let message = ike(0xabcd, 0x20);
    let v2 = Some(Ike { version: IkeVersion::V2, initiator_spi: 0xabcd });
    assert_eq!(ike_of(500, &message), v2);
    assert_eq!(ike_of(501, &message), None);
    let v1 = Some(Ike { version: IkeVersion::V1, initiator_spi: 0xabcd });
    assert_eq!(ike_of(500, &ike(0xabcd, 0x10)), v1);
    assert_eq!(ike_of(500, &ike(0xabcd, 0x30)), None, "no such version");
    assert_eq!(ike_of(500, &ike(0, 0x20)), None, "no SPI");
    assert_eq!(ike_of(500, &message[..27]), None, "cut short");
    for length in [27, 29] {
        let mut message = message.clone();
        message[27] = length;
        assert_eq!(ike_of(500, &message), None, "claims {length} bytes of 28");
    }
}

#[test]
fn behind_a_nat_ike_has_a_marker_before_it() {
    let message = ike(0xabcd, 0x20);
    assert!(ike_of(4500, &[&[0; 4], &message[..]].concat()).is_some());
    assert_eq!(ike_of(4500, &message), None, "that is ESP");
    assert_eq!(ike_of(4500, &[0xff]), None, "that is a keepalive");
    assert_eq!(ike_of(500, &[&[0; 4], &message[..]].concat()), None);
}

#[test]
fn encrypted_voice_is_a_tls_handshake_on_its_ports() {
    let voice = |port, payload: &[u8]| {
        let there = tcp((CLIENT, 1024), (SERVER, port), (Segment::ACK, 1, 1), payload);
        let back = tcp((SERVER, port), (CLIENT, 1024), (Segment::ACK, 1, 1), payload);
        let seen = [there, back].map(|frame| segment(&frame).encrypted_voice);
        assert_eq!(seen[0], seen[1], "from either side");
        seen[0]
    };
    let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    assert!(voice(5061, &hello) && voice(2443, &hello));
    assert!(!voice(443, &hello), "another port");
    assert!(!voice(5061, &[23, 3, 3, 0, 1, 0]), "application data");
    assert!(!voice(5061, b"REGISTER sip:example.org"), "plain SIP");
    assert!(!voice(5061, &[]));
}

proptest! {
    #[test]
    fn no_bytes_panic(
        link in prop::sample::select(vec![0, 1, 101, 108, 113, 276, 9]),
        data in prop::collection::vec(any::<u8>(), 0..128),
    ) {
        let _ = parse(LinkType::from_number(link), &data);
    }

    /// Damaged headers reach further than noise.
    #[test]
    fn no_damage_panics(at in 0_usize..54, byte: u8, cut in 0_usize..60) {
        let mut frame = tagged(&[(0x8100, 7)], 0x0800);
        frame[at] = byte;
        let _ = parse(LinkType::Ethernet, &frame[..cut.min(frame.len())]);
    }
}
