//! Tables of the 9.1 guide.
use super::Entry;
pub(super) const ENTRIES: &[Entry] = &[];
