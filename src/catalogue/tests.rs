//! What holds for every table, and what the guides say elsewhere about many models at once.
//!
//! Rule numbers are those of the scenario list: B, D, E, F and G with a number.

use std::collections::HashSet;

use super::{
    Entry, Failover, Feature, Guide, Model, Offer, Row, Term, Tier, Value, entries, parse_entry,
};

/// The entries whose row of `feature` has `value`, by name.
fn with(feature: Feature, value: Value) -> Vec<String> {
    entries()
        .filter(|entry| entry.row(feature).is_some_and(|row| row.value == value))
        .map(Entry::to_string)
        .collect()
}

/// The entries with these names, each as short as a person types it.
fn named(names: &str) -> Vec<String> {
    names.split(',').map(|name| parse_entry(name).unwrap().to_string()).collect()
}

fn rows() -> impl Iterator<Item = (&'static Entry, &'static Row)> {
    entries().flat_map(|entry| entry.rows.iter().map(move |row| (entry, row)))
}

fn range(offer: &Offer) -> Option<(u32, u32)> {
    match *offer {
        Offer::One(value) => value.count().map(|count| (count, count)),
        Offer::Range { from, to, .. } => Some((from, to)),
    }
}

#[test]
fn every_model_and_tier_is_there_once() {
    let of = |guide| entries().filter(move |entry| entry.guide() == guide).count();
    assert_eq!((of(Guide::V91), of(Guide::Pak)), (22, 12));
    let names: HashSet<_> = entries().map(Entry::to_string).collect();
    assert_eq!(names.len(), 34);
    for model in Model::ALL {
        let has_base = entries().any(|entry| entry.model == model && entry.tier == Tier::Base);
        assert!(has_base, "{model} has no base tier");
    }
}

#[test]
fn names_are_unique() {
    let models: HashSet<_> = Model::ALL.map(Model::name).into();
    assert_eq!(models.len(), Model::ALL.len());
    let features: HashSet<_> = Feature::ALL.map(Feature::name).into();
    assert_eq!(features.len(), Feature::ALL.len());
    for feature in Feature::ALL {
        assert_eq!(feature.name().parse(), Ok(feature));
    }
}

#[test]
fn no_table_has_a_feature_twice() {
    for entry in entries() {
        let features: HashSet<_> = entry.rows.iter().map(|row| row.feature).collect();
        assert_eq!(features.len(), entry.rows.len(), "{entry}");
    }
}

#[test]
fn every_table_has_the_rows_of_its_guide() {
    use Feature as F;
    let both = [
        F::BotnetTrafficFilter,
        F::FirewallConns,
        F::GtpGprs,
        F::UcProxySessions,
        F::OtherVpn,
        F::TotalVpn,
        F::VpnLoadBalancing,
        F::Encryption,
        F::Failover,
        F::SecurityContexts,
        F::Clustering,
        F::Vlans,
    ];
    let v91 = [
        F::IntercompanyMediaEngine,
        F::AdvancedEndpointAssessment,
        F::AnyconnectVpnPhone,
        F::AnyconnectEssentials,
        F::AnyconnectMobile,
        F::AnyconnectPremium,
    ];
    for entry in entries() {
        let has = |feature: &Feature| entry.row(*feature).is_some();
        assert!(both.iter().all(has), "{entry}");
        assert_eq!(v91.iter().all(has), entry.guide() == Guide::V91, "{entry}");
        assert_eq!(v91.iter().any(has), entry.guide() == Guide::V91, "{entry}");
        assert_eq!(has(&F::AnyconnectPeers), entry.guide() == Guide::Pak, "{entry}");
    }
}

