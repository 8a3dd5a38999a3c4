//! Epochs: how shares are given out and taken back.
//!
//! # Algorithm
//!
//! An epoch begins with one swap of the word. It ends when every cell has been shut, a heavy fence
//! has been passed, every cell has been settled, and one swap has added up what was left, by
//! whoever of the helpers is first.
//!
//! # Invariants
//!
//! C4, C5 and C7 of the [counter](super).
//!
//! # Orderings
//!
//! | operation | ordering | partner | what it publishes |
//! |---|---|---|---|
//! | heavy fence | | light fence of an owner's operation | C3 |
//! | come to visit | Acquire | leave (Release) | the eras that were begun |
//!
//! The word's and the doors' are in [`central`](super::central) and [`cell`](super::cell).
//!
//! # Progress
//!
//! As the [counter](super)'s: whoever helps can end the epoch alone.

use super::cell::Cell;
use super::central::Central;
use super::word::{Ask, Phase, Word};
use crate::sync::{AtomicU64, CachePadded, Ordering};

/// The time in which a thread may act on an epoch that it has read.
pub(super) struct Visit<'a> {
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
        // Release: partner is the Acquire in `visit`.
        self.visitors.fetch_sub(1, Ordering::Release);
    }
}

impl Central {
    pub(super) fn visit(&self) -> Visit<'_> {
        // Acquire: partner is the Release of `Visit::drop`: every era that was begun by somebody
        // who has left is seen. No loom test fails without: loom keeps an atomic's last seven
        // stores, and a word that could be mistaken is older. That eras are begun by visitors who
        // were alone, and once, has one: an_epoch_that_wraps_is_not_mistaken
        let alone = self.visitors.fetch_add(1, Ordering::Acquire) == 0;
        Visit { visitors: &self.visitors, alone }
    }

    fn begin_at(&self, word: Word) -> i64 {
        self.sizes.begin_at(self.claimed().max(word.cells()))
    }

    /// Begins an epoch from a `word` in which nothing is shared and enough is free; whether the
    /// word is to be read again.
    pub(super) fn begin(
        &self,
        word: Word,
        ask: Option<(Ask, bool)>,
        visit: &mut Visit<'_>,
    ) -> bool {
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
    pub(super) fn help(&self, word: Word, ask: Option<(Ask, bool)>, visit: &mut Visit<'_>) {
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
        let cells = self.cells().get(..usize::try_from(word.cells()).ok()?)?;
        let mut unsettled = false;
        for cell in cells {
            unsettled |= cell.shut(word.epoch(), self.sizes)?;
        }
        if unsettled && !self.owners_settle(cells, word.epoch()) {
            // Partner: the light fence of `Cell::look`, between its store and its look at the door
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

    /// Ends the epoch of `word` where it is closing: until then a worker may take from a share that
    /// is not covered.
    pub(super) fn finish(&self, word: Word, visit: &mut Visit<'_>) {
        if word.phase() == Phase::Closing {
            self.help(word, None, visit);
        }
    }

    /// The units that are left in the shares of the epoch of `word`, as far as can be seen.
    pub(super) fn shared(&self, word: Word) -> i64 {
        let cells = (0_u64..).zip(self.cells()).take_while(|(i, _)| *i < word.cells());
        cells.map(|(_, cell)| word.share() - cell.seen(word.epoch())).sum()
    }
}
