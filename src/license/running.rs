//! The running licence: the immutable snapshot that the gate publishes.

use std::collections::BTreeMap;

use super::unit::platform_largest;
use super::{
    Allowance, Configuration, ContextMode, Figure, FirewallMode, Kind, Limit, LimitSet, Rule,
    Setting, Source, Unit, combine, tls, vpn,
};
use crate::catalogue::{Encryption, Entry, Feature, Guide, Row, Value};

/// The figures in force, or on their way to be.
pub(super) type Figures = BTreeMap<Feature, Figure>;

/// Which hosts of a connection count against the inside hosts of an ASA 5505 (E56 – E62).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostRule {
    /// The model has no limit on hosts: none is counted.
    NotCounted,
    /// Routed mode with a default route: an inside host counts while it talks to the outside.
    InsideToOutside,
    /// Routed mode without a default route: hosts on all interfaces count.
    AllInterfaces,
    /// Transparent mode: the interface with the fewest hosts is the one that counts.
    FewestOfInterfaces,
}

/// How the units of a group work together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupMode {
    /// A failover pair of which one unit is active.
    ActiveStandby,
    /// A failover pair of which both units are active.
    ActiveActive,
    /// An ASA cluster.
    Cluster,
}

/// What is in force on one unit, with the reason for every figure.
///
/// An immutable snapshot: the gate holds the one that is published and admits by it.
///
/// ```
/// use tollgate::catalogue;
/// use tollgate::license::{Allowance, Limit, RunningLicense, Unit};
///
/// let unit = Unit::new(catalogue::find("ASA 5505", None, None)?);
/// let license = RunningLicense::of(&unit);
/// let total = license.limit(Limit::TotalVpn);
/// assert_eq!(total.allowance(), Allowance::Limited(12));
/// assert_eq!(total.steps().len(), 2); // the table's 25, then footnote 1: 2 + 10
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunningLicense {
    entry: &'static Entry,
    configuration: Configuration,
    features: Figures,
    limits: Vec<Figure>,
    dhcp_clients: Option<Figure>,
}

impl RunningLicense {
    /// Computes what is in force on `unit`.
    pub fn of(unit: &Unit) -> Self {
        Self::in_force(unit, licensed(unit))
    }

    /// Computes what is in force on the unit at `own` of a failover pair or a cluster: the licences
    /// of all units as one (F3), the primary first, under the primary's configuration, which the
    /// others replicate.
    ///
    /// Every unit has the same one (F57), except for Client peers in multiple context mode (D46).
    /// None where there is no such unit.
    pub fn combined(units: &[Unit], own: usize, mode: GroupMode) -> Option<Self> {
        let mut group = units.get(own).and(units.first())?.clone();
        if let Some(highest) = units.iter().map(Unit::entry).max_by_key(|entry| entry.tier) {
            group.set_entry(highest);
        }
        let units: Vec<_> = units.iter().map(|unit| unit.configured_like(&group)).collect();
        let all = units.iter().map(licensed).collect();
        let mut figures = combine::over_units(&group, &units, all, own);
        if mode == GroupMode::ActiveActive {
            exclude_in_active_active(&group, &mut figures);
        }
        Some(Self::in_force(&group, figures))
    }

    /// The same for a unit of an Active/Active pair while the other unit uses so many contexts: the
    /// two divide those of the combined licence (F30).
    #[must_use]
    pub fn beside(mut self, contexts: u32) -> Self {
        let figure = &mut self.limits[Limit::Contexts.index()];
        if let Value::Count(all) = figure.value()
            && contexts > 0
        {
            let left = Value::Count(all.saturating_sub(contexts));
            *figure = figure.clone().then(Source::Rule(Rule::ContextsDivided), left);
        }
        self
    }

    fn in_force(unit: &Unit, licensed: Figures) -> Self {
        let features = in_force(unit, licensed);
        let limits = Limit::ALL.map(|limit| restricted(unit, limit, &features)).into();
        let dhcp_clients = dhcp_clients(unit, &features);
        Self {
            entry: unit.entry(),
            configuration: unit.configuration().clone(),
            features,
            limits,
            dhcp_clients,
        }
    }

    /// A licence of the same unit in which every limit is counted and none refuses.
    ///
    /// It measures a demand: the peaks of a gate that runs it are what a licence would have to
    /// allow.
    #[must_use]
    pub fn without_limits(mut self) -> Self {
        for figure in &mut self.limits {
            *figure = Figure::new(Source::Setting(Setting::Restriction), Value::Unlimited);
        }
        self
    }

