//! The gate on real threads: every limit hogged, hosts, publishing, misuse.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use tollgate::catalogue::{self, Encryption, Feature, Value};
use tollgate::gate::{Gate, Host, HostPair, PublishError, Refusal, Token, Worker, Zone};
use tollgate::license::{Allowance, Kind, Limit, Origin, RunningLicense, Setting, Unit};

const THREADS: usize = 4;
const ROUNDS: usize = 20_000;

fn unit(model: &str) -> Unit {
    Unit::new(catalogue::find(model, None, None).expect("a model of the guides"))
}

/// An ASA 5520 with every kind licensed, under the operator's own limits.
fn licensed(limits: &[(Limit, u32)]) -> RunningLicense {
    let mut unit = unit("ASA 5520");
    for (feature, value) in [
        (Feature::AnyconnectPremium, Value::Count(750)),
        (Feature::IntercompanyMediaEngine, Value::Enabled),
        (Feature::UcProxySessions, Value::Count(1000)),
        (Feature::SecurityContexts, Value::Count(20)),
        (Feature::Encryption, Value::Encryption(Encryption::TripleDesAes)),
    ] {
        unit.add(feature, value).expect("a licence of this model");
    }
    limits.iter().for_each(|(limit, units)| unit.restrict(*limit, *units));
    RunningLicense::of(&unit)
}

fn assert_nothing_lost(gate: &Gate) {
    let audit = gate.audit();
    assert!(audit.is_clean() && audit.at_rest && audit.is_idle(), "{audit}");
}

/// Threads admit by `admit` and release; a counter of its own never sees more than `most` inside.
fn hog(
    gate: &Gate,
    most: u64,
    admit: impl Fn(&mut Worker, usize) -> Result<Token, Refusal> + Sync,
) -> u64 {
    let (inside, admitted) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut worker = gate.worker();
            let (inside, admitted, admit) = (&inside, &admitted, &admit);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let Ok(token) = admit(&mut worker, thread + round) else { continue };
                    let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                    assert!(now <= most, "{now} at once, {most} allowed");
                    admitted.fetch_add(1, Ordering::Relaxed);
                    inside.fetch_sub(1, Ordering::SeqCst);
                    worker.release(token);
                }
            });
        }
    });
    admitted.into_inner()
}

/// Every limit holds against threads that hog each kind that counts against it.
#[test]
fn no_limit_is_ever_exceeded() {
    let license = licensed(&[]);
    for limit in Limit::ALL.into_iter().filter(|limit| *limit != Limit::InsideHosts) {
        for kind in Kind::ALL {
            if !license.counts_against(kind).contains(limit) {
                continue;
            }
            let gate = Gate::new(licensed(&[(limit, 2)]));
            let admitted = hog(&gate, 2, |worker, _| worker.admit(kind));
            let usage = gate.usage(limit);
            assert_eq!(usage.admitted, admitted, "{kind} under {limit}");
            assert_eq!(usage.refused, (THREADS * ROUNDS) as u64 - admitted, "{kind} under {limit}");
            assert!(usage.peak <= 2, "{kind} under {limit}");
            assert_nothing_lost(&gate);
        }
    }
}

/// Kinds that share a total hog it together.
#[test]
fn a_total_holds_over_kinds() {
    let gate = Gate::new(licensed(&[(Limit::TotalVpn, 3), (Limit::Anyconnect, 2)]));
    let kinds = [Kind::Anyconnect, Kind::Ikev1L2l, Kind::Clientless, Kind::Ikev2L2l];
    hog(&gate, 3, |worker, turn| worker.admit(kinds[turn % kinds.len()]));
    assert!(gate.usage(Limit::Anyconnect).peak <= 2);
    assert_nothing_lost(&gate);
}

fn pair(inside: u8, outside: u8) -> HostPair {
    HostPair {
        source: Host { address: [10, 0, 0, inside].into(), zone: Zone::Inside },
        destination: Host { address: [198, 51, 100, outside].into(), zone: Zone::Outside },
    }
}

/// Hosts come and go over all threads, in each of the guide's three ways to count them.
#[test]
fn inside_hosts_hold_under_every_rule() {
    for (key, value) in [("mode", "routed"), ("default-route", "none"), ("mode", "transparent")] {
        let mut unit = unit("ASA 5505");
        unit.configure(key, value).expect("a setting");
        unit.restrict(Limit::InsideHosts, 3);
        let gate = Gate::new(RunningLicense::of(&unit));
        hog(&gate, u64::MAX, |worker, turn| {
            let last = |modulus| u8::try_from(turn % modulus).expect("small");
            worker.admit_connection(&pair(last(7), last(5)))
        });
        let usage = gate.usage(Limit::InsideHosts);
        assert!(usage.peak <= 3 && usage.admitted > 0, "{key}={value}: {usage:?}");
        assert_nothing_lost(&gate);
    }
}

