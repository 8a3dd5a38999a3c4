//! What happens to a unit without being asked for.

use crate::pool;

/// Something that a command or the passing of time brought about on a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The time of a licence ran out.
    Expired,
    /// A licence was activated in place of one that expired (B28).
    Activated,
    /// A licence was made inactive by another one for the same feature (A18).
    Deactivated,
    /// A key was entered and stays inactive, because of an active evaluation key (B11).
    Blocked,
    /// A key's time was added to that of an identical licence (B23).
    Stacked,
    /// A new permanent key lacks what the one before had (A14).
    LicencesLost,
    /// A change waits for a reload (A32).
    ReloadRequired,
    /// The TLS proxy limit is below the licence; `tls-proxy-maximum-sessions` raises it (E38).
    TlsProxyBelowLicence,
    /// The units of a group lost communication.
    ContactLost,
    /// The units of a group communicate again.
    ContactRestored,
    /// The 30 days without communication are over (F45).
    GraceEnded,
    /// The units can be a group no longer.
    GroupEnded,
    /// The unit is the active one in the place of the other unit of its pair.
    Failover,
    /// The unit can take part in shared licensing no longer.
    SharedStopped,
    /// A participant with another shared secret turned to the server (G9).
    SecretRefused,
    /// See [`pool::Event`] for this one and those that follow.
    RequestFailed,
    /// A participant is served.
    ServiceActive,
    /// A participant's server has not answered for three refresh intervals.
    ServiceInactive,
    /// More than 90 % of the pool is granted.
    NearlyExhausted,
    /// The pool has sessions again, or none is left.
    Availability,
    /// A participant gave up its shared sessions after 24 hours without contact (G33).
    HeldTooLong,
    /// The backup has not answered for 30 seconds.
    BackupUnavailable,
    /// A participant registered.
    Registered,
    /// A participant was silent for three refresh intervals (G30).
    ParticipantExpired,
    /// Sessions moved from one unit of a pair to the other (G74).
    Transferred,
    /// The backup began to serve.
    BackupActive,
    /// The backup ended to serve.
    BackupInactive,
    /// A day fewer is left of the backup's time.
    BackupRemaining,
    /// The backup has served for 15 days on end (G56).
    BackupServed15,
    /// The backup has served for 30 days on end (G56).
    BackupServed30,
    /// The backup may serve no longer (G55).
    BackupTerminated,
    /// The server has the backup's report and takes over again (G57).
    ServerReturned,
    /// The pool became smaller than what is reserved.
    ReservedBeyond,
    /// A unit of shared licensing sent what is no message.
    BadMessage,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 34] = [
        Self::Expired,
        Self::Activated,
        Self::Deactivated,
        Self::Blocked,
        Self::Stacked,
        Self::LicencesLost,
        Self::ReloadRequired,
        Self::TlsProxyBelowLicence,
        Self::ContactLost,
        Self::ContactRestored,
        Self::GraceEnded,
        Self::GroupEnded,
        Self::Failover,
        Self::SharedStopped,
        Self::SecretRefused,
        Self::RequestFailed,
        Self::ServiceActive,
        Self::ServiceInactive,
        Self::NearlyExhausted,
        Self::Availability,
        Self::HeldTooLong,
        Self::BackupUnavailable,
        Self::Registered,
        Self::ParticipantExpired,
        Self::Transferred,
        Self::BackupActive,
        Self::BackupInactive,
        Self::BackupRemaining,
        Self::BackupServed15,
        Self::BackupServed30,
        Self::BackupTerminated,
        Self::ServerReturned,
        Self::ReservedBeyond,
        Self::BadMessage,
    ];

    /// What a machine of shared licensing told.
    pub(super) const fn of(event: &pool::Event) -> Self {
        match event {
            pool::Event::RequestFailed { .. } => Self::RequestFailed,
            pool::Event::ServiceActive { .. } => Self::ServiceActive,
            pool::Event::ServiceInactive => Self::ServiceInactive,
            pool::Event::NearlyExhausted => Self::NearlyExhausted,
            pool::Event::Availability { .. } => Self::Availability,
            pool::Event::HeldTooLong { .. } => Self::HeldTooLong,
            pool::Event::BackupUnavailable { .. } => Self::BackupUnavailable,
            pool::Event::Registered { .. } => Self::Registered,
            pool::Event::Expired { .. } => Self::ParticipantExpired,
            pool::Event::Transferred { .. } => Self::Transferred,
            pool::Event::BackupRole { active: true } => Self::BackupActive,
            pool::Event::BackupRole { active: false } => Self::BackupInactive,
            pool::Event::BackupRemaining { .. } => Self::BackupRemaining,
            pool::Event::BackupServed { days: 15 } => Self::BackupServed15,
            pool::Event::BackupServed { .. } => Self::BackupServed30,
            pool::Event::BackupTerminated { .. } => Self::BackupTerminated,
            pool::Event::ServerReturned => Self::ServerReturned,
            pool::Event::ReservedBeyond { .. } => Self::ReservedBeyond,
            pool::Event::BadMessage { .. } => Self::BadMessage,
        }
    }

    /// The name in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Activated => "activated",
            Self::Deactivated => "deactivated",
            Self::Blocked => "blocked",
            Self::Stacked => "stacked",
            Self::LicencesLost => "licences-lost",
            Self::ReloadRequired => "reload-required",
            Self::TlsProxyBelowLicence => "tls-proxy-below-licence",
            Self::ContactLost => "contact-lost",
            Self::ContactRestored => "contact-restored",
            Self::GraceEnded => "grace-ended",
            Self::GroupEnded => "group-ended",
            Self::Failover => "failover",
            Self::SharedStopped => "shared-stopped",
            Self::SecretRefused => "secret-refused",
            Self::RequestFailed => "request-failed",
            Self::ServiceActive => "service-active",
            Self::ServiceInactive => "service-inactive",
            Self::NearlyExhausted => "nearly-exhausted",
            Self::Availability => "availability",
            Self::HeldTooLong => "held-too-long",
            Self::BackupUnavailable => "backup-unavailable",
            Self::Registered => "registered",
            Self::ParticipantExpired => "participant-expired",
            Self::Transferred => "transferred",
            Self::BackupActive => "backup-active",
            Self::BackupInactive => "backup-inactive",
            Self::BackupRemaining => "backup-remaining",
            Self::BackupServed15 => "backup-served-15-days",
            Self::BackupServed30 => "backup-served-30-days",
            Self::BackupTerminated => "backup-terminated",
            Self::ServerReturned => "server-returned",
            Self::ReservedBeyond => "reserved-beyond",
            Self::BadMessage => "bad-message",
        }
    }
}
