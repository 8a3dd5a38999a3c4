//! The C interface: its header, its calls, and the program in `examples/c`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod example;
mod header;
