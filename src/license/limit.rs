//! What is limited, by how much, and which limits each kind of session counts against.

use std::fmt;
use std::str::FromStr;

use crate::catalogue::Value;

/// A limit that the running licence carries.
///
/// The names are those of the command line, of scenarios and of JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum Limit {
    /// Firewall connections, concurrent.
    FirewallConns,
    /// Inside hosts, concurrent (ASA 5505): hosts, not their connections.
    InsideHosts,
    /// `AnyConnect` sessions of every type (Essentials or Premium; Client peers in the PAK guide).
    Anyconnect,
    /// Browser-based (clientless) sessions among the `AnyConnect` sessions: off with Essentials.
    Clientless,
    /// Other VPN sessions.
    OtherVpn,
    /// VPN sessions of all types together.
    TotalVpn,
    /// TLS proxy sessions that count against the UC licence.
    UcProxy,
    /// Phone Proxy sessions among them.
    PhoneProxy,
    /// TLS proxy sessions of every application.
    TlsProxy,
    /// Intercompany Media Engine sessions among them.
    Ime,
    /// SRTP encryption sessions.
    Srtp,
    /// Interfaces of all types.
    Interfaces,
    /// Interfaces that have a VLAN.
    Vlans,
    /// VLAN trunks.
    VlanTrunks,
    /// Security contexts.
    Contexts,
}

impl Limit {
    /// How many limits there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The limit of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.name() == name)
    }

    /// Every limit, in the order in which reports list them.
    pub const ALL: [Self; 15] = [
        Self::FirewallConns,
        Self::InsideHosts,
        Self::Anyconnect,
        Self::Clientless,
        Self::OtherVpn,
        Self::TotalVpn,
        Self::UcProxy,
        Self::PhoneProxy,
        Self::TlsProxy,
        Self::Ime,
        Self::Srtp,
        Self::Interfaces,
        Self::Vlans,
        Self::VlanTrunks,
        Self::Contexts,
    ];

    /// The name on the command line, in scenarios and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirewallConns => "firewall-conns",
            Self::InsideHosts => "inside-hosts",
            Self::Anyconnect => "anyconnect",
            Self::Clientless => "clientless",
            Self::OtherVpn => "other-vpn",
            Self::TotalVpn => "total-vpn",
            Self::UcProxy => "uc-proxy",
            Self::PhoneProxy => "phone-proxy",
            Self::TlsProxy => "tls-proxy",
            Self::Ime => "ime",
            Self::Srtp => "srtp",
            Self::Interfaces => "interfaces",
            Self::Vlans => "vlans",
            Self::VlanTrunks => "vlan-trunks",
            Self::Contexts => "contexts",
        }
    }

    /// The place in [`Limit::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much a limit allows. Zero, unlimited, disabled and not supported are four things.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Allowance {
    /// The model cannot do it, whatever licence is bought: nothing is admitted.
    NotSupported,
    /// No licence for it is in force: nothing is admitted.
    Disabled,
    /// At most this many at once; 0 admits nothing.
    Limited(u32),
    /// Counted, without a limit.
    Unlimited,
}

impl Allowance {
    /// The number of units that may be in use, or none where there is no limit.
    ///
    /// ```
    /// use tollgate::license::Allowance;
    /// assert_eq!(Allowance::Limited(10).units(), Some(10));
    /// assert_eq!(Allowance::Disabled.units(), Some(0));
    /// assert_eq!(Allowance::Unlimited.units(), None);
    /// ```
    pub const fn units(self) -> Option<u32> {
        match self {
            Self::NotSupported | Self::Disabled => Some(0),
            Self::Limited(units) => Some(units),
            Self::Unlimited => None,
        }
    }

    /// Whether `units` in use at once stay within this allowance.
    pub const fn covers(self, units: u64) -> bool {
        match self.units() {
            Some(allowed) => units <= allowed as u64,
            None => true,
        }
    }

    /// Whether the feature behind the limit is off, which is not the same as a limit of 0.
    pub const fn is_off(self) -> bool {
        matches!(self, Self::NotSupported | Self::Disabled)
    }
}

impl From<Value> for Allowance {
    fn from(value: Value) -> Self {
        match value {
            Value::NoSupport => Self::NotSupported,
            Value::Disabled => Self::Disabled,
            Value::Count(units) => Self::Limited(units),
            _ => Self::Unlimited,
        }
    }
}

/// A number, or one of `no-support`, `disabled`, `unlimited`.
impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSupported => f.pad("no-support"),
            Self::Disabled => f.pad("disabled"),
            Self::Limited(units) => fmt::Display::fmt(units, f),
            Self::Unlimited => f.pad("unlimited"),
        }
    }
}

