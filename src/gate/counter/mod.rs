//! A limit counter: exact, and as fast as a plain counter while much is free.
//!
//! One word that all threads change costs a locked instruction for every admission and release,
//! and the line's way between processors where threads meet. Here each worker takes units from a
//! *share* of its own, with plain stores to a line that nobody else writes, and still nothing is
//! admitted beyond the limit and nothing is refused below it.
//!
//! # Algorithm
//!
//! Epoch shares. Relatives: the exact limit counters of perfbook (chapter “Counting”), tcmalloc's
//! per-processor caches and folly's asymmetric fences. What differs: no unit is ever on its way
//! from one holder to another, and taking shares back is helped, so a refusal is exact and no
//! thread waits for another.
//!
//! One [`word`] holds the phase, the epoch, how many cells have a share in it, how large each
//! share is, and the units that are *free* in no share. A [`cell`] a worker holds what it has
//! admitted and given back, which only its owner writes and which tells what it has *taken* of its
//! share in this epoch, and a *door*, which its owner opens and everyone closes.
//!
//! * **Exact**: nothing is shared. Admission is one compare-and-swap of the word, release one
//!   addition to it; a refusal is one load.
//! * **Shared**: begun by one swap of the word, which gives every cell its share at once. A worker
//!   opens its door when it first needs its share in the epoch, then stores what it has admitted
//!   or given back, passes a light fence and looks whether the door is still open. A worker
//!   without a cell takes from the word.
//! * **Closing**: begun by one swap, when a share is used up. Whoever comes by closes every door,
//!   passes a heavy fence, settles every cell at what its owner has taken, and ends the epoch with
//!   one swap that adds up what is left: back to Exact, or to the next epoch's shares.
//!
//! Sharing begins when twice the smallest share is free for each worker, and ends when that much
//! is not left once ([`Layout`] has the figures): in between nothing changes, so a counter that
//! hovers does not begin and end epochs. A share that is used up while much is free ends its epoch
//! for the sake of a new share; only the last units come from the word.
//!
//! # Invariants
//!
//! * **C1** limit = in use + free + Σ (share − taken) over the cells of the epoch, where *taken* is
//!   0 in a cell that was not opened in it and the settled value in one that was settled. Only a
//!   change of the limit or of what is in use changes a side, and both at once.
//! * **C2** In phase Shared the word's free units are not negative, nor is any share less taken:
//!   so nothing is admitted beyond the limit. A limit that is lowered by more than is free in the
//!   word begins Closing in the same swap.
//! * **C3** An owner stores what it moved and then loads its door; a closer closes the door and
//!   then loads what was moved, each with a fence in between. So either the owner sees the door
//!   closed or the closer sees the store. An owner that sees its door open has been counted.
//! * **C4** A cell is settled once an epoch, by whoever swaps its door first, its owner included:
//!   at what the owner had taken before an operation that is under way, or after it. The owner
//!   learns from the settled value which of the two it was, and a door that is skipped in later
//!   epochs keeps that value until its owner opens it again.
//! * **C5** All who close an epoch add up the same units, because settled values stand. One of
//!   them ends it.
//! * **C6** A refusal is decided by one word in phase Exact: then every free unit is in the word.
//! * **C7** Epochs are numbered modulo 8,192 and never mistaken: who acts on an epoch that it has
//!   read is a *visitor* while it does, and the first epoch of an era, every 2,048, is begun only
//!   by a visitor that came when nobody else was inside, once a visit. During one visit therefore
//!   at most one era begins, so fewer than two eras of epochs pass, and the four eras that the
//!   number tells apart suffice. Where an era may not begin the counter stays Exact until one may.
//!   Everything else that changes the word depends on its value alone, at the instant of the swap.
//! * **C8** A peak that is noted was in use at one instant: it is read off a word in phase Exact,
//!   or added up by who ends an epoch.
//!
//! # Orderings
//!
//! In the tables of [`cell`], [`central`] and [`epoch`], with
//! the loom test that fails without each.
//!
//! # Progress
//!
//! Lock-free: an operation is repeated only because another one succeeded, and a thread that is
//! descheduled anywhere holds up nobody: what it has begun is finished by who needs it. A thread
//! that never leaves its visit keeps the counter Exact once its era is over, which is slower and
//! as right. Admission and release on an open share and refusals are wait-free. Nothing on any of
//! these paths allocates; who takes shares back may call the system, once an epoch
//! ([`Fence`]). Claiming a seat, changing the limit and reading usage take locks that no admission
//! takes.

