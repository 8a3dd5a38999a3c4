//! Storage: the file of a unit, the file of the authority that issues its keys, and the books of a
//! unit's part in a shared licence.
//!
//! # Format
//!
//! A file is a redb database with one table of three rows: what it is the file of, the version of
//! its format, and one record in JSON. A change is one transaction that replaces the record, so
//! whoever opens the file finds the record before the change or the one after it.
//!
//! *Why one record.* Keys, timers, configuration and failover ledger change together, they are some
//! kilobytes, and a file that holds them as one value has no states in between. *Why JSON.* The
//! record says what its parts are, so that a file of a newer version is told as such, and a person
//! can read what was stored; a compact coding would save nothing that matters here. What a key
//! grants is not stored: the keys are, and they are verified again with the unit's secret.
//!
//! The books of a shared licence have a row a participant instead, because each grant changes one
//! of many.
//!
//! # What is never done
//!
//! A file is looked at in a copy in memory, where a damaged one can do no harm (redb panics at some
//! damage, which is caught and means the same as its errors); redb opens the file
//! itself only to write into it, after the copy was found sound. A file that is corrupt, foreign or
//! newer is refused and left as it is. While a process has the file open, no other one has.
//!
//! # The secrets of a group
//!
//! The primary's file has the secret of every unit of its group. What a key grants is in the key
//! alone, sealed with the secret of its unit, so without it the mate's licences could not be read
//! again; to store them in the clear would make whoever can write the file a vendor.
//!
//! # Time
//!
//! [`Device::catch_up`] lets the time since the last record pass: on one boot of the machine what
//! its uptime says, whatever was done to the system clock; on a later one the machine was off in
//! between. What ran after the last record before a loss of power is lost to the countdown, which
//! is why `tollgate device run` writes one at least every [`MOST_LOST`]. No timer is ever put back:
//! a record is replaced by one that time has passed for.

mod authority;
#[cfg(feature = "shared-pool")]
mod books;
mod device;
mod file;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod mark;
mod moment;
mod quiet;
mod record;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use authority::Office;
#[cfg(feature = "shared-pool")]
pub use books::{Books, Kept};
pub use device::{Device, Member, Occurrence};
pub use file::{File, Stored};
pub use mark::Mark;
pub use moment::Moment;
pub use record::DeviceRecord;

use crate::license::ring::RestoreError;

/// The most countdown that a loss of power may cost while `tollgate device run` runs.
pub const MOST_LOST: Duration = Duration::from_secs(60);

/// The version of the format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// Why a file was not read or not written. It is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no file `{}`; create it with `tollgate {create}`", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What creates such a file.
        create: &'static str,
    },
    /// There is a file already.
    #[error("`{}` is there already and is not overwritten; choose another name", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it open.
    #[error("`{}` is in use by another process; try again when it has ended", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is something else.
    #[error("`{}` is no file of tollgate's; it was left as it is", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is the other kind of file.
    #[error("`{}` is the file of {found}, not of {wanted}", .path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is the file of.
        found: String,
        /// What was asked for.
        wanted: &'static str,
    },
    /// It was written by a later version of this software.
    #[error(
        "`{}` has format {format}, and this software knows up to {FORMAT}; upgrade it",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// It is damaged.
    #[error(
        "`{}` is damaged ({why}); it was left as it is, restore it from a copy",
        .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Its keys are not those of its unit.
    #[error("`{}`: {error}", .path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        error: Box<RestoreError>,
    },
    /// The system refused.
    #[error("`{}`: {error}", .path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The machine does not tell how long it has been up.
    #[error("the machine does not tell how long it has been up: {0}")]
    NoUptime(#[source] io::Error),
}
