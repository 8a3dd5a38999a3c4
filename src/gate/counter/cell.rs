//! A worker's share: what it has taken of it, and the door that others close.
//!
//! # Algorithm
//!
//! The owner's half of the [counter](super): store, fence, look. The closers' half: shut, fence,
//! settle.
//!
//! # Invariants
//!
//! C3 and C4 of the [counter](super). Of the door's changes only opening is the owner's alone:
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
//! | `add`: store `taken` | Release | `taken`: load (Acquire) | what the releaser did before |
//! | `add`: light fence | | heavy fence before `settle` | C3 |
//! | `open`: swap the door | both | `shut`: swap (Acquire) | nothing taken yet |
//! | `shut`: swap the door | both | `open`: swap (Acquire) | that the epoch closes |
//! | `settle`: swap the door | both | `settle`: load (Acquire) | what the releaser did, settled |
//!
//! Both: Acquire and Release.
//!
//! # Progress
//!
//! `add` and `open` are wait-free. The others repeat only when another thread has changed the
//! door, which happens at most four times an epoch.

use super::word::{Door, DoorState, Sizes, Word};
use crate::sync::{Atomic, AtomicU64, Fence, Ordering};

/// One worker's line.
#[derive(Debug)]
pub(super) struct Cell {
    /// Units taken from the share in this epoch, a signed number: less than none where more were
    /// given back here than admitted. Only the owner writes it.
    taken: AtomicU64,
    /// Only the owner opens it; everyone closes it.
    door: Atomic<Door>,
}

/// What the owner knows of its cell without looking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hand {
    /// The door as it was opened.
    open: Door,
    /// The share, or 0 while the door is closed.
    share: i64,
    taken: i64,
}

/// What has been taken after an operation that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken(i64);

impl Hand {
    pub(super) const CLOSED: Self = Self { open: Door::UNUSED, share: 0, taken: 0 };

    /// Whether the cell is open as far as its owner knows.
    #[inline]
    pub(super) const fn is_open(&self) -> bool {
        self.share != 0
    }

    /// Whether it was opened in `epoch`.
    pub(super) const fn is_of(self, epoch: u64) -> bool {
        self.is_open() && self.open.epoch() == epoch
    }

    /// Whether `units` are left in the share.
    #[inline]
    pub(super) const fn has(&self, units: i64) -> bool {
        units <= self.share - self.taken
    }

    /// The hand after `add` has counted in the cell.
    #[inline]
    pub(super) const fn keep(&mut self, taken: Taken) {
        self.taken = taken.0;
    }
}

impl Cell {
    pub(super) fn new() -> Self {
        Self { taken: AtomicU64::new(0), door: Atomic::new(Door::UNUSED) }
    }

    /// What a new owner has in hand. The caller follows the owner before it.
    pub(super) fn hand(&self) -> Hand {
        // Acquire: partner is the Release of the closers. A door that was closed is only seen so
        // later, by `add`.
        let open = self.door.load(Ordering::Acquire);
        match open.state() {
            DoorState::Open => Hand { open, share: open.value(), taken: self.taken() },
            _ => Hand::CLOSED,
        }
    }

    #[inline]
    fn taken(&self) -> i64 {
        // Acquire: partner is the Release of `add`. Either the store is seen, and with it all that
        // the releaser did before, or (C3) its owner sees the closed door.
        // loom: a_shared_unit_hands_over_what_its_holder_wrote
        self.taken.load(Ordering::Acquire).cast_signed()
    }

