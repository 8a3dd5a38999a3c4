//! The atomic loops around the word: everything that a share cannot decide.
//!
//! # Algorithm
//!
//! The phases of the [counter](super). Changing the limit is one swap of the word, in the middle
//! of a change of `version`, so that reports know which limit a word was made with.
//!
//! # Invariants
//!
//! C5 to C8 of the [counter](super), and: while `version` is even, `limit` is the one that the
//! word was made with.
//!
//! # Orderings
//!
//! | operation | ordering | partner | what it publishes |
//! |---|---|---|---|
//! | load the word | Acquire | swap (Release) | the doors, limits and holders behind it |
//! | swap the word | both | load and swap (Acquire) | the same |
//! | heavy fence | | light fence of `Cell::add` | C3 |
//! | come to visit | Acquire | leave (Release) | the eras that were begun |
//! | `set_limit`: store `version`, `limit` | Release | `Limits::begin` (Acquire) | earlier steps |
//!
//! Both: Acquire and Release.
//!
//! # Progress
//!
//! As the [counter](super)'s.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::cell::{Cell, Hand};
use super::word::{Ask, MOST, Phase, Sizes, Word};
use crate::sync::{Atomic, AtomicU64, CachePadded, Fence, Mutex, Ordering};

/// What changes seldom and everyone reads.
#[derive(Debug)]
struct Limits {
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
    fn begin(&self) -> Option<(u64, i64)> {
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
    word: CachePadded<Atomic<Word>>,
    limits: CachePadded<Limits>,
    /// Written where a release leaves a height that was not reached before, so rarely.
    peak: CachePadded<AtomicU64>,
    /// The threads that may act on what they read of an epoch some time ago (C7).
    visitors: CachePadded<AtomicU64>,
    cells: Arc<[CachePadded<Cell>]>,
    vacant: Mutex<BinaryHeap<Reverse<usize>>>,
    publishing: Mutex<()>,
    sizes: Sizes,
    fence: Fence,
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

/// The time in which a thread may act on an epoch that it has read.
struct Visit<'a> {
    visitors: &'a AtomicU64,
    /// Whether nobody else was inside when it began, and it has not begun an era yet.
    alone: bool,
}

impl Visit<'_> {
    /// Whether this visitor may begin an era: once, and only who was alone (C7).
    const fn may_begin_era(&mut self) -> bool {
        std::mem::replace(&mut self.alone, false)
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // Release: partner is the Acquire in `visit`. loom: an_epoch_that_wraps_is_not_mistaken
        self.visitors.fetch_sub(1, Ordering::Release);
    }
}

impl Central {
    pub(super) fn new(limit: u64, cells: usize, sizes: Sizes, fence: Fence) -> Self {
        let limit = limit.min(MOST);
        Self {
            word: CachePadded::new(Atomic::new(Word::all_free(limit))),
            limits: CachePadded::new(Limits {
                limit: AtomicU64::new(limit),
                version: AtomicU64::new(0),
                claimed: AtomicU64::new(0),
                begin_at: AtomicU64::new(sizes.begin_at(0).cast_unsigned()),
            }),
            peak: CachePadded::new(AtomicU64::new(0)),
            visitors: CachePadded::new(AtomicU64::new(0)),
            cells: (0..cells).map(|_| CachePadded::new(Cell::new())).collect(),
            vacant: Mutex::new((0..cells).map(Reverse).collect()),
            publishing: Mutex::new(()),
            sizes,
            fence,
        }
    }

    pub(super) const fn fence(&self) -> Fence {
        self.fence
    }

    pub(super) const fn cells(&self) -> &Arc<[CachePadded<Cell>]> {
        &self.cells
    }

