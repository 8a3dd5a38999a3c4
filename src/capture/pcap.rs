//! The pcap format: one header, then one record per packet.

use pcap_parser::nom::{self, IResult, Needed};
use pcap_parser::{
    LegacyPcapBlock, PcapError, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::fault::{Fault, FaultKind};
use super::file::{Found, PACKET_MAX};
use super::link::LinkType;
use super::source::Source;

const NS_PER_SECOND: u64 = 1_000_000_000;

/// The link type is in the low half; the high half is about frame check sequences.
const LINK_TYPE_BITS: i32 = 0xffff;

type Decode = fn(&[u8]) -> IResult<&[u8], LegacyPcapBlock<'_>, PcapError<&[u8]>>;

/// What the header of a pcap file says about its records.
pub(super) struct Pcap {
    decode: Decode,
    /// How long a record's own header is.
    header: usize,
    ns_per_unit: u64,
    link: LinkType,
}

impl Pcap {
    const HEADER: usize = 24;

    /// Reads the header.
    pub(super) fn open(source: &mut Source) -> Result<Self, FaultKind> {
        const MAGIC: usize = 4;
        source.fill(Self::HEADER);
        let header = match parse_pcap_header(source.available()) {
            Ok((_, header)) => header,
            Err(nom::Err::Incomplete(_)) if source.available().len() >= MAGIC => {
                let have = source.available().len();
                return Err(source.cut_short("the file header", have, Self::HEADER));
            }
            Err(_) => return Err(source.not_a_capture()),
        };
        let number = u16::try_from(header.network.0 & LINK_TYPE_BITS).unwrap_or(u16::MAX);
        let link = LinkType::from_number(number);
        if let LinkType::Other(number) = link {
            return Err(FaultKind::LinkType(number));
        }
        let (decode, record_header): (Decode, _) = match header.is_modified_format() {
            true => (parse_pcap_frame_modified, 24),
            false if header.is_bigendian() => (parse_pcap_frame_be, 16),
            false => (parse_pcap_frame, 16),
        };
        let ns_per_unit = if header.is_nanosecond_precision() { 1 } else { 1000 };
        source.consume(Self::HEADER);
        Ok(Self { decode, header: record_header, ns_per_unit, link })
    }

    /// Finds the next packet.
    pub(super) fn find(&self, source: &mut Source) -> Result<Option<Found>, Fault> {
        self.record(source).map_err(|kind| Fault { offset: source.offset(), kind })
    }

    fn record(&self, source: &mut Source) -> Result<Option<Found>, FaultKind> {
        if source.available().is_empty() && source.at_end()? {
            return Ok(None);
        }
        loop {
            let available = source.available().len();
            match (self.decode)(source.available()) {
                Ok((rest, record)) => return self.found(&record, available - rest.len()).map(Some),
                Err(nom::Err::Incomplete(Needed::Size(more))) => {
                    self.fill(source, available + more.get())?;
                }
                Err(_) => return Err(FaultKind::Corrupt { what: "a packet record" }),
            }
        }
    }

    fn found(&self, record: &LegacyPcapBlock, consumed: usize) -> Result<Found, FaultKind> {
        let length = record.data.len();
        if length > PACKET_MAX {
            return Err(FaultKind::PacketLength { length });
        }
        let timestamp_ns =
            u64::from(record.ts_sec) * NS_PER_SECOND + u64::from(record.ts_usec) * self.ns_per_unit;
        Ok(Found {
            timestamp_ns: Some(timestamp_ns),
            link: self.link,
            consumed,
            data: consumed - length..consumed,
        })
    }

    /// Makes the `need` bytes available that a record asks for.
    fn fill(&self, source: &mut Source, need: usize) -> Result<(), FaultKind> {
        if need > self.header + PACKET_MAX {
            return Err(FaultKind::PacketLength { length: need - self.header });
        }
        let have = source.fill(need).len();
        if have < need {
            return Err(source.cut_short("a packet record", have, need));
        }
        Ok(())
    }
}
