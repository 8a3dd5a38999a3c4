//! The fast path: one worker's place at a counter.

use std::sync::Arc;

use yoke::Yoke;

use super::cell::{Cell, Hand, Miss};
use super::central::{Central, Given, NO_CELL, Taken};
use super::word::{Ask, MOST, giveable};

/// One worker's place at a [`Counter`](super::Counter).
///
/// It moves to its thread and stays there. While much is free, admission and release write one
/// line that no other worker writes, with plain stores. A seat that is dropped leaves what it
/// counted; its place goes to the next worker.
#[derive(Debug)]
pub struct Seat {
    /// The owner's cell, or the line of those who have none, and the counter that keeps it: one
    /// load away, because it is the first thing that every operation needs.
    cell: Yoke<&'static Cell, Arc<Central>>,
    hand: Hand,
    /// Which cell it is, or [`NO_CELL`].
    index: usize,
}

/// A seat, for a loop over a burst of packets.
///
/// It does what the seat does. A seat has to be read from memory for every packet, because other
/// threads' stores could be anywhere as far as a compiler knows; what a burst consists of stays in
/// registers.
///
/// ```
/// # use tollgate::gate::counter::Counter;
/// let mut seat = Counter::new(10).seat();
/// let mut burst = seat.burst();
/// let admitted = (0..32).filter(|_packet| burst.admit()).count();
/// assert_eq!(admitted, 10);
/// ```
#[derive(Debug)]
pub struct Burst<'a> {
    cell: &'a Cell,
    central: &'a Central,
    /// The seat's, as long as it does not change.
    hand: Hand,
    seat: &'a mut Hand,
    index: usize,
}

/// What a seat has in hand, for the inline half of the C interface: it does in C what
/// [`Seat::admit_from_share`] and [`Seat::release_to_share`] do here, line for line.
#[cfg(feature = "capi")]
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// The seat's own line; null where it has none, so that nothing is done inline.
    line: *const Cell,
    /// What `admitted` less `released` may reach there.
    most: i64,
}

#[cfg(feature = "capi")]
impl Share {
    /// Of a worker without one.
    pub(crate) const NONE: Self = Self { line: std::ptr::null(), most: i64::MIN };
}

impl Seat {
    /// What it has in hand until the next operation that does not end in the share.
    #[cfg(feature = "capi")]
    pub(crate) fn share(&self) -> Share {
        if self.index == NO_CELL {
            return Share::NONE;
        }
        Share { line: std::ptr::from_ref(*self.cell.get()), most: self.hand.most() }
    }

    pub(super) fn new(central: Arc<Central>) -> Self {
        let index = central.claim();
        let hand = central.line(index).hand();
        let cell = Yoke::attach_to_cart(central, |central| central.line(index));
        Self { cell, hand, index }
    }

