//! Several counters in one 64-bit word: pure transitions, no atomics.
//!
//! A word is divided into equal *lanes*, one a limit. A lane holds the units that are *free*, as a
//! number biased by half the lane's range, so that its highest bit tells the sign:
//!
//! ```text
//! free ≥ 0  ⇔  highest bit of the lane set
//! free < 0  =  debt: the limit was lowered below use
//! ```
//!
//! Holding what is free instead of what is used makes the limit part of the word: the decision
//! depends on nothing else, so a compare-and-swap that succeeds was right at that instant, under
//! whatever licence was in force then. Publishing a licence adds the difference of the limits.
//!
//! # Invariants
//!
//! * **W1** A lane never leaves its range: free ≤ limit ≤ [`Lanes::most`], and debt ≤ the largest
//!   limit there ever was. Arithmetic on the whole word therefore never carries from one lane to
//!   the next, and one subtraction takes a unit of several limits.
//! * **W2** free + in use = limit in every lane.

use bytemuck::{Pod, Zeroable};

/// How a word is divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lanes {
    count: u32,
    /// Bits of a lane: worked out once, because a division takes as long as the whole admission.
    width: u32,
    /// The highest bit of every lane.
    all_high: u64,
}

impl Lanes {
    /// `count` lanes, at most 4.
    pub(crate) const fn new(count: u32) -> Self {
        assert!(count >= 1 && count <= 4);
        let mut lanes = Self { count, width: 64 / count, all_high: 0 };
        let mut lane = 0;
        while lane < count {
            lanes.all_high |= lanes.high(lane);
            lane += 1;
        }
        lanes
    }

    pub(crate) const fn count(self) -> u32 {
        self.count
    }

    const fn shift(self, lane: u32) -> u32 {
        self.width * lane
    }

    /// The value of 0 in a lane, which is also its highest bit.
    const fn bias(self) -> u64 {
        1 << (self.width - 1)
    }

    const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    /// The largest limit that a lane holds; an unlimited lane counts up to it.
    ///
    /// 9.2 × 10¹⁸ with one lane, 2,147,483,647 with two, 1,048,575 with three, 32,767 with four.
    pub(crate) const fn most(self) -> u64 {
        self.bias() - 1
    }

    const fn one(self, lane: u32) -> u64 {
        1 << self.shift(lane)
    }

    const fn high(self, lane: u32) -> u64 {
        self.bias() << self.shift(lane)
    }
}

/// One unit of each of several lanes, and when they may be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    lanes: Lanes,
    /// The units taken, in each lane.
    ones: u64,
    /// The highest bits of those lanes.
    taken: u64,
    /// The highest bits of the lanes that must have room, all of them.
    all: u64,
    /// The highest bits of lanes of which one with room is enough; none where 0.
    any: u64,
}

impl Request {
    /// A unit of none.
    pub(crate) const fn none(lanes: Lanes) -> Self {
        Self { lanes, ones: 0, taken: 0, all: 0, any: 0 }
    }

    /// Whether it takes nothing.
    #[inline]
    pub(crate) const fn is_for_nothing(&self) -> bool {
        self.ones == 0
    }

    /// And a unit of `lane`, which must have room.
    #[must_use]
    pub(crate) const fn and(mut self, lane: u32) -> Self {
        self.all |= self.lanes.high(lane);
        self.counting(lane)
    }

    /// And a unit of `lane`, where it is enough that one of `either` has room with it taken.
    #[must_use]
    pub(crate) const fn and_either(mut self, lane: u32, either: [u32; 2]) -> Self {
        self.any = self.lanes.high(either[0]) | self.lanes.high(either[1]);
        self.counting(lane)
    }

    /// And a unit of `lane`, whether or not there is room: what a release gives back.
    #[must_use]
    pub(crate) const fn counting(mut self, lane: u32) -> Self {
        self.ones += self.lanes.one(lane);
        self.taken |= self.lanes.high(lane);
        self
    }
}

/// The free units of several limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Word(u64);

impl Word {
    /// The word in which each lane has as many free units as `limits` says.
    ///
    /// A limit above [`Lanes::most`] is held at it (W1); the licence room keeps below.
    pub(crate) fn free(lanes: Lanes, limits: &[u64]) -> Self {
        let lane = |(lane, limit): (u32, &u64)| {
            (lanes.bias() + (*limit).min(lanes.most())) << lanes.shift(lane)
        };
        Self((0..lanes.count()).zip(limits).map(lane).fold(0, |word, lane| word | lane))
    }

