//! The rules of licensing: what is in force on one unit, and why.
//!
//! With the feature `license-keys`, `key` reads and issues activation keys, `ring` keeps those of
//! one unit with their timers, and `failover` combines the units of a pair or a cluster.
//!
//! [`Unit`] is what is installed and configured; [`RunningLicense`] is what is in force, computed
//! from it in two steps that stay apart because later rules stand between them:
//!
//! 1. *licensed*: each row of the model's table, replaced by the permanent licence for it, combined
//!    with the active time-based one and cut to the platform's largest value; in a pair or a
//!    cluster the units' rows together;
//! 2. *in force*: incompatible licences are put out, No Payload Encryption disables what it must,
//!    and the limits that no table gives (the ASA 5505's total, the TLS proxy limit, SRTP, …) are
//!    derived.
//!
//! Pure: no clock, no input or output, no threads. Every [`Figure`] keeps its provenance.
//!
//! Source: groups A to F and H of the rules (cited by number where a rule is applied).

mod combine;
#[cfg(feature = "license-keys")]
pub mod failover;
mod figure;
#[cfg(feature = "license-keys")]
pub mod key;
mod limit;
#[cfg(feature = "license-keys")]
pub mod ring;
mod rule;
mod running;
mod secret;
mod settings;
mod tls;
mod unit;
mod vpn;

pub use figure::{Figure, Origin, Source, Step};
pub use limit::{Allowance, Kind, Limit, LimitSet, UnknownKind};
pub use rule::{Rule, Setting};
pub use running::{GroupMode, HostRule, RunningLicense};
pub use secret::{SECRET_MAX, SECRET_MIN, SecretError, check_secret};
pub use unit::{Configuration, ContextMode, Export, FirewallMode, Unit, UnitError};
