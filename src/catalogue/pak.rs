//! Tables of the PAK guide.
use super::Entry;
pub(super) const ENTRIES: &[Entry] = &[];
