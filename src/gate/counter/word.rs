//! The two words of the counter: pure transitions, no atomics.
//!
//! # Widths
//!
//! [`Word`], from the lowest bit: phase 2, epoch 13, cells 8, share 5, free 36 bits, signed.
//!
//! * **free** reaches ± 34,359,738,368. A limit is at most [`MOST`] = 17,179,869,183, so what is
//!   free, debt included, stays within half of that range while every unit is given back once;
//!   beyond it `free` saturates. It is the highest field, so it never carries into another.
//! * **cells** reaches 255 workers with a share; **share** is a power of two up to 2³¹.
//! * **epoch** wraps. That it cannot be mistaken for one 8,192 epochs ago is invariant C7 of the
//!   [module](super).
//!
//! [`Door`], from the lowest bit: state 3, epoch 13, value 48 bits, signed: the share of an open
//! door, else what its owner had taken when it was last settled. What one worker can have taken is
//! within what is free in all, 36 bits.

use bytemuck::{Pod, Zeroable};

use crate::sync::Fence;

const PHASE_BITS: u32 = 2;
const EPOCH_BITS: u32 = 13;
const CELL_BITS: u32 = 8;
const SHARE_BITS: u32 = 5;
const EPOCH_SHIFT: u32 = PHASE_BITS;
const CELL_SHIFT: u32 = EPOCH_SHIFT + EPOCH_BITS;
const SHARE_SHIFT: u32 = CELL_SHIFT + CELL_BITS;
const FREE_SHIFT: u32 = SHARE_SHIFT + SHARE_BITS;
const FREE_BITS: u32 = u64::BITS - FREE_SHIFT;

/// The largest limit, and what an unlimited counter counts to.
pub(super) const MOST: u64 = (1 << (FREE_BITS - 2)) - 1;

/// The most cells that one epoch gives shares to.
pub(super) const MOST_CELLS: usize = (1 << CELL_BITS) - 1;

/// The most units that are given back by an addition, which does not saturate: 255 threads at once
/// that give back what is not in use stay within the range.
pub(super) const MOST_ADDED: i64 = 1 << 26;

const MOST_FREE: i64 = (1 << (FREE_BITS - 1)) - 1;
const LARGEST_SHARE: u32 = (1 << SHARE_BITS) - 1;

const _: () = assert!(FREE_BITS == 36 && MOST >= 16_000_000 && MOST_CELLS >= 128);

const fn field(word: u64, shift: u32, bits: u32) -> u64 {
    word >> shift & ((1 << bits) - 1)
}

/// How the free units are held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// All in the word.
    Exact,
    /// Some in the word, the others in shares.
    Shared,
    /// As before, and the shares are being taken back.
    Closing,
}

/// How many units are asked for at once: at most `most`, and none unless `least` can be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ask {
    least: i64,
    most: i64,
}

impl Ask {
    pub(super) const ONE: Self = Self { least: 1, most: 1 };

    /// `units`, all or nothing.
    pub(super) fn all(units: u64) -> Self {
        let units = units.min(MOST + 1).cast_signed();
        Self { least: units, most: units }
    }

    /// As many of `units` as there are.
    pub(super) fn up_to(units: u64) -> Self {
        Self { least: 1, ..Self::all(units) }
    }

    pub(super) const fn most(self) -> i64 {
        self.most
    }
}

/// `units` to give back, unless they are more than can be in use, whatever the limit was.
#[inline(always)]
pub(super) const fn giveable(units: u64) -> Option<i64> {
    if units <= MOST { Some(units.cast_signed()) } else { None }
}

/// When units are shared, and in what sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sizes {
    /// No share is smaller than 2 to this.
    pub(super) smallest: u32,
    /// Sharing begins when as many shares of 2 to this are free as there are cells.
    pub(super) begin: u32,
    /// The bits of an epoch that count; fewer in tests, so that it wraps.
    pub(super) epoch_bits: u32,
    /// How often a closer looks whether owners settle their cells before it makes them.
    pub(super) patience: u32,
}

impl Sizes {
    /// How many units must be free for sharing to begin among `cells`.
    #[inline]
    pub(super) const fn begin_at(self, cells: u64) -> i64 {
        if cells == 0 { i64::MAX } else { (cells << self.begin).cast_signed() }
    }

    /// The share, as a power of two, that each of `cells` gets of `free` units: at least an eighth
    /// stays in the word for those without a cell. None where that is too small.
    const fn share(self, free: i64, cells: u64) -> Option<u32> {
        if cells == 0 || free <= 0 {
            return None;
        }
        let each = (free - free / 8).cast_unsigned() / cells;
        if each < 1 << self.smallest {
            return None;
        }
        let share = each.ilog2();
        Some(if share < LARGEST_SHARE { share } else { LARGEST_SHARE })
    }

