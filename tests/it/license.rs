//! The running licence by rule: each case cites the rule that it covers.

use proptest::prelude::*;
use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::Allowance::{self, Disabled, Limited, NotSupported, Unlimited};
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

/// One line a case: rule, unit, words, limit, allowance.
#[test]
fn limits_by_rule() {
    let cases: &[(&str, &str, &str, Limit, Allowance)] = &[
        // Included values, replaced by an optional licence (A42) and cut to the platform (A43).
        ("E67", "ASA 5505/base", "", Limit::FirewallConns, Limited(10_000)),
        ("E67", "ASA 5505/security-plus", "", Limit::FirewallConns, Limited(25_000)),
        ("E67", "ASA 5505/base", "security-plus=enabled", Limit::FirewallConns, Limited(25_000)),
        ("A42", "ASA 5520/base", "security-contexts=5", Limit::Contexts, Limited(5)),
        ("A42", "ASA 5520/base", "uc-proxy-sessions=24", Limit::UcProxy, Limited(24)),
        ("A43", "ASA 5520/base", "uc-proxy-sessions=2000", Limit::UcProxy, Limited(1000)),
        (
            "A38",
            "ASA 5520/base",
            "anyconnect-premium=25 anyconnect-premium=50",
            Limit::Anyconnect,
            Limited(50),
        ),
        (
            "A38",
            "ASA 5520/base",
            "anyconnect-premium=50 anyconnect-premium=25",
            Limit::Anyconnect,
            Limited(50),
        ),
        ("D55", "ASA 5505/base", "security-contexts=5", Limit::Contexts, NotSupported),
        // Essentials against Premium.
        ("D1", "ASA 5520/base", "", Limit::Anyconnect, Limited(2)),
        (
            "E5",
            "ASA 5520/base",
            "anyconnect-premium=100 anyconnect-essentials=enabled",
            Limit::Anyconnect,
            Limited(750),
        ),
        (
            "D10",
            "ASA 5520/base",
            "anyconnect-premium=100 anyconnect-essentials=enabled",
            Limit::Clientless,
            Disabled,
        ),
        (
            "D3",
            "ASA 5520/base",
            "anyconnect-premium=100 anyconnect-essentials=enabled set:anyconnect-essentials=off",
            Limit::Anyconnect,
            Limited(100),
        ),
        (
            "D3",
            "ASA 5520/base",
            "anyconnect-premium=100 anyconnect-essentials=enabled set:anyconnect-essentials=off",
            Limit::Clientless,
            Limited(100),
        ),
        ("E13", "ASA 5540/base", "anyconnect-premium=2500", Limit::Anyconnect, Limited(2500)),
        ("E13", "ASA 5540/base", "anyconnect-premium=2500", Limit::TotalVpn, Limited(5000)),
        // The ASA 5505's total.
        ("E14", "ASA 5505/base", "anyconnect-essentials=25", Limit::TotalVpn, Limited(25)),
        ("E15", "ASA 5505/base", "", Limit::TotalVpn, Limited(12)),
        ("E16", "ASA 5505/base", "anyconnect-premium=10", Limit::TotalVpn, Limited(20)),
        ("E17", "ASA 5505/base", "anyconnect-premium=25", Limit::TotalVpn, Limited(25)),
        ("E18", "ASA 5505/security-plus", "", Limit::TotalVpn, Limited(25)),
        ("E18", "ASA 5505/security-plus", "anyconnect-premium=25", Limit::TotalVpn, Limited(25)),
        ("E19", "ASA 5505/base", "anyconnect-essentials=25", Limit::OtherVpn, Limited(10)),
        // Client peers of the PAK guide.
        ("E20", "ASA 5506-X/base", "", Limit::Anyconnect, Disabled),
        ("E20", "ASA 5506H-X/base", "", Limit::Anyconnect, Disabled),
        ("E21", "ASA 5506H-X/base", "anyconnect-apex=enabled", Limit::Anyconnect, Limited(50)),
        ("E21", "ASA 5506-X/base", "anyconnect-plus=enabled", Limit::Anyconnect, Limited(50)),
        ("E21", "ASA 5506-X/base", "anyconnect-plus=enabled", Limit::OtherVpn, Limited(10)),
        ("E21", "ISA 3000/base", "anyconnect-vpn-only=enabled", Limit::Anyconnect, Limited(25)),
        (
            "E21",
            "ISA 3000/security-plus",
            "anyconnect-vpn-only=enabled",
            Limit::TotalVpn,
            Limited(50),
        ),
        (
            "D45",
            "ASA 5508-X/base",
            "anyconnect-plus=enabled contexts=multiple",
            Limit::Anyconnect,
            Disabled,
        ),
        (
            "D45",
            "ASA 5508-X/base",
            "anyconnect-apex=enabled contexts=multiple",
            Limit::Anyconnect,
            Limited(100),
        ),
        // TLS proxy.
        ("E26", "ASA 5520/base", "uc-proxy-sessions=750", Limit::TlsProxy, Limited(750)),
        ("E27", "ASA 5520/base", "uc-proxy-sessions=250", Limit::TlsProxy, Limited(300)),
        (
            "E29",
            "ASA 5520/base",
            "uc-proxy-sessions=750 tls-proxy-maximum-sessions=500",
            Limit::TlsProxy,
            Limited(500),
        ),
        (
            "E30",
            "ASA 5520/base",
            "uc-proxy-sessions=250 tls-proxy-maximum-sessions=1000",
            Limit::UcProxy,
            Limited(250),
        ),
        ("E31", "ASA 5580-20/base", "uc-proxy-sessions=24", Limit::TlsProxy, Limited(1000)),
        (
            "E31",
            "ASA 5580-20/base",
            "uc-proxy-sessions=5000 export=k8",
            Limit::TlsProxy,
            Limited(1000),
        ),
        ("E32", "ASA 5580-20/base", "uc-proxy-sessions=5000", Limit::TlsProxy, Limited(5000)),
        ("E34", "ASA 5520/base", "uc-proxy-sessions=100", Limit::Srtp, Limited(250)),
        ("E35", "ASA 5520/base", "uc-proxy-sessions=250", Limit::Srtp, Unlimited),
        ("E35", "ASA 5520/base", "uc-proxy-sessions=100 export=k9", Limit::Srtp, Unlimited),
        ("E41", "ASA 5520/base", "", Limit::Ime, Disabled),
        (
            "E41",
            "ASA 5520/base",
            "intercompany-media-engine=enabled uc-proxy-sessions=250 tls-proxy-maximum-sessions=900",
            Limit::Ime,
            Limited(900),
        ),
        (
            "E42",
            "ASA 5520/base",
            "intercompany-media-engine=enabled uc-proxy-sessions=750 ime-additional=50",
            Limit::TlsProxy,
            Limited(800),
        ),
        ("E49", "ASA 5580-40/base", "uc-proxy-sessions=10000", Limit::PhoneProxy, Limited(5000)),
        ("E49", "ASA 5580-40/base", "uc-proxy-sessions=10000", Limit::UcProxy, Limited(10_000)),
        ("E49", "ASA 5580-40/base", "uc-proxy-sessions=3000", Limit::PhoneProxy, Limited(3000)),
        ("E68", "ASA 5508-X/base", "", Limit::UcProxy, Limited(320)),
        ("E68", "ASA 5508-X/base", "", Limit::Ime, NotSupported),
        // Interfaces, VLANs, contexts, hosts.
        ("E54", "ASA 5505/base", "", Limit::Vlans, Limited(3)),
        ("E54", "ASA 5505/base", "mode=transparent", Limit::Vlans, Limited(2)),
        ("E54", "ASA 5505/security-plus", "mode=transparent", Limit::Vlans, Limited(3)),
        ("E55", "ASA 5505/base", "", Limit::VlanTrunks, NotSupported),
        ("E55", "ASA 5505/security-plus", "", Limit::VlanTrunks, Limited(8)),
        ("E52", "ASA 5510/base", "", Limit::Interfaces, Limited(364)),
        ("E52", "ASA 5506-X/base", "", Limit::Interfaces, Unlimited),
        ("E65", "ASA 5505/base", "inside-hosts=unlimited", Limit::InsideHosts, Unlimited),
        ("E65", "ASA 5505/base", "inside-hosts=50", Limit::InsideHosts, Limited(50)),
        ("E65", "ASA 5520/base", "", Limit::InsideHosts, Unlimited),
        // No Payload Encryption.
        ("D40", "ASA 5520/base", "npe=yes", Limit::OtherVpn, Disabled),
        ("D40", "ASA 5520/base", "npe=yes", Limit::Anyconnect, Disabled),
        ("D40", "ASA 5520/base", "npe=yes uc-proxy-sessions=100", Limit::TlsProxy, Disabled),
        ("D40", "ASA 5520/base", "npe=yes", Limit::Srtp, Disabled),
        ("D40", "ASA 5520/base", "npe=yes", Limit::FirewallConns, Limited(280_000)),
    ];
    for (rule, model, words, limit, expected) in cases {
        let license = running(model, words);
        let figure = license.limit(*limit);
        assert_eq!(
            figure.allowance(),
            *expected,
            "{rule}: {model} {words}: {limit} by {:?}",
            figure.steps()
        );
    }
}

