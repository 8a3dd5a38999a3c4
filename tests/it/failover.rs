//! Failover pairs and clusters by rule: each test names the rules that it covers.

use std::time::Duration;

use tollgate::catalogue::{Feature, Value};
use tollgate::license::failover::{GRACE, Group, GroupEvent, Link, Reason, What};
use tollgate::license::key::ParsedKey;
use tollgate::license::ring::{Event, KeyRing};
use tollgate::license::{ContextMode, GroupMode, Limit, Origin, RunningLicense};

use crate::keys::{Firewall, days, in_weeks, weeks};

const BOTNET: &str = "botnet-traffic-filter=enabled";
const STANDBY: GroupMode = GroupMode::ActiveStandby;

/// The units of a group, before it is formed.
struct Units(Vec<Firewall>);

/// A group and its units.
struct Formed {
    units: Vec<Firewall>,
    group: Group,
}

fn units(model: &str, count: usize) -> Units {
    let serial = |i| format!("JMX0912K0{i:02}");
    Units((0..count).map(|i| Firewall::with_serial(model, &serial(i))).collect())
}

fn pair(model: &str) -> Units {
    units(model, 2)
}

impl Units {
    fn rings(&self) -> Vec<&KeyRing> {
        self.0.iter().map(|unit| &unit.ring).collect()
    }

    fn reasons(&self, mode: GroupMode) -> Vec<Reason> {
        let configuration = &self.0[0].configuration;
        match Group::form(mode, &self.rings(), configuration) {
            Ok(_) => Vec::new(),
            Err(mismatch) => mismatch.reasons().to_vec(),
        }
    }

    fn told(&self, mode: GroupMode) -> String {
        let formed = Group::form(mode, &self.rings(), &self.0[0].configuration);
        formed.map_or_else(|mismatch| mismatch.to_string(), |_| "formed".to_owned())
    }

    fn form(self, mode: GroupMode) -> Formed {
        let group = Group::form(mode, &self.rings(), &self.0[0].configuration).expect("a group");
        Formed { units: self.0, group }
    }
}

impl Formed {
    fn advance(&mut self, time: Duration) -> Vec<GroupEvent> {
        let mut rings: Vec<_> = self.units.iter_mut().map(|unit| &mut unit.ring).collect();
        self.group.advance(&mut rings, time)
    }

    fn restore(&mut self) {
        let mut rings: Vec<_> = self.units.iter_mut().map(|unit| &mut unit.ring).collect();
        self.group.reconnect(&mut rings);
    }

    fn license(&self, own: usize) -> RunningLicense {
        let rings: Vec<_> = self.units.iter().map(|unit| &unit.ring).collect();
        let license = self.group.running(&rings, &self.units[0].configuration, own);
        license.expect("a unit of the group")
    }

    fn limit(&self, own: usize, limit: Limit) -> Value {
        self.license(own).limit(limit).value()
    }

    fn botnet(&self, own: usize) -> Value {
        self.license(own).feature(Feature::BotnetTrafficFilter).expect("a row").value()
    }

    /// The combined duration in weeks.
    fn lasts(&self, own: usize, feature: Feature) -> Option<u64> {
        let rings: Vec<_> = self.units.iter().map(|unit| &unit.ring).collect();
        let configuration = &self.units[0].configuration;
        self.group.remaining(&rings, configuration, own, feature).map(in_weeks)
    }

    /// The weeks that are left of one licence of each unit.
    fn left(&self, keys: &[ParsedKey]) -> Vec<u64> {
        self.units.iter().zip(keys).map(|(unit, key)| in_weeks(unit.left(*key))).collect()
    }
}

/// A pair with a Botnet licence of so many weeks on each unit.
fn botnet_pair(primary: u64, secondary: u64) -> (Formed, [ParsedKey; 2]) {
    let mut units = pair("ASA 5520");
    let keys =
        [units.0[0].timed(BOTNET, weeks(primary)), units.0[1].timed(BOTNET, weeks(secondary))];
    (units.form(STANDBY), keys)
}

