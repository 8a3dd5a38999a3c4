//! VPN: Essentials against Premium, Client peers, and the total.
//!
//! Source: 9.1 guide, Tables 5-1 (footnote 1), 5-16 and 5-17; PAK guide, License Notes.

use super::running::{Figures, row_figure, turn_off};
use super::unit::{platform_largest, turns_peers_on};
use super::{ContextMode, Figure, Rule, Setting, Source, Unit};
use crate::catalogue::{Feature, Model, Value};

/// Turns `AnyConnect` Client peers on where a licence for them is applied (PAK guide; E20, A45).
pub(super) fn turn_peers_on(unit: &Unit, figures: &mut Figures) {
    let Some(row) = unit.entry().row(Feature::AnyconnectPeers) else { return };
    let permanent = unit.licences().iter().map(|(&it, &value)| (it, Source::Licence(it, value)));
    let timed = unit.time_based().iter().map(|(&it, &value)| (it, Source::TimeBased(it, value)));
    let mut applied = permanent.chain(timed).filter(|(feature, _)| {
        turns_peers_on(unit.entry(), *feature) || *feature == Feature::AnyconnectPeers
    });
    let apex = applied.clone().any(|(feature, _)| feature == Feature::AnyconnectApex);
    let figure = Figure::new(Source::Table(unit.entry().table), row.value);
    let figure = match applied.next() {
        None if row.value.is_off() => figure,
        None => figure.then(Source::Rule(Rule::PeersNeedLicence), Value::Disabled),
        Some((_, licence)) => figure.then(licence, platform_largest(row)),
    };
    let multiple = unit.configuration().contexts == ContextMode::Multiple;
    let figure = if multiple && !apex && !figure.value().is_off() {
        figure.then(Source::Rule(Rule::ApexOnlyInMultipleContext), Value::Disabled)
    } else {
        figure
    };
    figures.insert(Feature::AnyconnectPeers, figure);
}

/// Essentials excludes Premium and what needs Premium, unless it is configured off (D2 – D7).
pub(super) fn put_out_incompatible(unit: &Unit, figures: &mut Figures) {
    if !essentials_licensed(figures) {
        return;
    }
    if !unit.configuration().anyconnect_essentials {
        let off = Source::Setting(Setting::AnyconnectEssentials);
        turn_off(figures, Feature::AnyconnectEssentials, off);
        return;
    }
    let used_instead = Source::Rule(Rule::EssentialsInForce);
    turn_off(figures, Feature::AnyconnectPremium, used_instead);
    for feature in [
        Feature::AdvancedEndpointAssessment,
        Feature::AnyconnectVpnPhone,
        Feature::SharedServer,
        Feature::SharedParticipant,
    ] {
        turn_off(figures, feature, Source::Rule(Rule::EssentialsExcludes));
    }
}

fn essentials_licensed(figures: &Figures) -> bool {
    figures.get(&Feature::AnyconnectEssentials).is_some_and(|figure| !figure.value().is_off())
}

/// The `AnyConnect` sessions in force: Client peers, Essentials or Premium.
pub(super) fn anyconnect(unit: &Unit, features: &Figures) -> Figure {
    let feature = if unit.entry().row(Feature::AnyconnectPeers).is_some() {
        Feature::AnyconnectPeers
    } else if essentials_licensed(features) {
        Feature::AnyconnectEssentials
    } else {
        Feature::AnyconnectPremium
    };
    row_figure(unit, feature, features)
}

/// Browser-based sessions: as many as `AnyConnect`, none with Essentials (D10).
pub(super) fn clientless(unit: &Unit, features: &Figures) -> Figure {
    let figure = anyconnect(unit, features);
    if essentials_licensed(features) {
        figure.then(Source::Rule(Rule::EssentialsExcludes), Value::Disabled)
    } else {
        figure
    }
}

/// The total of all types, which the ASA 5505 derives from its licences (E14 – E18).
pub(super) fn derive_total(unit: &Unit, figures: &mut Figures) {
    let total = row_figure(unit, Feature::TotalVpn, figures);
    let Value::Count(most) = total.value() else { return };
    if unit.entry().model != Model::Asa5505 {
        return;
    }
    let derived = if essentials_licensed(figures) {
        total.then(Source::Rule(Rule::TotalWithEssentials), Value::Count(most))
    } else {
        let count = |feature| row_figure(unit, feature, figures).value().count().unwrap_or(0);
        let sum = count(Feature::AnyconnectPremium).saturating_add(count(Feature::OtherVpn));
        total.then(Source::Rule(Rule::TotalWithPremium), Value::Count(sum.min(most)))
    };
    figures.insert(Feature::TotalVpn, derived);
}
