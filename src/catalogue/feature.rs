//! The licensed features by name.

use std::fmt;
use std::str::FromStr;

/// A licensed feature: one row of a model's table, or a licence that changes such a row.
///
/// The names printed and parsed are those of the command line and of scenarios; `carrier` is
/// accepted for [`Feature::GtpGprs`] and `tls-proxy-sessions` for [`Feature::UcProxySessions`],
/// because the two guides call the same row by different names.
///
/// ```
/// use tollgate::catalogue::Feature;
/// assert_eq!("carrier".parse(), Ok(Feature::GtpGprs));
/// assert_eq!(Feature::UcProxySessions.to_string(), "uc-proxy-sessions");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Feature {
    /// Firewall connections, concurrent.
    FirewallConns,
    /// Botnet Traffic Filter (time-based only).
    BotnetTrafficFilter,
    /// GTP/GPRS inspection; “Carrier” in the PAK guide, which adds Diameter and SCTP.
    GtpGprs,
    /// Intercompany Media Engine.
    IntercompanyMediaEngine,
    /// UC Phone Proxy and total UC proxy sessions; “Total TLS Proxy Sessions” in the PAK guide.
    UcProxySessions,
    /// Advanced Endpoint Assessment.
    AdvancedEndpointAssessment,
    /// `AnyConnect` for Cisco VPN Phone.
    AnyconnectVpnPhone,
    /// `AnyConnect` Essentials (sessions).
    AnyconnectEssentials,
    /// `AnyConnect` for Mobile.
    AnyconnectMobile,
    /// `AnyConnect` Premium (sessions).
    AnyconnectPremium,
    /// The `AnyConnect` Plus licence, which turns `AnyConnect` Client peers on.
    AnyconnectPlus,
    /// The `AnyConnect` Apex licence, which turns `AnyConnect` Client peers on.
    AnyconnectApex,
    /// The `AnyConnect` VPN Only licence, which turns `AnyConnect` Client peers on.
    AnyconnectVpnOnly,
    /// `AnyConnect` Client peers (PAK guide).
    AnyconnectPeers,
    /// Shared `AnyConnect` Premium licence, server (sessions in the pool).
    SharedServer,
    /// Shared `AnyConnect` Premium licence, participant.
    SharedParticipant,
    /// Other VPN sessions: `IPsec` IKEv1 remote access and site-to-site IKEv1 and IKEv2.
    OtherVpn,
    /// VPN sessions of all types together.
    TotalVpn,
    /// VPN load balancing.
    VpnLoadBalancing,
    /// 10 GE I/O.
    TenGeIo,
    /// Encryption: DES, or 3DES/AES with the Strong Encryption licence.
    Encryption,
    /// Failover.
    Failover,
    /// Interfaces of all types, maximum.
    Interfaces,
    /// Interface speed (a row of the ASA 5510 only).
    InterfaceSpeed,
    /// Security contexts.
    SecurityContexts,
    /// Clustering (units).
    Clustering,
    /// Inside hosts, concurrent (ASA 5505).
    InsideHosts,
    /// IPS module.
    IpsModule,
    /// VLANs, maximum.
    Vlans,
    /// VLAN trunks, maximum (ASA 5505).
    VlanTrunks,
    /// The Security Plus licence, which raises the tier.
    SecurityPlus,
}

impl Feature {
    /// Every feature, in the order of the guides' tables.
    pub const ALL: [Self; 31] = [
        Self::FirewallConns,
        Self::BotnetTrafficFilter,
        Self::GtpGprs,
        Self::IntercompanyMediaEngine,
        Self::UcProxySessions,
        Self::AdvancedEndpointAssessment,
        Self::AnyconnectVpnPhone,
        Self::AnyconnectEssentials,
        Self::AnyconnectMobile,
        Self::AnyconnectPremium,
        Self::AnyconnectPlus,
        Self::AnyconnectApex,
        Self::AnyconnectVpnOnly,
        Self::AnyconnectPeers,
        Self::SharedServer,
        Self::SharedParticipant,
        Self::OtherVpn,
        Self::TotalVpn,
        Self::VpnLoadBalancing,
        Self::TenGeIo,
        Self::Encryption,
        Self::Failover,
        Self::Interfaces,
        Self::InterfaceSpeed,
        Self::SecurityContexts,
        Self::Clustering,
        Self::InsideHosts,
        Self::IpsModule,
        Self::Vlans,
        Self::VlanTrunks,
        Self::SecurityPlus,
    ];

    /// The name on the command line, in scenarios and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirewallConns => "firewall-conns",
            Self::BotnetTrafficFilter => "botnet-traffic-filter",
            Self::GtpGprs => "gtp-gprs",
            Self::IntercompanyMediaEngine => "intercompany-media-engine",
            Self::UcProxySessions => "uc-proxy-sessions",
            Self::AdvancedEndpointAssessment => "advanced-endpoint-assessment",
            Self::AnyconnectVpnPhone => "anyconnect-vpn-phone",
            Self::AnyconnectEssentials => "anyconnect-essentials",
            Self::AnyconnectMobile => "anyconnect-mobile",
            Self::AnyconnectPremium => "anyconnect-premium",
            Self::AnyconnectPlus => "anyconnect-plus",
            Self::AnyconnectApex => "anyconnect-apex",
            Self::AnyconnectVpnOnly => "anyconnect-vpn-only",
            Self::AnyconnectPeers => "anyconnect-peers",
            Self::SharedServer => "shared-server",
            Self::SharedParticipant => "shared-participant",
            Self::OtherVpn => "other-vpn",
            Self::TotalVpn => "total-vpn",
            Self::VpnLoadBalancing => "vpn-load-balancing",
            Self::TenGeIo => "ten-ge-io",
            Self::Encryption => "encryption",
            Self::Failover => "failover",
            Self::Interfaces => "interfaces",
            Self::InterfaceSpeed => "interface-speed",
            Self::SecurityContexts => "security-contexts",
            Self::Clustering => "clustering",
            Self::InsideHosts => "inside-hosts",
            Self::IpsModule => "ips-module",
            Self::Vlans => "vlans",
            Self::VlanTrunks => "vlan-trunks",
            Self::SecurityPlus => "security-plus",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no feature.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown feature `{name}`; features are: {}", names())]
pub struct UnknownFeature {
    /// What was given.
    pub name: String,
}

fn names() -> String {
    Feature::ALL.map(Feature::name).join(" ")
}

impl FromStr for Feature {
    type Err = UnknownFeature;

    fn from_str(name: &str) -> Result<Self, UnknownFeature> {
        let canonical = match name {
            "carrier" => "gtp-gprs",
            "tls-proxy-sessions" => "uc-proxy-sessions",
            other => other,
        };
        Self::ALL
            .into_iter()
            .find(|feature| feature.name() == canonical)
            .ok_or_else(|| UnknownFeature { name: name.to_owned() })
    }
}
