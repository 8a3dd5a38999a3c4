//! Histories of a gate's workers: connections in shares, connections with their hosts, and kinds
//! that take two limits of one word.
//!
//! Publishing changes the limits word by word, so each history keeps to the limits of one.

use std::sync::Mutex;
use std::thread;

use tollgate::catalogue::{self, Feature, Value};
use tollgate::gate::{Gate, Host, HostPair, Refusal, Token, Worker, Zone};
use tollgate::license::{Kind, Limit, RunningLicense, Unit};

use crate::history::{History, Log, Sequential, Stage, explained, told};
use crate::random::Random;
use crate::times;

/// The limits of the histories here, of which each has some.
const LIMITS: [Limit; 4] =
    [Limit::FirewallConns, Limit::InsideHosts, Limit::Anyconnect, Limit::TotalVpn];
const HOSTS: usize = 4;

/// What is limited: an index into [`LIMITS`] each.
type Units = [u64; LIMITS.len()];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Call {
    Admit(Kind),
    Connect(usize),
    Release(Held),
    Publish(Units),
    InUse(Limit),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Answer {
    Admitted,
    RefusedBy(Limit),
    Done,
    InUse(u64),
}

/// What is known of an admission beside its token.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Held {
    kind: Kind,
    host: Option<usize>,
}

/// Plain counters, one a limit, and the connections of each host.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Plain {
    limits: Units,
    used: Units,
    hosts: [u64; HOSTS],
}

impl Plain {
    const fn new(limits: Units) -> Self {
        Self { limits, used: [0; LIMITS.len()], hosts: [0; HOSTS] }
    }

    /// A unit of each limit that `held` counts against, where it brings them in or takes them
    /// along; which limits those are.
    fn counts(&self, held: Held, connections_of_host: u64) -> Vec<usize> {
        let counts = |limit: &Limit| match (held.kind, *limit) {
            (Kind::Connection, Limit::FirewallConns) => true,
            (_, Limit::InsideHosts) => {
                held.host.is_some_and(|host| self.hosts[host] == connections_of_host)
            }
            (Kind::Connection, _) => false,
            (Kind::Anyconnect, Limit::Anyconnect) | (_, Limit::TotalVpn) => true,
            _ => false,
        };
        (0..LIMITS.len()).filter(|index| counts(&LIMITS[*index])).collect()
    }

    fn admit(&mut self, held: Held, answer: Answer) -> bool {
        let counted = self.counts(held, 0);
        let full: Vec<_> =
            counted.iter().filter(|index| self.used[**index] >= self.limits[**index]).collect();
        match answer {
            Answer::RefusedBy(limit) => full.iter().any(|index| LIMITS[**index] == limit),
            Answer::Admitted if full.is_empty() => {
                counted.into_iter().for_each(|index| self.used[index] += 1);
                held.host.into_iter().for_each(|host| self.hosts[host] += 1);
                true
            }
            _ => false,
        }
    }

    fn release(&mut self, held: Held) {
        let counted = self.counts(held, 1);
        counted.into_iter().for_each(|index| self.used[index] -= 1);
        held.host.into_iter().for_each(|host| self.hosts[host] -= 1);
    }
}

impl Sequential for Plain {
    type Call = Call;
    type Answer = Answer;

    fn after(&self, call: &Call, answer: &Answer) -> Option<Self> {
        let mut next = self.clone();
        let fits = match *call {
            Call::Admit(kind) => next.admit(Held { kind, host: None }, *answer),
            Call::Connect(host) => {
                next.admit(Held { kind: Kind::Connection, host: Some(host) }, *answer)
            }
            Call::Release(held) => {
                next.release(held);
                true
            }
            Call::Publish(limits) => {
                next.limits = limits;
                true
            }
            Call::InUse(limit) => {
                let used =
                    |index| LIMITS[index] == limit && Answer::InUse(self.used[index]) == *answer;
                (0..LIMITS.len()).any(used)
            }
        };
        fits.then_some(next)
    }
}

/// What the threads of a history do.
#[derive(Clone, Copy, Debug)]
struct Script {
    model: &'static str,
    what: What,
    threads: usize,
    operations: u64,
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum What {
    Connections,
    Hosts,
    Vpn,
}

impl Script {
    fn admission(self, random: &mut Random) -> Call {
        match self.what {
            What::Connections => Call::Admit(Kind::Connection),
            What::Hosts => Call::Connect(usize::try_from(random.below(4)).expect("small")),
            What::Vpn => Call::Admit(random.of(&[Kind::Anyconnect, Kind::Ikev2L2l])),
        }
    }

    /// Small limits. Connections that are to be counted in shares have many to begin with.
    fn limits(self, random: &mut Random, begins: bool) -> Units {
        let shared = self.what == What::Connections && (begins || random.below(2) == 0);
        let connections = if shared { 2_000 } else { 1 + random.below(8) };
        [connections, 1 + random.below(3), random.below(4), 1 + random.below(5)]
    }

    /// What a report says of itself to be of one instant. Connections in shares are not.
    fn question(self, random: &mut Random) -> Option<Call> {
        match self.what {
            What::Connections => None,
            What::Hosts => Some(Limit::InsideHosts),
            What::Vpn => Some(random.of(&[Limit::Anyconnect, Limit::TotalVpn])),
        }
        .map(Call::InUse)
    }

