//! The engine: captures in, events out, in one order whatever the number of trackers.
//!
//! Frames are read in rounds of [`ROUND`]. The packets of a round go to the tracker that their flow
//! belongs to; each tracker answers with its events, and closes what is idle at the round's end;
//! the events of all trackers are put in the order of [`Order`](super::Order) and handed to one
//! [`Sink`]. With one tracker all of this runs on the calling thread. With more, the calling thread
//! reads, each tracker has a thread, and the sink has one; rounds in flight are bounded.
//!
//! So the events of a capture, and with them every verdict, are the same for any number of
//! trackers. The one exception is a capture that fills the flow table: each tracker has an equal
//! part of [`FLOWS_MAX`].

use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use foldhash::fast::RandomState;

use super::clock::Clock;
use super::event::Event;
use super::fault::Fault;
use super::file::{Frame, Reader};
use super::flow::{FLOWS_MAX, Tracker};
use super::packet::{Packet, SkipReason, parse};
use super::sightings::Sightings;
use super::table::Key;

/// How many frames go through the stages together: enough that handing them over costs little per
/// frame, and few enough that they stay in the cache.
const ROUND: usize = 1024;

/// How many rounds a stage may be ahead of the next.
const DEPTH: usize = 4;

/// Where events go, in order.
pub trait Sink {
    /// Takes the next event; `tracker` is whose flow it is about, and any one for an event without
    /// a flow.
    fn take(&mut self, tracker: usize, event: &Event);
}

/// Drops what it takes: for measuring what comes before it.
impl Sink for () {
    fn take(&mut self, _tracker: usize, _event: &Event) {}
}

/// Both take everything.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn take(&mut self, tracker: usize, event: &Event) {
        self.0.take(tracker, event);
        self.1.take(tracker, event);
    }
}

/// Frames that count as nothing, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Skipped([u64; SkipReason::COUNT]);

impl Skipped {
    /// Every reason with its number of frames, in the order of [`SkipReason::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (SkipReason, u64)> {
        SkipReason::ALL.into_iter().zip(self.0)
    }

    /// The number of frames skipped for `reason`.
    pub const fn count(&self, reason: SkipReason) -> u64 {
        self.0[reason as usize]
    }

    /// The number of frames skipped.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, reason: SkipReason) {
        self.0[reason as usize] += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

/// What was in the captures.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Frames read.
    pub packets: u64,
    /// Their bytes, as captured.
    pub bytes: u64,
    /// Those that count as nothing.
    pub skipped: Skipped,
    /// Timestamps that jumped or ran backwards, see [`Clock`].
    pub clamped: u64,
    /// From the first frame to the last, by the clock.
    pub duration_ns: u64,
    /// IKE messages beyond [`IKE_SESSIONS_MAX`](super::IKE_SESSIONS_MAX) sessions.
    pub ike_overflow: u64,
}

/// Replays captures, one after another, into a [`Sink`].
#[derive(Debug)]
pub struct Replay<S> {
    intake: Intake,
    lanes: Vec<Lane>,
    sink: S,
}

/// What every frame passes, in order.
#[derive(Debug)]
struct Intake {
    clock: Clock,
    sightings: Sightings,
    hasher: RandomState,
    traffic: Traffic,
}

/// A tracker and what it skipped.
#[derive(Debug)]
struct Lane {
    tracker: Tracker,
    skipped: Skipped,
}

/// A packet on its way to its tracker.
struct Item {
    now: u64,
    frame: u64,
    packet: Packet,
}

/// What a tracker gets of a round: its packets, and the time at the end.
#[derive(Default)]
struct Work {
    items: Vec<Item>,
    until: u64,
}

/// One round as it is read.
struct Round {
    /// By tracker.
    work: Vec<Work>,
    /// Events that no tracker sees.
    sightings: Vec<Event>,
}

/// The events of one round, on their way to the sink.
#[derive(Default)]
struct Settling(Vec<(usize, Event)>);

impl<S: Sink + Send> Replay<S> {
    /// A replay with `trackers` trackers into `sink`.
    pub fn new(trackers: NonZeroUsize, sink: S) -> Self {
        let lane =
            || Lane { tracker: Tracker::new(FLOWS_MAX / trackers), skipped: Skipped::default() };
        let intake = Intake {
            clock: Clock::default(),
            sightings: Sightings::new(),
            hasher: RandomState::default(),
            traffic: Traffic::default(),
        };
        Self { intake, lanes: std::iter::repeat_with(lane).take(trackers.get()).collect(), sink }
    }

    /// Replays one capture. Flows go on from the capture before, if there was one, and so does the
    /// time ([`Clock`]): the parts of a recording are replayed by giving them in order.
    ///
    /// # Errors
    ///
    /// The [`Fault`] in which the capture ended. What comes before it has been replayed.
    pub fn capture(&mut self, reader: &mut Reader) -> Result<(), Fault> {
        if self.lanes.len() == 1 { self.run_here(reader) } else { self.run_threads(reader) }
    }

    /// What was replayed.
    pub fn traffic(&self) -> Traffic {
        let Intake { clock, sightings, traffic, .. } = &self.intake;
        let mut traffic = *traffic;
        for lane in &self.lanes {
            traffic.skipped.merge(&lane.skipped);
        }
        traffic.clamped = clock.clamped();
        traffic.duration_ns = clock.now();
        traffic.ike_overflow = sightings.ike_overflow();
        traffic
    }

