//! The atomic loops around the word: everything that a share cannot decide.
//!
//! # Algorithm
//!
//! The phases of the [counter](super). In Exact an admission is one load and one swap, a release
//! one addition: what else a release may bring with it (a peak, a new epoch, the finding that
//! nothing was in use) is looked for in the word that it found. Changing the limit is one swap of
//! the word, in the middle of a change of `version`, so that reports know which limit a word was
//! made with.
//!
//! # Invariants
//!
//! C6 and C8 of the [counter](super), and: while `version` is even, `limit` is the one that the
//! word was made with.
//!
//! # Orderings
//!
//! | operation | ordering | partner | what it publishes |
//! |---|---|---|---|
//! | load the word | Acquire | swap (Release) | the doors, limits and holders behind it |
//! | swap the word, or add to it | both | load and swap (Acquire) | the same |
//! | `set_limit`: store `version`, `limit` | Release | `Limits::begin` (Acquire) | earlier steps |
//!
//! Both: Acquire and Release.
//!
//! # Progress
//!
//! As the [counter](super)'s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::cell::{Cell, Hand, Miss, Totals};
use super::word::{Ask, MOST, MOST_ADDED, MOST_CELLS, Phase, Sizes, Word};
use crate::sync::{AtomicU64, CachePadded, Fence, Mutex, Ordering};

/// The index of a handle that owns no cell.
pub(super) const NO_CELL: usize = usize::MAX;

/// What changes seldom and everyone reads.
#[derive(Debug)]
pub(super) struct Limits {
    limit: AtomicU64,
    /// Odd while the limit is being changed.
    version: AtomicU64,
    /// How many cells ever had an owner: who has none yet needs no share.
    claimed: AtomicU64,
    /// How many units must be free for sharing to begin among them.
    begin_at: AtomicU64,
}

impl Limits {
    /// The limit, unless it is being changed; and what [`still`](Self::still) wants to know.
    #[inline]
    pub(super) fn begin(&self) -> Option<(u64, i64)> {
        // Acquire, both: partner is the Release stores of `set_limit`, each of which follows the
        // ones before it.
        let version = self.version.load(Ordering::Acquire);
        let limit = self.limit.load(Ordering::Acquire).cast_signed();
        version.is_multiple_of(2).then_some((version, limit))
    }

    /// Whether the limit has not changed since [`begin`](Self::begin), nor the word with it.
    fn still(&self, version: u64) -> bool {
        // Relaxed: behind an Acquire of the word. Who has seen the word of a later limit has seen
        // the version that came before it. loom: the_peak_is_one_that_was_reached
        self.version.load(Ordering::Relaxed) == version
    }
}

/// One counter, without the handles on it.
#[derive(Debug)]
pub(super) struct Central {
    word: CachePadded<AtomicU64>,
    pub(super) limits: CachePadded<Limits>,
    /// Written where a release leaves a height that was not reached before, so rarely.
    peak: CachePadded<AtomicU64>,
    /// The threads that may act on what they read of an epoch some time ago (C7).
    pub(super) visitors: CachePadded<AtomicU64>,
    /// The cells, and a last line that counts for all who own none.
    lines: Box<[CachePadded<Cell>]>,
    vacant: Mutex<BinaryHeap<Reverse<usize>>>,
    publishing: Mutex<()>,
    pub(super) sizes: Sizes,
    pub(super) fence: Fence,
}

/// Where what was asked for has come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taken {
    /// All of it from the share, where it is counted.
    FromShare,
    /// So many units from the word; none is a refusal.
    FromWord(i64),
}

/// Units that were given back to the word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    unchanged: Option<(u64, i64)>,
    before: Word,
    units: i64,
}

impl Given {
    pub(super) const fn units(&self) -> i64 {
        self.units
    }
}

/// A moment of a counter, for reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) limit: u64,
    /// Negative is debt.
    pub(crate) free: i64,
    pub(crate) peak: u64,
}

impl Moment {
    /// Units in use; negative where more were given back than admitted.
    pub(crate) const fn held(&self) -> i64 {
        self.limit.cast_signed() - self.free
    }
}

