//! Shared licensing: one pool of `AnyConnect` Premium sessions for many firewalls.
//!
//! Three state machines, without a clock, a socket or a disk: [`Server`], which owns the pool,
//! [`Participant`], which draws on it, and [`Backup`], a participant that serves in the server's
//! place. A caller hands them messages, changes of links and the time (`handle_message`,
//! `handle_link`, `handle_timeout`, at the latest when `next_timeout` says), and then drains
//! `poll`. `now` is monotonic, since whenever; the machines compare it only with itself.
//!
//! Outputs are drained in order. What follows an [`Output::Save`] may be done only when the change
//! is durable: nothing that was granted is ever unknown to a server that was killed. A machine is
//! restored from what was saved, in a new life with a larger incarnation number.
//!
//! # Algorithm
//!
//! *Claims.* A participant never asks for “50 more”. Its claim says what it holds and what it wants
//! in all, the answer what it has in all, and both carry the claim's number. A server takes a claim
//! whose number is larger than the last one's, answers the last one again, and ignores what is
//! older; a participant takes the answer to its last claim alone, from the server it turned to
//! last. So a message that is lost, repeated, or overtaken by others counts once or not at all.
//!
//! *Order.* A server first counts a grant, then stores it, then sends it; a participant counts on
//! it when it arrives. The other way, a participant first gives up, and tells when it has. In
//! between, the sessions are counted and not used, never used and not counted.
//!
//! *Leases.* A server that hears nothing for [`LOST_REFRESHES`] intervals gives the sessions to
//! others (G30); the participant keeps them for [`HOLD`], counted from when it *sent* the last
//! claim that was answered (G32), which is before the server heard it. The server therefore
//! remembers such sessions as *stranded*, for [`HOLD`] after it heard the participant last.
//!
//! *Two servers.* The backup has a copy of the server's records, which the server sends it every
//! [`SYNC_INTERVAL`] (G51). It serves after [`TAKEOVER`] of silence while it has days left. A
//! server that returns waits for the backup, which stops, reports its records, and is a participant
//! again (G57). Of two records of one participant the one with the larger (incarnation, number) is
//! the later, because a participant numbers its claims across both. It registers with a server that
//! it turns to, and again whenever a server begins to serve, and a registration is always stored
//! and told: so the later record is known to be. A part of a report has a number that the backup
//! uses once in its life, and is repeated until the answer carries both: one that comes after the
//! backup has served again answers nothing.
//!
//! # Invariants
//!
//! * **P1** What a server has granted is the sum over its records, and a claim never raises it
//!   above the size of the pool.
//! * **P2** A participant holds at most what the record of it at one of the servers says it may
//!   (`exposed`), which is at least what it was granted there.
//! * **P3** A participant holds at most what its platform has room for besides its own licence
//!   (G24), whatever a server says; a server grants no more than that, whatever a participant says.
//! * **P4** What a server tells is stored before it is told.
//! * **P5** A claim is counted once: repeating any message changes no record.
//!
//! # Over-subscription
//!
//! The guides let the server give sessions again after three refresh intervals that a participant
//! may use for 24 hours, so the pool *can* be over-subscribed. By how much is known:
//! [`Server::oversubscription_bound`] is the sum of stranded sessions, as far as they are given
//! again.
//!
//! *Argument.* By P2 all participants together hold at most the sum of `exposed`, which is the sum
//! of `granted`, at most the size by P1, and the stranded. A record's stranded sessions are
//! forgotten when the participant says that it holds less, when it begins a new life, or [`HOLD`]
//! after the last claim that was heard; by then the participant has dropped them, as it counts from
//! a moment before. So with one server: sessions held ≤ size + bound.
//!
//! With a limit on the overlap ([`Settings::overlap`]) no more than that many stranded sessions are
//! given again: sessions held ≤ size + overlap. With 0 the pool is never over-subscribed; the price
//! is that a lost participant's sessions are missing for 24 hours. A transfer is not limited by it,
//! or a pair would have no sessions after a failover: what the other unit may hold until it is
//! heard comes on top, and is in the bound. Without a limit the worst case is that every
//! participant in turn is given the pool and then cut off: the bound grows up to the sum of what
//! their platforms have room for.
//!
//! While the backup serves, or has and has not reported, each server answers for what it granted
//! itself: sessions held ≤ (size + bound of the server) + (size + bound of the backup). When the
//! backup has reported, the server's figure alone holds again.
//!
//! The bound presumes that while a participant is out of contact its clock is not set back nor a
//! server's forward; `now` is monotonic on either side, so neither is. A machine takes a `now` that
//! goes back as one that stands still.
//!
//! # Progress
//!
//! A claim that is not answered is sent again, after 2 seconds, then 4, and so on up to the refresh
//! interval; after three times the participant turns to another server that it has a link to, if
//! there is one. One that got less than it wanted asks again at every refresh (G28). What is free
//! is therefore granted within one refresh interval to whoever asks first. Nothing waits for
//! anything but the clock.
//!
//! # Choices where the guides leave one
//!
//! * A claim asks for whole steps of [`STEP`] sessions, as many as are needed at once, and less
//!   only where the platform has room for less (G21, G25).
//! * A registration carries a claim: it is the new request of G34.
//! * The server takes part in its pool as a participant that is linked to itself (G7), and so does
//!   the backup while it serves.
//! * The backup's time runs continuously, and from when the server was lost, not from when it was
//!   missed: what the guides tell by the day comes out the same, to the second.
//! * It has stopped after the days that it had, with the event of 30 days ended (444111) and the
//!   number it was; the critical events of 15 and 30 days are those of 15 and 30 days served (G65).
//! * A participant whose hold ended, or that is out of contact, loses nothing that is in use: the
//!   gate admits no new sessions and leaves those there are (G33).
//!
//! Source: group G of the rules, both guides' “Shared AnyConnect Premium Licenses”.