/// Limits change a thousand times while threads admit; after each publish the new one holds.
#[test]
fn publishing_under_traffic_keeps_every_limit() {
    let gate = Gate::new(licensed(&[(Limit::FirewallConns, 8)]));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let mut worker = gate.worker();
            let done = &done;
            scope.spawn(move || {
                let mut held = std::collections::VecDeque::new();
                while !done.load(Ordering::Relaxed) {
                    match worker.admit(Kind::Connection) {
                        Ok(token) => held.push_back(token),
                        Err(_) => held.pop_front().into_iter().for_each(|t| worker.release(t)),
                    }
                }
                held.into_iter().for_each(|token| worker.release(token));
            });
        }
        for round in 0..1_000_u32 {
            let most = round % 9;
            gate.publish(licensed(&[(Limit::FirewallConns, most)])).expect("the same model");
            // What is in use after publish is within the limit or was in use before it.
            let first = gate.usage(Limit::FirewallConns).in_use;
            let later = gate.usage(Limit::FirewallConns).in_use;
            assert!(later <= u64::from(most).max(first), "{later} after {first}, {most} allowed");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_nothing_lost(&gate);
}

#[test]
fn a_limit_below_use_is_readable_as_debt() {
    let gate = Gate::new(licensed(&[(Limit::Contexts, 3)]));
    let mut held: Vec<_> = (0..3).map(|_| gate.reserve(Kind::Context).expect("room")).collect();
    gate.publish(licensed(&[(Limit::Contexts, 1)])).expect("the same model");
    assert_eq!(gate.usage(Limit::Contexts).debt(), 2);
    held.pop();
    held.pop();
    assert!(gate.reserve(Kind::Context).is_err(), "one is in use and one is allowed");
    held.pop();
    let again = gate.reserve(Kind::Context).expect("none is in use");
    assert_eq!(gate.usage(Limit::Contexts).debt(), 0);
    assert_eq!(gate.usage(Limit::Contexts).peak, 3);
    drop(again);
    assert_nothing_lost(&gate);
}

/// Zero, disabled, not supported and unlimited are four things, and each refusal tells which.
#[test]
fn a_refusal_tells_which_limit_and_why() {
    let gate = Gate::new(licensed(&[(Limit::OtherVpn, 0)]));
    let refusal = gate.reserve(Kind::Ikev1Ra).expect_err("none is allowed");
    assert_eq!(refusal.allowance, Allowance::Limited(0));
    assert_eq!(refusal.origin, Origin::Setting(Setting::Restriction));
    assert_eq!(refusal.name(), "other-vpn");

    let told = |model: &str, words: &[(&str, &str)], kind| {
        let mut unit = unit(model);
        for (feature, value) in words {
            match feature.parse::<Feature>() {
                Ok(feature) => unit.add(feature, value.parse().expect("a value")).expect("sold"),
                Err(_) => unit.configure(feature, value).expect("a setting"),
            }
        }
        let gate = Gate::new(RunningLicense::of(&unit));
        let refusal = (0..2000).find_map(|_| {
            let mut worker = gate.worker();
            worker.admit(kind).err()
        });
        refusal.expect("refused in the end").to_string()
    };
    insta::assert_snapshot!(
        [
            told("ASA 5520", &[("anyconnect-essentials", "enabled")], Kind::Clientless),
            told("ASA 5520", &[], Kind::Ime),
            told("ASA 5520", &[("npe", "yes")], Kind::Ikev2L2l),
            told("ASA 5505", &[], Kind::Context),
            told("ASA 5506-X", &[], Kind::Anyconnect),
            told("ASA 5506-X", &[("anyconnect-apex", "enabled")], Kind::AnyconnectIkev2),
            told(
                "ASA 5520",
                &[("uc-proxy-sessions", "750"), ("tls-proxy-maximum-sessions", "500")],
                Kind::PhoneProxy
            ),
            told("ASA 5520", &[("uc-proxy-sessions", "100")], Kind::Srtp),
            told("ASA 5505", &[], Kind::Vlan),
            told("ASA 5505", &[], Kind::Anyconnect),
        ]
        .join("\n")
    );
}

