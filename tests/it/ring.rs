//! The key ring by rule: each test names the rules that it covers.

use std::time::Duration;

use tollgate::catalogue::{Encryption, Feature, Value};
use tollgate::license::key::{KeyError, ParsedKey};
use tollgate::license::ring::{
    Activation, CLOCK_SLACK, ClockPolicy, Entered, Event, Loss, Permanent, Placed, RingError, State,
};
use tollgate::license::{ContextMode, Limit};

use crate::keys::{Firewall, START, time_based, weeks};

const PREMIUM_1000: &str = "anyconnect-premium=1000";
const PREMIUM_2500: &str = "anyconnect-premium=2500";
const BOTNET: &str = "botnet-traffic-filter=enabled";
const EVALUATION: &str = "botnet-traffic-filter=enabled anyconnect-premium=1000";

/// A key is refused by the ring as by the unit's secret, and nothing changes (A23, and part 1).
#[test]
fn a23_keys_that_are_not_this_units_change_nothing() {
    let mut unit = Firewall::new("ASA 5520");
    unit.timed(BOTNET, weeks(8));
    let before = unit.ring.clone();
    let mut other = Firewall::with_serial("ASA 5520", "JMX0912K04K");
    let foreign = other.buy(PREMIUM_1000, weeks(8));
    let refused = unit.enter(foreign).unwrap_err();
    assert!(matches!(refused, RingError::Key(KeyError::NotForThisUnit { .. })), "{refused}");
    let verified = other.secret.verify(foreign).unwrap();
    let refused = unit.ring.install(verified).unwrap_err().to_string();
    let told = "the activation key was issued for serial number JMX0912K04K, and this unit's is \
                JMX0912K04J";
    assert_eq!(refused, told);
    let mistyped = ParsedKey::from_words(foreign.words().map(|word| word ^ 1));
    assert!(matches!(unit.enter(mistyped), Err(RingError::Key(KeyError::Mistyped { .. }))));
    assert_eq!(unit.ring, before);
}

/// A12 – A14: one permanent key, which a new one overwrites; what it lacks is gone, and told.
#[test]
fn a12_a13_a14_a_new_permanent_key_overwrites() {
    let mut unit = Firewall::new("ASA 5540");
    unit.permanent("anyconnect-premium=500 gtp-gprs=enabled uc-proxy-sessions=100");
    let entered = unit.permanent("anyconnect-premium=250 uc-proxy-sessions=500");
    let lost = vec![
        Loss { feature: Feature::GtpGprs, had: Value::Enabled, has: None },
        Loss {
            feature: Feature::AnyconnectPremium,
            had: Value::Count(500),
            has: Some(Value::Count(250)),
        },
    ];
    assert_eq!(entered, Entered::Permanent { lost, reload_required: false });
    assert_eq!(unit.feature(Feature::GtpGprs), Value::Disabled);
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(250));
    assert_eq!(unit.limit(Limit::UcProxy), Value::Count(500));
    let unchanged = Entered::Permanent { lost: Vec::new(), reload_required: false };
    assert_eq!(unit.permanent("anyconnect-premium=250 uc-proxy-sessions=500"), unchanged);
}

/// A15, J4: a new permanent key leaves the time-based ones, their state and timers alone.
#[test]
fn a15_j4_a_permanent_key_leaves_time_based_ones_alone() {
    let mut unit = Firewall::new("ASA 5540");
    unit.permanent("anyconnect-premium=500");
    let idle = unit.timed(PREMIUM_1000, weeks(8));
    let active = unit.timed(PREMIUM_2500, weeks(8));
    unit.ring.advance(weeks(2));
    unit.permanent("gtp-gprs=enabled");
    assert_eq!(unit.told(active), ("active", 6));
    assert_eq!(unit.told(idle), ("inactive", 8));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(2500));
}