mod cell;
mod central;
mod epoch;
mod seat;
#[cfg(all(test, not(tollgate_loom)))]
mod tests;
mod word;

use std::sync::Arc;

use self::cell::{Hand, Totals};
use self::central::{Central, NO_CELL, Taken};
pub use self::seat::{Burst, Seat};
use self::word::{Ask, MOST, MOST_CELLS, Sizes, giveable};
use crate::sync::Fence;

#[cfg(feature = "capi")]
pub(crate) use self::cell::Miss;
pub(crate) use self::central::Moment;
pub(crate) use self::seat::Place;
#[cfg(feature = "capi")]
pub(crate) use self::seat::Share;

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
/// A unit that was admitted is released once, by whomever. Releases of what is not in use are taken
/// back at once where the limit is small or nearly reached, and [`release`](Self::release) says so;
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
    /// Exact while the limit is small or nearly reached, and there it misses that the limit was
    /// reached only where units are given back while the limit is being changed. While shares are
    /// out it is what was in use when they were settled last or somebody looked: then more may have
    /// been in use for a moment, by no more than was free.
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
    /// How often a closer looks whether owners settle their own cells before it makes them.
    pub patience: u32,
    /// How workers see each other's stores in time.
    pub fence: Fence,
}

impl Layout {
    /// One line of 128 bytes for each of 255 workers.
    const CELLS: usize = if cfg!(tollgate_loom) { 3 } else { MOST_CELLS };

    /// What production uses.
    ///
    /// Two workers that fill a limit of 10,000 took 3.3, 4.0, 2.6 and 2.5 ns an admission with
    /// smallest shares of 512, 256, 128 and 64 (`cargo bench --bench peers -- --shares`). That was
    /// one run on a loaded machine, which points to 128 and does not settle it; each epoch costs a
    /// fence, so smaller is not taken without a gain.
    pub fn production() -> Self {
        Self {
            cells: Self::CELLS,
            smallest_share: 7,
            begin_share: 8,
            epoch_bits: 13,
            patience: 32,
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
            patience: layout.patience,
        };
        Self { central: Arc::new(Central::new(limit, layout.cells, sizes, layout.fence)) }
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
        let Some(units) = giveable(units) else { return false };
        if units == 0 {
            return true;
        }
        let in_use = match self.central.release(units) {
            Ok(()) => true,
            Err(given) => self.central.after_release(NO_CELL, given).1,
        };
        if in_use {
            self.central.line(NO_CELL).count_released_by_many(units);
        }
        in_use
    }

    fn take(&self, ask: Ask) -> i64 {
        let slowly = || match self.central.admit(Hand::CLOSED, NO_CELL, ask) {
            (_, Taken::FromWord(granted)) => granted,
            (_, Taken::FromShare) => ask.most(),
        };
        let granted = self.central.admit_exact(ask).unwrap_or_else(slowly);
        self.central.line(NO_CELL).count_taken_by_many(granted);
        granted
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

    /// What was counted, ever.
    pub(crate) fn totals(&self) -> Totals {
        self.central.totals()
    }

    /// Units admitted less units given back, ever: at rest what is in use, counted independently.
    #[doc(hidden)]
    pub fn counted(&self) -> u64 {
        let totals = self.totals();
        totals.admitted.wrapping_sub(totals.released)
    }

    /// How workers see each other's stores in time.
    pub fn fence(&self) -> Fence {
        self.central.fence()
    }
}
