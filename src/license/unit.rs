//! One unit: its model and tier, the permanent licences on it, its configuration.

use std::collections::BTreeMap;

use super::combine::larger;
use super::{Limit, Setting};
use crate::catalogue::{self, Entry, Feature, Model, Offer, Row, Tier, Value};

/// The firewall mode.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum FirewallMode {
    /// Routed.
    #[default]
    Routed,
    /// Transparent.
    Transparent,
}

/// The context mode.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ContextMode {
    /// Single context.
    #[default]
    Single,
    /// Multiple contexts.
    Multiple,
}

/// The export grade of a UC or IME licence: the end of its part number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Export {
    /// Unrestricted for export, and therefore capped.
    K8,
    /// Restricted for export, and not capped.
    K9,
}

/// What is set on the unit, apart from its licences.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "settings that go on and off independently")]
pub struct Configuration {
    /// The firewall mode.
    pub mode: FirewallMode,
    /// The context mode.
    pub contexts: ContextMode,
    /// Whether this is a No Payload Encryption model.
    pub npe: bool,
    /// Whether Essentials is used where it is installed (`anyconnect-essentials`, on by default).
    pub anyconnect_essentials: bool,
    /// Whether a default route names the outside interface.
    pub default_route: bool,
    /// The export grade; without it, K8 below 250 UC sessions and K9 from there (E31, E32).
    pub export: Option<Export>,
    /// `tls-proxy maximum-sessions`, where it is configured.
    pub tls_proxy_maximum_sessions: Option<u32>,
    /// Whether the TLS proxy limit is the model's default, whatever the UC licence: cleared after
    /// the licence was applied (E38).
    pub tls_proxy_cleared: bool,
    /// The model's default TLS proxy limit, which neither guide gives.
    pub tls_proxy_default: Option<u32>,
    /// The model's largest TLS proxy limit, which neither guide gives.
    pub tls_proxy_platform: Option<u32>,
    /// The sessions that the model adds for IME, which neither guide gives.
    pub ime_additional: u32,
    /// The operator's own limits, below the licensed ones.
    pub restrictions: BTreeMap<Limit, u32>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            mode: FirewallMode::Routed,
            contexts: ContextMode::Single,
            npe: false,
            anyconnect_essentials: true,
            default_route: true,
            export: None,
            tls_proxy_maximum_sessions: None,
            tls_proxy_cleared: false,
            tls_proxy_default: None,
            tls_proxy_platform: None,
            ime_additional: 0,
            restrictions: BTreeMap::new(),
        }
    }
}

impl Configuration {
    /// `clear configure all`: every limit as on a new unit, and the TLS proxy limit the model's
    /// default (E38). The modes, the hardware and the licences stay (A28).
    pub fn clear(&mut self) {
        let new = Self::default();
        self.anyconnect_essentials = new.anyconnect_essentials;
        self.default_route = new.default_route;
        self.tls_proxy_maximum_sessions = new.tls_proxy_maximum_sessions;
        self.restrictions = new.restrictions;
        self.tls_proxy_cleared = true;
    }
}

/// Why a licence or a setting was not taken. The unit is unchanged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// The model's table has no such row.
    #[error("{entry} has no `{feature}` ({table}); its licences are: {offered}")]
    NoSuchLicence {
        /// The model, tier and guide.
        entry: String,
        /// What was asked for.
        feature: Feature,
        /// The table.
        table: String,
        /// What can be licensed on this model.
        offered: String,
    },
    /// The licence is not sold in this size.
    #[error("`{feature}={value}` is not sold for {entry}; choose {offered}")]
    NoSuchTier {
        /// The feature.
        feature: Feature,
        /// The value asked for.
        value: Value,
        /// The model, tier and guide.
        entry: String,
        /// The sizes there are.
        offered: String,
    },
    /// No setting has this key.
    #[error("unknown setting `{key}`; settings are: {known}")]
    NoSuchSetting {
        /// What was given.
        key: String,
        /// Every setting and its values.
        known: String,
    },
    /// The setting does not take this value.
    #[error("`{key}` does not take `{value}`; it takes {values}")]
    BadValue {
        /// The setting.
        key: String,
        /// What was given.
        value: String,
        /// What it takes.
        values: &'static str,
    },
    /// The model has no multiple context mode.
    #[error("{entry} does not support security contexts, so it has no multiple context mode")]
    NoContexts {
        /// The model, tier and guide.
        entry: String,
    },
}

