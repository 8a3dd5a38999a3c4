//! The key ring against a naive reimplementation of its rules, under random histories.
//!
//! The model counts day by day and knows nothing of keys, figures or expiry times: it is what a
//! person would do with a table on paper.

use std::time::Duration;

use proptest::prelude::*;
use tollgate::catalogue::Value;
use tollgate::license::Limit;
use tollgate::license::key::ParsedKey;
use tollgate::license::ring::{ClockPolicy, KeyRing, State, TimedLicence};

use crate::keys::{Firewall, START, days};

/// What is on sale: the words of the purchase, whether it includes Premium, Botnet, GTP/GPRS, and
/// how many Premium sessions.
pub(crate) const ON_SALE: [(&str, [bool; 3], u32); 6] = [
    ("anyconnect-premium=100", [true, false, false], 100),
    ("anyconnect-premium=250", [true, false, false], 250),
    ("botnet-traffic-filter=enabled", [false, true, false], 0),
    ("gtp-gprs=enabled", [false, false, true], 0),
    ("botnet-traffic-filter=enabled anyconnect-premium=100", [true, true, false], 100),
    ("botnet-traffic-filter=enabled gtp-gprs=enabled", [false, true, true], 0),
];

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Buy { what: usize, days: u64 },
    EnterAgain(usize),
    Activate(usize),
    Deactivate(usize),
    Advance(u64),
    ShutDown,
    Boot,
    Reload,
    SetClock(i64),
    Permanent(usize),
}

pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..ON_SALE.len(), 1..40_u64).prop_map(|(what, days)| Op::Buy { what, days }),
        1 => any::<usize>().prop_map(Op::EnterAgain),
        3 => any::<usize>().prop_map(Op::Activate),
        2 => any::<usize>().prop_map(Op::Deactivate),
        6 => (0..30_u64).prop_map(Op::Advance),
        1 => Just(Op::ShutDown),
        2 => Just(Op::Boot),
        1 => Just(Op::Reload),
        1 => (-30..30_i64).prop_map(Op::SetClock),
        1 => (0..3_usize).prop_map(Op::Permanent),
    ];
    prop::collection::vec(op, 1..40)
}

/// A licence on paper, in days.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) what: usize,
    pub(crate) left: i64,
    pub(crate) active: bool,
    ran: i64,
    installed: i64,
    since: i64,
    accounted: i64,
}

impl Line {
    fn shares(&self, other: &Self) -> bool {
        (0..3).any(|i| ON_SALE[self.what].1[i] && ON_SALE[other.what].1[i])
    }

    fn is_evaluation(&self) -> bool {
        ON_SALE[self.what].1.iter().filter(|has| **has).count() > 1
    }

    pub(crate) fn is_on(&self) -> bool {
        self.active && self.left > 0
    }
}

/// The unit on paper.
pub(crate) struct Paper {
    policy: ClockPolicy,
    pub(crate) lines: Vec<Line>,
    pub(crate) clock: i64,
    pub(crate) up: bool,
    pub(crate) permanent: u32,
}

impl Paper {
    pub(crate) const fn new(policy: ClockPolicy) -> Self {
        Self { policy, lines: Vec::new(), clock: 0, up: true, permanent: 0 }
    }

    pub(crate) fn blocked(&self, line: usize) -> bool {
        (0..self.lines.len()).any(|other| {
            other != line
                && self.lines[other].is_on()
                && self.lines[other].is_evaluation()
                && self.lines[line].shares(&self.lines[other])
        })
    }

    pub(crate) fn start(&mut self, line: usize) {
        for other in 0..self.lines.len() {
            if other != line && self.lines[line].shares(&self.lines[other]) {
                self.lines[other].active = false;
            }
        }
        let clock = self.clock;
        let line = &mut self.lines[line];
        if !line.active {
            (line.active, line.since, line.accounted) = (true, clock, 0);
        }
    }

