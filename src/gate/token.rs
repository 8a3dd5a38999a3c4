//! What an admission hands out: eight bytes for a flow entry.

use std::fmt;

use crate::license::Kind;

/// The parts of a clientless session that are open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The portal in the browser.
    Portal,
    /// The `AnyConnect` client that was started from the portal.
    Client,
}

/// One admitted unit, in eight bytes that are `Copy`: what a flow entry holds.
///
/// A token is given back once, to [`Worker::release`](super::Worker::release) of any worker of the
/// gate that admitted it. It is plain data, so nothing but care keeps it from being lost or given
/// back twice; a debug build notices both, a release build counts what it can see. Code that
/// admits rarely uses a [`Permit`](super::Permit) instead, which gives itself back.
///
/// ```
/// assert_eq!(std::mem::size_of::<tollgate::gate::Token>(), 8);
/// ```
#[must_use = "a token that is dropped leaves its unit in use for ever"]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(u64);

// From the lowest bit: the kind, the open parts, two places in the host table, a serial number
// (0 in release builds).
const KIND_BITS: u32 = 5;
const PART_BITS: u32 = 2;
const HOST_BITS: u32 = 20;
const HOST_SHIFTS: [u32; 2] = [KIND_BITS + PART_BITS, KIND_BITS + PART_BITS + HOST_BITS];
const SERIAL_SHIFT: u32 = HOST_SHIFTS[1] + HOST_BITS;

/// The place that stands for “no host”.
const NO_HOST: u32 = (1 << HOST_BITS) - 1;

impl Token {
    /// How many places in the host table a token can tell apart.
    pub(super) const HOSTS: u32 = NO_HOST;

    /// Every connection's that counts no hosts. A debug build's tokens have a serial number each.
    #[cfg(feature = "capi")]
    pub(crate) const CONNECTION: Self = Self::new(Kind::Connection);

    pub(super) const fn new(kind: Kind) -> Self {
        Self::with_hosts(kind, [None, None])
    }

    pub(super) const fn with_hosts(kind: Kind, hosts: [Option<u32>; 2]) -> Self {
        let mut bits = kind as u64;
        let mut i = 0;
        while i < 2 {
            let place = match hosts[i] {
                Some(place) => place,
                None => NO_HOST,
            };
            bits |= (place as u64) << HOST_SHIFTS[i];
            i += 1;
        }
        let token = Self(bits);
        if matches!(kind, Kind::Clientless) { token.opened(Part::Portal) } else { token }
    }

    /// What was admitted.
    pub const fn kind(self) -> Kind {
        match Kind::at((self.0 & ((1 << KIND_BITS) - 1)) as usize) {
            Some(kind) => kind,
            // No token is made without a kind.
            None => unreachable!(),
        }
    }

    #[inline]
    pub(super) const fn is(self, kind: Kind) -> bool {
        self.0 & ((1 << KIND_BITS) - 1) == kind as u64
    }

    /// The places of the hosts that the connection counts.
    pub(super) fn hosts(self) -> impl Iterator<Item = u32> {
        HOST_SHIFTS
            .into_iter()
            .filter_map(move |shift| u32::try_from(self.0 >> shift & u64::from(NO_HOST)).ok())
            .filter(|place| *place != NO_HOST)
    }

    const fn part_bit(part: Part) -> u64 {
        match part {
            Part::Portal => 1 << KIND_BITS,
            Part::Client => 2 << KIND_BITS,
        }
    }

    /// Whether this part of a clientless session is open.
    pub const fn is_open(self, part: Part) -> bool {
        self.0 & Self::part_bit(part) != 0
    }

    const fn opened(self, part: Part) -> Self {
        Self(self.0 | Self::part_bit(part))
    }

    /// The same clientless session with the client started from its portal: still one unit (E1).
    ///
    /// A client that is started on its own is a session of its own (E2, E3) and is admitted as
    /// [`Kind::Anyconnect`]. Any other kind, and a session whose portal has ended, stays as it is.
    pub const fn start_client(self) -> Self {
        if self.is_open(Part::Portal) { self.opened(Part::Client) } else { self }
    }

    /// The same session without `part`, or none when that was the last one (E4).
    #[must_use = "the token that is left holds the unit"]
    pub const fn without(self, part: Part) -> Option<Self> {
        let left = Self(self.0 & !Self::part_bit(part));
        if left.is_open(Part::Portal) || left.is_open(Part::Client) { Some(left) } else { None }
    }

    /// What tells the unit apart, whatever parts of it are open.
    #[cfg(all(debug_assertions, not(tollgate_loom)))]
    pub(super) const fn identity(self) -> u64 {
        self.0 & !(((1 << PART_BITS) - 1) << KIND_BITS)
    }

    /// The same token with a serial number; the number's low bits are what fits.
    #[cfg(all(debug_assertions, not(tollgate_loom)))]
    pub(super) const fn numbered(self, serial: u64) -> Self {
        Self(self.0 & ((1 << SERIAL_SHIFT) - 1) | serial << SERIAL_SHIFT)
    }

    /// The token as eight bytes, for a flow entry that is written in another language.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The token that [`to_bits`](Self::to_bits) gave, or none where no token looks like this.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let kind = usize::try_from(bits & ((1 << KIND_BITS) - 1)).ok()?;
        Kind::at(kind).map(|_| Self(bits))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

const _: () = assert!(Kind::COUNT <= 1 << KIND_BITS && SERIAL_SHIFT < 64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_its_kind_and_hosts() {
        for kind in Kind::ALL {
            let token = Token::with_hosts(kind, [Some(7), None]);
            assert_eq!(token.kind(), kind);
            assert_eq!(token.hosts().collect::<Vec<_>>(), [7]);
            assert_eq!(Token::from_bits(token.to_bits()), Some(token));
        }
        assert_eq!(Token::from_bits(31), None);
    }

    #[test]
    fn a_session_started_from_the_portal_ends_with_its_last_part() {
        let both = Token::new(Kind::Clientless).start_client();
        let client = both.without(Part::Portal).expect("the client is still open");
        assert_eq!(client.without(Part::Client), None);
        let portal = both.without(Part::Client).expect("the portal is still open");
        assert_eq!(portal.without(Part::Portal), None);
        assert_eq!(client.start_client(), client, "the portal has ended");
    }
}
