//! What a unit that runs is told by whoever runs it.

use crate::license::RunningLicense;
use crate::license::key::Serial;
use crate::pool::Membership;

/// Something that a [`Node`](super::Node) has to do now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Order {
    /// The unit's own licence is this one from now on: it is published at once, with the shared
    /// sessions that are held, and the server hears of it.
    License {
        /// What the unit has without the pool.
        own: Box<RunningLicense>,
        /// What it brings into the pool.
        membership: Membership,
        /// How many sessions its pool has, of a server.
        size: Option<u32>,
    },
    /// The unit is the active one of its failover pair now, after this unit: what that one had of
    /// the pool moves to it (G74).
    TakeOver {
        /// The unit that was active before; this one itself where it was.
        of: Serial,
    },
}
