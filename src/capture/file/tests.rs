//! Every format, whole, cut and damaged.

use std::io;

use proptest::prelude::*;

use super::*;
use crate::capture::testing::{
    MICROSECONDS, NANOSECONDS, Order, block, enhanced_packet, gzip, interface, pcap, section,
    simple_packet,
};

const FRAMES: [&[u8]; 3] = [b"first", b"the second", b"and the third one"];
const ETHERNET: u16 = 1;
const RAW: u16 = 101;
const TSRESOL: u16 = 9;
const TSOFFSET: u16 = 14;

/// What a capture gives: timestamp and data of each frame, and the fault it ends in.
#[derive(PartialEq, Debug)]
struct Contents {
    frames: Vec<(Option<u64>, LinkType, Vec<u8>)>,
    offsets: Vec<u64>,
    fault: Option<(u64, String)>,
}

impl Contents {
    fn fault(&self) -> (u64, &str) {
        let (offset, kind) = self.fault.as_ref().expect("a fault");
        (*offset, kind)
    }
}

fn read(input: impl Read) -> Contents {
    let mut contents = Contents { frames: Vec::new(), offsets: Vec::new(), fault: None };
    let fault = |fault: Fault| Some((fault.offset, fault.kind.to_string()));
    let mut reader = match Reader::new(input) {
        Ok(reader) => reader,
        Err(error) => return Contents { fault: fault(error), ..contents },
    };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                contents.offsets.push(frame.offset);
                let data = frame.data.to_owned();
                contents.frames.push((frame.timestamp_ns, frame.link, data));
                assert_eq!(frame.index, contents.frames.len() as u64);
            }
            Ok(None) => return contents,
            Err(error) => return Contents { fault: fault(error), ..contents },
        }
    }
}

fn three(order: Order, magic: u32) -> Vec<u8> {
    let [first, second, third] = FRAMES;
    pcap(order, magic, 1, &[(1, 2, first), (3, 999_999, second), (5, 0, third)])
}

fn three_ng(order: Order) -> Vec<u8> {
    let packets = (0..).zip(FRAMES).map(|(at, data)| enhanced_packet(order, 0, at, data));
    let start = [section(order), interface(order, ETHERNET, 0, &[])].concat();
    [start, packets.collect::<Vec<_>>().concat()].concat()
}

/// Gives one byte a read, as a pipe may.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(1);
        self.0.read(&mut into[..length])
    }
}

#[test]
fn pcap_of_both_byte_orders_and_resolutions() {
    for (order, magic, unit) in [
        (Order::Little, MICROSECONDS, 1000),
        (Order::Big, MICROSECONDS, 1000),
        (Order::Little, NANOSECONDS, 1),
        (Order::Big, NANOSECONDS, 1),
    ] {
        let contents = read(&three(order, magic)[..]);
        assert_eq!(contents.fault, None);
        let times = [1_000_000_000 + 2 * unit, 3_000_000_000 + 999_999 * unit, 5_000_000_000];
        let expected: Vec<_> = times
            .into_iter()
            .zip(FRAMES)
            .map(|(at, data)| (Some(at), LinkType::Ethernet, data.to_owned()))
            .collect();
        assert_eq!(contents.frames, expected, "{order:?} {magic:#x}");
        assert_eq!(contents.offsets, [24, 24 + 16 + 5, 24 + 32 + 15]);
    }
}

#[test]
fn the_modified_format_has_longer_record_headers() {
    let mut file = pcap(Order::Little, 0xa1b2_cd34, 1, &[]);
    file.extend([7, 0, 5, 5, 0, 0].map(u32::to_le_bytes).concat());
    file.extend(b"bytes");
    let contents = read(&file[..]);
    assert_eq!(contents.frames, [(Some(7_000_000_000), LinkType::Ethernet, b"bytes".to_vec())]);
    assert_eq!(contents.fault, None);
}

