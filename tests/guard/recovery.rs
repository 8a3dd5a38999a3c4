//! What goes wrong leaks nothing: kills, lost news, packets that are dropped behind the guard,
//! connections that pass by it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::process::{Guard, limit};
use crate::site::{Place, SERVER, Site};
use crate::traffic::{Server, datagram, heard, open, reset, silent};

#[test]
fn a_killed_guard_starts_again_with_what_is_alive() {
    let Some(site) = Site::new() else { return };
    let arguments = "--queue 0-1 --model 5505 --set firewall-conns=50";
    let guard = Guard::start(&site, arguments);
    let server = Server::start(&site, 80);
    let mut first = open(&site, &[2, 3], 40, server.address());
    assert_eq!(first.through.len(), 40);
    guard.kill();
    // Its rules are there and nobody judges: nothing new passes.
    assert_eq!(open(&site, &[2], 2, server.address()).through.len(), 0);
    reset(first.through.drain(..5));
    site.wait_for_entries(35);
    let guard = Guard::start(&site, arguments);
    assert!(guard.errors().contains("ready; 35 connections alive"), "{}", guard.errors());
    let second = open(&site, &[2, 3], 20, server.address());
    assert_eq!(second.through.len(), 15);
    assert_eq!(site.entries(), 50);
    reset(first.through.into_iter().chain(second.through));
    drop(second.waiting);
    guard.wait_until_idle();
    let end = guard.end();
    assert_eq!(end.report["connections"]["adopted"], 35);
    let rules = site.run(Place::Router, "iptables -w -t security -S FORWARD");
    assert_eq!(rules.trim(), "-P FORWARD ACCEPT", "one rule, not two, which is gone");
}

/// The rules in the router's table `security`.
fn rules(site: &Site) -> Vec<String> {
    let listed = ["iptables", "ip6tables"]
        .map(|program| site.run(Place::Router, &format!("{program} -w -t security -S FORWARD")));
    listed.iter().flat_map(|it| it.lines()).map(str::to_owned).collect()
}

#[test]
fn the_next_guard_takes_over_whatever_rules_the_last_one_left() {
    let Some(site) = Site::new() else { return };
    let server = Server::start(&site, 80);
    let other = "iptables -w -t security -A FORWARD -p tcp --dport 81 -j ACCEPT";
    site.run(Place::Router, other);
    for (killed, next) in [
        ("--queue 0-3 --model 5520", "--queue 2 --model 5520 --fail-open"),
        ("--queue 1 --model 5520 --fail-open", "--queue 0-1 --model 5520"),
    ] {
        Guard::start(&site, killed).kill();
        let guard = Guard::start(&site, next);
        let there = rules(&site);
        let mine: Vec<_> = there.iter().filter(|rule| rule.contains("tollgate guard")).collect();
        assert_eq!(mine.len(), 2, "{there:#?}");
        for rule in mine {
            assert_eq!(rule.contains("--queue-bypass"), next.contains("--fail-open"), "{rule}");
        }
        let opened = open(&site, &[2, 3], 20, server.address());
        assert_eq!(opened.through.len(), 20);
        reset(opened.through);
        guard.wait_until_idle();
        let _end = guard.end();
        assert_eq!(rules(&site).len(), 3, "the chains and what is nobody's of theirs");
    }
}

