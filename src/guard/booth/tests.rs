//! The booth by itself: who is admitted, known, refused, observed, and what is given back.

use super::*;
use crate::catalogue;
use crate::guard::flow::GRACE;
use crate::license::Unit;

fn license(model: &str, connections: u32) -> RunningLicense {
    let mut unit = Unit::new(catalogue::find(model, None, None).unwrap());
    unit.restrict(Limit::FirewallConns, connections);
    RunningLicense::of(&unit)
}

fn tuple(host: u8, port: u16, to: u16) -> FiveTuple {
    FiveTuple {
        protocol: 6,
        source: [10, 0, 0, host].into(),
        destination: [203, 0, 113, 1].into(),
        source_port: port,
        destination_port: to,
    }
}

struct Trial {
    clerk: Clerk,
    now: Millis,
}

impl Trial {
    fn new(license: RunningLicense, settings: Settings) -> Self {
        Self { clerk: Booth::new(license, settings).clerk(), now: 0 }
    }

    fn ask(&mut self, tuple: FiveTuple) -> Answer {
        self.now += 1;
        self.clerk.ask(Key { tuple, zone: 0 }, &tuple, self.now)
    }

    fn end(&mut self, tuple: FiveTuple) -> Option<End> {
        self.clerk.ended(Key { tuple, zone: 0 }, 1, self.now)
    }

    fn line(&self, limit: Limit) -> Line {
        let report = self.clerk.booth().report();
        report.into_iter().find(|line| line.usage.limit == limit).unwrap()
    }

    #[track_caller]
    fn is_idle(&self) {
        let booth = self.clerk.booth();
        assert!(booth.audit().is_clean() && booth.audit().is_idle(), "{}", booth.audit());
        assert_eq!((booth.connections(), booth.till.read().held), (0, 0));
    }
}

#[test]
fn a_connection_is_admitted_once_however_many_of_its_packets_are_asked_for() {
    let mut trial = Trial::new(license("ASA 5520", 1), Settings::default());
    assert_eq!(trial.ask(tuple(1, 1024, 80)), Answer::Admitted);
    assert_eq!(trial.ask(tuple(1, 1024, 80)), Answer::Known);
    assert!(matches!(trial.ask(tuple(1, 1025, 80)), Answer::Refused(_)));
    trial.now += GRACE;
    assert_eq!(trial.end(tuple(1, 1025, 80)), None, "it was refused");
    assert_eq!(trial.end(tuple(1, 1024, 80)), Some(End::Over));
    assert_eq!(trial.ask(tuple(1, 1025, 80)), Answer::Admitted, "it is asked for again");
    assert_eq!(trial.end(tuple(1, 1025, 80)), Some(End::Over));
    trial.is_idle();
}

#[test]
fn the_eleventh_host_is_refused() {
    let mut trial = Trial::new(license("ASA 5505", 100), Settings::default());
    for host in 1..=10 {
        assert_eq!(trial.ask(tuple(host, 1024, 80)), Answer::Admitted);
    }
    let Answer::Refused(refusal) = trial.ask(tuple(11, 1024, 80)) else { panic!("the eleventh") };
    assert_eq!(refusal.limit, Limit::InsideHosts);
    assert_eq!(trial.ask(tuple(10, 1025, 80)), Answer::Admitted, "a host counts once");
    for host in 1..=10 {
        assert_eq!(trial.end(tuple(host, 1024, 80)), Some(End::Over));
    }
    assert_eq!(trial.line(Limit::InsideHosts).usage.in_use, 1);
    assert_eq!(trial.end(tuple(10, 1025, 80)), Some(End::Over));
    trial.is_idle();
}

#[test]
fn what_is_reserved_is_for_who_matches_and_is_never_beyond_the_limit() {
    let reserves = vec!["22/tcp=3".parse().unwrap(), "443/tcp=2".parse().unwrap()];
    let settings = Settings { reserves, ..Settings::default() };
    let mut trial = Trial::new(license("ASA 5505", 10), settings);
    let mut admitted = |to, ports: std::ops::Range<u16>| {
        ports.filter(|port| trial.ask(tuple(1, *port, to)).passes()).count()
    };
    assert_eq!(admitted(80, 1000..1020), 5, "10 less what is reserved");
    assert_eq!(admitted(22, 2000..2010), 3, "its reserve; the other's is not for it");
    assert_eq!(admitted(443, 3000..3010), 2);
    assert_eq!(trial.line(Limit::FirewallConns).usage.in_use, 10);
    assert_eq!(trial.line(Limit::FirewallConns).usage.refused, 15 + 7 + 8);
    // A unit of a reserve that comes back is kept for it again.
    assert_eq!(trial.end(tuple(1, 2000, 22)), Some(End::Over));
    assert!(!trial.ask(tuple(1, 1020, 80)).passes());
    assert!(trial.ask(tuple(1, 2010, 22)).passes());
    // One that is beyond its reserve competes with all others.
    assert_eq!(trial.end(tuple(1, 1000, 80)), Some(End::Over));
    assert!(trial.ask(tuple(1, 2011, 22)).passes());
    assert!(!trial.ask(tuple(1, 1021, 80)).passes());
    let open: Vec<_> = {
        let mut keys = Vec::new();
        trial.clerk.booth().flows.retain(|key, _| {
            keys.push(*key);
            true
        });
        keys
    };
    open.into_iter().for_each(|key| assert_eq!(trial.end(key.tuple), Some(End::Over)));
    trial.is_idle();
}

