//! The kernel's side: packets that wait for a verdict, and what conntrack says, over netlink.
//!
//! The few messages that are needed are read and written here. Of the crates for netlink, none does
//! all three of what throughput and bookkeeping need: verdicts in batches, many packets a system
//! call, and conntrack's entries with their ids; what is left of their use is a loop over
//! attributes. The sockets are those of `netlink-sys`, many packets a call come by `nix`.
//!
//! Nothing here trusts a length that it reads: a message that is cut off or contradicts itself is
//! none.

mod conntrack;
mod packet;
mod socket;
mod wire;

pub use conntrack::{Entry, Event};
pub(super) use packet::Queued;
pub(super) use socket::{Buffers, Events, Queue, QueueOptions, Received, Table};

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzz;
#[cfg(test)]
mod tests;
