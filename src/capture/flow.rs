//! Flows: which packets are one connection, when it opens and when it closes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use etherparse::{IpNumber, ip_number};

use super::clock::SECOND;
use super::event::{Action, Event, FlowId, Order, Rank};
use super::packet::{Content, FiveTuple, Packet, SkipReason};
use super::table::{Key, Table};
use super::tcp::{Connection, End, Step};

/// How long a flow of UDP, or of any protocol that is neither TCP nor ICMP, may be idle.
///
/// Source of both: the defaults of the ASA's `timeout` command.
pub const UDP_IDLE: u64 = 120 * SECOND;
/// How long an ICMP query may be idle.
pub const ICMP_IDLE: u64 = 2 * SECOND;

/// The most flows that are tracked at once, over all trackers: more than the 10,000,000 connections
/// of the largest model, and a bound on memory (about 2 GiB).
pub const FLOWS_MAX: usize = 1 << 24;

/// Follows flows: a state machine without input, output, clock or threads.
///
/// Packets and their times go in, [`Event`]s come out. It does not learn what the gate says, so
/// that a refused connection is followed like any other, is asked for once, and the events of a
/// capture are the same whatever the licence.
///
/// A flow is known by protocol, both addresses and both ports, in either direction. It opens
///
/// - at a TCP SYN that is not sent once more for a connection that is open;
/// - at the first packet of anything else (an ICMP query's identifier stands for its ports),
///
/// and closes at an RST, when each end has acknowledged the other's FIN, at a SYN that shows it
/// forgotten, or when it was idle for too long: [`ESTABLISHED_IDLE`](super::ESTABLISHED_IDLE),
/// [`HALF_CLOSED_IDLE`](super::HALF_CLOSED_IDLE), [`EMBRYONIC_IDLE`](super::EMBRYONIC_IDLE),
/// [`UDP_IDLE`] or [`ICMP_IDLE`].
#[derive(Debug)]
pub struct Tracker {
    flows: Table<Flow>,
    /// When to look at a flow next. A flow has one timer that is valid, the one that it names; the
    /// others are dropped when they come up, or by [`Tracker::drop_stale_timers`].
    timers: BinaryHeap<Reverse<Timer>>,
    capacity: usize,
}

#[derive(Debug)]
struct Flow {
    /// The frame that opened it.
    opened: u64,
    /// When its latest packet came.
    seen: u64,
    /// When its timer comes up: not after its idle time, and before it where packets came since.
    due: u64,
    /// Whether the end that the key names first is the initiator.
    initiator_first: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Tcp(Connection),
    Icmp,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Timer {
    due: u64,
    /// The frame that opened the flow: makes the order total, and a timer of a flow that is gone
    /// recognisable.
    opened: u64,
    flow: FlowId,
}

impl Flow {
    fn idle(&self) -> u64 {
        match &self.state {
            State::Tcp(connection) => connection.idle(),
            State::Icmp => ICMP_IDLE,
            State::Other => UDP_IDLE,
        }
    }
}

impl Flow {
    /// An earlier timer, where the flow's idle time has become shorter. A later one is not needed:
    /// the timer that is there finds the idle time not over and moves itself.
    fn hasten(&mut self, id: FlowId) -> Option<Timer> {
        let due = self.seen.saturating_add(self.idle());
        (due < self.due).then(|| {
            self.due = due;
            Timer { due, opened: self.opened, flow: id }
        })
    }
}

impl Tracker {
    /// A tracker of at most `capacity` flows at once.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.min(FLOWS_MAX);
        Self { flows: Table::new(), timers: BinaryHeap::new(), capacity }
    }

    /// How many flows are open.
    pub fn open(&self) -> usize {
        self.flows.len()
    }

