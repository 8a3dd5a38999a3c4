//! What operators read of shared licensing, in the firewall's own form where it has one.

use std::fmt;

use super::codec::DecodeError;
use super::message::{Purpose, Refusal};
use crate::license::key::Serial;

/// How urgent an event is, by the firewall's levels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Severity {
    /// Level 2.
    Critical = 2,
    /// Level 4.
    Warning = 4,
    /// Level 5.
    Notification = 5,
    /// Level 6.
    Informational = 6,
}

/// Something that an operator wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A participant's request came to nothing (444100).
    RequestFailed {
        /// What it asked.
        purpose: Request,
        /// Why not.
        reason: Refusal,
    },
    /// A participant is served (444101).
    ServiceActive {
        /// By this server.
        server: Serial,
    },
    /// A participant's server has not answered for three refresh intervals (444102).
    ServiceInactive,
    /// More than 90 % of the pool is granted (444103).
    NearlyExhausted,
    /// A pool that was granted to more than 90 % has this many sessions left again, or none is
    /// left (444104).
    Availability {
        /// Sessions that are free.
        free: u32,
    },
    /// A participant that reached no server for 24 hours gave up its shared sessions (444105, G33).
    HeldTooLong {
        /// How many it held.
        sessions: u32,
    },
    /// The backup has not answered for 30 seconds (444106).
    BackupUnavailable {
        /// The backup.
        backup: Serial,
    },
    /// A participant registered (444108).
    Registered {
        /// Its ID.
        participant: Serial,
    },
    /// A participant was silent for three refresh intervals (444108, G30).
    Expired {
        /// Its ID.
        participant: Serial,
        /// The sessions that went back to the pool.
        sessions: u32,
    },
    /// Sessions moved from one unit of a pair to the other (G74).
    Transferred {
        /// The unit that had them.
        from: Serial,
        /// The unit that has them.
        to: Serial,
        /// How many.
        sessions: u32,
    },
    /// The backup began or ended to serve (444109).
    BackupRole {
        /// Whether it serves.
        active: bool,
    },
    /// What is left of the backup's time, each day (444110).
    BackupRemaining {
        /// Whole days.
        days: u64,
    },
    /// The backup has served for 15 or for 30 days on end: critical by the guides (G56), which give
    /// no number for it.
    BackupServed {
        /// 15 or 30.
        days: u64,
    },
    /// The backup may serve no longer (444111, G55).
    BackupTerminated {
        /// For how many whole days it had served.
        days: u64,
    },
    /// The server has the backup's report and takes over again (G57).
    ServerReturned,
    /// The pool became smaller than what is reserved: others are granted nothing.
    ReservedBeyond {
        /// Sessions that are reserved.
        reserved: u64,
        /// Sessions in the pool.
        size: u32,
    },
    /// A unit sent what is no message.
    BadMessage {
        /// The unit.
        from: Serial,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// A request of a participant by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Request {
    /// To register.
    Registration,
    /// To have more sessions.
    Get,
    /// To give sessions back.
    Release,
    /// To take over the sessions of the pair's other unit.
    Transfer,
    /// To be heard.
    Refresh,
}

impl Request {
    /// Every request, in the order in which reports list them.
    pub const ALL: [Self; 5] =
        [Self::Registration, Self::Get, Self::Release, Self::Transfer, Self::Refresh];

    /// The name in `show shared license`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registration => "Registration",
            Self::Get => "Get",
            Self::Release => "Release",
            Self::Transfer => "Transfer",
            Self::Refresh => "Refresh",
        }
    }
}

impl From<Purpose> for Request {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Refresh => Self::Refresh,
            Purpose::Get => Self::Get,
            Purpose::Release => Self::Release,
        }
    }
}

impl Event {
    /// The firewall's number for it, where it has one.
    pub const fn syslog(&self) -> Option<u32> {
        match self {
            Self::RequestFailed { .. } => Some(444_100),
            Self::ServiceActive { .. } => Some(444_101),
            Self::ServiceInactive => Some(444_102),
            Self::NearlyExhausted => Some(444_103),
            Self::Availability { .. } => Some(444_104),
            Self::HeldTooLong { .. } => Some(444_105),
            Self::BackupUnavailable { .. } => Some(444_106),
            Self::Registered { .. } | Self::Expired { .. } => Some(444_108),
            Self::BackupRole { .. } => Some(444_109),
            Self::BackupRemaining { .. } => Some(444_110),
            Self::BackupTerminated { .. } => Some(444_111),
            Self::Transferred { .. }
            | Self::BackupServed { .. }
            | Self::ServerReturned
            | Self::ReservedBeyond { .. }
            | Self::BadMessage { .. } => None,
        }
    }

