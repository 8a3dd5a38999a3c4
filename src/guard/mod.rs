//! The inline guard: new connections of a Linux machine wait for the gate's answer.
//!
//! ```text
//! FORWARD -> NFQUEUE 0..n -> Clerk: Booth -> Gate      one thread a queue, accept or drop
//! conntrack -> events, dumps -> Keeper: Booth -> Gate  one thread, releases
//! ```
//!
//! A [`Booth`] is the gate with the connections that hold its units. Each queue's thread asks it
//! for every packet that opens a connection; one more thread, the caller's of [`run()`], hears from
//! conntrack what began and ended, compares the booth with conntrack's table from time to time,
//! and puts licences in force. What is told to an operator goes to a callback as a [`Notice`].
//!
//! What decides is [`flow`], [`booth`] and [`keeper`], which do no input or output of their own;
//! [`netlink`] is the kernel's side, and [`mod@run`] brings them together.
//!
//! # What is enforced
//!
//! Firewall connections, and on models that limit them inside hosts. VPN, TLS proxy and voice
//! sessions are not packets that are forwarded: they begin in the program that terminates them,
//! which asks a gate itself, and VLANs and contexts are limits of configuration.

mod booth;
mod due;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod keeper;
mod netlink;
mod notice;
mod queue;
mod reserve;
mod rules;
mod run;
mod scope;

pub use booth::{Answer, Booth, Clerk, Found, Line, Settings};
pub use flow::{Dump, End, Flow, GRACE, Key, Millis, Swept, Units};
pub use keeper::{Identity, Keeper, Tally};
pub use netlink::{Entry, Event};
pub use notice::{Notice, Packets, Refused, Status};
pub use reserve::{RESERVES, Reserve, ReserveError};
pub use rules::{RuleError, Rules};
#[doc(hidden)]
pub use run::accept_everything;
pub use run::{Config, Ended, GuardError, Licensed, Signals, run};
pub use scope::Scope;