    /// Where the events went.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// Replays on the calling thread, with any number of trackers.
    pub(super) fn run_here(&mut self, reader: &mut Reader) -> Result<(), Fault> {
        let Self { intake, lanes, sink } = self;
        let mut round = Round::new(lanes.len());
        let mut events = Vec::new();
        let mut settling = Settling::default();
        loop {
            let more = intake.read(reader, &mut round);
            for (tracker, (lane, work)) in lanes.iter_mut().zip(&mut round.work).enumerate() {
                lane.run(work, &mut events);
                work.items.clear();
                settling.add(tracker, events.drain(..));
            }
            settling.add(0, round.sightings.drain(..));
            settling.settle(sink);
            if !more? {
                return Ok(());
            }
        }
    }

    fn run_threads(&mut self, reader: &mut Reader) -> Result<(), Fault> {
        let Self { intake, lanes, sink } = self;
        let trackers = lanes.len();
        thread::scope(|scope| {
            let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
            for lane in lanes {
                let (input, work) = bounded(DEPTH);
                let (events, output) = bounded(DEPTH);
                scope.spawn(move || lane.serve(&work, &events));
                inputs.push(input);
                outputs.push(output);
            }
            let (seen, sightings) = bounded(DEPTH);
            scope.spawn(move || settle_rounds(&sightings, &outputs, sink));
            loop {
                let mut round = Round::new(trackers);
                let more = intake.read(reader, &mut round);
                // A stage hangs up only when it panics, which the scope passes on.
                for (input, work) in inputs.iter().zip(round.work) {
                    let _hung_up = input.send(work);
                }
                let _hung_up = seen.send(round.sightings);
                if !more? {
                    return Ok(());
                }
            }
        })
    }
}

impl Intake {
    /// Reads frames until the round is full; false at the end of the capture.
    fn read(&mut self, reader: &mut Reader, round: &mut Round) -> Result<bool, Fault> {
        let mut result = Ok(true);
        for _ in 0..ROUND {
            match reader.next_frame() {
                Ok(Some(frame)) => self.take(&frame, round),
                end => {
                    result = end.map(|_| false);
                    break;
                }
            }
        }
        for work in &mut round.work {
            work.until = self.clock.now();
        }
        result
    }

    fn take(&mut self, captured: &Frame, round: &mut Round) {
        self.traffic.packets += 1;
        self.traffic.bytes += captured.data.len() as u64;
        let frame = self.traffic.packets;
        let now = self.clock.advance(captured.timestamp_ns);
        let (tags, packet) = parse(captured.link, captured.data);
        self.sightings.vlans(now, frame, &tags, &mut round.sightings);
        match packet {
            Ok(packet) => {
                self.sightings.ike(now, frame, &packet, &mut round.sightings);
                let tracker = self.tracker_of(&packet, round.work.len());
                round.work[tracker].items.push(Item { now, frame, packet });
            }
            Err(reason) => self.traffic.skipped.add(reason),
        }
    }

    /// The tracker of a packet's flow: any one, as long as it is always the same.
    fn tracker_of(&self, packet: &Packet, trackers: usize) -> usize {
        if trackers == 1 {
            return 0;
        }
        let (key, _) = Key::of(&packet.tuple);
        let trackers = trackers as u64;
        usize::try_from(self.hasher.hash_one(key) % trackers).unwrap_or(0)
    }
}

impl Lane {
    /// Follows the packets of one round.
    fn run(&mut self, work: &Work, events: &mut Vec<Event>) {
        for Item { now, frame, packet } in &work.items {
            if let Err(reason) = self.tracker.packet(*now, *frame, packet, events) {
                self.skipped.add(reason);
            }
        }
        self.tracker.expire(work.until, events);
    }

    /// Follows rounds until there are no more.
    fn serve(&mut self, rounds: &Receiver<Work>, output: &Sender<Vec<Event>>) {
        for work in rounds {
            let mut events = Vec::new();
            self.run(&work, &mut events);
            if output.send(events).is_err() {
                return;
            }
        }
    }
}

impl Round {
    fn new(trackers: usize) -> Self {
        let work = std::iter::repeat_with(Work::default).take(trackers).collect();
        Self { work, sightings: Vec::new() }
    }
}

impl Settling {
    fn add(&mut self, tracker: usize, events: impl Iterator<Item = Event>) {
        self.0.extend(events.map(|event| (tracker, event)));
    }

    /// Hands the events to `sink` in their order. What was added is a few sorted runs, of which a
    /// stable sort makes one.
    fn settle(&mut self, sink: &mut impl Sink) {
        self.0.sort_by_key(|(_, event)| event.order);
        for (tracker, event) in self.0.drain(..) {
            sink.take(tracker, &event);
        }
    }
}

/// Puts the events of each round together until there are no more rounds.
fn settle_rounds(
    sightings: &Receiver<Vec<Event>>,
    trackers: &[Receiver<Vec<Event>>],
    sink: &mut impl Sink,
) {
    let mut settling = Settling::default();
    for sightings in sightings {
        for (tracker, events) in trackers.iter().enumerate() {
            let Ok(events) = events.recv() else { return };
            settling.add(tracker, events.into_iter());
        }
        settling.add(0, sightings.into_iter());
        settling.settle(sink);
    }
}

#[cfg(test)]
mod tests;
