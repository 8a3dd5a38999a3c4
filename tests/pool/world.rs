//! The simulated network, and time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use tollgate::license::key::Serial;
use tollgate::pool::{Event, Link, MAX_MESSAGE, Message, Output, STEP};

use crate::check;
use crate::node::{Machine, Node};
use crate::random::Random;
use crate::script::{Act, BACKUP, Place, SERVER, Script, Setup, name};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Up,
    Mute,
    Down,
}

/// A frame under way: when it arrives, in which order it was sent, from, to, its bytes.
type Frame = Reverse<(Duration, u64, Place, Place, Vec<u8>)>;

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
}

pub(crate) struct World {
    pub(crate) setup: Setup,
    acts: Vec<Act>,
    random: Random,
    pub(crate) now: Duration,
    pub(crate) nodes: Vec<Node>,
    pub(crate) places: BTreeMap<Serial, Place>,
    wires: BTreeMap<(Place, Place), Wire>,
    frames: BinaryHeap<Frame>,
    sent: u64,
    calm: bool,
    /// Whether every message that arrives and every event is printed.
    traces: bool,
    pub(crate) figures: Figures,
}

impl World {
    pub(crate) fn new(script: &Script) -> Self {
        let setup = script.setup.clone();
        let nodes: Vec<_> = (0..setup.participants + 2).map(|it| Node::new(it, &setup)).collect();
        let places = nodes.iter().map(|node| (node.serial, node.place)).collect();
        let mut world = Self {
            setup,
            acts: script.acts.clone(),
            random: Random::new(!script.seed),
            now: Duration::from_secs(1_000_000),
            nodes,
            places,
            wires: BTreeMap::new(),
            frames: BinaryHeap::new(),
            sent: 0,
            calm: false,
            traces: std::env::var_os("TOLLGATE_POOL_TRACE").is_some(),
            figures: Figures::default(),
        };
        for place in 0..world.nodes.len() {
            if place != BACKUP || world.setup.has_backup {
                world.restart(place);
            }
        }
        for place in 0..world.nodes.len() {
            for authority in [SERVER, BACKUP] {
                world.set_wire(place, authority, Wire::Up);
            }
        }
        world
    }

    /// Plays the script, lets the network heal, and looks whether everyone is served.
    pub(crate) fn run(mut self) -> Result<Figures, String> {
        for act in std::mem::take(&mut self.acts) {
            self.play(act)?;
        }
        self.heal()?;
        check::everyone_is_served_as_far_as_the_pool_goes(&self)?;
        self.shrink_the_demand()?;
        check::everyone_has_what_it_wants(&self)?;
        Ok(self.figures)
    }

    fn play(&mut self, act: Act) -> Result<(), String> {
        if self.traces {
            eprintln!("{:.3} {act}", self.now.as_secs_f64() - 1e6);
        }
        match act {
            Act::Demand(at, sessions) => self.demand(at, sessions),
            Act::Pass(time) => self.pass(time)?,
            Act::Down(a, b) => self.set_wire(a, b, Wire::Down),
            Act::Mute(a, b) => self.set_wire(a, b, Wire::Mute),
            Act::Up(a, b) => self.set_wire(a, b, Wire::Up),
            Act::Crash(at) => self.crash(at),
            Act::CrashSoon(at, outputs) => self.nodes[at].fuse = Some(outputs),
            Act::Restart(at) => self.restart(at),
            Act::Forward(at, by) => self.jump(at, by, 1),
            Act::Back(at, by) => self.jump(at, by, -1),
            Act::Switch { from, to, told } => self.switch(from, to, told),
        }
        self.step()
    }

    fn step(&mut self) -> Result<(), String> {
        self.figures.steps += 1;
        check::invariants(self)
    }

    fn demand(&mut self, at: Place, sessions: u32) {
        self.nodes[at].demand = sessions;
        self.with(at, |machine, now| machine.set_demand(now, sessions));
    }