    /// Takes what `request` asks for, all of it, or says no.
    #[inline]
    pub(crate) const fn take(self, request: Request) -> Option<Self> {
        let next = self.0.wrapping_sub(request.ones);
        let all = next & request.all == request.all;
        let any = request.any == 0 || next & request.any != 0;
        if all && any { Some(Self(next)) } else { None }
    }

    /// Gives back what `request` took.
    #[inline]
    pub(crate) const fn give(self, request: Request) -> Self {
        Self(self.0.wrapping_add(request.ones))
    }

    /// Changes the limits from `old` to `new`; what is in use stays.
    pub(crate) const fn change(self, old: Self, new: Self) -> Self {
        Self(self.0.wrapping_add(new.0).wrapping_sub(old.0))
    }

    /// What is in use under `limits`, lane by lane.
    #[inline]
    pub(crate) const fn in_use(self, limits: Self) -> InUse {
        InUse(limits.0.wrapping_sub(self.0))
    }

    /// The free units in `lane`; negative is debt.
    pub(crate) const fn lane(self, lanes: Lanes, lane: u32) -> i64 {
        let biased = self.0 >> lanes.shift(lane) & lanes.mask();
        biased.wrapping_sub(lanes.bias()).cast_signed()
    }

    /// Whether each lane has as many units in use under `limits` as `request` would give back.
    pub(crate) fn can_give(self, request: Request, limits: Self) -> bool {
        let lanes = request.lanes;
        let units = |lane| (request.ones >> lanes.shift(lane) & lanes.mask()).cast_signed();
        (0..lanes.count()).all(|lane| self.in_use_in(limits, lanes, lane) >= units(lane))
    }

    /// The units in use in `lane` under `limits`; negative when more was given back than taken.
    pub(crate) const fn in_use_in(self, limits: Self, lanes: Lanes, lane: u32) -> i64 {
        limits.lane(lanes, lane).wrapping_sub(self.lane(lanes, lane))
    }

    /// The larger of two limits in each lane.
    pub(crate) fn larger_lanes(self, other: Self, lanes: Lanes) -> Self {
        let pick = |lane| {
            let mask = lanes.mask() << lanes.shift(lane);
            (self.0 & mask).max(other.0 & mask)
        };
        Self((0..lanes.count()).map(pick).fold(0, |word, lane| word | lane))
    }

    /// Whether `lane` lacks the room that `request` asks of it.
    pub(crate) const fn lacks(self, request: Request, lane: u32) -> bool {
        let high = request.lanes.high(lane);
        let next = self.0.wrapping_sub(request.ones);
        let among_all = request.all & high != 0 && next & high == 0;
        let among_any = request.any & high != 0 && next & request.any == 0;
        among_all || among_any
    }
}

/// What is in use in each lane, without a bias.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct InUse(u64);

impl InUse {
    /// Nothing in use.
    pub(crate) const NONE: Self = Self(0);

    /// Whether every lane that `request` takes has a unit in use, so that it can be given back.
    #[inline]
    pub(crate) const fn covers(self, request: Request) -> bool {
        let all = request.lanes.all_high;
        (self.0 | all).wrapping_sub(request.ones) & request.taken == request.taken
    }

    /// Whether no lane is above `peak`'s.
    #[inline]
    pub(crate) const fn is_within(self, peak: Self, lanes: Lanes) -> bool {
        let high = lanes.all_high;
        (peak.0 | high).wrapping_sub(self.0) & high == high
    }

    /// The larger of the two in each lane.
    pub(crate) fn larger_lanes(self, other: Self, lanes: Lanes) -> Self {
        Self(Word(self.0).larger_lanes(Word(other.0), lanes).0)
    }

    /// The units in use in `lane`.
    pub(crate) const fn lane(self, lanes: Lanes, lane: u32) -> u64 {
        self.0 >> lanes.shift(lane) & lanes.mask()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(lanes: Lanes, asked: u32) -> Request {
        (0..lanes.count())
            .filter(|lane| asked & 1 << lane != 0)
            .fold(Request::none(lanes), Request::and)
    }

    #[derive(Clone, Debug)]
    enum Op {
        Take(u32),
        Give(u32),
        Limits([u64; 4]),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            4 => (1..16_u32).prop_map(Op::Take),
            3 => (1..16_u32).prop_map(Op::Give),
            1 => prop::array::uniform4(0..6_u64).prop_map(Op::Limits),
        ];
        prop::collection::vec(op, 0..200)
    }