    pub(crate) fn buy(&mut self, what: usize, days: i64) -> usize {
        let same = self.lines.iter().position(|line| line.what == what && line.left > 0);
        let line = same.unwrap_or(self.lines.len());
        match same {
            Some(line) => self.lines[line].left += days,
            None => self.lines.push(Line {
                what,
                left: days,
                active: false,
                ran: 0,
                installed: self.clock,
                since: self.clock,
                accounted: 0,
            }),
        }
        if !self.blocked(line) {
            self.start(line);
        }
        line
    }

    pub(crate) fn a_day(&mut self) {
        self.clock += 1;
        for line in self.lines.iter_mut().filter(|line| line.is_on()) {
            if self.up {
                line.ran += 1;
            }
            if self.up || self.policy == ClockPolicy::SystemClock {
                line.left -= 1;
                line.accounted += 1;
            }
        }
        self.end();
    }

    /// Ends what is used up, and starts what follows, where the unit runs.
    fn end(&mut self) {
        if !self.up {
            return;
        }
        let mut features = Vec::new();
        for line in self.lines.iter_mut().filter(|line| line.active && line.left == 0) {
            line.active = false;
            features.extend([1, 2, 0].into_iter().filter(|i| ON_SALE[line.what].1[*i]));
        }
        for feature in features {
            let free = |line: &Line| {
                line.left > 0
                    && !line.active
                    && ON_SALE[line.what].1[feature]
                    && !self.lines.iter().any(|other| other.is_on() && other.shares(line))
            };
            if let Some(next) = self.lines.iter().position(free) {
                self.start(next);
            }
        }
    }

    pub(crate) fn boot(&mut self) {
        self.up = true;
        let clock = self.clock;
        for line in self.lines.iter_mut().filter(|line| line.active) {
            if self.policy == ClockPolicy::Uptime {
                continue;
            }
            if line.ran > (clock - line.installed).max(0) {
                line.left = 0;
                continue;
            }
            let more = (clock - line.since - line.accounted).max(0);
            line.accounted += more;
            line.left = (line.left - more).max(0);
        }
        self.end();
    }

    pub(crate) fn premium(&self) -> u32 {
        let on = self.lines.iter().filter(|line| line.is_on()).map(|line| ON_SALE[line.what].2);
        on.chain([self.permanent, 2]).max().unwrap_or_default()
    }
}

/// A key and the line that it stands on.
type Held = (ParsedKey, usize);

/// Does `op` to both; whether it was refused must be the same.
fn apply(op: &Op, unit: &mut Firewall, paper: &mut Paper, held: &mut Vec<Held>) {
    let pick = |index: usize, held: &[Held]| (!held.is_empty()).then(|| held[index % held.len()]);
    match *op {
        Op::Buy { what, days: time } => {
            let key = unit.buy(ON_SALE[what].0, days(time));
            let entered = unit.enter(key);
            assert_eq!(entered.is_ok(), paper.up, "{entered:?}");
            if paper.up {
                held.push((key, paper.buy(what, i64::try_from(time).expect("days"))));
            }
        }
        Op::EnterAgain(index) => {
            let Some((key, line)) = pick(index, held) else { return };
            let taken = paper.up && paper.lines[line].left > 0;
            assert_eq!(unit.enter(key).is_ok(), taken);
            if taken && !paper.blocked(line) {
                paper.start(line);
            }
        }
        Op::Activate(index) => {
            let Some((key, line)) = pick(index, held) else { return };
            let taken = paper.up && paper.lines[line].left > 0 && !paper.blocked(line);
            assert_eq!(unit.ring.activate(key).is_ok(), taken);
            if taken {
                paper.start(line);
            }
        }
        Op::Deactivate(index) => {
            let Some((key, line)) = pick(index, held) else { return };
            let taken = paper.up && paper.lines[line].left > 0;
            assert_eq!(unit.ring.deactivate(key).is_ok(), taken);
            if taken {
                paper.lines[line].active = false;
            }
        }
        Op::Advance(time) => {
            unit.ring.advance(days(time));
            (0..time).for_each(|_| paper.a_day());
        }
        Op::ShutDown => {
            unit.ring.shut_down();
            paper.up = false;
        }
        Op::Boot | Op::Reload => {
            unit.ring.boot();
            paper.boot();
        }
        Op::SetClock(by) => {
            paper.clock += by;
            let day = days(paper.clock.unsigned_abs());
            let clock = if paper.clock < 0 { START.minus(day) } else { START.plus(day) };
            unit.ring.set_clock(clock);
        }
        Op::Permanent(tier) => {
            let sessions = [10, 100, 500][tier];
            let key = unit.permanent_key(&format!("anyconnect-premium={sessions}"));
            assert_eq!(unit.enter(key).is_ok(), paper.up);
            if paper.up {
                paper.permanent = sessions;
            }
        }
    }
}

