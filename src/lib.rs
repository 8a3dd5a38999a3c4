//! Lock-free admission control that enforces licensed limits on a firewall's data plane.

pub mod catalogue;
pub mod gate;
pub mod license;

#[cfg(feature = "capture")]
pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;

mod sync;
