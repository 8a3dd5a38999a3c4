//! A bounded window over a byte stream, plain or gzip.

use std::io::{self, BufReader, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

/// The first bytes of every gzip member (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How much the window holds before it has to grow.
const WINDOW: usize = 256 * 1024;

/// The bytes of a capture, uncompressed, through a window that grows only as far as it is asked to
/// and only while bytes really arrive: a length that the capture merely claims allocates nothing.
pub(super) struct Source<'a> {
    input: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` is in the uncompressed stream.
    offset: u64,
    /// Set at the end of the input, or at the error that stands in for it.
    ended: bool,
    failure: Option<io::Error>,
}

impl<'a> Source<'a> {
    /// Wraps `input`, which is decompressed where it starts like gzip.
    pub(super) fn new(mut input: impl Read + 'a) -> Self {
        let mut magic = [0; GZIP_MAGIC.len()];
        let (read, failure) = read_at_least(&mut input, &mut magic, GZIP_MAGIC.len());
        let gzip = magic[..read] == GZIP_MAGIC;
        let input = Cursor::new(magic).take(read as u64).chain(input);
        let input: Box<dyn Read + 'a> = if gzip {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(WINDOW, input)))
        } else {
            Box::new(input)
        };
        let ended = failure.is_some();
        Self { input, buffer: vec![0; WINDOW], start: 0, end: 0, offset: 0, ended, failure }
    }

    /// Makes at least `wanted` bytes available, or as many as there are before the end of the
    /// stream, and returns everything that is available.
    pub(super) fn fill(&mut self, wanted: usize) -> &[u8] {
        while self.end - self.start < wanted && !self.ended {
            self.make_room(wanted);
            let (read, failure) = read_at_least(&mut self.input, &mut self.buffer[self.end..], 1);
            self.end += read;
            self.ended = read == 0 || failure.is_some();
            self.failure = failure;
        }
        self.available()
    }

    /// What `fill` has made available and `consume` has not taken.
    pub(super) fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes `length` bytes of those available and returns them.
    pub(super) fn consume(&mut self, length: usize) -> &[u8] {
        let taken = self.start..(self.start + length).min(self.end);
        self.start = taken.end;
        self.offset += taken.len() as u64;
        &self.buffer[taken]
    }

    /// Passes over `length` bytes without keeping them; returns how many there were.
    pub(super) fn skip(&mut self, length: usize) -> usize {
        let mut left = length;
        while left > 0 {
            let available = self.fill(1).len().min(left);
            if available == 0 {
                break;
            }
            self.consume(available);
            left -= available;
        }
        length - left
    }

    /// Where the next byte stands in the uncompressed stream.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The error that ended the stream early, if one did.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Leaves free space behind `end`: moves what is available to the front, and grows where the
    /// window is full of bytes that were really read.
    fn make_room(&mut self, wanted: usize) {
        if self.start > 0 && (self.start == self.end || self.start + wanted > self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}

/// Reads at least `least` bytes unless the input ends or fails before; returns how many came and
/// what went wrong.
fn read_at_least(
    input: &mut impl Read,
    into: &mut [u8],
    least: usize,
) -> (usize, Option<io::Error>) {
    let mut read = 0;
    while read < least {
        match input.read(&mut into[read..]) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (read, Some(error)),
        }
    }
    (read, None)
}