/// A16 – A18, B2, B3, B25, I13: all are kept, a new one is active, one a feature.
#[test]
fn a16_a17_a18_b2_b3_b4_b25_i13_the_last_activated_is_active() {
    let mut unit = Firewall::new("ASA 5540");
    let small = unit.timed(PREMIUM_1000, weeks(8));
    assert_eq!(unit.told(small), ("active", 8));
    unit.ring.advance(weeks(3));
    let key = unit.buy(PREMIUM_2500, weeks(8));
    let (placed, activation) = time_based(unit.enter(key).unwrap());
    assert_eq!(placed, Placed::New);
    assert_eq!(activation, Activation::Active { deactivated: vec![small] });
    assert_eq!((unit.told(small), unit.told(key)), (("inactive", 5), ("active", 8)));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(2500));
    unit.ring.advance(weeks(1));
    assert_eq!(unit.told(small), ("inactive", 5), "B4, B36: it stands still");
    unit.ring.activate(small).unwrap();
    assert_eq!((unit.told(small), unit.told(key)), (("active", 5), ("inactive", 7)));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(1000));
    assert_eq!(unit.ring.time_based().len(), 2);
}

/// A20 – A22: the key of all zeros is taken in every spelling, and a valid key goes over it.
#[test]
fn a20_a21_a22_all_zeros() {
    for text in ["0 0 0 0 0", "0x0 0x0 0x0 0x0 0x0", "00000000 0 0x00000000 0 0"] {
        let mut unit = Firewall::new("ASA 5520");
        unit.permanent("gtp-gprs=enabled");
        let lost = vec![Loss { feature: Feature::GtpGprs, had: Value::Enabled, has: None }];
        let entered = unit.enter(text.parse().unwrap()).unwrap();
        assert_eq!(entered, Entered::Permanent { lost, reload_required: false });
        assert_eq!(unit.ring.permanent(), &Permanent::Zeros);
        assert_eq!(unit.license(), Firewall::new("ASA 5520").license());
        unit.permanent("gtp-gprs=enabled");
        assert_eq!(unit.feature(Feature::GtpGprs), Value::Enabled);
    }
}

/// A32, A33, I16: only a downgrade of the encryption needs a reload, and waits for it.
#[test]
fn a32_a33_i16_a_downgrade_of_the_encryption_needs_a_reload() {
    let strong = Value::Encryption(Encryption::TripleDesAes);
    let mut unit = Firewall::new("ASA 5520");
    let reload = |entered| match entered {
        Entered::Permanent { reload_required, .. } => reload_required,
        Entered::TimeBased { .. } => panic!("a permanent key"),
        other => panic!("{other:?}"),
    };
    assert!(!reload(unit.permanent("encryption=3des-aes anyconnect-premium=500")));
    assert!(!reload(unit.permanent("encryption=3des-aes")));
    assert!(reload(unit.permanent("gtp-gprs=enabled")));
    assert!(unit.ring.needs_reload());
    assert_eq!(unit.feature(Feature::Encryption), strong);
    assert_eq!(unit.feature(Feature::GtpGprs), Value::Enabled, "the rest is in force");
    // A key that has it after all leaves nothing to reload for.
    assert!(!reload(unit.permanent("encryption=3des-aes")));
    assert!(!unit.ring.needs_reload());
    assert!(reload(unit.permanent("gtp-gprs=enabled")));
    unit.ring.reload();
    assert_eq!(unit.feature(Feature::Encryption), Value::Encryption(Encryption::Des));
    assert!(!unit.ring.needs_reload());
}

/// A34: a unit as shipped has the licence of its tier; Security Plus raises it.
#[test]
fn a34_shipped_licences_and_security_plus() {
    let mut unit = Firewall::new("ASA 5505");
    assert_eq!(unit.ring.permanent(), &Permanent::Preinstalled);
    assert_eq!(unit.limit(Limit::FirewallConns), Value::Count(10_000));
    unit.permanent("security-plus=enabled");
    assert_eq!(unit.limit(Limit::FirewallConns), Value::Count(25_000));
    let Entered::Permanent { lost, .. } = unit.permanent("inside-hosts=50") else { panic!() };
    assert_eq!(lost[0].feature, Feature::SecurityPlus);
    assert_eq!(unit.limit(Limit::FirewallConns), Value::Count(10_000));
    let mut shipped = Firewall::new("ASA 5505/security-plus");
    shipped.permanent("inside-hosts=50");
    assert_eq!(shipped.limit(Limit::FirewallConns), Value::Count(25_000));
}