    fn license(self, limits: Units) -> RunningLicense {
        let mut unit = Unit::new(catalogue::find(self.model, None, None).expect("a model"));
        if self.what == What::Vpn {
            unit.add(Feature::AnyconnectPremium, Value::Count(750)).expect("a licence of it");
        }
        for (limit, units) in LIMITS.into_iter().zip(limits) {
            unit.restrict(limit, u32::try_from(units).expect("small"));
        }
        RunningLicense::of(&unit)
    }
}

fn pair(host: usize) -> HostPair {
    let last = u8::try_from(host).expect("small");
    HostPair {
        source: Host { address: [10, 0, 0, last].into(), zone: Zone::Inside },
        destination: Host { address: [198, 51, 100, 1].into(), zone: Zone::Outside },
    }
}

type Tokens = Vec<(Held, Token)>;

/// One operation on the gate; a token that was admitted goes to `held`.
fn ask(gate: &Gate, worker: &mut Worker, script: Script, call: Call, held: &mut Tokens) -> Answer {
    let mut keep = |verdict: Result<Token, Refusal>, kind, host| match verdict {
        Ok(token) => {
            held.push((Held { kind, host }, token));
            Answer::Admitted
        }
        Err(refusal) => Answer::RefusedBy(refusal.limit),
    };
    match call {
        Call::Admit(kind) => keep(worker.admit(kind), kind, None),
        Call::Connect(host) => {
            keep(worker.admit_connection(&pair(host)), Kind::Connection, Some(host))
        }
        Call::Release(_) => {
            let (_, token) = held.pop().expect("what is to be released");
            worker.release(token);
            Answer::Done
        }
        Call::Publish(limits) => {
            gate.publish(script.license(limits)).expect("the same model");
            Answer::Done
        }
        Call::InUse(limit) => Answer::InUse(gate.usage(limit).in_use),
    }
}

fn play<'a>(
    script: Script,
    gate: &Gate,
    stage: &'a Stage,
    shelf: &Mutex<Tokens>,
    random: &mut Random,
) -> (Log<'a, Call, Answer>, Tokens) {
    let mut worker = gate.worker();
    let mut log = Log::new(stage);
    let mut held = Tokens::new();
    stage.together(script.threads);
    for _ in 0..script.operations {
        let admission = script.admission(random);
        let call = match random.below(12) {
            0 => Call::Publish(script.limits(random, false)),
            1 => {
                shelf.lock().expect("no panic").append(&mut held);
                admission
            }
            2 => {
                worker = gate.worker();
                admission
            }
            3 => script.question(random).unwrap_or(admission),
            4..8 => {
                held.append(&mut shelf.lock().expect("no panic"));
                held.last().map_or(admission, |(held, _)| Call::Release(*held))
            }
            _ => admission,
        };
        log.record(call, |call| ask(gate, &mut worker, script, *call, &mut held));
    }
    (log, held)
}

/// A history of a new gate, and the limits that it began with.
fn history(script: Script) -> (Units, History<Plain>) {
    let limits = script.limits(&mut Random::new(script.seed), true);
    let gate = Gate::new(script.license(limits));
    let (stage, shelf) = (Stage::default(), Mutex::default());
    let play = |thread| {
        let mut random = Random::new(script.seed * 8 + thread);
        play(script, &gate, &stage, &shelf, &mut random)
    };
    let played: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..script.threads as u64).map(|thread| scope.spawn(move || play(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let mut end = Log::new(&stage);
    let mut worker = gate.worker();
    for limit in LIMITS {
        end.record(Call::InUse(limit), |_| Answer::InUse(gate.usage(limit).in_use));
    }
    let (logs, held): (Vec<_>, Vec<_>) = played.into_iter().unzip();
    let on_shelf = shelf.into_inner().expect("no panic");
    held.into_iter().flatten().chain(on_shelf).for_each(|(_, token)| worker.release(token));
    let audit = gate.audit();
    assert!(audit.is_clean() && audit.is_idle(), "{script:?}: {audit}");
    let mut history: History<Plain> = logs.into_iter().map(|log| log.operations).collect();
    history[0].extend(end.operations);
    (limits, history)
}

fn every_history_is_explained(model: &'static str, what: What, histories: u64) {
    for seed in 0..histories {
        let mut random = Random::new(seed);
        let (threads, operations) = (random.of(&[2, 2, 3]), 4 + random.below(5));
        let script = Script { model, what, threads, operations, seed };
        let (limits, history) = history(script);
        assert!(explained(Plain::new(limits), &history), "{script:?}:\n{}", told(&history));
    }
}

const SCRIPTS: [(&str, What); 3] =
    [("ASA 5520", What::Connections), ("ASA 5505", What::Hosts), ("ASA 5520", What::Vpn)];

#[test]
fn every_history_of_a_gate_has_a_sequential_explanation() {
    SCRIPTS.iter().for_each(|(model, what)| every_history_is_explained(model, *what, times(700)));
}

#[test]
#[ignore = "a minute or so; part of the long test set"]
fn every_history_of_a_gate_has_a_sequential_explanation_long() {
    SCRIPTS.iter().for_each(|(model, what)| every_history_is_explained(model, *what, 100_000));
}

/// The comparison itself: one of two limits full, and the verdict of a gate that looks at one.
#[test]
fn a_verdict_that_disregards_a_limit_is_rejected() {
    let plain = Plain::new([0, 0, 2, 1]);
    let one = plain.after(&Call::Admit(Kind::Ikev2L2l), &Answer::Admitted).expect("room");
    let second = Call::Admit(Kind::Anyconnect);
    assert_eq!(one.after(&second, &Answer::Admitted), None);
    assert_eq!(one.after(&second, &Answer::RefusedBy(Limit::Anyconnect)), None);
    assert!(one.after(&second, &Answer::RefusedBy(Limit::TotalVpn)).is_some());
}
