//! What is configured, by the names that people type: set back, listed, and raised by a licence.

use std::collections::BTreeMap;

use super::{
    Configuration, ContextMode, Export, FirewallMode, Limit, RunningLicense, Setting, UnitError,
};
use crate::catalogue::{Feature, Value};

impl Configuration {
    /// Sets one setting or own limit back to what it is on a new unit, as `no KEY` does.
    ///
    /// Without `tls-proxy-maximum-sessions` the TLS proxy limit is what the licence makes of it on
    /// a new unit; for the model's default whatever is licensed there is [`Configuration::clear`].
    ///
    /// ```
    /// use tollgate::license::{Configuration, FirewallMode};
    ///
    /// let mut configuration = Configuration::default();
    /// configuration.mode = FirewallMode::Transparent;
    /// configuration.reset("mode")?;
    /// assert_eq!(configuration, Configuration::default());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such setting and no such limit.
    pub fn reset(&mut self, key: &str) -> Result<(), UnitError> {
        let new = Self::default();
        match Setting::find(key) {
            Some(Setting::AnyconnectEssentials) => {
                self.anyconnect_essentials = new.anyconnect_essentials;
            }
            Some(Setting::TlsProxyMaximumSessions) => {
                self.tls_proxy_maximum_sessions = new.tls_proxy_maximum_sessions;
                self.tls_proxy_cleared = new.tls_proxy_cleared;
            }
            Some(Setting::DefaultRoute) => self.default_route = new.default_route,
            Some(Setting::Export) => self.export = new.export,
            Some(Setting::Npe) => self.npe = new.npe,
            Some(Setting::Mode) => self.mode = new.mode,
            Some(Setting::Contexts) => self.contexts = new.contexts,
            Some(Setting::TlsProxyDefault) => self.tls_proxy_default = new.tls_proxy_default,
            Some(Setting::TlsProxyPlatform) => self.tls_proxy_platform = new.tls_proxy_platform,
            Some(Setting::ImeAdditional) => self.ime_additional = new.ime_additional,
            Some(Setting::Restriction) | None => {
                let limit = Limit::find(key).ok_or_else(|| UnitError::no_such_setting(key))?;
                self.restrictions.remove(&limit);
            }
        }
        Ok(())
    }

    /// Every setting with its value and every own limit, as [`Unit::configure`](super::Unit)
    /// takes them. What is left to the licence or the model is not in it.
    pub fn settings(&self) -> BTreeMap<&'static str, String> {
        let number = |number: Option<u32>| number.map(|it| it.to_string());
        let word = |word: &str| Some(word.to_owned());
        let value = |setting| match setting {
            Setting::AnyconnectEssentials => {
                word(if self.anyconnect_essentials { "on" } else { "off" })
            }
            Setting::TlsProxyMaximumSessions => number(self.tls_proxy_maximum_sessions),
            Setting::DefaultRoute => word(if self.default_route { "outside" } else { "none" }),
            Setting::Export => match self.export? {
                Export::K8 => word("k8"),
                Export::K9 => word("k9"),
            },
            Setting::Npe => word(if self.npe { "yes" } else { "no" }),
            Setting::Mode => match self.mode {
                FirewallMode::Routed => word("routed"),
                FirewallMode::Transparent => word("transparent"),
            },
            Setting::Contexts => match self.contexts {
                ContextMode::Single => word("single"),
                ContextMode::Multiple => word("multiple"),
            },
            Setting::TlsProxyDefault => number(self.tls_proxy_default),
            Setting::TlsProxyPlatform => number(self.tls_proxy_platform),
            Setting::ImeAdditional => number(Some(self.ime_additional)),
            Setting::Restriction => None,
        };
        let settings = Setting::ALL.into_iter();
        let settings = settings.filter_map(|setting| Some((setting.name(), value(setting)?)));
        let limits = self.restrictions.iter().map(|(limit, most)| (limit.name(), most.to_string()));
        settings.chain(limits).collect()
    }

    /// A key with these licences was entered or activated: one for UC sessions raises the TLS proxy
    /// limit again that [`Configuration::clear`] set to the model's default (E38).
    pub fn apply(&mut self, licences: &BTreeMap<Feature, Value>) {
        self.tls_proxy_cleared &= !licences.contains_key(&Feature::UcProxySessions);
    }
}

impl RunningLicense {
    /// The TLS proxy limit and the UC licence in sessions, where the limit is below the licence, as
    /// it is after [`Configuration::clear`]: `tls-proxy-maximum-sessions` raises it (E38).
    pub fn tls_proxy_below_licence(&self) -> Option<(u32, u32)> {
        let licence = self.feature(Feature::UcProxySessions)?.value().count()?;
        let limit = self.limit(Limit::TlsProxy).value().count()?;
        (limit < licence).then_some((limit, licence))
    }
}

impl UnitError {
    /// For a key that is neither a setting nor a limit.
    pub(super) fn no_such_setting(key: &str) -> Self {
        let settings = Setting::ALL.map(|it| format!("{it}={}", it.values())).join(", ");
        let limits = Limit::ALL.map(Limit::name).join(" ");
        let known = format!("{settings}, or a limit to lower: {limits}");
        Self::NoSuchSetting { key: key.to_owned(), known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::license::Unit;

    /// Every setting with a value that it does not have on a new unit.
    const OTHER: [(&str, &str); 12] = [
        ("anyconnect-essentials", "off"),
        ("tls-proxy-maximum-sessions", "5"),
        ("default-route", "none"),
        ("export", "k9"),
        ("npe", "yes"),
        ("mode", "transparent"),
        ("contexts", "multiple"),
        ("tls-proxy-default", "6"),
        ("tls-proxy-platform", "7"),
        ("ime-additional", "8"),
        ("firewall-conns", "9"),
        ("total-vpn", "10"),
    ];

    fn set(settings: impl IntoIterator<Item = (&'static str, String)>) -> Configuration {
        let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).unwrap());
        for (key, value) in settings {
            unit.configure(key, &value).unwrap();
        }
        unit.configuration().clone()
    }

    #[test]
    fn what_is_set_is_listed_as_it_was_typed_and_can_be_set_again() {
        let other = set(OTHER.map(|(key, value)| (key, value.to_owned())));
        let listed = other.settings();
        assert!(OTHER.iter().all(|(key, value)| listed[key] == *value), "{listed:?}");
        assert_eq!(set(listed), other);
        assert_eq!(set(Configuration::default().settings()), Configuration::default());
    }

    #[test]
    fn each_setting_is_set_back_on_its_own() {
        let all = set(OTHER.map(|(key, value)| (key, value.to_owned())));
        for (key, _) in OTHER {
            let mut some = all.clone();
            some.reset(key).unwrap();
            let others = OTHER.iter().filter(|(other, _)| *other != key);
            assert_eq!(some, set(others.map(|(key, value)| (*key, (*value).to_owned()))), "{key}");
        }
        let mut none = all.clone();
        assert!(matches!(none.reset("warp"), Err(UnitError::NoSuchSetting { .. })));
        assert_eq!(none, all);
        OTHER.iter().for_each(|(key, _)| none.reset(key).unwrap());
        assert_eq!(none, Configuration::default());
    }
}
