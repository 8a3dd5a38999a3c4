//! A clock that captures cannot break.

/// The longest step forwards that is believed: many times the longest idle time, so that nothing
/// real is lost, and short of the years by which joined captures jump.
pub const STEP_MAX: u64 = 24 * 60 * 60 * SECOND;

/// How far behind the latest frame another may be and still belong to the same recording: capture
/// queues and interfaces deliver a little out of order.
pub const REORDER_MAX: u64 = 10 * SECOND;

/// One second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Where the clock stops, about 584 years after the first frame: early enough that no idle time
/// added to it overflows.
const END: u64 = u64::MAX - 2 * STEP_MAX;

/// Turns timestamps of frames, which jump by years where captures were joined and run backwards
/// where nobody sorted them, into time that passes.
///
/// - A step of more than [`STEP_MAX`] forwards or of more than [`REORDER_MAX`] backwards is the
///   beginning of another recording, or a clock that was set: no time passes at it, and that of
///   the frames after it is counted from it. So no flow ends by such a step, and those of the
///   recording before end at their idle times.
/// - A frame that is less far behind the latest one has the latest one's time.
///
/// Both are counted as clamped. A frame without a timestamp has the time of the frame before it.
///
/// ```
/// use tollgate::capture::{Clock, STEP_MAX};
///
/// let mut clock = Clock::default();
/// assert_eq!(clock.advance(Some(5_000)), 0);
/// assert_eq!(clock.advance(Some(7_000)), 2_000);
/// assert_eq!(clock.advance(Some(6_000)), 2_000);
/// assert_eq!(clock.advance(Some(8_000)), 3_000);
/// assert_eq!(clock.advance(Some(365 * STEP_MAX)), 3_000);
/// assert_eq!(clock.clamped(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Clock {
    /// Time since the first frame.
    now: u64,
    /// The timestamp that stands for `now`.
    latest: Option<u64>,
    clamped: u64,
}

impl Clock {
    /// Takes the next frame's timestamp and returns the time since the first frame. Never less
    /// than before.
    pub fn advance(&mut self, timestamp_ns: Option<u64>) -> u64 {
        let Some(timestamp) = timestamp_ns else { return self.now };
        let latest = *self.latest.get_or_insert(timestamp);
        let (step, behind) = (timestamp.saturating_sub(latest), latest.saturating_sub(timestamp));
        if step <= STEP_MAX {
            self.now = self.now.saturating_add(step).min(END);
        }
        self.clamped += u64::from(step > STEP_MAX || behind > 0);
        if behind == 0 || behind > REORDER_MAX {
            self.latest = Some(timestamp);
        }
        self.now
    }

    /// The time since the first frame.
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// How many timestamps were not taken as they were.
    pub const fn clamped(&self) -> u64 {
        self.clamped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The time after each of `timestamps`, and how many were clamped.
    fn times(timestamps: &[u64]) -> (Vec<u64>, u64) {
        let mut clock = Clock::default();
        let times = timestamps.iter().map(|at| clock.advance(Some(*at))).collect();
        (times, clock.clamped())
    }

    #[test]
    fn believed_steps_are_taken_whole() {
        assert_eq!(times(&[7, 7, 9, 9 + STEP_MAX]), (vec![0, 0, 2, 2 + STEP_MAX], 0));
    }

    #[test]
    fn a_jump_takes_no_time_and_time_goes_on_after_it() {
        let far = 10 + STEP_MAX + 1;
        assert_eq!(times(&[0, 10, far, far + 5]), (vec![0, 10, 10, 15], 1));
        let (base, back) = (STEP_MAX, STEP_MAX - REORDER_MAX - 1);
        assert_eq!(times(&[base, back, back + 5]), (vec![0, 0, 5], 1));
    }

    #[test]
    fn disorder_does_not_add_up() {
        let base = STEP_MAX;
        let late = base - REORDER_MAX;
        assert_eq!(times(&[base, late, base + 1, base - 5, base + 2]), (vec![0, 0, 1, 1, 2], 2));
    }

    #[test]
    fn a_frame_without_a_timestamp_has_the_time_of_the_frame_before() {
        let mut clock = Clock::default();
        assert_eq!(clock.advance(None), 0);
        clock.advance(Some(5));
        assert_eq!(clock.advance(Some(8)), 3);
        assert_eq!((clock.advance(None), clock.clamped()), (3, 0));
    }

    proptest! {
        #[test]
        fn time_never_falls(timestamps in prop::collection::vec(any::<u64>(), 0..50)) {
            let (times, clamped) = times(&timestamps);
            prop_assert!(times.is_sorted());
            prop_assert!(clamped <= times.len() as u64);
        }
    }

    #[test]
    fn the_clock_stops_before_it_overflows() {
        let mut clock = Clock { now: END - 1, latest: Some(0), clamped: 0 };
        assert_eq!(clock.advance(Some(STEP_MAX)), END);
        assert_eq!(clock.advance(Some(2 * STEP_MAX)), END);
    }
}
