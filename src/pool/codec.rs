//! Reading and writing the fields of a message: fixed sizes, big-endian, nothing allocated by what
//! a length says.

use std::fmt;
use std::str::FromStr;

use super::MAX_MESSAGE;
use crate::license::key::{SERIAL_LEN, Serial};

/// The longest [`Label`], in characters: a host name's longest part.
pub const MAX_LABEL: usize = 63;

/// A short name that a unit gives of itself: up to [`MAX_LABEL`] printable ASCII characters.
///
/// ```
/// use tollgate::pool::Label;
/// assert_eq!("vpn-asa-01".parse::<Label>()?.to_string(), "vpn-asa-01");
/// assert!("two\nlines".parse::<Label>().is_err());
/// # Ok::<(), tollgate::pool::LabelError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Label(Box<str>);

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that is no [`Label`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a name is at most {MAX_LABEL} printable ASCII characters")]
pub struct LabelError;

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if text.len() > MAX_LABEL || !printable {
            return Err(LabelError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why bytes are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is longer than any message.
    #[error("a message of {len} bytes; the longest has {MAX_MESSAGE}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Another version of the protocol.
    #[error("version {0} of the protocol; this is version {version}", version = super::VERSION)]
    Version(u8),
    /// No message has this number.
    #[error("no message has the number {0}")]
    Kind(u8),
    /// It ends in the middle of a field.
    #[error("the message ends inside its {field}")]
    Short {
        /// The field.
        field: &'static str,
    },
    /// Something follows the last field.
    #[error("{left} bytes follow the message")]
    Trailing {
        /// How many bytes.
        left: usize,
    },
    /// A field has a value that it cannot have.
    #[error("the {field} of the message cannot be what it is")]
    Value {
        /// The field.
        field: &'static str,
    },
}

/// What is left of a message to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(DecodeError::Short { field })?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.take(field).map(|[byte]: [u8; 1]| byte)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.take(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.take(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.take(field).map(u64::from_be_bytes)
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Value { field }),
        }
    }

    /// A serial number in capitals, the only way to write one.
    pub(super) fn serial(&mut self, field: &'static str) -> Result<Serial, DecodeError> {
        let bytes: [u8; SERIAL_LEN] = self.take(field)?;
        let text = str::from_utf8(&bytes).map_err(|_| DecodeError::Value { field })?;
        let serial: Serial = text.parse().map_err(|_| DecodeError::Value { field })?;
        if *serial.bytes() == bytes { Ok(serial) } else { Err(DecodeError::Value { field }) }
    }

    pub(super) fn option<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.flag(field)? { read(self, field).map(Some) } else { Ok(None) }
    }

    pub(super) fn label(&mut self, field: &'static str) -> Result<Label, DecodeError> {
        let len = usize::from(self.u8(field)?);
        let (text, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Short { field })?;
        self.0 = rest;
        let text = str::from_utf8(text).map_err(|_| DecodeError::Value { field })?;
        text.parse().map_err(|_| DecodeError::Value { field })
    }

    pub(super) const fn end(self) -> Result<(), DecodeError> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { left }),
        }
    }
}

/// A message as it is written.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(super) fn serial(&mut self, serial: Serial) {
        self.0.extend(serial.bytes());
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    pub(super) fn label(&mut self, label: &Label) {
        // A label is at most 63 bytes long.
        self.u8(u8::try_from(label.0.len()).unwrap_or_default());
        self.0.extend(label.0.as_bytes());
    }
}
