//! A network for the machines of shared licensing, deterministic down to the last message.
//!
//! Every unit has its machine of [`pool`](crate::pool), a clock and a disk of its own. Links exist
//! between units that have something to say to each other; a link is up, cut so that both ends
//! notice, or mute. A message arrives at once, or, where the network is a bad one, after a while,
//! twice, out of order or never, as numbers from a seed have it. Scenarios run on it, and the
//! simulation by seed in `tests/pool` runs scenarios.

mod node;
mod random;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

pub use node::{Disk, NewNode, Node, Role, tell_link};
pub use random::Random;

use crate::license::key::Serial;
use crate::pool::{
    Appetite, BackupState, Event, Link, MAX_MESSAGE, Machine, Membership, Message, Output,
    Settings, SettingsError, Start,
};

/// The place of a unit in the network, in the order in which they were added.
pub type Place = usize;

/// How a link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// It works.
    Up,
    /// It swallows everything, and neither end notices.
    Mute,
    /// It does not work, and both ends know.
    Down,
}

/// How bad the network is: so many messages of a hundred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quality {
    /// Get lost.
    pub loss: u64,
    /// Arrive twice.
    pub twice: u64,
    /// Are late, by up to minutes, and so overtaken.
    pub late: u64,
}

/// A frame under way: when it arrives, in which order it was sent, from, to, its bytes.
type Frame = Reverse<(Duration, u64, Place, Place, Vec<u8>)>;

/// How much there was of what the network does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Messages sent.
    pub messages: u64,
    /// Messages that never arrived.
    pub lost: u64,
    /// Messages that arrived twice.
    pub twice: u64,
    /// Answers to claims that arrived.
    pub grants: u64,
    /// Units that were killed.
    pub crashes: u64,
}

/// Something that happened by itself while time passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Happened {
    /// When, by the network's clock.
    pub at: Duration,
    /// On which unit.
    pub place: Place,
    /// What.
    pub event: Event,
}

/// Is called after every step, for tests that look at every one.
type Watch = Box<dyn FnMut(&Network)>;

/// The units of shared licensing and what connects them. See the [module's head](self).
#[derive(Default)]
pub struct Network {
    now: Duration,
    nodes: Vec<Node>,
    places: BTreeMap<Serial, Place>,
    wires: BTreeMap<(Place, Place), Wire>,
    frames: BinaryHeap<Frame>,
    sent: u64,
    random: Random,
    quality: Option<Quality>,
    /// When each unit has something to do next, and the same in order.
    due: Vec<Option<Duration>>,
    timers: BTreeSet<(Duration, Place)>,
    happened: Vec<Happened>,
    counted: BTreeMap<&'static str, u64>,
    traffic: Traffic,
    crashed: bool,
    watch: Option<Watch>,
    trace: Option<fn(&str)>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { now, nodes, wires, traffic, .. } = self;
        f.debug_struct("Network")
            .field("now", now)
            .field("nodes", nodes)
            .field("wires", wires)
            .field("traffic", traffic)
            .finish_non_exhaustive()
    }
}

/// After so many steps at one instant the machines are taken to talk without end.
const AT_ONCE: u32 = 1_000_000;

impl Network {
    /// The units, in the order in which they were added.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The unit at a place.
    pub fn node(&self, place: Place) -> &Node {
        &self.nodes[place]
    }

    /// The place of the unit with this ID.
    pub fn place(&self, serial: Serial) -> Option<Place> {
        self.places.get(&serial).copied()
    }

    /// How much there was.
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// How often an event of this name happened.
    pub fn count(&self, event: &str) -> u64 {
        self.counted.get(event).copied().unwrap_or_default()
    }

    /// The link between two units, where there is one.
    pub fn wire(&self, a: Place, b: Place) -> Option<Wire> {
        self.wires.get(&(a.min(b), a.max(b))).copied()
    }

    /// What a unit's own clock shows.
    pub fn clock(&self, place: Place) -> Duration {
        self.nodes[place].clock(self.now)
    }

    /// Is called after every step from now on.
    pub(super) fn watch(&mut self, watch: impl FnMut(&Self) + 'static) {
        self.watch = Some(Box::new(watch));
    }