#[test]
fn a_stream_that_nobody_answers_goes_on_without_a_guard() {
    let Some(site) = Site::new() else { return };
    site.set(Place::Router, "net.netfilter.nf_conntrack_udp_timeout", "30");
    let guard = Guard::start(&site, "--model 5505 --set firewall-conns=1");
    let (to, port) = (SocketAddr::from((SERVER, 514)), 5_000);
    let outside = silent(&site, 514);
    // The others when the first one has passed: until then it is not in progress.
    for count in [1, 9] {
        (0..count).for_each(|_| datagram(&site, 2, port, to));
        assert_eq!(heard(&outside), count);
    }
    let status = guard.wait_for_status("", |_| true);
    assert_eq!(status["packets"]["judged"], 1, "the others are of a connection in progress");
    datagram(&site, 3, port, to);
    assert_eq!(heard(&outside), 0, "beyond the limit");
    guard.kill();
    datagram(&site, 2, port, to);
    datagram(&site, 3, port, to);
    assert_eq!(heard(&outside), 1, "what is in progress goes on, and nothing new");
    let guard = Guard::start(&site, "--model 5505 --set firewall-conns=1");
    datagram(&site, 2, port, to);
    datagram(&site, 3, port, to);
    assert_eq!(heard(&outside), 1);
    let end = guard.end();
    assert_eq!(end.report["connections"]["adopted"], 1, "{}", end.report);
    assert_eq!(limit(&end.report, "firewall-conns")["refused"], 1, "{}", end.report);
}

#[test]
fn a_guard_goes_on_when_nobody_reads_what_it_says() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start_unheard(&site, "--model 5505 --set firewall-conns=5");
    let server = Server::start(&site, 80);
    guard.signal(nix::sys::signal::Signal::SIGHUP);
    let opened = open(&site, &[2, 3], 10, server.address());
    assert_eq!(opened.through.len(), 5);
    let refused = guard
        .wait_for_status("it goes on", |status| limit(status, "firewall-conns")["in_use"] == 5);
    assert!(limit(&refused, "firewall-conns")["refused"].as_u64() >= Some(5), "{refused}");
    reset(opened.through);
    drop(opened.waiting);
    guard.wait_until_idle();
    let _end = guard.end();
    assert_eq!(rules(&site).len(), 2, "only the chains are left");
}

#[test]
fn more_alive_than_allowed_at_the_start_go_on_and_nothing_is_admitted_until_they_have_gone() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start(&site, "--model 5505 --set firewall-conns=20");
    let server = Server::start(&site, 80);
    let mut opened = open(&site, &[2, 3], 20, server.address());
    guard.kill();
    let guard = Guard::start(&site, "--model 5505 --set firewall-conns=10");
    assert_eq!(open(&site, &[2], 1, server.address()).through.len(), 0);
    reset(opened.through.drain(..10));
    let in_use = |count: u64| {
        move |status: &serde_json::Value| limit(status, "firewall-conns")["in_use"] == count
    };
    guard.wait_for_status("10 of 10", in_use(10));
    assert_eq!(open(&site, &[2], 1, server.address()).through.len(), 0);
    reset(opened.through.drain(..1));
    guard.wait_for_status("9 of 10", in_use(9));
    let last = open(&site, &[2], 2, server.address());
    assert_eq!(last.through.len(), 1);
    reset(opened.through.into_iter().chain(last.through));
    drop(last.waiting);
    guard.wait_until_idle();
}

#[test]
fn failing_open_lets_pass_what_nobody_judges_and_counts_it_afterwards() {
    let Some(site) = Site::new() else { return };
    let arguments = "--queue 0-1 --model 5505 --set firewall-conns=20 --fail-open";
    let guard = Guard::start(&site, arguments);
    let server = Server::start(&site, 80);
    guard.kill();
    let passed_by = open(&site, &[2, 3], 25, server.address());
    assert_eq!(passed_by.through.len(), 25, "nobody judges");
    let guard = Guard::start(&site, arguments);
    let status = guard.wait_for_status("", |_| true);
    assert_eq!(limit(&status, "firewall-conns")["in_use"], 25);
    assert_eq!(open(&site, &[2], 1, server.address()).through.len(), 0);
    // Nobody listened when they began, so that their ends may be told by no event.
    reset(passed_by.through);
    guard.wait_until_idle();
    let _end = guard.end();
}