/// A41: licences mix and match.
#[test]
fn a41_licences_mix() {
    let mut unit = Firewall::new("ASA 5520");
    unit.permanent(
        "uc-proxy-sessions=24 encryption=3des-aes anyconnect-premium=500 gtp-gprs=enabled",
    );
    assert_eq!(unit.limit(Limit::UcProxy), Value::Count(24));
    assert_eq!(unit.feature(Feature::Encryption), Value::Encryption(Encryption::TripleDesAes));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(500));
    assert_eq!(unit.feature(Feature::GtpGprs), Value::Enabled);
}

/// A43, D48, D55, and the errors of part 1: what the model lacks is refused and named, what is too
/// large is cut.
#[test]
fn a43_d48_d55_licences_that_the_model_lacks() {
    let refused = |model, words| {
        let mut unit = Firewall::new(model);
        unit.permanent("anyconnect-premium=10");
        let before = unit.ring.clone();
        let key = unit.permanent_key(words);
        let refused = unit.enter(key).unwrap_err().to_string();
        assert_eq!(unit.ring, before);
        refused
    };
    assert_eq!(
        refused("ASA 5505", "security-contexts=5"),
        "ASA 5505/base (9.1) does not support `security-contexts` (9.1 guide, Table 5-1); ask for \
         a key without it"
    );
    assert!(refused("ASA 5510", "gtp-gprs=enabled").contains("does not support `gtp-gprs`"));
    assert!(refused("ASA 5520", "inside-hosts=50").contains("has no `inside-hosts` (9.1 guide"));
    assert!(refused("ASA 5520", "anyconnect-apex=enabled").contains("has no `anyconnect-apex`"));
    assert!(refused("ASA 5520", "security-plus=enabled").contains("has no `security-plus`"));
    let mut unit = Firewall::new("ASA 5510");
    unit.permanent("security-plus=enabled security-contexts=5");
    assert_eq!(unit.limit(Limit::Contexts), Value::Count(5));
    let mut unit = Firewall::new("ASA 5520");
    unit.permanent("uc-proxy-sessions=2000");
    assert_eq!(unit.limit(Limit::UcProxy), Value::Count(1000));
}

/// B1: no countdown before the key is entered.
#[test]
fn b1_the_timer_starts_when_the_licence_is_activated() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.buy(BOTNET, weeks(52));
    unit.ring.advance(weeks(10));
    unit.enter(key).unwrap();
    assert_eq!(unit.told(key), ("active", 52));
}

/// B5, J1: licences for different features are active together.
#[test]
fn b5_j1_one_active_licence_a_feature() {
    let mut unit = Firewall::new("ASA 5520");
    let premium = unit.timed("anyconnect-premium=500", weeks(8));
    let botnet = unit.timed(BOTNET, weeks(8));
    unit.ring.advance(weeks(1));
    assert_eq!((unit.told(premium), unit.told(botnet)), (("active", 7), ("active", 7)));
}

/// B6 – B9: an active evaluation key keeps a licence for one of its features from being activated,
/// not one for another feature, nor when it is inactive itself.
#[test]
fn b6_b7_b8_b9_b11_an_evaluation_key_blocks_its_features() {
    let mut unit = Firewall::new("ASA 5540");
    let standalone = unit.timed(PREMIUM_2500, weeks(8));
    let botnet = unit.timed(BOTNET, weeks(8));
    unit.ring.deactivate(standalone).unwrap();
    unit.ring.deactivate(botnet).unwrap();
    let evaluation = unit.timed(EVALUATION, weeks(4));
    for (key, feature) in
        [(standalone, Feature::AnyconnectPremium), (botnet, Feature::BotnetTrafficFilter)]
    {
        let before = unit.ring.clone();
        let refused = unit.ring.activate(key).unwrap_err();
        assert_eq!(refused, RingError::Evaluation { by: evaluation, feature });
        assert_eq!(unit.ring, before);
    }
    unit.timed("uc-proxy-sessions=100", weeks(8));
    assert_eq!(unit.limit(Limit::UcProxy), Value::Count(102), "B8");

    let blocked = unit.buy("anyconnect-premium=500", weeks(8));
    let (placed, activation) = time_based(unit.enter(blocked).unwrap());
    let expected = (Placed::New, Activation::Blocked { by: evaluation });
    assert_eq!((placed, activation), expected, "B11");
    assert_eq!(unit.told(blocked), ("inactive", 8));
    unit.ring.deactivate(evaluation).unwrap();
    unit.ring.activate(standalone).unwrap();
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(2500), "B9");
}