    /// Is told every message that arrives and every event, from now on.
    pub(super) fn trace(&mut self, trace: fn(&str)) {
        self.trace = Some(trace);
    }

    /// How messages fare from now on; none: each arrives at once.
    pub(super) const fn set_quality(&mut self, quality: Option<Quality>) {
        self.quality = quality;
    }

    /// Chance begins anew, from `seed`.
    pub(super) const fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    /// What happened since this was asked last.
    pub(super) fn take_happened(&mut self) -> Vec<Happened> {
        std::mem::take(&mut self.happened)
    }

    /// Adds a unit, which does not run yet and has no links.
    pub(super) fn add(&mut self, new: NewNode) -> Place {
        let place = self.nodes.len();
        self.places.insert(new.serial, place);
        self.nodes.push(Node::new(new));
        self.due.push(None);
        place
    }

    /// Sets what a unit is to do from its next start on.
    pub(super) fn set_role(&mut self, place: Place, role: Role, appetite: Appetite) {
        let node = &mut self.nodes[place];
        (node.role, node.appetite) = (role, appetite);
    }

    /// Whether a server on the unit could work with these settings.
    pub(super) fn check(new: &NewNode, settings: &Settings) -> Result<(), SettingsError> {
        let mut trial = Node::new(new.clone());
        trial.role = Role::Server(Box::new(settings.clone()));
        trial.start(Duration::ZERO, Start::Return, Duration::ZERO)
    }

    /// The time since the first unit was added.
    pub(super) const fn now(&self) -> Duration {
        self.now
    }

    /// Starts a unit from what it has stored, in a new life. One that runs is killed before.
    pub(super) fn start(&mut self, place: Place, why: Start) -> Result<(), SettingsError> {
        self.kill(place);
        let epoch = Duration::from_millis(self.random.between(70_000, 5_000_000));
        self.nodes[place].start(self.now, why, epoch)?;
        self.drain(place);
        for peer in 0..self.nodes.len() {
            if self.wire(place, peer) == Some(Wire::Up) && self.nodes[peer].machine.is_some() {
                self.tell(peer, place, Link::Up);
                self.tell(place, peer, Link::Up);
            }
        }
        self.step();
        Ok(())
    }

    /// Ends a unit at once.
    pub(super) fn kill(&mut self, place: Place) {
        self.end(place);
        self.step();
    }

    fn end(&mut self, place: Place) {
        if self.nodes[place].machine.take().is_none() {
            return;
        }
        self.traffic.crashes += 1;
        self.nodes[place].fuse = None;
        self.schedule(place);
        for peer in 0..self.nodes.len() {
            if self.wire(place, peer) == Some(Wire::Up) {
                self.tell(peer, place, Link::Down);
            }
        }
    }

    /// Ends a unit in good order: it gives back what it holds first.
    pub(super) fn stop(&mut self, place: Place) {
        self.with(place, Machine::stand_by);
        self.pass(Duration::ZERO);
        self.kill(place);
    }

    /// Kills a unit after so many more things that it does.
    pub(super) fn kill_after(&mut self, place: Place, outputs: u32) {
        self.nodes[place].fuse = Some(outputs);
    }

    /// Sets the state of the link between two units, which there is from now on.
    pub(super) fn set_wire(&mut self, a: Place, b: Place, wire: Wire) {
        if a == b {
            return;
        }
        let before = self.wires.insert((a.min(b), a.max(b)), wire);
        let both_run = self.nodes[a].machine.is_some() && self.nodes[b].machine.is_some();
        let link = match wire {
            Wire::Down if before != Some(Wire::Down) => Link::Down,
            Wire::Up if both_run => Link::Up,
            Wire::Up | Wire::Down | Wire::Mute => return,
        };
        self.tell(a, b, link);
        self.tell(b, a, link);
        self.step();
    }

    /// There is no link between two units any more.
    pub(super) fn unwire(&mut self, a: Place, b: Place) {
        if self.wire(a, b).is_some() {
            self.set_wire(a, b, Wire::Down);
            self.wires.remove(&(a.min(b), a.max(b)));
        }
    }