/// F1 – F3, F57, J7: licences may differ; every unit runs the combined one.
#[test]
fn f1_f2_f3_f57_i3_i8_j7_units_run_the_combined_licence() {
    let mut units = pair("ASA 5520");
    units.0[0].permanent("anyconnect-premium=250 gtp-gprs=enabled");
    let formed = units.form(STANDBY);
    for own in [0, 1] {
        assert_eq!(formed.limit(own, Limit::Anyconnect), Value::Count(252));
        let gtp = formed.license(own).feature(Feature::GtpGprs).expect("a row").value();
        assert_eq!(gtp, Value::Enabled);
    }
    assert_eq!(formed.license(0), formed.license(1));
    // I8: what was bought for one unit alone.
    assert_eq!(formed.units[1].limit(Limit::Anyconnect), Value::Count(2));
}

/// F5, F6, F10, F13, F16: a tier without failover, on either unit.
#[test]
fn f5_f6_f10_f13_f16_security_plus_is_needed() {
    for model in ["ASA 5505", "ASA 5510", "ASA 5512-X", "ASA 5506-X", "ASA 5506W-X", "ISA 3000"] {
        let mut units = pair(model);
        assert_eq!(units.reasons(STANDBY).len(), 2, "{model}: both units");
        units.0[0].permanent("security-plus=enabled");
        let serial = *units.0[1].ring.serial();
        let entry = units.0[1].ring.shipped();
        assert_eq!(units.reasons(STANDBY), [Reason::NoFailover { serial, entry }]);
        let told = units.told(STANDBY);
        assert!(told.ends_with("; each unit needs the security plus licence"), "{told}");
        units.0[1].permanent("security-plus=enabled");
        assert_eq!(units.told(STANDBY), "formed");
    }
}

/// F11, F13, F16, F59: Active/Active by the model's row.
#[test]
fn f11_f13_f16_f59_active_active_by_model() {
    for model in ["ASA 5505/security-plus", "ASA 5506-X/security-plus", "ISA 3000/security-plus"] {
        let units = pair(model);
        assert_eq!(units.told(STANDBY), "formed");
        let reasons = units.reasons(GroupMode::ActiveActive);
        assert!(matches!(reasons[..], [Reason::NoActiveActive { .. }, _]), "{reasons:?}");
    }
    for model in ["ASA 5520", "ASA 5510/security-plus", "ASA 5506H-X", "ASA 5516-X"] {
        assert_eq!(pair(model).told(GroupMode::ActiveActive), "formed", "{model}");
    }
}

/// F7, F15: the same encryption licence on both.
#[test]
fn f7_f12_f15_the_same_encryption_on_both() {
    for model in ["ASA 5520", "ASA 5525-X (pak)", "ASA 5506H-X", "ASA 5508-X"] {
        let mut units = pair(model);
        units.0[1].permanent("encryption=3des-aes");
        assert_eq!(
            units.told(STANDBY),
            "JMX0912K001 has the encryption licence `3des-aes`, and the primary has `des`; each \
             unit needs the same one"
        );
        units.0[0].permanent("encryption=3des-aes");
        assert_eq!(units.told(STANDBY), "formed");
    }
}

/// F8, F9, F12: each unit needs its own IPS module licence.
#[test]
fn f8_f9_f12_the_ips_module_on_both() {
    for model in ["ASA 5515-X", "ASA 5525-X (pak)"] {
        let mut units = pair(model);
        units.0[0].permanent("ips-module=enabled");
        let told = "JMX0912K001 has no `ips-module` licence and another unit has; each unit needs \
                    its own";
        assert_eq!(units.told(STANDBY), told);
        units.0[1].permanent("ips-module=enabled");
        assert_eq!(units.told(STANDBY), "formed");
    }
}

