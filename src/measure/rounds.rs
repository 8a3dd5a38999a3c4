//! Contestants take turns, round by round; the figure of each is its median.

use std::time::Duration;

use super::case::{Case, Trial};
use super::contestant::Contestant;
use super::crew::Span;
use super::site::Site;

/// One round of one contestant.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Nanoseconds an operation of each thread.
    pub nanos: f64,
    /// How many units were admitted, of how many that were allowed, where the case counts them.
    pub admitted: Option<(u64, u64)>,
    /// Whether other work took a processor away for more than a twentieth of the time.
    ///
    /// Then the threads may not even have met: one ran while the other waited.
    pub disturbed: bool,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days")]
    pub(super) fn of(span: Span, operations: u64) -> Self {
        let nanos = span.took.as_nanos() as f64 / operations as f64;
        Self { nanos, admitted: None, disturbed: span.waited * 20 > span.took }
    }
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of every contestant.
    pub rounds: usize,
    /// How long a round should take. Short ones are seldom interrupted by other work, and the
    /// median passes over those that are.
    pub round: Duration,
    /// The most operations of each thread in a round.
    pub most: u64,
}

impl Effort {
    /// What figures are published from.
    pub const FULL: Self =
        Self { rounds: 21, round: Duration::from_millis(12), most: 1_000_000_000 };
    /// What is good enough while something is changed.
    pub const QUICK: Self = Self { rounds: 7, round: Duration::from_millis(4), ..Self::FULL };
    /// Whether everything runs at all.
    pub const TEST: Self = Self { rounds: 1, round: Duration::ZERO, most: 300 };
}

/// A contestant whose loops are compiled for it.
#[derive(Clone, Copy, Debug)]
pub struct Entrant {
    /// What it is called in tables.
    pub name: &'static str,
    /// Whether it admits as many units as the limit says.
    pub exact: bool,
    run: fn(Case, &Trial<'_>) -> Option<Sample>,
}

impl Entrant {
    /// The contestant `C`.
    pub fn of<C: Contestant>() -> Self {
        Self { name: C::NAME, exact: C::EXACT, run: |case, trial| case.run::<C>(trial) }
    }

    /// One round, tried again where other work on the machine disturbed it.
    fn undisturbed(&self, case: Case, trial: &Trial<'_>) -> Option<Sample> {
        const TRIES: usize = 5;
        // Who publishes has a thread of its own. Threads without a processor each disturb
        // themselves, and that is what is measured.
        let threads = trial.threads + usize::from(case == Case::Republish);
        let tries = if threads > trial.site.cores.count() { 1 } else { TRIES };
        let mut sample = (self.run)(case, trial)?;
        for _ in 1..tries {
            if !sample.disturbed {
                break;
            }
            sample = (self.run)(case, trial)?;
        }
        Some(sample)
    }

    /// How many operations take as long as a round should.
    fn operations(&self, case: Case, trial: &Trial<'_>, effort: Effort) -> u64 {
        const FIRST: u64 = 1_000;
        let mut operations = FIRST.min(effort.most);
        // The first runs are short and tell little; each tells how much longer the next can be.
        while operations < effort.most {
            let Some(sample) = (self.run)(case, &Trial { operations, ..*trial }) else { break };
            let fit = enough(effort.round, sample.nanos).min(effort.most);
            if fit <= operations * 4 {
                return fit.max(FIRST);
            }
            operations = fit.min(operations * 64);
        }
        operations
    }
}

/// How many operations of so many nanoseconds take `round`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an estimate; float casts saturate"
)]
fn enough(round: Duration, nanos: f64) -> u64 {
    (round.as_nanos() as f64 / nanos.max(0.01)) as u64
}

/// What one contestant took in one case on so many threads.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The contestant.
    pub name: &'static str,
    /// Nanoseconds an operation of each thread in every round, from lowest to highest.
    pub nanos: Vec<f64>,
    /// In which round the fewest and the most units were admitted, and how many were allowed.
    pub admitted: Option<[u64; 3]>,
    /// Rounds that other work on the machine disturbed, although they were tried again.
    pub disturbed: usize,
}

impl Figure {
    /// The median round.
    pub fn median(&self) -> f64 {
        let half = self.nanos.len() / 2;
        if self.nanos.len().is_multiple_of(2) {
            f64::midpoint(self.nanos[half - 1], self.nanos[half])
        } else {
            self.nanos[half]
        }
    }

    /// The lowest and the highest round.
    pub fn spread(&self) -> (f64, f64) {
        (self.nanos[0], self.nanos[self.nanos.len() - 1])
    }

    fn add(&mut self, sample: Sample) {
        let place = self.nanos.partition_point(|nanos| *nanos < sample.nanos);
        self.nanos.insert(place, sample.nanos);
        self.disturbed += usize::from(sample.disturbed);
        if let Some((admitted, limit)) = sample.admitted {
            let [least, most, _] = self.admitted.unwrap_or([admitted, admitted, limit]);
            self.admitted = Some([least.min(admitted), most.max(admitted), limit]);
        }
    }
}

/// Runs one case on so many threads: each round every entrant once, beginning with another one
/// each time. Who cannot run the case is left out.
///
/// A ramp is as long as its limit: [`Case::within`] makes it fit the effort.
/// Calls `step` after every round of every entrant.
pub fn compare(
    case: Case,
    entrants: &[Entrant],
    (threads, site): (usize, &Site),
    effort: Effort,
    mut step: impl FnMut(),
) -> Vec<Figure> {
    let trial = Trial { threads, operations: 1, site };
    let runs = |entrant: &&Entrant| (entrant.run)(case, &trial).is_some();
    let entrants: Vec<_> = entrants.iter().filter(runs).collect();
    let with_operations = |entrant: &&Entrant| entrant.operations(case, &trial, effort);
    let operations: Vec<_> = entrants.iter().map(with_operations).collect();
    let figure = |entrant: &&Entrant| Figure {
        name: entrant.name,
        nanos: Vec::with_capacity(effort.rounds),
        admitted: None,
        disturbed: 0,
    };
    let mut figures: Vec<_> = entrants.iter().map(figure).collect();
    for round in 0..effort.rounds {
        for turn in 0..entrants.len() {
            let place = (round + turn) % entrants.len();
            let trial = Trial { operations: operations[place], ..trial };
            if let Some(sample) = entrants[place].undisturbed(case, &trial) {
                figures[place].add(sample);
            }
            step();
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_with_its_spread() {
        let mut figure = Figure { name: "x", nanos: Vec::new(), admitted: None, disturbed: 0 };
        for (nanos, admitted) in [(3.0, 3), (1.0, 1), (9.0, 9), (2.0, 2)] {
            figure.add(Sample { nanos, admitted: Some((admitted, 9)), disturbed: admitted == 9 });
        }
        assert!((figure.median() - 2.5).abs() < 1e-9);
        assert_eq!(figure.spread(), (1.0, 9.0));
        assert_eq!((figure.admitted, figure.disturbed), (Some([1, 9, 9]), 1));
    }

    #[test]
    fn a_round_is_as_long_as_it_should_be() {
        assert_eq!(enough(Duration::from_millis(1), 10.0), 100_000);
        assert_eq!(enough(Duration::ZERO, 10.0), 0);
    }
}
