//! The key ring as scenario text against the naive model of [`ring_model`](crate::ring_model): what
//! the running licence says after every line of a random history.

use proptest::prelude::*;
use tollgate::license::ring::ClockPolicy;
use tollgate::sim::{Answer, LineError, Verdict, World, parse};

use crate::ring_model::{ON_SALE, Op, Paper, ops};

/// A key by its name in the scenario, its text, and the line of the paper that it stands on.
struct Held {
    name: String,
    text: String,
    line: usize,
}

/// The scenario and the paper, and what was typed so far.
struct Both {
    world: World,
    paper: Paper,
    held: Vec<Held>,
    bought: usize,
    typed: Vec<String>,
}

impl Both {
    fn new() -> Self {
        let mut both = Self {
            world: World::new(),
            paper: Paper::new(ClockPolicy::SystemClock),
            held: Vec::new(),
            bought: 0,
            typed: Vec::new(),
        };
        both.run("unit A \"ASA 5520\"").expect("a unit");
        both
    }

    fn run(&mut self, line: &str) -> Result<Answer, LineError> {
        self.typed.push(line.to_owned());
        self.world.run(&parse(line).expect("a line").expect("a command"))
    }

    /// Carries out a line, which is refused or not as the paper says.
    fn does(&mut self, line: &str, taken: bool) -> Option<Answer> {
        let outcome = self.run(line);
        assert_eq!(outcome.is_ok(), taken, "{outcome:?} of:\n{}", self.typed.join("\n"));
        outcome.ok()
    }

    fn holds(&mut self, expectation: &str) {
        let answer = self.run(&format!("expect A {expectation}")).expect("a question");
        let told = answer.lines.join("; ");
        assert_eq!(answer.verdict, Verdict::Held, "{told} after:\n{}", self.typed.join("\n"));
        self.typed.pop();
    }

    fn apply(&mut self, op: &Op) {
        let up = self.paper.up;
        match *op {
            Op::Buy { what, days } => self.buy(what, days),
            Op::EnterAgain(index) => {
                let Some((text, line)) = self.pick(index, |held| &held.text) else { return };
                let taken = up && self.paper.lines[line].left > 0;
                self.does(&format!("install A {text}"), taken);
                if taken && !self.paper.blocked(line) {
                    self.paper.start(line);
                }
            }
            Op::Activate(index) => {
                let Some((name, line)) = self.pick(index, |held| &held.name) else { return };
                let taken = up && self.paper.lines[line].left > 0 && !self.paper.blocked(line);
                self.does(&format!("activate A {name}"), taken);
                if taken {
                    self.paper.start(line);
                }
            }
            Op::Deactivate(index) => {
                let Some((name, line)) = self.pick(index, |held| &held.name) else { return };
                let taken = up && self.paper.lines[line].left > 0;
                self.does(&format!("deactivate A {name}"), taken);
                if taken {
                    self.paper.lines[line].active = false;
                }
            }
            Op::Advance(days) => {
                self.does(&format!("advance {days}d"), true);
                (0..days).for_each(|_| self.paper.a_day());
            }
            Op::ShutDown => {
                self.does("shutdown A", up);
                self.paper.up = false;
            }
            Op::Boot | Op::Reload => {
                self.does(if up { "reload A" } else { "boot A" }, true);
                self.paper.boot();
            }
            Op::SetClock(by) => {
                self.does(&format!("clock A {by:+}d"), true);
                self.paper.clock += by;
            }
            Op::Permanent(tier) => {
                let sessions = [10, 100, 500][tier];
                self.does(&format!("permanent A anyconnect-premium={sessions}"), up);
                if up {
                    self.paper.permanent = sessions;
                }
            }
        }
    }

    fn buy(&mut self, what: usize, days: u64) {
        self.bought += 1;
        let name = format!("k{}", self.bought);
        let line = format!("timed A {name} {} for {days}d", ON_SALE[what].0);
        let Some(answer) = self.does(&line, self.paper.up) else { return };
        let text = answer.facts["key"].as_str().expect("a key").to_owned();
        let line = self.paper.buy(what, i64::try_from(days).expect("days"));
        self.held.push(Held { name, text, line });
    }

    fn pick(&self, index: usize, part: impl Fn(&Held) -> &String) -> Option<(String, usize)> {
        let held = self.held.get(index.checked_rem(self.held.len())?)?;
        Some((part(held).clone(), held.line))
    }

    /// The scenario says what the paper says: of each key, and of the running licence.
    fn compare(&mut self) {
        for index in 0..self.held.len() {
            let Held { name, line, .. } = &self.held[index];
            let line = &self.paper.lines[*line];
            let state = match (line.left > 0, line.active) {
                (false, _) => "expired",
                (true, true) => "active",
                (true, false) => "inactive",
            };
            let (state, left) =
                (format!("key {name} {state}"), format!("key {name} remaining {}d", line.left));
            self.holds(&state);
            self.holds(&left);
        }
        self.holds(&format!("running anyconnect-premium {}", self.paper.premium()));
        for (feature, place) in [("botnet-traffic-filter", 1), ("gtp-gprs", 2)] {
            let on = self.paper.lines.iter().any(|it| it.is_on() && ON_SALE[it.what].1[place]);
            self.holds(&format!("running {feature} {}", if on { "enabled" } else { "disabled" }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    /// B1 to B36, in any order that they can come in.
    #[test]
    fn scenarios_agree_with_a_naive_model(ops in ops()) {
        let mut both = Both::new();
        for op in &ops {
            both.apply(op);
            both.compare();
        }
    }
}