/// B10 (our choice): an evaluation key that is activated makes the standalone ones inactive.
#[test]
fn b10_an_evaluation_key_displaces_standalone_ones() {
    let mut unit = Firewall::new("ASA 5540");
    let evaluation = unit.timed(EVALUATION, weeks(4));
    unit.ring.deactivate(evaluation).unwrap();
    let premium = unit.timed(PREMIUM_2500, weeks(8));
    let botnet = unit.timed(BOTNET, weeks(8));
    let activation = unit.ring.activate(evaluation).unwrap();
    assert_eq!(activation, Activation::Active { deactivated: vec![premium, botnet] });
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(1000));
}

/// B12: when an evaluation key expires, each of its features is followed by what there is.
#[test]
fn b12_an_evaluation_key_expires_as_a_whole() {
    let mut unit = Firewall::new("ASA 5540");
    unit.permanent("anyconnect-premium=100");
    let premium = unit.timed(PREMIUM_2500, weeks(8));
    let evaluation = unit.timed(EVALUATION, weeks(4));
    let events = unit.ring.advance(weeks(5));
    let at = weeks(4);
    let expected = [(at, Event::Expired(evaluation)), (at, Event::Activated(premium))];
    assert_eq!(events, expected);
    assert_eq!(unit.told(premium), ("active", 7), "B35: it counts from then on");
    assert_eq!(unit.feature(Feature::BotnetTrafficFilter), Value::Disabled, "B34");
    unit.ring.advance(weeks(7));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(100), "B33");
}

/// B13: the timer halts while the licence is inactive.
#[test]
fn b13_the_timer_halts_while_inactive() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.timed(BOTNET, weeks(52));
    unit.ring.advance(weeks(25));
    unit.ring.deactivate(key).unwrap();
    unit.ring.advance(weeks(10));
    unit.ring.activate(key).unwrap();
    assert_eq!(unit.told(key), ("active", 27));
}

/// B14: a licence that the permanent one outdoes counts down all the same.
#[test]
fn b14_c2_a_lower_licence_counts_down() {
    let mut unit = Firewall::new("ASA 5540");
    unit.permanent("anyconnect-premium=2500");
    let key = unit.timed(PREMIUM_1000, weeks(8));
    unit.ring.advance(weeks(3));
    assert_eq!(unit.told(key), ("active", 5));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(2500));
    let license = unit.license();
    assert_eq!(unit.ring.remaining(&license, Feature::AnyconnectPremium), None);
}

/// B15 – B17: shut down, timers count by the 9.1 guide and stand still by the PAK guide.
#[test]
fn b15_b16_b17_shut_down() {
    let left = |model, deactivated: bool| {
        let mut unit = Firewall::new(model);
        let key = unit.timed(BOTNET, weeks(10));
        if deactivated {
            unit.ring.deactivate(key).unwrap();
        }
        unit.ring.shut_down();
        assert_eq!(unit.ring.advance(weeks(4)), []);
        unit.ring.boot();
        unit.told(key)
    };
    assert_eq!(left("ASA 5525-X (9.1)", false), ("active", 6));
    assert_eq!(left("ASA 5525-X (pak)", false), ("active", 10));
    assert_eq!(left("ASA 5525-X (9.1)", true), ("inactive", 10));
}