    /// A cell for one owner at a time, with what is in its hand; none where all have owners.
    pub(super) fn claim(&self) -> Option<(usize, Hand)> {
        let mut vacant = self.vacant.lock();
        let Reverse(index) = vacant.pop()?;
        let claimed = self.claimed().max(index as u64 + 1);
        // Relaxed, both: they publish nothing. Who begins an epoch without having seen them gives
        // this cell no share; its owner then ends that epoch.
        self.limits.claimed.store(claimed, Ordering::Relaxed);
        let begin_at = self.sizes.begin_at(claimed).cast_unsigned();
        self.limits.begin_at.store(begin_at, Ordering::Relaxed);
        Some((index, self.cells[index].hand()))
    }

    /// Gives a cell back. What was taken of its share stays counted there.
    pub(super) fn leave(&self, index: usize) {
        if self.has_cell(index) {
            self.vacant.lock().push(Reverse(index));
        }
    }

    /// Whether a handle with this index owns a cell.
    fn has_cell(&self, index: usize) -> bool {
        index < self.cells.len()
    }

    fn claimed(&self) -> u64 {
        self.limits.claimed.load(Ordering::Relaxed)
    }

    /// Whether sharing begins by `word`, as far as this thread knows.
    #[inline]
    fn may_begin(&self, word: Word) -> bool {
        word.free() >= self.limits.begin_at.load(Ordering::Relaxed).cast_signed()
    }

