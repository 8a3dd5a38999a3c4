//! Exactly what is licensed gets through.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::Command;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::process::{Guard, Program, limit};
use crate::site::{Place, SERVER, Site};
use crate::traffic::{
    Server, backlogs, carries, datagram, name_server, open, open_to, other_end, reset,
};

const HOSTS: [u8; 10] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

#[test]
fn curl_ping_and_dig_are_a_connection_each_and_end() {
    let Some(site) = Site::new() else { return };
    let folder = TempDir::new().unwrap();
    let nginx = format!(
        "daemon off; master_process off; pid {0}/pid; error_log {0}/log; events {{}} \
         http {{ access_log off; server {{ listen 80; listen [::]:80; return 200 \"hello\\n\"; }} }}",
        folder.path().display()
    );
    fs::write(folder.path().join("conf"), nginx).unwrap();
    let conf = folder.path().join("conf").display().to_string();
    let mut web = site.command(Place::Outside, "nginx");
    let web = Program(web.args(["-c", &conf]).spawn().unwrap());
    name_server(&site);
    let before = site.run(Place::Router, "iptables-save");
    let guard = Guard::start(&site, "--queue 0-1 --model 5505 --tier security-plus");

    for url in ["http://203.0.113.10/", "http://[2001:db8::10]/"] {
        let get = format!("curl -sS -g --retry 5 --retry-connrefused -m 10 {url}");
        assert_eq!(site.run(Place::Inside, &get), "hello\n");
    }
    for address in ["203.0.113.10", "2001:db8::10"] {
        site.run(Place::Inside, &format!("ping -c 2 -i 0.2 -W 5 {address}"));
    }
    let dug = site.run(Place::Inside, "dig @203.0.113.10 +tries=1 +time=5 nowhere.example");
    assert!(dug.contains("status: NXDOMAIN"), "{dug}");
    // Nobody listens there, which an ICMP error says, or a reset: connections all the same.
    datagram(&site, 2, 4_000, SocketAddr::from((SERVER, 9)));
    let nobody = site.attempt(Place::Inside, "curl -sS -m 5 http://203.0.113.10:81/");
    assert_eq!(nobody.status.code(), Some(7), "connection refused, by the server");

    guard.wait_until_idle();
    let end = guard.end();
    drop(web);
    let connections = limit(&end.report, "firewall-conns");
    // Curl may have had to wait for nginx: then it tried several times.
    let admitted = connections["admitted"].as_u64().unwrap();
    assert!(admitted >= 7, "{}", end.report);
    assert_eq!(connections["refused"], 0);
    for what in ["unasked", "vanished"] {
        assert_eq!(end.report["connections"][what], 0, "{}", end.report);
    }
    assert_eq!(end.report["packets"]["unreadable"], 0);
    assert_eq!(site.entries(), 0, "conntrack has none either");
    let after = site.run(Place::Router, "iptables-save");
    let rules = |saved: &str| -> Vec<String> {
        saved.lines().filter(|line| line.starts_with("-A")).map(str::to_owned).collect()
    };
    assert_eq!(rules(&after), rules(&before), "the rules are gone");
}

#[test]
fn ten_inside_hosts_of_an_asa_5505_and_the_eleventh_when_one_is_gone() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start(&site, "--queue 0-1 --model 5505");
    let server = Server::start(&site, 80);
    let hosts: Vec<u8> = (2..14).collect();
    let mut opened = open(&site, &hosts, 12, server.address());
    assert_eq!((opened.through.len(), opened.waiting.len()), (10, 2));
    // A host that counts may have more connections, one that does not may have none.
    let counted = opened.hosts();
    let more = open(&site, &[counted[0], counted[9]], 4, server.address());
    assert_eq!(more.through.len(), 4);
    assert_eq!(limit(&guard.wait_for_status("", |_| true), "inside-hosts")["in_use"], 10);
    assert!(guard.errors().contains("%ASA-4-450001: Deny traffic for protocol 6 src in:10.0.0."));
    // The last connection of a host ends: one that has been waiting takes its place.
    reset([opened.through.swap_remove(1)]);
    opened.wait_for(10);
    assert_eq!((opened.through.len(), opened.waiting.len()), (10, 1));
    reset(opened.through.into_iter().chain(more.through));
    drop(opened.waiting);
    guard.wait_until_idle();
    let end = guard.end();
    let hosts = limit(&end.report, "inside-hosts");
    assert_eq!((&hosts["peak"], &hosts["admitted"]), (&10.into(), &11.into()));
}

#[test]
fn ten_thousand_connections_of_an_asa_5505_and_not_one_more() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start(&site, "--queue 0-1 --model 5505");
    let (_listeners, servers) = backlogs(&site, 3);
    let opened = open_to(&site, &HOSTS, 10_100, &servers);
    assert_eq!((opened.through.len(), opened.waiting.len()), (10_000, 100));
    assert_eq!(site.entries(), 10_000, "the kernel has what was admitted");
    let status = guard.wait_for_status("", |_| true);
    let connections = limit(&status, "firewall-conns");
    assert_eq!((&connections["in_use"], &connections["peak"]), (&10_000.into(), &10_000.into()));
    assert!(
        connections["refused"].as_u64().unwrap() >= 100,
        "each SYN that is sent again is asked"
    );
    assert!(guard.errors().contains("%ASA-3-201011: Connection limit exceeded 10000/10000 for"));
    drop(opened.waiting);
    reset(opened.through);
    guard.wait_until_idle();
    let end = guard.end();
    assert_eq!(end.report["connections"]["unasked"], 0, "{}", end.report);
}