/// F12, D46: Apex on each unit in multiple context mode, refused where the table says so.
#[test]
fn f12_d46_apex_on_each_unit_in_multiple_context_mode() {
    let mut units = pair("ASA 5525-X (pak)");
    units.0[1].permanent("anyconnect-apex=enabled");
    assert_eq!(units.told(STANDBY), "formed", "single context mode");
    units.0[0].configuration.contexts = ContextMode::Multiple;
    assert!(units.told(STANDBY).starts_with("JMX0912K000 has no `anyconnect-apex` licence"));
    units.0[0].permanent("anyconnect-apex=enabled");
    assert_eq!(units.told(STANDBY), "formed");

    let mut units = pair("ASA 5508-X");
    units.0[0].configuration.contexts = ContextMode::Multiple;
    units.0[0].permanent("anyconnect-apex=enabled");
    let formed = units.form(STANDBY);
    assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(100));
    assert_eq!(formed.limit(1, Limit::Anyconnect), Value::Disabled);
}

/// F17, A20, A21: no failover with the key of all zeros.
#[test]
fn f17_a20_a21_no_failover_with_all_zeros() {
    let mut units = pair("ASA 5520");
    units.0[1].enter(ParsedKey::ZERO).expect("it is taken");
    let told = "the permanent key of JMX0912K001 is all zeros; enter a valid one";
    assert_eq!(units.told(STANDBY), told);
    units.0[1].permanent("gtp-gprs=enabled");
    assert_eq!(units.told(STANDBY), "formed");
}

/// Every reason is named at once.
#[test]
fn a_mismatch_names_every_reason() {
    let mut units = pair("ASA 5515-X");
    units.0[0].permanent("ips-module=enabled encryption=3des-aes");
    units.0[1].enter(ParsedKey::ZERO).expect("it is taken");
    insta::assert_snapshot!(units.told(STANDBY), @"the permanent key of JMX0912K001 is all zeros; enter a valid one; JMX0912K001 has the encryption licence `des`, and the primary has `3des-aes`; each unit needs the same one; JMX0912K001 has no `ips-module` licence and another unit has; each unit needs its own");
    let mut mixed = pair("ASA 5585-X with SSP-10");
    mixed.0[1] = Firewall::with_serial("ASA 5585-X with SSP-20", "JMX0912K001");
    assert_eq!(
        mixed.told(STANDBY),
        "JMX0912K001 is an ASA 5585-X with SSP-20, and the primary is an ASA 5585-X with SSP-10"
    );
    assert_eq!(units_told(1, STANDBY), "a failover pair has two units, not 1");
    assert_eq!(units_told(3, STANDBY), "a failover pair has two units, not 3");
    assert_eq!(units_told(0, GroupMode::Cluster), "a cluster has two units or more, not 0");
}

fn units_told(count: usize, mode: GroupMode) -> String {
    let all = units("ASA 5520", count);
    let configuration = tollgate::license::Configuration::default();
    Group::form(mode, &all.rings(), &configuration).expect_err("refused").to_string()
}

/// F58, D53: two SSPs of one level.
#[test]
fn f58_d53_two_ssps_of_one_level() {
    assert_eq!(pair("ASA 5585-X with SSP-10").told(STANDBY), "formed");
}