    fn visit(&self) -> Visit<'_> {
        // Acquire: partner is the Release of `Visit::drop`: every era that was begun by somebody
        // who has left is seen. loom: an_epoch_that_wraps_is_not_mistaken
        let alone = self.visitors.fetch_add(1, Ordering::Acquire) == 0;
        Visit { visitors: &self.visitors, alone }
    }

    #[inline]
    fn word(&self) -> Word {
        // Acquire: partner is every change of the word, which is a Release.
        self.word.load(Ordering::Acquire)
    }

    /// The one step that changes the word.
    #[inline]
    fn change(&self, from: Word, to: Word) -> Result<(), Word> {
        // AcqRel, and Acquire where it fails. Release: who sees a word sees the doors and limits
        // that it was made from, and what the holder of a unit that it counts as free did before.
        // Acquire: the mirror image. loom: a_released_unit_hands_over_what_its_holder_wrote,
        // the_peak_is_one_that_was_reached
        let order = (Ordering::AcqRel, Ordering::Acquire);
        self.word.compare_exchange_weak(from, to, order.0, order.1).map(drop)
    }

    /// Whether there is no free unit anywhere: one load.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.word().is_full()
    }

    /// Takes from the word where nothing is shared nor will be; none where the slow path decides.
    #[inline(never)]
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
    pub(super) fn admit(&self, mut hand: Hand, index: usize, ask: Ask) -> (Hand, i64) {
        let mut visit = self.visit();
        loop {
            let word = self.word();
            let cell = self.cell_in(word, index);
            match word.phase() {
                Phase::Exact => {
                    if self.begin(word, Some((ask, self.has_cell(index))), &mut visit) {
                        continue;
                    }
                    match word.take(ask) {
                        None => return (Hand::CLOSED, 0),
                        Some((next, granted)) if self.change(word, next).is_ok() => {
                            return (Hand::CLOSED, granted);
                        }
                        Some(_) => {}
                    }
                }
                Phase::Closing => {
                    if let Some(cell) = cell.filter(|_| hand.is_of(word.epoch())) {
                        cell.settle_own(hand);
                    }
                    self.help(word, Some((ask, self.has_cell(index))), &mut visit);
                }
                Phase::Shared => {
                    let from_share = cell.and_then(|cell| self.add(word, cell, hand, ask.most()));
                    match from_share {
                        Some(Ok(after)) => return (after, ask.most()),
                        Some(Err(kept)) => hand = kept,
                        None => hand = Hand::CLOSED,
                    }
                    // A used-up share ends its epoch, so the next one is larger or the word is as
                    // lean as in Exact. Those without a cell take from the word what is there.
                    let fits = word.take(Ask::all(ask.most().cast_unsigned()));
                    match fits {
                        Some((next, granted)) if !self.has_cell(index) => {
                            if self.change(word, next).is_ok() {
                                return (hand, granted);
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

    /// Gives back where nothing is shared nor will be; none where the slow path decides.
    #[inline(never)]
    pub(super) fn release_exact(&self, units: i64) -> Option<()> {
        let unchanged = self.limits.begin()?;
        let mut word = self.word();
        loop {
            let next = word.give(units);
            // A limit that has changed since only sends the release to the slow path, or lets it
            // pass as any release passes while a limit is being changed.
            if !word.is_exact() || self.may_begin(next) || next.free() > unchanged.1 {
                return None;
            }
            match self.change(word, next) {
                Ok(()) => {
                    self.note_peak(Some(unchanged), word);
                    return Some(());
                }
                Err(seen) => word = seen,
            }
        }
    }

    /// Gives `units` back, to the share of cell `index` or to the word. Whether they were in use:
    /// where the word alone counts, a release of what is not changes nothing.
    #[cold]
    #[inline(never)]
    pub(super) fn release(&self, mut hand: Hand, index: usize, units: i64) -> (Hand, bool) {
        let mut visit = self.visit();
        loop {
            let version = self.limits.begin();
            let word = self.word();
            match (word.phase(), self.cell_in(word, index)) {
                (Phase::Shared, Some(cell)) => {
                    match self.add(word, cell, hand, -units) {
                        Some(Ok(after)) => return (after, true),
                        Some(Err(kept)) => hand = kept,
                        // The epoch ends for this cell: the word will say what comes next.
                        None => hand = Hand::CLOSED,
                    }
                }
                (phase, _) => {
                    if phase == Phase::Exact && self.is_excess(word, version, units) {
                        return (Hand::CLOSED, false);
                    }
                    let next = word.give(units);
                    if self.change(word, next).is_ok() {
                        self.note_peak(version, word);
                        if phase == Phase::Exact {
                            self.begin(next, None, &mut visit);
                        }
                        return (Hand::CLOSED, true);
                    }
                }
            }
        }
    }

    /// Whether `units` that the owner added while its door was closed are counted.
    #[cold]
    pub(super) fn resolve(&self, hand: Hand, index: usize, units: i64) -> bool {
        self.cells.get(index).is_some_and(|cell| cell.resolve(hand, units))
    }

    /// The cell of `index`, where it holds a share in the epoch of `word`.
    fn cell_in(&self, word: Word, index: usize) -> Option<&Cell> {
        let cell = self.cells.get(index).filter(|_| (index as u64) < word.cells());
        cell.map(|cell| &**cell)
    }

    fn begin_at(&self, word: Word) -> i64 {
        self.sizes.begin_at(self.claimed().max(word.cells()))
    }

    /// Adds to a share, opening it first where its owner has not in this epoch. The hand that is
    /// left where the share does not suffice; none where the epoch is over for the cell.
    fn add(&self, word: Word, cell: &Cell, hand: Hand, units: i64) -> Option<Result<Hand, Hand>> {
        let mut hand = if hand.is_of(word.epoch()) { hand } else { cell.open(word, self.sizes)? };
        if !hand.has(units) {
            return Some(Err(hand));
        }
        match cell.add(&hand, units, self.fence) {
            Some(taken) => {
                hand.keep(taken);
                Some(Ok(hand))
            }
            None if cell.resolve(hand, units) => Some(Ok(Hand::CLOSED)),
            None => None,
        }
    }

    /// Begins an epoch from a `word` in which nothing is shared and enough is free; whether the
    /// word is to be read again.
    fn begin(&self, word: Word, ask: Option<(Ask, bool)>, visit: &mut Visit<'_>) -> bool {
        if word.free() < self.begin_at(word) {
            return false;
        }
        let version = self.limits.begin();
        let Some(next) = self.share_out(word, ask, visit) else { return false };
        if self.change(word, next).is_ok() {
            self.note_peak(version, word);
        }
        true
    }

    fn share_out(
        &self,
        word: Word,
        ask: Option<(Ask, bool)>,
        visit: &mut Visit<'_>,
    ) -> Option<Word> {
        let next = word.share_out(self.claimed(), self.sizes, ask)?;
        (!self.sizes.begins_era(next.epoch()) || visit.may_begin_era()).then_some(next)
    }

    /// Takes all shares of the epoch of `word` back, together with whoever else does. When it
    /// returns, that epoch is over.
    fn help(&self, word: Word, ask: Option<(Ask, bool)>, visit: &mut Visit<'_>) {
        let Some(returned) = self.take_back(word) else { return };
        let mut now = self.word();
        while (now.phase(), now.epoch()) == (Phase::Closing, word.epoch()) {
            let version = self.limits.begin();
            let settled = now.settle(returned);
            let next = self.share_out(settled, ask, visit).unwrap_or(settled);
            // Won: the epoch is over. Lost: a helper has ended it with the same units, or the word
            // has gained or lost some, and its new value decides.
            // loom: two_helpers_close_at_once
            match self.change(now, next) {
                Ok(()) => return self.note_peak(version, settled),
                Err(seen) => now = seen,
            }
        }
    }

    /// Closes and settles every cell: the units that are left in their shares. None where the
    /// epoch is over.
    fn take_back(&self, word: Word) -> Option<i64> {
        let cells = self.cells.get(..usize::try_from(word.cells()).ok()?)?;
        let mut unsettled = false;
        for cell in cells {
            unsettled |= cell.shut(word.epoch(), self.sizes)?;
        }
        if unsettled && !self.owners_settle(cells, word.epoch()) {
            // Partner: the light fence of `Cell::add`, between its store and its look at the door
            // (C3). Every helper passes its own: another one's may have been before a store that
            // this one must see. loom: nothing_is_admitted_beyond_the_new_limit_after_set_limit,
            // two_helpers_close_at_once
            self.fence.heavy();
        }
        let mut returned = 0;
        for cell in cells {
            returned += word.share() - cell.settle(word.epoch())?;
        }
        Some(returned)
    }

    /// Gives the owners a moment to settle their cells themselves, as those do that are admitting
    /// just now: what another processor notices in some nanoseconds costs some microseconds to
    /// interrupt it for. The moment is bounded: nobody is waited for.
    fn owners_settle(&self, cells: &[CachePadded<Cell>], epoch: u64) -> bool {
        let mut patience = self.sizes.patience;
        cells.iter().all(|cell| {
            while patience > 0 && cell.is_closing(epoch) {
                patience -= 1;
                std::hint::spin_loop();
            }
            patience > 0
        })
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
        // Release, in all of these: partner is an Acquire in `Limits::begin`, or of the word. Who
        // sees a step sees every step before it. loom: the_peak_is_one_that_was_reached,
        // a_release_while_the_limit_changes_is_not_excess
        self.limits.version.store(version + 1, Ordering::Release);
        self.limits.limit.store(limit, Ordering::Release);
        let mut visit = self.visit();
        let mut word = self.word();
        let changed = loop {
            let next = word.change(limit.cast_signed() - old.cast_signed());
            match self.change(word, next) {
                Ok(()) => break next,
                Err(seen) => word = seen,
            }
        };
        self.limits.version.store(version + 2, Ordering::Release);
        if changed.phase() == Phase::Closing {
            // Until then a worker may take from a share that the new limit does not cover.
            self.help(changed, None, &mut visit);
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
    fn note_peak(&self, version: Option<(u64, i64)>, word: Word) {
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

    /// The units that are left in the shares of the epoch of `word`, as far as can be seen.
    fn shared(&self, word: Word) -> i64 {
        let cells = (0_u64..).zip(self.cells.iter()).take_while(|(i, _)| *i < word.cells());
        cells.map(|(_, cell)| word.share() - cell.seen(word.epoch())).sum()
    }
}