#[test]
fn pcapng_of_both_byte_orders() {
    for order in [Order::Little, Order::Big] {
        let contents = read(&three_ng(order)[..]);
        assert_eq!(contents.fault, None);
        let data: Vec<_> = contents.frames.iter().map(|frame| &frame.2[..]).collect();
        assert_eq!(data, FRAMES);
        let times: Vec<_> = contents.frames.iter().map(|frame| frame.0).collect();
        assert_eq!(times, [Some(0), Some(1000), Some(2000)], "microseconds by default");
    }
}

#[test]
fn each_interface_has_its_link_type_and_clock() {
    for (order, offset) in
        [(Order::Little, (-10_i64).to_le_bytes()), (Order::Big, (-10_i64).to_be_bytes())]
    {
        let file = [
            section(order),
            interface(order, ETHERNET, 0, &[(TSRESOL, &[9])]),
            interface(order, RAW, 0, &[(TSRESOL, &[0x8a]), (TSOFFSET, &offset)]),
            interface(order, ETHERNET, 0, &[(TSRESOL, &[12])]),
            enhanced_packet(order, 1, 1024 * 12 + 512, b"binary, ten seconds back"),
            enhanced_packet(order, 0, 3_000_000_007, b"nanoseconds"),
            enhanced_packet(order, 2, 4_000_000_009_999, b"picoseconds"),
        ]
        .concat();
        let contents = read(&file[..]);
        assert_eq!(contents.fault, None);
        let frames: Vec<_> = contents.frames.iter().map(|frame| (frame.0, frame.1)).collect();
        let expected = [
            (Some(2_500_000_000), LinkType::Ip),
            (Some(3_000_000_007), LinkType::Ethernet),
            (Some(4_000_000_009), LinkType::Ethernet),
        ];
        assert_eq!(frames, expected, "{order:?}");
    }
}

#[test]
fn a_section_begins_anew_in_its_own_byte_order() {
    let file = [three_ng(Order::Little), three_ng(Order::Big)].concat();
    let contents = read(&file[..]);
    assert_eq!(contents.fault, None);
    assert_eq!(contents.frames.len(), 6);
    let orphan = [three_ng(Order::Little), section(Order::Big)].concat();
    let at = orphan.len() as u64;
    let orphan = [orphan, enhanced_packet(Order::Big, 0, 0, b"whose?")].concat();
    assert_eq!(read(&orphan[..]).fault(), (at, "a packet names interface 0, and 0 are described"));
}

#[test]
fn simple_packets_have_no_time_and_end_at_the_snapshot_length() {
    let order = Order::Little;
    let file = [
        section(order),
        interface(order, ETHERNET, 6, &[]),
        simple_packet(order, 100, b"sixsix"),
        simple_packet(order, 3, b"abc"),
    ]
    .concat();
    let contents = read(&file[..]);
    assert_eq!(contents.fault, None);
    let expected =
        [b"sixsix".to_vec(), b"abc".to_vec()].map(|data| (None, LinkType::Ethernet, data));
    assert_eq!(contents.frames, expected);
}

#[test]
fn other_blocks_are_passed_over_however_long() {
    let order = Order::Little;
    let long = block(order, 0x0bad, &vec![7; 3 << 20]);
    let file = [section(order), long, three_ng(order)].concat();
    let contents = read(&file[..]);
    assert_eq!((contents.frames.len(), contents.fault), (3, None));
}

#[test]
fn gzip_is_read_as_what_is_in_it() {
    for file in [three(Order::Little, MICROSECONDS), three_ng(Order::Big)] {
        assert_eq!(read(&gzip(&file)[..]), read(&file[..]));
        let members = [gzip(&file[..40]), gzip(&file[40..])].concat();
        assert_eq!(read(&members[..]), read(&file[..]), "two members are one stream");
    }
}