/// What the keys of a unit grant together.
#[cfg(feature = "license-keys")]
#[derive(Clone, Default, Debug)]
pub(super) struct Keys {
    /// The permanent licences.
    pub(super) licences: BTreeMap<Feature, Value>,
    /// The active time-based licences.
    pub(super) time_based: BTreeMap<Feature, Value>,
    /// The export grade that the keys say.
    pub(super) export: Option<Export>,
    /// Whether a downgrade of the encryption waits for a reload.
    pub(super) strong_until_reload: bool,
}

/// One unit with its licences and its configuration.
///
/// A licence that the platform cannot use in full is taken and cut when the running licence is
/// computed; one that nobody sells is refused here.
///
/// ```
/// use tollgate::catalogue::{self, Feature, Value};
/// use tollgate::license::{Limit, RunningLicense, Unit};
///
/// let mut unit = Unit::new(catalogue::find("ASA 5505", None, None)?);
/// unit.add(Feature::InsideHosts, Value::Count(50))?;
/// unit.configure("mode", "transparent")?;
/// let license = RunningLicense::of(&unit);
/// assert_eq!(license.limit(Limit::InsideHosts).value(), Value::Count(50));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Unit {
    entry: &'static Entry,
    licences: BTreeMap<Feature, Value>,
    time_based: BTreeMap<Feature, Value>,
    export: Option<Export>,
    strong_until_reload: bool,
    configuration: Configuration,
}

impl Unit {
    /// A unit as shipped: the tier's licence, no optional ones, the default configuration.
    pub fn new(entry: &'static Entry) -> Self {
        Self {
            entry,
            licences: BTreeMap::new(),
            time_based: BTreeMap::new(),
            export: None,
            strong_until_reload: false,
            configuration: Configuration::default(),
        }
    }

    /// The unit that these keys make of one that was shipped as `shipped`.
    ///
    /// Every licence was checked when its key was entered.
    #[cfg(feature = "license-keys")]
    pub(super) fn with_keys(
        shipped: &'static Entry,
        keys: Keys,
        configuration: Configuration,
    ) -> Self {
        let Keys { mut licences, mut time_based, export, strong_until_reload } = keys;
        let permanently = licences.remove(&Feature::SecurityPlus).is_some();
        let raised = time_based.remove(&Feature::SecurityPlus).is_some() || permanently;
        let entry = security_plus(shipped).filter(|_| raised).unwrap_or(shipped);
        Self { entry, licences, time_based, export, strong_until_reload, configuration }
    }

    /// The row of the catalogue that describes the unit, in its present tier.
    pub const fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// The permanent licences, one value a feature.
    pub const fn licences(&self) -> &BTreeMap<Feature, Value> {
        &self.licences
    }

    /// The active time-based licences, one value a feature.
    pub const fn time_based(&self) -> &BTreeMap<Feature, Value> {
        &self.time_based
    }

    /// The export grade that the keys say; the configuration's goes before it.
    pub(super) fn export(&self) -> Option<Export> {
        self.configuration.export.or(self.export)
    }

    /// Whether a downgrade of the encryption waits for a reload (A32).
    pub(super) const fn strong_until_reload(&self) -> bool {
        self.strong_until_reload
    }

    /// The configuration.
    pub const fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Adds a permanent licence. Of two for one feature the larger counts; they do not add (A38).
    ///
    /// `security-plus=enabled` raises the tier of a model that has both.
    ///
    /// # Errors
    ///
    /// When the model has no such licence, or not in this size.
    pub fn add(&mut self, feature: Feature, value: Value) -> Result<(), UnitError> {
        if feature == Feature::SecurityPlus {
            return self.raise_tier(value);
        }
        check(self.entry, feature, value)?;
        self.licences
            .entry(feature)
            .and_modify(|held| *held = larger(*held, value))
            .or_insert(value);
        Ok(())
    }

