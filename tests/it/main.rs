//! The integration tests, in one binary.

mod gate;
mod license;
mod tidy;