    /// The links of a unit.
    pub(super) fn wires_of(&self, place: Place) -> impl Iterator<Item = (Place, Wire)> {
        let of = move |(&(a, b), &wire): (&(Place, Place), &Wire)| match place {
            it if it == a => Some((b, wire)),
            it if it == b => Some((a, wire)),
            _ => None,
        };
        self.wires.iter().filter_map(of)
    }

    /// So many sessions are needed on a unit.
    pub(super) fn set_demand(&mut self, place: Place, sessions: u32) {
        if self.nodes[place].demand != sessions {
            self.nodes[place].demand = sessions;
            if !self.nodes[place].standby {
                self.with(place, |machine, now| machine.set_demand(now, sessions));
            }
            self.step();
        }
    }

    /// The unit's licence changed.
    pub(super) fn set_membership(&mut self, place: Place, membership: Membership) {
        if self.nodes[place].membership != membership {
            self.nodes[place].membership = membership;
            self.with(place, |machine, now| machine.set_membership(now, membership));
            self.step();
        }
    }

    /// The unit's clock jumps.
    pub(super) fn jump(&mut self, place: Place, by_millis: i64) {
        self.nodes[place].jump(by_millis);
        self.with(place, Machine::handle_timeout);
        self.step();
    }

    /// The unit is the standby one of its pair from now on.
    pub(super) fn stand_by(&mut self, place: Place) {
        if !std::mem::replace(&mut self.nodes[place].standby, true) {
            self.with(place, Machine::stand_by);
            self.step();
        }
    }

    /// A unit is the active one from now on, in the place of another, whose sessions it has.
    pub(super) fn take_over(&mut self, place: Place, of: Place) {
        let (demand, previous) = (self.nodes[place].demand, self.nodes[of].serial);
        self.nodes[place].standby = false;
        self.with(place, |machine, now| {
            machine.set_demand(now, demand);
            machine.take_over(now, previous);
        });
        self.step();
    }

    /// The unit is the active one from now on; nobody was before.
    pub(super) fn activate(&mut self, place: Place) {
        if std::mem::replace(&mut self.nodes[place].standby, false) {
            let demand = self.nodes[place].demand;
            self.with(place, |machine, now| machine.set_demand(now, demand));
            self.step();
        }
    }

    /// The state of a pair's active unit is on its standby unit too, as of this moment.
    pub(super) fn replicate(&mut self, from: Place, to: Place) {
        let (life, mut disk) = (self.nodes[from].incarnation, self.nodes[from].disk.clone());
        if let Some(Machine::Backup(backup)) = &self.nodes[from].machine {
            let budget = backup.budget(self.clock(from));
            disk.backup = Some(BackupState { budget, ..*backup.state() });
        }
        let node = &mut self.nodes[to];
        node.disk = disk;
        node.incarnation = node.incarnation.max(life);
    }

    /// Time passes, or less of it: until a unit is killed in the middle of something. Says how much
    /// passed.
    pub(super) fn pass(&mut self, time: Duration) -> Duration {
        let (began, until) = (self.now, self.now.saturating_add(time));
        let mut at_once = 0_u32;
        self.crashed = false;
        while let Some((at, place)) = self.next().filter(|(at, _)| *at <= until) {
            at_once = if at == self.now { at_once + 1 } else { 0 };
            assert!(at_once < AT_ONCE, "time stands still at {at:?}");
            self.now = at;
            match place {
                Some(place) => self.with(place, Machine::handle_timeout),
                None => self.deliver(),
            }
            self.step();
            if self.crashed {
                return self.now.saturating_sub(began);
            }
        }
        self.now = until;
        time
    }

    /// The next thing that happens by itself: when, and at which unit's clock if it is no frame.
    fn next(&self) -> Option<(Duration, Option<Place>)> {
        let frame = self.frames.peek().map(|Reverse(frame)| (frame.0, None));
        let timer = self.timers.first().map(|&(at, place)| (at.max(self.now), Some(place)));
        [frame, timer].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn step(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            watch(self);
            self.watch = Some(watch);
        }
    }

