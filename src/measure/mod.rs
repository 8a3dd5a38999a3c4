//! Measuring the limit counter beside other ways to count: the same loops for everyone.
//!
//! A [`Contestant`] counts units for several threads, each with a [`Handle`] of its own. A [`Case`]
//! is one loop over handles, generic, so that each contestant gets it compiled for itself.
//! [`compare`] lets the contestants take turns and gives the median of each.
//!
//! # What a figure is
//!
//! Nanoseconds an operation *of each thread*: the time that the slowest thread took, divided by the
//! operations that each of them did. Threads that do not disturb each other therefore show the same
//! figure for any number of them. What one operation is, [`Case::operation`] says.
//!
//! A round in which other work on the machine had a processor for more than a twentieth of the time
//! is run again, up to five times in all, and what is still disturbed then is told: threads that
//! wait do not meet, which makes what they share look cheap.
//!
//! Each thread is pinned to a processor, owns its handle (it is moved there by value), and starts
//! when all are there. Making a contestant, filling it and dropping it is not timed.

mod case;
mod contestant;
mod crew;
mod latency;
mod machine;
mod packets;
mod record;
mod rounds;
mod site;
mod word;

pub use case::{Case, Trial};
pub use contestant::{
    Contestant, Floor, Handle, Nobody, Terms, TollgateConnections, TollgateCounter, TollgateVpn,
};
pub use crew::Cores;
pub use latency::{Latency, Publication, admissions, clock, publications};
pub use machine::Machine;
pub use record::{FigureRecord, LatencyRecord};
pub use rounds::{Effort, Entrant, Figure, Sample, compare};
pub use site::Site;
pub use word::SharedWord;
