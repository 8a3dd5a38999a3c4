//! Which way a peer is connected, and what it has business to say that way.

use crate::net::Role;
use crate::pool::{Machine, Message};

/// Which way a peer is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// It came in.
    In,
    /// It was dialled: the server first, then the backup.
    Out(usize),
}

/// Whether the machine is told that a link to a peer in this role changed.
pub(super) const fn hears_of(machine: &Machine, role: Role, side: Side) -> bool {
    match machine {
        Machine::Server(_) => matches!((side, role), (Side::In, Role::Backup)),
        Machine::Backup(_) | Machine::Participant(_) => matches!(side, Side::Out(_)),
    }
}

/// Whether a peer in this role may send it, by the way that it is connected: whoever knows the
/// secret may be a participant (G8), and not for that a server.
pub(super) const fn may_say(role: Role, side: Side, message: &Message) -> bool {
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
    use std::time::Duration;

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
        let settled = Message::ReportAnswer { backup: 1, number: 1 };
        let messages = [Message::Claim(claim), Message::SyncAnswer(answer), refused, settled];
        let said = |role, side| messages.each_ref().map(|it| may_say(role, side, it));
        assert_eq!(said(Role::Participant, Side::In), [true, false, false, false]);
        assert_eq!(said(Role::Backup, Side::In), [true, true, false, false]);
        assert_eq!(said(Role::Server, Side::Out(0)), [false, false, true, true]);
        assert_eq!(said(Role::Backup, Side::Out(1)), [false, false, true, false]);
    }
}
