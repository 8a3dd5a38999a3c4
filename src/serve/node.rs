//! The one task that owns a machine.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::clock::Clock;
use super::draw::{Draw, LOOK};
use super::order::Order;
use super::report::{About, Report};
use super::side::{Side, hears_of, may_say};
use super::window::{Asking, Window};
use super::wires::Wires;
use super::{Entry, ServeError};
use crate::net::{Dialer, Event, NetError, Peer};
use crate::pool::{Change, Label, Link, Machine, Message, Output};
use crate::store::Books;

/// Events that are taken together before anything is stored and sent: one wait for the disk serves
/// all of them.
const TOGETHER: usize = 256;

/// How often sessions are given back at most. What comes and goes faster stays here.
const GIVE_BACK: Duration = Duration::from_millis(200);

/// What a [`Node`] is made of.
pub struct Parts {
    /// What the unit does, in a life that began at the time 0.
    pub machine: Machine,
    /// How many times as fast as the clock the machine's time passes: 1, but for trials. Every unit
    /// of one shared licence needs the same.
    pub pace: NonZeroU32,
    /// Where it is remembered; none for a unit that has nothing to remember, as a participant on
    /// standby.
    pub books: Option<Arc<Books>>,
    /// Its connections.
    pub wires: Wires,
    /// Connects to the backup at the address that the server tells; none where the unit does not
    /// have to, or is told another way.
    pub dial: Option<Dial>,
    /// What it is told while it runs.
    pub orders: mpsc::UnboundedReceiver<Order>,
    /// The gate beside it.
    pub draw: Draw,
    /// The socket where it can be asked.
    pub window: PathBuf,
    /// What is configured besides.
    pub about: About,
    /// Who is told what happens.
    pub log: Box<dyn FnMut(&Entry) + Send>,
}

/// What becomes of the shared sessions that a unit has, when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leave {
    /// They go back to the pool.
    GiveBack,
    /// They stay granted to it, until the other unit of its pair has them moved to itself (G74).
    HandOver,
}

/// Begins to connect to an address.
pub type Dial = Box<dyn Fn(&str) -> Result<Dialer, NetError> + Send>;

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("window", &self.window).finish_non_exhaustive()
    }
}

/// A unit's part in a shared licence. See the [room's head](super).
#[derive(Debug)]
pub struct Node {
    parts: Parts,
    clock: Clock,
    /// Where the backup is, by the server's word.
    backup: Option<Label>,
    /// What the gate needed when it was looked at last.
    demand: u32,
    /// When it was found to need so little less that something was given back.
    gave_back: Instant,
}

/// What woke the task.
enum Woken {
    Event(Side, Event),
    Asked(Asking),
    Told(Order),
    Look,
    Due,
    Stop(Leave),
}

impl Node {
    /// The machine's time begins now. Needs a tokio runtime with time and input and output.
    pub fn new(parts: Parts) -> Self {
        let clock = Clock::start(parts.pace);
        Self { parts, clock, backup: None, demand: 0, gave_back: Instant::now() }
    }

    /// Runs until `stop` is ready, then gives back what can be given back, or leaves it to the
    /// other unit of the pair, and ends.
    ///
    /// # Errors
    ///
    /// When a change cannot be stored: nothing that follows it has been sent then, and the unit can
    /// be started again as after a crash. When the window cannot be opened.
    pub async fn run(mut self, stop: impl Future<Output = Leave>) -> Result<(), ServeError> {
        let window = Window::open(&self.parts.window)?;
        if let (Some(dial), Some(known)) = (&self.parts.dial, &self.parts.about.backup_address) {
            self.backup = known.parse().ok();
            self.parts.wires.dial_backup(dial(known)?);
        }
        let leave = self.until(stop, &window).await?;
        drop(window);
        if leave == Leave::GiveBack {
            self.parts.machine.stand_by(self.clock.now());
        }
        self.settle().await?;
        self.parts.wires.close().await;
        Ok(())
    }