impl Central {
    pub(super) fn new(limit: u64, cells: usize, sizes: Sizes, fence: Fence) -> Self {
        let limit = limit.min(MOST);
        let cells = cells.min(MOST_CELLS);
        Self {
            word: CachePadded::new(AtomicU64::new(Word::all_free(limit).bits())),
            limits: CachePadded::new(Limits {
                limit: AtomicU64::new(limit),
                version: AtomicU64::new(0),
                claimed: AtomicU64::new(0),
                begin_at: AtomicU64::new(sizes.begin_at(0).cast_unsigned()),
            }),
            peak: CachePadded::new(AtomicU64::new(0)),
            visitors: CachePadded::new(AtomicU64::new(0)),
            lines: (0..=cells).map(|_| CachePadded::new(Cell::new())).collect(),
            vacant: Mutex::new((0..cells).map(Reverse).collect()),
            publishing: Mutex::new(()),
            sizes,
            fence,
        }
    }

    pub(super) const fn fence(&self) -> Fence {
        self.fence
    }

    /// The line of a handle: its own cell, or that of all who have none.
    pub(super) fn line(&self, index: usize) -> &Cell {
        self.lines.get(index).unwrap_or(&self.lines[self.cells().len()])
    }

    pub(super) fn cells(&self) -> &[CachePadded<Cell>] {
        &self.lines[..self.lines.len() - 1]
    }

    /// What was counted by all, ever.
    pub(super) fn totals(&self) -> Totals {
        self.lines.iter().map(|cell| cell.totals()).fold(Totals::default(), |sum, line| Totals {
            admitted: sum.admitted.wrapping_add(line.admitted),
            released: sum.released.wrapping_add(line.released),
            refused: sum.refused.wrapping_add(line.refused),
        })
    }

    /// A cell for one owner at a time; where all have owners, the line of those who own none.
    pub(super) fn claim(&self) -> usize {
        let mut vacant = self.vacant.lock();
        let Some(Reverse(index)) = vacant.pop() else { return NO_CELL };
        let claimed = self.claimed().max(index as u64 + 1);
        // Relaxed, both: they publish nothing. Who begins an epoch without having seen them gives
        // this cell no share; its owner then ends that epoch.
        self.limits.claimed.store(claimed, Ordering::Relaxed);
        let begin_at = self.sizes.begin_at(claimed).cast_unsigned();
        self.limits.begin_at.store(begin_at, Ordering::Relaxed);
        index
    }

    /// Gives a cell back. What was taken of its share stays counted there.
    pub(super) fn leave(&self, index: usize) {
        if index != NO_CELL {
            self.vacant.lock().push(Reverse(index));
        }
    }

    pub(super) fn claimed(&self) -> u64 {
        self.limits.claimed.load(Ordering::Relaxed)
    }

    /// Whether sharing begins by `word`, as far as this thread knows.
    #[inline]
    fn may_begin(&self, word: Word) -> bool {
        word.free() >= self.limits.begin_at.load(Ordering::Relaxed).cast_signed()
    }

    #[inline]
    pub(super) fn word(&self) -> Word {
        // Acquire: partner is every change of the word, which is a Release.
        Word::from_bits(self.word.load(Ordering::Acquire))
    }

    /// The one step that changes the word.
    #[inline]
    pub(super) fn change(&self, from: Word, to: Word) -> Result<(), Word> {
        // AcqRel, and Acquire where it fails. Release: who sees a word sees the doors and limits
        // that it was made from, and what the holder of a unit that it counts as free did before.
        // Acquire: the mirror image. loom: a_released_unit_hands_over_what_its_holder_wrote,
        // the_peak_is_one_that_was_reached
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let changed = self.word.compare_exchange_weak(from.bits(), to.bits(), order.0, order.1);
        changed.map(drop).map_err(Word::from_bits)
    }

