//! The claims of the gate, each as a test named after it.
//!
//! Under `--cfg tollgate_loom` every interleaving of the scenario is explored, where it is bounded
//! every one with so many preemptions, and with `TOLLGATE_LOOM_DEEPER=1` with one more, which takes
//! many times as long. In a normal build the same scenarios run some thousand times on real threads.
//!
//! ```text
//! RUSTFLAGS="--cfg tollgate_loom" cargo test --profile loom --no-default-features --test loom
//! ```

mod counter;
mod explore;
mod gate;
mod hosts;
mod publish;
