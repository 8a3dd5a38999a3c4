//! The guides' rules and the settings by name, so that a figure can say which one made it.

use std::fmt;

/// A rule of the guides that changes a figure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// Essentials is used instead of Premium once it is installed (D2).
    EssentialsInForce,
    /// What cannot be active together with Essentials (D5 – D7, D16, D19).
    EssentialsExcludes,
    /// `AnyConnect` Client peers need a Plus, Apex or VPN Only licence (E20).
    PeersNeedLicence,
    /// Only Apex works in multiple context mode (D45).
    ApexOnlyInMultipleContext,
    /// Shared licences work in single context mode only (G43).
    SharedNeedsSingleContext,
    /// The permanent Premium licence of a shared licensing server is not used (G46).
    ServerUsesThePool,
    /// The ASA 5505's total is the model's 25 with Essentials (E14).
    TotalWithEssentials,
    /// The ASA 5505's total is Premium plus Other VPN, at most 25 (E15 – E18).
    TotalWithPremium,
    /// VPN load balancing needs Strong Encryption (D35).
    LoadBalancingNeedsStrongEncryption,
    /// The default TLS proxy limit of the model.
    TlsProxyDefault,
    /// No default TLS proxy limit is known for the model; the largest licence stands in.
    TlsProxyDefaultUnknown,
    /// A UC licence above the default raises the TLS proxy limit to it (E26).
    TlsProxyMatchesLicence,
    /// With IME the TLS proxy limit is the UC licence plus a number of the model's (E42).
    TlsProxyImeAdditional,
    /// The model's largest TLS proxy limit.
    TlsProxyPlatform,
    /// IME sessions may use the TLS proxy limit (E41).
    ImeUpToTlsProxy,
    /// Phone Proxy is part of the UC licence (E22).
    PhoneProxyWithinUc,
    /// At most 5000 Phone Proxy sessions with the 10,000-session licence (E49).
    PhoneProxyCap,
    /// K8 licences: at most 1000 TLS proxy sessions (E31).
    TlsProxyK8,
    /// K8 licences: at most 250 SRTP sessions (E34).
    SrtpK8,
    /// K9 licences: no SRTP limit (E35).
    SrtpK9,
    /// A permanent key that downgrades the encryption takes a reload (A32).
    EncryptionUntilReload,
    /// Only Active/Standby failover goes with VPN (D44).
    NoVpnInActiveActive,
    /// Shared licences are not supported in Active/Active failover (F18).
    NoSharedInActiveActive,
    /// The units of an Active/Active pair divide the contexts (F30).
    ContextsDivided,
    /// In multiple context mode the Apex licences of two units do not combine (D46).
    ApexNotCombined,
    /// No Payload Encryption disables UC and VPN (D40).
    NoPayloadEncryption,
    /// The ASA 5505's VLANs depend on the firewall mode (E54).
    VlansByMode,
    /// DHCP clients go with the inside hosts (E66).
    DhcpClients,
    /// The most that one counter of several limits holds; above every figure of the guides.
    CounterRange,
}