    /// Adds a time-based licence that is active. Of two for one feature the larger counts.
    ///
    /// `security-plus=enabled` raises the tier for as long as it is there.
    ///
    /// # Errors
    ///
    /// As [`Unit::add`].
    pub fn add_time_based(&mut self, feature: Feature, value: Value) -> Result<(), UnitError> {
        if feature == Feature::SecurityPlus {
            return self.raise_tier(value);
        }
        check(self.entry, feature, value)?;
        self.time_based
            .entry(feature)
            .and_modify(|held| *held = larger(*held, value))
            .or_insert(value);
        Ok(())
    }

    fn raise_tier(&mut self, value: Value) -> Result<(), UnitError> {
        let (Some(raised), Value::Enabled) = (security_plus(self.entry), value) else {
            return Err(UnitError::NoSuchLicence {
                entry: self.entry.to_string(),
                feature: Feature::SecurityPlus,
                table: self.entry.table.to_string(),
                offered: offered_licences(self.entry),
            });
        };
        for (&feature, &held) in self.licences.iter().chain(&self.time_based) {
            check(raised, feature, held)?;
        }
        self.entry = raised;
        Ok(())
    }

    /// Sets `key` to `value`, both as a person types them.
    ///
    /// A key is a [`Setting`]'s name, or the name of a [`Limit`] for the operator's own, lower
    /// limit.
    ///
    /// # Errors
    ///
    /// When there is no such key, it does not take the value, or the model cannot do it.
    pub fn configure(&mut self, key: &str, value: &str) -> Result<(), UnitError> {
        let Some(setting) = Setting::find(key) else {
            return self.restrict_by_name(key, value);
        };
        let bad = || UnitError::BadValue {
            key: key.to_owned(),
            value: value.to_owned(),
            values: setting.values(),
        };
        let number = || value.replace(',', "").parse::<u32>().map_err(|_| bad());
        let new = &mut self.configuration;
        match (setting, value) {
            (Setting::AnyconnectEssentials, "on") => new.anyconnect_essentials = true,
            (Setting::AnyconnectEssentials, "off") => new.anyconnect_essentials = false,
            (Setting::DefaultRoute, "outside") => new.default_route = true,
            (Setting::DefaultRoute, "none") => new.default_route = false,
            (Setting::Export, "k8") => new.export = Some(Export::K8),
            (Setting::Export, "k9") => new.export = Some(Export::K9),
            (Setting::Npe, "yes") => new.npe = true,
            (Setting::Npe, "no") => new.npe = false,
            (Setting::Mode, "routed") => new.mode = FirewallMode::Routed,
            (Setting::Mode, "transparent") => new.mode = FirewallMode::Transparent,
            (Setting::Contexts, "single") => new.contexts = ContextMode::Single,
            (Setting::Contexts, "multiple") => return self.set_multiple_contexts(),
            (Setting::TlsProxyMaximumSessions, _) => {
                new.tls_proxy_maximum_sessions = Some(number()?);
            }
            (Setting::TlsProxyDefault, _) => new.tls_proxy_default = Some(number()?),
            (Setting::TlsProxyPlatform, _) => new.tls_proxy_platform = Some(number()?),
            (Setting::ImeAdditional, _) => new.ime_additional = number()?,
            _ => return Err(bad()),
        }
        Ok(())
    }

    /// The same unit with the configuration of `other`.
    pub(super) fn configured_like(&self, other: &Self) -> Self {
        Self { configuration: other.configuration.clone(), ..self.clone() }
    }

    pub(super) const fn set_entry(&mut self, entry: &'static Entry) {
        self.entry = entry;
    }

    fn set_multiple_contexts(&mut self) -> Result<(), UnitError> {
        let contexts = self.entry.row(Feature::SecurityContexts);
        if contexts.is_none_or(|row| row.value == Value::NoSupport) {
            return Err(UnitError::NoContexts { entry: self.entry.to_string() });
        }
        self.configuration.contexts = ContextMode::Multiple;
        Ok(())
    }

    fn restrict_by_name(&mut self, key: &str, value: &str) -> Result<(), UnitError> {
        let Some(limit) = Limit::find(key) else {
            return Err(UnitError::no_such_setting(key));
        };
        let units = value.replace(',', "").parse().map_err(|_| UnitError::BadValue {
            key: key.to_owned(),
            value: value.to_owned(),
            values: "the most that may be in use, a number",
        })?;
        self.restrict(limit, units);
        Ok(())
    }