/// A set of limits: what one admission takes a unit of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LimitSet(u16);

impl LimitSet {
    /// The set of the limits given.
    pub const fn of(limits: &[Limit]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < limits.len() {
            bits |= 1 << limits[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// Whether `limit` is in the set.
    pub const fn contains(self, limit: Limit) -> bool {
        self.0 & 1 << limit as u16 != 0
    }

    /// The limits in the set, in the order of [`Limit::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Limit> {
        Limit::ALL.into_iter().filter(move |limit| self.contains(*limit))
    }
}

/// What asks to be admitted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A firewall connection.
    Connection,
    /// An `AnyConnect` client session (SSL).
    Anyconnect,
    /// An `AnyConnect` client session (`IPsec` IKEv2 remote access).
    AnyconnectIkev2,
    /// A browser-based (clientless) SSL VPN session.
    Clientless,
    /// An `IPsec` remote access session with IKEv1.
    Ikev1Ra,
    /// An `IPsec` site-to-site session with IKEv1.
    Ikev1L2l,
    /// An `IPsec` site-to-site session with IKEv2.
    Ikev2L2l,
    /// A TLS proxy session of Phone Proxy.
    PhoneProxy,
    /// A TLS proxy session of Presence Federation Proxy.
    PresenceFederation,
    /// A TLS proxy session of Encrypted Voice Inspection.
    EncryptedVoice,
    /// A TLS proxy session of Mobility Advantage Proxy.
    MobilityAdvantage,
    /// A TLS proxy session of the Intercompany Media Engine.
    Ime,
    /// A call whose media is encrypted or decrypted here.
    Srtp,
    /// A call whose media is passed through: never counted.
    SrtpPassthrough,
    /// An interface without a VLAN.
    Interface,
    /// An interface with a VLAN.
    Vlan,
    /// A VLAN trunk.
    Trunk,
    /// A security context.
    Context,
}

impl Kind {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::Connection,
        Self::Anyconnect,
        Self::AnyconnectIkev2,
        Self::Clientless,
        Self::Ikev1Ra,
        Self::Ikev1L2l,
        Self::Ikev2L2l,
        Self::PhoneProxy,
        Self::PresenceFederation,
        Self::EncryptedVoice,
        Self::MobilityAdvantage,
        Self::Ime,
        Self::Srtp,
        Self::SrtpPassthrough,
        Self::Interface,
        Self::Vlan,
        Self::Trunk,
        Self::Context,
    ];

    /// The name on the command line and in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "conn",
            Self::Anyconnect => "anyconnect",
            Self::AnyconnectIkev2 => "anyconnect-ikev2",
            Self::Clientless => "clientless",
            Self::Ikev1Ra => "ikev1-ra",
            Self::Ikev1L2l => "ikev1-l2l",
            Self::Ikev2L2l => "ikev2-l2l",
            Self::PhoneProxy => "phone-proxy",
            Self::PresenceFederation => "presence-federation",
            Self::EncryptedVoice => "encrypted-voice",
            Self::MobilityAdvantage => "mobility-advantage",
            Self::Ime => "ime",
            Self::Srtp => "srtp",
            Self::SrtpPassthrough => "srtp-passthrough",
            Self::Interface => "interface",
            Self::Vlan => "vlan",
            Self::Trunk => "trunk",
            Self::Context => "context",
        }
    }

    /// The kind at this place in [`Kind::ALL`]. Written out, it is known to be the number itself,
    /// and nothing has to be loaded.
    #[inline]
    pub(crate) const fn at(index: usize) -> Option<Self> {
        Some(match index {
            0 => Self::Connection,
            1 => Self::Anyconnect,
            2 => Self::AnyconnectIkev2,
            3 => Self::Clientless,
            4 => Self::Ikev1Ra,
            5 => Self::Ikev1L2l,
            6 => Self::Ikev2L2l,
            7 => Self::PhoneProxy,
            8 => Self::PresenceFederation,
            9 => Self::EncryptedVoice,
            10 => Self::MobilityAdvantage,
            11 => Self::Ime,
            12 => Self::Srtp,
            13 => Self::SrtpPassthrough,
            14 => Self::Interface,
            15 => Self::Vlan,
            16 => Self::Trunk,
            17 => Self::Context,
            _ => return None,
        })
    }

    /// The place in [`Kind::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no kind of session.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown kind `{name}`; kinds are: {}", Kind::ALL.map(Kind::name).join(" "))]
pub struct UnknownKind {
    /// What was given.
    pub name: String,
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}
