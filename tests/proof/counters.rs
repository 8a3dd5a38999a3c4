//! Histories of one limit counter, near its limit.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use tollgate::gate::Fence;
use tollgate::gate::counter::{Counter, Layout, Seat};

use crate::history::{History, Log, Sequential, Stage, explained, told};
use crate::random::Random;
use crate::times;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Call {
    Admit,
    AdmitAll(u64),
    AdmitUpTo(u64),
    Release(u64),
    SetLimit(u64),
    /// The limit and what is in use, once every thread has ended.
    AtRest,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Granted(u64),
    WasInUse(bool),
    Set,
    Usage { limit: u64, in_use: u64 },
}

/// The sequential limit counter. It decides everything, so each call has one answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Plain {
    limit: u64,
    used: u64,
}

impl Plain {
    fn answer(&mut self, call: Call) -> Answer {
        let room = self.limit.saturating_sub(self.used);
        let mut grant = |units| {
            self.used += units;
            Answer::Granted(units)
        };
        match call {
            Call::Admit => grant(room.min(1)),
            Call::AdmitAll(units) => grant(if units <= room { units } else { 0 }),
            Call::AdmitUpTo(units) => grant(room.min(units)),
            Call::Release(units) if units <= self.used => {
                self.used -= units;
                Answer::WasInUse(true)
            }
            Call::Release(_) => Answer::WasInUse(false),
            Call::SetLimit(limit) => {
                self.limit = limit;
                Answer::Set
            }
            Call::AtRest => Answer::Usage { limit: self.limit, in_use: self.used },
        }
    }
}

impl Sequential for Plain {
    type Call = Call;
    type Answer = Answer;

    fn after(&self, call: &Call, answer: &Answer) -> Option<Self> {
        let mut next = self.clone();
        (next.answer(*call) == *answer).then_some(next)
    }
}

/// One thread's place at a counter on trial.
trait Place {
    fn ask(&mut self, call: Call) -> Answer;
}

/// A counter on trial.
trait Subject: Sync {
    fn place(&self) -> Box<dyn Place + '_>;
}

struct AtSeat<'a>(Seat, &'a Counter);

impl Place for AtSeat<'_> {
    fn ask(&mut self, call: Call) -> Answer {
        let Self(seat, counter) = self;
        match call {
            Call::Admit => Answer::Granted(u64::from(seat.admit())),
            Call::AdmitAll(units) => Answer::Granted(if seat.admit_all(units) { units } else { 0 }),
            Call::AdmitUpTo(units) => Answer::Granted(seat.admit_up_to(units)),
            Call::Release(units) => Answer::WasInUse(seat.release(units)),
            Call::SetLimit(limit) => {
                counter.set_limit(limit);
                Answer::Set
            }
            Call::AtRest => {
                let usage = counter.usage();
                assert_eq!(usage.excess, 0, "nothing was given back that was not in use");
                Answer::Usage { limit: usage.limit, in_use: usage.in_use }
            }
        }
    }
}

impl Subject for Counter {
    fn place(&self) -> Box<dyn Place + '_> {
        Box::new(AtSeat(self.seat(), self))
    }
}

/// How a history is made.
#[derive(Clone, Copy, Debug)]
struct Script {
    threads: usize,
    operations: u64,
    limit: u64,
    seed: u64,
}

