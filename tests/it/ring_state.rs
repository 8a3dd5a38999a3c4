//! What comes of a key ring: licences on later days, the gate's, and what is stored.

use tollgate::catalogue::{Feature, Value};
use tollgate::license::key::KeyError;
use tollgate::license::ring::{KeyRing, RestoreError, RingError, SavedRing};
use tollgate::license::{Configuration, Export, FirewallMode, Limit, Origin};
use tollgate::{Gate, Kind};

use crate::keys::{Firewall, START, days, purchase, weeks};

const BOTNET: &str = "botnet-traffic-filter=enabled";

/// The licence on a later day, with its durations, is asked for without waiting.
#[test]
fn the_licence_on_a_later_day() {
    let mut unit = Firewall::new("ASA 5520");
    unit.permanent("encryption=3des-aes");
    unit.timed("uc-proxy-sessions=10", days(62));
    unit.timed(BOTNET, days(646));
    let told = |day| {
        let ring = unit.ring.after(days(day));
        let license = ring.running(&unit.configuration);
        let days = |feature| ring.remaining(&license, feature).map(|left| left.as_secs() / 86_400);
        let uc = license.limit(Limit::UcProxy).value().count().unwrap();
        (uc, days(Feature::UcProxySessions), days(Feature::BotnetTrafficFilter))
    };
    // Day 0 is what a real unit prints: 12 sessions for 62 days, Botnet for 646 (samples).
    assert_eq!(told(0), (12, Some(62), Some(646)));
    assert_eq!(told(61), (12, Some(1), Some(585)));
    assert_eq!(told(62), (2, None, Some(584)));
    assert_eq!(told(646), (2, None, None));
    let license = unit.license();
    assert_eq!(unit.ring.remaining(&license, Feature::Encryption), None);
    assert_eq!(unit.ring.clock(), START, "the unit itself stays where it is");
}

/// The gate publishes what the ring computes: what was admitted under a time-based licence stays
/// when it expires, and the next is refused by the permanent licence.
#[test]
fn b30_the_gate_refuses_by_the_permanent_licence_after_expiry() {
    let mut unit = Firewall::new("ASA 5520");
    unit.permanent("anyconnect-premium=10");
    unit.timed("anyconnect-premium=25", weeks(8));
    let gate = Gate::new(unit.license());
    let mut worker = gate.worker();
    let tokens: Vec<_> = (0..25).map(|_| worker.admit(Kind::Anyconnect).unwrap()).collect();
    let refusal = worker.admit(Kind::Anyconnect).unwrap_err();
    assert_eq!(refusal.origin, Origin::TimeBased);
    assert!(refusal.to_string().contains("time-based licence"), "{refusal}");

    unit.ring.advance(weeks(8));
    gate.publish(unit.license()).unwrap();
    assert_eq!(gate.usage(Limit::Anyconnect).in_use, 25);
    let refusal = worker.admit(Kind::Anyconnect).unwrap_err();
    assert_eq!(refusal.origin, Origin::Licence);
    assert!(refusal.to_string().contains("permanent licence"), "{refusal}");
    tokens.into_iter().for_each(|token| worker.release(token));
    assert!(worker.admit(Kind::Anyconnect).is_ok());
}

/// A stored ring whose parts were tampered with is not restored.
#[test]
fn a_stored_ring_is_verified_again() {
    let mut unit = Firewall::new("ASA 5520");
    let permanent = unit.permanent_key("anyconnect-premium=100");
    unit.enter(permanent).unwrap();
    let botnet = unit.timed(BOTNET, weeks(8));
    let stacked = unit.timed(BOTNET, weeks(8));
    let premium = unit.timed("anyconnect-premium=250", weeks(8));
    let idle = unit.timed("anyconnect-premium=500", weeks(8));
    unit.ring.activate(premium).unwrap();
    unit.ring.advance(weeks(3));
    let saved = unit.ring.save();
    let entry = unit.ring.shipped();
    let restore = |saved| KeyRing::restore(entry, &unit.secret, &saved);
    assert_eq!(restore(saved.clone()), Ok(unit.ring.clone()));
    let tampered = |change: &dyn Fn(&mut SavedRing)| {
        let mut saved = saved.clone();
        change(&mut saved);
        restore(saved).unwrap_err()
    };
    let together = RestoreError::Together;
    assert_eq!(tampered(&|it| it.time_based[0].keys[1] = botnet), together);
    assert_eq!(tampered(&|it| it.time_based[0].keys.clear()), together);
    assert_eq!(tampered(&|it| it.time_based[0].keys[1] = idle), together);
    assert_eq!(tampered(&|it| it.time_based[1].keys[0] = stacked), together);
    assert_eq!(tampered(&|it| it.time_based[2].active = it.time_based[1].active), together);
    let kind = RestoreError::Kind { key: permanent };
    assert_eq!(tampered(&|it| it.time_based[0].keys[0] = permanent), kind);
    let kind = RestoreError::Kind { key: botnet };
    assert_eq!(tampered(&|it| it.permanent = Some(botnet)), kind);
    let more = |it: &mut SavedRing| it.time_based[0].remaining = weeks(16) + days(1);
    assert_eq!(tampered(&more), RestoreError::Time { key: botnet });
    let foreign = Firewall::with_serial("ASA 5520", "JMX0912K04K").buy(BOTNET, weeks(8));
    let error =
        RingError::Key(KeyError::NotForThisUnit { key: foreign, serial: *unit.ring.serial() });
    let refused = RestoreError::Key { key: foreign, error };
    assert_eq!(tampered(&|it| it.time_based[0].keys[0] = foreign), refused);
}

