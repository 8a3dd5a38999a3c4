//! Every unit of a scenario, and what happens to them.

use std::time::Duration;

use super::firewall::Firewall;
use super::group::{Team, rings, rings_mut};
use super::network::Network;
use super::shared::Shared;
use super::statement::{Change, NewUnit, Power, Statement};
use super::words::{LineError, in_words};
use super::{Answer, Event, Verdict};
use crate::license::ring;
use crate::license::{Configuration, GroupMode, Limit, RunningLicense};

/// The most units of a scenario.
const UNITS: usize = 1000;

/// The units of one scenario on one virtual clock. See the [module's head](super).
#[derive(Debug, Default)]
pub struct World {
    pub(super) units: Vec<Firewall>,
    pub(super) teams: Vec<Team>,
    pub(super) shared: Shared,
    /// The time since the scenario began.
    pub(super) now: Duration,
}

impl World {
    /// No units yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of the units.
    pub fn units(&self) -> Vec<String> {
        self.units.iter().map(|unit| unit.name.clone()).collect()
    }

    /// What connects the units that share licences.
    pub const fn network(&self) -> &Network {
        &self.shared.network
    }

    /// Has `watch` called after every step of shared licensing: whatever a unit did.
    pub fn watch(&mut self, watch: impl FnMut(&Network) + 'static) {
        self.shared.network.watch(watch);
    }

    /// Has `trace` told every message between units and every event of shared licensing.
    pub fn trace(&mut self, trace: fn(&str)) {
        self.shared.network.trace(trace);
    }

    /// Carries out one statement.
    ///
    /// # Errors
    ///
    /// When it is refused; then nothing has changed.
    pub fn run(&mut self, statement: &Statement) -> Result<Answer, LineError> {
        if let Statement::Fails { command, inner } = statement {
            return Ok(self.fails(command, inner));
        }
        let mut answer = self.carry_out(statement)?;
        for line in self.settle() {
            answer = answer.line(line);
        }
        Ok(answer)
    }

    fn carry_out(&mut self, statement: &Statement) -> Result<Answer, LineError> {
        match statement {
            Statement::Unit(new) => self.add(new),
            Statement::Permanent { unit, purchase } => self.unit_mut(unit)?.permanent(purchase),
            Statement::Timed { unit, key, purchase, duration } => {
                self.unit_mut(unit)?.timed(key, purchase, *duration)
            }
            Statement::Install { unit, key, text } => {
                self.unit_mut(unit)?.install(text, key.as_deref())
            }
            Statement::Activate { unit, key } => self.unit_mut(unit)?.activate(key),
            Statement::Deactivate { unit, key } => self.unit_mut(unit)?.deactivate(key),
            Statement::Configure { unit, change } => self.configure(unit, change),
            Statement::Advance(time) => self.advance(*time),
            Statement::Power { unit, power } => self.power(unit, *power),
            Statement::Clock { unit, by, back, monotonic: false } => {
                self.set_clock(unit, *by, *back)
            }
            Statement::Clock { unit, by, back, monotonic: true } => self.skew(unit, *by, *back),
            Statement::Group { units, mode } => self.form(units, *mode),
            Statement::Contact { units, restored } => self.contact(units, *restored),
            Statement::LicenseServer(new) => self.license_server(new),
            Statement::Participant(new) => self.participant(new),
            Statement::Link { units, wire } => self.link(units, *wire),
            Statement::Network { quality, seed } => Ok(self.set_network(*quality, *seed)),
            Statement::Crash { unit, after } => self.crash(unit, *after),
            Statement::Restart { unit } => self.restart(unit),
            Statement::Failover { units: [from, to], untold } => self.failover(from, to, *untold),
            Statement::Demand { unit, sessions } => self.demand(unit, *sessions),
            Statement::Admit(admission) => self.admit(admission),
            Statement::Release { unit, what } => self.release(unit, what),
            Statement::Show { unit, what } => self.show(unit, what),
            Statement::Expect { unit, what } => self.check(unit, what),
            Statement::Fails { command, inner } => Ok(self.fails(command, inner)),
        }
    }

    fn fails(&mut self, command: &str, inner: &Result<Box<Statement>, LineError>) -> Answer {
        let outcome = match inner {
            Ok(statement) => self.run(statement),
            Err(error) => Err(error.clone()),
        };
        let refused = match outcome {
            Err(error) => error.to_string(),
            // The gate refused every session.
            Ok(answer) if answer.admits_none() => answer.lines.join("; "),
            Ok(_) => {
                let command = format!("`{command}`");
                return Answer::compared(&command, "to be refused", "it done", false, "");
            }
        };
        Answer { verdict: Verdict::Held, ..Answer::done() }
            .line(format!("ok: refused: {refused}"))
            .fact("error", refused)
    }

