//! Who is at the other end, and how a peer says so.

use std::fmt;

use super::secret::{PROOF_LEN, Proof};
use crate::license::key::{SERIAL_LEN, Serial};

/// The version of what peers say to each other before the first frame.
const VERSION: u8 = 1;

/// What a unit does for the shared licence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Uses sessions of the pool.
    Participant,
    /// A participant that serves while the server is down (G49).
    Backup,
    /// Has the licence and serves it.
    Server,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Participant, Self::Backup, Self::Server];

    /// One byte on the wire and in a proof.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Participant => 1,
            Self::Backup => 2,
            Self::Server => 3,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Participant => "participant",
            Self::Backup => "backup server",
            Self::Server => "server",
        })
    }
}

/// A unit at one end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Peer {
    /// What it does.
    pub role: Role,
    /// Which unit it is.
    pub serial: Serial,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.serial)
    }
}

/// The one message of each side before the first frame: who it is, and the proof.
///
/// | bytes | what |
/// |---|---|
/// | 1 | version, 1 |
/// | 1 | role: 1 participant, 2 backup, 3 server |
/// | 11 | serial number in ASCII |
/// | 32 | proof |
pub(super) struct Hello {
    pub(super) peer: Peer,
    pub(super) proof: Proof,
}

/// The length of a [`Hello`].
pub(super) const HELLO_LEN: usize = 2 + SERIAL_LEN + PROOF_LEN;

impl Hello {
    pub(super) fn encode(&self) -> [u8; HELLO_LEN] {
        let mut bytes = [0; HELLO_LEN];
        bytes[0] = VERSION;
        bytes[1] = self.peer.role.code();
        bytes[2..2 + SERIAL_LEN].copy_from_slice(self.peer.serial.bytes());
        bytes[2 + SERIAL_LEN..].copy_from_slice(&self.proof.0);
        bytes
    }

    /// Nothing where the version, the role or the serial number cannot be.
    pub(super) fn decode(bytes: &[u8; HELLO_LEN]) -> Option<Self> {
        let (&[version, role], rest) = bytes.split_first_chunk::<2>()?;
        let (serial, proof) = rest.split_first_chunk::<SERIAL_LEN>()?;
        let role = Role::ALL.into_iter().find(|known| known.code() == role)?;
        let serial: Serial = str::from_utf8(serial).ok()?.parse().ok()?;
        let proof = Proof(proof.try_into().ok()?);
        (version == VERSION).then_some(Self { peer: Peer { role, serial }, proof })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hello_survives_and_any_other_version_or_role_does_not() {
        for role in Role::ALL {
            let peer = Peer { role, serial: "JMX0912K04J".parse().unwrap() };
            let bytes = Hello { peer, proof: Proof([5; PROOF_LEN]) }.encode();
            let hello = Hello::decode(&bytes).unwrap();
            assert_eq!((hello.peer, hello.proof.0), (peer, [5; PROOF_LEN]));
            for (place, wrong) in [(0, 0), (0, 2), (1, 0), (1, 4), (2, b'-'), (12, 0xc3)] {
                let mut bytes = bytes;
                bytes[place] = wrong;
                assert!(Hello::decode(&bytes).is_none(), "{wrong} at {place}");
            }
        }
    }

    proptest! {
        /// Whatever is read as a hello is written back as the same bytes, but for small letters.
        #[test]
        fn any_bytes(
            bytes in prop::array::uniform32(any::<u8>()),
            start in "[123]{2}[a-zA-Z0-9]{11}",
        ) {
            let mut hello = [0; HELLO_LEN];
            hello[..13].copy_from_slice(start.as_bytes());
            hello[0] -= b'0';
            hello[1] -= b'0';
            hello[13..].copy_from_slice(&bytes);
            let decoded = Hello::decode(&hello);
            prop_assert_eq!(decoded.is_some(), hello[0] == VERSION);
            if let Some(decoded) = decoded {
                hello[2..13].make_ascii_uppercase();
                prop_assert_eq!(decoded.encode(), hello);
            }
        }
    }
}