/// A27, A28: keys are no configuration; clearing it leaves them.
#[test]
fn a27_a28_keys_are_no_configuration() {
    let mut unit = Firewall::new("ASA 5520");
    unit.permanent("uc-proxy-sessions=750");
    unit.configuration.tls_proxy_maximum_sessions = Some(500);
    assert!(!format!("{:?}", unit.configuration).contains("ParsedKey"));
    assert_eq!(unit.limit(Limit::TlsProxy), Value::Count(500));
    unit.configuration = Configuration::default();
    assert_eq!(unit.limit(Limit::TlsProxy), Value::Count(750));
    assert_eq!(unit.limit(Limit::UcProxy), Value::Count(750));
}

/// A44: every licence is there in both firewall modes.
#[test]
fn a44_licences_in_both_firewall_modes() {
    let mut unit = Firewall::new("ASA 5540");
    unit.permanent("anyconnect-premium=500 gtp-gprs=enabled security-contexts=10");
    unit.timed(BOTNET, weeks(8));
    let routed: Vec<_> = unit.license().features().map(|(it, f)| (it, f.value())).collect();
    unit.configuration.mode = FirewallMode::Transparent;
    let license = unit.license();
    let transparent: Vec<_> = license.features().map(|(it, f)| (it, f.value())).collect();
    assert_eq!(routed, transparent);
}

/// A48: Strong Encryption is entered like any key.
#[test]
fn a48_strong_encryption_is_a_key_like_any() {
    let mut unit = Firewall::new("ASA 5508-X");
    assert_eq!(unit.feature(Feature::VpnLoadBalancing), Value::Disabled, "D35");
    unit.permanent("encryption=3des-aes");
    assert_eq!(unit.feature(Feature::VpnLoadBalancing), Value::Enabled);
}

/// E31, E32, E34, E35: the export grade is in the key; the configuration's goes before it.
#[test]
fn e31_e32_e34_e35_the_export_grade_of_a_key() {
    let mut unit = Firewall::new("ASA 5580-20");
    let mut enter = |words: &str, export, duration| {
        let bought = tollgate::license::key::Purchase { export, ..purchase(words) };
        let key = match duration {
            Some(duration) => unit.register.time_based(&unit.secret, &bought, duration),
            None => unit.register.replace_permanent(&unit.secret, &bought),
        };
        unit.ring.enter(&unit.secret, key.unwrap()).unwrap();
        let license = unit.ring.running(&unit.configuration);
        [Limit::TlsProxy, Limit::Srtp].map(|limit| license.limit(limit).value())
    };
    let k8 = [Value::Count(1000), Value::Count(250)];
    assert_eq!(enter("uc-proxy-sessions=5000", Some(Export::K8), None), k8);
    let k9 = [Value::Count(5000), Value::Unlimited];
    assert_eq!(enter("uc-proxy-sessions=5000", Some(Export::K9), None), k9);
    assert_eq!(enter("uc-proxy-sessions=5000", None, None), k9, "by its size");
    let both = [Value::Count(6000), Value::Unlimited];
    let timed = enter("uc-proxy-sessions=1000", Some(Export::K8), Some(weeks(8)));
    assert_eq!(timed, both, "one of them is K9");
    unit.configuration.export = Some(Export::K8);
    assert_eq!(unit.limit(Limit::Srtp), Value::Count(250));
}

/// I1, I7, I8, I14: what a display has to tell.
#[test]
fn i1_i7_i14_what_is_displayed() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.timed("botnet-traffic-filter=enabled anyconnect-premium=100", weeks(8));
    unit.ring.advance(weeks(1));
    let licence = unit.ring.find(key).unwrap();
    let told = "botnet-traffic-filter=enabled anyconnect-premium=100";
    assert_eq!(licence.grant().to_string(), told);
    assert_eq!(licence.grant().duration(), Some(weeks(8)));
    assert_eq!(licence.remaining(), weeks(7));
    assert_eq!(unit.ring.serial().to_string(), "JMX0912K04J");
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(100));
}