/// Both are in the same state.
fn compare(unit: &Firewall, paper: &Paper, held: &[Held]) {
    for &(key, line) in held {
        let line = &paper.lines[line];
        let state = match (line.left > 0, line.active) {
            (false, _) => State::Expired,
            (true, true) => State::Active,
            (true, false) => State::Inactive,
        };
        assert_eq!(unit.state(key), state);
        assert_eq!(unit.left(key), days(u64::try_from(line.left).expect("not negative")));
    }
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(paper.premium()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    /// A unit and the paper agree after every step of any history.
    #[test]
    fn the_ring_agrees_with_a_naive_model(ops in ops(), pak: bool) {
        // The models of the PAK guide have no Premium, so its policy goes on one that has.
        let policy = if pak { ClockPolicy::Uptime } else { ClockPolicy::SystemClock };
        let mut unit = Firewall::new("ASA 5520");
        unit.ring = unit.ring.with_policy(policy);
        let mut paper = Paper::new(policy);
        let mut held = Vec::new();
        for op in &ops {
            apply(op, &mut unit, &mut paper, &mut held);
            compare(&unit, &paper, &held);
            let stored = KeyRing::restore(unit.ring.shipped(), &unit.secret, &unit.ring.save());
            prop_assert_eq!(stored.as_ref(), Ok(&unit.ring));
        }
    }

    /// A timer never grows but by stacking, and stacking conserves time: nothing is left that was
    /// not bought.
    #[test]
    fn timers_never_grow(ops in ops(), seconds in 1..100_000_u64) {
        let mut unit = Firewall::new("ASA 5520");
        let (mut paper, mut held) = (Paper::new(ClockPolicy::SystemClock), Vec::new());
        for op in &ops {
            let before: Vec<_> = unit.ring.time_based().to_vec();
            apply(op, &mut unit, &mut paper, &mut held);
            let bought = match op {
                Op::Buy { days: time, .. } if unit.ring.is_up() => days(*time),
                _ => Duration::ZERO,
            };
            let left = |all: &[TimedLicence]| {
                all.iter().map(TimedLicence::remaining).sum::<Duration>()
            };
            prop_assert!(left(unit.ring.time_based()) <= left(&before) + bought);
            if bought > Duration::ZERO {
                prop_assert_eq!(left(unit.ring.time_based()), left(&before) + bought);
            }
            for (before, after) in before.iter().zip(unit.ring.time_based()) {
                prop_assert!(after.remaining() <= before.remaining() + bought);
            }
        }
        // Nothing expires before it is told, and something does then.
        if let Some(next) = unit.ring.next_change() {
            let mut ring = unit.ring.clone();
            prop_assert_eq!(ring.advance(next.saturating_sub(Duration::from_nanos(1))), []);
            prop_assert!(!ring.advance(Duration::from_nanos(1)).is_empty());
        }
        // Time in small steps is time in one.
        let mut steps = unit.ring.clone();
        let time = Duration::from_secs(seconds);
        (0..10).for_each(|_| { steps.advance(time); });
        prop_assert_eq!(steps, unit.ring.after(time * 10));
    }
}