/// A licence whose time ends while the unit is shut down expires, and the next one starts when the
/// unit boots.
#[test]
fn b15_b28_what_ends_while_shut_down_is_followed_at_boot() {
    let mut unit = Firewall::new("ASA 5540");
    let next = unit.timed(PREMIUM_1000, weeks(8));
    let first = unit.timed(PREMIUM_2500, weeks(2));
    unit.ring.shut_down();
    unit.ring.advance(weeks(5));
    assert_eq!(unit.told(first), ("expired", 0));
    assert_eq!(unit.ring.activate(next), Err(RingError::ShutDown));
    assert_eq!(unit.ring.boot(), [Event::Expired(first), Event::Activated(next)]);
    assert_eq!(unit.told(next), ("active", 8));
}

/// B18 – B21: what a clock that was set does at a reload, and not before, by the 9.1 guide.
#[test]
fn b18_b19_b20_b21_the_system_clock_at_a_reload() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.timed(BOTNET, weeks(52));
    unit.ring.advance(weeks(10));
    let set = unit.clone();

    // Forward: more time is taken to have passed.
    unit.ring.set_clock(unit.ring.clock().plus(weeks(5)));
    assert_eq!(unit.told(key), ("active", 42), "B21");
    unit.ring.reload();
    assert_eq!(unit.told(key), ("active", 37), "B18");
    unit.ring.reload();
    assert_eq!(unit.told(key), ("active", 37), "and only once");
    // Back again: less than the running time has passed by the clock? No: 15 weeks and 14.
    unit.ring.set_clock(unit.ring.clock().minus(weeks(1)));
    unit.ring.reload();
    assert_eq!(unit.told(key), ("active", 37), "B20");

    // Back: the licence ran for longer than the clock says.
    let mut unit = set;
    unit.ring.set_clock(START.plus(weeks(9)));
    assert_eq!(unit.told(key), ("active", 42), "B21");
    assert_eq!(unit.ring.reload(), [Event::Expired(key)], "B19");
    assert_eq!(unit.told(key), ("expired", 0));
}

/// A correction of the clock by seconds does not take a licence of a year.
#[test]
fn b19_small_corrections_of_the_clock_are_nothing() {
    for (back, expires) in [(CLOCK_SLACK, false), (CLOCK_SLACK + Duration::from_millis(1), true)] {
        let mut unit = Firewall::new("ASA 5520");
        unit.timed(BOTNET, weeks(52));
        unit.ring.advance(weeks(10));
        unit.ring.set_clock(unit.ring.clock().minus(back));
        assert_eq!(!unit.ring.reload().is_empty(), expires);
    }
}

/// B22: the system clock has no effect by the PAK guide.
#[test]
fn b22_the_pak_guide_ignores_the_clock() {
    for clock in [START.plus(weeks(500)), START.minus(weeks(500))] {
        let mut unit = Firewall::new("ASA 5525-X (pak)");
        assert_eq!(unit.ring.policy(), ClockPolicy::Uptime);
        let key = unit.timed(BOTNET, weeks(52));
        unit.ring.advance(weeks(10));
        unit.ring.set_clock(clock);
        assert_eq!(unit.ring.reload(), []);
        assert_eq!(unit.told(key), ("active", 42));
    }
}

/// B23, B24, B26, B27, J2: identical licences stack, whatever they were sold for and whether they
/// are active.
#[test]
fn b23_b24_b26_b27_j2_identical_licences_stack() {
    let mut unit = Firewall::new("ASA 5520");
    let first = unit.timed(BOTNET, weeks(52));
    unit.ring.advance(weeks(25));
    let second = unit.buy(BOTNET, weeks(52));
    let (placed, _) = time_based(unit.enter(second).unwrap());
    assert_eq!(placed, Placed::StackedOn(first));
    assert_eq!(unit.told(first), ("active", 79), "B23");
    assert_eq!(unit.told(second), ("active", 79));
    assert_eq!(unit.ring.time_based().len(), 1);

    let mut unit = Firewall::new("ASA 5540");
    let first = unit.timed(PREMIUM_1000, weeks(8));
    unit.ring.advance(weeks(2));
    unit.timed(PREMIUM_1000, weeks(8));
    assert_eq!(unit.told(first), ("active", 14), "B24");
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(1000));
    unit.ring.deactivate(first).unwrap();
    unit.timed(PREMIUM_1000, weeks(52));
    assert_eq!(unit.told(first), ("active", 66), "B26, B27");
}

