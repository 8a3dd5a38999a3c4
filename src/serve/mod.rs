//! Shared licensing as it runs: the machines of [`pool`](crate::pool), each in a task of its own,
//! with the network, the disk, the clock and a gate.
//!
//! A [`Node`] is one unit: the licensing server, its backup, or a participant. Its task alone
//! touches its [`Machine`](crate::pool::Machine); it hears the network, the clock, the gate and
//! whoever asks, one after another, and never waits for a peer.
//!
//! # Durability
//!
//! What the machine has stored is in the unit's [`Books`](crate::store::Books) before anything that
//! follows is sent: the task takes all that came meanwhile, stores what comes of it in one
//! transaction, waits for the disk, and sends. So a server that is killed at any moment knows every
//! session that any participant may hold. Where the disk refuses, the process ends, because a
//! server that cannot store may not grant.
//!
//! # The gate
//!
//! No admission waits for the network. The sessions that are held are part of the gate's licence
//! ([`RunningLicense::with_shared`](crate::RunningLicense::with_shared)); the task looks at the
//! gate every millisecond and tells the machine what is in use, and what was refused lately. The
//! machine asks for more when fewer than [`Appetite::ahead`](crate::pool::Appetite) are free, and
//! every change reaches the gate through [`Gate::publish`](crate::Gate::publish): a grant when it
//! arrives, and what is given back before the server hears of it. The gate admits meanwhile, so
//! what is to be given back is first taken from it, and given back if it is not in use *then*: all
//! gates together never admit more than their own licences and the pool.
//!
//! # What changes meanwhile
//!
//! A unit that runs is given [`Order`]s: its licence changed, or it is the active unit of its
//! failover pair from now on. A participant is told by the server where the backup is, and connects
//! to it ([`Parts::dial`]).
//!
//! # Trials
//!
//! The machines know no clock, so time can pass faster for them ([`Parts::pace`]): a takeover that
//! takes 30 seconds takes 3 at ten times the pace. Only what a person would wait for is scaled;
//! limits of the network are not.

mod clock;
mod draw;
mod node;
mod order;
mod report;
mod side;
mod window;
mod wires;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub use draw::Draw;
pub use node::{Dial, Leave, Node, Parts};
pub use order::Order;
pub use report::{About, BackupUnit, Client, Denied, Device, Messages, Network, Pool, Report};
pub use window::{ask, on_standby};
pub use wires::Wires;

use crate::gate::PublishError;
use crate::net::{Cause, NetError, Peer, Refused};
use crate::pool::{Event, Severity};
use crate::store::StoreError;

/// Why a unit's part in a shared licence ended, or could not be asked about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The books could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task that writes the books was ended.
    #[error("writing the books was interrupted; start again")]
    Interrupted,
    /// Something is to be stored and there are no books.
    #[error("a unit without books has something to store; give it books")]
    NoBooks,
    /// TLS cannot be set up.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The gate is one for another model.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The socket for questions cannot be opened.
    #[error(
        "cannot open the socket `{}` for questions: {error}; remove what is there, or choose a \
         shorter path",
        .path.display()
    )]
    Window {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Nobody answers there.
    #[error(
        "the unit takes no part in a shared licence now (nobody answers at `{}`); start `tollgate \
         license-server` or `tollgate participant` with its file",
        .path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The unit runs and did not answer.
    #[error("the unit does not answer at `{}`: {error}; try again", .path.display())]
    Ask {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// Something that the operator is told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Entry {
    /// What a machine tells.
    Event(Event),
    /// A peer is connected.
    Up(Peer),
    /// A peer no longer is.
    Down(Peer, Cause),
    /// A connection was refused or could not be made.
    Refused(Refused),
}

/// A line of a log in the firewall's form, without the time:
/// `%ASA-6-444108: Shared license registered client id JMX0912K04J.`; events that the firewall has
/// no number for are named instead.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => {
                let severity = event.severity() as u8;
                match event.syslog() {
                    Some(number) => write!(f, "%ASA-{severity}-{number}: {event}"),
                    None => write!(f, "%TOLLGATE-{severity}-{}: {event}", event.name()),
                }
            }
            Self::Up(peer) => {
                let severity = Severity::Informational as u8;
                write!(f, "%TOLLGATE-{severity}-link-up: {peer} is connected")
            }
            Self::Down(peer, cause) => {
                let severity = Severity::Notification as u8;
                write!(f, "%TOLLGATE-{severity}-link-down: {peer}: {cause}")
            }
            Self::Refused(refused) => {
                let severity = Severity::Warning as u8;
                write!(f, "%TOLLGATE-{severity}-refused: {}", refused.cause)?;
                if let Some(address) = refused.from {
                    write!(f, ", from {address}")?;
                }
                if let Some(address) = &refused.to {
                    write!(f, ", to {address}")?;
                }
                match refused.claimed {
                    Some(claimed) => write!(f, ", which says it is {claimed}"),
                    None => Ok(()),
                }
            }
        }
    }
}
