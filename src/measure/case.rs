//! What is measured: one loop a case, the same for every contestant.

use std::hint::black_box;
use std::mem::{ManuallyDrop, forget};
use std::thread;
use std::time::{Duration, Instant};

use super::contestant::{BURST, Contestant, Handle, Terms, share};
use super::crew::{Flag, Span, Tally, race, slowest};
use super::packets;
use super::rounds::Sample;
use super::site::Site;

/// A limit that every model allows.
const LITTLE: u64 = 10_000;

/// One loop over handles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Admit and release, far below the limit, in a tight loop: the optimiser may keep what a
    /// handle holds in registers.
    Steady,
    /// The same with the handle and the unit in memory between operations, as in a program that
    /// does something else in between.
    SteadyInMemory,
    /// From empty until everybody is refused.
    Ramp {
        /// The limit.
        limit: u64,
    },
    /// A full counter is asked.
    Refusal,
    /// One thread releases what all the others want: each unit that it gives back is taken by a
    /// thread that floods a full counter. The releaser gives back a few at a time and waits, off
    /// the clock, until they are taken.
    ReleaseUnderFlood,
    /// Admit and release while 100 units are free.
    LastUnits,
    /// One thread only admits, another only releases.
    Asymmetric,
    /// 32 units are admitted at once and given back at once.
    Burst,
    /// Admit and release while another thread changes the limit 1,000 times a second.
    Republish,
    /// Packets are parsed, hashed and looked up in a flow table; a flow is admitted with its first
    /// packet and released with its last.
    Packets,
    /// Admit and release of what takes a unit of two limits.
    TwoLimits,
}

/// How one round of a case is run.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// How many threads.
    pub threads: usize,
    /// The least operations that each thread does.
    pub operations: u64,
    /// Where and for what it is measured.
    pub site: &'a Site,
}

impl Trial<'_> {
    pub(super) fn terms(&self, limit: u64) -> Terms {
        Terms { limit, threads: self.threads, entry: self.site.entry }
    }

    /// What the model allows, which no loop of pairs comes near.
    pub(super) fn far(&self) -> u64 {
        self.site.connections()
    }
}

impl Case {
    /// Every case, with the two ramps.
    pub const ALL: [Self; 12] = [
        Self::Steady,
        Self::SteadyInMemory,
        Self::Ramp { limit: 10_000_000 },
        Self::Ramp { limit: 10_000 },
        Self::Refusal,
        Self::ReleaseUnderFlood,
        Self::LastUnits,
        Self::Asymmetric,
        Self::Burst,
        Self::Republish,
        Self::Packets,
        Self::TwoLimits,
    ];

    /// What it is called in tables and on the command line.
    pub fn name(self) -> String {
        match self {
            Self::Steady => "steady",
            Self::SteadyInMemory => "steady-in-memory",
            Self::Ramp { limit } => return format!("ramp-{limit}"),
            Self::Refusal => "refusal",
            Self::ReleaseUnderFlood => "release-under-flood",
            Self::LastUnits => "last-100",
            Self::Asymmetric => "asymmetric",
            Self::Burst => "burst-32",
            Self::Republish => "republish",
            Self::Packets => "packets",
            Self::TwoLimits => "two-limits",
        }
        .to_owned()
    }

    /// What a figure is the time of.
    pub const fn operation(self) -> &'static str {
        match self {
            Self::Steady
            | Self::SteadyInMemory
            | Self::LastUnits
            | Self::Republish
            | Self::TwoLimits => "admit + release",
            Self::Ramp { .. } => "admit",
            Self::Refusal => "refused attempt",
            Self::ReleaseUnderFlood => "release",
            Self::Asymmetric => "admit here, release there",
            Self::Burst => "admit 32 + release 32",
            Self::Packets => "packet",
        }
    }

    /// The same with a ramp that `most` operations of each thread can climb.
    #[must_use]
    pub const fn within(self, most: u64) -> Self {
        match self {
            Self::Ramp { limit } if limit > most => Self::Ramp { limit: most },
            case => case,
        }
    }

    /// Runs one round, or none where this contestant or this number of threads cannot.
    pub fn run<C: Contestant>(self, trial: &Trial<'_>) -> Option<Sample> {
        match self {
            Self::Steady => Some(pairs::<C>(trial, C::Handle::pairs)),
            Self::SteadyInMemory => Some(pairs::<C>(trial, memory_loop)),
            Self::Ramp { limit } => Some(ramp::<C>(trial, limit)),
            Self::Refusal => Some(refusal::<C>(trial)),
            Self::ReleaseUnderFlood => release_under_flood::<C>(trial),
            Self::LastUnits => Some(last_units::<C>(trial)),
            Self::Asymmetric => asymmetric::<C>(trial),
            Self::Burst => Some(pairs::<C>(trial, burst_loop)),
            Self::Republish => republish::<C>(trial),
            Self::Packets => Some(packets::run::<C>(trial)),
            Self::TwoLimits => Some(pairs_below::<C>(trial, LITTLE, pair_loop)),
        }
    }
}

