//! A limit counter: exact, and as fast as a plain counter while much is free.
mod cell;
mod central;
mod seat;
#[cfg(all(test, not(tollgate_loom)))]
mod tests;
mod word;

use std::sync::Arc;

use self::cell::Hand;
use self::central::Central;
pub use self::seat::Seat;
use self::word::{Ask, MOST, MOST_CELLS, Sizes};
use crate::sync::Fence;

pub(crate) use self::central::Moment;

/// Counts units in use under one limit.
///
/// A clone is the same counter. Each thread that admits often takes a [`Seat`]; others ask the
/// counter itself.
///
/// ```
/// use tollgate::gate::counter::Counter;
///
/// let counter = Counter::new(2);
/// let mut seat = counter.seat();
/// assert!(seat.admit() && seat.admit());
/// assert!(!seat.admit(), "2 is all");
/// counter.set_limit(1);
/// seat.release(1);
/// assert!(!seat.admit(), "1 is in use, and 1 is allowed now");
/// assert_eq!(counter.usage().in_use, 1);
/// ```
///
/// # What a caller owes
///
/// A unit that was admitted is released once, by whomever. Releases of what is not in use change
/// nothing where the limit is small or nearly reached, and [`release`](Self::release) says so;
/// while shares are out nobody can tell them from a unit that another worker admitted, and they
/// show as [`Usage::excess`] once they outnumber what is in use.
#[derive(Clone, Debug)]
pub struct Counter {
    central: Arc<Central>,
}

/// A counter at one moment.
///
/// Exact while nothing is admitted or released. Under traffic `in_use` differs from what was in
/// use at any instant of the call by no more than the units that were admitted and released
/// during the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The limit.
    pub limit: u64,
    /// Units in use.
    pub in_use: u64,
    /// The most units that are known to have been in use at once.
    ///
    /// Exact while the limit is small or nearly reached, and there it never misses that the limit
    /// was reached. While shares are out it is what was in use when they were settled last or
    /// somebody looked: then more may have been in use for a moment, by no more than was free.
    pub peak: u64,
    /// Units that were given back and had not been in use, as far as they can be told.
    pub excess: u64,
}

impl Usage {
    /// Units in use beyond the limit: what has to be released before anything is admitted.
    pub const fn debt(&self) -> u64 {
        self.in_use.saturating_sub(self.limit)
    }
}

/// How a counter is laid out. The default is for production, the others are for tests.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Workers that can hold a share; one more counts in the word.
    pub cells: usize,
    /// No share is smaller than 2 to this.
    pub smallest_share: u32,
    /// Sharing begins when as many shares of 2 to this are free as there are workers.
    pub begin_share: u32,
    /// The bits of an epoch, 2 to 13.
    pub epoch_bits: u32,
    /// How workers see each other's stores in time.
    pub fence: Fence,
}

impl Layout {
    /// One line of 128 bytes for each of 128 workers.
    const CELLS: usize = if cfg!(tollgate_loom) { 3 } else { 128 };

    /// What production uses.
    pub fn production() -> Self {
        Self {
            cells: Self::CELLS,
            smallest_share: 9,
            begin_share: 10,
            epoch_bits: 13,
            fence: Fence::best(),
        }
    }
}

impl Counter {
    /// The largest limit. A counter with this limit counts without one that could be reached.
    pub const UNLIMITED: u64 = MOST;

    /// A counter with nothing in use. A limit above [`UNLIMITED`](Self::UNLIMITED) is held at it.
    pub fn new(limit: u64) -> Self {
        Self::with_layout(limit, Layout::production())
    }

    #[doc(hidden)]
    pub fn with_layout(limit: u64, layout: Layout) -> Self {
        let sizes = Sizes {
            smallest: layout.smallest_share,
            begin: layout.begin_share,
            epoch_bits: layout.epoch_bits,
        };
        let cells = layout.cells.min(MOST_CELLS);
        Self { central: Arc::new(Central::new(limit, cells, sizes, layout.fence)) }
    }

    /// A place for one worker.
    pub fn seat(&self) -> Seat {
        Seat::new(Arc::clone(&self.central))
    }

    /// Admits one unit without a seat, unless the limit is reached.
    #[must_use = "a unit that was admitted is in use until it is released"]
    pub fn admit(&self) -> bool {
        self.take(Ask::ONE) == 1
    }

    /// Gives back `units` without a seat, wherever they were admitted; whether they were in use.
    pub fn release(&self, units: u64) -> bool {
        let units = Ask::all(units).most();
        self.central.release_exact(units).is_some()
            || self.central.release(Hand::CLOSED, None, units).1
    }

    fn take(&self, ask: Ask) -> i64 {
        if self.central.is_full() {
            return 0;
        }
        let slowly = || self.central.admit(Hand::CLOSED, None, ask).1;
        self.central.admit_exact(ask).unwrap_or_else(slowly)
    }

    /// Changes the limit while units come and go.
    ///
    /// When it returns, nothing is admitted beyond the new limit. What was admitted before stays;
    /// a limit below use admits nothing until enough has been released.
    pub fn set_limit(&self, limit: u64) {
        self.central.set_limit(limit);
    }

    /// The limit and what is in use.
    pub fn usage(&self) -> Usage {
        let moment = self.moment();
        let held = moment.held();
        Usage {
            limit: moment.limit,
            in_use: held.max(0).cast_unsigned(),
            peak: moment.peak,
            excess: held.min(0).unsigned_abs(),
        }
    }

    pub(crate) fn moment(&self) -> Moment {
        self.central.moment()
    }

    /// How workers see each other's stores in time.
    pub fn fence(&self) -> Fence {
        self.central.fence()
    }
}
