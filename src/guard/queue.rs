//! The queues' threads: packets in, verdicts out.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use etherparse::{Ipv4HeaderSlice, ip_number};

use super::booth::{Answer, Clerk};
use super::flow::Millis;
use super::keeper::Identity;
use super::netlink::{Buffers, Queue, Queued, Received};
use super::notice::{Packets, Refused};
use super::run::GuardError;
use crate::capture::{self, FiveTuple, LinkType, SkipReason};

/// A thread tells what it has seen after so many packets, or when there are none.
const TELL_AFTER: u64 = 256;

/// How often the threads may tell what they have seen, before somebody listens.
const TOLD: usize = 1_024;

/// Who judges the packets of a queue.
#[derive(Debug)]
pub(super) enum Judge {
    /// The gate.
    Gate(Box<Desk>),
    /// Nobody, everything passes: what the gate's part costs is measured beside it.
    Nobody,
}

/// What a queue's thread judges with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) clerk: Clerk,
    pub(super) identity: Identity,
    /// Whether packets pass whose connection cannot be told.
    pub(super) fail_open: bool,
    /// Refusals, for who logs them; those that find no room are counted only.
    pub(super) refusals: Sender<(Millis, Refused)>,
}

/// What a queue's thread is given.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) queue: Queue,
    pub(super) judge: Judge,
    pub(super) start: Instant,
    /// Says nothing, and hangs up when the thread is to end.
    pub(super) stop: Receiver<()>,
    /// What was seen since it was last told; what finds no room is told with the next.
    pub(super) seen: Sender<Packets>,
}

/// Judges packets until it is told to end.
pub(super) fn serve(mut post: Post) -> io::Result<()> {
    let (mut buffers, mut seen) = (Buffers::new(), Packets::default());
    while post.stop.try_recv() != Err(TryRecvError::Disconnected) {
        let received = post.queue.receive(&mut buffers)?;
        match received {
            Received::Nothing => {}
            Received::Overflow => seen.overflows += 1,
            Received::Some => {
                let now = millis_since(post.start);
                post.queue.judge(&buffers, |packet| {
                    seen.judged += 1;
                    match &mut post.judge {
                        Judge::Gate(desk) => desk.judge(packet, now, &mut seen),
                        Judge::Nobody => true,
                    }
                })?;
            }
        }
        let is_due = received != Received::Some || seen.judged >= TELL_AFTER;
        if is_due && seen != Packets::default() && post.seen.try_send(seen).is_ok() {
            seen = Packets::default();
        }
    }
    // Whoever ended it still listens, and where there is no room the threads have told enough.
    let _told = post.seen.try_send(seen);
    Ok(())
}

impl Desk {
    fn judge(&mut self, packet: &Queued, now: Millis, seen: &mut Packets) -> bool {
        let read = || capture::parse(LinkType::Ip, packet.payload).1.map(|packet| packet.tuple);
        let tuple = match by_addresses(packet.payload).map_or_else(read, Ok) {
            Ok(tuple) => tuple,
            // They belong to a connection that was asked for, or to none.
            Err(
                SkipReason::IcmpError
                | SkipReason::Fragment
                | SkipReason::NeighbourDiscovery
                | SkipReason::MulticastListener,
            ) => {
                seen.uncounted += 1;
                return true;
            }
            Err(_) => {
                seen.unreadable += 1;
                return self.fail_open;
            }
        };
        let key = self.identity.of_packet(&tuple, packet.entry.as_ref());
        let answer = self.clerk.ask(key, &tuple, now);
        match answer {
            Answer::Admitted => {}
            Answer::Known => seen.known += 1,
            Answer::Refused(refusal) | Answer::Observed(refusal) => {
                let (interface, observed) = (packet.interface, answer.passes());
                let refused = Refused { tuple, refusal, interface, observed };
                let _counted = self.refusals.try_send((now, refused));
            }
        }
        answer.passes()
    }
}

/// Who talks to whom in IGMP and in IPv4's AH: connections of conntrack's by their addresses. To
/// whoever reads a capture the first is no connection, and the second is what it carries.
fn by_addresses(packet: &[u8]) -> Option<FiveTuple> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    let protocol = header.protocol();
    matches!(protocol, ip_number::IGMP | ip_number::AUTH).then(|| FiveTuple {
        protocol: protocol.0,
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        source_port: 0,
        destination_port: 0,
    })
}

/// The threads of the queues.
pub(super) struct Threads {
    handles: Vec<JoinHandle<io::Result<()>>>,
    /// Dropped when they are to end.
    running: Option<Sender<()>>,
}

impl Threads {
    /// One for each queue, with a judge of its own.
    pub(super) fn start(
        queues: Vec<Queue>,
        start: Instant,
        judge: impl Fn() -> Judge,
    ) -> Result<(Self, Receiver<Packets>), GuardError> {
        let (running, stop) = bounded(0);
        let (tell, seen) = bounded(TOLD);
        let mut handles = Vec::new();
        for queue in queues {
            let post =
                Post { queue, judge: judge(), start, stop: stop.clone(), seen: tell.clone() };
            let spawned = thread::Builder::new().name("queue".to_owned()).spawn(|| serve(post));
            let failed = |source| GuardError::System { what: "cannot start a thread", source };
            handles.push(spawned.map_err(failed)?);
        }
        Ok((Self { handles, running: Some(running) }, seen))
    }

    pub(super) fn has_ended_early(&self) -> bool {
        self.handles.iter().any(JoinHandle::is_finished)
    }

    pub(super) fn end(&mut self) -> Result<(), GuardError> {
        self.running = None;
        let failed = |source| GuardError::System { what: "a queue failed", source };
        self.handles.drain(..).try_for_each(|handle| match handle.join() {
            Ok(ended) => ended.map_err(failed),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

/// Milliseconds since the guard began.
pub(super) fn millis_since(start: Instant) -> Millis {
    Millis::try_from(start.elapsed().as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    #[test]
    fn what_has_no_ports_is_told_by_its_addresses_as_conntrack_does() {
        let packet = |protocol| {
            let mut bytes = Vec::new();
            let ip = PacketBuilder::ipv4([10, 0, 0, 2], [192, 0, 2, 1], 64);
            // An authentication header with TCP in it, or what would be one.
            let content =
                [6, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
            ip.write(&mut bytes, protocol, &content).unwrap();
            bytes
        };
        for protocol in [ip_number::IGMP, ip_number::AUTH] {
            let named = by_addresses(&packet(protocol)).unwrap();
            assert_eq!(named.protocol, protocol.0);
            assert_eq!(named.source.to_string(), "10.0.0.2");
            assert_eq!(named.destination.to_string(), "192.0.2.1");
            assert_eq!((named.source_port, named.destination_port), (0, 0));
        }
        assert_eq!(by_addresses(&packet(ip_number::GRE)), None);
        assert_eq!(by_addresses(&[]), None);
    }
}
