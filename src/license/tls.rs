//! Unified communications: the TLS proxy limit, Phone Proxy, IME and SRTP.
//!
//! The default and largest TLS proxy limits of a model stand in neither guide. Those of the older
//! models are kept here as known from the field, unverified, and every one can be set
//! (`tls-proxy-default`, `tls-proxy-platform`, `ime-additional`).
//!
//! Source: License Notes of both guides (9.1 guide, Table 5-16).

use super::running::{Figures, row_figure};
use super::unit::platform_largest;
use super::{Export, Figure, Rule, Setting, Source, Unit};
use crate::catalogue::{Feature, Guide, Model, Value};

/// At most this many TLS proxy sessions with a K8 licence (E31).
const TLS_PROXY_K8: u32 = 1000;
/// At most this many SRTP sessions with a K8 licence (E34).
const SRTP_K8: u32 = 250;
/// Licences of this many users or more are K9, below K8 (E31, E32).
pub(super) const K9_FROM: u32 = 250;
/// At most this many Phone Proxy sessions in the 10,000-session licence (E49).
const PHONE_PROXY_CAP: u32 = 5000;
/// The licence that [`PHONE_PROXY_CAP`] belongs to.
const PHONE_PROXY_CAPPED_LICENCE: u32 = 10_000;
/// The most that one of four counters in a 64-bit word holds; see `gate::word`.
pub(super) const COUNTER_RANGE: u32 = i16::MAX as u32;

/// The default and the largest TLS proxy limit of a model, where the field knows them.
const fn known_limits(model: Model) -> Option<(u32, u32)> {
    match model {
        Model::Asa5505 => Some((10, 80)),
        Model::Asa5510 => Some((100, 200)),
        Model::Asa5520 => Some((300, 1200)),
        Model::Asa5540 => Some((1000, 4500)),
        Model::Asa5550 => Some((2000, 4500)),
        Model::Asa5580_20 | Model::Asa5580_40 => Some((4000, 13_000)),
        _ => None,
    }
}

/// The UC sessions in force, 0 where UC is off.
fn uc_sessions(features: &Figures) -> u32 {
    features.get(&Feature::UcProxySessions).and_then(|f| f.value().count()).unwrap_or(0)
}

fn off_by_npe(unit: &Unit) -> Option<Figure> {
    let rule = Source::Rule(Rule::NoPayloadEncryption);
    unit.configuration().npe.then(|| Figure::new(rule, Value::Disabled))
}

/// The export grade: as set, else by the size of the UC licence.
fn export(unit: &Unit, features: &Figures) -> Export {
    let by_size = if uc_sessions(features) < K9_FROM { Export::K8 } else { Export::K9 };
    unit.export().unwrap_or(by_size)
}

/// TLS proxy sessions of every application (E26 – E32, E42).
pub(super) fn tls_proxy(unit: &Unit, features: &Figures) -> Figure {
    if let Some(off) = off_by_npe(unit) {
        return off;
    }
    let figure = default_limit(unit);
    let figure = raised_to_licence(unit, features, figure);
    let configuration = unit.configuration();
    let figure = match configuration.tls_proxy_maximum_sessions {
        Some(most) => {
            figure.then(Source::Setting(Setting::TlsProxyMaximumSessions), Value::Count(most))
        }
        None => figure,
    };
    let figure = match (configuration.tls_proxy_platform, known_limits(unit.entry().model)) {
        (Some(most), _) => figure.capped(Source::Setting(Setting::TlsProxyPlatform), most),
        (None, Some((_, most))) => figure.capped(Source::Rule(Rule::TlsProxyPlatform), most),
        (None, None) => figure,
    };
    let figure = match export(unit, features) {
        Export::K8 => figure.capped(Source::Rule(Rule::TlsProxyK8), TLS_PROXY_K8),
        Export::K9 => figure,
    };
    figure.capped(Source::Rule(Rule::CounterRange), COUNTER_RANGE)
}

fn default_limit(unit: &Unit) -> Figure {
    if let Some(default) = unit.configuration().tls_proxy_default {
        return Figure::new(Source::Setting(Setting::TlsProxyDefault), Value::Count(default));
    }
    if let Some((default, _)) = known_limits(unit.entry().model) {
        return Figure::new(Source::Rule(Rule::TlsProxyDefault), Value::Count(default));
    }
    let largest =
        unit.entry().row(Feature::UcProxySessions).map_or(Value::Count(0), platform_largest);
    Figure::new(Source::Rule(Rule::TlsProxyDefaultUnknown), largest)
}

/// A UC licence above the default raises the limit to it when it is applied; with IME, by the
/// model's addition more.
fn raised_to_licence(unit: &Unit, features: &Figures, figure: Figure) -> Figure {
    let uc = uc_sessions(features);
    if unit.configuration().tls_proxy_cleared || uc <= figure.value().count().unwrap_or(0) {
        return figure;
    }
    let figure = figure.then(Source::Rule(Rule::TlsProxyMatchesLicence), Value::Count(uc));
    let additional = unit.configuration().ime_additional;
    if additional > 0 && ime_licensed(features) {
        let sum = uc.saturating_add(additional);
        return figure.then(Source::Rule(Rule::TlsProxyImeAdditional), Value::Count(sum));
    }
    figure
}

fn ime_licensed(features: &Figures) -> bool {
    features.get(&Feature::IntercompanyMediaEngine).is_some_and(|f| !f.value().is_off())
}

/// Phone Proxy: within the UC licence, at most 5000 in the largest one (E22, E49).
pub(super) fn phone_proxy(unit: &Unit, features: &Figures) -> Figure {
    let figure = row_figure(unit, Feature::UcProxySessions, features);
    if unit.entry().guide() != Guide::V91 {
        // The PAK guide counts Encrypted Voice alone; Phone Proxy has only the TLS proxy limit.
        return tls_proxy(unit, features);
    }
    match figure.value() {
        Value::Count(PHONE_PROXY_CAPPED_LICENCE) => {
            figure.capped(Source::Rule(Rule::PhoneProxyCap), PHONE_PROXY_CAP)
        }
        value if !value.is_off() => figure.then(Source::Rule(Rule::PhoneProxyWithinUc), value),
        _ => figure,
    }
}

/// IME: up to the TLS proxy limit, where it is licensed (E41, E43 – E47).
pub(super) fn ime(unit: &Unit, features: &Figures) -> Figure {
    if unit.entry().row(Feature::IntercompanyMediaEngine).is_none() {
        return Figure::new(Source::NoRow(unit.entry().table), Value::NoSupport);
    }
    let figure = row_figure(unit, Feature::IntercompanyMediaEngine, features);
    if figure.value().is_off() {
        return figure;
    }
    let limit = tls_proxy(unit, features).value();
    figure.then(Source::Rule(Rule::ImeUpToTlsProxy), limit)
}

/// SRTP encryption sessions: 250 with K8, no limit with K9 (E34, E35).
pub(super) fn srtp(unit: &Unit, features: &Figures) -> Figure {
    if let Some(off) = off_by_npe(unit) {
        return off;
    }
    match export(unit, features) {
        Export::K8 => Figure::new(Source::Rule(Rule::SrtpK8), Value::Count(SRTP_K8)),
        Export::K9 => Figure::new(Source::Rule(Rule::SrtpK9), Value::Unlimited),
    }
}