    pub(super) fn index(&self, name: &str) -> Result<usize, LineError> {
        self.units.iter().position(|unit| unit.name == name).ok_or_else(|| {
            let known = self.units().join(", ");
            let known = if known.is_empty() { "none yet" } else { &known };
            LineError::Refused(format!("no unit is called `{name}`; units are: {known}"))
        })
    }

    pub(super) fn unit_mut(&mut self, name: &str) -> Result<&mut Firewall, LineError> {
        self.index(name).map(|index| &mut self.units[index])
    }

    fn add(&mut self, new: &NewUnit) -> Result<Answer, LineError> {
        if self.index(&new.name).is_ok() {
            return Err(LineError::Refused(format!(
                "a unit is called `{}` already; choose another name",
                new.name
            )));
        }
        if self.units.len() == UNITS {
            return Err(LineError::Refused(format!("a scenario has {UNITS} units at most")));
        }
        let unit = Firewall::new(new, &format!("SIM{:08}", self.units.len() + 1))?;
        let (serial, entry) = (*unit.ring.serial(), unit.ring.shipped());
        if let Some(other) = self.units.iter().find(|it| *it.ring.serial() == serial) {
            return Err(LineError::Refused(format!(
                "{serial} is the serial number of {}; choose another one",
                other.name
            )));
        }
        self.units.push(unit);
        Ok(Answer::done()
            .line(format!("{}: {entry}, serial number {serial}", new.name))
            .fact("model", entry.model.name())
            .fact("tier", entry.tier.name())
            .fact("guide", entry.guide().name())
            .fact("serial", serial.to_string()))
    }

    /// Sets the configuration of a unit; the units of a group have one together.
    fn configure(&mut self, unit: &str, change: &Change) -> Result<Answer, LineError> {
        let index = self.index(unit)?;
        let members = self.team_of(index).map_or_else(|| vec![index], |team| team.members.clone());
        let before: Vec<_> = members
            .iter()
            .map(|it| (self.units[*it].configuration.clone(), self.units[*it].interfaces.clone()))
            .collect();
        let done = members.iter().try_for_each(|it| self.units[*it].configure(change));
        if let Err(error) = done {
            for (index, (configuration, interfaces)) in members.into_iter().zip(before) {
                self.units[index].configuration = configuration;
                self.units[index].interfaces = interfaces;
            }
            return Err(error);
        }
        let answer = Answer::done().line(match change {
            Change::Set { key, value } => format!("{unit}: {key} {value}"),
            Change::ClearAll => format!("{unit}: the configuration is cleared"),
        });
        let cleared = matches!(change, Change::ClearAll).then(|| self.license(index));
        let below = cleared.as_ref().and_then(RunningLicense::tls_proxy_below_licence);
        let Some((limit, uc)) = below else { return Ok(answer) };
        self.units[index].events.push(Event::TlsProxyBelowLicence);
        Ok(answer.line(format!(
            "{unit}: the tls proxy limit is {limit}, below the licence for {uc}; set \
             tls-proxy-maximum-sessions"
        )))
    }

    fn power(&mut self, name: &str, power: Power) -> Result<Answer, LineError> {
        let index = self.index(name)?;
        let unit = &mut self.units[index];
        match (power, unit.ring.is_up()) {
            (Power::Boot, true) => {
                return Err(LineError::Refused(format!("{name} runs already")));
            }
            (Power::Shutdown | Power::Reload, false) => {
                return Err(LineError::Refused(format!("{name} is shut down; boot it first")));
            }
            _ => {}
        }
        if power != Power::Boot {
            self.take_down(index);
        }
        let unit = &mut self.units[index];
        unit.end_traffic();
        let (events, what) = match power {
            Power::Shutdown => {
                unit.ring.shut_down();
                (Vec::new(), "is shut down")
            }
            Power::Boot => (unit.ring.boot(), "runs"),
            Power::Reload => (unit.ring.reload(), "was reloaded"),
        };
        let answer = Answer::done().line(format!("{name}: {what}"));
        let lines: Vec<_> = events.into_iter().map(|event| self.note(index, event)).collect();
        Ok(lines.into_iter().fold(answer, Answer::line))
    }

    fn set_clock(&mut self, name: &str, by: Duration, back: bool) -> Result<Answer, LineError> {
        let ring = &mut self.unit_mut(name)?.ring;
        let clock = ring.clock();
        ring.set_clock(if back { clock.minus(by) } else { clock.plus(by) });
        let (by, way) = (in_words(by), if back { "back" } else { "forward" });
        Ok(Answer::done().line(format!("{name}: the system clock is set {way} by {by}")))
    }

