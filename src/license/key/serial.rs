//! A unit's serial number.

use std::fmt;
use std::str::FromStr;

/// The length of a serial number (A2).
pub const SERIAL_LEN: usize = 11;

/// The serial number that keys are bound to: the one on the Activation Key page, not the one on
/// the chassis (A25).
///
/// Eleven letters and digits; small letters are taken as capitals.
///
/// ```
/// use tollgate::license::key::Serial;
/// assert_eq!("jmx0912k04j".parse::<Serial>()?.to_string(), "JMX0912K04J");
/// assert!("JMX0912K04".parse::<Serial>().is_err());
/// # Ok::<(), tollgate::license::key::SerialError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial([u8; SERIAL_LEN]);

impl Serial {
    pub(crate) const fn bytes(&self) -> &[u8; SERIAL_LEN] {
        &self.0
    }
}

/// Text that is no serial number.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is no serial number, which is {SERIAL_LEN} letters and digits")]
pub struct SerialError {
    /// The beginning of what was given.
    pub text: String,
}

impl FromStr for Serial {
    type Err = SerialError;

    fn from_str(text: &str) -> Result<Self, SerialError> {
        let error = || SerialError { text: text.chars().take(2 * SERIAL_LEN).collect() };
        let mut bytes: [u8; SERIAL_LEN] = text.as_bytes().try_into().map_err(|_| error())?;
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return Err(error());
        }
        bytes.make_ascii_uppercase();
        Ok(Self(bytes))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}
