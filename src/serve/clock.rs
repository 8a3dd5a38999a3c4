//! The machines' time.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// The time since the start, for a machine that knows no clock; in trials it passes faster.
///
/// It does not run while the computer sleeps, and nobody sets it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
    pace: NonZeroU32,
}

impl Clock {
    pub(super) fn start(pace: NonZeroU32) -> Self {
        Self { start: Instant::now(), pace }
    }

    /// Now, by the machine's time.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed().saturating_mul(self.pace.get())
    }

    /// When it will be `then` by the machine's time.
    ///
    /// Never early: whoever wakes at this instant finds that `now` has reached `then`.
    pub(super) fn instant(&self, then: Duration) -> Instant {
        let wait = then / self.pace.get() + Duration::from_nanos(1);
        // Beyond what the system's clock can say is as good as never.
        self.start.checked_add(wait).unwrap_or(self.start + Duration::from_secs(365 * 86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_wakes_at_the_instant_finds_the_time_reached() {
        for pace in [1, 3, 10, 7_919] {
            let clock = Clock::start(NonZeroU32::new(pace).unwrap());
            for then in [Duration::ZERO, Duration::from_secs(30), Duration::new(10, 1)] {
                tokio::time::sleep_until(clock.instant(then)).await;
                assert!(clock.now() >= then, "{pace}: {then:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_times_as_fast() {
        let clock = Clock::start(NonZeroU32::new(10).unwrap());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), Duration::from_secs(30));
    }
}
