//! Threads that are measured: pinned, started together, stopped by each other.
//!
//! # Algorithm
//!
//! Each thread says that it is at the line and spins until all are. A [`Tally`] is a number that
//! one thread writes and others read; a [`Flag`] is raised once, at the latest when its raiser is
//! gone, so that nobody waits for a thread that has panicked.
//!
//! # Invariants
//!
//! * A tally has one writer.
//!
//! # Orderings
//!
//! What a thread did before it adds to a tally, comes to the line or raises a flag is seen by who
//! reads the new value: Release and Acquire.
//!
//! # Progress
//!
//! Waiting spins and, after a while, lets others run: there may be fewer processors than threads.

use std::fs;
use std::hint::spin_loop;
use std::ops::AddAssign;
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;

use crate::sync::{AtomicU64, CachePadded, Ordering};

/// The processors that threads are pinned to, one each; from the first again where there are more
/// threads than processors.
#[derive(Clone, Debug)]
pub struct Cores(Vec<CoreId>);

impl Cores {
    /// Those that this process may run on.
    pub fn all() -> Self {
        Self(core_affinity::get_core_ids().unwrap_or_default())
    }

    /// How many, at least one.
    pub fn count(&self) -> usize {
        self.0.len().max(1)
    }

    /// Pins the calling thread. Where the system does not allow it, the thread runs anywhere.
    pub(super) fn pin(&self, thread: usize) {
        if let Some(core) = self.0.get(thread % self.count()) {
            core_affinity::set_for_current(*core);
        }
    }
}

/// Spins until `done`, letting others run after a while.
fn wait_until(done: impl Fn() -> bool) {
    const SPINS: u32 = 1 << 14;
    let mut spins = 0;
    while !done() {
        if spins < SPINS {
            spins += 1;
            spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

/// A number that one thread raises and others read.
#[derive(Debug)]
pub(super) struct Tally(CachePadded<AtomicU64>);

impl Tally {
    pub(super) fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    #[inline]
    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Raised once, for good.
#[derive(Debug)]
pub(super) struct Flag(Tally);

impl Flag {
    pub(super) fn new() -> Self {
        Self(Tally::new())
    }

    #[inline]
    pub(super) fn is_raised(&self) -> bool {
        self.0.get() != 0
    }

    /// Raises the flag when what this returns is dropped, in a panic too.
    pub(super) const fn raised_at_the_end(&self) -> Raise<'_> {
        Raise { flag: self, only_in_a_panic: false }
    }

    /// Raises the flag when the thread panics while it has what this returns.
    pub(super) const fn raised_in_a_panic(&self) -> Raise<'_> {
        Raise { flag: self, only_in_a_panic: true }
    }

    /// Waits for `done` by other threads, all of which raise the flag in a panic.
    pub(super) fn wait_for(&self, done: impl Fn() -> bool) {
        wait_until(|| done() || self.is_raised());
        assert!(done(), "the thread that was waited for is gone");
    }
}

pub(super) struct Raise<'a> {
    flag: &'a Flag,
    only_in_a_panic: bool,
}

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        if !self.only_in_a_panic || thread::panicking() {
            self.flag.0.set(1);
        }
    }
}

/// How long something took, and how much of that other work on the processor took away.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Span {
    pub(super) took: Duration,
    pub(super) waited: Duration,
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        self.took += other.took;
        self.waited += other.waited;
    }
}

/// What one thread did.
pub(super) struct Lap<H, R> {
    /// From the start to the end of its work; what it waited also before the start.
    span: Span,
    pub(super) result: R,
    /// Kept so that nobody's handle is dropped while others are timed.
    _handle: H,
}

/// Runs `work` with each handle on a thread of its own, all started together.
pub(super) fn race<H: Send, R: Send>(
    cores: &Cores,
    handles: Vec<H>,
    work: impl Fn(usize, H) -> (H, R) + Sync,
) -> Vec<Lap<H, R>> {
    let threads = handles.len() as u64;
    let line = AtomicU64::new(0);
    let (line, work) = (&line, &work);
    thread::scope(|scope| {
        let run = |(thread, handle)| {
            scope.spawn(move || {
                cores.pin(thread);
                let before = run_delay();
                line.fetch_add(1, Ordering::AcqRel);
                wait_until(|| line.load(Ordering::Acquire) == threads);
                let begin = Instant::now();
                let (handle, result) = work(thread, handle);
                let took = begin.elapsed();
                let waited = run_delay().saturating_sub(before);
                Lap { span: Span { took, waited }, result, _handle: handle }
            })
        };
        let threads: Vec<_> = handles.into_iter().enumerate().map(run).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    })
}

/// The time of the slowest, and the longest that one of them waited.
pub(super) fn slowest<H, R>(laps: &[Lap<H, R>]) -> Span {
    let longest = |time: fn(&Span) -> Duration| laps.iter().map(|lap| time(&lap.span)).max();
    Span {
        took: longest(|span| span.took).unwrap_or_default(),
        waited: longest(|span| span.waited).unwrap_or_default(),
    }
}

/// How long the calling thread could have run and did not, because other work had the processor.
/// Nothing where the system does not tell.
fn run_delay() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}