    /// Takes `units` of the share, or gives back −`units`: what the hand is to keep, where the door
    /// was still open when the units were counted.
    ///
    /// Where it was not, nothing has been counted unless [`resolve`](Self::resolve) says so.
    #[inline]
    pub(super) fn add(&self, hand: &Hand, units: i64, fence: Fence) -> Option<Taken> {
        let taken = hand.taken.wrapping_add(units);
        // Release: partner is the Acquire of `taken`. A plain store on most machines: there is one
        // writer. loom: a_shared_unit_hands_over_what_its_holder_wrote
        self.taken.store(taken.cast_unsigned(), Ordering::Release);
        // Partner: the heavy fence between closing the door and reading `taken`. Either the load
        // below sees the door closed, or the closer sees the store above (C3).
        // loom: nothing_is_admitted_beyond_the_new_limit_after_set_limit
        fence.light();
        // Relaxed: it only tells whether the door is as its owner left it; who finds it otherwise
        // looks again in `resolve`. The fence is what keeps it behind the store.
        (self.door.load(Ordering::Relaxed) == hand.open).then_some(Taken(taken))
    }

    /// Whether `units` that were [added](Self::add) to `hand` before it saw the door closed were
    /// counted by who closed it. Settles the cell without them where nobody has yet.
    #[cold]
    pub(super) fn resolve(&self, hand: Hand, units: i64) -> bool {
        // Acquire: partner is the Release of the closers.
        let mut door = self.door.load(Ordering::Acquire);
        while door.state() == DoorState::Closing {
            // AcqRel: Release towards `settled`, which adds the value up; Acquire as the load.
            // Won: the units are not counted, and nobody can count them any more (C4). Lost: a
            // closer has settled the cell. loom: the_owner_is_in_the_middle_of_its_store
            match self.change(door, door.settled(hand.taken)) {
                Ok(()) => return false,
                Err(seen) => door = seen,
            }
        }
        // The value is the one of this owner's last epoch until it opens the door again: a later
        // epoch skips the cell and keeps it.
        let counted = door.value() == hand.taken.wrapping_add(units);
        debug_assert!(counted || door.value() == hand.taken, "{door:?}, {hand:?} and {units}");
        counted
    }

    /// Opens the door in the epoch of `word`, unless that epoch has been closed for this cell.
    pub(super) fn open(&self, word: Word, sizes: Sizes) -> Option<Hand> {
        // Acquire: partner is the Release of the closers.
        let door = self.door.load(Ordering::Acquire);
        if !door.comes_before(word.epoch(), sizes) {
            return None;
        }
        // Relaxed: published by the exchange below; before it nobody reads the value as one of
        // this epoch. loom: never_over_the_limit_while_shares_are_taken_back
        self.taken.store(0, Ordering::Relaxed);
        let open = Door::open(word);
        // AcqRel. Won: closers that see the door open see nothing taken yet, or more. Lost: a
        // closer skipped the cell, and the epoch is over for it.
        // loom: never_over_the_limit_while_shares_are_taken_back
        self.change(door, open).ok()?;
        Some(Hand { open, share: word.share(), taken: 0 })
    }

    /// Closes the door in `epoch`: whether its owner may have taken something that is not settled.
    ///
    /// None where the cell is past that epoch, so that the caller is late.
    pub(super) fn shut(&self, epoch: u64, sizes: Sizes) -> Option<bool> {
        // Acquire: partner is the Release of `open` and of the closers.
        let mut door = self.door.load(Ordering::Acquire);
        loop {
            let next = match door.state() {
                DoorState::Open if door.is_of(epoch) => door.closing(),
                _ if door.is_of(epoch) => return Some(door.state() == DoorState::Closing),
                _ if door.comes_before(epoch, sizes) => door.skipped(epoch),
                _ => return None,
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
    pub(super) fn settle_own(&self, hand: Hand) {
        // AcqRel, as in `settle`. Lost: somebody closes it, and counts the same.
        let _ = self.change(hand.open, hand.open.settled(hand.taken));
    }

    /// The units taken in `epoch` as far as can be seen: exact while its owner is at rest.
    pub(super) fn seen(&self, epoch: u64) -> i64 {
        // Acquire: partner is the Release of `open` and of the closers.
        let door = self.door.load(Ordering::Acquire);
        match door.state() {
            _ if !door.is_of(epoch) => 0,
            DoorState::Open | DoorState::Closing => self.taken(),
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