mod appetite;
mod authority;
mod backup;
mod book;
mod budget;
mod codec;
mod denial;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod machine;
mod message;
mod participant;
mod record;
mod server;
mod settings;
mod tally;

use std::collections::VecDeque;
use std::time::Duration;

pub use appetite::Appetite;
pub use authority::PoolUsage;
pub use backup::{Backup, BackupState};
pub use budget::{Budget, FIRST_BUDGET, FULL_BUDGET};
pub use codec::{DecodeError, Label, LabelError, MAX_LABEL};
pub use denial::{Denial, Denials, REMEMBERED, Reason};
pub use event::{Event, Request, Severity};
pub use machine::Machine;
pub use message::{
    About, Batch, Claim, Grant, Message, Purpose, Refusal, Report, Role, SyncAnswer, Update,
};
pub use participant::{Participant, ParticipantConfig};
pub use record::{Allotment, Record, Standing};
pub use server::{Server, Start};
pub use settings::{BackupId, Ineligible, Membership, Settings, SettingsError};
pub use tally::{Tallies, Tally};

use crate::license::key::Serial;

/// The longest message, in bytes.
pub const MAX_MESSAGE: usize = 1_024;

/// The version of the protocol, the first byte of every message.
pub const VERSION: u8 = 1;

/// Sessions are asked for in steps of so many (G21).
pub const STEP: u32 = 50;

/// After so many refresh intervals of silence a server gives a participant's sessions back to the
/// pool (G30).
pub const LOST_REFRESHES: u32 = 3;

/// For so long a participant keeps what it holds without contact (G32).
pub const HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the server sends its backup what changed (G51).
pub const SYNC_INTERVAL: Duration = Duration::from_secs(10);

/// After so long without the server the backup takes over; three lost updates. The guides give no
/// figure.
pub const TAKEOVER: Duration = Duration::from_secs(30);

/// A change of a link that the transport reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// The peer is authenticated and can be reached.
    Up,
    /// It can no longer be reached.
    Down,
}

/// What a machine has its caller do, in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Make this change durable before anything that follows.
    Save(Change),
    /// Send a message to a peer. It may get lost.
    Send {
        /// The peer.
        to: Serial,
        /// The message.
        message: Message,
    },
    /// The shared sessions that the unit holds changed: publish a licence with its own sessions and
    /// so many more.
    Publish {
        /// Shared sessions that are held.
        sessions: u32,
    },
    /// Tell the operator.
    Log(Event),
}

/// A change of what is to survive the process: by key, the last one counts.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A participant's record.
    Record(Record),
    /// A participant is forgotten.
    Forget(Serial),
    /// What a backup has to remember besides its records.
    Backup(BackupState),
}

type Outputs = VecDeque<Output>;