    /// Holds `limit` at `units` at most, whatever is licensed: the operator's own limit.
    pub fn restrict(&mut self, limit: Limit, units: u32) {
        self.configuration.restrictions.insert(limit, units);
    }
}

/// The Security Plus tier of the same model in the same guide.
fn security_plus(entry: &Entry) -> Option<&'static Entry> {
    catalogue::entries().find(|other| {
        other.model == entry.model
            && other.guide() == entry.guide()
            && other.tier == Tier::SecurityPlus
    })
}

/// Sizes that the guides' own examples use although no table lists them: 2500 UC sessions (how
/// permanent and time-based licences combine; C3), 10 (failover; F25, and on real units), and 75
/// sessions of SSL VPN (an upgrade from 25; A39).
pub(super) const EXAMPLE_SIZES: [(Feature, u32); 3] = [
    (Feature::UcProxySessions, 10),
    (Feature::UcProxySessions, 2500),
    (Feature::AnyconnectPremium, 75),
];

/// The licences that turn `AnyConnect` Client peers on; they are no rows of a table themselves.
pub(super) fn turns_peers_on(entry: &Entry, feature: Feature) -> bool {
    let has_peers = entry.row(Feature::AnyconnectPeers).is_some();
    match feature {
        Feature::AnyconnectPlus | Feature::AnyconnectApex => has_peers,
        // Only the ISA 3000's table names it (E20).
        Feature::AnyconnectVpnOnly => entry.model == Model::Isa3000,
        _ => false,
    }
}

/// The largest value that the row can take: what a licence beyond it is cut to.
pub(super) fn platform_largest(row: &Row) -> Value {
    let offers = row.optional.iter().map(|offer| match *offer {
        Offer::One(value) => value,
        Offer::Range { to, .. } => Value::Count(to),
    });
    offers.fold(row.value, |largest, offer| match (largest, offer) {
        (Value::Count(largest), Value::Count(offer)) => Value::Count(largest.max(offer)),
        (Value::Unlimited, _) => Value::Unlimited,
        _ => offer,
    })
}

fn check(entry: &Entry, feature: Feature, value: Value) -> Result<(), UnitError> {
    let no_such_tier = |offered: String| UnitError::NoSuchTier {
        feature,
        value,
        entry: entry.to_string(),
        offered,
    };
    if turns_peers_on(entry, feature) {
        return match value {
            Value::Enabled => Ok(()),
            _ => Err(no_such_tier("enabled".to_owned())),
        };
    }
    let Some(row) = entry.row(feature) else {
        return Err(UnitError::NoSuchLicence {
            entry: entry.to_string(),
            feature,
            table: entry.table.to_string(),
            offered: offered_licences(entry),
        });
    };
    let example = || EXAMPLE_SIZES.iter().any(|it| (it.0, Value::Count(it.1)) == (feature, value));
    let listed = value == row.value || row.optional.iter().any(|offer| offer.covers(value));
    // A feature with one size is either bought or not: `enabled` says it too.
    let single = value == Value::Enabled && matches!(row.optional, [Offer::One(_)]);
    if listed || single || example() || row.value == Value::NoSupport || beyond(row, value) {
        return Ok(());
    }
    Err(no_such_tier(sizes(row)))
}

fn beyond(row: &Row, value: Value) -> bool {
    match (platform_largest(row), value) {
        (Value::Count(largest), Value::Count(asked)) => asked > largest,
        (Value::Count(_), Value::Unlimited) => true,
        _ => false,
    }
}

fn sizes(row: &Row) -> String {
    if row.optional.is_empty() {
        return format!("nothing: {} is what there is", row.value);
    }
    row.optional.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn offered_licences(entry: &Entry) -> String {
    let rows = entry.rows.iter().filter(|row| !row.optional.is_empty()).map(|row| row.feature);
    let peers = Feature::ALL.into_iter().filter(|feature| turns_peers_on(entry, *feature));
    let mut names: Vec<_> = rows.chain(peers).map(Feature::name).collect();
    if entry.tier == Tier::Base && security_plus(entry).is_some() {
        names.push(Feature::SecurityPlus.name());
    }
    names.join(" ")
}
