//! The state of one TCP connection, as far as a connection table follows it.

use super::clock::SECOND;
use super::packet::Segment;

/// How long a connection may be idle before its handshake is complete.
///
/// Source of the four: the defaults of the ASA's `timeout` and `set connection timeout` commands.
pub const EMBRYONIC_IDLE: u64 = 30 * SECOND;
/// How long an established connection may be idle.
pub const ESTABLISHED_IDLE: u64 = 60 * 60 * SECOND;
/// How long a connection may be idle after one side has sent everything.
pub const HALF_CLOSED_IDLE: u64 = 10 * 60 * SECOND;

/// Which end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Initiator = 0,
    Responder = 1,
}

impl End {
    const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// What a segment does to its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It goes on.
    Continue,
    /// It goes on, and carries encrypted voice signalling, as had not been seen before.
    EncryptedVoice,
    /// It is over.
    Close,
    /// It is over, and the segment opens another one between the same ends.
    Reopen,
}

/// A connection that a SYN has opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// The sequence number of the SYN.
    initial: u32,
    established: bool,
    /// By end: the sequence number after its FIN, once it was sent.
    fin: [Option<u32>; 2],
    /// By end: whether the other one has acknowledged its FIN.
    fin_acknowledged: [bool; 2],
    encrypted_voice: bool,
}

impl Connection {
    /// The connection that `syn` opens.
    pub(super) const fn opened_by(syn: &Segment) -> Self {
        Self {
            initial: syn.sequence,
            established: false,
            fin: [None; 2],
            fin_acknowledged: [false; 2],
            encrypted_voice: false,
        }
    }

    /// Takes a segment that `from` has sent.
    pub(super) fn take(&mut self, from: End, segment: &Segment) -> Step {
        if segment.has(Segment::RST) {
            return Step::Close;
        }
        if segment.opens() {
            return if self.is_repeated(from, segment) { Step::Continue } else { Step::Reopen };
        }
        if segment.has(Segment::ACK) {
            self.acknowledge(from, segment);
        }
        if segment.has(Segment::FIN) {
            self.fin[from as usize] = Some(segment.end());
        }
        if self.fin_acknowledged == [true; 2] {
            Step::Close
        } else if segment.encrypted_voice && !self.encrypted_voice {
            self.encrypted_voice = true;
            Step::EncryptedVoice
        } else {
            Step::Continue
        }
    }

    /// How long the connection may be idle now.
    pub(super) fn idle(&self) -> u64 {
        if self.fin != [None; 2] {
            HALF_CLOSED_IDLE
        } else if self.established {
            ESTABLISHED_IDLE
        } else {
            EMBRYONIC_IDLE
        }
    }

    /// Whether a SYN belongs to this connection: sent once more, or sent by both ends at once
    /// (RFC 9293, section 3.5). Any other SYN shows that its sender has forgotten the connection.
    fn is_repeated(&self, from: End, syn: &Segment) -> bool {
        match from {
            End::Initiator => syn.sequence == self.initial,
            End::Responder => !self.established && self.fin == [None; 2],
        }
    }

    fn acknowledge(&mut self, from: End, segment: &Segment) {
        // An initiator acknowledges only when the responder has answered, whether or not the
        // capture saw the answer.
        if from == End::Initiator && !segment.has(Segment::SYN) {
            self.established = true;
        }
        let other = from.other() as usize;
        if let Some(end) = self.fin[other] {
            let reached = segment.acknowledgement.wrapping_sub(end).cast_signed() >= 0;
            self.fin_acknowledged[other] |= reached;
        }
    }
}
