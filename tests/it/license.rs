//! The running licence by rule: each case cites the rule that it covers.

use proptest::prelude::*;
use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::{Limit, Rule, RunningLicense, Source, Unit};

/// A unit from words: `MODEL/TIER`, then licences and settings separated by blanks; a setting
/// that is called like a licence is marked `set:`.
fn unit(model: &str, words: &str) -> Unit {
    let (model, tier) = model.split_once('/').expect("MODEL/TIER");
    let entry = catalogue::find(model, Some(tier), None).expect("a model of the guides");
    let mut unit = Unit::new(entry);
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').expect("KEY=VALUE");
        match key.parse::<Feature>() {
            Ok(feature) if !word.starts_with("set:") => {
                unit.add(feature, value.parse().expect("a value")).expect("a licence");
            }
            _ => unit.configure(key.trim_start_matches("set:"), value).expect("a setting"),
        }
    }
    unit
}

fn running(model: &str, words: &str) -> RunningLicense {
    RunningLicense::of(&unit(model, words))
}

/// Every line of `license.cases`.
#[test]
fn figures_by_rule() {
    let mut checked = 0;
    for line in include_str!("license.cases").lines() {
        let case = line.trim();
        if case.is_empty() || case.starts_with('#') {
            continue;
        }
        check(case);
        checked += 1;
    }
    assert!(checked > 70, "{checked} cases");
}

/// One case: rule, unit, limit or feature, value, licences and settings.
#[track_caller]
fn check(case: &str) {
    let (rule, rest) = case.split_once(' ').expect("a rule");
    let mut columns = rest.split("  ").map(str::trim).filter(|column| !column.is_empty());
    let mut next = || columns.next().unwrap_or_else(|| panic!("a column is missing: {case}"));
    let (model, name, value) = (next(), next(), next());
    let license = running(model, columns.next().unwrap_or_default());
    let limit = Limit::ALL.into_iter().find(|limit| limit.name() == name);
    let feature = || name.parse().unwrap_or_else(|error| panic!("{case}: {error}"));
    let figure = limit
        .map_or_else(|| license.feature(feature()).expect("a row"), |limit| license.limit(limit));
    assert_eq!(figure.value().to_string(), value, "{rule}: {case}: by {:?}", figure.steps());
}

/// 32, 128 or 250 DHCP clients (E66).
#[test]
fn dhcp_clients_go_with_the_inside_hosts() {
    let clients =
        |model, words| running(model, words).dhcp_clients().map(tollgate::license::Figure::value);
    assert_eq!(clients("ASA 5505/base", ""), Some(Value::Count(32)));
    assert_eq!(clients("ASA 5505/base", "inside-hosts=50"), Some(Value::Count(128)));
    assert_eq!(clients("ASA 5505/base", "inside-hosts=unlimited"), Some(Value::Count(250)));
    assert_eq!(clients("ASA 5520/base", ""), Some(Value::Count(250)));
    assert_eq!(clients("ASA 5506-X/base", ""), None);
}

/// A cut is remembered with what was bought.
#[test]
fn a_cut_is_remembered() {
    let license = running("ASA 5520/base", "uc-proxy-sessions=2000 anyconnect-premium=100");
    let cuts: Vec<_> = license.cuts().collect();
    assert_eq!(cuts, [(Feature::UcProxySessions, Value::Count(2000), Value::Count(1000))]);
}

/// A figure tells every step, the last one decisive.
#[test]
fn a_figure_tells_where_it_came_from() {
    let license = running("ASA 5505/base", "anyconnect-premium=10");
    let steps = license.limit(Limit::TotalVpn).steps();
    let told: Vec<_> = steps.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    25: included (9.1 guide, Table 5-1)
    20: the total is the premium value plus other vpn, up to the model maximum (9.1 guide, Table 5-1 footnote 1)
    ");
    assert_eq!(steps[1].source, Source::Rule(Rule::TotalWithPremium));
}

#[test]
fn bad_licences_and_settings_are_refused_with_what_there_is() {
    let mut unit = unit("ASA 5520/base", "");
    let add = |unit: &mut Unit, feature: Feature, value: &str| {
        unit.add(feature, value.parse().expect("a value")).expect_err("refused").to_string()
    };
    let told = [
        add(&mut unit, Feature::AnyconnectPremium, "60"),
        add(&mut unit, Feature::InsideHosts, "50"),
        add(&mut unit, Feature::SharedServer, "750"),
        add(&mut unit, Feature::SecurityPlus, "enabled"),
        add(&mut unit, Feature::Encryption, "24"),
        unit.configure("mode", "bridge").expect_err("refused").to_string(),
        unit.configure("colour", "blue").expect_err("refused").to_string(),
    ];
    insta::assert_snapshot!(told.join("\n"));
    assert!(unit.licences().is_empty(), "bad input changes nothing");
}

proptest! {
    /// More licences never make a limit smaller, and no limit exceeds the platform: with Essentials
    /// left out, which replaces Premium rather than adding to it.
    #[test]
    fn licences_are_monotone_and_capped(
        index in 0..34_usize,
        picks in prop::collection::vec((0..40_usize, 0..12_usize), 0..6),
    ) {
        let entry = catalogue::entries().nth(index).expect("34 entries");
        let mut unit = Unit::new(entry);
        let mut before = RunningLicense::of(&unit);
        for (row, offer) in picks {
            let row = &entry.rows[row % entry.rows.len()];
            let essentials = row.feature == Feature::AnyconnectEssentials;
            if essentials || row.optional.is_empty() {
                continue;
            }
            let offer = match row.optional[offer % row.optional.len()] {
                catalogue::Offer::One(value) => value,
                catalogue::Offer::Range { to, .. } => Value::Count(to),
            };
            unit.add(row.feature, offer).expect("it is on offer");
            let after = RunningLicense::of(&unit);
            for limit in Limit::ALL {
                let units = |license: &RunningLicense| {
                    license.limit(limit).allowance().units().map_or(u64::MAX, u64::from)
                };
                prop_assert!(units(&after) >= units(&before), "{entry}: {limit}");
            }
            before = after;
        }
        for (feature, figure) in before.features() {
            let Some(row) = entry.row(feature) else { continue };
            let largest = row.optional.iter().filter_map(|offer| match *offer {
                catalogue::Offer::One(value) => value.count(),
                catalogue::Offer::Range { to, .. } => Some(to),
            });
            let largest = largest.chain(row.value.count()).max();
            if let (Some(count), Some(largest)) = (figure.value().count(), largest) {
                prop_assert!(count <= largest, "{entry}: {feature}");
            }
        }
    }
}