/// One line a case: rule, unit, words, feature, value.
#[test]
fn features_by_rule() {
    let essentials = "anyconnect-essentials=enabled";
    let cases: &[(&str, &str, String, Feature, Value)] = &[
        ("D2", "ASA 5520/base", essentials.into(), Feature::AnyconnectPremium, Value::Disabled),
        (
            "D2",
            "ASA 5520/base",
            essentials.into(),
            Feature::AnyconnectEssentials,
            Value::Count(750),
        ),
        (
            "D7",
            "ASA 5520/base",
            format!("{essentials} advanced-endpoint-assessment=enabled"),
            Feature::AdvancedEndpointAssessment,
            Value::Disabled,
        ),
        (
            "D56",
            "ASA 5520/base",
            "advanced-endpoint-assessment=enabled".into(),
            Feature::AdvancedEndpointAssessment,
            Value::Enabled,
        ),
        (
            "D16",
            "ASA 5520/base",
            format!("{essentials} anyconnect-vpn-phone=enabled"),
            Feature::AnyconnectVpnPhone,
            Value::Disabled,
        ),
        (
            "D17",
            "ASA 5520/base",
            format!("{essentials} anyconnect-mobile=enabled"),
            Feature::AnyconnectMobile,
            Value::Enabled,
        ),
        (
            "D19",
            "ASA 5520/base",
            format!("{essentials} shared-participant=enabled"),
            Feature::SharedParticipant,
            Value::Disabled,
        ),
        (
            "G43",
            "ASA 5520/base",
            "shared-server=500 contexts=multiple".into(),
            Feature::SharedServer,
            Value::Disabled,
        ),
        ("D35", "ASA 5520/base", String::new(), Feature::VpnLoadBalancing, Value::Disabled),
        (
            "D35",
            "ASA 5520/base",
            "encryption=3des-aes".into(),
            Feature::VpnLoadBalancing,
            Value::Enabled,
        ),
        (
            "D36",
            "ASA 5510/base",
            "encryption=3des-aes".into(),
            Feature::VpnLoadBalancing,
            Value::NoSupport,
        ),
        (
            "D37",
            "ASA 5510/security-plus",
            "encryption=3des-aes".into(),
            Feature::VpnLoadBalancing,
            Value::Enabled,
        ),
        ("D48", "ASA 5505/base", "gtp-gprs=enabled".into(), Feature::GtpGprs, Value::NoSupport),
        (
            "D51",
            "ASA 5585-X with SSP-10/base",
            "security-plus=enabled".into(),
            Feature::TenGeIo,
            Value::Enabled,
        ),
        (
            "D41",
            "ASA 5520/base",
            "npe=yes encryption=3des-aes".into(),
            Feature::Encryption,
            Value::Encryption(catalogue::Encryption::TripleDesAes),
        ),
    ];
    for (rule, model, words, feature, expected) in cases {
        let license = running(model, words);
        let figure = license.feature(*feature).expect("a row");
        let steps = figure.steps();
        assert_eq!(figure.value(), *expected, "{rule}: {model} {words}: {feature} by {steps:?}");
    }
}

/// 32, 128 or 250 DHCP clients (E66).
#[test]
fn dhcp_clients_go_with_the_inside_hosts() {
    let clients = |model, words| running(model, words).dhcp_clients().map(|f| f.value());
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
