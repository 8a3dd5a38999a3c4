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
mod history;
mod random;
mod soak;
