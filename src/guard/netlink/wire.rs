//! Netlink's own format: messages, the header of netfilter's, attributes.
//!
//! Source: `linux/netlink.h`, `linux/netfilter/nfnetlink.h`. Headers and lengths are in the
//! machine's byte order, what netfilter puts into attributes in the network's.

/// This many bytes of header begin a message.
const HEADER: usize = 16;

/// Netfilter's header: family, version, resource.
const FAMILY_HEADER: usize = 4;

/// An attribute's length and type.
const ATTRIBUTE_HEADER: usize = 4;

/// In an attribute's type: what it holds is attributes.
#[cfg(any(test, feature = "fuzzing"))]
const NESTED: u16 = 0x8000;
/// The type without what is said of its contents.
const TYPE_MASK: u16 = 0x3fff;

/// This asks for something.
pub(super) const REQUEST: u16 = 0x001;
/// The answer is to say how it went.
pub(super) const ACK: u16 = 0x004;
/// All there are.
pub(super) const DUMP: u16 = 0x300;

/// How a request went: an error number, 0 for none.
pub(super) const KIND_ERROR: u16 = 2;
/// The end of a dump.
pub(super) const KIND_DONE: u16 = 3;

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// What it is: of netfilter's, the subsystem in the upper byte.
    pub(super) kind: u16,
    /// What follows the header.
    pub(super) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind netfilter's header.
    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.payload.get(FAMILY_HEADER..).unwrap_or_default())
    }

    /// How a request went, where the message says so.
    pub(super) fn outcome(&self) -> Option<std::io::Result<()>> {
        let code = match self.kind {
            KIND_ERROR => i32::from_ne_bytes(*self.payload.first_chunk()?),
            // A dump that failed says so at its end.
            KIND_DONE => self.payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code)),
            _ => return None,
        };
        Some(match code.checked_neg() {
            None | Some(..=0) => Ok(()),
            Some(number) => Err(std::io::Error::from_raw_os_error(number)),
        })
    }
}

/// The messages in what was received, up to the first whose length cannot be.
#[derive(Clone, Debug)]
pub(super) struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    pub(super) const fn in_bytes(data: &'a [u8]) -> Self {
        Self(data)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let header: &[u8; HEADER] = self.0.first_chunk()?;
        let [l0, l1, l2, l3, k0, k1, ..] = *header;
        let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).ok()?;
        let payload = self.0.get(HEADER..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some(Message { kind: u16::from_ne_bytes([k0, k1]), payload })
    }
}

/// Attributes by type, up to the first whose length cannot be.
#[derive(Clone, Debug)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// Those in the payload of an attribute.
    pub(super) const fn nested(payload: &'a [u8]) -> Self {
        Self(payload)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let [l0, l1, t0, t1] = *self.0.first_chunk::<ATTRIBUTE_HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let payload = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        Some((u16::from_ne_bytes([t0, t1]) & TYPE_MASK, payload))
    }
}

/// Both formats begin what follows at a multiple of four.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// A number in the network's byte order, where an attribute is one.
pub(super) fn be16(payload: &[u8]) -> Option<u16> {
    payload.try_into().ok().map(u16::from_be_bytes)
}

/// As [`be16`].
pub(super) fn be32(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

/// Messages that are being written.
#[derive(Default, Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Where the message that is being written begins.
    begun: usize,
}

impl Writer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Begins a message of netfilter's `kind` about `resource`.
    pub(super) fn begin(&mut self, kind: u16, flags: u16, resource: u16) -> &mut Self {
        self.begun = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        // No number and no port: each socket has one request under way.
        self.bytes.extend([0; 8]);
        // Any family, version 0.
        self.bytes.extend([0; 2]);
        self.bytes.extend(resource.to_be_bytes());
        self.close()
    }

    /// Adds an attribute to the message.
    pub(super) fn attribute(&mut self, kind: u16, payload: &[u8]) -> &mut Self {
        let length = u16::try_from(ATTRIBUTE_HEADER + payload.len()).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(payload);
        self.bytes.resize(aligned(self.bytes.len()), 0);
        self.close()
    }

    /// Adds an attribute of attributes, which `fill` writes.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let at = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        fill(self);
        let length = u16::try_from(self.bytes.len() - at).unwrap_or(u16::MAX);
        self.bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    /// Writes how long the message is by now.
    fn close(&mut self) -> &mut Self {
        let length = u32::try_from(self.bytes.len() - self.begun).unwrap_or(u32::MAX);
        self.bytes[self.begun..self.begun + 4].copy_from_slice(&length.to_ne_bytes());
        self
    }
}
