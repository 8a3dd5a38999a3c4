//! One queue's thread: packets in, verdicts out.

use std::io;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::booth::{Answer, Clerk};
use super::flow::Millis;
use super::keeper::Identity;
use super::netlink::{Buffers, Queue, Queued, Received};
use super::notice::{Packets, Refused};
use crate::capture::{self, LinkType, SkipReason};

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
        match post.queue.receive(&mut buffers)? {
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
        if seen != Packets::default() && post.seen.try_send(seen).is_ok() {
            seen = Packets::default();
        }
    }
    Ok(())
}

impl Desk {
    fn judge(&mut self, packet: &Queued, now: Millis, seen: &mut Packets) -> bool {
        let tuple = match capture::parse(LinkType::Ip, packet.payload).1 {
            Ok(packet) => packet.tuple,
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

/// Milliseconds since the guard began.
pub(super) fn millis_since(start: Instant) -> Millis {
    Millis::try_from(start.elapsed().as_millis()).unwrap_or(Millis::MAX)
}
