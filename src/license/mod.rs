//! The rules of licensing: what is in force on one unit, and why.

mod limit;

pub use limit::{Allowance, Kind, Limit, LimitSet, UnknownKind};