pub(super) fn handles<C: Contestant>(contestant: &C, threads: usize) -> Vec<C::Handle> {
    (0..threads).map(|thread| contestant.handle(thread)).collect()
}

/// Runs a loop on a handle that is a local of the thread. Nobody else has its address, not even a
/// panic that would drop it, so that what the loop uses of it can stay in registers.
#[inline(always)]
fn on_local<H, R>(handle: H, work: impl FnOnce(&mut H) -> R) -> (H, R) {
    let mut handle = ManuallyDrop::new(handle);
    let result = work(&mut handle);
    (ManuallyDrop::into_inner(handle), result)
}

#[inline(always)]
pub(super) fn pair_loop<H: Handle>(handle: &mut H, operations: u64) {
    for _ in 0..operations {
        let unit = handle.admit();
        let Some(unit) = black_box_verdict(unit) else { panic!("refused below the limit") };
        handle.release(unit);
    }
}

/// The optimiser does not know the verdict; it may know the unit.
#[inline]
fn black_box_verdict<U>(unit: Option<U>) -> Option<U> {
    if black_box(unit.is_some()) { unit } else { None }
}

fn memory_loop<H: Handle>(handle: &mut H, operations: u64) {
    for _ in 0..operations {
        let Some(unit) = black_box(handle.admit()) else { panic!("refused below the limit") };
        black_box(&mut *handle);
        handle.release(unit);
        black_box(&mut *handle);
    }
}

#[inline(always)]
fn burst_loop<H: Handle>(handle: &mut H, operations: u64) {
    for _ in 0..operations {
        assert_eq!(black_box(handle.burst()), BURST as u64, "refused below the limit");
    }
}

fn pairs<C: Contestant>(trial: &Trial<'_>, work: impl Fn(&mut C::Handle, u64) + Sync) -> Sample {
    pairs_below::<C>(trial, trial.far(), work)
}

fn pairs_below<C: Contestant>(
    trial: &Trial<'_>,
    limit: u64,
    work: impl Fn(&mut C::Handle, u64) + Sync,
) -> Sample {
    let contestant = C::new(&trial.terms(limit));
    let handles = handles(&contestant, trial.threads);
    let laps = race(&trial.site.cores, handles, |_, handle| {
        on_local(handle, |handle| work(handle, trial.operations))
    });
    Sample::of(slowest(&laps), trial.operations)
}

/// Admits `units`, for good.
#[inline(always)]
fn keep<H: Handle>(handle: &mut H, units: u64) -> u64 {
    let mut admitted = 0;
    while admitted < units {
        let Some(unit) = handle.admit() else { break };
        forget(unit);
        admitted += 1;
    }
    admitted
}

/// One after another, on fresh contestants, until there were enough operations.
fn ramp<C: Contestant>(trial: &Trial<'_>, limit: u64) -> Sample {
    let each = limit.div_ceil(trial.threads as u64);
    let times = (trial.operations / each).max(1);
    let (mut span, mut admitted) = (Span::default(), 0);
    for _ in 0..times {
        let contestant = C::new(&trial.terms(limit));
        let handles = handles(&contestant, trial.threads);
        let laps = race(&trial.site.cores, handles, |_, handle: C::Handle| {
            on_local(handle, |handle| keep(handle, u64::MAX))
        });
        span += slowest(&laps);
        let of_all: u64 = laps.iter().map(|lap| lap.result).sum();
        assert!(of_all == limit || !C::EXACT, "{}: {of_all} admitted of {limit}", C::NAME);
        admitted = of_all;
    }
    Sample { admitted: Some((admitted, limit)), ..Sample::of(span, each * times) }
}