/// One thread's part: admissions, releases of what it or another thread holds, now and then a new
/// limit or another seat.
fn play<'a>(
    script: Script,
    subject: &'a dyn Subject,
    stage: &'a Stage,
    shelf: &Mutex<u64>,
    random: &mut Random,
) -> Log<'a, Call, Answer> {
    let mut place = subject.place();
    let mut log = Log::new(stage);
    let mut held = 0;
    stage.together(script.threads);
    for _ in 0..script.operations {
        let call = match random.below(20) {
            0..7 => Call::Admit,
            7..9 => Call::AdmitAll(1 + random.below(3)),
            9..11 => Call::AdmitUpTo(1 + random.below(4)),
            11 => Call::SetLimit(random.below(script.limit + 3)),
            12 => {
                drop(place);
                place = subject.place();
                Call::Admit
            }
            13 => {
                *shelf.lock().expect("no panic") += std::mem::take(&mut held);
                Call::Admit
            }
            _ => {
                held += std::mem::take(&mut *shelf.lock().expect("no panic"));
                let units = if held == 0 { 0 } else { 1 + random.below(held) };
                if units == 0 { Call::Admit } else { Call::Release(units) }
            }
        };
        match (call, log.record(call, |call| place.ask(*call))) {
            (_, Answer::Granted(units)) => held += units,
            (Call::Release(units), _) => held -= units,
            _ => {}
        }
        (0..random.below(16)).for_each(|_| std::hint::spin_loop());
    }
    log
}

/// A history of `subject`, which begins empty.
fn history(script: Script, subject: &dyn Subject) -> History<Plain> {
    let (stage, shelf) = (Stage::default(), Mutex::new(0));
    let play = |thread| {
        let mut random = Random::new(script.seed * 8 + thread);
        play(script, subject, &stage, &shelf, &mut random).operations
    };
    let mut history: History<Plain> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..script.threads as u64).map(|thread| scope.spawn(move || play(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut log = Log::new(&stage);
    log.record(Call::AtRest, |call| subject.place().ask(*call));
    history[0].extend(log.operations);
    history
}

/// Small shares, so that a few operations begin and end epochs.
fn layout(random: &mut Random) -> Layout {
    let smallest_share = random.of(&[0, 0, 1, 2]);
    Layout {
        cells: random.of(&[1, 2, 2, 3]),
        smallest_share,
        begin_share: smallest_share + random.of(&[0, 1]),
        epoch_bits: random.of(&[2, 3]),
        patience: random.of(&[0, 2]),
        fence: random.of(&[Fence::best(), Fence::Full]),
    }
}

/// Two or three threads, four to eight operations each, limits that they reach.
fn script(random: &mut Random, seed: u64) -> Script {
    Script {
        threads: random.of(&[2, 2, 3]),
        operations: 4 + random.below(5),
        limit: 1 + random.below(12),
        seed,
    }
}

fn every_history_is_explained(histories: u64) {
    for seed in 0..histories {
        let mut random = Random::new(seed);
        let (layout, script) = (layout(&mut random), script(&mut random, seed));
        let counter = Counter::with_layout(script.limit, layout);
        let history = history(script, &counter);
        let start = Plain { limit: script.limit, used: 0 };
        assert!(explained(start, &history), "{layout:?}, {script:?}:\n{}", told(&history));
    }
}

#[test]
fn every_history_of_a_counter_has_a_sequential_explanation() {
    every_history_is_explained(times(3_000));
}

#[test]
#[ignore = "a minute or so; part of the long test set"]
fn every_history_of_a_counter_has_a_sequential_explanation_long() {
    every_history_is_explained(500_000);
}

/// Counts in one word, rightly or with one fault.
#[derive(Debug)]
struct Simple {
    how: How,
    limit: AtomicI64,
    used: AtomicI64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    /// One compare-and-swap: no fault.
    Right,
    /// Adds first and takes back what was too much: an attempt that fails makes another one fail.
    PhantomUnits,
    /// Looks and adds in two steps: two threads take the last unit.
    LooksAndLeaps,
    /// Admits one more than the limit.
    OneOver,
    /// Keeps what it was given back: refuses while another thread has room.
    KeepsWhatItHas,
    /// Admits under the limit of its last admission.
    StaleLimit,
    /// Loses one of two releases at once.
    LosesReleases,
}

struct AtSimple<'a> {
    counter: &'a Simple,
    kept: i64,
    limit: i64,
}

impl Subject for Simple {
    fn place(&self) -> Box<dyn Place + '_> {
        Box::new(AtSimple { counter: self, kept: 0, limit: self.limit.load(Ordering::SeqCst) })
    }
}

