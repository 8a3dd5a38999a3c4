//! What is done from time to time: statuses, dumps, looks at the licence's file.

use std::path::PathBuf;
use std::time::Duration;

use super::flow::Millis;
use super::run::Config;
use crate::store::Mark;

/// The least time between dumps, in milliseconds, and the least in times of what the last one took:
/// one of 280,000 entries takes a third of a second.
const BETWEEN_DUMPS: Millis = 1_000;
const BETWEEN_LONG_DUMPS: Millis = 10;

/// How often the licence's file is looked at, in milliseconds.
pub(super) const LOOK_MS: Millis = 1_000;

/// When what is next, in milliseconds since the start.
pub(super) struct Due {
    pub(super) status: Option<Millis>,
    pub(super) dump: Millis,
    /// When the last dump began, and how long it took.
    pub(super) dumped: Millis,
    pub(super) dump_took: Millis,
    pub(super) look: Millis,
    /// When something in the licence expires.
    pub(super) licence: Option<Millis>,
    /// When refusals are told one by one again, and how many until then.
    pub(super) refusals: (Millis, u32),
}

impl Due {
    pub(super) fn new(config: &Config, changes_in: Option<Duration>) -> Self {
        Self {
            status: (!config.status.is_zero()).then(|| millis(config.status)),
            dump: millis(config.reconcile),
            dumped: 0,
            dump_took: 0,
            look: LOOK_MS,
            licence: changes_in.map(millis),
            refusals: (0, config.refusals),
        }
    }

    /// A dump is made as soon as may be.
    pub(super) fn dump_soon(&mut self) {
        let between = BETWEEN_DUMPS.max(BETWEEN_LONG_DUMPS * self.dump_took);
        self.dump = self.dump.min(self.dumped + between);
    }
}

pub(super) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// The file that the licence comes from, and what it was like when it was last read.
pub(super) struct Watch {
    path: Option<PathBuf>,
    was: Option<Mark>,
}

impl Watch {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        let was = path.as_deref().and_then(Mark::of);
        Self { path, was }
    }

    /// Whether the file is another one than before.
    pub(super) fn has_changed(&mut self) -> bool {
        let is = self.path.as_deref().and_then(Mark::of);
        let changed = is.is_some() && is != self.was;
        if changed {
            self.was = is;
        }
        changed
    }
}