    proptest! {
        /// The word does what four plain counters with four plain limits do.
        #[test]
        fn agrees_with_plain_counters(count in 1..=4_u32, ops in ops()) {
            let lanes = Lanes::new(count);
            let mut limits = [3_u64; 4];
            let mut used = [0_u64; 4];
            let mut limit_word = Word::free(lanes, &limits);
            let mut word = limit_word;
            for op in ops {
                match op {
                    Op::Take(asked) => {
                        let asked = asked & ((1 << count) - 1);
                        let wanted = (0..4).filter(|lane| asked & 1 << lane != 0);
                        let room = wanted.clone().all(|lane| used[lane] < limits[lane]);
                        let taken = word.take(request(lanes, asked));
                        prop_assert_eq!(taken.is_some(), room);
                        for lane in wanted.clone() {
                            let lacks = word.lacks(request(lanes, asked), u32::try_from(lane)?);
                            prop_assert_eq!(lacks, used[lane] >= limits[lane]);
                        }
                        if let Some(next) = taken {
                            word = next;
                            wanted.for_each(|lane| used[lane] += 1);
                        }
                    }
                    Op::Give(asked) => {
                        let asked = asked & ((1 << count) - 1);
                        let wanted = (0..4).filter(|lane| asked & 1 << lane != 0);
                        let held = wanted.clone().all(|lane| used[lane] > 0);
                        let covers = word.in_use(limit_word).covers(request(lanes, asked));
                        prop_assert_eq!(covers, held);
                        if held {
                            word = word.give(request(lanes, asked));
                            wanted.for_each(|lane| used[lane] -= 1);
                        }
                    }
                    Op::Limits(new) => {
                        let new_word = Word::free(lanes, &new);
                        word = word.change(limit_word, new_word);
                        (limits, limit_word) = (new, new_word);
                    }
                }
                for lane in 0..count {
                    let index = lane as usize;
                    let free = i64::try_from(limits[index])? - i64::try_from(used[index])?;
                    prop_assert_eq!(word.lane(lanes, lane), free);
                    prop_assert_eq!(word.in_use(limit_word).lane(lanes, lane), used[index]);
                }
            }
        }

        #[test]
        fn peaks_are_kept_lane_by_lane(
            count in 1..=4_u32,
            a in prop::array::uniform4(0..30_000_u64),
            b in prop::array::uniform4(0..30_000_u64),
        ) {
            let lanes = Lanes::new(count);
            let full = Word::free(lanes, &[30_000; 4]);
            let used = |units: [u64; 4]| Word::free(lanes, &units.map(|u| 30_000 - u)).in_use(full);
            let (a_used, b_used) = (used(a), used(b));
            let larger = a_used.larger_lanes(b_used, lanes);
            for lane in 0..count {
                let index = lane as usize;
                prop_assert_eq!(larger.lane(lanes, lane), a[index].max(b[index]));
            }
            let within = (0..count as usize).all(|lane| a[lane] <= b[lane]);
            prop_assert_eq!(a_used.is_within(b_used, lanes), within);
        }
    }

    #[test]
    fn a_lane_holds_its_most_and_no_more() {
        for count in 1..=4 {
            let lanes = Lanes::new(count);
            let word = Word::free(lanes, &[u64::MAX; 4]);
            for lane in 0..count {
                assert_eq!(word.lane(lanes, lane), i64::try_from(lanes.most()).unwrap());
            }
        }
    }

    #[test]
    fn one_of_two_lanes_with_room_is_enough() {
        let lanes = Lanes::new(3);
        let ask = Request::none(lanes).and(0).and_either(1, [1, 2]);
        let word = Word::free(lanes, &[5, 0, 1]);
        let word = word.take(ask).expect("the other lane has room");
        assert_eq!(word.lane(lanes, 1), -1);
        let word = word.take(Request::none(lanes).and_either(2, [1, 2])).expect("still within");
        let refused = Request::none(lanes).and_either(2, [1, 2]);
        assert_eq!(word.take(refused), None);
        assert!(word.lacks(refused, 1) && word.lacks(refused, 2) && !word.lacks(refused, 0));
    }
}
