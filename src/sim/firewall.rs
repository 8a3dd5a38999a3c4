//! One simulated unit: its keys, its configuration, its gate and its sessions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::display::SessionLog;
use super::sessions::{Moved, Sessions};
use super::statement::{Change, NewUnit};
use super::words::{LineError, in_words};
use super::{Answer, Event};
use crate::catalogue;
use crate::gate::{Gate, Refusal, Worker, Zone};
use crate::license::key::{Authority, ParsedKey, Purchase, Register, Serial, UnitSecret};
use crate::license::ring::{self, Activation, Clock, Entered, KeyRing, Placed};
use crate::license::{Configuration, FirewallMode, Limit, Setting};

/// When every scenario begins by the units' system clocks: 2014-05-13.
const START: Clock = Clock::from_unix(1_400_000_000);

/// The secret of the vendor in every scenario, so that a key is the same in every run.
const VENDOR: [u8; crate::license::key::SECRET_LEN] = *b"the vendor of every scenario.   ";

/// What the last `admit` came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) admitted: u64,
    pub(super) refused: Vec<(Refusal, u64)>,
}

impl Tally {
    pub(super) fn refused(&self) -> u64 {
        self.refused.iter().map(|(_, count)| count).sum()
    }

    /// Refused for lack of a licence that a shared one could make up for.
    pub(super) fn lacking(&self) -> u64 {
        let limits = [Limit::Anyconnect, Limit::Clientless];
        let lacking = self.refused.iter().filter(|(it, _)| limits.contains(&it.limit));
        lacking.map(|(_, count)| count).sum()
    }
}

/// The interfaces by their roles in the counting of hosts.
#[derive(Clone, Default, Debug)]
pub(super) struct Interfaces {
    /// That of the default route, where there is one.
    pub(super) outside: Option<String>,
    /// One side of a transparent firewall: the first interface that hosts were named behind.
    side: Option<String>,
}

impl Interfaces {
    /// The side that hosts behind `interface` are on: in routed mode the default route tells the
    /// outside (E59), in transparent mode there are two sides alike (E62).
    pub(super) fn zone(&mut self, interface: &str, mode: FirewallMode) -> Zone {
        let inside = match mode {
            FirewallMode::Routed => self.outside.as_deref() != Some(interface),
            FirewallMode::Transparent => {
                *self.side.get_or_insert_with(|| interface.to_owned()) == *interface
            }
        };
        if inside { Zone::Inside } else { Zone::Outside }
    }
}

#[derive(Debug)]
pub(super) struct Firewall {
    pub(super) name: String,
    pub(super) ring: KeyRing,
    secret: UnitSecret,
    register: Register,
    pub(super) configuration: Configuration,
    pub(super) interfaces: Interfaces,
    pub(super) gate: Gate,
    pub(super) worker: Worker,
    pub(super) sessions: Sessions,
    pub(super) log: SessionLog,
    pub(super) keys: BTreeMap<String, ParsedKey>,
    pub(super) last: Option<Tally>,
    /// Sessions that were refused for lack of a shared licence, and are still wanted.
    pub(super) waiting: u64,
    pub(super) events: Vec<Event>,
}

impl Firewall {
    /// A unit as shipped; `made_up` is its serial number where it was not given one.
    pub(super) fn new(new: &NewUnit, made_up: &str) -> Result<Self, LineError> {
        let (tier, guide) = (new.tier.as_deref(), new.guide.as_deref());
        let entry = catalogue::find(&new.model, tier, guide).map_err(LineError::refused)?;
        let serial = new.serial.as_deref().unwrap_or(made_up);
        let serial: Serial = serial.parse().map_err(LineError::refused)?;
        let secret = Authority::from_secret(VENDOR).unit(&serial);
        let ring = KeyRing::new(entry, serial, START);
        let mut unit = ring.unit(&unrouted(Configuration::default()));
        let npe = new.npe.then(|| "yes".to_owned());
        let settings =
            [(Setting::Npe, &npe), (Setting::Mode, &new.mode), (Setting::Contexts, &new.contexts)];
        for (setting, value) in settings {
            if let Some(value) = value {
                unit.configure(setting.name(), value).map_err(LineError::refused)?;
            }
        }
        let configuration = unit.configuration().clone();
        let gate = Gate::with_exact_peaks(ring.running(&configuration));
        Ok(Self {
            name: new.name.clone(),
            worker: gate.worker(),
            gate,
            ring,
            secret,
            register: Register::default(),
            configuration,
            interfaces: Interfaces::default(),
            sessions: Sessions::default(),
            log: SessionLog::default(),
            keys: BTreeMap::new(),
            last: None,
            waiting: 0,
            events: Vec::new(),
        })
    }

    /// The name of a key in the scenario, or the key.
    pub(super) fn key_name(&self, key: ParsedKey) -> String {
        let named = self.keys.iter().find(|(_, it)| **it == key);
        named.map_or_else(|| key.to_string(), |(name, _)| name.clone())
    }

    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> Result<ParsedKey, LineError> {
        self.keys.get(name).copied().ok_or_else(|| {
            let known: Vec<_> = self.keys.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            LineError::Refused(format!(
                "{} has no key called `{name}`; its keys are: {known}",
                self.name
            ))
        })
    }

    /// Issues and enters a permanent key in place of all permanent licences before.
    pub(super) fn permanent(&mut self, purchase: &Purchase) -> Result<Answer, LineError> {
        let mut register = self.register.clone();
        let key = register.replace_permanent(&self.secret, purchase).map_err(LineError::refused)?;
        let answer = self.enter(key, None)?;
        self.register = register;
        Ok(answer)
    }

