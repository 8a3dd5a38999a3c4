//! How long single admissions and publications take, from the median to the worst.
//!
//! An admission takes less than looking at the clock does, so every figure of an admission
//! contains one look at it. What that takes on its own is measured by [`clock`], and nothing is
//! subtracted.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::case::{Trial, handles, republished, thousand_times_a_second};
use super::contestant::{Contestant, Handle, TollgateConnections};
use super::crew::{Flag, race};
use super::site::Site;
use crate::gate::{Fence, Gate};
use crate::license::RunningLicense;

/// Nanoseconds, by how often each was seen.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Latency {
    /// Up to ten seconds, to three digits: 200 KiB.
    fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("bounds in order"))
    }

    #[inline]
    fn add(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn merge(mut self, other: &Self) -> Self {
        self.0.add(&other.0).expect("the same bounds");
        self
    }

    /// The nanoseconds that `percentile` of the measured did not exceed.
    pub fn at(&self, percentile: f64) -> u64 {
        self.0.value_at_percentile(percentile)
    }

    /// How many were measured.
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

/// Looks at the clock with nothing in between.
pub fn clock(samples: u64) -> Latency {
    let mut latency = Latency::new();
    for _ in 0..samples {
        let begin = Instant::now();
        latency.add(begin.elapsed());
    }
    latency
}

/// Single admissions far below the limit, each released before the next, on `threads` threads;
/// with the limit changed 1,000 times a second where `republish` says so.
pub fn admissions<C: Contestant>(
    (threads, site): (usize, &Site),
    samples: u64,
    republish: bool,
) -> Latency {
    let trial = Trial { threads, operations: samples, site };
    let far = trial.far();
    let contestant = C::new(&trial.terms(far));
    let handles = handles(&contestant, threads);
    let done = Flag::new();
    let laps = thread::scope(|scope| {
        let _raise = done.raised_at_the_end();
        if republish {
            scope.spawn(|| {
                site.cores.pin(threads);
                thousand_times_a_second(&done, |turn| {
                    contestant.set_limit(republished(far, turn));
                });
            });
        }
        race(&site.cores, handles, |_, handle| timed_admissions(handle, samples))
    });
    laps.iter().fold(Latency::new(), |all, lap| all.merge(&lap.result))
}

fn timed_admissions<H: Handle>(mut handle: H, samples: u64) -> (H, Latency) {
    let mut latency = Latency::new();
    for _ in 0..samples {
        let begin = Instant::now();
        let unit = black_box(handle.admit());
        latency.add(begin.elapsed());
        handle.release(unit.expect("far below the limit"));
    }
    (handle, latency)
}

/// What is published while workers are busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Publication {
    /// All that the model allows, and a quarter of it.
    Ample,
    /// All that the model allows, and 100: every second publication takes back all shares, and
    /// what follows it gives out new ones.
    Scarce,
}

/// Publications of a licence 1,000 times a second while `threads` workers admit and release, and
/// bare heavy fences in turn with them.
pub fn publications(
    (threads, site): (usize, &Site),
    what: Publication,
    samples: u64,
) -> [Latency; 2] {
    let trial = Trial { threads, operations: samples, site };
    let far = trial.far();
    let contestant = TollgateConnections::new(&trial.terms(far));
    let handles = handles(&contestant, threads);
    let lowered = if what == Publication::Ample { far / 4 } else { 100 };
    let licences = [far, lowered].map(|limit| TollgateConnections::license(site.entry, limit));
    let done = Flag::new();
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let _raise = done.raised_at_the_end();
            timed_publications(contestant.gate(), &licences, samples)
        });
        race(&site.cores, handles, |_, mut handle| {
            while !done.is_raised() {
                for _ in 0..64 {
                    let unit = black_box(handle.admit()).expect("fewer in use than the limit");
                    handle.release(unit);
                }
            }
            (handle, ())
        });
        publisher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn timed_publications(gate: &Gate, licences: &[RunningLicense; 2], samples: u64) -> [Latency; 2] {
    let [mut published, mut fenced] = [Latency::new(), Latency::new()];
    let (enough, fence) = (Flag::new(), Fence::best());
    thousand_times_a_second(&enough, |turn| {
        let license = licences[usize::from(turn.is_multiple_of(2))].clone();
        let begin = Instant::now();
        let result = gate.publish(license);
        published.add(begin.elapsed());
        assert!(result.is_ok(), "the same model");
        let begin = Instant::now();
        fence.heavy();
        fenced.add(begin.elapsed());
        if turn + 1 >= samples {
            drop(enough.raised_at_the_end());
        }
    });
    [published, fenced]
}