    /// The licence of a shared licensing server: its permanent `AnyConnect` Premium sessions are
    /// not used, its `time_based` ones are (G46, G48). What it needs beyond is the pool's (G47).
    #[must_use]
    pub fn of_shared_server(mut self, time_based: u32) -> Self {
        if let Some(own) = self.features.get_mut(&Feature::AnyconnectPremium)
            && own.value().count().is_some()
        {
            let rule = Source::Rule(Rule::ServerUsesThePool);
            *own = own.clone().then(rule, Value::Count(time_based));
        }
        self.with_shared(0)
    }

    /// The licence with `sessions` of a shared licence besides the unit's own `AnyConnect` Premium
    /// sessions (G22), up to the most that is sold for the platform (G24).
    ///
    /// The operator's own limits still hold. Without Premium in force nothing is added (G45).
    ///
    /// ```
    /// use tollgate::catalogue::{self, Feature, Value};
    /// use tollgate::license::{Allowance, Limit, RunningLicense, Unit};
    ///
    /// let mut unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
    /// unit.add(Feature::AnyconnectPremium, Value::Count(100))?;
    /// let license = RunningLicense::of(&unit).with_shared(50);
    /// let figure = license.limit(Limit::Anyconnect);
    /// assert_eq!(figure.allowance(), Allowance::Limited(150));
    /// assert_eq!(figure.steps().last().map(|step| step.value), Some(Value::Count(150)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_shared(mut self, sessions: u32) -> Self {
        let Some(own) = self.features.get(&Feature::AnyconnectPremium) else { return self };
        let Some(count) = own.value().count() else { return self };
        let platform = self.entry.row(Feature::AnyconnectPremium).map(platform_largest);
        let most = platform.and_then(Value::count).unwrap_or(u32::MAX);
        let figure = match sessions {
            0 => own.clone(),
            shared => {
                let all = Value::Count(count.saturating_add(shared));
                let shared = own.clone().then(Source::Shared(shared), all);
                shared.capped(Source::Platform(self.entry.table), most)
            }
        };
        for limit in [Limit::Anyconnect, Limit::Clientless] {
            let restriction = self.configuration.restrictions.get(&limit);
            self.limits[limit.index()] = match restriction {
                Some(&most) => figure.clone().capped(Source::Setting(Setting::Restriction), most),
                None => figure.clone(),
            };
        }
        self
    }

    /// The model and tier.
    pub const fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// The configuration that the licence was computed for.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The figure of `feature`, where the model's table or a licence has it.
    pub fn feature(&self, feature: Feature) -> Option<&Figure> {
        self.features.get(&feature)
    }

    /// Every feature with its figure, in the order of the guides' tables.
    pub fn features(&self) -> impl Iterator<Item = (Feature, &Figure)> {
        self.features.iter().map(|(&feature, figure)| (feature, figure))
    }

    /// The figure of `limit`. Every limit has one; a limit that no table gives is unlimited.
    pub fn limit(&self, limit: Limit) -> &Figure {
        &self.limits[limit.index()]
    }

    /// How many DHCP clients the unit may serve (9.1 guide only; E66).
    pub const fn dhcp_clients(&self) -> Option<&Figure> {
        self.dhcp_clients.as_ref()
    }

    /// How inside hosts are counted.
    pub fn host_rule(&self) -> HostRule {
        host_rule(self.entry, &self.configuration)
    }

    /// What one unit of `kind` takes a unit of, on this model.
    ///
    /// It depends on the guide alone, so it stays the same for the life of a unit. The guides
    /// differ on TLS proxy: the 9.1 guide counts Phone Proxy, Presence Federation and Encrypted
    /// Voice against the UC licence (E22), the PAK guide Encrypted Voice alone (E24).
    pub fn counts_against(&self, kind: Kind) -> LimitSet {
        counts_against(self.entry.guide(), kind)
    }

    /// Every licence that was bought beyond the platform's largest: feature, bought, cut to.
    pub fn cuts(&self) -> impl Iterator<Item = (Feature, Value, Value)> {
        self.features().filter_map(|(feature, figure)| {
            figure.cut().map(|(bought, left)| (feature, bought, left))
        })
    }
}