    /// Takes the packet of frame number `frame` (from 1, rising), captured at `now`, which never
    /// falls. Events are appended to `events`, in order; among them are those of flows whose idle
    /// time was over by `now`.
    ///
    /// # Errors
    ///
    /// The reason why the packet belongs to no flow: [`SkipReason::MidStream`] or
    /// [`SkipReason::FlowTableFull`].
    pub fn packet(
        &mut self,
        now: u64,
        frame: u64,
        packet: &Packet,
        events: &mut Vec<Event>,
    ) -> Result<(), SkipReason> {
        self.expire(now, events);
        let mut output = Output { now, frame, events };
        let (key, source_first) = Key::of(&packet.tuple);
        let Some((id, flow)) = self.flows.find_mut(&key) else {
            return self.open_flow(key, source_first, packet, &mut output);
        };
        flow.seen = now;
        let step = match (&mut flow.state, &packet.content) {
            (State::Tcp(connection), Content::Tcp(segment)) => {
                let same_way = source_first == flow.initiator_first;
                connection.take(if same_way { End::Initiator } else { End::Responder }, segment)
            }
            _ => return Ok(()),
        };
        match step {
            Step::Continue => self.timers.extend(flow.hasten(id).map(Reverse)),
            Step::EncryptedVoice => {
                self.timers.extend(flow.hasten(id).map(Reverse));
                let action = Action::EncryptedVoice(id, packet.tuple);
                output.push(Rank::EncryptedVoice, action);
            }
            Step::Close => self.close(id, &mut output),
            Step::Reopen => {
                self.close(id, &mut output);
                return self.open_flow(key, source_first, packet, &mut output);
            }
        }
        Ok(())
    }

    /// Closes the flows whose idle time is over by `now`, in the order of those times.
    pub fn expire(&mut self, now: u64, events: &mut Vec<Event>) {
        while let Some(&Reverse(timer)) = self.timers.peek()
            && timer.due <= now
        {
            self.timers.pop();
            let Some(flow) = self.flows.get_mut(timer.flow) else { continue };
            if (flow.opened, flow.due) != (timer.opened, timer.due) {
                continue;
            }
            let due = flow.seen.saturating_add(flow.idle());
            if due == timer.due {
                self.flows.remove(timer.flow);
                let order = Order::expiry(due, timer.opened);
                events.push(Event { order, action: Action::Close(timer.flow) });
            } else {
                flow.due = due;
                self.timers.push(Reverse(Timer { due, ..timer }));
            }
        }
    }

    fn open_flow(
        &mut self,
        key: Key,
        source_first: bool,
        packet: &Packet,
        output: &mut Output,
    ) -> Result<(), SkipReason> {
        let state = match packet.content {
            Content::Tcp(segment) if segment.opens() => State::Tcp(Connection::opened_by(&segment)),
            Content::Tcp(_) => return Err(SkipReason::MidStream),
            _ if is_icmp(&packet.tuple) => State::Icmp,
            _ => State::Other,
        };
        if self.flows.len() >= self.capacity {
            return Err(SkipReason::FlowTableFull);
        }
        let Output { now, frame, .. } = *output;
        let mut flow =
            Flow { opened: frame, seen: now, due: 0, initiator_first: source_first, state };
        flow.due = now.saturating_add(flow.idle());
        let timer = Timer { due: flow.due, opened: frame, flow: self.flows.insert(key, flow) };
        self.timers.push(Reverse(timer));
        self.drop_stale_timers();
        output.push(Rank::Open, Action::Open(timer.flow, packet.tuple));
        Ok(())
    }

    fn close(&mut self, id: FlowId, output: &mut Output) {
        self.flows.remove(id);
        output.push(Rank::Close, Action::Close(id));
    }

    /// Drops the timers of flows that are gone once they are the most, so that connections that
    /// open and close while no time passes do not pile them up.
    fn drop_stale_timers(&mut self) {
        const SLACK: usize = 4096;
        if self.timers.len() > 2 * self.flows.len() + SLACK {
            let flows = &self.flows;
            self.timers.retain(|Reverse(timer)| {
                flows
                    .get(timer.flow)
                    .is_some_and(|flow| (flow.opened, flow.due) == (timer.opened, timer.due))
            });
        }
    }
}

fn is_icmp(tuple: &FiveTuple) -> bool {
    matches!(IpNumber(tuple.protocol), ip_number::ICMP | ip_number::IPV6_ICMP)
}

/// Where the events of one packet go.
struct Output<'a> {
    now: u64,
    frame: u64,
    events: &'a mut Vec<Event>,
}

impl Output<'_> {
    fn push(&mut self, rank: Rank, action: Action) {
        let order = Order::packet(self.now, self.frame, rank);
        self.events.push(Event { order, action });
    }
}

#[cfg(test)]
mod tests;
