//! Hand-made packets and captures for the tests of this room.

use etherparse::{Ethernet2Header, PacketBuilder, PacketBuilderStep, TcpHeader};

use super::packet::Segment;

pub(super) const CLIENT: [u8; 4] = [10, 0, 0, 1];
pub(super) const SERVER: [u8; 4] = [192, 0, 2, 1];

pub(super) fn ethernet() -> PacketBuilderStep<Ethernet2Header> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
}

/// A TCP segment from `from` to `to` with the flags of [`Segment`].
pub(super) fn tcp(
    (from, source_port): ([u8; 4], u16),
    (to, destination_port): ([u8; 4], u16),
    (flags, sequence, acknowledgement): (u8, u32, u32),
    payload: &[u8],
) -> Vec<u8> {
    let mut header = TcpHeader::new(source_port, destination_port, sequence, 1024);
    header.syn = flags & Segment::SYN != 0;
    header.ack = flags & Segment::ACK != 0;
    header.fin = flags & Segment::FIN != 0;
    header.rst = flags & Segment::RST != 0;
    header.acknowledgment_number = acknowledgement;
    let builder = ethernet().ipv4(from, to, 64).tcp_header(header);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).expect("a frame");
    frame
}

pub(super) fn udp(
    (from, source_port): ([u8; 4], u16),
    (to, destination_port): ([u8; 4], u16),
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = ethernet().ipv4(from, to, 64).udp(source_port, destination_port);
    builder.write(&mut frame, payload).expect("a frame");
    frame
}

/// An IKE message of 28 bytes.
pub(super) fn ike(initiator_spi: u64, version: u8) -> Vec<u8> {
    let mut message = vec![0; 28];
    message[..8].copy_from_slice(&initiator_spi.to_be_bytes());
    message[17] = version;
    message[27] = 28;
    message
}

/// How numbers are written in a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(super) fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

pub(super) const MICROSECONDS: u32 = 0xa1b2_c3d4;
pub(super) const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// A pcap file of one link type; times are seconds and the magic number's fraction of one.
pub(super) fn pcap(order: Order, magic: u32, link: u32, frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(order.u32(magic));
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend([0, 0, 65_535, link].map(|number| order.u32(number)).concat());
    for (seconds, fraction, data) in frames {
        let length = u32::try_from(data.len()).expect("a short frame");
        file.extend([*seconds, *fraction, length, length].map(|n| order.u32(n)).concat());
        file.extend(*data);
    }
    file
}

/// An Ethernet capture in which frames come at the given nanoseconds.
pub(super) fn ethernet_capture<'a>(frames: impl IntoIterator<Item = (u64, &'a [u8])>) -> Vec<u8> {
    const SECOND: u64 = 1_000_000_000;
    let frames: Vec<_> = frames
        .into_iter()
        .map(|(at, data)| {
            let (seconds, fraction) = (at / SECOND, at % SECOND);
            (u32::try_from(seconds).expect("a time"), u32::try_from(fraction).expect("ns"), data)
        })
        .collect();
    pcap(Order::Little, NANOSECONDS, 1, &frames)
}

/// A pcapng block.
pub(super) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = u32::try_from(12 + body.len() + padding).expect("a short block");
    let [kind, length] = [kind, length].map(|number| order.u32(number));
    [&kind, &length, body, &vec![0; padding], &length].concat()
}

pub(super) fn section(order: Order) -> Vec<u8> {
    let magic = order.u32(0x1a2b_3c4d);
    let version = [order.u16(1), order.u16(0)].concat();
    block(order, 0x0a0d_0d0a, &[&magic[..], &version, &[0xff; 8]].concat())
}

/// An interface with the options given by code and value.
pub(super) fn interface(
    order: Order,
    link: u16,
    snaplen: u32,
    options: &[(u16, &[u8])],
) -> Vec<u8> {
    let mut body = [&order.u16(link)[..], &[0, 0], &order.u32(snaplen)].concat();
    for (code, value) in options {
        body.extend(order.u16(*code));
        body.extend(order.u16(u16::try_from(value.len()).expect("a short option")));
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    block(order, 1, &body)
}

pub(super) fn enhanced_packet(order: Order, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a short frame");
    let (high, low) = ((ticks >> 32) as u32, (ticks & 0xffff_ffff) as u32);
    let header = [interface, high, low, length, length].map(|number| order.u32(number)).concat();
    block(order, 6, &[&header, data].concat())
}

pub(super) fn simple_packet(order: Order, length: u32, data: &[u8]) -> Vec<u8> {
    block(order, 3, &[&order.u32(length)[..], data].concat())
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