    /// Whether there is no free unit anywhere: one load.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.word().is_full()
    }

    /// Takes from the word where nothing is shared nor will be; none where the slow path decides.
    #[inline]
    pub(super) fn admit_exact(&self, ask: Ask) -> Option<i64> {
        let mut word = self.word();
        loop {
            if !word.is_exact() || self.may_begin(word) {
                return None;
            }
            let Some((next, granted)) = word.take(ask) else { return Some(0) };
            match self.change(word, next) {
                Ok(()) => return Some(granted),
                Err(seen) => word = seen,
            }
        }
    }

    /// Takes what is asked for, from the share of cell `index` or from the word.
    #[cold]
    #[inline(never)]
    pub(super) fn admit(&self, mut hand: Hand, index: usize, ask: Ask) -> (Hand, Taken) {
        let mut visit = self.visit();
        let has_cell = index != NO_CELL;
        loop {
            let word = self.word();
            let cell = self.cell_in(word, index);
            match word.phase() {
                Phase::Exact => {
                    if self.begin(word, Some((ask, has_cell)), &mut visit) {
                        continue;
                    }
                    match word.take(ask) {
                        None => return (Hand::CLOSED, Taken::FromWord(0)),
                        Some((next, granted)) if self.change(word, next).is_ok() => {
                            return (Hand::CLOSED, Taken::FromWord(granted));
                        }
                        Some(_) => {}
                    }
                }
                Phase::Closing => {
                    if let Some(cell) = cell.filter(|cell| cell.is_open_in(word.epoch())) {
                        cell.settle_own();
                    }
                    self.help(word, Some((ask, has_cell)), &mut visit);
                }
                Phase::Shared => {
                    match cell.and_then(|cell| self.take_share(word, cell, hand, ask.most())) {
                        Some((after, true)) => return (after, Taken::FromShare),
                        Some((kept, false)) => hand = kept,
                        // The epoch ends for this cell: the word will say what comes next.
                        None => hand = Hand::CLOSED,
                    }
                    // A used-up share ends its epoch, so the next one is larger or the word is as
                    // lean as in Exact. Those without a cell take from the word what is there.
                    let fits = word.take(Ask::all(ask.most().cast_unsigned()));
                    match fits {
                        Some((next, granted)) if !has_cell => {
                            if self.change(word, next).is_ok() {
                                return (hand, Taken::FromWord(granted));
                            }
                        }
                        _ => {
                            let _ = self.change(word, word.close());
                        }
                    }
                }
            }
        }
    }

    /// Gives `units` back to the word: in any phase that is right, and in Exact it is all there is
    /// to do. Otherwise what [`after_release`](Self::after_release) wants to know.
    #[inline]
    pub(super) fn release(&self, units: i64) -> Result<(), Given> {
        let unchanged = self.limits.begin();
        let before = self.give(units);
        if unchanged.is_some_and(|(_, limit)| self.is_plain_release(before, units, limit)) {
            return Ok(());
        }
        Err(Given { unchanged, before, units })
    }

    /// Adds to the free units of the word; the word before.
    #[inline]
    fn give(&self, units: i64) -> Word {
        if units <= MOST_ADDED {
            // AcqRel: as in `change`. loom: a_released_unit_hands_over_what_its_holder_wrote
            return Word::from_bits(self.word.fetch_add(Word::added(units), Ordering::AcqRel));
        }
        let mut word = self.word();
        while let Err(seen) = self.change(word, word.give(units)) {
            word = seen;
        }
        word
    }

    /// Whether a release from `before` was in use, made no peak known and begins nothing, for all
    /// that can be told without looking twice.
    #[inline]
    fn is_plain_release(&self, before: Word, units: i64, limit: i64) -> bool {
        let free = before.free();
        // Relaxed: as in `note_peak` and `may_begin`.
        let peak = self.peak.load(Ordering::Relaxed).cast_signed();
        let begin_at = self.limits.begin_at.load(Ordering::Relaxed).cast_signed();
        // Nothing overflows: three terms of 36 bits.
        let after = free + units;
        before.is_exact() && after <= limit && limit - free <= peak && after < begin_at
    }

    /// What a release brings with it, for a handle whose cell is closed: what it has in hand next,
    /// and whether the units were in use. Where the word alone counts, a release of what was not in
    /// use is undone.
    #[cold]
    #[inline(never)]
    pub(super) fn after_release(&self, index: usize, given: Given) -> (Hand, bool) {
        let Given { unchanged, before, units } = given;
        let mut visit = self.visit();
        if before.is_exact() && self.is_excess(before, unchanged, units) {
            let undone = self.shift(-units);
            self.finish(undone, &mut visit);
            return (Hand::CLOSED, false);
        }
        self.note_peak(unchanged, before);
        let word = self.word();
        let hand = match (word.phase(), self.cell_in(word, index)) {
            (Phase::Shared, Some(cell)) => cell.open(word, self.sizes, self.fence),
            (Phase::Exact, _) => {
                self.begin(word, None, &mut visit);
                None
            }
            _ => None,
        };
        (hand.unwrap_or(Hand::CLOSED), true)
    }

    /// The cell of `index`, where it holds a share in the epoch of `word`.
    fn cell_in(&self, word: Word, index: usize) -> Option<&Cell> {
        (index != NO_CELL && (index as u64) < word.cells()).then(|| self.line(index))
    }

    /// Takes from a share, opening it first where its owner has not in this epoch: what is in hand
    /// then, and whether the share sufficed. None where the epoch is over for the cell.
    fn take_share(&self, word: Word, cell: &Cell, hand: Hand, units: i64) -> Option<(Hand, bool)> {
        let is_open = hand.is_open() && cell.is_open_in(word.epoch());
        let hand = if is_open { hand } else { cell.open(word, self.sizes, self.fence)? };
        match cell.admit(units, hand) {
            Ok(()) => Some((hand, true)),
            Err(Miss::Short) => Some((hand, false)),
            Err(Miss::Shut) => self.resolve_taken(cell, hand, units).map(|hand| (hand, true)),
        }
    }

    /// Whether `units` that the owner took without seeing an open door are counted: what is in hand
    /// then. Else they are not, and the cell is closed.
    pub(super) fn resolve_taken(&self, cell: &Cell, hand: Hand, units: i64) -> Option<Hand> {
        let counted = cell.resolve(units);
        if !counted {
            cell.count_admitted(-units);
        }
        counted.then_some(self.kept(hand))
    }

    /// What is in hand after units that were counted although the door was not seen open: behind a
    /// light fence it is closed then, behind a full one it may be guarded.
    pub(super) fn kept(&self, hand: Hand) -> Hand {
        if self.fence == Fence::Full { hand } else { Hand::CLOSED }
    }

    /// Changes the limit. When it returns, nothing is admitted beyond the new one.
    pub(super) fn set_limit(&self, limit: u64) {
        let limit = limit.min(MOST);
        let _one_at_a_time = self.publishing.lock();
        // Relaxed: only publishers write these two, and the lock orders them.
        let old = self.limits.limit.load(Ordering::Relaxed);
        let version = self.limits.version.load(Ordering::Relaxed);
        if limit == old {
            return;
        }
        // What is released while the limit changes leaves no peak: note it now.
        self.note_peak(self.limits.begin(), self.word());
        // Release, in all of these: partner is an Acquire in `Limits::begin`, or of the word. Who
        // sees a step sees every step before it. loom: the_peak_is_one_that_was_reached,
        // a_release_while_the_limit_changes_is_not_excess
        self.limits.version.store(version + 1, Ordering::Release);
        self.limits.limit.store(limit, Ordering::Release);
        let mut visit = self.visit();
        let changed = self.shift(limit.cast_signed() - old.cast_signed());
        self.limits.version.store(version + 2, Ordering::Release);
        self.finish(changed, &mut visit);
    }

    /// Moves what is free by `units`; the word after. Shares that it does not cover are closing.
    fn shift(&self, units: i64) -> Word {
        let mut word = self.word();
        loop {
            let next = word.change(units);
            match self.change(word, next) {
                Ok(()) => return next,
                Err(seen) => word = seen,
            }
        }
    }

    /// Whether `units` were not in use when `word` was read, for certain. Never while the limit is
    /// being changed.
    fn is_excess(&self, word: Word, version: Option<(u64, i64)>, units: i64) -> bool {
        version.is_some_and(|(version, limit)| {
            word.free().saturating_add(units) > limit && self.limits.still(version)
        })
    }

    /// Raises the peak to what was in use by `word`, in which nothing is shared, where the limit
    /// did not change meanwhile.
    #[inline]
    pub(super) fn note_peak(&self, version: Option<(u64, i64)>, word: Word) {
        let Some((version, limit)) = version.filter(|_| word.is_exact()) else { return };
        let used = limit.saturating_sub(word.free()).max(0).cast_unsigned();
        // Relaxed, both: the peak is a figure of its own, it publishes nothing.
        if used > self.peak.load(Ordering::Relaxed) && self.limits.still(version) {
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
    }

    /// What is in use now. Exact while nothing is admitted or released.
    pub(super) fn moment(&self) -> Moment {
        let _no_publishing = self.publishing.lock();
        let _visit = self.visit();
        let limit = self.limits.limit.load(Ordering::Relaxed);
        let mut word = self.word();
        loop {
            let shared = if word.is_exact() { 0 } else { self.shared(word) };
            let seen = self.word();
            if seen == word {
                let free = word.free() + shared;
                let used = limit.cast_signed().saturating_sub(free).max(0).cast_unsigned();
                // Relaxed: as in `note_peak`.
                let peak = self.peak.fetch_max(used, Ordering::Relaxed).max(used);
                return Moment { limit, free, peak };
            }
            word = seen;
        }
    }
}
