//! Packet captures against the gate: what a firewall with a given licence would have admitted, and
//! which licence would have refused nothing.
//!
//! ```text
//! Reader -> parse -> Tracker -> Sink: Desk -> Gate
//! frames    packets  events     admissions
//! ```
//!
//! [`Replay`] runs these stages and [`Sizing`] measures with them. Each is usable without the next.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use tollgate::capture::{Desk, Reader, Replay, Zones};
//! use tollgate::catalogue;
//! use tollgate::gate::Gate;
//! use tollgate::license::{RunningLicense, Unit};
//!
//! let unit = Unit::new(catalogue::find("ASA 5505", None, None)?);
//! let gate = Gate::with_exact_peaks(RunningLicense::of(&unit));
//! let desk = Desk::new(&gate, Zones::default(), 1);
//! let mut replay = Replay::new(NonZeroUsize::MIN, desk);
//! let file = std::fs::File::open("tests/captures/office.pcap")?;
//! replay.capture(&mut Reader::new(file)?)?;
//! for line in replay.sink().report() {
//!     println!("{}: {} of {}", line.usage.limit, line.usage.peak, line.usage.allowance);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What counts as what
//!
//! | in the capture | kind | until |
//! |---|---|---|
//! | a flow, see [`Tracker`] | connection, with its inside host | it closes, or was idle too long |
//! | a VLAN id in any tag | VLAN | the end |
//! | an IKE session, by its initiator's SPI | site-to-site VPN session | the end |
//! | TLS on port 5061 or 2443 of a connection | encrypted voice session | its connection closes |
//!
//! # Limitations
//!
//! * A capture does not tell where the firewall stands, so everything in it is taken to pass,
//!   broadcast and multicast included. What no firewall forwards as a connection is skipped under
//!   a [`SkipReason`] of its own.
//! * A connection that began before the capture is not counted: its SYN is not there.
//! * How an IKE session ends, and that one replaces another, is encrypted: a session that is
//!   negotiated anew counts once more.
//! * Packets inside a tunnel are not looked at, `PPPoE` sessions excepted.

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
