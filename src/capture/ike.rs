//! IKE messages: which session they belong to.

/// The header of IKE messages of both versions (RFC 7296, section 3.1; RFC 2408, section 3.1).
const HEADER: usize = 28;

/// What tells IKE from ESP behind a NAT: ESP has a nonzero SPI there (RFC 3948, section 2.2).
const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// The version of an IKE message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IkeVersion {
    /// Version 1 (ISAKMP).
    V1,
    /// Version 2.
    V2,
}

/// One IKE message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ike {
    /// Its version.
    pub version: IkeVersion,
    /// The initiator's SPI (IKEv1: cookie), by which a session is known.
    pub initiator_spi: u64,
}

impl Ike {
    /// Reads the UDP payload on port 500, which was `length` bytes on the wire. None where it is no
    /// IKE message.
    pub(super) fn parse(payload: &[u8], length: usize) -> Option<Self> {
        let header = payload.first_chunk::<HEADER>()?;
        let version = match header[17] {
            0x10 => IkeVersion::V1,
            0x20 => IkeVersion::V2,
            _ => return None,
        };
        let initiator_spi = u64::from_be_bytes(*header.first_chunk()?);
        let claimed = u32::from_be_bytes(*header.last_chunk()?) as usize;
        let sane = initiator_spi != 0 && (HEADER..=length).contains(&claimed);
        sane.then_some(Self { version, initiator_spi })
    }

    /// Reads the UDP payload on port 4500, which ESP and keepalives share with IKE.
    pub(super) fn parse_behind_nat(payload: &[u8], length: usize) -> Option<Self> {
        let message = payload.strip_prefix(&NON_ESP_MARKER)?;
        Self::parse(message, length.saturating_sub(NON_ESP_MARKER.len()))
    }
}
