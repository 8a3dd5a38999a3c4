//! A worker's share: what it has taken of it, and the door that others close.
//!
//! # Algorithm
//!
//! The owner's half of the [counter](super): store, fence, look. The closers' half: shut, fence,
//! settle. A cell keeps two running totals, what its owners have admitted and what they have given
//! back: each operation stores to one of them, so an admission does not wait for the store of the
//! release before it, and the totals are the worker's statistics as well. What is *taken* of the
//! share is by how much they have moved apart since the door was opened.
//!
//! # Invariants
//!
//! C3 and C4 of the [counter](super). While the door is open or closing its owner has at most one
//! operation under way, and that moves one total: whichever of its two values a closer reads, what
//! it adds up was true before the operation or after it. What an owner does behind a door that it
//! knows is closed moves the totals as well: so nobody knows it before the cell is settled, and who
//! comes to a cell that is closing settles it first. Of the door's changes only opening is the
//! owner's alone:
//!
//! ```text
//! unused, settled, skipped ─ open ─▶ open ─ shut ─▶ closing ─ settle ─▶ settled
//!                  │                   └──────── settle_own ─────────────▶┘
//!                  └─ shut ─▶ skipped
//! ```
//!
//! # Orderings
//!
//! | operation | ordering | partner | what it publishes |
//! |---|---|---|---|
//! | `release`: store `released` | Release | `taken`: load (Acquire) | what its holder did before |
//! | `admit`, `release`: light fence | | heavy fence before `settle` | C3 |
//! | `open`: store `base` | Release | `taken`: load (Acquire) | the word of its epoch |
//! | `open`: swap the door | both | `shut`: swap (Acquire) | `base` |
//! | `shut`: swap the door | both | `open`: swap (Acquire) | that the epoch closes |
//! | `settle`: swap the door | both | `settle`: load (Acquire) | what the releaser did, settled |
//!
//! Both: Acquire and Release.
//!
//! # Progress
//!
//! `admit`, `release` and `open` are wait-free. The others repeat only when another thread has
//! changed the door, which happens at most four times an epoch.

use super::word::{Door, DoorState, Sizes, Word};
use crate::sync::{Atomic, AtomicU64, Fence, Ordering};

/// One worker's line. C's inline half knows where its fields are: see [`Share`](super::Share).
#[derive(Debug)]
#[repr(C)]
pub(super) struct Cell {
    /// Units that its owners have admitted, ever. Only the present owner writes it.
    admitted: AtomicU64,
    /// Units that its owners have given back, ever, wherever they were admitted.
    released: AtomicU64,
    /// `admitted` less `released` when the door was opened last.
    base: AtomicU64,
    /// Operations of its owners that were refused, ever.
    refused: AtomicU64,
    /// Only the owner opens it; everyone closes it.
    door: Atomic<Door>,
}

#[cfg(all(feature = "capi", not(tollgate_loom)))]
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(Cell, admitted) == 0 && offset_of!(Cell, released) == 8);
    assert!(offset_of!(Cell, door) == 32 && DoorState::Open as u64 == 0);
    assert!(super::word::DOOR_STATE_BITS == 3);
};

/// What was counted, in units, and how many operations were refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) admitted: u64,
    pub(crate) released: u64,
    pub(crate) refused: u64,
}

/// What the owner knows of its cell without looking: what `admitted` less `released` may reach.
/// Below everything while the door is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hand(i64);

/// Why an operation has not been counted in the cell, as far as its owner knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Miss {
    /// The share does not suffice, or the door is closed. Nothing was stored.
    Short,
    /// The door was closed meanwhile: [`Cell::resolve`] tells whether it is counted.
    Shut,
}

/// Tells the compiler that what leads here is rare.
#[cold]
#[inline]
const fn unlikely() {}

impl Hand {
    pub(super) const CLOSED: Self = Self(i64::MIN);

    /// The most that `admitted` less `released` may be, for C's inline half.
    #[cfg(feature = "capi")]
    pub(super) const fn most(self) -> i64 {
        self.0
    }

    /// Whether the cell is open as far as its owner knows.
    #[inline]
    pub(super) const fn is_open(self) -> bool {
        self.0 != Self::CLOSED.0
    }
}

