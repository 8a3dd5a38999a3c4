//! The tables of “Licenses: Product Authorization Key Licensing”, row by row in their order.
//!
//! They have no numbers; an entry names its table by the heading. There are no rows for
//! interfaces, inside hosts, phones or the Intercompany Media Engine. “Carrier” is
//! [`Feature::GtpGprs`](super::Feature::GtpGprs), “Total TLS Proxy Sessions” is
//! [`Feature::UcProxySessions`](super::Feature::UcProxySessions).

use super::Failover::{ActiveStandby, ActiveStandbyOrActiveActive};
use super::Feature::{
    AnyconnectPeers, BotnetTrafficFilter, Clustering, Failover, FirewallConns, GtpGprs, IpsModule,
    OtherVpn, SecurityContexts, TotalVpn, UcProxySessions, Vlans, VpnLoadBalancing,
};
use super::Model::{
    Asa5506HX, Asa5506WX, Asa5506X, Asa5508X, Asa5516X, Asa5525X, Asa5545X, Asa5555X, Isa3000,
};
use super::Tier::{Base, SecurityPlus};
use super::row::{
    available, count, count_or, disabled_or, enabled, encryption, failover, no_support, sizes,
    time_based,
};
use super::{Entry, Guide, Model, Offer, Row, Table, Tier};

const ASA_5506_X_AND_5506W_X: &str = "ASA 5506-X and ASA 5506W-X License Features";
const ISA_3000: &str = "ISA 3000 License Features";

/// Every model and tier of the PAK guide.
pub(super) static ENTRIES: &[Entry] = &[
    entry(Asa5506X, Base, ASA_5506_X_AND_5506W_X, ASA_5506X_BASE),
    entry(Asa5506X, SecurityPlus, ASA_5506_X_AND_5506W_X, ASA_5506X_SECURITY_PLUS),
    entry(Asa5506WX, Base, ASA_5506_X_AND_5506W_X, ASA_5506X_BASE),
    entry(Asa5506WX, SecurityPlus, ASA_5506_X_AND_5506W_X, ASA_5506X_SECURITY_PLUS),
    entry(Asa5506HX, Base, "ASA 5506H-X License Features", ASA_5506HX),
    entry(Asa5508X, Base, "ASA 5508-X License Features", ASA_5508X),
    entry(Asa5516X, Base, "ASA 5516-X License Features", ASA_5516X),
    entry(Asa5525X, Base, "ASA 5525-X License Features", ASA_5525X),
    entry(Asa5545X, Base, "ASA 5545-X License Features", ASA_5545X),
    entry(Asa5555X, Base, "ASA 5555-X License Features", ASA_5555X),
    entry(Isa3000, Base, ISA_3000, ISA_3000_BASE),
    entry(Isa3000, SecurityPlus, ISA_3000, ISA_3000_SECURITY_PLUS),
];

const fn entry(model: Model, tier: Tier, table: &'static str, rows: &'static [Row]) -> Entry {
    Entry { model, tier, table: Table { guide: Guide::Pak, name: table }, rows }
}

/// “Disabled”, “Optional AnyConnect Plus or AnyConnect Apex license: 50 maximum”.
const fn peers(most: &'static [Offer]) -> Row {
    disabled_or(AnyconnectPeers, most).noting("with an AnyConnect Plus or AnyConnect Apex licence")
}

const ASA_5506X_BASE: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 20_000),
    no_support(GtpGprs),
    count(UcProxySessions, 160),
    peers(sizes![50]),
    count(OtherVpn, 10),
    count(TotalVpn, 50),
    no_support(VpnLoadBalancing),
    encryption(),
    no_support(Failover),
    no_support(SecurityContexts),
    no_support(Clustering),
    count(Vlans, 5),
];

const ASA_5506X_SECURITY_PLUS: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 50_000),
    no_support(GtpGprs),
    count(UcProxySessions, 160),
    peers(sizes![50]),
    count(OtherVpn, 50),
    count(TotalVpn, 50),
    no_support(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandby),
    no_support(SecurityContexts),
    no_support(Clustering),
    count(Vlans, 30),
];

const ASA_5506HX: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 50_000),
    no_support(GtpGprs),
    // “Total UC Proxy Sessions” in this table alone.
    count(UcProxySessions, 160),
    // Its row is named after the licences and says neither “disabled” nor “optional”.
    count(AnyconnectPeers, 50)
        .noting("with an AnyConnect Plus or AnyConnect Apex licence, purchased separately"),
    count(TotalVpn, 50),
    count(OtherVpn, 50),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    no_support(SecurityContexts),
    no_support(Clustering),
    count(Vlans, 30),
];

const ASA_5508X: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 100_000),
    no_support(GtpGprs),
    count(UcProxySessions, 320),
    peers(sizes![100]),
    count(TotalVpn, 100),
    count(OtherVpn, 100),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count_or(SecurityContexts, 2, sizes![5]),
    no_support(Clustering),
    count(Vlans, 50),
];

const ASA_5516X: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 250_000),
    no_support(GtpGprs),
    count(UcProxySessions, 1000),
    peers(sizes![300]),
    count(OtherVpn, 300),
    count(TotalVpn, 300),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count_or(SecurityContexts, 2, sizes![5]),
    count(Clustering, 2),
    count(Vlans, 150),
];

const ASA_5525X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 500_000),
    available(GtpGprs),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000]),
    peers(sizes![750]),
    count(OtherVpn, 750),
    count(TotalVpn, 750),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count_or(SecurityContexts, 2, sizes![5, 10, 20]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 200),
];

const ASA_5545X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 750_000),
    available(GtpGprs),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000, 2000]),
    peers(sizes![2500]),
    count(OtherVpn, 2500),
    count(TotalVpn, 2500),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 300),
];

const ASA_5555X: &[Row] = &[
    time_based(BotnetTrafficFilter),
    count(FirewallConns, 1_000_000),
    available(GtpGprs),
    count_or(UcProxySessions, 2, sizes![24, 50, 100, 250, 500, 750, 1000, 2000, 3000]),
    peers(sizes![5000]),
    count(OtherVpn, 5000),
    count(TotalVpn, 5000),
    enabled(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandbyOrActiveActive),
    count_or(SecurityContexts, 2, sizes![5, 10, 20, 50, 100]),
    count(Clustering, 2),
    available(IpsModule),
    count(Vlans, 500),
];

const PEERS_ISA_3000: Row = disabled_or(AnyconnectPeers, sizes![25])
    .noting("with an AnyConnect Plus, AnyConnect Apex or AnyConnect VPN Only licence");

const ISA_3000_BASE: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 20_000),
    no_support(GtpGprs),
    count(UcProxySessions, 160),
    PEERS_ISA_3000,
    count(OtherVpn, 10),
    count(TotalVpn, 25),
    no_support(VpnLoadBalancing),
    encryption(),
    no_support(Failover),
    no_support(SecurityContexts),
    no_support(Clustering),
    count(Vlans, 5),
];

const ISA_3000_SECURITY_PLUS: &[Row] = &[
    no_support(BotnetTrafficFilter),
    count(FirewallConns, 50_000),
    no_support(GtpGprs),
    count(UcProxySessions, 160),
    PEERS_ISA_3000,
    count(OtherVpn, 50),
    count(TotalVpn, 50),
    no_support(VpnLoadBalancing),
    encryption(),
    failover(ActiveStandby),
    no_support(SecurityContexts),
    no_support(Clustering),
    count(Vlans, 25),
];
