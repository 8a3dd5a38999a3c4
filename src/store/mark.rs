//! What tells one state of a unit's file from another without reading it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// A file as it stands: who runs beside it looks at this to know when to read it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    inode: u64,
    length: u64,
    modified: SystemTime,
}

impl Mark {
    /// The mark of `path`, which is one call of the system; none where it cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let (inode, length) = (metadata.ino(), metadata.len());
        Some(Self { inode, length, modified: metadata.modified().ok()? })
    }
}
