//! Sequences of operations of several seats at one limit counter against a plain number: the body
//! of the fuzz target `counter` and of property tests.
//!
//! Tiny layouts, so that a few operations begin and end epochs and epochs wrap; more seats than
//! cells. Usage is read only when the input says so, because reading it notes a peak.

use crate::gate::Fence;
use crate::gate::counter::{Counter, Layout, Seat};

const SEATS: usize = 6;

/// Runs the operations that `data` encodes and compares every answer and figure with the model.
///
/// The first byte chooses the layout and the second the limit; then each operation has two.
///
/// # Panics
///
/// When the counter and the model disagree.
pub fn operations(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next();
    let (layout, limit) = (next().unwrap_or(0), next().unwrap_or(0));
    let mut run = Run::new(layout, number(limit));
    while let Some(op) = next() {
        run.step(op, next().unwrap_or(0));
    }
    run.finish();
}

/// Small numbers as they are, then powers of two to the largest.
const fn number(byte: u8) -> u64 {
    match byte {
        0..=191 => byte as u64,
        _ => u64::MAX >> (255 - byte),
    }
}

/// The layout that a byte tells: two bits of cells, two of share, one each of the rest.
fn layout(byte: u8) -> Layout {
    let bits = |shift: u8, count: u8| u32::from(byte >> shift & ((1 << count) - 1));
    let smallest_share = bits(2, 2);
    Layout {
        cells: usize::from(byte & 3),
        smallest_share,
        begin_share: smallest_share + bits(4, 1),
        epoch_bits: 2 + bits(5, 1),
        patience: bits(6, 1),
        fence: if bits(7, 1) == 0 { Fence::best() } else { Fence::Full },
    }
}

/// A counter beside a plain number.
struct Run {
    counter: Counter,
    seats: [Option<Seat>; SEATS],
    limit: i128,
    /// Below nothing where more was given back than admitted and nobody could tell.
    used: i128,
    /// The most that was in use, and the most that was while somebody looked.
    peaks: [i128; 2],
}

impl Run {
    fn new(layout_byte: u8, limit: u64) -> Self {
        let counter = Counter::with_layout(limit, layout(layout_byte));
        let limit = i128::from(limit.min(Counter::UNLIMITED));
        Self { counter, seats: Default::default(), limit, used: 0, peaks: [0; 2] }
    }

    fn room(&self) -> i128 {
        (self.limit - self.used).max(0)
    }

    /// The seat that an operation is done at, taken now where it is vacant.
    fn seat(&mut self, op: u8) -> &mut Seat {
        let counter = &self.counter;
        self.seats[usize::from(op >> 4) % SEATS].get_or_insert_with(|| counter.seat())
    }

    fn step(&mut self, op: u8, argument: u8) {
        let units = number(argument);
        match op % 16 {
            0..=2 => {
                let granted = self.seat(op).admit();
                self.admitted(u64::from(granted), self.room().min(1));
            }
            3 => {
                let granted = self.counter.admit();
                self.admitted(u64::from(granted), self.room().min(1));
            }
            4 | 5 => {
                let fits = units <= Counter::UNLIMITED && i128::from(units) <= self.room();
                assert_eq!(self.seat(op).admit_all(units), fits, "all of {units}");
                let granted = if fits { units } else { 0 };
                self.admitted(granted, i128::from(granted));
            }
            6 | 7 => {
                // More is not asked for at once, even where excess leaves more than all free.
                let most = i128::from(units.min(Counter::UNLIMITED + 1));
                let granted = self.seat(op).admit_up_to(units);
                self.admitted(granted, self.room().min(most));
            }
            8..=11 => self.release(op, units),
            12 => {
                self.counter.set_limit(units);
                self.limit = i128::from(units.min(Counter::UNLIMITED));
            }
            13 => self.look(),
            _ => self.seats[usize::from(op >> 4) % SEATS] = None,
        }
    }

    fn admitted(&mut self, granted: u64, expected: i128) {
        let Self { used, limit, .. } = *self;
        assert_eq!(i128::from(granted), expected, "with {used} of {limit} in use");
        self.used += expected;
        self.peaks[0] = self.peaks[0].max(self.used);
    }

    /// Mostly what is in use. What is not may be taken for another's, and shows as excess then.
    fn release(&mut self, op: u8, units: u64) {
        let in_use = u64::try_from(self.used).unwrap_or(0);
        let units = if op % 16 == 11 { units.min(in_use + 3) } else { units.min(in_use) };
        let taken = match op % 16 {
            10 => self.counter.release(units),
            _ => self.seat(op).release(units),
        };
        let are_in_use = i128::from(units) <= self.used;
        assert!(taken || !are_in_use, "{units} of {in_use} are not taken back");
        if taken {
            self.used -= i128::from(units);
        }
    }

    fn look(&mut self) {
        let usage = self.counter.usage();
        let figures = [usage.limit, usage.in_use, usage.excess].map(i128::from);
        assert_eq!(figures, [self.limit, self.used.max(0), (-self.used).max(0)], "{usage:?}");
        assert_eq!(i128::from(usage.debt()), (self.used - self.limit).max(0), "{usage:?}");
        self.peaks[1] = self.peaks[1].max(self.used);
        let [reached, seen] = self.peaks;
        assert!((seen..=reached).contains(&i128::from(usage.peak)), "{usage:?}, {:?}", self.peaks);
    }

    /// Gives everything back; then the whole limit is free, and no more.
    fn finish(mut self) {
        self.look();
        self.release(0, u64::MAX);
        if self.used == 0 {
            self.counter.set_limit(100);
            assert_eq!(self.seat(0).admit_up_to(101), 100, "nothing is lost and nothing gained");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_counter_does_what_a_plain_number_does(
            data in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            super::operations(&data);
        }
    }

    /// Three units more than are in use, where nearly all that can be is: more than can ever be
    /// given back at once, so nothing is.
    #[test]
    fn more_than_can_be_in_use_is_not_given_back() {
        let (layout, unlimited, all_but_one) = (1, 255, [7, 255, 8, 1]);
        let excess = [0x3b, 255, 13, 0, 7, 255];
        let bytes = [layout, unlimited].into_iter().chain(all_but_one).chain(excess);
        super::operations(&bytes.collect::<Vec<_>>());
    }

    /// The same inputs every time: every layout, limits from none to unlimited.
    #[test]
    fn a_counter_does_what_a_plain_number_does_in_every_layout() {
        let mut state = 1_u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        for layout in 0..=255 {
            for limit in [0, 1, 2, 7, 40, 190, 255] {
                let operations = (0..400).map(|_| byte());
                let data: Vec<_> = [layout, limit].into_iter().chain(operations).collect();
                super::operations(&data);
            }
        }
    }
}