#[test]
fn reads_may_be_short() {
    for file in [three(Order::Little, MICROSECONDS), three_ng(Order::Big)] {
        assert_eq!(read(Dripping(&file)), read(&file[..]));
        assert_eq!(read(Dripping(&gzip(&file))), read(&file[..]));
    }
}

/// Cut at any byte, a capture gives the whole frames before, then the fault at the first
/// header, record or block that is not whole.
#[test]
fn a_cut_is_found_where_it_is() {
    const FIRST_INTERFACE: u64 = 28;
    for (file, headers) in [
        (three(Order::Little, MICROSECONDS), vec![0]),
        (three_ng(Order::Big), vec![0, FIRST_INTERFACE]),
    ] {
        let all = read(&file[..]);
        let starts = [&headers, &all.offsets[..]].concat();
        for cut in 4..file.len() {
            let contents = read(&file[..cut]);
            let before = starts.iter().filter(|start| **start <= cut as u64);
            let last = *before.clone().next_back().expect("0 is before everything");
            let whole = before.count().saturating_sub(headers.len() + 1);
            if last == cut as u64 {
                assert_eq!(contents.fault, None, "cut at {cut}");
            } else {
                let (offset, kind) = contents.fault();
                assert_eq!(offset, last, "cut at {cut}");
                assert!(kind.contains("cut short"), "{kind}");
            }
            assert_eq!(contents.frames, all.frames[..whole], "cut at {cut}");
        }
    }
}

#[test]
fn a_cut_gzip_stream_gives_what_could_be_decompressed() {
    let noise: Vec<u8> =
        (0..200_000_u32).flat_map(|n| (n.wrapping_mul(n) ^ n).to_be_bytes()).collect();
    let frames: Vec<_> = noise.chunks(1000).map(|data| (0, 0, data)).collect();
    let file = pcap(Order::Little, MICROSECONDS, 1, &frames);
    let packed = gzip(&file);
    let contents = read(&packed[..packed.len() / 2]);
    let (offset, kind) = contents.fault();
    assert!(kind.contains("cannot be read further"), "{kind}");
    let whole = contents.frames.len();
    assert!(whole > 100 && whole < frames.len(), "{whole} of {}", frames.len());
    assert_eq!(offset, 24 + 1016 * whole as u64);
}

#[test]
fn an_error_of_the_file_comes_after_what_was_read() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let file = three(Order::Little, MICROSECONDS);
    let contents = read(file[..60].chain(Failing));
    assert_eq!(contents.frames.len(), 1);
    assert_eq!(contents.fault(), (45, "the file cannot be read further (the disk is gone)"));
    assert_eq!(read(Failing).fault().0, 0);
}