fn counts_against(guide: Guide, kind: Kind) -> LimitSet {
    match kind {
        Kind::Connection => LimitSet::of(&[Limit::FirewallConns]),
        Kind::Anyconnect | Kind::AnyconnectIkev2 => {
            LimitSet::of(&[Limit::Anyconnect, Limit::TotalVpn])
        }
        Kind::Clientless => LimitSet::of(&[Limit::Anyconnect, Limit::Clientless, Limit::TotalVpn]),
        Kind::Ikev1Ra | Kind::Ikev1L2l | Kind::Ikev2L2l => {
            LimitSet::of(&[Limit::OtherVpn, Limit::TotalVpn])
        }
        Kind::PhoneProxy if guide == Guide::V91 => {
            LimitSet::of(&[Limit::UcProxy, Limit::PhoneProxy, Limit::TlsProxy])
        }
        Kind::PresenceFederation if guide == Guide::V91 => {
            LimitSet::of(&[Limit::UcProxy, Limit::TlsProxy])
        }
        Kind::EncryptedVoice => LimitSet::of(&[Limit::UcProxy, Limit::TlsProxy]),
        Kind::PhoneProxy | Kind::PresenceFederation | Kind::MobilityAdvantage => {
            LimitSet::of(&[Limit::TlsProxy])
        }
        Kind::Ime => LimitSet::of(&[Limit::TlsProxy, Limit::Ime]),
        Kind::Srtp => LimitSet::of(&[Limit::Srtp]),
        Kind::SrtpPassthrough => LimitSet::of(&[]),
        Kind::Interface => LimitSet::of(&[Limit::Interfaces]),
        Kind::Vlan => LimitSet::of(&[Limit::Interfaces, Limit::Vlans]),
        Kind::Trunk => LimitSet::of(&[Limit::VlanTrunks]),
        Kind::Context => LimitSet::of(&[Limit::Contexts]),
    }
}

/// Active/Active failover goes without VPN by the 9.1 guide (D44), and without shared licences by
/// both (F18).
fn exclude_in_active_active(unit: &Unit, figures: &mut Figures) {
    for feature in [Feature::SharedServer, Feature::SharedParticipant] {
        turn_off(figures, feature, Source::Rule(Rule::NoSharedInActiveActive));
    }
    if unit.entry().guide() == Guide::V91 {
        for feature in VPN {
            turn_off(figures, feature, Source::Rule(Rule::NoVpnInActiveActive));
        }
    }
}

/// Step 1: the table, the licences, the platform.
fn licensed(unit: &Unit) -> Figures {
    let rows = unit.entry().rows.iter().map(|row| (row.feature, licensed_row(unit, row)));
    let mut figures: Figures = rows.collect();
    for (&feature, &value) in unit.licences() {
        let licence = Source::Licence(feature, value);
        figures.entry(feature).or_insert_with(|| Figure::new(licence, value));
    }
    for (&feature, &value) in unit.time_based() {
        let licence = Source::TimeBased(feature, value);
        figures.entry(feature).or_insert_with(|| Figure::new(licence, value));
    }
    if unit.strong_until_reload() {
        let rule = Source::Rule(Rule::EncryptionUntilReload);
        let strong = Value::Encryption(Encryption::TripleDesAes);
        figures.entry(Feature::Encryption).and_modify(|it| *it = it.clone().then(rule, strong));
    }
    vpn::turn_peers_on(unit, &mut figures);
    figures
}

fn licensed_row(unit: &Unit, row: &Row) -> Figure {
    let table = unit.entry().table;
    let included = Figure::new(Source::Table(table), row.value);
    let included = match row.value {
        Value::ByMode { routed, transparent } => {
            let count = match unit.configuration().mode {
                FirewallMode::Routed => routed,
                FirewallMode::Transparent => transparent,
            };
            included.then(Source::Rule(Rule::VlansByMode), Value::Count(count))
        }
        _ => included,
    };
    let permanent = match unit.licences().get(&row.feature) {
        Some(&bought) if bought != row.value => replaced(included, row, bought, unit),
        _ => included,
    };
    match unit.time_based().get(&row.feature) {
        Some(&timed) => combine::with_time_based(permanent, row, timed, unit),
        None => permanent,
    }
}

/// An optional licence replaces what is included (A42), up to the platform's largest value (A43).
fn replaced(included: Figure, row: &Row, bought: Value, unit: &Unit) -> Figure {
    let largest = platform_largest(row);
    let cut = match (bought, largest) {
        (_, Value::NoSupport) | (Value::Unlimited, Value::Count(_)) => true,
        (Value::Count(bought), Value::Count(largest)) => bought > largest,
        _ => false,
    };
    let licence = Source::Licence(row.feature, bought);
    if cut {
        return included.then(licence, bought).then(Source::Platform(unit.entry().table), largest);
    }
    // A feature of one size is bought as `enabled` too.
    included.then(licence, if bought == Value::Enabled { largest } else { bought })
}