fn refusal<C: Contestant>(trial: &Trial<'_>) -> Sample {
    let contestant = C::new(&trial.terms(LITTLE));
    let mut handles = handles(&contestant, trial.threads);
    for handle in &mut handles {
        keep(handle, u64::MAX);
    }
    let laps = race(&trial.site.cores, handles, |_, handle: C::Handle| {
        on_local(handle, |handle| {
            for _ in 0..trial.operations {
                assert!(!black_box(handle.admit().is_some()), "admitted beyond the limit");
            }
        })
    });
    Sample::of(slowest(&laps), trial.operations)
}

fn last_units<C: Contestant>(trial: &Trial<'_>) -> Sample {
    let contestant = C::new(&trial.terms(LITTLE));
    let mut handles = handles(&contestant, trial.threads);
    for (thread, handle) in handles.iter_mut().enumerate() {
        let units = share(LITTLE - 100, trial.threads, thread);
        assert_eq!(keep(handle, units), units, "refused below the limit");
    }
    let laps = race(&trial.site.cores, handles, |_, handle| {
        on_local(handle, |handle| pair_loop(handle, trial.operations))
    });
    Sample::of(slowest(&laps), trial.operations)
}

/// What a thread does while a full counter is flooded.
enum Role<H: Handle> {
    Releases(H, Vec<H::Unit>),
    Floods(H),
}

/// Units that the releaser gives back before it waits: a look at the clock is little beside them.
const BATCH: usize = 16;

fn release_under_flood<C: Contestant>(trial: &Trial<'_>) -> Option<Sample> {
    let threads = trial.threads;
    if threads < 2 {
        return None;
    }
    let held = trial.operations.min(trial.far() / threads as u64);
    let limit = if C::SHARED { held } else { held * threads as u64 };
    let contestant = C::new(&trial.terms(limit));
    let mut roles = Vec::new();
    for (thread, mut handle) in handles(&contestant, threads).into_iter().enumerate() {
        if thread == 0 {
            let units = std::iter::from_fn(|| handle.admit()).collect();
            roles.push(Role::Releases(handle, units));
        } else {
            keep(&mut handle, u64::MAX);
            roles.push(Role::Floods(handle));
        }
    }
    let taken: Vec<_> = (0..threads).map(|_| Tally::new()).collect();
    let done = Flag::new();
    let laps = race(&trial.site.cores, roles, |thread, role| match role {
        Role::Releases(handle, units) => {
            let _raise = done.raised_at_the_end();
            let (handle, took) = release_batches::<C>(handle, units, &taken, &done);
            (Role::Floods(handle), took)
        }
        Role::Floods(handle) => {
            let _raise = done.raised_in_a_panic();
            (Role::Floods(flood(handle, &taken[thread], &done)), Duration::ZERO)
        }
    });
    let whole = Sample::of(slowest(&laps), held);
    let timed = Sample::of(Span { took: laps[0].result, ..Span::default() }, held);
    Some(Sample { nanos: timed.nanos, ..whole })
}

fn flood<H: Handle>(mut handle: H, taken: &Tally, done: &Flag) -> H {
    let mut mine = 0;
    while !done.is_raised() {
        // A flag is looked at seldom: the flood is what matters.
        for _ in 0..64 {
            if let Some(unit) = black_box_verdict(handle.admit()) {
                forget(unit);
                mine += 1;
                taken.set(mine);
            }
        }
    }
    handle
}

fn release_batches<C: Contestant>(
    mut handle: C::Handle,
    mut units: Vec<<C::Handle as Handle>::Unit>,
    taken: &[Tally],
    gone: &Flag,
) -> (C::Handle, Duration) {
    let (mut took, mut released) = (Duration::ZERO, 0);
    while !units.is_empty() {
        let batch = units.drain(units.len().saturating_sub(BATCH)..);
        released += batch.len() as u64;
        let begin = Instant::now();
        for unit in batch {
            handle.release(unit);
        }
        took += begin.elapsed();
        if C::SHARED {
            gone.wait_for(|| taken.iter().map(Tally::get).sum::<u64>() >= released);
        }
    }
    (handle, took)
}