    fn jump(&mut self, at: Place, by: Duration, sign: i64) {
        self.nodes[at].jump(sign * i64::try_from(by.as_millis()).expect("not that long"));
        self.with(at, Machine::handle_timeout);
    }

    /// The active unit of a pair changes; its sessions go with it.
    fn switch(&mut self, from: Place, to: Place, told: bool) {
        if from == to || from <= BACKUP || to <= BACKUP || self.nodes[to].machine.is_none() {
            return;
        }
        let (demand, previous) = (self.nodes[from].demand, self.nodes[from].serial);
        if told {
            self.nodes[from].standby = true;
            self.with(from, |machine, now| {
                if let Machine::Participant(participant) = machine {
                    participant.stand_by(now);
                }
            });
        }
        self.nodes[to].standby = false;
        self.nodes[to].demand = demand;
        self.with(to, |machine, now| {
            if let Machine::Participant(participant) = machine {
                participant.set_demand(now, demand);
                participant.take_over(now, previous);
            }
        });
    }

    fn crash(&mut self, at: Place) {
        if self.nodes[at].machine.take().is_none() {
            return;
        }
        self.figures.crashes += 1;
        self.nodes[at].fuse = None;
        for peer in 0..self.nodes.len() {
            if self.wire(at, peer) == Some(Wire::Up) {
                self.tell(peer, at, Link::Down);
            }
        }
    }

    fn restart(&mut self, at: Place) {
        if self.nodes[at].machine.is_some() || (at == BACKUP && !self.setup.has_backup) {
            return;
        }
        let epoch = self.random.between(70_000, 5_000_000);
        let (now, setup) = (self.now, self.setup.clone());
        self.nodes[at].start(now, &setup, epoch);
        self.drain(at);
        for peer in 0..self.nodes.len() {
            if self.wire(at, peer) == Some(Wire::Up) && self.nodes[peer].machine.is_some() {
                self.tell(peer, at, Link::Up);
                self.tell(at, peer, Link::Up);
            }
        }
    }

    /// The state of the link between two units, where there is one: at one end is an authority.
    fn wire(&self, a: Place, b: Place) -> Option<Wire> {
        self.wires.get(&(a.min(b), a.max(b))).copied()
    }

