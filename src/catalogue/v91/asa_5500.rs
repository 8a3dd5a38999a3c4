//! Tables 5-1 to 5-6: ASA 5505, 5510, 5520, 5540, 5550 and 5580.

use super::UC_UP_TO_10_000;
use crate::catalogue::Failover::{ActiveStandbyNoStateful, ActiveStandbyOrActiveActive};
use crate::catalogue::Feature::{
    AdvancedEndpointAssessment, AnyconnectEssentials, AnyconnectMobile, AnyconnectVpnPhone,
    BotnetTrafficFilter, Clustering, Failover, FirewallConns, GtpGprs, InsideHosts,
    IntercompanyMediaEngine, InterfaceSpeed, Interfaces, OtherVpn, SecurityContexts,
    SharedParticipant, SharedServer, TotalVpn, UcProxySessions, VlanTrunks, Vlans,
    VpnLoadBalancing,
};
use crate::catalogue::row::{
    BY_500, BY_1000, available, count, count_or, disabled_or, enabled, encryption, failover, fixed,
    no_support, premium, sizes, time_based,
};
use crate::catalogue::{InterfaceSpeed as Speed, Offer, Row, Value};

const TOTAL_VPN_5505: &str = "25 with AnyConnect Essentials; with AnyConnect Premium, its sessions \
    and the other VPN sessions together, at most 25";
const HOSTS_5505: &str = "hosts on the inside that talk to the outside count; DHCP clients: at \
    most 32 with 10 hosts, 128 with 50, 250 with unlimited";
const HOSTS_50_OR_UNLIMITED: &[Offer] =
    &[Offer::One(Value::Count(50)), Offer::One(Value::Unlimited)];

/// Table 5-1, the Base column.
pub(super) const ASA_5505_BASE: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 10_000),
    no_support(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![25]),
    available(AnyconnectMobile),
    premium(sizes![10, 25]),
    count(OtherVpn, 10),
    count(TotalVpn, 25).noting(TOTAL_VPN_5505),
    no_support(VpnLoadBalancing),
    encryption(),
    no_support(Failover),
    no_support(SecurityContexts),
    no_support(Clustering),
    count_or(InsideHosts, 10, HOSTS_50_OR_UNLIMITED).noting(HOSTS_5505),
    fixed(Vlans, Value::ByMode { routed: 3, transparent: 2 })
        .noting("in routed mode 2 regular and 1 restricted"),
    no_support(VlanTrunks),
];

/// Table 5-1, the Security Plus column.
pub(super) const ASA_5505_SECURITY_PLUS: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 25_000),
    no_support(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![25]),
    available(AnyconnectMobile),
    premium(sizes![10, 25]),
    count(OtherVpn, 25),
    count(TotalVpn, 25),
    no_support(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyNoStateful),
    no_support(SecurityContexts),
    no_support(Clustering),
    count_or(InsideHosts, 10, HOSTS_50_OR_UNLIMITED).noting(HOSTS_5505),
    fixed(Vlans, Value::ByMode { routed: 20, transparent: 3 })
        .noting("in transparent mode 2 regular and 1 for failover"),
    count(VlanTrunks, 8),
];

/// Table 5-2, the Base column.
pub(super) const ASA_5510_BASE: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 50_000),
    no_support(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![250]),
    available(AnyconnectMobile),
    premium(sizes![10, 25, 50, 100, 250]),
    available(SharedParticipant),
    disabled_or(SharedServer, &[BY_500, BY_1000]),
    count(TotalVpn, 250),
    count(OtherVpn, 250),
    no_support(VpnLoadBalancing),
    encryption(),
    no_support(Failover),
    count(Interfaces, 364),
    fixed(InterfaceSpeed, Value::Speed(Speed::AllFastEthernet)),
    no_support(SecurityContexts),
    no_support(Clustering),
    count(Vlans, 50),
];

/// Table 5-2, the Security Plus column.
pub(super) const ASA_5510_SECURITY_PLUS: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 130_000),
    no_support(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![250]),
    available(AnyconnectMobile),
    premium(sizes![10, 25, 50, 100, 250]),
    available(SharedParticipant),
    disabled_or(SharedServer, &[BY_500, BY_1000]),
    count(TotalVpn, 250),
    count(OtherVpn, 250),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count(Interfaces, 564),
    fixed(InterfaceSpeed, Value::Speed(Speed::TwoGigabitOthersFastEthernet))
        .noting("Ethernet 0/0 and 0/1 are the gigabit ports; they keep the name Ethernet"),
    count_or(SecurityContexts, 2, sizes![5]),
    no_support(Clustering),
    count(Vlans, 100),
];

/// Table 5-3.
pub(super) const ASA_5520: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 280_000),
    available(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![750]),
    available(AnyconnectMobile),
    premium(sizes![10, 25, 50, 100, 250, 500, 750]),
    available(SharedParticipant),
    disabled_or(SharedServer, &[BY_500, BY_1000]),
    count(TotalVpn, 750),
    count(OtherVpn, 750),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count(Interfaces, 764),
    count_or(SecurityContexts, 2, sizes![5, 10, 20]),
    no_support(Clustering),
    count(Vlans, 150),
];

/// Table 5-4.
pub(super) const ASA_5540: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 400_000),
    available(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000, 2000]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![2500]),
    available(AnyconnectMobile),
    premium(sizes![10, 25, 50, 100, 250, 500, 750, 1000, 2500]),
    available(SharedParticipant),
    disabled_or(SharedServer, &[BY_500, BY_1000]),
    count(TotalVpn, 5000),
    count(OtherVpn, 5000),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count(Interfaces, 964),
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50]),
    no_support(Clustering),
    count(Vlans, 200),
];

/// Table 5-5.
pub(super) const ASA_5550: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 650_000),
    available(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000, 2000, 3000]),
    available(AdvancedEndpointAssessment),
    available(AnyconnectVpnPhone),
    disabled_or(AnyconnectEssentials, sizes![5000]),
    available(AnyconnectMobile),
    premium(sizes![10, 25, 50, 100, 250, 500, 750, 1000, 2500, 5000]),
    available(SharedParticipant),
    disabled_or(SharedServer, &[BY_500, BY_1000]),
    count(TotalVpn, 5000),
    count(OtherVpn, 5000),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count(Interfaces, 1764),
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100]),
    no_support(Clustering),
    count(Vlans, 400),
];

/// Table 5-6 has one column for both models, with a cell for each one's connections.
pub(super) const fn asa_5580(conns: u32) -> [Row; 21] {
    [
        time_based(BotnetTrafficFilter),
        count(FirewallConns, conns),
        available(GtpGprs),
        available(IntercompanyMediaEngine),
        UC_UP_TO_10_000,
        available(AdvancedEndpointAssessment),
        available(AnyconnectVpnPhone),
        disabled_or(AnyconnectEssentials, sizes![10_000]),
        available(AnyconnectMobile),
        premium(sizes![10, 25, 50, 100, 250, 500, 750, 1000, 2500, 5000, 10_000]),
        available(SharedParticipant),
        disabled_or(SharedServer, &[BY_500, BY_1000]),
        count(TotalVpn, 10_000),
        count(OtherVpn, 10_000),
        enabled(VpnLoadBalancing),
        encryption(),
        failover(ActiveStandbyOrActiveActive),
        count(Interfaces, 4612),
        count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100, 250]),
        disabled_or(Clustering, sizes![8]),
        count(Vlans, 1024),
    ]
}