impl AtSimple<'_> {
    /// As many of `most` units as fit, if at least `least` do.
    fn take(&mut self, least: i64, most: i64) -> Answer {
        let Simple { how, limit, used } = self.counter;
        let now = limit.load(Ordering::SeqCst);
        let limit = match how {
            How::StaleLimit => std::mem::replace(&mut self.limit, now),
            How::OneOver => now + 1,
            _ => now,
        };
        let fitting = |used: i64| {
            let room = (limit - used).clamp(0, most);
            if room >= least { room } else { 0 }
        };
        let granted = match how {
            _ if self.kept >= most => {
                self.kept -= most;
                most
            }
            How::PhantomUnits => {
                let granted = fitting(used.fetch_add(most, Ordering::SeqCst));
                thread::yield_now();
                used.fetch_sub(most - granted, Ordering::SeqCst);
                granted
            }
            How::LooksAndLeaps => {
                let granted = fitting(used.load(Ordering::SeqCst));
                thread::yield_now();
                used.fetch_add(granted, Ordering::SeqCst);
                granted
            }
            _ => {
                let take = |used| Some(used + fitting(used));
                let seen = used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take);
                fitting(seen.expect("always some"))
            }
        };
        Answer::Granted(granted.cast_unsigned())
    }

    fn release(&mut self, units: i64) {
        let used = &self.counter.used;
        match self.counter.how {
            How::KeepsWhatItHas => self.kept += units,
            How::LosesReleases => {
                let seen = used.load(Ordering::SeqCst);
                thread::yield_now();
                used.store(seen - units, Ordering::SeqCst);
            }
            _ => drop(used.fetch_sub(units, Ordering::SeqCst)),
        }
    }
}

impl Place for AtSimple<'_> {
    fn ask(&mut self, call: Call) -> Answer {
        match call {
            Call::Admit => self.take(1, 1),
            Call::AdmitAll(units) => self.take(units.cast_signed(), units.cast_signed()),
            Call::AdmitUpTo(units) => self.take(0, units.cast_signed()),
            Call::Release(units) => {
                self.release(units.cast_signed());
                Answer::WasInUse(true)
            }
            Call::SetLimit(limit) => {
                self.counter.limit.store(limit.cast_signed(), Ordering::SeqCst);
                Answer::Set
            }
            Call::AtRest => {
                let figure = |of: &AtomicI64| of.load(Ordering::SeqCst).cast_unsigned();
                let Simple { limit, used, .. } = self.counter;
                Answer::Usage { limit: figure(limit), in_use: figure(used) }
            }
        }
    }
}

impl Drop for AtSimple<'_> {
    fn drop(&mut self) {
        self.counter.used.fetch_sub(self.kept, Ordering::SeqCst);
    }
}

/// Whether one of many histories of a counter that counts so has no explanation.
fn is_rejected(how: How, histories: u64) -> bool {
    (0..histories).any(|seed| {
        let script = script(&mut Random::new(seed), seed);
        let limit = AtomicI64::new(script.limit.cast_signed());
        let counter = Simple { how, limit, used: AtomicI64::new(0) };
        !explained(Plain { limit: script.limit, used: 0 }, &history(script, &counter))
    })
}

#[test]
fn a_counter_that_is_right_is_not_rejected() {
    assert!(!is_rejected(How::Right, times(2_000)));
}

#[test]
#[cfg_attr(miri, ignore = "more histories than an interpreter has time for")]
fn every_wrong_counter_is_rejected() {
    let wrong = [
        How::PhantomUnits,
        How::LooksAndLeaps,
        How::OneOver,
        How::KeepsWhatItHas,
        How::StaleLimit,
        How::LosesReleases,
    ];
    let missed: Vec<_> = wrong.into_iter().filter(|how| !is_rejected(*how, 100_000)).collect();
    assert!(missed.is_empty(), "{missed:?} passed for right");
}