    /// Time passes for every unit, from one change of a licence to the next.
    fn advance(&mut self, time: Duration) -> Result<Answer, LineError> {
        self.check_time(time)?;
        let mut lines = Vec::new();
        let mut left = time;
        while !left.is_zero() {
            let next = self.next_change().filter(|next| !next.is_zero());
            let step = next.map_or(left, |next| next.min(left));
            // A unit that fails in between is looked after before time goes on.
            let step = if self.shared.network.nodes().is_empty() {
                step
            } else {
                self.shared.network.pass(step)
            };
            self.pass(step, &mut lines);
            left = left.saturating_sub(step);
            lines.extend(self.note_shared(true).into_iter().map(|(line, _)| line));
            lines.extend(self.settle());
        }
        let (passed, now) = (in_words(time), in_words(self.now));
        lines.push(format!("{passed} passed, {now} since the beginning"));
        let answer = lines.into_iter().fold(Answer::done(), Answer::line);
        Ok(answer.fact("seconds", self.now.as_secs()))
    }

    fn next_change(&self) -> Option<Duration> {
        let groups = self.teams.iter();
        let groups = groups.filter_map(|it| it.group.next_change(&rings(&self.units, &it.members)));
        let alone = (0..self.units.len()).filter(|index| self.team_of(*index).is_none());
        groups.chain(alone.filter_map(|index| self.units[index].ring.next_change())).min()
    }

    fn pass(&mut self, step: Duration, lines: &mut Vec<String>) {
        let before = self.now;
        self.now = self.now.saturating_add(step);
        let at = |since: Duration| in_words(before.saturating_add(since));
        for index in 0..self.units.len() {
            if self.team_of(index).is_some() {
                continue;
            }
            for (since, event) in self.units[index].ring.advance(step) {
                let text = self.note(index, event);
                lines.push(format!("after {}: {text}", at(since)));
            }
        }
        for team in 0..self.teams.len() {
            let members = self.teams[team].members.clone();
            let mut rings = rings_mut(&mut self.units, &members);
            let happened = self.teams[team].group.advance(&mut rings, step);
            for event in happened {
                let text = self.note_of_group(&members, event.what);
                lines.push(format!("after {}: {text}", at(event.at)));
            }
        }
    }

    /// Notes what happened to a key of a unit.
    pub(super) fn note(&mut self, index: usize, event: ring::Event) -> String {
        let unit = &mut self.units[index];
        let (event, key, what) = match event {
            ring::Event::Expired(key) => (Event::Expired, key, "expired"),
            ring::Event::Activated(key) => (Event::Activated, key, "was activated"),
        };
        unit.events.push(event);
        format!("{}: {} {what}", unit.name, unit.key_name(key))
    }

    /// What is in force on a unit.
    pub(super) fn license(&self, index: usize) -> RunningLicense {
        let unit = &self.units[index];
        let together = self.team_of(index).and_then(|team| {
            let own = team.place(index)?;
            let configuration = self.configuration(index);
            let running =
                team.group.running(&rings(&self.units, &team.members), configuration, own);
            Some(running?.beside(self.contexts_beside(team, index)))
        });
        together.unwrap_or_else(|| unit.ring.running(&unit.configuration))
    }

    /// How many contexts the other units of an Active/Active pair use (F30).
    fn contexts_beside(&self, team: &Team, index: usize) -> u32 {
        if team.group.mode() != GroupMode::ActiveActive || !team.group.is_combined() {
            return 0;
        }
        let others = team.members.iter().filter(|it| **it != index).map(|it| &self.units[*it]);
        let running = others.filter(|unit| unit.ring.is_up());
        let used = running.map(|unit| unit.gate.usage(Limit::Contexts).in_use).sum::<u64>();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// The configuration that a unit runs: in a group the primary's, which the others replicate.
    pub(super) fn configuration(&self, index: usize) -> &Configuration {
        let team = self.team_of(index).filter(|team| team.group.is_combined());
        let primary = team.and_then(|team| team.members.first()).unwrap_or(&index);
        &self.units[*primary].configuration
    }

    /// Looks after the groups, then publishes on every gate what its unit runs now.
    fn settle(&mut self) -> Vec<String> {
        let mut lines = self.look_after_groups();
        lines.extend(self.look_after_shared());
        for index in 0..self.units.len() {
            self.publish(index);
        }
        lines
    }

    /// Publishes what is in force on a unit, on its gate.
    pub(super) fn publish(&self, index: usize) {
        let license = self.in_force(index);
        let gate = &self.units[index].gate;
        if *gate.license() != license {
            // A gate serves one model, and a unit never becomes another one.
            let published = gate.publish(license);
            debug_assert!(published.is_ok(), "{published:?}");
        }
    }
}