    async fn until(
        &mut self,
        stop: impl Future<Output = Leave>,
        window: &Window,
    ) -> Result<Leave, ServeError> {
        let mut stop = pin!(stop);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.settle().await?;
            let due = self.parts.machine.next_timeout().map(|then| self.clock.instant(then));
            let woken = tokio::select! {
                leave = &mut stop => Woken::Stop(leave),
                (side, event) = self.parts.wires.next() => Woken::Event(side, event),
                asking = window.next() => Woken::Asked(asking),
                Some(order) = self.parts.orders.recv() => Woken::Told(order),
                _ = look.tick() => Woken::Look,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Woken::Due,
            };
            match woken {
                Woken::Stop(leave) => return Ok(leave),
                Woken::Event(side, event) => {
                    self.hear(side, event);
                    self.hear_what_is_ready().await;
                }
                Woken::Asked(asking) => asking.answer(self.report()),
                Woken::Told(order) => self.obey(order)?,
                Woken::Look => self.look()?,
                Woken::Due => self.parts.machine.handle_timeout(self.clock.now()),
            }
        }
    }

    /// Takes the events that are there already.
    async fn hear_what_is_ready(&mut self) {
        for _ in 1..TOGETHER {
            let ready = tokio::select! {
                biased;
                event = self.parts.wires.next() => Some(event),
                () = std::future::ready(()) => None,
            };
            let Some((side, event)) = ready else { return };
            self.hear(side, event);
        }
    }

    fn hear(&mut self, side: Side, event: Event) {
        let now = self.clock.now();
        let machine = &mut self.parts.machine;
        match event {
            Event::Up(peer) => {
                self.log(&Entry::Up(peer));
                self.hear_link((peer, side), Link::Up);
            }
            Event::Down(peer, cause) => {
                self.log(&Entry::Down(peer, cause));
                // It may have come another way before, as a unit with two addresses does.
                if !self.parts.wires.is_up(peer.serial) {
                    self.hear_link((peer, side), Link::Down);
                }
            }
            Event::Frame(peer, frame) => match Message::decode(&frame) {
                Ok(message) if may_say(peer.role, side, &message) => {
                    machine.handle_message(now, peer.serial, &message);
                }
                Ok(_) => {}
                Err(error) => machine.handle_garbage(now, peer.serial, error),
            },
            Event::Refused(refused) => self.log(&Entry::Refused(refused)),
        }
    }

    fn hear_link(&mut self, (peer, side): (Peer, Side), link: Link) {
        let machine = &mut self.parts.machine;
        if hears_of(machine, peer.role, side) {
            machine.handle_link(self.clock.now(), peer.serial, link);
        }
    }

    /// What its own licence allows is published before the machine tells anyone.
    fn obey(&mut self, order: Order) -> Result<(), ServeError> {
        let now = self.clock.now();
        match order {
            Order::License { own, membership, size } => {
                self.parts.draw.publish_own(*own)?;
                if let (Machine::Server(server), Some(size)) = (&mut self.parts.machine, size) {
                    server.set_size(now, size);
                }
                self.parts.machine.set_membership(now, membership);
            }
            Order::TakeOver { of } => {
                // The sessions that are there are what has to be moved.
                self.look()?;
                self.parts.machine.take_over(now, of);
            }
        }
        Ok(())
    }

    /// Connects to the backup where the server says that it is.
    fn follow_the_backup(&mut self) -> Result<(), ServeError> {
        let Parts { machine, wires, dial, books, about, .. } = &mut self.parts;
        let (Some(dial), Some(told)) = (dial, machine.own().backup_address()) else {
            return Ok(());
        };
        if self.backup.as_ref() == Some(told) {
            return Ok(());
        }
        about.backup_address = Some(told.to_string());
        self.backup = Some(told.clone());
        let dialer = dial(told.as_str())?;
        if let Some(books) = books {
            books.note_backup(told.as_str())?;
        }
        for lost in wires.dial_backup(dialer) {
            self.hear_link(lost, Link::Down);
        }
        Ok(())
    }

    /// Tells the machine what the gate needs, where that changed. More is told at once, and what is
    /// given back at most every [`GIVE_BACK`].
    fn look(&mut self) -> Result<(), ServeError> {
        let now = Instant::now();
        let mut demand = self.parts.draw.demand(now);
        if demand == self.demand {
            return Ok(());
        }
        if self.would_give_back(demand) {
            if now.saturating_duration_since(self.gave_back) < GIVE_BACK {
                return Ok(());
            }
            self.gave_back = now;
            demand = self.give_up(demand)?;
        }
        self.demand = demand;
        self.parts.machine.set_demand(self.clock.now(), demand);
        Ok(())
    }

    fn would_give_back(&self, demand: u32) -> bool {
        let own = self.parts.machine.own();
        own.wanted_for(demand) < own.held()
    }

    /// Takes from the gate what the machine would give back. Only then is certain what is in use: a
    /// session may have been admitted on it since the gate was looked at, and keeps it. Gives back
    /// the demand that holds.
    fn give_up(&mut self, mut demand: u32) -> Result<u32, ServeError> {
        let Parts { machine, draw, .. } = &mut self.parts;
        let own = machine.own();
        loop {
            let kept = own.wanted_for(demand).min(own.held());
            draw.publish(kept)?;
            let again = draw.demand(Instant::now());
            // Each time round something more is kept.
            if kept == own.held() || own.wanted_for(again) <= kept {
                return Ok(demand);
            }
            demand = again;
        }
    }

    /// Does what the machine says: first all that is to be stored, in one transaction, and when it
    /// is, the rest in order. Storing early is as good as storing in turn.
    async fn settle(&mut self) -> Result<(), ServeError> {
        let (mut changes, mut others) = (Vec::new(), Vec::new());
        while let Some(output) = self.parts.machine.poll() {
            match output {
                Output::Save(change) => changes.push(change),
                other => others.push(other),
            }
        }
        if !changes.is_empty() {
            let books = self.parts.books.as_ref().ok_or(ServeError::NoBooks)?;
            save(Arc::clone(books), changes).await?;
        }
        for output in others {
            match output {
                Output::Send { to, message } => self.parts.wires.send(to, message.encode()),
                Output::Publish { sessions } => self.parts.draw.publish(sessions)?,
                Output::Log(event) => self.log(&Entry::Event(event)),
                Output::Save(_) => {}
            }
        }
        self.follow_the_backup()
    }

    fn report(&self) -> Report {
        let Parts { machine, draw, wires, about, .. } = &self.parts;
        Report::of(machine, draw, wires, about)
    }

    fn log(&mut self, entry: &Entry) {
        (self.parts.log)(entry);
    }
}

/// Waits for the disk on a thread of its own, so that connections go on meanwhile.
async fn save(books: Arc<Books>, changes: Vec<Change>) -> Result<(), ServeError> {
    let saved = spawn_blocking(move || books.save(&changes)).await;
    saved.map_err(|_| ServeError::Interrupted)?.map_err(ServeError::from)
}

#[cfg(test)]
mod tests;
