//! The three machines behind one face.

use std::time::Duration;

use super::{Backup, DecodeError, Link, Membership, Message, Output, Participant, Server};
use crate::license::key::Serial;

/// What a unit does for the shared licence, as its machine does it.
#[derive(Clone, Debug)]
pub enum Machine {
    /// The licensing server.
    Server(Box<Server>),
    /// A participant that serves while the server is down.
    Backup(Box<Backup>),
    /// A participant.
    Participant(Box<Participant>),
}

/// Calls the same function of whichever machine it is.
macro_rules! each {
    ($machine:expr, $it:ident => $call:expr) => {
        match $machine {
            Machine::Server($it) => $call,
            Machine::Backup($it) => $call,
            Machine::Participant($it) => $call,
        }
    };
}

impl Machine {
    /// Its part as a participant.
    pub fn own(&self) -> &Participant {
        match self {
            Self::Server(it) => it.own(),
            Self::Backup(it) => it.own(),
            Self::Participant(it) => it,
        }
    }

    /// The next thing to do for the caller.
    pub fn poll(&mut self) -> Option<Output> {
        each!(self, it => it.poll())
    }

    /// When something is due at the latest.
    pub fn next_timeout(&self) -> Option<Duration> {
        each!(self, it => it.next_timeout())
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        each!(self, it => it.handle_timeout(now));
    }

    /// A message came.
    pub fn handle_message(&mut self, now: Duration, from: Serial, message: &Message) {
        each!(self, it => it.handle_message(now, from, message));
    }

    /// What came is no message.
    pub fn handle_garbage(&mut self, now: Duration, from: Serial, error: DecodeError) {
        match self {
            Self::Server(it) => it.handle_garbage(now, from, error),
            Self::Backup(it) => it.handle_garbage(now, from, error),
            Self::Participant(_) => {}
        }
    }

    /// A link went up or down. A server is told of its backup's, a backup of its server's, a
    /// participant of both.
    pub fn handle_link(&mut self, now: Duration, peer: Serial, link: Link) {
        each!(self, it => it.handle_link(now, peer, link));
    }

    /// So many sessions are in use or asked for on the unit; see [`Participant::set_demand`].
    pub fn set_demand(&mut self, now: Duration, sessions: u32) {
        each!(self, it => it.set_demand(now, sessions));
    }

    /// Its licence changed; see [`Participant::set_membership`].
    pub fn set_membership(&mut self, now: Duration, membership: Membership) {
        each!(self, it => it.set_membership(now, membership));
    }

    /// It has the place of the unit `of` of its pair; see [`Participant::take_over`].
    pub fn take_over(&mut self, now: Duration, of: Serial) {
        each!(self, it => it.take_over(now, of));
    }

    /// It holds nothing from now on; what it held is given back, as far as that can still be done.
    pub fn stand_by(&mut self, now: Duration) {
        each!(self, it => it.stand_by(now));
    }
}