/// F19 – F22: what a cluster needs, by model.
#[test]
fn f19_f20_f21_f22_clusters() {
    let cluster = GroupMode::Cluster;
    let mut large = units("ASA 5585-X with SSP-10", 3);
    assert_eq!(large.reasons(cluster).len(), 3, "F19: each unit needs the licence");
    large.0[0].permanent("clustering=8");
    large.0[1].permanent("clustering=8");
    let told = "JMX0912K002 has no `clustering` licence; each unit needs its own";
    assert_eq!(large.told(cluster), told);
    large.0[2].permanent("clustering=8 encryption=3des-aes");
    assert!(large.told(cluster).contains("has the encryption licence `3des-aes`"), "F20");
    large.0[2].permanent("clustering=8");
    large.0[2].ring.reload();
    assert_eq!(large.told(cluster), "formed");

    for model in ["ASA 5512-X/security-plus", "ASA 5515-X", "ASA 5516-X", "ASA 5545-X (pak)"] {
        assert_eq!(units(model, 2).told(cluster), "formed", "{model}");
        let told = units(model, 3).told(cluster);
        assert!(told.starts_with("3 units are too many for a cluster of "), "{told}");
    }
    for model in ["ASA 5505", "ASA 5520", "ASA 5512-X", "ASA Services Module", "ASA 5506-X"] {
        let reasons = units(model, 2).reasons(cluster);
        let none = |reason: &Reason| matches!(reason, Reason::NoClustering { .. });
        assert!(reasons.iter().all(none) && reasons.len() == 2, "{model}: {reasons:?}");
    }
    assert!(
        units("ASA 5512-X", 2).told(cluster).ends_with("each unit needs the security plus licence")
    );
    assert!(units("ASA 5520", 2).told(cluster).ends_with("ASA 5520/base (9.1)"));
}

/// F37, F28, I4, I5, F41: in numbers, every unit counts down at the same time.
#[test]
fn f37_f41_i4_i5_numbers_count_down_at_once() {
    let mut units = pair("ASA 5520");
    let keys = [
        units.0[0].timed("anyconnect-premium=500", weeks(10)),
        units.0[1].timed("anyconnect-premium=500", weeks(20)),
    ];
    let mut formed = units.form(STANDBY);
    let premium = Feature::AnyconnectPremium;
    assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(750));
    assert_eq!(formed.lasts(0, premium), Some(10), "I4");
    let expired = Event::Expired(keys[0]);
    let events = formed.advance(weeks(10));
    assert_eq!(events, [GroupEvent { at: weeks(10), what: What::Unit(0, expired) }]);
    assert_eq!(formed.left(&keys), [0, 10]);
    // The primary's 2 sessions and the secondary's 500.
    assert_eq!(formed.limit(1, Limit::Anyconnect), Value::Count(502));
    assert_eq!(formed.lasts(1, premium), Some(10), "I5");
    formed.advance(weeks(10));
    assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(4));
    assert_eq!(formed.lasts(0, premium), None);
}

/// F42: a permanent licence and a time-based one.
#[test]
fn f42_permanent_and_time_based() {
    let mut units = pair("ASA 5520");
    units.0[0].permanent("anyconnect-premium=250");
    units.0[1].timed("anyconnect-premium=500", weeks(8));
    let mut formed = units.form(STANDBY);
    assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(750));
    assert_eq!(formed.lasts(0, Feature::AnyconnectPremium), Some(8));
    formed.advance(weeks(8));
    assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(252));
}

/// F38 – F40, I6: enabled or disabled, the primary counts down first.
#[test]
fn f38_f39_f40_i6_the_primary_counts_down_first() {
    for mode in [STANDBY, GroupMode::ActiveActive] {
        let mut units = pair("ASA 5520");
        let keys = [units.0[0].timed(BOTNET, weeks(48)), units.0[1].timed(BOTNET, weeks(48))];
        let mut formed = units.form(mode);
        assert_eq!(formed.lasts(0, Feature::BotnetTrafficFilter), Some(96));
        formed.advance(weeks(20));
        assert_eq!(formed.left(&keys), [28, 48]);
        formed.advance(weeks(30));
        assert_eq!(formed.left(&keys), [0, 46]);
        assert_eq!(formed.lasts(1, Feature::BotnetTrafficFilter), Some(46));
        assert_eq!(formed.botnet(0), Value::Enabled);
        formed.advance(weeks(46));
        assert_eq!(formed.botnet(0), Value::Disabled);
    }
}

