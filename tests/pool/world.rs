//! A script as a scenario, looked at after every step.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tollgate::pool::STEP;
use tollgate::sim::network::Network;
use tollgate::sim::{LineError, World, parse};

use crate::check::{self, Checker};
use crate::script::{BACKUP, Place, SERVER, Script, Setup, duration, name};

/// How much there was of what is to be tested.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Figures {
    pub(crate) steps: u64,
    pub(crate) messages: u64,
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    pub(crate) crashes: u64,
    pub(crate) grants: u64,
    pub(crate) expired: u64,
    pub(crate) held_too_long: u64,
    pub(crate) takeovers: u64,
    pub(crate) returns: u64,
    pub(crate) transfers: u64,
    /// The most that was held beyond the pool.
    pub(crate) oversubscribed: u64,
    /// Steps at which the server's figure was reached exactly.
    pub(crate) bound_reached: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.messages += other.messages;
        self.lost += other.lost;
        self.twice += other.twice;
        self.crashes += other.crashes;
        self.grants += other.grants;
        self.expired += other.expired;
        self.held_too_long += other.held_too_long;
        self.takeovers += other.takeovers;
        self.returns += other.returns;
        self.transfers += other.transfers;
        self.oversubscribed = self.oversubscribed.max(other.oversubscribed);
        self.bound_reached += other.bound_reached;
    }

    /// A simulation in which nothing goes wrong shows nothing.
    pub(crate) fn assert_everything_happened(&self) {
        let all = [
            self.lost,
            self.twice,
            self.crashes,
            self.grants,
            self.expired,
            self.held_too_long,
            self.takeovers,
            self.returns,
            self.transfers,
            self.oversubscribed,
            self.bound_reached,
        ];
        assert!(all.iter().all(|figure| *figure > 0), "something never happened: {self:#?}");
    }

    fn of(network: &Network, checker: &Checker) -> Self {
        let traffic = network.traffic();
        Self {
            steps: checker.steps,
            messages: traffic.messages,
            lost: traffic.lost,
            twice: traffic.twice,
            crashes: traffic.crashes,
            grants: traffic.grants,
            expired: network.count("participant-expired"),
            held_too_long: network.count("held-too-long"),
            takeovers: network.count("backup-active"),
            returns: network.count("server-returned"),
            transfers: network.count("transferred"),
            oversubscribed: checker.oversubscribed,
            bound_reached: checker.bound_reached,
        }
    }
}

/// A run: the scenario so far, and what is looked at.
pub(crate) struct Run {
    setup: Setup,
    world: World,
    checker: Rc<RefCell<Checker>>,
    /// The lines that were carried out. A refused one changed nothing and is left out.
    pub(crate) played: Vec<String>,
}

impl Run {
    pub(crate) fn new(setup: &Setup) -> Self {
        let checker = Rc::new(RefCell::new(Checker::new(setup)));
        let mut world = World::new();
        let watcher = Rc::clone(&checker);
        world.watch(move |network| watcher.borrow_mut().look(network));
        if std::env::var_os("TOLLGATE_POOL_TRACE").is_some() {
            world.trace(|told| eprintln!("{told}"));
        }
        Self { setup: setup.clone(), world, checker, played: Vec::new() }
    }

    /// Plays the script, lets the network heal, and looks whether everyone is served.
    pub(crate) fn play(&mut self, script: &Script) -> Result<Figures, String> {
        for line in script.lines() {
            self.line(line)?;
        }
        self.heal()?;
        check::everyone_is_served_as_far_as_the_pool_goes(&self.setup, self.world.network())?;
        self.shrink_the_demand()?;
        check::everyone_has_what_it_wants(&self.setup, self.world.network())?;
        Ok(Figures::of(self.world.network(), &self.checker.borrow()))
    }

    /// The scenario that was played, with what came of it.
    pub(crate) fn scenario(&self) -> String {
        let mut lines = self.played.clone();
        for node in self.world.network().nodes() {
            lines.push(format!("expect {} pool held {}", node.name(), node.held()));
        }
        lines.join("\n")
    }

    fn line(&mut self, line: String) -> Result<(), String> {
        let statement = parse(&line).map_err(|why| format!("`{line}`: {why}"))?;
        let statement = statement.ok_or("an empty line")?;
        match self.world.run(&statement) {
            Ok(_) => self.played.push(line),
            Err(LineError::Refused(_)) => {}
            Err(why) => return Err(format!("`{line}`: {why}")),
        }
        self.checker.borrow_mut().failure.take().map_or(Ok(()), Err)
    }

    /// Every unit runs and every link works.
    fn heal(&mut self) -> Result<(), String> {
        let calm =
            Setup { loss_percent: 0, twice_percent: 0, late_percent: 0, ..self.setup.clone() };
        self.line(calm.network())?;
        for place in self.setup.places().collect::<Vec<_>>() {
            let node = self.node(place);
            if node.machine().is_none() || node.is_doomed() {
                self.line(format!("restart {}", name(place)))?;
            }
        }
        for place in self.setup.places().collect::<Vec<_>>() {
            for authority in [SERVER, BACKUP].into_iter().filter(|it| *it < place) {
                self.line(format!("link {} {} up", name(place), name(authority)))?;
            }
        }
        self.settle()
    }

    fn node(&self, place: Place) -> &tollgate::sim::network::Node {
        let mut nodes = self.world.network().nodes().iter();
        nodes.find(|node| node.name() == name(place)).expect("a unit of the script")
    }

    /// Late frames arrive, the server waits for its backup, lost participants are noticed, and all
    /// refresh a few times.
    fn settle(&mut self) -> Result<(), String> {
        let time = Duration::from_secs(260) + self.setup.refresh * 6;
        self.line(format!("advance {}", duration(time)))
    }

    /// As many want one step as there are steps that nobody else has reserved.
    fn shrink_the_demand(&mut self) -> Result<(), String> {
        let mut left = self.setup.size - 2 * self.setup.reserved;
        for place in self.setup.places().collect::<Vec<_>>() {
            let wants = left >= STEP;
            left -= if wants { STEP } else { 0 };
            // Half a step: there is no other answer to it than one step.
            let local = self.node(place).membership().local();
            let sessions = if wants { local + STEP / 2 } else { 0 };
            self.line(format!("demand {} {sessions}", name(place)))?;
        }
        self.settle()
    }
}