impl Cell {
    pub(super) fn new() -> Self {
        Self {
            admitted: AtomicU64::new(0),
            released: AtomicU64::new(0),
            base: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            door: Atomic::new(Door::UNUSED),
        }
    }

    /// What a new owner has in hand. The caller follows the owner before it.
    pub(super) fn hand(&self) -> Hand {
        // Acquire: partner is the Release of the closers. A door that is closed later is seen by
        // `admit` or `release`.
        let door = self.door.load(Ordering::Acquire);
        if door.is_open() {
            return Hand(self.base().wrapping_add(door.value()));
        }
        // Settled before anything is given back here: a closer that has not read the totals yet
        // would add it to the share. loom: a_worker_that_comes_during_a_close_gives_back_once
        self.settle_at(self.taken_by_owner());
        Hand::CLOSED
    }

    fn base(&self) -> i64 {
        // Acquire: partner is the Release of `open`: a report that reads the base of a later epoch
        // sees that the word has changed. loom: usage_does_not_mix_two_epochs
        self.base.load(Ordering::Acquire).cast_signed()
    }

    /// What has been taken since the door was opened.
    #[inline]
    fn taken(&self) -> i64 {
        // Acquire: partner is the Release of `release`. Either the store is seen, and with it all
        // that the releaser did before, or (C3) its owner sees the closed door.
        // loom: a_shared_unit_hands_over_what_its_holder_wrote
        let released = self.released.load(Ordering::Acquire);
        // Relaxed: an admission publishes nothing. The fences make it seen (C3).
        let admitted = self.admitted.load(Ordering::Relaxed);
        admitted.wrapping_sub(released).cast_signed().wrapping_sub(self.base())
    }

    /// Takes `units` of the share, by the owner.
    #[inline]
    pub(super) fn admit(&self, units: i64, hand: Hand) -> Result<(), Miss> {
        // Relaxed, both: only the owner stores them.
        let after = self.admitted.load(Ordering::Relaxed).wrapping_add(units.cast_unsigned());
        let in_use = after.wrapping_sub(self.released.load(Ordering::Relaxed)).cast_signed();
        if in_use > hand.0 {
            unlikely();
            return Err(Miss::Short);
        }
        // Relaxed: it publishes nothing but itself. A plain store: there is one writer.
        self.admitted.store(after, Ordering::Relaxed);
        if self.look() { Ok(()) } else { Err(Miss::Shut) }
    }

    /// Gives `units` back, by the owner: to the share, where the door is open. Where it is not they
    /// are only counted here, which nobody takes for a share, unless
    /// [`resolve`](Self::resolve) finds that it was open just now.
    #[inline]
    pub(super) fn release(&self, units: i64) -> bool {
        let after = self.released.load(Ordering::Relaxed).wrapping_add(units.cast_unsigned());
        // Release: partner is the Acquire of `taken`. A plain store on most machines.
        // loom: a_shared_unit_hands_over_what_its_holder_wrote
        self.released.store(after, Ordering::Release);
        self.look()
    }

    /// Whether the door is open after a store and needs no more than a light fence.
    #[inline]
    fn look(&self) -> bool {
        // Partner: the heavy fence between closing the door and reading the totals. Either the
        // load below sees the door closed, or the closer sees the store above (C3).
        // loom: nothing_is_admitted_beyond_the_new_limit_after_set_limit
        Fence::Asymmetric.light();
        // Relaxed: it only tells whether the door is as its owner left it, open: nobody else opens
        // it. Who finds it closed looks again in `resolve`. The fence keeps it behind the store.
        let open = self.door.load(Ordering::Relaxed).is_unguarded();
        if !open {
            unlikely();
        }
        open
    }

    /// Looks again behind a full fence, where that is how this machine's workers see each other.
    fn is_guarded_and_open(&self) -> bool {
        // Relaxed: as in `look`, and so is the fence's partner.
        // loom: without_membarrier_the_door_is_looked_at_twice
        self.door.load(Ordering::Relaxed).state() == DoorState::Guarded && {
            Fence::Full.light();
            self.door.load(Ordering::Relaxed).state() == DoorState::Guarded
        }
    }