/// The same key entered twice does not stack, nor can it be entered again when it is used up; it
/// is activated where it is inactive.
#[test]
fn b23_the_same_key_does_not_stack() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.timed(BOTNET, weeks(8));
    let second = unit.timed(BOTNET, weeks(8));
    unit.ring.deactivate(key).unwrap();
    for again in [key, second] {
        let (placed, _) = time_based(unit.enter(again).unwrap());
        assert_eq!(placed, Placed::Again);
        assert_eq!(unit.told(key), ("active", 16));
    }
    unit.ring.advance(weeks(16));
    let before = unit.ring.clone();
    for again in [key, second] {
        assert_eq!(unit.enter(again), Err(RingError::Expired { key: again }));
        assert_eq!(unit.ring.activate(again), Err(RingError::Expired { key: again }));
        assert_eq!(unit.ring.deactivate(again), Err(RingError::Expired { key: again }));
    }
    assert_eq!(unit.ring, before);
    // A renewal after the end is a licence of its own.
    let renewal = unit.timed(BOTNET, weeks(8));
    assert_eq!((unit.state(key), unit.told(renewal)), (State::Expired, ("active", 8)));
}

/// B28 – B30, B33, J3: the guides' own example of expiry.
#[test]
fn b28_b29_b30_b33_j3_the_next_licence_follows() {
    let mut unit = Firewall::new("ASA 5540");
    unit.permanent("anyconnect-premium=500");
    let small = unit.timed(PREMIUM_1000, weeks(6));
    let large = unit.timed(PREMIUM_2500, weeks(4));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(2500));
    let events = unit.ring.advance(weeks(4));
    let at = weeks(4);
    assert_eq!(events, [(at, Event::Expired(large)), (at, Event::Activated(small))]);
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(1000));
    assert_eq!(unit.told(small), ("active", 6), "B35");
    assert_eq!(unit.ring.advance(weeks(6)), [(weeks(6), Event::Expired(small))]);
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(500));
}

/// B31, B32: exactly one follows, and another one can be preferred by hand.
#[test]
fn b31_b32_one_follows_and_another_can_be_preferred() {
    let mut unit = Firewall::new("ASA 5550");
    let keys = ["100", "250", "500"]
        .map(|sessions| unit.timed(&format!("anyconnect-premium={sessions}"), weeks(8)));
    let last = unit.timed(PREMIUM_1000, weeks(1));
    unit.ring.advance(weeks(1));
    assert_eq!(unit.state(last), State::Expired);
    let active = keys.map(|key| unit.state(key) == State::Active);
    assert_eq!(active.iter().filter(|active| **active).count(), 1);
    unit.ring.activate(keys[2]).unwrap();
    assert_eq!(keys.map(|key| unit.state(key).name()), ["inactive", "inactive", "active"]);
}

/// Several expiries within one stretch of time come in their order, and what follows counts down
/// in the rest of it.
#[test]
fn b28_b35_a_chain_of_expiries() {
    let mut unit = Firewall::new("ASA 5550");
    let third = unit.timed("anyconnect-premium=100", weeks(5));
    let second = unit.timed("anyconnect-premium=250", weeks(3));
    let first = unit.timed("anyconnect-premium=500", weeks(2));
    let botnet = unit.timed(BOTNET, weeks(4));
    // The one installed first follows, so 100 comes before 250.
    let events = unit.ring.advance(weeks(9));
    let expected = [
        (weeks(2), Event::Expired(first)),
        (weeks(2), Event::Activated(third)),
        (weeks(4), Event::Expired(botnet)),
        (weeks(7), Event::Expired(third)),
        (weeks(7), Event::Activated(second)),
    ];
    assert_eq!(events, expected);
    assert_eq!(unit.told(second), ("active", 1));
}

