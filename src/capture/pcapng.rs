//! The pcapng format: sections of blocks, with interfaces of their own link types and clocks.

use std::ops::Range;

use pcap_parser::nom::IResult;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    InterfaceDescriptionBlock, OptionCode, PcapError, parse_enhancedpacketblock_be,
    parse_enhancedpacketblock_le, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le, parse_sectionheaderblock_be, parse_sectionheaderblock_le,
    parse_simplepacketblock_be, parse_simplepacketblock_le,
};

use super::fault::{Fault, FaultKind};
use super::file::{BLOCK_MAX, Found, INTERFACES_MAX, PACKET_MAX};
use super::link::LinkType;
use super::source::Source;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Type, length and length again: a block without a body.
const BLOCK_MIN: usize = 12;

/// The blocks that are decoded; every other block is passed over by its length.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// What a section header says in its own byte order, after type and length.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Where the packet begins in an enhanced packet block and in a simple one.
const ENHANCED_PACKET_DATA: usize = 28;
const SIMPLE_PACKET_DATA: usize = 12;

/// A decoder of `pcap-parser` for one kind of block.
type Decoder<'s, T> = fn(&'s [u8]) -> IResult<&'s [u8], T, PcapError<&'s [u8]>>;
/// The little-endian one and the big-endian one.
type Decoders<'s, T> = (Decoder<'s, T>, Decoder<'s, T>);

/// The section that is being read.
#[derive(Default)]
pub(super) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

/// One interface of a section.
#[derive(Clone, Copy)]
struct Interface {
    link: LinkType,
    /// The most that was kept of a packet; 0 is all of it.
    snaplen: usize,
    clock: Clock,
}

/// What the next block was.
enum Block {
    Packet(Found),
    Other,
    /// There is no next block.
    None,
}

impl Section {
    /// The type of the block that begins every section: the same in both byte orders.
    pub(super) const MAGIC: [u8; 4] = SECTION_HEADER.to_le_bytes();

    /// Reads blocks up to the next packet.
    pub(super) fn find(&mut self, source: &mut Source) -> Result<Option<Found>, Fault> {
        loop {
            let offset = source.offset();
            match self.block(source).map_err(|kind| Fault { offset, kind })? {
                Block::Packet(found) => return Ok(Some(found)),
                Block::Other => {}
                Block::None => return Ok(None),
            }
        }
    }

    /// Reads the next block, and consumes it unless it holds a packet.
    fn block(&mut self, source: &mut Source) -> Result<Block, FaultKind> {
        if source.at_end()? {
            return Ok(Block::None);
        }
        let (kind, length) = self.start(source)?;
        match kind {
            ENHANCED_PACKET => return self.enhanced_packet(source, length).map(Block::Packet),
            SIMPLE_PACKET => return self.simple_packet(source, length).map(Block::Packet),
            INTERFACE_DESCRIPTION => self.describe_interface(source, length)?,
            SECTION_HEADER => self.begin(source, length)?,
            _ => return self.pass_over(source, length),
        }
        source.consume(length);
        Ok(Block::Other)
    }

    /// The type and the length of the next block. A section header sets the byte order.
    fn start(&mut self, source: &mut Source) -> Result<(u32, usize), FaultKind> {
        let Some(&start) = source.fill(BLOCK_MIN).first_chunk::<BLOCK_MIN>() else {
            let have = source.available().len();
            return Err(source.cut_short("a block", have, BLOCK_MIN));
        };
        let kind = self.number(&start);
        if kind == SECTION_HEADER {
            self.big_endian = match self.number(&start[8..]) {
                BYTE_ORDER_MAGIC => self.big_endian,
                number if number.swap_bytes() == BYTE_ORDER_MAGIC => !self.big_endian,
                _ => return Err(FaultKind::Corrupt { what: "a section header" }),
            };
        }
        let length = self.number(&start[4..]);
        let long_enough = length as usize >= BLOCK_MIN && length.is_multiple_of(4);
        if !long_enough || length > BLOCK_MAX {
            return Err(FaultKind::BlockLength { length });
        }
        Ok((kind, length as usize))
    }

    /// Begins a section: its interfaces are its own.
    fn begin(&mut self, source: &mut Source, length: usize) -> Result<(), FaultKind> {
        let decoders: Decoders<_> = (parse_sectionheaderblock_le, parse_sectionheaderblock_be);
        let header = self.decode(decoders, source, length, "a section header")?;
        self.interfaces.clear();
        match (header.major_version, header.minor_version) {
            (1, _) => Ok(()),
            (major, minor) => Err(FaultKind::Version { major, minor }),
        }
    }