#[test]
fn a_length_is_not_believed() {
    let mut file = three(Order::Little, MICROSECONDS);
    file[45 + 8..][..4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let contents = read(&file[..]);
    assert_eq!(contents.frames.len(), 1);
    let (offset, kind) = contents.fault();
    assert_eq!(offset, 45);
    assert!(kind.starts_with("a packet claims 2147483647 bytes"), "{kind}");
}

#[test]
fn the_longest_packet_is_read_and_no_longer_one() {
    let [longest, longer] = [vec![0; PACKET_MAX], vec![0; PACKET_MAX + 1]];
    let order = Order::Little;
    let start = [section(order), interface(order, ETHERNET, 0, &[])].concat();
    // The second time, the window is wide enough for the longer one.
    for (packets, read_so_many) in
        [(vec![&longest], 1), (vec![&longer], 0), (vec![&longest, &longest, &longer], 2)]
    {
        let blocks = packets.iter().map(|data| enhanced_packet(order, 0, 0, data));
        let ng = [&start[..], &blocks.collect::<Vec<_>>().concat()].concat();
        let records: Vec<_> = packets.iter().map(|data| (0, 0, &data[..])).collect();
        for file in [pcap(order, MICROSECONDS, 1, &records), ng] {
            let contents = read(&file[..]);
            assert_eq!(contents.frames.len(), read_so_many);
            assert_eq!(contents.fault.is_none(), read_so_many == packets.len());
        }
    }
}

#[test]
fn damaged_blocks_are_told_apart() {
    let order = Order::Little;
    let start = [section(order), interface(order, ETHERNET, 0, &[])].concat();
    let at = start.len() as u64;
    let packet = enhanced_packet(order, 0, 0, b"packet");
    let damage = |at: usize, bytes: &[u8]| {
        let mut packet = packet.clone();
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        packet
    };
    let last = packet.len() - 4;
    for (damaged, expected) in [
        (damage(4, &[41, 0, 0, 0]), "a block claims 41 bytes"),
        (damage(4, &[8, 0, 0, 0]), "a block claims 8 bytes"),
        (damage(4, &[0, 0, 0, 0x7f]), "a block claims 2130706432 bytes"),
        (damage(last, &[9]), "a block begins with length 40 and ends with length 9"),
        (damage(20, &[200]), "an enhanced packet block is corrupt"),
        (damage(8, &[5]), "a packet names interface 5, and 1 are described"),
        (block(order, 0x0a0d_0d0a, &[0; 16]), "a section header is corrupt"),
        (
            block(
                order,
                0x0a0d_0d0a,
                &[&order.u32(0x1a2b_3c4d)[..], &[2, 0, 0, 0], &[0; 8]].concat(),
            ),
            "pcapng version 2.0 is not supported",
        ),
        (
            interface(order, ETHERNET, 0, &[(TSRESOL, &[20])]),
            "an interface has timestamp resolution 0x14",
        ),
    ] {
        let file = [&start[..], &packet, &damaged, &packet].concat();
        let contents = read(&file[..]);
        let (offset, kind) = contents.fault();
        assert!(kind.starts_with(expected), "{kind}");
        assert_eq!(offset, at + packet.len() as u64, "{kind}");
        assert_eq!(contents.frames.len(), 1, "{kind}");
    }
}

#[test]
fn what_is_no_capture_is_named() {
    for (bytes, expected) in [
        (&b""[..], "an empty file"),
        (b"{\"json\": 1}\n", "text"),
        (&[0x28, 0xb5, 0x2f, 0xfd, 0, 0], "zstd-compressed data"),
        (&[0x00, 0x01, 0x02], "data of an unknown format"),
    ] {
        let kind = format!(
            "not a packet capture but {expected}; pcap and pcapng are read, plain or \
             gzip-compressed,"
        );
        assert_eq!(read(bytes).fault(), (0, &kind[..]));
        let zipped = read(&gzip(bytes)[..]);
        assert_eq!(zipped.fault(), (0, &kind[..]), "inside gzip");
    }
}

#[test]
fn a_pcap_file_of_another_link_type_is_refused_as_a_whole() {
    let file = pcap(Order::Little, MICROSECONDS, 105, &[(0, 0, b"802.11")]);
    let contents = read(&file[..]);
    assert_eq!(contents.fault().0, 0);
    assert!(contents.fault().1.starts_with("link type 105 is not supported"));
    // The high half tells of frame check sequences.
    let file = pcap(Order::Little, MICROSECONDS, 0x5400_0001, &[(0, 0, b"frame")]);
    assert_eq!(read(&file[..]).frames.len(), 1);
}

proptest! {
    #[test]
    fn damage_anywhere_is_a_fault_or_none_and_offsets_rise(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ng in any::<bool>(),
    ) {
        let mut file =
            if ng { three_ng(Order::Little) } else { three(Order::Big, NANOSECONDS) };
        for (at, byte) in flips {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let contents = read(&file[..]);
        prop_assert!(contents.offsets.is_sorted_by(|a, b| a < b));
        if let (Some((offset, _)), Some(last)) = (contents.fault, contents.offsets.last()) {
            prop_assert!(offset > *last && offset <= file.len() as u64);
        }
    }
}