#[test]
fn rows_that_only_some_tables_have() {
    let having = |feature| {
        let having = entries().filter(move |entry| entry.row(feature).is_some());
        having.map(|entry| entry.model).collect::<HashSet<_>>()
    };
    let v91 = entries().filter(|entry| entry.guide() == Guide::V91);
    let mut v91: HashSet<_> = v91.map(|entry| entry.model).collect();
    assert_eq!(having(Feature::InsideHosts), [Model::Asa5505].into());
    assert_eq!(having(Feature::VlanTrunks), [Model::Asa5505].into());
    assert_eq!(having(Feature::InterfaceSpeed), [Model::Asa5510].into());
    let ssp = [10, 20, 40, 60].map(|ssp| format!("ASA 5585-X with SSP-{ssp}"));
    let ten_ge: HashSet<_> = having(Feature::TenGeIo).iter().map(Model::to_string).collect();
    assert_eq!(ten_ge, ssp.into());
    v91.remove(&Model::Asa5505);
    assert_eq!(having(Feature::SharedServer), v91);
    assert_eq!(having(Feature::SharedParticipant), v91);
    v91.remove(&Model::AsaServicesModule);
    assert_eq!(having(Feature::Interfaces), v91);
}

#[test]
fn offers_ascend_from_what_is_included() {
    for (entry, row) in rows() {
        let ranges: Vec<_> = row.optional.iter().filter_map(range).collect();
        let mut last = row.value.count();
        for &(from, to) in &ranges {
            // The two ranges of a shared server meet at 50,000.
            let above = last.is_none_or(|last| from > last || from == 50_000 && to > from);
            assert!(above && from <= to, "{entry}, {}: {from} after {last:?}", row.feature);
            last = Some(to);
        }
        let unlimited = row.optional.iter().position(|o| *o == Offer::One(Value::Unlimited));
        assert!(unlimited.is_none_or(|at| at + 1 == row.optional.len()), "{entry}");
        assert!(!row.optional.contains(&Offer::One(row.value)), "{entry}, {}", row.feature);
    }
}

#[test]
fn nothing_is_sold_for_what_is_not_supported() {
    for (entry, row) in rows() {
        let unsellable = matches!(row.value, Value::NoSupport | Value::Enabled);
        assert!(!unsellable || row.optional.is_empty(), "{entry}, {}", row.feature);
    }
}

#[test]
fn terms_follow_the_feature() {
    // B40, B41
    for (entry, row) in rows().filter(|(_, row)| !row.optional.is_empty()) {
        let term = match row.feature {
            Feature::BotnetTrafficFilter => Term::TimeBased,
            Feature::AnyconnectPremium => Term::Either,
            _ => Term::Permanent,
        };
        assert_eq!(row.term, term, "{entry}, {}", row.feature);
    }
}

#[test]
fn security_plus_never_gives_less_than_base() {
    let size = |value| match value {
        Value::Count(count) => u64::from(count),
        Value::ByMode { routed, transparent } => u64::from(routed + transparent),
        Value::NoSupport | Value::Disabled => 0,
        _ => 1,
    };
    for plus in entries().filter(|entry| entry.tier == Tier::SecurityPlus) {
        let base = entries().find(|it| it.tier == Tier::Base && it.table == plus.table).unwrap();
        for (row, more) in base.rows.iter().zip(plus.rows) {
            assert_eq!(row.feature, more.feature, "{plus}");
            assert!(size(more.value) >= size(row.value), "{plus}, {}", row.feature);
            assert!(more.optional.len() >= row.optional.len(), "{plus}, {}", row.feature);
        }
    }
}

#[test]
fn essentials_have_the_sessions_of_the_largest_premium_licence() {
    for entry in entries().filter(|entry| entry.guide() == Guide::V91) {
        let last = |feature| entry.row(feature).unwrap().optional.last();
        let premium = last(Feature::AnyconnectPremium);
        assert_eq!(last(Feature::AnyconnectEssentials), premium, "{entry}");
    }
}

