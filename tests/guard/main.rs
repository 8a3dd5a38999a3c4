//! `tollgate guard` with real traffic: inside hosts, a router with the guard, servers outside, each
//! in a network namespace of its own.
//!
//! It needs Linux, root, and the programs that [`site::missing`] looks for. Where something is
//! missing, every test says what, and passes; with `TOLLGATE_GUARD_MUST_RUN=1` it fails instead.
//!
//! ```console
//! # cargo test --test guard
//! # cargo test --release --test guard -- --ignored --nocapture long_run      # 100,000 connections
//! # scripts/guard-bench                                                      # beside connlimit
//! ```
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod limits;
mod long;
mod process;
mod recovery;
mod site;
mod traffic;
