//! What happens in a capture that asks the gate for something, or gives it back.

use super::ike::IkeVersion;
use super::packet::FiveTuple;

/// A flow's place in its tracker: one flow has it from its opening to its closing.
pub type FlowId = u32;

/// One thing that happened, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its place among all events of a capture.
    pub order: Order,
    /// What happened.
    pub action: Action,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// A flow opened: a firewall connection.
    Open(FlowId, FiveTuple),
    /// It closed.
    Close(FlowId),
    /// A flow turned out to carry encrypted voice signalling; once a flow, over when it closes.
    EncryptedVoice(FlowId, FiveTuple),
    /// A VLAN id was seen for the first time.
    Vlan(u16),
    /// An IKE session was seen for the first time, in a packet from the first address to the
    /// second.
    Ike(IkeVersion, FiveTuple),
}

/// A place in the order of events: time first, then frames, then what a frame does.
///
/// The order is total and does not depend on how flows are spread over trackers: idle times that
/// end at the same instant go by the frame that opened the flow, and before the packets of that
/// instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Order {
    /// Nanoseconds since the first frame.
    pub at: u64,
    /// The frame, from 1; 0 at the end of an idle time.
    pub frame: u64,
    /// Which of several at one frame, or which flow's idle time.
    rank: u64,
}

/// The order of what one frame does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rank {
    /// The VLAN of the tag at this place.
    Vlan(u8),
    Close,
    Open,
    Ike,
    EncryptedVoice,
}

impl Order {
    /// The place of what `frame` does, captured at `at`.
    pub(super) fn packet(at: u64, frame: u64, rank: Rank) -> Self {
        let rank = match rank {
            Rank::Vlan(tag) => u64::from(tag),
            Rank::Close => 0x100,
            Rank::Open => 0x101,
            Rank::Ike => 0x102,
            Rank::EncryptedVoice => 0x103,
        };
        Self { at, frame, rank }
    }

    /// The place of the end, at `at`, of the idle time of the flow that frame `opened` opened.
    pub(super) const fn expiry(at: u64, opened: u64) -> Self {
        Self { at, frame: 0, rank: opened }
    }
}