/// F43: three units, one after another.
#[test]
fn f43_a_cluster_counts_down_one_after_another() {
    let mut units = units("ASA 5580-20", 3);
    let keys: Vec<_> = [10, 20, 30]
        .into_iter()
        .zip(&mut units.0)
        .map(|(time, unit)| {
            unit.permanent("clustering=8");
            unit.timed(BOTNET, weeks(time))
        })
        .collect();
    let mut formed = units.form(GroupMode::Cluster);
    for (time, left, all) in
        [(0, [10, 20, 30], 60), (5, [5, 20, 30], 55), (10, [0, 15, 30], 45), (25, [0, 0, 20], 20)]
    {
        formed.advance(weeks(time));
        assert_eq!(formed.left(&keys), left);
        assert_eq!(formed.lasts(2, Feature::BotnetTrafficFilter), Some(all));
    }
}

/// F44 – F46: the combined licence stays for 30 days, and not longer.
#[test]
fn f44_f45_f46_thirty_days_of_grace() {
    let mut units = pair("ASA 5520");
    units.0[0].permanent("anyconnect-premium=250");
    let mut formed = units.form(STANDBY);
    formed.group.disconnect();
    formed.advance(days(29));
    assert_eq!(formed.group.grace(), Some(days(1)));
    assert_eq!(formed.limit(1, Limit::Anyconnect), Value::Count(252), "F44");
    formed.advance(days(1));
    assert_eq!(formed.group.grace(), Some(Duration::ZERO));
    assert_eq!(formed.limit(1, Limit::Anyconnect), Value::Count(252), "F46");
    let events = formed.advance(Duration::from_secs(1));
    assert_eq!(events, [GroupEvent { at: Duration::ZERO, what: What::GraceEnded }]);
    assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(250), "F45");
    assert_eq!(formed.limit(1, Limit::Anyconnect), Value::Count(2), "F45");
    formed.restore();
    assert_eq!(formed.limit(1, Limit::Anyconnect), Value::Count(252));
    assert_eq!(formed.advance(days(60)), [], "communication counts anew");
}

/// F47 – F49: restored within 30 days, the time is the primary's.
#[test]
fn f47_f48_f49_restored_within_thirty_days() {
    let (mut formed, keys) = botnet_pair(52, 52);
    let botnet = Feature::BotnetTrafficFilter;
    assert_eq!(formed.lasts(0, botnet), Some(104));
    formed.advance(weeks(10));
    assert_eq!((formed.left(&keys), formed.lasts(0, botnet)), (vec![42, 52], Some(94)));
    formed.group.disconnect();
    formed.units[0].ring.shut_down();
    formed.advance(weeks(4));
    assert_eq!(formed.lasts(1, botnet), Some(90), "F48: down from 94");
    formed.units[0].ring.boot();
    formed.restore();
    assert_eq!((formed.left(&keys), formed.lasts(0, botnet)), (vec![38, 52], Some(90)));
    formed.advance(weeks(1));
    assert_eq!(formed.left(&keys), [37, 52], "and goes on like this");
}

/// F50, F51, F54: restored after more, the time is taken off both: 36 and 46, which are 82.
#[test]
fn f50_f51_f54_restored_after_thirty_days() {
    for in_steps in [false, true] {
        for primary_is_down in [false, true] {
            let (mut formed, keys) = botnet_pair(52, 52);
            formed.advance(weeks(10));
            formed.group.disconnect();
            if primary_is_down {
                formed.units[0].ring.shut_down();
            }
            if in_steps {
                for _ in 0..6 * 7 {
                    formed.advance(days(1));
                }
            } else {
                formed.advance(weeks(6));
            }
            assert_eq!(formed.lasts(1, Feature::BotnetTrafficFilter), Some(46));
            if primary_is_down {
                formed.units[0].ring.boot();
            }
            formed.restore();
            assert_eq!(formed.left(&keys), [36, 46]);
            assert_eq!(formed.lasts(0, Feature::BotnetTrafficFilter), Some(82));
        }
    }
}

