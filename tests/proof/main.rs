//! Proof on real threads: recorded histories have a sequential explanation, and nothing is lost
//! however long traffic runs.
//!
//! The usual run takes seconds. The long set is ignored there:
//!
//! ```text
//! cargo test --release --test proof -- --ignored --nocapture
//! ```

mod counters;
mod gates;
mod handover;
mod history;
#[path = "../../src/sim/network/random.rs"]
#[expect(dead_code, unreachable_pub, reason = "the simulation draws in more ways")]
mod random;
mod soak;

/// How often something is repeated: as often as told, and a little under an interpreter.
const fn times(often: u64) -> u64 {
    if cfg!(miri) && often > 10 { 10 } else { often }
}