#[test]
fn connections_in_progress_survive_another_licence() {
    let Some(site) = Site::new() else { return };
    let folder = TempDir::new().unwrap();
    let unit = |words: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.current_dir(&folder).args(["--state", "unit"]).args(words.split(' '));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let authority = ["authority", "init", "--file", "authority"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    assert!(command.current_dir(&folder).args(authority).output().unwrap().status.success());
    unit("device init --model 5520 --serial JMX0912K04J --authority authority");
    unit("configure firewall-conns=30");

    let state = folder.path().join("unit").display().to_string();
    let guard = Guard::start(&site, &format!("--queue 0-1 --state {state}"));
    let server = Server::start(&site, 80);
    let mut opened = open(&site, &[2], 35, server.address());
    assert_eq!(opened.through.len(), 30);
    drop(opened.waiting);

    // The changed file is enough.
    unit("configure firewall-conns=20");
    guard.wait_for_status("20 are allowed", |status| {
        limit(status, "firewall-conns")["allowed"] == 20
    });
    let mut accepted = server.accepted();
    for stream in &mut opened.through {
        let mut end = other_end(stream, &mut accepted);
        assert!(carries(stream, &mut end) && carries(&mut end, stream), "it goes on");
        accepted.push(end);
    }
    reset(opened.through.drain(..10));
    guard.wait_for_status("10 have gone", |status| limit(status, "firewall-conns")["in_use"] == 20);
    assert_eq!(open(&site, &[2], 1, server.address()).through.len(), 0, "20 of 20 in use");

    unit("configure firewall-conns=22");
    guard.signal(Signal::SIGHUP);
    guard.wait_for_status("22 are allowed", |status| {
        limit(status, "firewall-conns")["allowed"] == 22
    });
    let more = open(&site, &[2], 5, server.address());
    assert_eq!(more.through.len(), 2);
    drop(more.waiting);
    reset(opened.through.into_iter().chain(more.through));
    guard.wait_until_idle();
    let _end = guard.end();
}

#[test]
fn an_observer_drops_nothing_and_tells_what_it_would_have() {
    let Some(site) = Site::new() else { return };
    let guard = Guard::start(&site, "--queue 0-1 --model 5505 --set firewall-conns=20 --observe");
    let server = Server::start(&site, 80);
    let opened = open(&site, &[2, 3, 4], 33, server.address());
    assert_eq!(opened.through.len(), 33);
    reset(opened.through);
    guard.wait_until_idle();
    let again = open(&site, &[2, 3, 4], 25, server.address());
    assert_eq!(again.through.len(), 25);
    reset(again.through);
    guard.wait_until_idle();
    let end = guard.end();
    let connections = limit(&end.report, "firewall-conns");
    let figures = ["peak", "admitted", "refused", "over_by"].map(|name| &connections[name]);
    assert_eq!(figures, [33, 33 + 25, 13 + 5, 13], "{}", end.report);
    assert_eq!(limit(&end.report, "inside-hosts")["over_by"], 0);

    // Not even when it is killed, so that nobody answers.
    Guard::start(&site, "--model 5505 --set firewall-conns=20 --observe").kill();
    let alone = open(&site, &[2, 3, 4], 25, server.address());
    assert_eq!(alone.through.len(), 25);
    reset(alone.through);
}

#[test]
fn an_operator_can_log_in_when_the_limit_is_reached() {
    let Some(site) = Site::new() else { return };
    let arguments = "--queue 0-1 --model 5505 --set firewall-conns=20 --reserve 22/tcp=5";
    let guard = Guard::start(&site, arguments);
    let (web, shell) = (Server::start(&site, 80), Server::start(&site, 22));
    let everybody = open(&site, &[2, 3], 30, web.address());
    assert_eq!(everybody.through.len(), 15, "5 are kept");
    let operator = open(&site, &[4], 6, shell.address());
    assert_eq!(operator.through.len(), 5, "and not one beyond the limit");
    assert_eq!(site.entries(), 20);
    reset(operator.through.into_iter().chain(everybody.through));
    drop((operator.waiting, everybody.waiting));
    guard.wait_until_idle();
    let end = guard.end();
    assert_eq!(limit(&end.report, "firewall-conns")["peak"], 20);
}

#[test]
fn connections_behind_an_address_translation_are_told_apart() {
    let Some(site) = Site::new() else { return };
    let masquerade = "iptables -w -t nat -A POSTROUTING -o out -j MASQUERADE";
    site.run(Place::Router, masquerade);
    let publish = "iptables -w -t nat -A PREROUTING -i in -d 198.51.100.7 -p tcp --dport 8080 \
                   -j DNAT --to-destination 203.0.113.10:80";
    let publish: Vec<_> = publish.split_whitespace().collect();
    site.run(Place::Router, &publish.join(" "));
    let guard = Guard::start(&site, "--queue 0-1 --model 5505 --set firewall-conns=20");
    let server = Server::start(&site, 80);
    let plain = open(&site, &[2, 3], 8, server.address());
    let other_name = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 8080);
    let translated = open(&site, &[2, 3], 16, other_name);
    assert_eq!((plain.through.len(), translated.through.len()), (8, 12));
    drop(translated.waiting);
    reset(plain.through.into_iter().chain(translated.through));
    guard.wait_until_idle();
    let end = guard.end();
    for what in ["unasked", "vanished"] {
        assert_eq!(end.report["connections"][what], 0, "{}", end.report);
    }
}