    fn describe_interface(&mut self, source: &mut Source, length: usize) -> Result<(), FaultKind> {
        let decoders: Decoders<_> =
            (parse_interfacedescriptionblock_le, parse_interfacedescriptionblock_be);
        let block = self.decode(decoders, source, length, "an interface description")?;
        let exponent = block.if_tsresol;
        let clock = Clock::new(exponent, self.clock_offset(&block))
            .ok_or(FaultKind::Resolution { exponent })?;
        let number = u16::try_from(block.linktype.0).unwrap_or(u16::MAX);
        let link = LinkType::from_number(number);
        let interface = Interface { link, snaplen: block.snaplen as usize, clock };
        if self.interfaces.len() == INTERFACES_MAX {
            return Err(FaultKind::Interfaces);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// The option `if_tsoffset`, or 0. `pcap-parser` reads it as little-endian in every section.
    fn clock_offset(&self, block: &InterfaceDescriptionBlock) -> i64 {
        block
            .options
            .iter()
            .find(|option| option.code == OptionCode::IfTsoffset)
            .and_then(|option| option.value.first_chunk::<8>())
            .map_or(0, |&bytes| {
                if self.big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
            })
    }

    fn enhanced_packet(&self, source: &mut Source, length: usize) -> Result<Found, FaultKind> {
        let decoders: Decoders<_> = (parse_enhancedpacketblock_le, parse_enhancedpacketblock_be);
        let block = self.decode(decoders, source, length, "an enhanced packet block")?;
        let Interface { link, clock, .. } = self.interface(block.if_id)?;
        let ticks = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
        let data = packet_at(ENHANCED_PACKET_DATA, block.packet_data().len())?;
        Ok(Found { timestamp_ns: Some(clock.ns(ticks)), link, consumed: length, data })
    }

    fn simple_packet(&self, source: &mut Source, length: usize) -> Result<Found, FaultKind> {
        let decoders: Decoders<_> = (parse_simplepacketblock_le, parse_simplepacketblock_be);
        let block = self.decode(decoders, source, length, "a simple packet block")?;
        let Interface { link, snaplen, .. } = self.interface(0)?;
        // The block does not say how much was captured, and its data is padded.
        let captured = match snaplen {
            0 => block.packet_data().len(),
            snaplen => block.packet_data().len().min(snaplen),
        };
        let data = packet_at(SIMPLE_PACKET_DATA, captured)?;
        Ok(Found { timestamp_ns: None, link, consumed: length, data })
    }

    fn interface(&self, interface: u32) -> Result<Interface, FaultKind> {
        let described = self.interfaces.len();
        usize::try_from(interface)
            .ok()
            .and_then(|number| self.interfaces.get(number))
            .copied()
            .ok_or(FaultKind::Interface { interface, described })
    }

    /// Decodes the next block, of `length` bytes, in the section's byte order.
    fn decode<'s, T>(
        &self,
        decoders: Decoders<'s, T>,
        source: &'s mut Source,
        length: usize,
        what: &'static str,
    ) -> Result<T, FaultKind> {
        let have = source.fill(length).len();
        if have < length {
            return Err(source.cut_short(what, have, length));
        }
        let block = &source.available()[..length];
        self.compare_lengths(length, &block[length - 4..])?;
        let decode = if self.big_endian { decoders.1 } else { decoders.0 };
        match decode(block) {
            Ok((_, block)) => Ok(block),
            Err(_) => Err(FaultKind::Corrupt { what }),
        }
    }

    /// Passes over a block that is not decoded, without keeping it.
    fn pass_over(&self, source: &mut Source, length: usize) -> Result<Block, FaultKind> {
        let body = length - 4;
        let skipped = source.skip(body);
        let end = source.fill(4);
        if skipped < body || end.len() < 4 {
            let have = skipped + end.len();
            return Err(source.cut_short("a block", have, length));
        }
        self.compare_lengths(length, end)?;
        source.consume(4);
        Ok(Block::Other)
    }

    fn compare_lengths(&self, leading: usize, end: &[u8]) -> Result<(), FaultKind> {
        match self.number(end) {
            trailing if trailing as usize == leading => Ok(()),
            trailing => Err(FaultKind::BlockLengths { leading, trailing }),
        }
    }

    /// The number at the start of `bytes`, in the section's byte order; 0 past the end.
    fn number(&self, bytes: &[u8]) -> u32 {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// Where in a block a packet of `length` bytes is.
fn packet_at(start: usize, length: usize) -> Result<Range<usize>, FaultKind> {
    if length > PACKET_MAX {
        return Err(FaultKind::PacketLength { length });
    }
    Ok(start..start + length)
}

/// How an interface's timestamps are read.
#[derive(Clone, Copy)]
struct Clock {
    resolution: Resolution,
    offset_s: i64,
}

/// The length of a tick.
#[derive(Clone, Copy)]
enum Resolution {
    /// A whole number of nanoseconds: one multiplication per packet.
    Nanoseconds(u64),
    /// A fraction of a second that is none.
    PerSecond(u64),
}

impl Clock {
    /// Decodes the option `if_tsresol`: a power of 10, or of 2 where the highest bit is set. None
    /// where a second has more ticks than 64 bits can count.
    fn new(exponent: u8, offset_s: i64) -> Option<Self> {
        const BINARY: u8 = 0x80;
        let resolution = match exponent {
            0..=9 => Resolution::Nanoseconds(10_u64.pow(9 - u32::from(exponent))),
            10..BINARY => Resolution::PerSecond(10_u64.checked_pow(u32::from(exponent))?),
            _ => Resolution::PerSecond(1_u64.checked_shl(u32::from(exponent & !BINARY))?),
        };
        Some(Self { resolution, offset_s })
    }

    /// A timestamp in nanoseconds since 1970, held to what 64 bits can express.
    fn ns(self, ticks: u64) -> u64 {
        let ns = match self.resolution {
            Resolution::Nanoseconds(ns) => u128::from(ticks) * u128::from(ns),
            Resolution::PerSecond(per_second) => {
                u128::from(ticks) * u128::from(NS_PER_SECOND) / u128::from(per_second)
            }
        };
        // 64 bits times at most 10^9 fits 94 bits, and so does the offset.
        let offset = i128::from(self.offset_s) * i128::from(NS_PER_SECOND);
        let ns = i128::try_from(ns).unwrap_or(i128::MAX).saturating_add(offset);
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}
