//! A unit's system clock, and what it has to do with its licences.

use std::time::Duration;

use crate::catalogue::Guide;

/// A time on a unit's system clock, which people set forward and back.
///
/// ```
/// use std::time::Duration;
/// use tollgate::license::ring::Clock;
///
/// let installed = Clock::from_unix(1_300_000_000);
/// let hour = Duration::from_secs(3600);
/// assert_eq!(installed.plus(hour).since(installed), Some(hour));
/// assert_eq!(installed.minus(hour).since(installed), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Clock {
    /// Nanoseconds since 1970 began in UTC; negative before.
    nanos: i128,
}

impl Clock {
    /// The time so many seconds after 1970 began in UTC.
    pub const fn from_unix(seconds: i64) -> Self {
        Self { nanos: seconds as i128 * NANOS }
    }

    /// The time `duration` later.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_add(nanos(duration)) }
    }

    /// The time `duration` earlier.
    #[must_use]
    pub const fn minus(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_sub(nanos(duration)) }
    }

    /// How much later this is than `earlier`, at most [`Duration::MAX`], or none where it is not.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let nanos = Some(self.nanos.saturating_sub(earlier.nanos)).filter(|nanos| *nanos >= 0)?;
        let rest = u32::try_from(nanos % NANOS).ok()?;
        let seconds = u64::try_from(nanos / NANOS);
        Some(seconds.map_or(Duration::MAX, |seconds| Duration::new(seconds, rest)))
    }

    /// Nanoseconds since 1970 began in UTC, for storage.
    pub const fn as_nanos(self) -> i128 {
        self.nanos
    }

    /// The inverse of [`Clock::as_nanos`].
    pub const fn from_nanos(nanos: i128) -> Self {
        Self { nanos }
    }
}

const NANOS: i128 = 1_000_000_000;

const fn nanos(duration: Duration) -> i128 {
    duration.as_secs() as i128 * NANOS + duration.subsec_nanos() as i128
}

/// When the timer of an active time-based licence counts down: the guides differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockPolicy {
    /// 9.1 guide: also while the unit is shut down (B15), and at a reload the system clock is held
    /// against the time of installation (B18, B19).
    SystemClock,
    /// PAK guide: while the unit runs; the system clock has no effect (B16, B22).
    Uptime,
}

impl ClockPolicy {
    /// The policy of a guide.
    pub const fn of(guide: Guide) -> Self {
        match guide {
            Guide::V91 => Self::SystemClock,
            Guide::Pak => Self::Uptime,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn beyond_what_a_duration_can_say() {
        let (first, last) = (Clock::from_nanos(i128::MIN), Clock::from_nanos(i128::MAX));
        assert_eq!(last.since(first), Some(Duration::MAX));
        assert_eq!(first.since(last), None);
        assert_eq!(Clock::from_unix(0).since(Clock::from_unix(2)), None);
        let far = Clock::default().plus(Duration::MAX).plus(Duration::from_secs(1));
        assert_eq!(far.since(Clock::default()), Some(Duration::MAX));
    }

    proptest! {
        #[test]
        fn later_and_earlier(at: i64, seconds: u64, nanos in 0..1_000_000_000_u32) {
            let (clock, span) = (Clock::from_unix(at), Duration::new(seconds, nanos));
            prop_assert_eq!(clock.plus(span).since(clock), Some(span));
            prop_assert_eq!(clock.minus(span).plus(span), clock);
            prop_assert_eq!(clock.minus(span).since(clock).is_some(), span.is_zero());
        }
    }
}