impl Rule {
    /// The rule in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::EssentialsInForce => "anyconnect essentials is installed and used instead",
            Self::EssentialsExcludes => "cannot be active together with anyconnect essentials",
            Self::PeersNeedLicence => "off until an anyconnect plus or apex licence is applied",
            Self::ApexOnlyInMultipleContext => {
                "only an anyconnect apex licence works in multiple context mode"
            }
            Self::SharedNeedsSingleContext => "shared licences need single context mode",
            Self::ServerUsesThePool => {
                "a shared licensing server uses the pool and its time-based licence, not its \
                 permanent one"
            }
            Self::TotalWithEssentials => "with essentials the total is the model maximum",
            Self::TotalWithPremium => {
                "the total is the premium value plus other vpn, up to the model maximum"
            }
            Self::LoadBalancingNeedsStrongEncryption => {
                "vpn load balancing needs the strong encryption licence"
            }
            Self::TlsProxyDefault => "default tls proxy limit of the model",
            Self::TlsProxyDefaultUnknown => {
                "no default tls proxy limit is known for the model: its largest licence"
            }
            Self::TlsProxyMatchesLicence => "raised to match the licence",
            Self::TlsProxyImeAdditional => "raised for ime by the model's additional sessions",
            Self::TlsProxyPlatform => "largest tls proxy limit of the model",
            Self::ImeUpToTlsProxy => "ime sessions may use the tls proxy limit",
            Self::PhoneProxyWithinUc => "phone proxy counts against the uc licence",
            Self::PhoneProxyCap => {
                "at most 5000 phone proxy sessions in the 10,000-session licence"
            }
            Self::TlsProxyK8 => "a k8 licence allows at most 1000 tls proxy sessions",
            Self::SrtpK8 => "a k8 licence allows at most 250 srtp sessions",
            Self::SrtpK9 => "a k9 licence has no srtp limit",
            Self::EncryptionUntilReload => "the encryption is downgraded at the next reload",
            Self::NoVpnInActiveActive => "vpn cannot be used with active/active failover",
            Self::NoSharedInActiveActive => {
                "shared licences are not supported with active/active failover"
            }
            Self::ContextsDivided => {
                "the units of an active/active pair divide the contexts, and the other has the rest"
            }
            Self::ApexNotCombined => {
                "in multiple context mode each unit needs an anyconnect apex licence of its own"
            }
            Self::NoPayloadEncryption => {
                "no payload encryption: unified communications and vpn are disabled"
            }
            Self::VlansByMode => "depends on the firewall mode",
            Self::DhcpClients => "dhcp clients go with the licence for inside hosts",
            Self::CounterRange => "the most one counter holds",
        }
    }

    /// Where the rule stands.
    pub const fn cite(self) -> &'static str {
        match self {
            Self::EssentialsInForce => "9.1 guide, Table 5-17 footnote 1",
            Self::EssentialsExcludes => "9.1 guide, Tables 5-16 and 5-17",
            Self::PeersNeedLicence => "PAK guide, feature tables",
            Self::ApexOnlyInMultipleContext | Self::ApexNotCombined => {
                "PAK guide, Legacy VPN Licenses"
            }
            Self::SharedNeedsSingleContext => "9.1 guide, Guidelines, Context Mode",
            Self::TotalWithEssentials | Self::TotalWithPremium => "9.1 guide, Table 5-1 footnote 1",
            Self::TlsProxyDefault | Self::TlsProxyPlatform => {
                "in neither guide; unverified, see tls-proxy-default and tls-proxy-platform"
            }
            Self::TlsProxyDefaultUnknown => "in neither guide; see tls-proxy-default",
            Self::TlsProxyImeAdditional => {
                "9.1 guide, Table 5-16; the number is in neither guide, see ime-additional"
            }
            Self::ImeUpToTlsProxy | Self::PhoneProxyWithinUc | Self::NoVpnInActiveActive => {
                "9.1 guide, Table 5-16"
            }
            Self::PhoneProxyCap => "9.1 guide, footnote 1 of Tables 5-6 and 5-13 to 5-15",
            Self::LoadBalancingNeedsStrongEncryption
            | Self::TlsProxyMatchesLicence
            | Self::TlsProxyK8
            | Self::SrtpK8
            | Self::SrtpK9 => "License Notes of both guides",
            Self::EncryptionUntilReload => "Permanent License Reloading Requirements, both guides",
            Self::NoSharedInActiveActive => "Guidelines, both guides",
            Self::ContextsDivided => "How Failover or ASA Cluster Licenses Combine, both guides",
            Self::ServerUsesThePool => "Frequently Asked Questions, both guides",
            Self::NoPayloadEncryption => "No Payload Encryption Models, both guides",
            Self::VlansByMode => "9.1 guide, Table 5-1",
            Self::DhcpClients => "9.1 guide, Table 5-1 footnote 3",
            Self::CounterRange => "tollgate's own",
        }
    }
}

/// A setting of the unit that changes a figure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// `anyconnect-essentials`: use Essentials where it is installed.
    AnyconnectEssentials,
    /// `tls-proxy-maximum-sessions`: the configured TLS proxy limit.
    TlsProxyMaximumSessions,
    /// `default-route`: the interface of the default route is the outside.
    DefaultRoute,
    /// `export`: the export grade of the UC and IME licences.
    Export,
    /// `npe`: a No Payload Encryption model.
    Npe,
    /// `mode`: the firewall mode.
    Mode,
    /// `contexts`: single or multiple context mode.
    Contexts,
    /// `tls-proxy-default`: the model's default TLS proxy limit.
    TlsProxyDefault,
    /// `tls-proxy-platform`: the model's largest TLS proxy limit.
    TlsProxyPlatform,
    /// `ime-additional`: what the model adds to the TLS proxy limit for IME.
    ImeAdditional,
    /// The operator's own limit below the licensed one.
    Restriction,
}

impl Setting {
    /// Every setting that can be given as `KEY=VALUE`.
    pub const ALL: [Self; 10] = [
        Self::AnyconnectEssentials,
        Self::TlsProxyMaximumSessions,
        Self::DefaultRoute,
        Self::Export,
        Self::Npe,
        Self::Mode,
        Self::Contexts,
        Self::TlsProxyDefault,
        Self::TlsProxyPlatform,
        Self::ImeAdditional,
    ];

    /// The key on the command line and in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnyconnectEssentials => "anyconnect-essentials",
            Self::TlsProxyMaximumSessions => "tls-proxy-maximum-sessions",
            Self::DefaultRoute => "default-route",
            Self::Export => "export",
            Self::Npe => "npe",
            Self::Mode => "mode",
            Self::Contexts => "contexts",
            Self::TlsProxyDefault => "tls-proxy-default",
            Self::TlsProxyPlatform => "tls-proxy-platform",
            Self::ImeAdditional => "ime-additional",
            Self::Restriction => "restrict",
        }
    }

    /// The setting with this key.
    pub fn find(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == key)
    }

    /// The values it takes, as help text.
    pub const fn values(self) -> &'static str {
        match self {
            Self::AnyconnectEssentials => "on|off",
            Self::DefaultRoute => "outside|none",
            Self::Export => "k8|k9",
            Self::Npe => "yes|no",
            Self::Mode => "routed|transparent",
            Self::Contexts => "single|multiple",
            Self::TlsProxyMaximumSessions
            | Self::TlsProxyDefault
            | Self::TlsProxyPlatform
            | Self::ImeAdditional
            | Self::Restriction => "a number of sessions",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