    /// Issues and enters a time-based key.
    pub(super) fn timed(
        &mut self,
        name: &str,
        purchase: &Purchase,
        duration: Duration,
    ) -> Result<Answer, LineError> {
        let mut register = self.register.clone();
        let key = register.time_based(&self.secret, purchase, duration);
        let answer = self.enter(key.map_err(LineError::refused)?, Some(name))?;
        self.register = register;
        Ok(answer)
    }

    /// Enters a key as it was typed.
    pub(super) fn install(&mut self, text: &str, name: Option<&str>) -> Result<Answer, LineError> {
        self.enter(text.parse().map_err(LineError::refused)?, name)
    }

    fn enter(&mut self, key: ParsedKey, name: Option<&str>) -> Result<Answer, LineError> {
        if let Some(name) = name.filter(|name| self.keys.get(*name).is_some_and(|it| *it != key)) {
            return Err(LineError::Refused(format!(
                "{} has another key called `{name}`; choose another name",
                self.name
            )));
        }
        let entered = self.ring.enter(&self.secret, key).map_err(LineError::refused)?;
        self.keys.extend(name.map(|name| (name.to_owned(), key)));
        self.applied(key);
        let answer = Answer::done().fact("key", key.to_string());
        Ok(match entered {
            Entered::Permanent { lost, reload_required } => {
                let mut answer = answer
                    .line(format!("{}: permanent key {key}", self.name))
                    .fact("reload_required", reload_required);
                for loss in &lost {
                    let has = loss.has.map_or_else(|| "nothing".to_owned(), |it| it.to_string());
                    let text = format!("lost: {}={}, now {has}", loss.feature, loss.had);
                    answer = answer.line(format!("{}: {text}", self.name));
                    self.events.push(Event::LicencesLost);
                }
                if reload_required {
                    self.events.push(Event::ReloadRequired);
                    answer = answer.line(format!("{}: reload required", self.name));
                }
                answer
            }
            Entered::TimeBased { placed, activation } => {
                let text = self.placed(key, placed);
                let answer = answer.line(format!("{}: {text}", self.name));
                self.activation(answer, &activation)
            }
        })
    }

    fn applied(&mut self, key: ParsedKey) {
        if let Ok(key) = self.secret.verify(key) {
            self.configuration.apply(key.grant().licences());
        }
    }

    fn placed(&mut self, key: ParsedKey, placed: Placed) -> String {
        let name = self.key_name(key);
        let left = self.ring.find(key).map(ring::TimedLicence::remaining).unwrap_or_default();
        let left = in_words(left);
        match placed {
            Placed::StackedOn(on) => {
                self.events.push(Event::Stacked);
                format!("time-based key {name} stacked on {}, {left} left", self.key_name(on))
            }
            Placed::Again => format!("time-based key {name} was installed before, {left} left"),
            Placed::New => format!("time-based key {name} ({key}), {left} left"),
        }
    }

    fn activation(&mut self, answer: Answer, activation: &Activation) -> Answer {
        match activation {
            Activation::Active { deactivated } => {
                self.events.extend(deactivated.iter().map(|_| Event::Deactivated));
                deactivated.iter().fold(answer.fact("active", true), |answer, key| {
                    answer.line(format!("{}: {} is inactive now", self.name, self.key_name(*key)))
                })
            }
            Activation::Blocked { by } => {
                self.events.push(Event::Blocked);
                let by = self.key_name(*by);
                let text = format!("inactive, because the evaluation key {by} is active");
                answer.fact("active", false).line(format!("{}: {text}", self.name))
            }
        }
    }

    pub(super) fn activate(&mut self, name: &str) -> Result<Answer, LineError> {
        let key = self.key(name)?;
        let activation = self.ring.activate(key).map_err(LineError::refused)?;
        self.applied(key);
        let answer = Answer::done().line(format!("{}: {name} is active", self.name));
        Ok(self.activation(answer, &activation))
    }

    pub(super) fn deactivate(&mut self, name: &str) -> Result<Answer, LineError> {
        let key = self.key(name)?;
        self.ring.deactivate(key).map_err(LineError::refused)?;
        Ok(Answer::done().line(format!("{}: {name} is inactive", self.name)))
    }

    /// Changes the configuration. The default route's interface may have any name (E59).
    pub(super) fn configure(&mut self, change: &Change) -> Result<(), LineError> {
        let Change::Set { key, value } = change else {
            self.configuration.clear();
            self.configuration = unrouted(std::mem::take(&mut self.configuration));
            self.interfaces.outside = None;
            return Ok(());
        };
        let routes = *key == Setting::DefaultRoute.name();
        let outside = (routes && value != "none").then(|| value.clone());
        let value = if outside.is_some() { "outside" } else { value };
        let mut unit = self.ring.unit(&self.configuration);
        unit.configure(key, value).map_err(LineError::refused)?;
        self.configuration = unit.configuration().clone();
        if routes {
            self.interfaces.outside = outside;
        }
        Ok(())
    }

    /// Has the sessions of the other unit of its pair, as far as the licence goes; how many ended.
    pub(super) fn take_sessions(&mut self, moved: Vec<Moved>) -> u64 {
        let mut lost = 0;
        for Moved { kind, name, count } in moved {
            let admitted = (0..count).map_while(|_| self.worker.admit(kind).ok());
            let tokens: Vec<_> = admitted.collect();
            lost += count - tokens.len() as u64;
            self.sessions.hold(tokens, name.as_deref());
        }
        lost
    }

    /// Ends all traffic, as a reload does.
    pub(super) fn end_traffic(&mut self) {
        for token in self.sessions.end_traffic() {
            self.worker.release(token);
        }
    }
}

/// A unit has no default route until one is configured.
fn unrouted(configuration: Configuration) -> Configuration {
    let mut configuration = configuration;
    configuration.default_route = false;
    configuration
}