/// How far a releaser may be behind, and how often each side tells the other.
const AHEAD: u64 = 4096;
const TOLD: u64 = 64;

/// What an admitting and a releasing thread know of each other.
#[derive(Clone, Copy)]
struct Pair<'a> {
    mine: &'a Tally,
    theirs: &'a Tally,
    gone: &'a Flag,
}

fn asymmetric<C: Contestant>(trial: &Trial<'_>) -> Option<Sample> {
    let threads = trial.threads;
    if !threads.is_multiple_of(2) {
        return None;
    }
    let contestant = C::new(&trial.terms(trial.far()));
    let mut handles = handles(&contestant, threads);
    // Each releaser has a unit to take for a pattern.
    let patterns = handles.iter_mut().map(Handle::admit).collect::<Option<Vec<_>>>()?;
    C::Handle::twin(&patterns[0])?;
    let crew: Vec<_> = handles.into_iter().zip(patterns).collect();
    let tallies: Vec<_> = (0..threads).map(|_| Tally::new()).collect();
    let gone = Flag::new();
    // Far below the limit, also for who counts each thread on its own.
    let operations = trial.operations.min(trial.far() / threads as u64 / 2);
    let laps = race(&trial.site.cores, crew, |thread, (handle, pattern)| {
        let _raise = gone.raised_in_a_panic();
        let pair = Pair { mine: &tallies[thread], theirs: &tallies[thread ^ 1], gone: &gone };
        let (handle, ()) = on_local(handle, |handle| {
            if thread % 2 == 0 {
                only_admits(handle, operations, pair);
            } else {
                only_releases(handle, operations, &pattern, pair);
            }
        });
        ((handle, pattern), ())
    });
    Some(Sample::of(slowest(&laps), operations))
}

#[inline(always)]
fn only_admits<H: Handle>(handle: &mut H, operations: u64, pair: Pair<'_>) {
    let mut admitted = 0;
    while admitted < operations {
        pair.gone.wait_for(|| admitted - pair.theirs.get() < AHEAD);
        let batch = TOLD.min(operations - admitted);
        for _ in 0..batch {
            match black_box_verdict(handle.admit()) {
                Some(unit) => forget(unit),
                None => panic!("refused below the limit"),
            }
        }
        admitted += batch;
        pair.mine.set(admitted);
    }
}

#[inline(always)]
fn only_releases<H: Handle>(handle: &mut H, operations: u64, pattern: &H::Unit, pair: Pair<'_>) {
    let mut released = 0;
    while released < operations {
        pair.gone.wait_for(|| pair.theirs.get() > released);
        let admitted = pair.theirs.get();
        for _ in released..admitted {
            if let Some(unit) = H::twin(pattern) {
                handle.release(unit);
            }
        }
        released = admitted;
        pair.mine.set(released);
    }
}

fn republish<C: Contestant>(trial: &Trial<'_>) -> Option<Sample> {
    let far = trial.far();
    let contestant = C::new(&trial.terms(far));
    if !contestant.set_limit(far) {
        return None;
    }
    let handles = handles(&contestant, trial.threads);
    let done = Flag::new();
    let laps = thread::scope(|scope| {
        let _raise = done.raised_at_the_end();
        scope.spawn(|| {
            trial.site.cores.pin(trial.threads);
            thousand_times_a_second(&done, |turn| {
                contestant.set_limit(republished(far, turn));
            });
        });
        race(&trial.site.cores, handles, |_, handle| {
            on_local(handle, |handle| pair_loop(handle, trial.operations))
        })
    });
    Some(Sample::of(slowest(&laps), trial.operations))
}

/// The limit that is published in this turn: all that the model allows, and a quarter of it, so
/// that what is shared out has to be taken back.
pub(super) const fn republished(far: u64, turn: u64) -> u64 {
    if turn.is_multiple_of(2) { far } else { far / 4 }
}

/// Calls `publish` every millisecond until the flag is raised.
pub(super) fn thousand_times_a_second(done: &Flag, mut publish: impl FnMut(u64)) {
    const EVERY: Duration = Duration::from_millis(1);
    let mut next = Instant::now();
    for turn in 0.. {
        if done.is_raised() {
            break;
        }
        publish(turn);
        next += EVERY;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
