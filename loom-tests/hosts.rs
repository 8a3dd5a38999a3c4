//! Connections with their inside hosts (ASA 5505).

use tollgate::gate::{Gate, Host, HostPair, Zone};
use tollgate::license::{Limit, RunningLicense, Unit};

use crate::explore::{assert_nothing_lost, explore, explore_bounded, license, thread};

const SERVER: Host = host(1, Zone::Outside);

const fn host(last: u8, zone: Zone) -> Host {
    let octets = match zone {
        Zone::Inside => [10, 0, 0, last],
        Zone::Outside => [198, 51, 100, last],
    };
    let [a, b, c, d] = octets;
    Host { address: std::net::IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d)), zone }
}

const fn from(last: u8) -> HostPair {
    HostPair { source: host(last, Zone::Inside), destination: SERVER }
}

const fn between(a: u8, b: u8) -> HostPair {
    HostPair { source: host(a, Zone::Inside), destination: host(b, Zone::Inside) }
}

fn gate(hosts: u32) -> Gate {
    Gate::new(license("ASA 5505", &[(Limit::InsideHosts, hosts)]))
}

/// Without a default route, so that both hosts of a connection count (E60).
fn counting_both(hosts: u32) -> RunningLicense {
    let mut unit = Unit::new(tollgate::catalogue::find("ASA 5505", None, None).expect("a model"));
    unit.configure("default-route", "none").expect("a setting");
    unit.restrict(Limit::InsideHosts, hosts);
    RunningLicense::of(&unit)
}

#[test]
fn never_more_hosts_than_the_limit() {
    explore(|| {
        let gate = gate(1);
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit_connection(&from(2)));
        let mut worker = gate.worker();
        let verdicts = [worker.admit_connection(&from(1)), thread.join().expect("no panic")];
        assert_eq!(verdicts.iter().filter(|verdict| verdict.is_ok()).count(), 1);
        verdicts.into_iter().flatten().for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

/// The last connection of a host ends while another one of it begins: the host is within the limit
/// before, after and in between.
#[test]
fn a_host_that_is_within_the_limit_is_never_refused() {
    explore(|| {
        let gate = gate(1);
        let mut worker = gate.worker();
        let token = worker.admit_connection(&from(1)).expect("the first host");
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit_connection(&from(1)));
        worker.release(token);
        let token = thread.join().expect("no panic").expect("the same host");
        assert_eq!(gate.usage(Limit::InsideHosts).in_use, 1);
        worker.release(token);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn a_host_without_room_for_its_connection_is_not_counted() {
    explore(|| {
        let limits = [(Limit::FirewallConns, 1), (Limit::InsideHosts, 5)];
        let gate = Gate::new(license("ASA 5505", &limits));
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit_connection(&from(2)));
        let mut worker = gate.worker();
        let verdicts = [worker.admit_connection(&from(1)), thread.join().expect("no panic")];
        assert_eq!(gate.usage(Limit::InsideHosts).in_use, 1);
        verdicts.into_iter().flatten().for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

/// Without a default route both hosts count; two connections that name them in opposite order
/// neither block each other for ever nor take a unit too many.
#[test]
fn two_hosts_at_once_all_or_nothing() {
    explore_bounded(3, || {
        let gate = Gate::new(counting_both(2));
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit_connection(&between(2, 1)));
        let mut worker = gate.worker();
        let first = worker.admit_connection(&between(1, 2)).expect("two hosts fit");
        let second = thread.join().expect("no panic").expect("the same two hosts");
        assert!(worker.admit_connection(&between(1, 3)).is_err(), "a third host does not");
        [first, second].into_iter().for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

/// The rule changes between two admissions, never within one.
#[test]
fn the_rule_changes_between_admissions() {
    explore_bounded(3, || {
        let gate = gate(1);
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit_connection(&from(1)));
        gate.publish(counting_both(1)).expect("the same model");
        let mut worker = gate.worker();
        assert!(worker.admit_connection(&from(2)).is_err(), "two hosts and one is allowed");
        let before = thread.join().expect("no panic");
        before.into_iter().for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

/// What has not landed when publish returns is counted by the new rule: both hosts or none.
#[test]
fn an_admission_after_publish_counts_by_the_new_rule() {
    explore_bounded(3, || {
        let gate = gate(2);
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit_connection(&from(1)));
        gate.publish(counting_both(2)).expect("the same model");
        let before = gate.usage(Limit::InsideHosts).in_use;
        let token = thread.join().expect("no panic").expect("two hosts fit");
        let after = gate.usage(Limit::InsideHosts).in_use;
        assert!(after == 2 || before == 1, "{before} before and {after} after");
        gate.worker().release(token);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn two_connections_of_the_same_two_hosts_end_at_once() {
    explore_bounded(3, || {
        let gate = Gate::new(counting_both(2));
        let mut worker = gate.worker();
        let tokens = [between(1, 2), between(2, 1)].map(|pair| worker.admit_connection(&pair));
        let [Ok(first), Ok(second)] = tokens else { panic!("two hosts fit") };
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.release(second));
        worker.release(first);
        thread.join().expect("no panic");
        assert_nothing_lost(&gate);
    });
}

#[test]
fn the_peak_of_hosts_is_one_that_was_reached() {
    explore_bounded(3, || {
        let gate = gate(1);
        let mut worker = gate.worker();
        let thread = thread::spawn(move || {
            let token = worker.admit_connection(&from(1)).expect("one is allowed throughout");
            worker.release(token);
        });
        gate.publish(license("ASA 5505", &[(Limit::InsideHosts, 3)])).expect("the same model");
        thread.join().expect("no panic");
        assert_eq!(gate.usage(Limit::InsideHosts).peak, 1);
        assert_nothing_lost(&gate);
    });
}
