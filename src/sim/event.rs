//! What happens to a unit without being asked for.

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
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 12] = [
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
    ];

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
        }
    }
}