    /// This seat, for a loop over a burst of packets.
    #[inline(always)]
    pub fn burst(&mut self) -> Burst<'_> {
        Burst {
            cell: self.cell.get(),
            central: self.cell.backing_cart(),
            hand: self.hand,
            seat: &mut self.hand,
            index: self.index,
        }
    }

    /// Admits one unit, unless the limit is reached.
    #[inline(always)]
    #[must_use = "a unit that was admitted is in use until it is released"]
    pub fn admit(&mut self) -> bool {
        // Not by way of `burst`, which would load what is only needed elsewhere.
        match self.cell.get().admit(1, self.hand) {
            Ok(()) => true,
            Err(miss) => self.burst().take_one_elsewhere(miss),
        }
    }

    /// The first half of [`admit`](Self::admit): one unit of the share.
    ///
    /// A miss is not a verdict, and what was begun ends with [`admit_after`](Self::admit_after).
    #[cfg(feature = "capi")]
    #[inline(always)]
    pub(crate) fn admit_from_share(&mut self) -> Result<(), Miss> {
        self.cell.get().admit(1, self.hand)
    }

    /// The other half, for a caller that keeps it out of line.
    #[cfg(feature = "capi")]
    #[must_use = "a unit that was admitted is in use until it is released"]
    pub(crate) fn admit_after(&mut self, miss: Miss) -> bool {
        self.burst().take_one_elsewhere(miss)
    }

    /// The first half of [`release`](Self::release) for one unit: whether it went to the share.
    ///
    /// Where it did not, what was begun ends with [`release_after`](Self::release_after).
    #[cfg(feature = "capi")]
    #[inline(always)]
    pub(crate) fn release_to_share(&mut self) -> bool {
        self.index != NO_CELL && self.cell.get().release(1)
    }

    /// The other half: whether the unit was in use.
    #[cfg(feature = "capi")]
    pub(crate) fn release_after(&mut self) -> bool {
        self.burst().release_elsewhere(1)
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
        self.burst().admit_all(units)
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
        self.burst().admit_up_to(units)
    }

    /// Gives back `units` that were admitted on any seat; whether they were in use.
    ///
    /// Give back what was admitted, once: see [`Counter`](super::Counter#what-a-caller-owes).
    /// Nothing is taken back where `units` are more than can ever be in use.
    #[inline(always)]
    pub fn release(&mut self, units: u64) -> bool {
        let Some(units) = giveable(units) else { return false };
        let shared = self.index != NO_CELL && self.cell.get().release(units);
        shared || self.burst().release_elsewhere(units)
    }
}

/// What a seat and a burst of it have in common.
pub(crate) trait Place {
    fn admit(&mut self) -> bool;
    fn release(&mut self, units: u64) -> bool;
}

impl Place for Seat {
    #[inline(always)]
    fn admit(&mut self) -> bool {
        self.admit()
    }

    #[inline(always)]
    fn release(&mut self, units: u64) -> bool {
        self.release(units)
    }
}

impl Place for Burst<'_> {
    #[inline(always)]
    fn admit(&mut self) -> bool {
        self.admit()
    }

    #[inline(always)]
    fn release(&mut self, units: u64) -> bool {
        self.release(units)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.cell.backing_cart().leave(self.index);
    }
}

impl Burst<'_> {
    /// As [`Seat::admit`].
    #[inline(always)]
    #[must_use = "a unit that was admitted is in use until it is released"]
    pub fn admit(&mut self) -> bool {
        match self.cell.admit(1, self.hand) {
            Ok(()) => true,
            Err(miss) => self.take_one_elsewhere(miss),
        }
    }

    /// As [`Seat::admit_all`].
    #[inline]
    #[must_use = "units that were admitted are in use until they are released"]
    pub fn admit_all(&mut self, units: u64) -> bool {
        units == 0 || (units <= MOST && self.take(Ask::all(units)) > 0)
    }

    /// As [`Seat::admit_up_to`].
    #[inline]
    #[must_use = "units that were admitted are in use until they are released"]
    pub fn admit_up_to(&mut self, units: u64) -> u64 {
        if units == 0 { 0 } else { self.take(Ask::up_to(units)).cast_unsigned() }
    }

    /// As [`Seat::release`].
    #[inline(always)]
    pub fn release(&mut self, units: u64) -> bool {
        let Some(units) = giveable(units) else { return false };
        let shared = self.index != NO_CELL && self.cell.release(units);
        shared || self.release_elsewhere(units)
    }

    #[inline]
    fn take(&mut self, ask: Ask) -> i64 {
        match self.cell.admit(ask.most(), self.hand) {
            Ok(()) => ask.most(),
            Err(miss) => self.take_elsewhere(miss, ask),
        }
    }

    /// Takes one unit that is not in the share, as far as the share knows.
    #[inline(always)]
    fn take_one_elsewhere(&mut self, miss: Miss) -> bool {
        if miss == Miss::Short && self.index != NO_CELL {
            if self.central.is_full() {
                self.cell.count_refused();
                return false;
            }
            if !self.hand.is_open()
                && let Some(granted) = take_one_from_word(self.central, self.cell)
            {
                return granted == 1;
            }
        }
        self.take_elsewhere(miss, Ask::ONE) == 1
    }

    #[inline(always)]
    fn take_elsewhere(&mut self, miss: Miss, ask: Ask) -> i64 {
        let granted;
        (self.hand, granted) = take_elsewhere(self.central, self.hand, self.index, miss, ask);
        *self.seat = self.hand;
        granted
    }

    #[inline(always)]
    fn release_elsewhere(&mut self, units: i64) -> bool {
        if units == 0 {
            return true;
        }
        let in_use;
        (self.hand, in_use) = if units == 1 {
            release_one_elsewhere(self.central, self.hand, self.index)
        } else {
            release_elsewhere(self.central, self.hand, self.index, units)
        };
        *self.seat = self.hand;
        in_use
    }
}

