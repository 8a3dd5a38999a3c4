//! The fast path: one worker's place at a counter.

use std::sync::Arc;

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
    /// Where the owner's cell is; none where all had owners.
    index: Option<usize>,
    central: Arc<Central>,
}

impl Seat {
    pub(super) fn new(central: Arc<Central>) -> Self {
        let (index, hand) = central.claim().unzip();
        Self {
            hand: hand.unwrap_or(Hand::CLOSED),
            fence: central.fence(),
            cells: Arc::clone(central.cells()),
            index,
            central,
        }
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
            if let Some(after) = self.add(-units) {
                self.hand = after;
                return true;
            }
            return self.release_closed(units);
        }
        self.central.release_exact(units).is_some() || self.release_slowly(units)
    }

    #[inline]
    fn take(&mut self, ask: Ask) -> i64 {
        if self.hand.has(ask.most()) {
            if let Some(after) = self.add(ask.most()) {
                self.hand = after;
                return ask.most();
            }
            return self.take_closed(ask);
        }
        if self.central.is_full() {
            return 0;
        }
        self.central.admit_exact(ask).unwrap_or_else(|| self.take_slowly(ask))
    }

    /// Counts on the owner's own cell. Only with an open hand, which only a seat with a cell has.
    #[inline]
    fn add(&self, units: i64) -> Option<Hand> {
        let cell = self.cells.get(self.index?)?;
        cell.add(self.hand, units, self.fence)
    }

    /// Whether units that were added while the door was closed are counted.
    fn resolve(&mut self, units: i64) -> bool {
        let hand = std::mem::replace(&mut self.hand, Hand::CLOSED);
        let cell = self.index.and_then(|index| self.cells.get(index));
        cell.is_some_and(|cell| cell.resolve(hand, units))
    }

    #[cold]
    #[inline(never)]
    fn take_closed(&mut self, ask: Ask) -> i64 {
        if self.resolve(ask.most()) { ask.most() } else { self.take_slowly(ask) }
    }

    #[cold]
    #[inline(never)]
    fn release_closed(&mut self, units: i64) -> bool {
        self.resolve(-units) || self.release_slowly(units)
    }

    #[cold]
    #[inline(never)]
    fn take_slowly(&mut self, ask: Ask) -> i64 {
        let (hand, granted) = self.central.admit(self.hand, self.index, ask);
        self.hand = hand;
        granted
    }

    #[cold]
    #[inline(never)]
    fn release_slowly(&mut self, units: i64) -> bool {
        let (hand, in_use) = self.central.release(self.hand, self.index, units);
        self.hand = hand;
        in_use
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(index) = self.index {
            self.central.leave(index);
        }
    }
}