/// IME's first sessions above the UC licence do not touch UC; the rest is first come, first served
/// (E43 – E47: a limit of 1000, a UC licence for 750).
#[test]
fn ime_and_uc_share_the_tls_proxy_limit() {
    let license = || {
        let mut unit = unit("ASA 5520");
        for (feature, value) in
            [("intercompany-media-engine", "enabled"), ("uc-proxy-sessions", "750")]
        {
            unit.add(feature.parse().expect("a feature"), value.parse().expect("a value"))
                .expect("sold");
        }
        unit.configure("tls-proxy-maximum-sessions", "1000").expect("a setting");
        RunningLicense::of(&unit)
    };
    let fill = |gate: &Gate, kind, at_most: usize| {
        let mut worker = gate.worker();
        (0..at_most).map_while(|_| worker.admit(kind).ok()).count()
    };
    for (ime, uc_left) in [(250, 750), (300, 700), (0, 750)] {
        let gate = Gate::new(license());
        assert_eq!(fill(&gate, Kind::Ime, ime), ime);
        assert_eq!(fill(&gate, Kind::EncryptedVoice, 2000), uc_left);
    }
    let gate = Gate::new(license());
    assert_eq!(fill(&gate, Kind::PresenceFederation, 750), 750);
    assert_eq!(fill(&gate, Kind::Ime, 2000), 250);
    let gate = Gate::new(license());
    assert_eq!(fill(&gate, Kind::Ime, 2000), 1000);
}

/// 10,000 sessions, of them 5000 of Phone Proxy (E50).
#[test]
fn phone_proxy_has_its_own_cap_in_the_largest_licence() {
    let mut unit = unit("ASA 5580-20");
    unit.add(Feature::UcProxySessions, Value::Count(10_000)).expect("sold");
    let gate = Gate::new(RunningLicense::of(&unit));
    let mut worker = gate.worker();
    for _ in 0..5000 {
        let _ = worker.admit(Kind::PhoneProxy).expect("within the cap");
    }
    assert_eq!(worker.admit(Kind::PhoneProxy).expect_err("5001st").limit, Limit::PhoneProxy);
    for _ in 0..5000 {
        let _ = worker.admit(Kind::EncryptedVoice).expect("of another application");
    }
    assert_eq!(worker.admit(Kind::EncryptedVoice).expect_err("full").limit, Limit::UcProxy);
}

#[test]
fn pass_through_is_never_counted() {
    let gate = Gate::new(licensed(&[(Limit::Srtp, 0)]));
    let passed = gate.reserve(Kind::SrtpPassthrough).expect("never counted");
    assert!(gate.reserve(Kind::Srtp).is_err());
    assert!(Limit::ALL.iter().all(|limit| gate.usage(*limit).in_use == 0));
    drop(passed);
}

/// An interface with a VLAN takes one of each, all or nothing (E51 – E53).
#[test]
fn a_vlan_takes_an_interface_too() {
    let gate = Gate::new(licensed(&[(Limit::Interfaces, 3), (Limit::Vlans, 1)]));
    let vlan = gate.reserve(Kind::Vlan).expect("room");
    assert_eq!(gate.reserve(Kind::Vlan).expect_err("one VLAN").limit, Limit::Vlans);
    assert_eq!(gate.usage(Limit::Interfaces).in_use, 1, "the refused one took no interface");
    let plain = gate.reserve(Kind::Interface).expect("room");
    assert_eq!(gate.usage(Limit::Vlans).in_use, 1);
    drop((vlan, plain));
    assert_nothing_lost(&gate);
}

#[test]
fn a_licence_for_another_model_is_not_published() {
    let gate = Gate::new(licensed(&[]));
    let other = RunningLicense::of(&unit("ASA 5505"));
    assert!(matches!(gate.publish(other), Err(PublishError::OtherModel { .. })));
    assert_eq!(gate.license().entry().model, catalogue::Model::Asa5520);
}

/// A debug build notices a token that is given back twice.
#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "given back twice")]
fn a_debug_build_panics_on_a_second_release() {
    let gate = Gate::new(licensed(&[]));
    let mut worker = gate.worker();
    let token = worker.admit(Kind::Connection).expect("room");
    worker.release(token);
    worker.release(token);
}

/// A debug build tells where a token that is still out was admitted.
#[cfg(debug_assertions)]
#[test]
fn a_debug_build_tells_where_a_lost_token_was_admitted() {
    let gate = Gate::new(licensed(&[]));
    let lost = gate.worker().admit(Kind::Connection).expect("room");
    let outstanding = gate.audit().outstanding;
    assert_eq!(outstanding.len(), 1);
    assert!(outstanding[0].contains("gate.rs"), "{outstanding:?}");
    gate.worker().release(lost);
}

/// A release build drops the second release where nothing of its kind is in use, and counts it.
#[cfg(not(debug_assertions))]
#[test]
fn a_release_build_counts_a_second_release() {
    let gate = Gate::new(licensed(&[]));
    let mut worker = gate.worker();
    let token = worker.admit(Kind::Connection).expect("room");
    worker.release(token);
    worker.release(token);
    assert_eq!(gate.audit().excess_releases, 1);
    assert_eq!(gate.usage(Limit::FirewallConns).in_use, 0);
}
