//! What can be wrong with a capture, and where.

use std::io;

use super::link::LinkType;

/// A capture that cannot be read further: everything before `offset` was delivered.
#[derive(Debug, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct Fault {
    /// Where the header, record or block at fault begins, counted in the uncompressed stream.
    pub offset: u64,
    /// What is wrong.
    #[source]
    pub kind: FaultKind,
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// The file starts like no capture.
    #[error(
        "not a packet capture but {looks_like}; pcap and pcapng are read, plain or gzip-compressed,"
    )]
    NotACapture {
        /// What its first bytes look like.
        looks_like: &'static str,
    },
    /// The file ends inside something.
    #[error("{what} is cut short: {have} of {need} bytes are there,")]
    CutShort {
        /// What is incomplete.
        what: &'static str,
        /// How many bytes of it there are.
        have: usize,
        /// How many there should be.
        need: usize,
    },
    /// The stream under the capture failed: the file could not be read, or its compression is
    /// damaged.
    #[error("the file cannot be read further ({0})")]
    Read(#[source] io::Error),
    /// A pcap file of a link type that is not understood.
    #[error("link type {0} is not supported; supported are {known},", known = LinkType::SUPPORTED)]
    LinkType(u16),
    /// A packet longer than [`PACKET_MAX`](super::PACKET_MAX).
    #[error(
        "a packet claims {length} bytes, more than the {} that any capture holds,",
        super::PACKET_MAX
    )]
    PacketLength {
        /// The length claimed.
        length: usize,
    },
    /// A pcapng block whose length cannot be.
    #[error(
        "a block claims {length} bytes; a length is a multiple of 4 from 12 to {},",
        super::BLOCK_MAX
    )]
    BlockLength {
        /// The length claimed.
        length: u32,
    },
    /// A pcapng block whose two lengths differ.
    #[error("a block begins with length {leading} and ends with length {trailing}")]
    BlockLengths {
        /// The length before its body.
        leading: usize,
        /// The length after its body.
        trailing: u32,
    },
    /// A header, record or block whose content contradicts itself.
    #[error("{what} is corrupt")]
    Corrupt {
        /// What is corrupt.
        what: &'static str,
    },
    /// A pcapng version that is not understood.
    #[error("pcapng version {major}.{minor} is not supported; version 1 is,")]
    Version {
        /// The major version.
        major: u16,
        /// The minor version.
        minor: u16,
    },
    /// A packet of an interface that no block described.
    #[error("a packet names interface {interface}, and {described} are described")]
    Interface {
        /// The interface named.
        interface: u32,
        /// How many interfaces the section has described so far.
        described: usize,
    },
    /// More interfaces in one section than [`INTERFACES_MAX`](super::INTERFACES_MAX).
    #[error("a section describes more than {} interfaces", super::INTERFACES_MAX)]
    Interfaces,
    /// An interface whose clock ticks at a rate that 64 bits cannot express.
    #[error("an interface has timestamp resolution {exponent:#04x}; at most 10^-19 or 2^-63 s")]
    Resolution {
        /// The `if_tsresol` byte.
        exponent: u8,
    },
}

/// What the first bytes of a file that is no capture look like.
pub(super) fn looks_like(start: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 12] = [
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd-compressed data"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz-compressed data"),
        (b"BZh", "bzip2-compressed data"),
        (&[0x04, 0x22, 0x4d, 0x18], "lz4-compressed data"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x7fELF", "a program"),
        (b"%PDF", "a PDF document"),
        (b"snoop\0\0\0", "a snoop capture"),
        (b"GMBU", "a Network Monitor capture"),
        (b"RTSS", "a Network Monitor capture"),
        (b"XCP\0", "a Sniffer capture"),
        (&[0xa1, 0xb2, 0xcd, 0x34], "a big-endian capture in the “modified” pcap format"),
    ];
    if start.is_empty() {
        return "an empty file";
    }
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return name;
    }
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    if start.iter().all(text) { "text" } else { "data of an unknown format" }
}