    /// Whether `units` that the owner [admitted](Self::admit), or −`units` that it
    /// [gave back](Self::release), before it did not see an open door are counted: because the door
    /// is open after all, or by who closed it. Settles the cell without them where nobody has yet.
    #[cold]
    pub(super) fn resolve(&self, units: i64) -> bool {
        if self.is_guarded_and_open() {
            return true;
        }
        let after = self.taken_by_owner();
        let before = after.wrapping_sub(units);
        let settled = self.settle_at(before);
        debug_assert!(settled == before || settled == after, "{self:?} and {units}");
        settled == after
    }

    /// What the owner has taken since it opened the door.
    fn taken_by_owner(&self) -> i64 {
        self.in_use_here().wrapping_sub(self.base())
    }

    /// Whether the door is open in `epoch`, for the owner.
    pub(super) fn is_open_in(&self, epoch: u64) -> bool {
        // Relaxed: only the owner opens it.
        let door = self.door.load(Ordering::Relaxed);
        door.is_open() && door.is_of(epoch)
    }

    /// By how much the totals are apart, for the owner.
    fn in_use_here(&self) -> i64 {
        // Relaxed: only the owner stores them.
        let released = self.released.load(Ordering::Relaxed);
        self.admitted.load(Ordering::Relaxed).wrapping_sub(released).cast_signed()
    }

    /// The value that the closed door of the owner's last epoch was settled at: `taken`, unless
    /// somebody was faster.
    fn settle_at(&self, taken: i64) -> i64 {
        // Acquire: partner is the Release of the closers.
        let mut door = self.door.load(Ordering::Acquire);
        while door.state() == DoorState::Closing {
            // AcqRel: Release towards `settle`, which adds the value up; Acquire as the load.
            // Won: the units are not counted, and nobody can count them any more (C4). Lost: a
            // closer has settled the cell. loom: the_owner_is_in_the_middle_of_its_store
            match self.change(door, door.settled(taken)) {
                Ok(()) => return taken,
                Err(seen) => door = seen,
            }
        }
        // The value is the one of this owner's last epoch until it opens the door again: a later
        // epoch skips the cell and keeps it.
        door.value()
    }

    /// Counts `units` that the owner has taken elsewhere, or takes them off. Its door is not open.
    #[inline]
    pub(super) fn count_admitted(&self, units: i64) {
        // Relaxed, all: one writer, and nobody acts on the totals while the door is closed.
        let admitted = self.admitted.load(Ordering::Relaxed);
        self.admitted.store(admitted.wrapping_add(units.cast_unsigned()), Ordering::Relaxed);
    }

    /// Takes `units` off that the owner gave back and that were not in use. Its door is not open.
    #[cold]
    pub(super) fn uncount_released(&self, units: i64) {
        let released = self.released.load(Ordering::Relaxed);
        self.released.store(released.wrapping_sub(units.cast_unsigned()), Ordering::Relaxed);
    }

    /// Counts a refusal, by the owner.
    #[inline]
    pub(super) fn count_refused(&self) {
        let refused = self.refused.load(Ordering::Relaxed);
        self.refused.store(refused.wrapping_add(1), Ordering::Relaxed);
    }

    /// Counts what was taken by somebody without a cell, or refused: on a line that is nobody's.
    pub(super) fn count_taken_by_many(&self, units: i64) {
        // Relaxed, here and below: statistics.
        self.admitted.fetch_add(units.cast_unsigned(), Ordering::Relaxed);
        self.refused.fetch_add(u64::from(units == 0), Ordering::Relaxed);
    }

    /// Counts what was given back by somebody without a cell.
    pub(super) fn count_released_by_many(&self, units: i64) {
        self.released.fetch_add(units.cast_unsigned(), Ordering::Relaxed);
    }

