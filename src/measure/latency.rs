//! How long single admissions and publications take, from the median to the worst.
//!
//! An admission takes less than looking at the clock does, so every figure of an admission
//! contains one look at it. What that takes on its own is measured by [`clock`], and nothing is
//! subtracted.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::case::{FAR, handles, thousand_times_a_second};
use super::contestant::{Contestant, Handle, TollgateConnections};
use super::crew::{Cores, Flag, race};
use crate::gate::Fence;

/// Nanoseconds, by how often each was seen.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

/// The percentiles that are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Percentiles {
    /// How many were measured.
    pub count: u64,
    /// Half took no longer.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// 99.99 %.
    pub p9999: u64,
    /// The longest.
    pub max: u64,
}

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

    /// The percentiles that are told.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.0.len(),
            p50: self.at(50.0),
            p90: self.at(90.0),
            p99: self.at(99.0),
            p999: self.at(99.9),
            p9999: self.at(99.99),
            max: self.0.max(),
        }
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
    (threads, cores): (usize, &Cores),
    samples: u64,
    republish: bool,
) -> Latency {
    let contestant = C::new(FAR, threads);
    let handles = handles(&contestant, threads);
    let done = Flag::new();
    let laps = thread::scope(|scope| {
        let _raise = done.raised_at_the_end();
        if republish {
            scope.spawn(|| {
                cores.pin(threads);
                thousand_times_a_second(&done, |turn| {
                    contestant.set_limit(FAR - turn % 2);
                });
            });
        }
        race(cores, handles, |_, handle| timed_admissions(handle, samples))
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

/// Publications of a licence 1,000 times a second while `threads` workers admit and release, and
/// bare heavy fences in turn with them.
pub fn publications((threads, cores): (usize, &Cores), samples: u64) -> [Latency; 2] {
    let contestant = TollgateConnections::new(FAR, threads);
    let handles = handles(&contestant, threads);
    let fence = Fence::best();
    let done = Flag::new();
    let measure = || {
        let _raise = done.raised_at_the_end();
        let licences = [0, 1].map(|less| TollgateConnections::licence_for(FAR - less));
        let [mut published, mut fenced] = [Latency::new(), Latency::new()];
        let enough = Flag::new();
        thousand_times_a_second(&enough, |turn| {
            let licence = licences[usize::from(turn % 2 == 0)].clone();
            let begin = Instant::now();
            let result = contestant.gate().publish(licence);
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
    };
    thread::scope(|scope| {
        let measured = scope.spawn(measure);
        race(cores, handles, |_, mut handle| {
            while !done.is_raised() {
                for _ in 0..64 {
                    let unit = black_box(handle.admit()).expect("far below the limit");
                    handle.release(unit);
                }
            }
            (handle, ())
        });
        measured.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
