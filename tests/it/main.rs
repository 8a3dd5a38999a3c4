//! The integration tests, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod catalogue;
mod command;
mod explain;
mod gate;
mod license;
mod models;
mod replay;
mod tidy;