    fn set_wire(&mut self, a: Place, b: Place, wire: Wire) {
        let absent = |place| place == BACKUP && !self.setup.has_backup;
        if a == b || absent(a) || absent(b) {
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
    }

    fn tell(&mut self, at: Place, peer: Place, link: Link) {
        let serial = self.nodes[peer].serial;
        // Participants have links to servers alone.
        if at <= BACKUP || peer <= BACKUP {
            self.with(at, |machine, now| machine.handle_link(now, (peer, serial), link));
        }
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
                Output::Save(change) => self.nodes[at].disk.store(change),
                Output::Send { to, message } => self.send(at, to, &message),
                Output::Publish { .. } => {}
                Output::Log(event) => self.count(at, &event),
                other => panic!("{other:?} is not done"),
            }
            if let Some(fuse) = &mut self.nodes[at].fuse {
                *fuse -= 1;
                if *fuse == 0 {
                    self.crash(at);
                }
            }
        }
    }

    fn count(&mut self, at: Place, event: &Event) {
        if self.traces {
            eprintln!("{:.3} {}: {event}", self.now.as_secs_f64() - 1e6, name(at));
        }
        match event {
            Event::Expired { .. } => self.figures.expired += 1,
            Event::HeldTooLong { .. } => self.figures.held_too_long += 1,
            Event::BackupRole { active: true } => self.figures.takeovers += 1,
            Event::ServerReturned => self.figures.returns += 1,
            Event::Transferred { .. } => self.figures.transfers += 1,
            _ => {}
        }
    }

    fn send(&mut self, from: Place, to: Serial, message: &Message) {
        let bytes = message.encode();
        assert!(bytes.len() <= MAX_MESSAGE, "{} bytes: {message:?}", bytes.len());
        self.figures.messages += 1;
        let to = self.places[&to];
        let lost = !self.calm && self.random.percent(self.setup.loss_percent);
        if lost || self.wire(from, to) != Some(Wire::Up) {
            self.figures.lost += 1;
            return;
        }
        self.carry(from, to, bytes.clone());
        if !self.calm && self.random.percent(self.setup.twice_percent) {
            self.figures.twice += 1;
            self.carry(from, to, bytes);
        }
    }

    fn carry(&mut self, from: Place, to: Place, bytes: Vec<u8>) {
        let late = !self.calm && self.random.percent(self.setup.late_percent);
        let most = if late { self.random.of(&[5_000, 20_000, 200_000]) } else { 50 };
        let arrives = self.now + Duration::from_millis(self.random.between(1, most));
        self.sent += 1;
        self.frames.push(Reverse((arrives, self.sent, from, to, bytes)));
    }

    /// The next thing that happens by itself: when, and at which unit's clock if it is no frame.
    fn next(&self) -> Option<(Duration, Option<Place>)> {
        let frame = self.frames.peek().map(|Reverse(frame)| (frame.0, None));
        let timers = self.nodes.iter().filter_map(|node| {
            let due = node.machine.as_ref()?.next_timeout()?;
            Some((node.global(due).max(self.now), Some(node.place)))
        });
        timers.chain(frame).min_by_key(|(at, _)| *at)
    }

    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let until = self.now + time;
        let mut at_once = 0;
        while let Some((at, place)) = self.next().filter(|(at, _)| *at <= until) {
            at_once = if at == self.now { at_once + 1 } else { 0 };
            if at_once > 10_000 {
                return Err(format!("time stands still: {place:?}"));
            }
            self.now = at;
            match place {
                Some(place) => self.with(place, Machine::handle_timeout),
                None => self.deliver(),
            }
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    fn deliver(&mut self) {
        let Some(Reverse((_, _, from, to, bytes))) = self.frames.pop() else { return };
        let message = Message::decode(&bytes).expect("what was encoded");
        assert_eq!(message.encode(), bytes);
        if matches!(message, Message::Grant(_) | Message::Welcome { .. }) {
            self.figures.grants += 1;
        }
        if self.traces {
            let at = self.now.as_secs_f64() - 1e6;
            eprintln!("{at:.3} {} -> {}: {message:?}", name(from), name(to));
        }
        let from = self.nodes[from].serial;
        self.with(to, |machine, now| machine.handle_message(now, from, &message));
    }

    /// Every unit runs and every link works.
    fn heal(&mut self) -> Result<(), String> {
        self.calm = true;
        for place in 0..self.nodes.len() {
            self.nodes[place].fuse = None;
            self.restart(place);
        }
        for place in 0..self.nodes.len() {
            for authority in [SERVER, BACKUP] {
                self.set_wire(place, authority, Wire::Up);
            }
        }
        self.pass(self.time_to_settle())
    }

    /// Late frames arrive, the server waits for its backup, lost participants are noticed, and all
    /// refresh a few times.
    fn time_to_settle(&self) -> Duration {
        Duration::from_secs(260) + self.setup.refresh * 6
    }

    /// As many want one step as there are steps that nobody else has reserved.
    fn shrink_the_demand(&mut self) -> Result<(), String> {
        let mut left = self.setup.size - 2 * self.setup.reserved;
        for place in 0..self.nodes.len() {
            let wants = left >= STEP;
            left -= if wants { STEP } else { 0 };
            // Half a step: the hysteresis has no other answer to it than one step.
            let local = self.nodes[place].membership.local();
            self.demand(place, if wants { local + STEP / 2 } else { 0 });
        }
        self.pass(self.time_to_settle())
    }
}
