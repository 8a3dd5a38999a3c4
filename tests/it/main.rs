//! The integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod books;
mod catalogue;
mod command;
mod coverage;
mod downgrade;
mod explain;
mod failover;
mod failover_model;
mod gate;
mod handover;
mod keys;
mod license;
mod models;
mod net;
mod operator;
mod replay;
mod ring;
mod ring_model;
mod ring_state;
mod scenarios;
mod shared;
mod sim;
mod sim_model;
mod store;
mod store_kill;
mod store_run;
mod tidy;
mod walk;
