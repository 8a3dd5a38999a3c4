//! Why a connection was refused or ended, and how often each cause was.

use std::fmt;

use parking_lot::Mutex;

/// Writes the enumeration of causes with the words for each.
macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident: $words:literal,)+) => {
        /// Why a connection was refused, an attempt failed or a link ended.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $name,)+
        }

        impl Cause {
            /// Every cause, in the order in which they are declared.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }

        impl fmt::Display for Cause {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$name => $words,)+
                })
            }
        }
    };
}

causes! {
    /// [`Limits::connections`](super::Limits::connections) was reached.
    Full: "the limit of connections is reached",
    /// [`Limits::strangers`](super::Limits::strangers) was reached.
    Crowded: "the limit of connections without a proof is reached",
    /// [`Limits::per_address`](super::Limits::per_address) was reached.
    AddressFull: "the limit of connections from one address is reached",
    /// The address failed more often than [`Limits::failures`](super::Limits::failures) allows.
    Slowed: "too many handshakes from this address failed; it has to wait",
    /// The system had no socket for it.
    NoSocket: "the system accepts no more connections; raise its limit of open files",
    /// What came was no handshake of TLS 1.3, or a wrong one.
    Tls: "no handshake of TLS 1.3",
    /// The handshake was not complete within
    /// [`Limits::handshake_time`](super::Limits::handshake_time).
    Late: "the handshake took too long",
    /// The hello has a version, a role or a serial number that cannot be.
    Hello: "the version or the name that the peer gives itself is not understood",
    /// The proof is wrong: the secrets differ, or somebody stands between the two.
    Proof: "the proof is wrong: another shared secret, or somebody between the two units",
    /// The proof is right, and this listener does not admit such a peer.
    Unknown: "this unit is not admitted in this role",
    /// The server cut the handshake short: a wrong secret, or it has no room.
    TurnedAway: "the server refused: another shared secret, or no room; its log says which",
    /// The server's certificate is not the pinned one.
    Pin: "the server's certificate is not the pinned one",
    /// The server has another serial number than the one expected, or serves nobody.
    WrongServer: "the server is another unit than the one expected",
    /// No connection to the address.
    Unreachable: "no connection",
    /// A frame claims more than [`MAX_FRAME`](super::MAX_FRAME).
    TooLong: "a frame is longer than the limit",
    /// Frames came faster than [`Traffic::frames`](super::Traffic::frames) allows.
    TooFast: "frames came faster than the limit",
    /// Nothing came for [`Limits::idle`](super::Limits::idle).
    Silent: "nothing came for too long",
    /// A frame was not complete within [`Limits::frame_time`](super::Limits::frame_time).
    Unfinished: "a frame was not complete in time",
    /// More frames waited than [`Traffic::queue`](super::Traffic::queue) holds.
    Overflow: "too many frames wait for the peer",
    /// The peer read nothing for [`Limits::write_time`](super::Limits::write_time).
    Stalled: "the peer does not read",
    /// The same unit came again.
    Replaced: "the unit connected again",
    /// The peer ended the connection.
    Closed: "the peer closed the connection",
    /// The connection broke.
    Lost: "the connection broke",
    /// This side ended it.
    Stopped: "closed by this unit",
}

/// How often each [`Cause`] was, since the start.
///
/// ```
/// use tollgate::net::{Cause, Counts};
/// assert_eq!(Counts::default().of(Cause::Proof), 0);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Peers that proved who they are.
    pub up: u64,
    causes: [u64; Cause::ALL.len()],
}

impl Counts {
    /// How often this cause was.
    pub const fn of(&self, cause: Cause) -> u64 {
        self.causes[cause as usize]
    }

    /// The causes that were, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, u64)> {
        let counted = Cause::ALL.iter().map(|cause| (*cause, self.of(*cause)));
        counted.filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entry(&"up", &self.up).entries(self.iter()).finish()
    }
}

/// Counts, as they are written. No packet passes here, so a lock is as good as anything.
#[derive(Default)]
pub(super) struct Tally(Mutex<Counts>);

impl Tally {
    pub(super) fn up(&self) {
        self.0.lock().up += 1;
    }

    pub(super) fn count(&self, cause: Cause) {
        self.0.lock().causes[cause as usize] += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_a_count_of_its_own() {
        let tally = Tally::default();
        for (times, cause) in (1..).zip(Cause::ALL) {
            (0..times).for_each(|_| tally.count(*cause));
        }
        let counts = tally.counts();
        let all: Vec<_> = Cause::ALL.iter().copied().zip(1..).collect();
        assert_eq!(counts.iter().collect::<Vec<_>>(), all);
    }
}
