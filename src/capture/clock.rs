//! A clock that captures cannot break.

/// The longest step forwards that is believed: more than any idle time, so that every flow of
/// before is closed by it, and little enough that the duration stays that of the traffic.
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
/// where they were sorted by nobody, into time that passes.
///
/// - A timestamp a little behind the latest one ([`REORDER_MAX`]) is taken as the latest one.
/// - One further behind begins another recording: no time passes at it, and the time of those that
///   follow is counted from it. Flows of the recording before end at their idle times.
/// - One more than [`STEP_MAX`] ahead is taken as [`STEP_MAX`] ahead, and the time of those that
///   follow is counted from it.
///
/// The three are counted as clamped. A frame without a timestamp has that of the frame before it.
///
/// ```
/// use tollgate::capture::{Clock, STEP_MAX};
///
/// let mut clock = Clock::default();
/// assert_eq!(clock.advance(Some(5_000)), 0);
/// assert_eq!(clock.advance(Some(7_000)), 2_000);
/// assert_eq!(clock.advance(Some(6_000)), 2_000);
/// assert_eq!(clock.advance(Some(7_000 + 365 * STEP_MAX)), 2_000 + STEP_MAX);
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
        self.now = self.now.saturating_add(step.min(STEP_MAX)).min(END);
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
