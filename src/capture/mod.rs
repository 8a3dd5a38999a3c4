//! Packet captures against the gate: what a firewall with a given licence would have admitted, and
//! which licence would have refused nothing.

mod clock;
mod desk;
mod event;
mod fault;
mod file;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod ike;
mod link;
mod packet;
mod pcap;
mod pcapng;
mod replay;
mod sightings;
mod size;
mod source;
mod table;
mod tcp;
#[cfg(test)]
mod testing;
mod zones;

pub use clock::{Clock, REORDER_MAX, SECOND, STEP_MAX};
pub use desk::{Desk, FirstRefusal, LimitReport, Who};
pub use event::{Action, Event, FlowId, Order};
pub use fault::{Fault, FaultKind};
pub use file::{BLOCK_MAX, Frame, INTERFACES_MAX, PACKET_MAX, Reader};
pub use flow::{FLOWS_MAX, ICMP_IDLE, Tracker, UDP_IDLE};
pub use ike::{Ike, IkeVersion};
pub use link::{LinkType, Tags};
pub use packet::{Content, FiveTuple, Packet, Segment, SkipReason, parse};
pub use replay::{Replay, Sink, Skipped, Traffic};
pub use sightings::IKE_SESSIONS_MAX;
pub use size::{Demand, Fit, Headroom, Need, Sizing};
pub use tcp::{EMBRYONIC_IDLE, ESTABLISHED_IDLE, HALF_CLOSED_IDLE};
pub use zones::Zones;
