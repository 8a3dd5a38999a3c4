//! How long a backup may serve (G54 – G65).

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a backup may serve when the main server was never up for longer (G59).
pub const FIRST_BUDGET: Duration = Duration::from_secs(5 * DAY.as_secs());

/// What it may serve at most (G54).
pub const FULL_BUDGET: Duration = Duration::from_secs(30 * DAY.as_secs());

/// After so many days on end the operator is told (G56).
const TOLD_AFTER: [u64; 2] = [15, 30];

/// The stored figure is within this of the true one, on the side of less.
const SAVE_STEP: Duration = Duration::from_secs(60);

/// What is left of a backup's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// For how much longer it may serve.
    pub remaining: Duration,
    /// For how long it has served since the main server was up.
    pub served: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { remaining: FIRST_BUDGET, served: Duration::ZERO }
    }
}

/// What serving brought about.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Spent {
    /// A day fewer is left: so many.
    pub(super) days_left: Option<u64>,
    /// It has served for 15 or 30 days.
    pub(super) served: Option<u64>,
    /// Nothing is left.
    pub(super) over: bool,
}

impl Budget {
    /// The main server was up for so long (G60, G63).
    pub(super) fn recharge(&mut self, up: Duration) {
        self.remaining = (self.remaining + up).min(FULL_BUDGET);
        self.served = Duration::ZERO;
    }

    /// The backup served for so long.
    pub(super) fn spend(&mut self, served: Duration) -> Spent {
        let before = *self;
        let served = served.min(self.remaining);
        self.remaining -= served;
        self.served += served;
        let crossed = |&&days: &&u64| days_of(before.served) < days && days <= days_of(self.served);
        let left = days_of(self.remaining);
        Spent {
            days_left: (days_of(before.remaining) != left).then_some(left),
            served: TOLD_AFTER.iter().rfind(crossed).copied(),
            over: self.remaining.is_zero(),
        }
    }

    /// What to store: never more than there is, so that a restart gives nothing back.
    pub(super) fn rounded(self, serving: bool) -> Self {
        let ahead = if serving { SAVE_STEP } else { Duration::ZERO };
        let left = self.remaining.saturating_sub(ahead).as_secs();
        Self {
            remaining: Duration::from_secs(left - left % SAVE_STEP.as_secs()),
            served: Duration::from_secs(self.served.as_secs()),
        }
    }
}

/// Whole days.
pub(super) const fn days_of(duration: Duration) -> u64 {
    duration.as_secs() / DAY.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the 9.1 guide tells of the operational limit, page 5-29 (G59 – G64).
    #[test]
    fn days_are_spent_and_come_back() {
        let mut budget = Budget::default();
        assert_eq!(budget.remaining, DAY * 5);
        budget.recharge(DAY * 24);
        assert_eq!(budget.remaining, DAY * 29);
        budget.recharge(DAY * 2);
        assert_eq!(budget.remaining, FULL_BUDGET);
        budget.spend(DAY * 20);
        assert_eq!(budget.remaining, DAY * 10);
        let mut again = budget;
        budget.recharge(DAY * 5);
        assert_eq!(budget.remaining, DAY * 15);
        again.recharge(DAY * 20);
        assert_eq!(again.remaining, FULL_BUDGET);
    }

    #[test]
    fn fifteen_and_thirty_days_are_told_once_each() {
        let mut budget = Budget { remaining: FULL_BUDGET, served: Duration::ZERO };
        let hours = (1..=720).filter_map(|hour| {
            let spent = budget.spend(Duration::from_secs(60 * 60));
            assert_eq!(spent.over, hour == 720);
            spent.served.map(|days| (hour, days))
        });
        assert_eq!(hours.collect::<Vec<_>>(), [(15 * 24, 15), (30 * 24, 30)]);
    }

    #[test]
    fn what_is_stored_is_never_more_than_there_is() {
        for seconds in 0..1_000 {
            let remaining = Duration::from_secs(seconds);
            let budget = Budget { remaining, served: Duration::ZERO };
            assert!(budget.rounded(false).remaining <= remaining);
            assert!(budget.rounded(true).remaining <= remaining.saturating_sub(SAVE_STEP));
        }
    }
}
