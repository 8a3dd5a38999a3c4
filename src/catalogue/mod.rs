//! What each firewall model offers: every model × tier row of the two licensing guides.
//!
//! The figures are data, one [`Entry`] per model and tier, each with the guide and the table it
//! was read from. Nothing here decides anything: which licence is in force is computed in
//! [`license`](crate::license).
//!
//! Source: “Managing Feature Licenses” (Version 9.1), Tables 5-1 to 5-15, and “Licenses: Product
//! Authorization Key Licensing”, section “Licenses Per Model”.

mod feature;
mod history;
mod lookup;
mod model;
mod pak;
mod row;
#[cfg(test)]
mod tests;
mod v91;
mod value;

pub use feature::{Feature, UnknownFeature};
pub use history::{
    Change, Release, ReleaseError, SmallerLimit, changes, introduced, smaller_limits,
};
pub use lookup::{LookupError, find, parse_entry};
pub use model::{Entry, Guide, Model, Row, Table, Term, Tier};
pub use value::{Encryption, Failover, InterfaceSpeed, Offer, UnknownValue, Value};

/// Every model and tier of both guides, in the guides' order.
///
/// ```
/// use tollgate::catalogue;
/// assert_eq!(catalogue::entries().count(), 34);
/// ```
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    v91::ENTRIES.iter().chain(pak::ENTRIES)
}