    const fn epoch_mask(self) -> u64 {
        (1 << self.epoch_bits) - 1
    }

    /// The epoch after `epoch`.
    pub(super) const fn after(self, epoch: u64) -> u64 {
        (epoch + 1) & self.epoch_mask()
    }

    /// Whether `epoch` is the first of an era. Four eras make the range of an epoch.
    pub(super) const fn begins_era(self, epoch: u64) -> bool {
        epoch & (self.epoch_mask() >> 2) == 0
    }
}

/// What every thread decides from and changes in one step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word(u64);

impl Word {
    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    /// What is added to the bits to give `units` back.
    #[inline]
    pub(super) const fn added(units: i64) -> u64 {
        units.cast_unsigned() << FREE_SHIFT
    }

    /// `limit` units, all free, none shared.
    pub(super) fn all_free(limit: u64) -> Self {
        Self(0).with_free(limit.min(MOST).cast_signed())
    }

    #[inline]
    pub(super) const fn phase(self) -> Phase {
        match field(self.0, 0, PHASE_BITS) {
            0 => Phase::Exact,
            1 => Phase::Shared,
            _ => Phase::Closing,
        }
    }

    #[inline]
    pub(super) const fn is_exact(self) -> bool {
        matches!(self.phase(), Phase::Exact)
    }

    pub(super) const fn epoch(self) -> u64 {
        field(self.0, EPOCH_SHIFT, EPOCH_BITS)
    }

    /// The cells that hold a share, or held one in the last epoch.
    pub(super) const fn cells(self) -> u64 {
        field(self.0, CELL_SHIFT, CELL_BITS)
    }

    /// What each of them holds.
    pub(super) const fn share(self) -> i64 {
        1 << field(self.0, SHARE_SHIFT, SHARE_BITS)
    }

    /// The free units that are in no share; negative is debt.
    #[inline]
    pub(super) const fn free(self) -> i64 {
        self.0.cast_signed() >> FREE_SHIFT
    }

    /// Whether there is no free unit anywhere.
    #[inline]
    pub(super) const fn is_full(self) -> bool {
        self.is_exact() && self.free() <= 0
    }

    #[inline]
    fn with_free(self, free: i64) -> Self {
        let free = free.clamp(-MOST_FREE, MOST_FREE).cast_unsigned();
        Self(self.0 & ((1 << FREE_SHIFT) - 1) | free << FREE_SHIFT)
    }

    const fn with_phase(self, phase: Phase) -> Self {
        Self(self.0 & !((1 << PHASE_BITS) - 1) | phase as u64)
    }

    /// Takes what is asked for from the units that are in no share, and says how many.
    #[inline]
    pub(super) fn take(self, ask: Ask) -> Option<(Self, i64)> {
        let granted = ask.most.min(self.free());
        // What is granted is not more than is free: nothing to saturate.
        let next = || Self(self.0.wrapping_sub(Self::added(granted)));
        (granted >= ask.least).then(|| (next(), granted))
    }

    #[inline]
    pub(super) fn give(self, units: i64) -> Self {
        self.with_free(self.free().saturating_add(units))
    }

    /// The limit is changed by `units`. Shares stay valid as long as all of them are covered.
    pub(super) fn change(self, units: i64) -> Self {
        let next = self.give(units);
        if next.free() < 0 { next.close() } else { next }
    }

    /// Shares, if there are any, are taken back.
    pub(super) const fn close(self) -> Self {
        match self.phase() {
            Phase::Shared => self.with_phase(Phase::Closing),
            _ => self,
        }
    }

    /// The word after all shares have been taken back, with `returned` units left in them.
    pub(super) fn settle(self, returned: i64) -> Self {
        self.give(returned).with_phase(Phase::Exact)
    }

    /// The next epoch: a share for each of `cells`, where there is enough. `ask` must still be met
    /// from a share, if it comes from a worker with a cell, or else from the word.
    pub(super) fn share_out(
        self,
        cells: u64,
        sizes: Sizes,
        ask: Option<(Ask, bool)>,
    ) -> Option<Self> {
        let cells = cells.max(self.cells());
        let share = sizes.share(self.free(), cells)?;
        let left = self.free() - (cells << share).cast_signed();
        let met =
            |(ask, has_cell): (Ask, bool)| left >= ask.most || (has_cell && ask.most <= 1 << share);
        if !ask.is_none_or(met) {
            return None;
        }
        let fields = Phase::Shared as u64
            | sizes.after(self.epoch()) << EPOCH_SHIFT
            | cells << CELL_SHIFT
            | u64::from(share) << SHARE_SHIFT;
        Some(Self(fields).with_free(left))
    }
}