/// F52, F53: the primary's licence ends while communication is lost; only then the secondary's
/// counts.
#[test]
fn f52_f53_the_primary_expires_within_thirty_days() {
    let (mut formed, keys) = botnet_pair(2, 52);
    formed.group.disconnect();
    formed.advance(weeks(4));
    formed.restore();
    assert_eq!(formed.left(&keys), [0, 50]);
}

/// F55: the primary's licence ends before the 30 days do, and never goes below nothing.
#[test]
fn f55_the_primary_expires_and_thirty_days_pass() {
    let (mut formed, keys) = botnet_pair(3, 52);
    formed.group.disconnect();
    formed.advance(weeks(6));
    formed.restore();
    assert_eq!(formed.left(&keys), [0, 46]);
}

/// F54: what a secondary owes can be all that it has, and what follows then starts at once.
#[test]
fn f54_b28_what_is_owed_can_end_a_licence() {
    let (mut formed, keys) = botnet_pair(52, 4);
    formed.group.disconnect();
    formed.advance(days(30));
    assert_eq!(formed.units[1].left(keys[1]), weeks(4));
    let events = formed.advance(days(1));
    let expired = What::Unit(1, Event::Expired(keys[1]));
    let expected = [
        GroupEvent { at: Duration::ZERO, what: What::GraceEnded },
        GroupEvent { at: Duration::ZERO, what: expired },
    ];
    assert_eq!(events, expected);
    assert_eq!((formed.botnet(0), formed.botnet(1)), (Value::Enabled, Value::Disabled));
}

/// What was held before communication was restored is not owed when it is lost again (F49, F54).
#[test]
fn f49_f54_losses_do_not_add_up() {
    let (mut formed, keys) = botnet_pair(52, 52);
    formed.group.disconnect();
    formed.advance(weeks(4));
    formed.restore();
    formed.group.disconnect();
    formed.advance(weeks(6));
    formed.restore();
    assert_eq!(formed.left(&keys), [42, 46]);
}

/// What is not sold is the platform's: a pair has it as each unit has, for the same reason.
#[test]
fn f3_what_is_not_sold_keeps_its_reason() {
    let formed = pair("ASA 5520").form(STANDBY);
    let alone = formed.units[0].license();
    for limit in [Limit::FirewallConns, Limit::OtherVpn, Limit::Vlans] {
        assert_eq!(formed.license(1).limit(limit), alone.limit(limit));
    }
    assert_eq!(formed.license(1).limit(Limit::Anyconnect).origin(), Origin::Combined);
}

/// Whoever publishes the licences is told when to look again, and nothing changes before.
#[test]
fn f39_f45_the_next_change_is_told() {
    let (mut formed, _) = botnet_pair(2, 10);
    let next = |formed: &Formed| {
        let rings: Vec<_> = formed.units.iter().map(|unit| &unit.ring).collect();
        formed.group.next_change(&rings)
    };
    assert_eq!(next(&formed), Some(weeks(2)), "the primary's");
    formed.group.disconnect();
    let mut changes = Vec::new();
    while let Some(time) = next(&formed) {
        let before = (formed.license(0), formed.license(1));
        assert_eq!(formed.advance(time.saturating_sub(Duration::from_nanos(1))), []);
        assert_eq!((formed.license(0), formed.license(1)), before);
        let events = formed.advance(Duration::from_nanos(1));
        changes.extend(events.into_iter().map(|event| event.what));
    }
    assert!(matches!(changes[..], [What::Unit(0, _), What::GraceEnded, What::Unit(1, _)]));
}