/// B37 – B39: the two models without time-based licences, and those without Botnet.
#[test]
fn b37_b38_b39_models_without_time_based_licences() {
    for model in ["ASA 5506-X", "ASA 5506W-X"] {
        let mut unit = Firewall::new(model);
        let key = unit.buy("anyconnect-apex=enabled", weeks(8));
        let before = unit.ring.clone();
        let told = format!("{model} does not support time-based licences; ask for a permanent key");
        assert_eq!(unit.enter(key).unwrap_err().to_string(), told);
        assert_eq!(unit.ring, before);
    }
    for model in ["ASA 5506H-X", "ASA 5508-X", "ASA 5516-X", "ISA 3000"] {
        let mut unit = Firewall::new(model);
        unit.timed(BOTNET, weeks(8));
        assert_eq!(unit.feature(Feature::BotnetTrafficFilter), Value::NoSupport, "{model}");
    }
    let mut unit = Firewall::new("ASA 5525-X (pak)");
    unit.timed(BOTNET, weeks(8));
    assert_eq!(unit.feature(Feature::BotnetTrafficFilter), Value::Enabled);
}

/// B40, B41, C8: Botnet is sold for a time only, Premium either way.
#[test]
fn b40_b41_c8_what_is_sold_how() {
    let mut unit = Firewall::new("ASA 5520");
    assert_eq!(unit.feature(Feature::BotnetTrafficFilter), Value::Disabled);
    unit.permanent("anyconnect-premium=100");
    unit.timed("anyconnect-premium=500", weeks(8));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(500));
}

/// C13, C14: without the time-based licence the sum is gone.
#[test]
fn c13_c14_deactivated_or_expired_it_contributes_nothing() {
    let mut unit = Firewall::new("ASA 5580-20");
    unit.permanent("uc-proxy-sessions=2500 security-contexts=10");
    let uc = unit.timed("uc-proxy-sessions=1000", weeks(8));
    unit.timed("security-contexts=20", weeks(8));
    let both = |unit: &Firewall| (unit.limit(Limit::UcProxy), unit.limit(Limit::Contexts));
    assert_eq!(both(&unit), (Value::Count(3500), Value::Count(30)));
    unit.ring.deactivate(uc).unwrap();
    assert_eq!(both(&unit), (Value::Count(2500), Value::Count(30)));
    unit.ring.advance(weeks(8));
    assert_eq!(both(&unit), (Value::Count(2500), Value::Count(10)));
}

/// A45, D45: a time-based Apex licence turns peers on for as long as it lasts.
#[test]
fn a45_d45_time_based_apex() {
    let mut unit = Firewall::new("ASA 5508-X");
    unit.configuration.contexts = ContextMode::Multiple;
    unit.permanent("anyconnect-plus=enabled");
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Disabled);
    unit.timed("anyconnect-apex=enabled", weeks(52));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Count(100));
    unit.ring.advance(weeks(52));
    assert_eq!(unit.limit(Limit::Anyconnect), Value::Disabled);
}

/// While a unit is shut down nothing can be entered.
#[test]
fn nothing_is_entered_while_shut_down() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.timed(BOTNET, weeks(8));
    let other = unit.buy(PREMIUM_1000, weeks(8));
    unit.ring.shut_down();
    let before = unit.ring.clone();
    for key in [other, ParsedKey::ZERO] {
        assert_eq!(unit.enter(key), Err(RingError::ShutDown));
    }
    assert_eq!(unit.ring.deactivate(key), Err(RingError::ShutDown));
    assert_eq!(unit.ring, before);
}

#[test]
fn a_key_that_is_not_installed() {
    let mut unit = Firewall::new("ASA 5520");
    let key = unit.buy(BOTNET, weeks(8));
    assert_eq!(unit.ring.activate(key), Err(RingError::NotInstalled { key }));
    assert_eq!(unit.ring.deactivate(key), Err(RingError::NotInstalled { key }));
    assert!(unit.ring.find(key).is_none());
}
