//! The fast path: one worker's place at a counter.

use std::sync::Arc;

use super::NO_CELL;
use super::cell::{Cell, Hand};
use super::central::Central;
use super::word::Ask;
use crate::sync::{CachePadded, Fence};

/// One worker's place at a [`Counter`](super::Counter).
///
/// It moves to its thread and stays there. While much is free, admission and release write one
/// line that no other worker writes, with plain stores. A seat that is dropped leaves what it
/// counted; its place goes to the next worker.
#[derive(Debug)]
pub struct Seat {
    hand: Hand,
    fence: Fence,
    cells: Arc<[CachePadded<Cell>]>,
    /// Where the owner's cell is; beyond them where all had owners.
    index: usize,
    central: Arc<Central>,
}

impl Seat {
    pub(super) fn new(central: Arc<Central>) -> Self {
        let (index, hand) = central.claim().unwrap_or((NO_CELL, Hand::CLOSED));
        Self { hand, fence: central.fence(), cells: Arc::clone(central.cells()), index, central }
    }

    /// Admits one unit, unless the limit is reached.
    #[inline]
    #[must_use = "a unit that was admitted is in use until it is released"]
    pub fn admit(&mut self) -> bool {
        self.take(Ask::ONE) == 1
    }

    /// Admits `units` at once, or none where not all of them fit.
    ///
    /// ```
    /// # use tollgate::gate::counter::Counter;
    /// let mut seat = Counter::new(10).seat();
    /// assert!(seat.admit_all(8));
    /// assert!(!seat.admit_all(3), "2 are left");
    /// ```
    #[inline]
    #[must_use = "units that were admitted are in use until they are released"]
    pub fn admit_all(&mut self, units: u64) -> bool {
        units == 0 || self.take(Ask::all(units)) > 0
    }

    /// Admits as many of `units` as there is room for, at one instant; how many.
    ///
    /// ```
    /// # use tollgate::gate::counter::Counter;
    /// let mut seat = Counter::new(10).seat();
    /// assert_eq!(seat.admit_up_to(8), 8);
    /// assert_eq!(seat.admit_up_to(8), 2);
    /// ```
    #[inline]
    #[must_use = "units that were admitted are in use until they are released"]
    pub fn admit_up_to(&mut self, units: u64) -> u64 {
        if units == 0 { 0 } else { self.take(Ask::up_to(units)).cast_unsigned() }
    }

    /// Gives back `units` that were admitted on any seat; whether they were in use.
    ///
    /// Give back what was admitted, once: see [`Counter`](super::Counter#what-a-caller-owes).
    #[inline]
    pub fn release(&mut self, units: u64) -> bool {
        let units = Ask::all(units).most();
        if self.hand.is_open() {
            if self.add(-units) {
                return true;
            }
        } else if self.central.release_exact(units).is_some() {
            return true;
        }
        let in_use;
        (self.hand, in_use) = release_slowly(&self.central, self.hand, self.index, units);
        in_use
    }

    // The slow paths take the hand by value and give it back; the others touch its fields one by
    // one, because a copy of the whole just after a store to one field stalls the processor.

    #[inline]
    fn take(&mut self, ask: Ask) -> i64 {
        if self.hand.has(ask.most()) {
            if self.add(ask.most()) {
                return ask.most();
            }
        } else if self.central.is_full() {
            return 0;
        } else if let Some(granted) = self.central.admit_exact(ask) {
            return granted;
        }
        let granted;
        (self.hand, granted) = take_slowly(&self.central, self.hand, self.index, ask);
        granted
    }

    /// Counts on the owner's own cell, with an open hand: only a seat with a cell has one.
    #[inline]
    fn add(&mut self, units: i64) -> bool {
        let cell = self.cells.get(self.index);
        let taken = cell.and_then(|cell| cell.add(&self.hand, units, self.fence));
        taken.is_some_and(|taken| {
            self.hand.keep(taken);
            true
        })
    }
}

/// Takes what is not in the share, or was added to it while the door was closed.
#[cold]
#[inline(never)]
fn take_slowly(central: &Central, hand: Hand, index: usize, ask: Ask) -> (Hand, i64) {
    if !hand.has(ask.most()) {
        return central.admit(hand, index, ask);
    }
    if central.resolve(hand, index, ask.most()) {
        return (Hand::CLOSED, ask.most());
    }
    central.admit(Hand::CLOSED, index, ask)
}

/// Gives back without a share, or what was given to it while the door was closed.
#[cold]
#[inline(never)]
fn release_slowly(central: &Central, hand: Hand, index: usize, units: i64) -> (Hand, bool) {
    if hand.is_open() && central.resolve(hand, index, -units) {
        return (Hand::CLOSED, true);
    }
    central.release(Hand::CLOSED, index, units)
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.central.leave(self.index);
    }
}
