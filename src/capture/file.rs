//! Capture files: pcap and pcapng, plain or gzip, as a stream of frames.
//!
//! The formats' headers and blocks are decoded by `pcap-parser`; what is here is the framing: no
//! length in a capture is believed before it was held against [`PACKET_MAX`] or [`BLOCK_MAX`], and
//! nothing is allocated for bytes that have not arrived.
//!
//! Source: the pcap and pcapng file formats (draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng).

use std::fmt;
use std::io::Read;
use std::ops::Range;

use super::fault::{Fault, FaultKind, looks_like};
use super::link::LinkType;
use super::pcap::Pcap;
use super::pcapng::Section;
use super::source::Source;

/// The longest packet that is read: `MAXIMUM_SNAPLEN` of libpcap.
pub const PACKET_MAX: usize = 262_144;

/// The longest pcapng block that is read, as in Wireshark (`MAX_BLOCK_SIZE`): a longer one is a
/// damaged length.
pub const BLOCK_MAX: u32 = 16 * 1024 * 1024;

/// The most interfaces that one pcapng section may describe. Captures have a few; the bound keeps a
/// file of nothing but interfaces from filling the memory.
pub const INTERFACES_MAX: usize = 65_536;

/// One captured frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Its number in this capture, from 1, as Wireshark counts.
    pub index: u64,
    /// When it was captured, in nanoseconds since 1970; none in a pcapng simple packet block.
    pub timestamp_ns: Option<u64>,
    /// What `data` begins with.
    pub link: LinkType,
    /// What was captured of it.
    pub data: &'a [u8],
    /// Where its record or block begins in the uncompressed stream.
    pub offset: u64,
}

/// Reads a capture frame by frame.
///
/// ```no_run
/// use tollgate::capture::Reader;
///
/// let mut reader = Reader::new(std::fs::File::open("traffic.pcapng.gz")?)?;
/// while let Some(frame) = reader.next_frame()? {
///     println!("{} {} bytes", frame.index, frame.data.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<'a> {
    source: Source<'a>,
    format: Format,
    frames: u64,
}

/// How the frames are laid out.
enum Format {
    Pcap(Pcap),
    Pcapng(Section),
}

/// A packet in the bytes that come next.
pub(super) struct Found {
    pub(super) timestamp_ns: Option<u64>,
    pub(super) link: LinkType,
    /// How many bytes its record or block has.
    pub(super) consumed: usize,
    /// Where in them the packet is.
    pub(super) data: Range<usize>,
}

impl<'a> Reader<'a> {
    /// Reads the beginning of a capture: a file, a slice of bytes, or anything else that is read.
    ///
    /// # Errors
    ///
    /// A [`Fault`] where `input` does not start like a capture that is understood.
    pub fn new(input: impl Read + 'a) -> Result<Self, Fault> {
        let mut source = Source::new(input);
        let format = match source.fill(Section::MAGIC.len()) {
            start if start.starts_with(&Section::MAGIC) => Format::Pcapng(Section::default()),
            _ => match Pcap::open(&mut source) {
                Ok(pcap) => Format::Pcap(pcap),
                Err(kind) => return Err(Fault { offset: 0, kind }),
            },
        };
        Ok(Self { source, format, frames: 0 })
    }

    /// The next frame, or none at the end of the capture.
    ///
    /// # Errors
    ///
    /// A [`Fault`] where the capture is damaged; nothing can be read after it.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Fault> {
        let found = match &mut self.format {
            Format::Pcap(pcap) => pcap.find(&mut self.source)?,
            Format::Pcapng(section) => section.find(&mut self.source)?,
        };
        let Some(Found { timestamp_ns, link, consumed, data }) = found else {
            return Ok(None);
        };
        self.frames += 1;
        let offset = self.source.offset();
        let data = &self.source.consume(consumed)[data];
        Ok(Some(Frame { index: self.frames, timestamp_ns, link, data, offset }))
    }

    /// How many bytes of the uncompressed stream have been read.
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("frames", &self.frames)
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

impl Source<'_> {
    /// What is wrong where the stream ends before the `need` bytes that `what` should have, of
    /// which there are `have`. An error of the stream itself comes first, because it is why.
    pub(super) fn cut_short(&mut self, what: &'static str, have: usize, need: usize) -> FaultKind {
        self.failure().unwrap_or(FaultKind::CutShort { what, have, need })
    }

    /// Whether the stream ends here, in good order.
    pub(super) fn at_end(&mut self) -> Result<bool, FaultKind> {
        if !self.fill(1).is_empty() {
            return Ok(false);
        }
        self.failure().map_or(Ok(true), Err)
    }

    /// What is wrong with a stream that starts like no capture.
    pub(super) fn not_a_capture(&mut self) -> FaultKind {
        const LOOK: usize = 512;
        let start = self.fill(LOOK);
        let looks_like = looks_like(&start[..start.len().min(LOOK)]);
        self.failure().unwrap_or(FaultKind::NotACapture { looks_like })
    }

    fn failure(&mut self) -> Option<FaultKind> {
        self.take_failure().map(FaultKind::Read)
    }
}

#[cfg(test)]
mod tests;