/// Step 2: what of it is in force.
fn in_force(unit: &Unit, mut figures: Figures) -> Figures {
    vpn::put_out_incompatible(unit, &mut figures);
    vpn::derive_total(unit, &mut figures);
    if unit.configuration().contexts == ContextMode::Multiple {
        for feature in [Feature::SharedServer, Feature::SharedParticipant] {
            turn_off(&mut figures, feature, Source::Rule(Rule::SharedNeedsSingleContext));
        }
    }
    let strong = Value::Encryption(Encryption::TripleDesAes);
    if figures.get(&Feature::Encryption).is_none_or(|figure| figure.value() != strong) {
        let rule = Source::Rule(Rule::LoadBalancingNeedsStrongEncryption);
        turn_off(&mut figures, Feature::VpnLoadBalancing, rule);
    }
    if unit.configuration().npe {
        for feature in UNIFIED_COMMUNICATIONS.into_iter().chain(VPN) {
            turn_off(&mut figures, feature, Source::Rule(Rule::NoPayloadEncryption));
        }
    }
    figures
}

/// What No Payload Encryption disables: Unified Communications and VPN (D40).
const UNIFIED_COMMUNICATIONS: [Feature; 2] =
    [Feature::IntercompanyMediaEngine, Feature::UcProxySessions];

/// Every feature of VPN.
const VPN: [Feature; 14] = [
    Feature::AdvancedEndpointAssessment,
    Feature::AnyconnectVpnPhone,
    Feature::AnyconnectEssentials,
    Feature::AnyconnectMobile,
    Feature::AnyconnectPremium,
    Feature::AnyconnectPlus,
    Feature::AnyconnectApex,
    Feature::AnyconnectVpnOnly,
    Feature::AnyconnectPeers,
    Feature::SharedServer,
    Feature::SharedParticipant,
    Feature::OtherVpn,
    Feature::TotalVpn,
    Feature::VpnLoadBalancing,
];

/// Disables a feature that is on, and says why.
pub(super) fn turn_off(figures: &mut Figures, feature: Feature, source: Source) {
    if let Some(figure) = figures.get_mut(&feature)
        && !figure.value().is_off()
    {
        *figure = figure.clone().then(source, Value::Disabled);
    }
}

/// The limit's figure, lowered to the operator's own where there is one.
fn restricted(unit: &Unit, limit: Limit, features: &Figures) -> Figure {
    let figure = limit_figure(unit, limit, features);
    match unit.configuration().restrictions.get(&limit) {
        Some(&most) => figure.capped(Source::Setting(Setting::Restriction), most),
        None => figure,
    }
}

fn limit_figure(unit: &Unit, limit: Limit, features: &Figures) -> Figure {
    let row = |feature| row_figure(unit, feature, features);
    match limit {
        Limit::FirewallConns => row(Feature::FirewallConns),
        Limit::InsideHosts => row(Feature::InsideHosts),
        Limit::Anyconnect => vpn::anyconnect(unit, features),
        Limit::Clientless => vpn::clientless(unit, features),
        Limit::OtherVpn => row(Feature::OtherVpn),
        Limit::TotalVpn => row(Feature::TotalVpn),
        Limit::UcProxy => row(Feature::UcProxySessions),
        Limit::PhoneProxy => tls::phone_proxy(unit, features),
        Limit::TlsProxy => tls::tls_proxy(unit, features),
        Limit::Ime => tls::ime(unit, features),
        Limit::Srtp => tls::srtp(unit, features),
        Limit::Interfaces => row(Feature::Interfaces),
        Limit::Vlans => row(Feature::Vlans),
        Limit::VlanTrunks => row(Feature::VlanTrunks),
        Limit::Contexts => row(Feature::SecurityContexts),
    }
}

/// The figure of the row, or “not limited” where the table lacks it.
pub(super) fn row_figure(unit: &Unit, feature: Feature, features: &Figures) -> Figure {
    features
        .get(&feature)
        .cloned()
        .unwrap_or_else(|| Figure::new(Source::NoRow(unit.entry().table), Value::Unlimited))
}

fn host_rule(entry: &Entry, configuration: &Configuration) -> HostRule {
    match (entry.row(Feature::InsideHosts), configuration.mode, configuration.default_route) {
        (None, ..) => HostRule::NotCounted,
        (Some(_), FirewallMode::Transparent, _) => HostRule::FewestOfInterfaces,
        (Some(_), FirewallMode::Routed, true) => HostRule::InsideToOutside,
        (Some(_), FirewallMode::Routed, false) => HostRule::AllInterfaces,
    }
}

/// 32, 128 or 250 DHCP clients by the inside hosts; 250 on every other model (E66).
fn dhcp_clients(unit: &Unit, features: &Figures) -> Option<Figure> {
    if unit.entry().guide() != Guide::V91 {
        return None;
    }
    let hosts = row_figure(unit, Feature::InsideHosts, features).allowance();
    let clients = match hosts {
        Allowance::Limited(10) => 32,
        Allowance::Limited(50) => 128,
        _ => 250,
    };
    Some(Figure::new(Source::Rule(Rule::DhcpClients), Value::Count(clients)))
}
