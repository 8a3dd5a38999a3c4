//! Downgrades by rule: each test names the rules that it covers.

use tollgate::catalogue::{Feature, Release};
use tollgate::license::ring::State::{Active, Inactive};
use tollgate::license::ring::{FailoverFate, PermanentFate, TimedFate, failover_after};

use crate::keys::{Firewall, weeks};

const BOTNET: &str = "botnet-traffic-filter=enabled";
const IME: &str = "intercompany-media-engine=enabled";

fn release(text: &str) -> Release {
    text.parse().expect("a release")
}

/// H1, H2: keys stay compatible with later releases, and with earlier ones while their features
/// are older than 8.2.
#[test]
fn h1_h2_compatible_keys() {
    let mut unit = Firewall::new("ASA 5520");
    unit.permanent("anyconnect-premium=100 advanced-endpoint-assessment=enabled gtp-gprs=enabled");
    for to in ["9.1(4)", "8.4", "8.2", "8.1", "8.0(4)"] {
        let kept = PermanentFate::Kept { without: Vec::new() };
        assert_eq!(unit.ring.downgrade(release(to), None).permanent, kept, "{to}");
    }
    let without = vec![Feature::AdvancedEndpointAssessment];
    let fate = unit.ring.downgrade(release("7.2"), None).permanent;
    assert_eq!(fate, PermanentFate::Kept { without });
}

/// H3, H4: a key with licences from 8.2 or later is not taken by 8.1 and earlier.
#[test]
fn h3_h4_keys_that_8_1_does_not_take() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.permanent_key("anyconnect-premium=100");
    let earlier = unit.secret.verify(key).expect("a key");
    unit.permanent("anyconnect-premium=100 anyconnect-essentials=enabled shared-server=500");
    let because = vec![Feature::AnyconnectEssentials, Feature::SharedServer];
    let fate = |to, earlier| unit.ring.downgrade(release(to), earlier).permanent;
    let uses = PermanentFate::Earlier { key, because: because.clone() };
    assert_eq!(fate("8.1", Some(&earlier)), uses, "H3");
    assert_eq!(fate("8.0(4)", None), PermanentFate::NewKeyNeeded { because }, "H4");
    let kept = PermanentFate::Kept { without: Vec::new() };
    assert_eq!(fate("8.2", Some(&earlier)), kept);
    unit.permanent(IME);
    let without = vec![Feature::IntercompanyMediaEngine];
    let fate = unit.ring.downgrade(release("8.2"), None).permanent;
    assert_eq!(fate, PermanentFate::Kept { without });
}

/// H5, B42, B43: of several active time-based keys the one activated last stays active.
#[test]
fn h5_b42_b43_the_last_activated_stays_active() {
    let mut unit = Firewall::new("ASA 5520");
    let botnet = unit.timed(BOTNET, weeks(8));
    let idle = unit.timed("anyconnect-premium=100", weeks(8));
    let premium = unit.timed("anyconnect-premium=500", weeks(8));
    unit.ring.activate(botnet).expect("it is installed");
    let states = |to| {
        let downgrade = unit.ring.downgrade(release(to), None);
        downgrade.time_based.iter().map(|it| (it.key, it.after)).collect::<Vec<_>>()
    };
    assert_eq!(states("8.3"), [(botnet, Active), (idle, Inactive), (premium, Active)]);
    assert_eq!(states("8.2"), [(botnet, Active), (idle, Inactive), (premium, Inactive)]);
    assert_eq!(states("8.0(3)"), [(botnet, Inactive), (idle, Inactive), (premium, Inactive)]);
    // Entering a key again activates it again.
    let mut unit = unit.clone();
    unit.enter(premium).expect("it is installed");
    let downgrade = unit.ring.downgrade(release("8.2"), None);
    assert_eq!(downgrade.time_based[2].after, Active);
    assert_eq!(downgrade.time_based[0].after, Inactive);
    assert!(!downgrade.time_based.iter().any(TimedFate::blocks));
}

/// H6, H7: a licence for a feature from 8.3 stays the active one although 8.2 cannot use it.
#[test]
fn h6_h7_an_unusable_licence_stays_active() {
    let mut unit = Firewall::new("ASA 5520");
    unit.timed(BOTNET, weeks(8));
    unit.timed(IME, weeks(8));
    let blocks = |to| {
        let downgrade = unit.ring.downgrade(release(to), None);
        downgrade.time_based.iter().map(|it| (it.after.name(), it.blocks())).collect::<Vec<_>>()
    };
    assert_eq!(blocks("8.2"), [("inactive", false), ("active", true)], "H6");
    assert_eq!(blocks("8.3"), [("active", false), ("active", false)]);
    let mut unit = Firewall::new("ASA 5520");
    unit.timed(IME, weeks(8));
    let only = &unit.ring.downgrade(release("8.2"), None).time_based[0];
    assert!(only.blocks(), "H7");
    assert_eq!(only.without, [Feature::IntercompanyMediaEngine]);
    // Of an evaluation key it can use the rest.
    let mut unit = Firewall::new("ASA 5520");
    unit.timed(&format!("{BOTNET} {IME}"), weeks(8));
    let some = &unit.ring.downgrade(release("8.2"), None).time_based[0];
    assert_eq!(some.without, [Feature::IntercompanyMediaEngine]);
    assert!(!some.blocks());
}

/// F4, H8, H9: a pair before 8.3 needs matching licences, and does not combine them.
#[test]
fn f4_h8_h9_pairs() {
    let mut units = ["JMX0912K000", "JMX0912K001"].map(|it| Firewall::with_serial("ASA 5520", it));
    let fate = |units: &[Firewall; 2], to| {
        let rings = units.each_ref().map(|unit| &unit.ring);
        failover_after(release(to), &rings, &units[0].configuration)
    };
    assert_eq!(fate(&units, "8.2"), FailoverFate::NotCombined);
    units[0].permanent("anyconnect-premium=100");
    assert_eq!(fate(&units, "8.2"), FailoverFate::Disabled);
    assert_eq!(fate(&units, "8.1"), FailoverFate::Disabled);
    assert_eq!(fate(&units, "8.3(1)"), FailoverFate::Kept);
    units[1].permanent("anyconnect-premium=100");
    assert_eq!(fate(&units, "8.2"), FailoverFate::NotCombined);
}

/// K1, K6: limits that were smaller are told.
#[test]
fn k1_k6_smaller_limits_are_told() {
    let unit = Firewall::new("ASA 5585-X with SSP-60");
    let limits = unit.ring.downgrade(release("8.2"), None).limits;
    let told: Vec<_> = limits.iter().map(|it| (it.feature, it.then)).collect();
    let expected = [
        (Feature::SecurityContexts, 50),
        (Feature::Vlans, 250),
        (Feature::FirewallConns, 2_000_000),
    ];
    assert_eq!(told, expected);
}