    fn tell(&mut self, at: Place, peer: Place, link: Link) {
        let (serial, role) = (self.nodes[peer].serial, self.nodes[peer].role.clone());
        self.with(at, |machine, now| tell_link(machine, now, (serial, &role), link));
    }

    /// Has a machine handle something, and does what it says.
    fn with(&mut self, at: Place, act: impl FnOnce(&mut Machine, Duration)) {
        let node = &mut self.nodes[at];
        let now = node.clock(self.now);
        if let Some(machine) = &mut node.machine {
            act(machine, now);
            self.drain(at);
        }
    }

    /// Does what a machine says, in its order, unless the unit is killed in between.
    fn drain(&mut self, at: Place) {
        while let Some(output) = self.nodes[at].machine.as_mut().and_then(Machine::poll) {
            match output {
                Output::Save(change) => self.nodes[at].store(change),
                Output::Send { to, message } => self.send(at, to, &message),
                // What is held is read from the machine when it is published.
                Output::Publish { .. } => {}
                Output::Log(event) => self.note(at, event),
            }
            if let Some(fuse) = &mut self.nodes[at].fuse {
                *fuse = fuse.saturating_sub(1);
                if *fuse == 0 {
                    self.crashed = true;
                    self.end(at);
                }
            }
        }
        self.schedule(at);
    }

    /// Notes when the unit has something to do next.
    fn schedule(&mut self, at: Place) {
        let node = &self.nodes[at];
        let due = node.machine.as_ref().and_then(Machine::next_timeout);
        let due = due.map(|due| node.global(due));
        if let Some(before) = std::mem::replace(&mut self.due[at], due) {
            self.timers.remove(&(before, at));
        }
        self.timers.extend(due.map(|due| (due, at)));
    }

    fn note(&mut self, place: Place, event: Event) {
        *self.counted.entry(event.name()).or_default() += 1;
        self.happened.push(Happened { at: self.now, place, event });
        if let Some(trace) = self.trace {
            trace(&format!("{:.3} {}: {event}", self.now.as_secs_f64(), self.nodes[place].name));
        }
    }

    fn send(&mut self, from: Place, to: Serial, message: &Message) {
        let bytes = message.encode();
        debug_assert!(bytes.len() <= MAX_MESSAGE, "{} bytes: {message:?}", bytes.len());
        self.traffic.messages += 1;
        let Some(to) = self.place(to) else { return };
        let quality = self.quality;
        let lost = quality.is_some_and(|it| self.random.percent(it.loss));
        if lost || self.wire(from, to) != Some(Wire::Up) {
            self.traffic.lost += 1;
            return;
        }
        self.carry(from, to, bytes.clone());
        if quality.is_some_and(|it| self.random.percent(it.twice)) {
            self.traffic.twice += 1;
            self.carry(from, to, bytes);
        }
    }

    fn carry(&mut self, from: Place, to: Place, bytes: Vec<u8>) {
        let delay = match self.quality {
            None => Duration::ZERO,
            Some(quality) => {
                let late = self.random.percent(quality.late);
                let most = if late { self.random.of(&[5_000, 20_000, 200_000]) } else { 50 };
                Duration::from_millis(self.random.between(1, most))
            }
        };
        self.sent += 1;
        self.frames.push(Reverse((self.now.saturating_add(delay), self.sent, from, to, bytes)));
    }

    fn deliver(&mut self) {
        let Some(Reverse((_, _, from, to, bytes))) = self.frames.pop() else { return };
        let message = match Message::decode(&bytes) {
            Ok(message) => message,
            Err(error) => unreachable!("a machine sent what is no message: {error}"),
        };
        if matches!(message, Message::Grant(_) | Message::Welcome { .. }) {
            self.traffic.grants += 1;
        }
        if let Some(trace) = self.trace {
            let (from, to) = (&self.nodes[from].name, &self.nodes[to].name);
            trace(&format!("{:.3} {from} -> {to}: {message:?}", self.now.as_secs_f64()));
        }
        let from = self.nodes[from].serial;
        self.with(to, |machine, now| machine.handle_message(now, from, &message));
    }
}