    /// How urgent it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::ServiceInactive
            | Self::HeldTooLong { .. }
            | Self::BackupServed { .. }
            | Self::BackupTerminated { .. } => Severity::Critical,
            Self::BackupUnavailable { .. }
            | Self::BackupRole { .. }
            | Self::BackupRemaining { .. }
            | Self::ReservedBeyond { .. }
            | Self::BadMessage { .. } => Severity::Warning,
            Self::RequestFailed { .. } | Self::ServiceActive { .. } | Self::ServerReturned => {
                Severity::Notification
            }
            Self::NearlyExhausted
            | Self::Availability { .. }
            | Self::Registered { .. }
            | Self::Expired { .. }
            | Self::Transferred { .. } => Severity::Informational,
        }
    }

    /// The name in scenarios.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RequestFailed { .. } => "request-failed",
            Self::ServiceActive { .. } => "service-active",
            Self::ServiceInactive => "service-inactive",
            Self::NearlyExhausted => "nearly-exhausted",
            Self::Availability { .. } => "availability",
            Self::HeldTooLong { .. } => "held-too-long",
            Self::BackupUnavailable { .. } => "backup-unavailable",
            Self::Registered { .. } => "registered",
            Self::Expired { .. } => "participant-expired",
            Self::Transferred { .. } => "transferred",
            Self::BackupRole { active: true } => "backup-active",
            Self::BackupRole { active: false } => "backup-inactive",
            Self::BackupRemaining { .. } => "backup-remaining",
            Self::BackupServed { .. } => "backup-served",
            Self::BackupTerminated { .. } => "backup-terminated",
            Self::ServerReturned => "server-returned",
            Self::ReservedBeyond { .. } => "reserved-beyond",
            Self::BadMessage { .. } => "bad-message",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestFailed { purpose, reason } => write!(
                f,
                "Shared license {} request failed, Reason: {}.",
                purpose.name().to_lowercase(),
                reason.text()
            ),
            Self::ServiceActive { server } => {
                write!(f, "Shared license service is active. License server: {server}")
            }
            Self::ServiceInactive => {
                f.write_str("Shared license service inactive. License server is not responding.")
            }
            Self::NearlyExhausted => {
                f.write_str("Shared AnyConnect Premium license usage is over 90% capacity.")
            }
            Self::Availability { free } => {
                write!(f, "Shared AnyConnect Premium license availability: {free}.")
            }
            Self::HeldTooLong { sessions } => write!(
                f,
                "Released {sessions} shared AnyConnect Premium license(s). License server has been \
                 unreachable for 24 hours."
            ),
            Self::BackupUnavailable { backup } => {
                write!(f, "Shared license backup server {backup} is not available")
            }
            Self::Registered { participant } => {
                write!(f, "Shared license registered client id {participant}.")
            }
            Self::Expired { participant, .. } => {
                write!(f, "Shared license expired client id {participant}.")
            }
            Self::Transferred { from, to, sessions } => {
                write!(f, "Transferred {sessions} shared license(s) from {from} to {to}.")
            }
            Self::BackupRole { active } => write!(
                f,
                "Shared license backup server role change to {}.",
                if *active { "active" } else { "inactive" }
            ),
            Self::BackupRemaining { days } => write!(
                f,
                "Shared license server backup has {days} day(s) remaining as active license server."
            ),
            Self::BackupServed { days } => write!(
                f,
                "Shared license backup server has been active for {days} days. Restore the primary \
                 license server."
            ),
            Self::BackupTerminated { days } => write!(
                f,
                "Shared license backup service has been terminated due to the primary license \
                 server being unavailable for more than {days} days."
            ),
            Self::ServerReturned => f.write_str("Shared license server has resumed operation."),
            Self::ReservedBeyond { reserved, size } => write!(
                f,
                "Shared license pool has {size} session(s) and {reserved} are reserved: nobody \
                 else is granted any."
            ),
            Self::BadMessage { from, error } => {
                write!(f, "Shared license message from {from} ignored: {error}.")
            }
        }
    }
}
