//! Lock-free admission control that enforces licensed limits on a firewall's data plane.
//!
//! A firewall model and its licences allow so many concurrent connections, VPN sessions, TLS proxy
//! and SRTP sessions, VLANs, interfaces, security contexts and inside hosts. Tollgate knows how
//! many, for the 34 model × tier rows of the two licensing guides of the Cisco ASA family; computes
//! what is in force on one unit, with the reason for every figure; and admits and releases under
//! all of these limits, exactly, from as many packet threads as there are.
//!
//! ```
//! use tollgate::{Gate, Kind, RunningLicense, Unit, catalogue};
//!
//! // Control plane: the unit, what is in force on it, and why.
//! let unit = Unit::new(catalogue::find("ASA 5505", None, None)?);
//! let gate = Gate::new(RunningLicense::of(&unit));
//!
//! // Data plane: one worker a packet thread, eight bytes a flow.
//! let mut worker = gate.worker();
//! match worker.admit(Kind::Connection) {
//!     Ok(token) => worker.release(token),
//!     Err(refusal) => println!("{refusal}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rooms
//!
//! | room | what it is | may use |
//! |---|---|---|
//! | [`catalogue`] | every model and tier of both guides, as data | nothing |
//! | [`license`] | the rules: what is in force, and why (keys: `license-keys`) | `catalogue` |
//! | [`gate`] | the data plane: admit, release, publish, audit | `license`, atomics |
//! | `capture` | packet captures to flows to the gate (feature `capture`) | the rooms above |
//! | `guard` | new connections of Linux, inline (feature `guard`) | `capture`, `gate`, atomics |
//! | `measure` | the limit counter beside others (feature `bench`) | `gate`, atomics |
//! | `pool` | shared licensing without a network (feature `shared-pool`) | `catalogue`, `license` |
//! | `store` | the files of a unit and of the authority (feature `store`) | `license`, `pool` |
//! | `net` | frames between the units that share licences (feature `net`) | `license` |
//! | `serve` | shared licensing as it runs (feature `serve`) | `gate`, `net`, `pool`, `store` |
//! | `cli` | the command line (feature `cli`) | everything |
//! | `capi` | the C interface (feature `capi`) | `gate`, `store` |
//!
//! Without default features only the first three are built.
//!
//! # Consistency
//!
//! * A limit is never exceeded, and nothing is refused while there is room, under any interleaving
//!   of admissions, releases and publications. What was in use when a limit was lowered stays.
//! * An admission that takes units of several limits takes all or none, in one atomic step. An
//!   attempt that is refused changes nothing, so it never makes another one fail.
//! * When [`Gate::publish`] has returned, nothing is admitted beyond the new limits. It changes the
//!   limits group by group: while it runs, some limits are new and some old.
//! * What a thread did before it released a unit happens before whatever the thread does that is
//!   admitted to it next.
//! * [`Gate::usages`] and [`Gate::audit`] read limit by limit. They are exact at rest; under
//!   traffic each figure was true at some instant of the call, not all at the same one.
//!
//! # Limitations
//!
//! * A [`Token`] is plain data. A release build notices that one is given back twice only where
//!   nothing of its kind is in use; a debug build notices always.
//! * Inside hosts (ASA 5505) are counted in a map with locks, so connections on that model are not
//!   lock-free. A token tells 1,048,575 hosts apart; more than that are refused.
//! * An unlimited limit counts to the most that its word holds: 17,179,869,183 connections,
//!   9.2 × 10¹⁸ SRTP sessions, 2,147,483,647 interfaces. Four limits in one word hold 32,767 each,
//!   which is more than any figure of the guides.
//! * The peak of connections is what was in use when somebody looked or shares were settled, and
//!   never misses that the limit was reached; [`Gate::with_exact_peaks`] notes every one, and
//!   costs a word that all workers write.
//! * The default and the largest TLS proxy limit of a model, and what it adds for IME, stand in
//!   neither guide. Those of the older models are from the field and unverified; every one can be
//!   set.
//! * What loom does not cover is told in `src/sync.rs`.

pub mod catalogue;
pub mod gate;
pub mod license;

#[cfg(feature = "capi")]
pub mod capi;
#[cfg(feature = "capture")]
pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(all(feature = "guard", target_os = "linux"))]
pub mod guard;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod measure;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "shared-pool")]
pub mod pool;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "store")]
pub mod store;

mod sync;

/// The samples of `docs/embedding.md` compile, and do what they say.
#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
mod embedding {}

pub use gate::{Gate, Permit, Refusal, Token, Usage, Worker};
pub use license::{Allowance, Kind, Limit, RunningLicense, Unit};