/// B15, B16, F49: with every unit shut down it is their guide that decides; one that runs is
/// enough for time to count by either.
#[test]
fn b15_b16_f49_a_group_that_is_shut_down() {
    let left = |model, down: &[usize]| {
        let mut units = pair(model);
        let keys = [units.0[0].timed(BOTNET, weeks(52)), units.0[1].timed(BOTNET, weeks(52))];
        let mut formed = units.form(STANDBY);
        formed.group.disconnect();
        down.iter().for_each(|unit| formed.units[*unit].ring.shut_down());
        formed.advance(weeks(4));
        formed.units.iter_mut().for_each(|unit| assert_eq!(unit.ring.boot(), []));
        formed.restore();
        formed.left(&keys)
    };
    for down in [&[0][..], &[1]] {
        assert_eq!(left("ASA 5525-X (9.1)", down), [48, 52]);
        assert_eq!(left("ASA 5525-X (pak)", down), [48, 52]);
    }
    assert_eq!(left("ASA 5525-X (9.1)", &[0, 1]), [48, 52]);
    assert_eq!(left("ASA 5525-X (pak)", &[0, 1]), [52, 52]);
}

/// A reload does not charge a secondary for the time that it waited (B18 with F39).
#[test]
fn b18_f39_a_reload_does_not_charge_what_was_held() {
    let (mut formed, keys) = botnet_pair(52, 52);
    formed.advance(weeks(10));
    for unit in &mut formed.units {
        assert_eq!(unit.ring.reload(), []);
    }
    assert_eq!(formed.left(&keys), [42, 52]);
    // Nor twice for what was taken off when the 30 days ended.
    formed.group.disconnect();
    formed.advance(weeks(6));
    for unit in &mut formed.units {
        assert_eq!(unit.ring.reload(), []);
    }
    assert_eq!(formed.left(&keys), [36, 46]);
}

/// An evaluation key with a number counts at once; one without waits while earlier units have all
/// of its features (our choice).
#[test]
fn f37_f39_evaluation_keys_in_a_pair() {
    let mut units = pair("ASA 5520");
    units.0[0].timed(BOTNET, weeks(10));
    let mixed = units.0[1].timed("botnet-traffic-filter=enabled anyconnect-premium=500", weeks(10));
    let mut formed = units.form(STANDBY);
    formed.advance(weeks(1));
    assert_eq!(in_weeks(formed.units[1].left(mixed)), 9);

    let mut units = pair("ASA 5520");
    units.0[0].timed(BOTNET, weeks(10));
    let both = units.0[1].timed("botnet-traffic-filter=enabled gtp-gprs=enabled", weeks(10));
    let mut formed = units.form(STANDBY);
    formed.advance(weeks(1));
    assert_eq!(in_weeks(formed.units[1].left(both)), 9, "the primary has no GTP/GPRS");
    formed.units[0].timed("gtp-gprs=enabled", weeks(10));
    formed.advance(weeks(1));
    assert_eq!(in_weeks(formed.units[1].left(both)), 9);
}

/// F56: a new licence on either unit counts at once.
#[test]
fn f56_new_licences_without_downtime() {
    let mut formed = pair("ASA 5520").form(STANDBY);
    for (unit, sessions) in [(0, 102), (1, 200)] {
        formed.units[unit].permanent("anyconnect-premium=100");
        assert_eq!(formed.limit(0, Limit::Anyconnect), Value::Count(sessions));
    }
}

/// A permanent licence on any unit makes the combined one last for ever.
#[test]
fn i6_permanent_on_any_unit_lasts() {
    let mut units = pair("ASA 5520");
    units.0[0].timed("gtp-gprs=enabled", weeks(8));
    units.0[1].permanent("gtp-gprs=enabled");
    let formed = units.form(STANDBY);
    assert_eq!(formed.lasts(0, Feature::GtpGprs), None);
    assert_eq!(GRACE, days(30));
}

/// A group that was stored goes on where it was.
#[test]
fn a_stored_group_goes_on() {
    let (mut formed, keys) = botnet_pair(52, 52);
    formed.group.disconnect();
    formed.advance(weeks(4));
    formed.group = Group::restore(formed.group.mode(), formed.group.link());
    formed.advance(weeks(2));
    assert_eq!(formed.left(&keys), [46, 46]);
    assert_eq!(formed.group.link(), Link::Separate);
    let late = Group::restore(STANDBY, Link::Grace(GRACE + days(1)));
    assert_eq!(late.link(), Link::Separate);
}