#[test]
fn what_is_not_supported_where() {
    let without = |feature, names| {
        assert_eq!(with(feature, Value::NoSupport), named(names), "{feature}");
    };
    // D36
    without(
        Feature::VpnLoadBalancing,
        "5505, 5505/security-plus, 5510, 5512-X, 5506-X, 5506-X/security-plus, 5506W-X, \
         5506W-X/security-plus, ISA 3000, ISA 3000/security-plus",
    );
    // D48
    without(
        Feature::GtpGprs,
        "5505, 5505/security-plus, 5510, 5510/security-plus, 5512-X, 5506-X, \
         5506-X/security-plus, 5506W-X, 5506W-X/security-plus, 5506H-X, 5508-X, 5516-X, \
         ISA 3000, ISA 3000/security-plus",
    );
    // D55
    without(
        Feature::SecurityContexts,
        "5505, 5505/security-plus, 5510, 5512-X, 5506-X, 5506-X/security-plus, 5506W-X, \
         5506W-X/security-plus, 5506H-X, ISA 3000, ISA 3000/security-plus",
    );
    // B39
    without(
        Feature::BotnetTrafficFilter,
        "5506-X, 5506-X/security-plus, 5506W-X, 5506W-X/security-plus, 5506H-X, 5508-X, \
         5516-X, ISA 3000, ISA 3000/security-plus",
    );
    // F16
    without(Feature::Failover, "5505, 5510, 5512-X, 5506-X, 5506W-X, ISA 3000");
}

#[test]
fn active_standby_alone() {
    // F16
    let with = |failover| with(Feature::Failover, Value::Failover(failover));
    assert_eq!(with(Failover::ActiveStandbyNoStateful), named("5505/security-plus"));
    let small = named("5506-X/security-plus, 5506W-X/security-plus, ISA 3000/security-plus");
    assert_eq!(with(Failover::ActiveStandby), small);
}

#[test]
fn cluster_sizes() {
    // F22, and for the PAK guide its table of cluster requirements.
    let two = named(
        "5512-X/security-plus, 5515-X, 5525-X, 5545-X, 5555-X, 5516-X, 5525-X (pak), \
         5545-X (pak), 5555-X (pak)",
    );
    assert_eq!(with(Feature::Clustering, Value::Count(2)), two);
    let eight = named(
        "5580-20, 5580-40, SSP-10, SSP-10/security-plus, SSP-20, SSP-20/security-plus, \
         SSP-40, SSP-60",
    );
    assert_eq!(with(Feature::Clustering, Value::Disabled), eight);
    for name in eight {
        let row = parse_entry(&name).unwrap().row(Feature::Clustering).unwrap();
        assert_eq!(row.optional, [Offer::One(Value::Count(8))], "{name}");
    }
}

#[test]
fn shared_server_sizes() {
    // G37, G38; SSP-10 has no sizes above 50,000.
    for (entry, row) in rows().filter(|(_, row)| row.feature == Feature::SharedServer) {
        let sold = |size| row.optional.iter().any(|offer| offer.covers(Value::Count(size)));
        assert!([500, 49_500, 50_000].into_iter().all(sold), "{entry}");
        assert!(![0, 250, 750, 50_500, 545_001, 546_000].into_iter().any(sold), "{entry}");
        let large = entry.model != Model::Asa5585XSsp10;
        assert!([51_000, 545_000].into_iter().all(|size| sold(size) == large), "{entry}");
    }
}

#[test]
fn tls_proxy_sessions_without_a_choice() {
    // E68
    let fixed = rows().filter(|(entry, row)| {
        let uc = row.feature == Feature::UcProxySessions && row.optional.is_empty();
        uc && entry.tier == Tier::Base
    });
    let fixed: Vec<_> = fixed.map(|(entry, row)| (entry.model.name(), row.value)).collect();
    let models = [
        ("ASA 5506-X", Value::Count(160)),
        ("ASA 5506W-X", Value::Count(160)),
        ("ASA 5506H-X", Value::Count(160)),
        ("ASA 5508-X", Value::Count(320)),
        ("ASA 5516-X", Value::Count(1000)),
        ("ISA 3000", Value::Count(160)),
    ];
    assert_eq!(fixed, models);
}