/// Whether a cell's owner may use its share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DoorState {
    /// It may, in this epoch, and a light fence is enough before it looks.
    Open,
    /// It may, in this epoch, and looks behind a full fence.
    Guarded,
    /// The cell has had no share yet.
    Unused,
    /// It may not, and what it had taken is being settled.
    Closing,
    /// It may not; what it had taken is settled.
    Settled,
    /// It may not, and did not in this epoch. The value is of an earlier one.
    Skipped,
}

pub(super) const DOOR_STATE_BITS: u32 = 3;
const DOOR_EPOCH_SHIFT: u32 = DOOR_STATE_BITS;
const DOOR_VALUE_SHIFT: u32 = DOOR_EPOCH_SHIFT + EPOCH_BITS;

/// What the owner of a cell asks before it believes its own count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Door(u64);

impl Door {
    pub(super) const UNUSED: Self = Self::new(DoorState::Unused, 0, 0);

    const fn new(state: DoorState, epoch: u64, value: i64) -> Self {
        let value = value.cast_unsigned() << DOOR_VALUE_SHIFT;
        Self(state as u64 | epoch << DOOR_EPOCH_SHIFT | value)
    }

    /// The open door of the epoch of `word`.
    pub(super) const fn open(word: Word, fence: Fence) -> Self {
        let state = match fence {
            Fence::Asymmetric => DoorState::Open,
            Fence::Full => DoorState::Guarded,
        };
        Self::new(state, word.epoch(), word.share())
    }

    pub(super) const fn state(self) -> DoorState {
        match field(self.0, 0, DOOR_STATE_BITS) {
            0 => DoorState::Open,
            1 => DoorState::Guarded,
            2 => DoorState::Unused,
            3 => DoorState::Closing,
            4 => DoorState::Settled,
            _ => DoorState::Skipped,
        }
    }

    pub(super) const fn epoch(self) -> u64 {
        field(self.0, DOOR_EPOCH_SHIFT, EPOCH_BITS)
    }

    /// Whether the state is [`DoorState::Open`].
    #[inline]
    pub(super) const fn is_unguarded(self) -> bool {
        self.0 & ((1 << DOOR_STATE_BITS) - 1) == DoorState::Open as u64
    }

    /// Whether its owner may use the share.
    pub(super) const fn is_open(self) -> bool {
        matches!(self.state(), DoorState::Open | DoorState::Guarded)
    }

    /// The share where the door is open, else the value that was settled last.
    pub(super) const fn value(self) -> i64 {
        self.0.cast_signed() >> DOOR_VALUE_SHIFT
    }

    /// Whether this is the door of `epoch`.
    pub(super) const fn is_of(self, epoch: u64) -> bool {
        self.epoch() == epoch && !matches!(self.state(), DoorState::Unused)
    }

    /// Whether this door may become one of `epoch`: it is of the epoch before, or unused.
    pub(super) const fn comes_before(self, epoch: u64, sizes: Sizes) -> bool {
        matches!(self.state(), DoorState::Unused) || sizes.after(self.epoch()) == epoch
    }

    /// The open door, closed.
    pub(super) const fn closing(self) -> Self {
        Self::new(DoorState::Closing, self.epoch(), 0)
    }

    /// The same door, settled at what its owner has taken.
    pub(super) const fn settled(self, taken: i64) -> Self {
        Self::new(DoorState::Settled, self.epoch(), taken)
    }

