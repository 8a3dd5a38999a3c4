//! The running licence by rule: each case cites the rule that it covers.

use proptest::prelude::*;
use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::{GroupMode, Limit, Origin, Rule, RunningLicense, Source, Unit};

/// A unit from words: `MODEL/TIER`, then licences and settings separated by blanks; a setting
/// that is called like a licence is marked `set:`, an active time-based licence `timed:`.
fn unit(model: &str, words: &str) -> Unit {
    let (model, tier) = model.split_once('/').expect("MODEL/TIER");
    let entry = catalogue::find(model, Some(tier), None).expect("a model of the guides");
    let mut unit = Unit::new(entry);
    for word in words.split_whitespace() {
        let (key, value) = word.split_once('=').expect("KEY=VALUE");
        if let Some(feature) = key.strip_prefix("timed:") {
            let feature = feature.parse().expect("a feature");
            unit.add_time_based(feature, value.parse().expect("a value")).expect("a licence");
            continue;
        }
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

/// Every step of a combination is told, with what it added; the last one decides the origin (C3,
/// C4, C13).
#[test]
fn c3_c4_c13_a_combined_figure_tells_which_licence_gave_what() {
    let steps = |model, words| {
        let license = running(model, words);
        let figure = license.limit(Limit::UcProxy);
        let told: Vec<_> = figure.steps().iter().map(ToString::to_string).collect();
        (told.join("\n"), figure.origin(), figure.time_based().is_some())
    };
    let (told, origin, timed) =
        steps("ASA 5580-20/base", "uc-proxy-sessions=2500 timed:uc-proxy-sessions=1000");
    insta::assert_snapshot!(told, @r"
    2: included (9.1 guide, Table 5-6)
    2500: permanent licence uc-proxy-sessions=2500
    3500: time-based licence uc-proxy-sessions=1000
    ");
    assert_eq!((origin, timed), (Origin::TimeBased, true));
    let (told, origin, timed) =
        steps("ASA 5520/base", "uc-proxy-sessions=750 timed:uc-proxy-sessions=500");
    insta::assert_snapshot!(told, @r"
    2: included (9.1 guide, Table 5-3)
    750: permanent licence uc-proxy-sessions=750
    1250: time-based licence uc-proxy-sessions=500
    1000: cut to the platform's largest (9.1 guide, Table 5-3)
    ");
    assert_eq!((origin, timed), (Origin::Platform, true));
    let (_, origin, timed) = steps("ASA 5580-20/base", "uc-proxy-sessions=2500");
    assert_eq!((origin, timed), (Origin::Licence, false));
}

/// A time-based licence that the permanent one outdoes leaves no trace (C2, C12).
#[test]
fn c2_c12_a_lower_time_based_licence_is_not_used() {
    let with = running("ASA 5540/base", "anyconnect-premium=2500 timed:anyconnect-premium=1000");
    let without = running("ASA 5540/base", "anyconnect-premium=2500");
    assert_eq!(with, without);
}

/// A line of `group.cases`: units as in `license.cases`, separated by `+`.
#[test]
fn groups_by_rule() {
    let mut checked = 0;
    for line in include_str!("group.cases").lines() {
        let case = line.trim();
        if case.is_empty() || case.starts_with('#') {
            continue;
        }
        check_group(case);
        checked += 1;
    }
    assert!(checked > 25, "{checked} cases");
}

#[track_caller]
fn check_group(case: &str) {
    let mut columns = case.split("  ").map(str::trim).filter(|column| !column.is_empty());
    let mut next = || columns.next().unwrap_or_else(|| panic!("a column is missing: {case}"));
    let (rule, mode, model, name, value) = (next(), next(), next(), next(), next());
    let mode = match mode {
        "standby" => GroupMode::ActiveStandby,
        "active" => GroupMode::ActiveActive,
        "cluster" => GroupMode::Cluster,
        other => panic!("no mode: {other}"),
    };
    let units: Vec<_> =
        next().split('+').map(|words| unit(model, &words.replace("base", ""))).collect();
    for own in 0..units.len() {
        let license = RunningLicense::combined(&units, own, mode).expect("units");
        let figure = match Limit::ALL.into_iter().find(|limit| limit.name() == name) {
            Some(limit) => license.limit(limit),
            None => license.feature(name.parse().expect("a feature")).expect("a row"),
        };
        assert_eq!(figure.value().to_string(), value, "{rule}: {case}: {:?}", figure.steps());
    }
}

/// D46: the secondary of a pair in multiple context mode has no Client peers by the primary's Apex
/// licence.
#[test]
fn d46_apex_is_not_combined_in_multiple_context_mode() {
    let units = [
        unit("ASA 5508-X/base", "anyconnect-apex=enabled contexts=multiple"),
        unit("ASA 5508-X/base", "contexts=multiple"),
    ];
    let peers = |own| {
        let license = RunningLicense::combined(&units, own, GroupMode::ActiveStandby);
        license.expect("units").limit(Limit::Anyconnect).value()
    };
    assert_eq!((peers(0), peers(1)), (Value::Count(100), Value::Disabled));
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

/// A unit with some of what its model offers, permanent or time-based; without Essentials, which
/// replaces Premium rather than adding to it.
fn picked(entry: &'static catalogue::Entry, picks: &[(usize, usize, bool)]) -> Unit {
    let mut unit = Unit::new(entry);
    for &(row, offer, timed) in picks {
        let row = &entry.rows[row % entry.rows.len()];
        if row.feature == Feature::AnyconnectEssentials || row.optional.is_empty() {
            continue;
        }
        let offer = match row.optional[offer % row.optional.len()] {
            catalogue::Offer::One(value) => value,
            catalogue::Offer::Range { to, .. } => Value::Count(to),
        };
        let added = if timed {
            unit.add_time_based(row.feature, offer)
        } else {
            unit.add(row.feature, offer)
        };
        added.expect("it is on offer");
    }
    unit
}

/// No figure exceeds the largest that the model's table lists for it.
fn assert_within_platform(entry: &catalogue::Entry, license: &RunningLicense) {
    for (feature, figure) in license.features() {
        let Some(row) = entry.row(feature) else { continue };
        let largest = row.optional.iter().filter_map(|offer| match *offer {
            catalogue::Offer::One(value) => value.count(),
            catalogue::Offer::Range { to, .. } => Some(to),
        });
        let largest = largest.chain(row.value.count()).max();
        let unlimited = row.optional.contains(&catalogue::Offer::One(Value::Unlimited));
        if let (Some(count), Some(largest)) = (figure.value().count(), largest) {
            assert!(count <= largest || unlimited, "{entry}: {feature} is {count}");
        }
    }
}

proptest! {
    /// Over units the order makes no difference, nor how they are put together; nothing gets less
    /// by one more unit, and nothing exceeds the platform (F24 – F36).
    #[test]
    fn groups_combine_in_any_order(
        index in 0..34_usize,
        units in prop::collection::vec(
            prop::collection::vec((0..40_usize, 0..12_usize, any::<bool>()), 0..6),
            1..5,
        ),
        turn in 0..4_usize,
    ) {
        let entry = catalogue::entries().nth(index).expect("34 entries");
        let mut units: Vec<_> = units.iter().map(|picks| picked(entry, picks)).collect();
        let values = |units: &[Unit]| {
            let license = RunningLicense::combined(units, 0, GroupMode::Cluster).expect("units");
            license.features().map(|(_, figure)| figure.value()).collect::<Vec<_>>()
        };
        let all = values(&units);
        let fewer = units.len() - 1;
        if fewer > 0 {
            for (less, more) in values(&units[..fewer]).iter().zip(&all) {
                if let (Value::Count(less), Value::Count(more)) = (less, more) {
                    prop_assert!(less <= more, "{entry}: {less} > {more}");
                }
            }
        }
        let license = RunningLicense::combined(&units, 0, GroupMode::Cluster).expect("units");
        assert_within_platform(entry, &license);
        let turn = turn % units.len();
        units.rotate_left(turn);
        prop_assert_eq!(&values(&units), &all);
        units.reverse();
        prop_assert_eq!(&values(&units), &all);
    }

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
        assert_within_platform(entry, &before);
    }
}

fn with_premium(permanent: u32, time_based: Option<u32>) -> Unit {
    let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).unwrap());
    unit.add(Feature::AnyconnectPremium, Value::Count(permanent)).unwrap();
    if let Some(sessions) = time_based {
        unit.add_time_based(Feature::AnyconnectPremium, Value::Count(sessions)).unwrap();
    }
    unit
}

/// What a shared licence adds (G22), up to the platform's maximum (G24, G25), below the operator's
/// own limit; nothing where Essentials is used instead (G45).
#[test]
fn shared_sessions_are_added_to_the_units_own() {
    let allows = |unit: &Unit, shared| {
        let license = RunningLicense::of(unit).with_shared(shared);
        [Limit::Anyconnect, Limit::Clientless].map(|it| license.limit(it).value().count())
    };
    let mut unit = with_premium(500, None);
    assert_eq!(allows(&unit, 0), [Some(500); 2]);
    assert_eq!(allows(&unit, 50), [Some(550); 2]);
    assert_eq!(allows(&unit, 300), [Some(750); 2]);
    let twice = RunningLicense::of(&unit).with_shared(200).with_shared(50);
    assert_eq!(twice, RunningLicense::of(&unit).with_shared(50), "not added up");
    let step = twice.limit(Limit::Anyconnect).steps().pop().unwrap();
    assert!(step.reason().starts_with("50 of a shared licence besides the unit's own ("));
    unit.restrict(Limit::Clientless, 510);
    assert_eq!(allows(&unit, 50), [Some(550), Some(510)]);
    unit.add(Feature::AnyconnectEssentials, Value::Enabled).unwrap();
    let license = RunningLicense::of(&unit);
    assert_eq!(license.clone().with_shared(50), license);
}

/// A server uses its time-based sessions and the pool, and not its permanent ones (G46, G47, G48).
#[test]
fn a_shared_server_uses_the_pool() {
    for (time_based, own) in [(None, 0), (Some(100), 100)] {
        let unit = with_premium(500, time_based);
        let license = RunningLicense::of(&unit).of_shared_server(time_based.unwrap_or_default());
        let allows = |license: &RunningLicense| license.limit(Limit::Anyconnect).value();
        assert_eq!(allows(&license), Value::Count(own));
        let with_pool = license.with_shared(150);
        assert_eq!(allows(&with_pool), Value::Count(own + 150));
        let why = with_pool.limit(Limit::Clientless).steps();
        assert!(why.iter().any(|it| it.reason().contains("not its permanent one")));
    }
}
