//! Sequences of operations on several seats against a plain number.

use proptest::prelude::*;

use super::{Counter, Layout, Seat};
use crate::sync::Fence;

#[derive(Clone, Debug)]
enum Op {
    Admit(usize),
    AdmitAll(usize, u64),
    AdmitUpTo(usize, u64),
    AdmitWithoutSeat,
    Release(usize, u64),
    ReleaseWithoutSeat(u64),
    SetLimit(u64),
    Leave(usize),
}

const SEATS: usize = 4;

fn ops(most: u64) -> impl Strategy<Value = Vec<Op>> {
    let seat = 0..SEATS;
    let op = prop_oneof![
        8 => seat.clone().prop_map(Op::Admit),
        3 => (seat.clone(), 0..most).prop_map(|(seat, units)| Op::AdmitAll(seat, units)),
        3 => (seat.clone(), 0..most).prop_map(|(seat, units)| Op::AdmitUpTo(seat, units)),
        1 => Just(Op::AdmitWithoutSeat),
        8 => (seat.clone(), 1..most).prop_map(|(seat, units)| Op::Release(seat, units)),
        1 => (1..most).prop_map(Op::ReleaseWithoutSeat),
        1 => (0..4 * most).prop_map(Op::SetLimit),
        1 => seat.prop_map(Op::Leave),
    ];
    prop::collection::vec(op, 0..300)
}

/// A counter beside a plain number.
struct Run {
    counter: Counter,
    seats: Vec<Seat>,
    limit: u64,
    used: u64,
    peak: u64,
}

impl Run {
    fn new(limit: u64, layout: Layout) -> Self {
        let counter = Counter::with_layout(limit, layout);
        let seats = (0..SEATS).map(|_| counter.seat()).collect();
        Self { counter, seats, limit, used: 0, peak: 0 }
    }

    fn admitted(&mut self, granted: u64, expected: u64, op: &Op) {
        assert_eq!(granted, expected, "{op:?} with {} of {} in use", self.used, self.limit);
        self.used += granted;
        self.peak = self.peak.max(self.used);
    }

    fn step(&mut self, op: &Op) {
        let room = self.limit.saturating_sub(self.used);
        match *op {
            Op::Admit(seat) => {
                let granted = self.seats[seat].admit();
                self.admitted(u64::from(granted), room.min(1), op);
            }
            Op::AdmitAll(seat, units) => {
                let granted = self.seats[seat].admit_all(units);
                assert_eq!(granted, units <= room || units == 0, "{op:?}");
                self.admitted(if granted { units } else { 0 }, if granted { units } else { 0 }, op);
            }
            Op::AdmitUpTo(seat, units) => {
                let granted = self.seats[seat].admit_up_to(units);
                self.admitted(granted, room.min(units), op);
            }
            Op::AdmitWithoutSeat => {
                let granted = self.counter.admit();
                self.admitted(u64::from(granted), room.min(1), op);
            }
            Op::Release(seat, units) => {
                let units = units.min(self.used);
                assert!(self.seats[seat].release(units), "{op:?}");
                self.used -= units;
            }
            Op::ReleaseWithoutSeat(units) => {
                let units = units.min(self.used);
                assert!(self.counter.release(units), "{op:?}");
                self.used -= units;
            }
            Op::SetLimit(limit) => {
                self.counter.set_limit(limit);
                self.limit = limit;
            }
            Op::Leave(seat) => self.seats[seat] = self.counter.seat(),
        }
        let usage = self.counter.usage();
        assert_eq!((usage.limit, usage.in_use, usage.excess), (self.limit, self.used, 0), "{op:?}");
        assert_eq!(usage.debt(), self.used.saturating_sub(self.limit));
        assert_eq!(usage.peak, self.peak, "read after every step, the peak is exact");
    }
}

fn layout(cells: usize, smallest: u32, epoch_bits: u32) -> Layout {
    let fence = Fence::best();
    let (smallest_share, begin_share) = (smallest, smallest + 1);
    Layout { cells, smallest_share, begin_share, epoch_bits, patience: 2, fence }
}

proptest! {
    /// Small shares, more seats than cells or fewer, epochs that wrap after four.
    #[test]
    fn agrees_with_a_plain_counter(
        limit in 0..100_u64,
        cells in 0..=SEATS,
        smallest in 0..4_u32,
        epoch_bits in 2..=4_u32,
        ops in ops(24),
    ) {
        let mut run = Run::new(limit, layout(cells, smallest, epoch_bits));
        for op in &ops {
            run.step(op);
        }
    }

    #[test]
    fn agrees_with_a_plain_counter_as_laid_out_for_production(
        limit in 0..40_000_u64,
        ops in ops(5_000),
    ) {
        let mut run = Run::new(limit, Layout::production());
        for op in &ops {
            run.step(op);
        }
    }
}

#[test]
fn without_membarrier_it_counts_the_same() {
    let layout = Layout { fence: Fence::Full, ..layout(2, 2, 13) };
    let mut run = Run::new(64, layout);
    (0..80).for_each(|i| run.step(&Op::Admit(i % SEATS)));
    (0..64).for_each(|i| run.step(&Op::Release(i % SEATS, 1)));
}

#[test]
fn as_many_workers_as_there_are_and_more() {
    let counter = Counter::new(16_000_000);
    let mut seats: Vec<_> = (0..140).map(|_| counter.seat()).collect();
    for seat in &mut seats {
        assert_eq!(seat.admit_up_to(100_000), 100_000);
    }
    assert_eq!(counter.usage().in_use, 14_000_000);
    assert!(seats[139].admit_all(2_000_000));
    assert!(!seats[0].admit());
    assert!(seats[1].release(16_000_000));
    assert_eq!(counter.usage().in_use, 0);
}

#[test]
fn an_unlimited_counter_counts() {
    let counter = Counter::new(u64::MAX);
    let mut seat = counter.seat();
    assert!(seat.admit_all(16_000_000) && counter.admit());
    let usage = counter.usage();
    assert_eq!((usage.limit, usage.in_use), (Counter::UNLIMITED, 16_000_001));
    assert_eq!(seat.admit_up_to(u64::MAX), Counter::UNLIMITED - 16_000_001);
    assert!(!seat.admit());
}

#[test]
fn what_was_not_in_use_is_not_given_back() {
    let counter = Counter::new(5);
    let mut seat = counter.seat();
    assert!(!seat.release(1) && !counter.release(1));
    assert!(seat.admit());
    assert!(!seat.release(2));
    assert!(seat.release(1));
    assert_eq!(counter.usage().excess, 0);
}

/// Where shares are out it is noticed later, and shown.
#[test]
fn what_was_not_in_use_shows_as_excess() {
    let counter = Counter::with_layout(64, layout(2, 2, 13));
    let mut seat = counter.seat();
    assert!(seat.admit());
    assert!(seat.release(3));
    assert_eq!((counter.usage().in_use, counter.usage().excess), (0, 2));
}