// The longer ways take the hand by value and give it back: what they cannot reach stays in
// registers over a packet loop. Those for one unit are the lean ones: while a limit is nearly
// reached all traffic goes through them.

#[inline(never)]
fn take_one_from_word(central: &Central, cell: &Cell) -> Option<i64> {
    let granted = central.admit_exact(Ask::ONE)?;
    count(cell, granted);
    Some(granted)
}

/// Takes what is not in the share, or was taken from it while the door was not seen open.
#[cold]
#[inline(never)]
fn take_elsewhere(
    central: &Central,
    mut hand: Hand,
    index: usize,
    miss: Miss,
    ask: Ask,
) -> (Hand, i64) {
    let cell = central.line(index);
    if miss == Miss::Shut {
        match central.resolve_taken(cell, hand, ask.most()) {
            Some(kept) => return (kept, ask.most()),
            None => hand = Hand::CLOSED,
        }
    }
    let exact = if hand.is_open() { None } else { central.admit_exact(ask) };
    let (hand, taken) = match exact {
        Some(granted) => (hand, Taken::FromWord(granted)),
        None => central.admit(hand, index, ask),
    };
    let Taken::FromWord(granted) = taken else { return (hand, ask.most()) };
    if index == NO_CELL {
        cell.count_taken_by_many(granted);
    } else {
        count(cell, granted);
    }
    (hand, granted)
}

/// Counts what the owner has taken from the word; nothing is a refusal.
#[inline]
fn count(cell: &Cell, granted: i64) {
    if granted == 0 {
        cell.count_refused();
    } else {
        cell.count_admitted(granted);
    }
}

#[inline(never)]
fn release_one_elsewhere(central: &Central, hand: Hand, index: usize) -> (Hand, bool) {
    if hand.is_open() || index == NO_CELL {
        return release_elsewhere(central, hand, index, 1);
    }
    match central.release(1) {
        Ok(()) => (Hand::CLOSED, true),
        Err(given) => after_release(central, index, given),
    }
}

/// Gives back what is counted on the owner's line and not in its share, or was given to the share
/// while the door was not seen open.
#[cold]
#[inline(never)]
fn release_elsewhere(central: &Central, hand: Hand, index: usize, units: i64) -> (Hand, bool) {
    if hand.is_open() && central.line(index).resolve(-units) {
        return (central.kept(hand), true);
    }
    match central.release(units) {
        Ok(()) if index != NO_CELL => (Hand::CLOSED, true),
        Ok(()) => {
            central.line(index).count_released_by_many(units);
            (Hand::CLOSED, true)
        }
        Err(given) => after_release(central, index, given),
    }
}

#[cold]
#[inline(never)]
fn after_release(central: &Central, index: usize, given: Given) -> (Hand, bool) {
    let units = given.units();
    let (hand, in_use) = central.after_release(index, given);
    match (index == NO_CELL, in_use) {
        (true, true) => central.line(index).count_released_by_many(units),
        (false, false) => central.line(index).uncount_released(units),
        _ => {}
    }
    (hand, in_use)
}