    /// What was counted here, ever.
    pub(super) fn totals(&self) -> Totals {
        // Relaxed: statistics.
        Totals {
            admitted: self.admitted.load(Ordering::Relaxed),
            released: self.released.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Opens the door in the epoch of `word`, unless that epoch has been closed for this cell.
    pub(super) fn open(&self, word: Word, sizes: Sizes, fence: Fence) -> Option<Hand> {
        // Acquire: partner is the Release of the closers.
        let door = self.door.load(Ordering::Acquire);
        if !door.comes_before(word.epoch(), sizes) {
            return None;
        }
        let base = self.in_use_here();
        // Release: see `base`.
        self.base.store(base.cast_unsigned(), Ordering::Release);
        // AcqRel. Won: closers that see the door open see the base. Lost: a closer skipped the
        // cell, and the epoch is over for it.
        // loom: never_over_the_limit_while_shares_are_taken_back
        self.change(door, Door::open(word, fence)).ok()?;
        Some(Hand(base.wrapping_add(word.share())))
    }

    /// Closes the door in `epoch`: whether its owner may have taken something that is not settled.
    ///
    /// None where the cell is past that epoch, so that the caller is late.
    pub(super) fn shut(&self, epoch: u64, sizes: Sizes) -> Option<bool> {
        // Acquire: partner is the Release of `open` and of the closers.
        // A late helper, which finds the cell past the epoch, then finds the word past it as well.
        // loom: a_helper_that_is_late_leaves_the_next_epoch_alone
        let mut door = self.door.load(Ordering::Acquire);
        loop {
            let next = if door.is_of(epoch) && door.is_open() {
                door.closing()
            } else if door.is_of(epoch) {
                return Some(door.state() == DoorState::Closing);
            } else if door.comes_before(epoch, sizes) {
                door.skipped(epoch)
            } else {
                return None;
            };
            // AcqRel: partner is the swap in `open`. Won: the owner sees it, or is seen (C3).
            // Lost: it opened the door, or another closer was faster.
            // loom: two_helpers_close_at_once
            match self.change(door, next) {
                Ok(()) => return Some(next.state() == DoorState::Closing),
                Err(seen) => door = seen,
            }
        }
    }

    /// Settles a cell that was [shut](Self::shut) before a heavy fence: the units that its owner
    /// took in `epoch`. None where the cell is past that epoch.
    pub(super) fn settle(&self, epoch: u64) -> Option<i64> {
        // Acquire, here and where the exchange fails: partner is the Release of who settled.
        let mut door = self.door.load(Ordering::Acquire);
        loop {
            if !door.is_of(epoch) {
                return None;
            }
            door = match door.state() {
                DoorState::Settled => return Some(door.value()),
                DoorState::Skipped => return Some(0),
                _ => {
                    let settled = door.settled(self.taken());
                    // AcqRel. Won: the value stands, for the owner and for every helper (C4).
                    // Lost: another value does. loom: two_helpers_close_at_once
                    match self.change(door, settled) {
                        Ok(()) => settled,
                        Err(seen) => seen,
                    }
                }
            };
        }
    }

    /// Whether the cell was shut in `epoch` and nobody has settled it.
    pub(super) fn is_closing(&self, epoch: u64) -> bool {
        // Relaxed: a guess that spares a fence; `settle` looks again.
        let door = self.door.load(Ordering::Relaxed);
        door.is_of(epoch) && door.state() == DoorState::Closing
    }

    /// The owner closes its own door: it knows what it has taken, without a fence.
    pub(super) fn settle_own(&self) {
        let open = self.door.load(Ordering::Relaxed);
        if open.is_open() {
            // AcqRel, as in `settle`. Lost: somebody closes it, and counts the same.
            let _ = self.change(open, open.settled(self.taken_by_owner()));
        }
    }

    /// The units taken in `epoch` as far as can be seen: exact while its owner is at rest.
    pub(super) fn seen(&self, epoch: u64) -> i64 {
        // Acquire: partner is the Release of `open` and of the closers.
        let door = self.door.load(Ordering::Acquire);
        match door.state() {
            _ if !door.is_of(epoch) => 0,
            DoorState::Open | DoorState::Guarded | DoorState::Closing => self.taken(),
            DoorState::Settled => door.value(),
            DoorState::Unused | DoorState::Skipped => 0,
        }
    }

    fn change(&self, from: Door, to: Door) -> Result<(), Door> {
        // The orderings are explained where this is called.
        let order = (Ordering::AcqRel, Ordering::Acquire);
        self.door.compare_exchange(from, to, order.0, order.1).map(drop)
    }
}