#[test]
fn connections_that_pass_by_the_queue_are_counted() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start(&site, "--model 5505 --set firewall-conns=20");
    let server = Server::start(&site, 80);
    let accept = "iptables -w -t security -I FORWARD -p tcp --dport 80 -j ACCEPT";
    site.run(Place::Router, accept);
    let passed_by = open(&site, &[2, 3], 25, server.address());
    assert_eq!(passed_by.through.len(), 25);
    site.run(Place::Router, &accept.replace("-I", "-D"));
    guard.wait_for_status("25 of 20", |status| {
        limit(status, "firewall-conns")["in_use"] == 25 && status["connections"]["unasked"] == 25
    });
    assert_eq!(open(&site, &[2], 1, server.address()).through.len(), 0);
    reset(passed_by.through);
    guard.wait_until_idle();
}

#[test]
fn what_is_dropped_behind_the_guard_gives_its_unit_back() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start(&site, "--queue 0-1 --model 5505 --set firewall-conns=20");
    let server = Server::start(&site, 80);
    let drop_behind = "iptables -w -t mangle -A POSTROUTING -p udp --dport 9 -j DROP";
    site.run(Place::Router, drop_behind);
    for port in 0..20 {
        datagram(&site, 2, 5_000 + port, SocketAddr::from((SERVER, 9)));
    }
    guard.wait_for_status("20 let through", |status| {
        limit(status, "firewall-conns")["admitted"] == 20
    });
    assert_eq!(site.entries(), 0, "they never came to be");
    guard.wait_until_idle();
    let opened = open(&site, &[2], 21, server.address());
    assert_eq!(opened.through.len(), 20);
    reset(opened.through);
    drop(opened.waiting);
    guard.wait_until_idle();
    let end = guard.end();
    assert_eq!(end.report["connections"]["unconfirmed"], 20);
}

#[test]
fn lost_news_leak_nothing() {
    let Some(site) = Site::new() else { return };
    // Room for a few events: the kernel has more at once.
    let arguments = "--queue 0-1 --model 5520 --event-buffer 4096";
    let guard = Guard::start(&site, arguments);
    let server = Server::start(&site, 80);
    let mut opened = open(&site, &[2, 3, 4, 5], 3_000, server.address());
    assert_eq!(opened.through.len(), 3_000);
    reset(opened.through.drain(..));
    // All of them are forgotten at once.
    std::thread::sleep(Duration::from_millis(300));
    let _some = site.attempt(Place::Router, "conntrack -F");
    let idle = guard.wait_until_idle();
    assert!(idle["overflows"].as_u64().unwrap() > 0, "nothing was lost: {idle}");
    let opened = open(&site, &[2], 10, server.address());
    assert_eq!(opened.through.len(), 10);
    reset(opened.through);
    guard.wait_until_idle();
    let _end = guard.end();
}

#[test]
fn addresses_and_ports_that_are_used_again_at_once_are_a_connection_each() {
    let Some(site) = Site::new() else { return };
    site.set(Place::Router, "net.netfilter.nf_conntrack_tcp_timeout_close", "10");
    let guard = Guard::start(&site, "--queue 0-1 --model 5505 --set firewall-conns=3");
    let server = Server::start(&site, 80);
    // A SYN on a connection that was reset makes conntrack end its entry and begin the next.
    let to = server.address();
    for round in 0..100 {
        let connected = site.enter(Place::Inside, || crate::traffic::connect_from(2, 6_000, to));
        reset([connected.unwrap_or_else(|error| panic!("round {round}: {error}"))]);
    }
    let status = guard.wait_for_status("", |_| true);
    let connections = limit(&status, "firewall-conns");
    assert_eq!((&connections["peak"], &connections["refused"]), (&1.into(), &0.into()), "{status}");
    guard.wait_until_idle();
    let end = guard.end();
    for what in ["unasked", "vanished"] {
        assert_eq!(end.report["connections"][what], 0, "{}", end.report);
    }
}
