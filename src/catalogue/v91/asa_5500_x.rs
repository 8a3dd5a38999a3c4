//! Tables 5-7 to 5-15: ASA 5512-X to 5555-X, 5585-X and the ASA Services Module.

use super::UC_UP_TO_10_000;
use crate::catalogue::Failover::ActiveStandbyOrActiveActive;
use crate::catalogue::Feature::{
    AdvancedEndpointAssessment, AnyconnectEssentials, AnyconnectMobile, AnyconnectVpnPhone,
    BotnetTrafficFilter, Clustering, Failover, FirewallConns, GtpGprs, IntercompanyMediaEngine,
    Interfaces, IpsModule, OtherVpn, SecurityContexts, SharedParticipant, SharedServer, TenGeIo,
    TotalVpn, UcProxySessions, Vlans, VpnLoadBalancing,
};
use crate::catalogue::Row;
use crate::catalogue::row::{
    BY_500, BY_1000, available, count, count_or, disabled, disabled_or, enabled, encryption,
    failover, no_support, premium, sizes, time_based,
};

/// Table 5-7, the Base column.
pub(super) const ASA_5512X_BASE: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 100_000),
    no_support(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500]),
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
    count(Interfaces, 716),
    no_support(SecurityContexts),
    no_support(Clustering),
    available(IpsModule),
    count(Vlans, 50),
];

/// Table 5-7, the Security Plus column.
pub(super) const ASA_5512X_SECURITY_PLUS: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 250_000),
    available(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500]),
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
    count(Interfaces, 916),
    count_or(SecurityContexts, 2, sizes![5]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 100),
];

/// Table 5-8.
pub(super) const ASA_5515X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 250_000),
    available(GtpGprs),
    available(IntercompanyMediaEngine),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500]),
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
    count(Interfaces, 916),
    count_or(SecurityContexts, 2, sizes![5]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 100),
];

/// Table 5-9.
pub(super) const ASA_5525X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 500_000),
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
    count(Interfaces, 1316),
    count_or(SecurityContexts, 2, sizes![5, 10, 20]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 200),
];

/// Table 5-10.
pub(super) const ASA_5545X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 750_000),
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
    count(TotalVpn, 2500),
    count(OtherVpn, 2500),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count(Interfaces, 1716),
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 300),
];

/// Table 5-11.
pub(super) const ASA_5555X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 1_000_000),
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
    count(Interfaces, 2516),
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 500),
];

/// The 10 GE I/O row of SSP-10 and SSP-20 in the Base tier.
pub(super) const FIBER_AT_1_GE: Row =
    disabled(TenGeIo).noting("fiber interfaces run at 1 GE; the Security Plus licence turns it on");
/// The 10 GE I/O row of SSP-10 and SSP-20 with Security Plus, and of SSP-40 and SSP-60.
pub(super) const FIBER_AT_10_GE: Row = enabled(TenGeIo).noting("fiber interfaces run at 10 GE");

/// Table 5-12 has one column for both tiers, with a 10 GE I/O cell for each.
pub(super) const fn ssp_10(ten_ge_io: Row) -> [Row; 22] {
    [
        time_based(BotnetTrafficFilter),
        count(FirewallConns, 1_000_000),
        available(GtpGprs),
        available(IntercompanyMediaEngine),
        count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000, 2000, 3000]),
        available(AdvancedEndpointAssessment),
        available(AnyconnectVpnPhone),
        disabled_or(AnyconnectEssentials, sizes![5000]),
        available(AnyconnectMobile),
        premium(sizes![10, 25, 50, 100, 250, 500, 750, 1000, 2500, 5000]),
        available(SharedParticipant),
        // The only table without the larger sizes.
        disabled_or(SharedServer, &[BY_500]),
        count(TotalVpn, 5000),
        count(OtherVpn, 5000),
        enabled(VpnLoadBalancing),
        ten_ge_io,
        encryption(),
        failover(ActiveStandbyOrActiveActive),
        count(Interfaces, 4612),
        count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100]),
        disabled_or(Clustering, sizes![8]),
        count(Vlans, 1024),
    ]
}

/// Table 5-13 has one column for both tiers, with a 10 GE I/O cell for each.
pub(super) const fn ssp_20(ten_ge_io: Row) -> [Row; 22] {
    [
        time_based(BotnetTrafficFilter),
        count(FirewallConns, 2_000_000),
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
        ten_ge_io,
        encryption(),
        failover(ActiveStandbyOrActiveActive),
        count(Interfaces, 4612),
        count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100, 250]),
        disabled_or(Clustering, sizes![8]),
        count(Vlans, 1024),
    ]
}

/// Table 5-14 has one column for both models, with a cell for each one's connections.
pub(super) const fn ssp_40_and_60(conns: u32) -> [Row; 22] {
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
        FIBER_AT_10_GE,
        encryption(),
        failover(ActiveStandbyOrActiveActive),
        count(Interfaces, 4612),
        count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100, 250]),
        disabled_or(Clustering, sizes![8]),
        count(Vlans, 1024),
    ]
}

/// Table 5-15.
pub(super) const ASA_SERVICES_MODULE: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 10_000_000),
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
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100, 250]),
    no_support(Clustering),
    count(Vlans, 1000),
];
