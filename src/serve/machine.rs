//! The three machines behind one face.

use std::time::Duration;

use crate::license::key::Serial;
use crate::net::{Peer, Role};
use crate::pool::{Backup, DecodeError, Link, Membership, Message, Output, Participant, Server};

/// What a unit does for the shared licence, as its machine does it.
#[derive(Debug)]
pub enum Machine {
    /// The licensing server.
    Server(Box<Server>),
    /// A participant that serves while the server is down.
    Backup(Box<Backup>),
    /// A participant.
    Participant(Box<Participant>),
}

/// Which way a peer is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// It came in.
    In,
    /// It was dialled: the server first, then the backup.
    Out(usize),
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
            Self::Server(server) => server.own(),
            Self::Backup(backup) => backup.own(),
            Self::Participant(participant) => participant,
        }
    }

    pub(super) fn set_demand(&mut self, now: Duration, sessions: u32) {
        each!(self, it => it.set_demand(now, sessions));
    }

    pub(super) fn handle_timeout(&mut self, now: Duration) {
        each!(self, it => it.handle_timeout(now));
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        each!(self, it => it.next_timeout())
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        each!(self, it => it.poll())
    }

    /// A link went up or down. A server hears it of its backup alone, a backup of its server alone.
    pub(super) fn handle_link(&mut self, now: Duration, (peer, side): (Peer, Side), link: Link) {
        match (self, side) {
            (Self::Server(server), Side::In) if peer.role == Role::Backup => {
                server.handle_link(now, peer.serial, link);
            }
            (Self::Backup(backup), Side::Out(_)) => backup.handle_link(now, peer.serial, link),
            (Self::Participant(it), Side::Out(_)) => it.handle_link(now, peer.serial, link),
            _ => {}
        }
    }

    /// A message came. One that a peer in its role has no business to send is not heard: whoever
    /// knows the secret may be a participant (G8), and not for that a server.
    pub(super) fn handle_message(
        &mut self,
        now: Duration,
        (peer, side): (Peer, Side),
        message: &Message,
    ) {
        if !may_say(peer.role, side, message) {
            return;
        }
        each!(self, it => it.handle_message(now, peer.serial, message));
    }

    /// What came is no message.
    pub(super) fn handle_garbage(&mut self, now: Duration, from: Serial, error: DecodeError) {
        match self {
            Self::Server(server) => server.handle_garbage(now, from, error),
            Self::Backup(backup) => backup.handle_garbage(now, from, error),
            Self::Participant(_) => {}
        }
    }

    /// The unit's licence is another one. A server's may be for another number of sessions, which
    /// is told where it cannot be.
    pub(super) fn set_membership(
        &mut self,
        now: Duration,
        membership: Membership,
        size: Option<u32>,
    ) {
        if let (Self::Server(server), Some(size)) = (&mut *self, size)
            && size != server.settings().size
        {
            // What is sold is what a key can be for, and what is reserved stays as it was.
            let _ = server.set_size(now, size);
        }
        each!(self, it => it.set_membership(now, membership));
    }

    /// The unit is the active one of its pair now, after the unit `of`.
    pub(super) fn take_over(&mut self, now: Duration, of: Serial) {
        match self {
            Self::Server(server) => server.take_over(now, of),
            Self::Participant(participant) => participant.take_over(now, of),
            // What the other unit drew on the pool itself comes back when it is not heard of.
            Self::Backup(_) => {}
        }
    }

    /// Gives back what is held, as far as that can be done before the process ends.
    pub(super) fn stand_by(&mut self, now: Duration) {
        match self {
            Self::Participant(participant) => participant.stand_by(now),
            other => other.set_demand(now, 0),
        }
    }
}

/// Whether a peer in this role may send it, by the way that it is connected.
const fn may_say(role: Role, side: Side, message: &Message) -> bool {
    match message {
        Message::Register(..) | Message::Claim(_) | Message::Transfer { .. } => {
            matches!(side, Side::In)
        }
        Message::SyncAnswer(_) | Message::Report(_) => {
            matches!((side, role), (Side::In, Role::Backup))
        }
        Message::Sync(_) | Message::ReportAnswer { .. } => {
            matches!((side, role), (Side::Out(_), Role::Server))
        }
        Message::Welcome { .. } | Message::Grant(_) | Message::Refused { .. } => {
            matches!(side, Side::Out(_))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{Claim, Purpose, Refusal, SyncAnswer};

    #[test]
    fn nobody_says_what_is_not_his_to_say() {
        let purpose = Purpose::Refresh;
        let claim = Claim { incarnation: 1, number: 1, purpose, held: 0, wanted: 0, used: 0 };
        let answer = SyncAnswer {
            backup: 1,
            server: 1,
            version: 1,
            report_due: false,
            remaining: Duration::ZERO,
        };
        let refused =
            Message::Refused { incarnation: 1, number: 1, reason: Refusal::UnknownClient };
        let settled = Message::ReportAnswer { server: 1, part: 0 };
        let messages = [Message::Claim(claim), Message::SyncAnswer(answer), refused, settled];
        let said = |role, side| messages.each_ref().map(|it| may_say(role, side, it));
        assert_eq!(said(Role::Participant, Side::In), [true, false, false, false]);
        assert_eq!(said(Role::Backup, Side::In), [true, true, false, false]);
        assert_eq!(said(Role::Server, Side::Out(0)), [false, false, true, true]);
        assert_eq!(said(Role::Backup, Side::Out(1)), [false, false, true, false]);
    }
}
