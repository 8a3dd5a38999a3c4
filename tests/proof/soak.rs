//! Traffic for as long as one likes, audited at every quiescent point: what the threads know that
//! they hold is what the counter says is in use.
//!
//! Workers come and go, units are given back elsewhere, limits are published at random: below use,
//! above it, none at all. `TOLLGATE_SOAK_SECONDS` is how long each soak takes; 60 without it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tollgate::catalogue::{self, Feature, Value};
use tollgate::gate::counter::{Counter, Layout};
use tollgate::gate::{Fence, Gate, Host, HostPair, Token, Zone};
use tollgate::license::{Kind, Limit, RunningLicense, Unit};

use crate::random::Random;

const WORKERS: usize = 4;
/// Operations of one worker between two quiescent points.
const STEPS: u64 = 20_000;
/// Quiescent points in the life of one counter or gate.
const ROUNDS: u64 = 40;

fn until_the_end(name: &str, mut soak: impl FnMut(u64) -> u64) {
    let seconds = std::env::var("TOLLGATE_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(60, |seconds| seconds.parse().expect("a number of seconds"));
    let (start, mut operations, mut seed) = (Instant::now(), 0, 0);
    while start.elapsed() < Duration::from_secs(seconds) {
        operations += soak(seed);
        seed += 1;
    }
    let elapsed = start.elapsed().as_secs();
    println!("{name}: {operations} operations in {elapsed} s, {} quiescent points", seed * ROUNDS);
}

/// A channel to each worker, over which others send what it is to give back.
struct Posts<T> {
    to: Vec<Sender<T>>,
    from: Vec<Receiver<T>>,
}

impl<T> Posts<T> {
    fn new() -> Self {
        let (to, from) = (0..WORKERS).map(|_| channel()).unzip();
        Self { to, from }
    }
}

/// The most that may be in use after a round: what was before it, or the largest of its limits.
fn bound(before: u64, limits: &[u64]) -> u64 {
    limits.iter().copied().fold(before, u64::max)
}

/// One worker's round on a counter: units it holds and units that come by post.
fn count(
    counter: &Counter,
    mut held: u64,
    posts: (&Receiver<u64>, &[Sender<u64>]),
    random: &mut Random,
) -> u64 {
    let mut seat = counter.seat();
    for _ in 0..STEPS {
        match random.below(64) {
            0 => seat = counter.seat(),
            1 => held += u64::from(counter.admit()),
            2 => {
                let to = random.below(WORKERS as u64);
                let to = &posts.1[usize::try_from(to).expect("small")];
                to.send(std::mem::take(&mut held)).expect("the receiver waits for the round");
            }
            3..8 => held += posts.0.try_iter().sum::<u64>(),
            8..32 => held += u64::from(seat.admit()),
            32..36 => held += seat.admit_up_to(random.below(64)),
            36..40 => {
                let units = random.below(64);
                held += if seat.admit_all(units) { units } else { 0 };
            }
            60 => assert!(counter.usage().limit <= Counter::UNLIMITED),
            _ if held == 0 => {}
            40..42 => {
                let units = 1 + random.below(held);
                assert!(seat.release(units), "{units} of {held} are in use");
                held -= units;
            }
            _ => {
                assert!(seat.release(1), "one of {held} is in use");
                held -= 1;
            }
        }
    }
    held
}

/// Sizes from the smallest to what production uses, so that every phase is long for some.
fn layout(random: &mut Random) -> Layout {
    if random.below(4) == 0 {
        return Layout::production();
    }
    let smallest_share = u32::try_from(random.below(4)).expect("small");
    Layout {
        cells: random.of(&[1, 2, 3, WORKERS, 2 * WORKERS]),
        smallest_share,
        begin_share: smallest_share + 1,
        epoch_bits: random.of(&[2, 3, 13]),
        patience: random.of(&[0, 32]),
        fence: random.of(&[Fence::best(), Fence::Full]),
    }
}

/// The life of one counter; how many operations it saw.
fn life_of_a_counter(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let layout = layout(&mut random);
    let most = random.of(&[3, 40, 1_000, 100_000]);
    let counter = Counter::with_layout(most, layout);
    let mut posts = Posts::new();
    let mut held = [0; WORKERS];
    let (mut limit, mut highest, mut before) = (most, most, 0);
    for round in 0..ROUNDS {
        let mut limits = vec![limit];
        limits.extend((0..random.below(20)).map(|_| {
            random.of(&[0, most / 4, most / 2, most, most + 7, 2 * most, Counter::UNLIMITED])
        }));
        thread::scope(|scope| {
            let (counter, to) = (&counter, &posts.to);
            for (index, (held, from)) in held.iter_mut().zip(&mut posts.from).enumerate() {
                let mut random = Random::new((seed * ROUNDS + round) * 8 + index as u64);
                scope.spawn(move || *held = count(counter, *held, (&*from, to), &mut random));
            }
            for limit in &limits[1..] {
                counter.set_limit(*limit);
                thread::sleep(Duration::from_micros(100));
            }
        });
        limit = limits[limits.len() - 1];
        let in_post: u64 = posts.from.iter().flat_map(Receiver::try_iter).sum();
        held[0] += in_post;
        let usage = counter.usage();
        assert_eq!((usage.in_use, usage.excess), (held.iter().sum(), 0), "{layout:?}, {usage:?}");
        assert!(usage.in_use <= bound(before, &limits), "{layout:?}, {limits:?}, {usage:?}");
        highest = bound(highest, &limits);
        assert!(usage.peak <= highest, "{layout:?}, {highest}, {usage:?}");
        assert_eq!(usage.limit, limit);
        before = usage.in_use;
    }
    let all = held.iter().sum();
    assert!(all == 0 || counter.release(all));
    counter.set_limit(most);
    assert_eq!(counter.seat().admit_up_to(most + 1), most, "{layout:?}: nothing is lost");
    ROUNDS * STEPS * WORKERS as u64
}

#[test]
#[ignore = "a minute; part of the long test set"]
fn soak_of_a_counter() {
    until_the_end("counter", life_of_a_counter);
}

#[test]
#[cfg_attr(miri, ignore = "longer than an interpreter has time for")]
fn soak_of_a_counter_in_passing() {
    (0..2).for_each(|seed| assert!(life_of_a_counter(seed) > 0));
}

const MODELS: [&str; 2] = ["ASA 5520", "ASA 5505"];

/// A licence with random limits of the operator's own, some of them the model's.
fn license(model: &str, random: &mut Random) -> RunningLicense {
    let mut unit = Unit::new(catalogue::find(model, None, None).expect("a model of the guides"));
    let premium = if model == "ASA 5520" { 750 } else { 25 };
    unit.add(Feature::AnyconnectPremium, Value::Count(premium)).expect("a licence of the model");
    let route = random.of(&["outside", "none"]);
    unit.configure("default-route", route).expect("a setting");
    for limit in Limit::ALL {
        if random.below(3) > 0 {
            let most = random.of(&[1, 10, 100, 1_000]);
            unit.restrict(limit, u32::try_from(random.below(most)).expect("small"));
        }
    }
    RunningLicense::of(&unit)
}

fn pair(random: &mut Random) -> HostPair {
    let mut last = || u8::try_from(random.below(20)).expect("small");
    HostPair {
        source: Host { address: [10, 0, 0, last()].into(), zone: Zone::Inside },
        destination: Host { address: [198, 51, 100, last()].into(), zone: Zone::Outside },
    }
}

/// One worker's round on a gate: tokens it holds and tokens that come by post.
fn serve(
    gate: &Gate,
    held: &mut Vec<Token>,
    posts: (&Receiver<Token>, &[Sender<Token>]),
    random: &mut Random,
) {
    let mut worker = gate.worker();
    for _ in 0..STEPS / 4 {
        let verdict = match random.below(64) {
            0 => {
                worker = gate.worker();
                continue;
            }
            1..28 => worker.admit_connection(&pair(random)),
            28..36 => worker.admit(random.of(&Kind::ALL)),
            36..40 => {
                held.extend(posts.0.try_iter());
                continue;
            }
            turn => {
                if held.is_empty() {
                    continue;
                }
                let index = random.below(held.len() as u64);
                let token = held.swap_remove(usize::try_from(index).expect("an index"));
                if turn < 48 {
                    let to = usize::try_from(random.below(WORKERS as u64)).expect("small");
                    posts.1[to].send(token).expect("the receiver waits for the round");
                } else {
                    worker.release(token);
                }
                continue;
            }
        };
        held.extend(verdict);
    }
}

/// The life of one gate; how many operations it saw.
fn life_of_a_gate(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let model = MODELS[usize::from(seed % 2 == 1)];
    let mut limits = vec![license(model, &mut random)];
    let gate = Gate::new(limits[0].clone());
    let mut posts = Posts::new();
    let mut held: [Vec<Token>; WORKERS] = Default::default();
    for round in 0..ROUNDS {
        let before = gate.usages();
        limits.extend((0..random.below(10)).map(|_| license(model, &mut random)));
        thread::scope(|scope| {
            let (gate, to) = (&gate, &posts.to);
            for (index, (held, from)) in held.iter_mut().zip(&mut posts.from).enumerate() {
                let mut random = Random::new((seed * ROUNDS + round) * 8 + index as u64);
                scope.spawn(move || serve(gate, held, (&*from, to), &mut random));
            }
            for license in &limits[1..] {
                gate.publish(license.clone()).expect("the same model");
                thread::sleep(Duration::from_micros(100));
            }
        });
        posts.from.iter().for_each(|from| held[0].extend(from.try_iter()));
        let audit = gate.audit();
        assert!(audit.is_clean() && audit.at_rest, "{model}: {audit}");
        for (usage, before) in gate.usages().into_iter().zip(before) {
            let limit = usage.limit;
            let allowed = |license: &RunningLicense| {
                license.limit(limit).allowance().units().map_or(u64::MAX, u64::from)
            };
            let allowed: Vec<_> = limits.iter().map(allowed).collect();
            assert!(
                usage.in_use <= bound(before.in_use, &allowed),
                "{model}, {allowed:?}, {usage:?}"
            );
            if limit != Limit::InsideHosts {
                let counts =
                    |token: &&Token| gate.license().counts_against(token.kind()).contains(limit);
                let held = held.iter().flatten().filter(counts).count();
                assert_eq!(usage.in_use, held as u64, "{model}, {usage:?}");
            }
        }
        limits.drain(..limits.len() - 1);
    }
    let mut worker = gate.worker();
    held.into_iter().flatten().for_each(|token| worker.release(token));
    let audit = gate.audit();
    assert!(audit.is_clean() && audit.is_idle(), "{model}: {audit}");
    ROUNDS * STEPS / 4 * WORKERS as u64
}

#[test]
#[ignore = "a minute; part of the long test set"]
fn soak_of_a_gate() {
    until_the_end("gate", life_of_a_gate);
}

#[test]
#[cfg_attr(miri, ignore = "longer than an interpreter has time for")]
fn soak_of_a_gate_in_passing() {
    (0..2).for_each(|seed| assert!(life_of_a_gate(seed) > 0));
}