#[test]
fn an_observer_lets_everything_pass_and_tells_by_how_much_it_was_too_much() {
    let settings = Settings { observe: true, ..Settings::default() };
    let mut trial = Trial::new(license("ASA 5505", 20), settings);
    for host in 1..=12 {
        for port in 0..3 {
            assert!(trial.ask(tuple(host, 1024 + port, 80)).passes());
        }
    }
    // The gate would have admitted 6 hosts with 3 connections each, and 2 of the seventh.
    let conns = trial.line(Limit::FirewallConns);
    assert_eq!((conns.usage.in_use, conns.usage.peak, conns.usage.refused), (36, 36, 16));
    assert_eq!(conns.overrun, Some(16));
    let hosts = trial.line(Limit::InsideHosts);
    assert_eq!((hosts.usage.in_use, hosts.overrun), (12, Some(2)));
    for host in 1..=12 {
        for port in 0..3 {
            assert_eq!(trial.end(tuple(host, 1024 + port, 80)), Some(End::Over));
        }
    }
    trial.is_idle();
    assert_eq!(trial.line(Limit::FirewallConns).overrun, Some(16), "the most there was");
    assert!(trial.clerk.booth().gate.audit().is_idle());
}

#[test]
fn what_exists_is_counted_beyond_the_limit_and_nothing_is_admitted_until_it_has_gone() {
    let mut trial = Trial::new(license("ASA 5505", 5), Settings::default());
    let found: Vec<_> = (0..8)
        .map(|port| tuple(1, 1024 + port, 80))
        .map(|tuple| Found { key: Key { tuple, zone: 0 }, tuple, id: 1 })
        .collect();
    assert_eq!(trial.clerk.adopt(&found, 0), 8);
    assert_eq!(trial.clerk.adopt(&found, 0), 0, "they are known");
    for port in 0..4 {
        assert!(!trial.ask(tuple(1, 2000, 80)).passes(), "{} in use", 8 - port);
        assert_eq!(trial.end(tuple(1, 1024 + port, 80)), Some(End::Over));
    }
    assert!(trial.ask(tuple(1, 2000, 80)).passes());
    assert_eq!(trial.line(Limit::FirewallConns).usage.refused, 4);
}

#[test]
fn a_licence_for_less_lets_what_is_there_stay() {
    let mut trial = Trial::new(license("ASA 5505", 10), Settings::default());
    (0..10).for_each(|port| assert!(trial.ask(tuple(1, 1024 + port, 80)).passes()));
    trial.clerk.booth().publish(license("ASA 5505", 5)).unwrap();
    assert_eq!(trial.ask(tuple(1, 1024, 80)), Answer::Known);
    trial.now += GRACE;
    for port in 0..5 {
        assert_eq!(trial.end(tuple(1, 1024 + port, 80)), Some(End::Over));
        assert!(!trial.ask(tuple(1, 2000, 80)).passes());
    }
    assert_eq!(trial.end(tuple(1, 1029, 80)), Some(End::Over));
    assert!(trial.ask(tuple(1, 2000, 80)).passes());
    assert!(trial.clerk.booth().publish(license("ASA 5520", 5)).is_err());
}

#[test]
fn threads_that_ask_for_the_same_connections_admit_each_once() {
    let booth = Booth::new(license("ASA 5520", 500), Settings::default());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut clerk = booth.clerk();
            scope.spawn(move || {
                for port in 0..2_000 {
                    let tuple = tuple(1, port, 80);
                    let _answer = clerk.ask(Key { tuple, zone: 0 }, &tuple, 0);
                }
            });
        }
    });
    let report = booth.report();
    assert_eq!((report[0].usage.in_use, report[0].usage.admitted), (500, 500));
    assert_eq!(booth.connections(), 500);
}

#[test]
fn an_observer_counts_hosts_by_the_licence_in_force() {
    let settings = Settings { observe: true, ..Settings::default() };
    let mut trial = Trial::new(license("ASA 5505", 10), settings);
    trial.ask(tuple(1, 1024, 80));
    assert_eq!(trial.line(Limit::InsideHosts).usage.in_use, 1);
    trial.now += GRACE;
    trial.end(tuple(1, 1024, 80));
    // Without a default route hosts of all interfaces count.
    let mut unit = Unit::new(catalogue::find("ASA 5505", None, None).unwrap());
    unit.configure("default-route", "none").unwrap();
    trial.clerk.booth().publish(RunningLicense::of(&unit)).unwrap();
    trial.ask(tuple(1, 1025, 80));
    assert_eq!(trial.line(Limit::InsideHosts).usage.in_use, 2);
    trial.now += GRACE;
    trial.end(tuple(1, 1025, 80));
    trial.is_idle();
}