    /// A door that was not opened in `epoch`.
    pub(super) const fn skipped(self, epoch: u64) -> Self {
        Self::new(DoorState::Skipped, epoch, self.value())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZES: Sizes = Sizes { smallest: 2, begin: 3, epoch_bits: EPOCH_BITS, patience: 0 };

    fn word(free: i64) -> Word {
        Word(0).with_free(free)
    }

    proptest! {
        #[test]
        fn taking_and_giving_move_free_units_and_nothing_else(
            bits in any::<u64>(),
            units in 0..=MOST,
        ) {
            let before = Word(bits);
            let rest = |word: Word| word.0 & ((1 << FREE_SHIFT) - 1);
            for ask in [Ask::ONE, Ask::all(units), Ask::up_to(units)] {
                let free = before.free();
                let enough = free >= ask.least;
                prop_assert_eq!(before.take(ask).is_some(), enough);
                if let Some((after, granted)) = before.take(ask) {
                    prop_assert_eq!(granted, ask.most.min(free));
                    prop_assert_eq!(after.free() + granted, free);
                    prop_assert_eq!(rest(after), rest(before));
                }
            }
            let given = before.give(units.cast_signed());
            prop_assert_eq!(rest(given), rest(before));
            let sum = (before.free() + units.cast_signed()).clamp(-MOST_FREE, MOST_FREE);
            prop_assert_eq!(given.free(), sum);
        }

        /// Sharing and settling are conservative, and a share is never smaller than the smallest.
        #[test]
        fn a_share_is_out_of_free_units(
            free in 0..=MOST.cast_signed(),
            cells in 1..=MOST_CELLS as u64,
            taken in prop::collection::vec(-1_000..1_000_i64, MOST_CELLS),
        ) {
            let before = word(free);
            let Some(shared) = before.share_out(cells, SIZES, None) else {
                prop_assert!((free - free / 8) / cells.cast_signed() < 4);
                return Ok(());
            };
            prop_assert_eq!(shared.phase(), Phase::Shared);
            prop_assert_eq!(shared.epoch(), 1);
            prop_assert_eq!(shared.cells(), cells);
            prop_assert!(shared.share() >= 1 << SIZES.smallest);
            prop_assert_eq!(shared.free() + cells.cast_signed() * shared.share(), free);
            prop_assert!(shared.free() >= free / 8);
            let taken: Vec<_> =
                taken[..usize::try_from(cells)?].iter().map(|t| *t.min(&shared.share())).collect();
            let returned = taken.iter().map(|taken| shared.share() - taken).sum();
            let settled = shared.close().settle(returned);
            prop_assert_eq!(settled.phase(), Phase::Exact);
            prop_assert_eq!(settled.free(), free - taken.iter().sum::<i64>());
            prop_assert_eq!((settled.epoch(), settled.cells()), (1, cells));
        }

        #[test]
        fn a_limit_below_the_shares_closes_them(
            free in 16..1_000_i64,
            change in -1_000..1_000_i64,
        ) {
            let shared = word(free).share_out(2, SIZES, None).expect("enough");
            let changed = shared.change(change);
            prop_assert_eq!(changed.free(), shared.free() + change);
            let covered = shared.free() + change >= 0;
            prop_assert_eq!(changed.phase(), if covered { Phase::Shared } else { Phase::Closing });
        }

        #[test]
        fn a_door_keeps_its_value_and_epoch(
            epoch in 0..1_u64 << EPOCH_BITS,
            value in -(1_i64 << 36)..1_i64 << 36,
        ) {
            let settled = Door::new(DoorState::Closing, epoch, 0).settled(value);
            prop_assert_eq!((settled.state(), settled.epoch()), (DoorState::Settled, epoch));
            prop_assert_eq!(settled.value(), value);
            let next = SIZES.after(epoch);
            prop_assert!(settled.comes_before(next, SIZES) && !settled.comes_before(epoch, SIZES));
            let skipped = settled.skipped(next);
            prop_assert_eq!((skipped.state(), skipped.epoch()), (DoorState::Skipped, next));
            prop_assert_eq!(skipped.value(), value);
        }
    }

    #[test]
    fn an_unused_door_is_of_no_epoch() {
        assert!(!Door::UNUSED.is_of(0));
        assert!(Door::UNUSED.comes_before(0, SIZES) && Door::UNUSED.comes_before(77, SIZES));
    }

    #[test]
    fn a_request_that_a_share_cannot_meet_is_left_in_the_word() {
        let before = word(64);
        let shared = before.share_out(2, SIZES, None).expect("enough");
        assert_eq!((shared.share(), shared.free()), (16, 32));
        let fits = |ask, has_cell| before.share_out(2, SIZES, Some((ask, has_cell))).is_some();
        assert!(fits(Ask::all(32), false) && !fits(Ask::all(33), false));
        assert!(word(9).share_out(2, Sizes { smallest: 2, ..SIZES }, None).is_some());
        let tight = Sizes { smallest: 0, ..SIZES };
        assert!(word(2).share_out(2, tight, Some((Ask::ONE, true))).is_some());
        assert!(word(2).share_out(2, tight, Some((Ask::ONE, false))).is_none());
    }

    #[test]
    fn an_era_is_a_quarter_of_the_range() {
        let begun = (0..1 << EPOCH_BITS).filter(|epoch| SIZES.begins_era(*epoch));
        assert_eq!(begun.collect::<Vec<_>>(), [0, 2_048, 4_096, 6_144]);
        assert_eq!(SIZES.after((1 << EPOCH_BITS) - 1), 0);
    }

    #[test]
    fn the_largest_limit_can_be_lowered_to_nothing_and_raised_again() {
        let full = Word::all_free(MOST).take(Ask::all(MOST)).expect("room").0;
        let debt = full.change(-MOST.cast_signed());
        assert_eq!(debt.free(), -MOST.cast_signed());
        assert_eq!(debt.change(MOST.cast_signed()), full);
        assert!(Word::all_free(u64::MAX).take(Ask::all(u64::MAX)).is_none());
    }
}
