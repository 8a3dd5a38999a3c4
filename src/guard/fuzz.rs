//! Bodies of fuzz targets.

pub use super::netlink::fuzz::{messages, queued_is_read_back, read_back, verdicts};
