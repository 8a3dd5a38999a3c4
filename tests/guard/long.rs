//! A hundred thousand real connections, with kills and restarts in between.

use std::time::{Duration, Instant};

use crate::process::{Guard, limit};
use crate::site::{Place, Site};
use crate::traffic::{Churn, Closer};

/// Connections that are opened and ended.
const CONNECTIONS: u64 = 100_000;

/// Times that the guard is killed meanwhile.
const KILLS: u64 = 10;

#[test]
#[ignore = "minutes: a hundred thousand real connections"]
fn a_long_run_with_kills_leaks_no_unit() {
    let Some(site) = Site::new() else { return };
    // Entries begin with their events whoever listens: while the guard starts again, nobody does.
    site.set(Place::Router, "net.netfilter.nf_conntrack_events", "1");
    let connections = std::env::var("TOLLGATE_GUARD_CONNECTIONS");
    let connections = connections.map_or(CONNECTIONS, |count| count.parse().expect("a number"));
    let arguments = "--queue 0-1 --model 5505 --tier security-plus --add inside-hosts=unlimited \
                     --reconcile 5";
    let server = Closer::start(&site, 80);
    let begun = Instant::now();
    let mut guard = Guard::start(&site, arguments);
    let churn = Churn::start(&site, &[2, 3, 4, 5, 6, 7, 8, 9], 32, server.address());
    for kill in 1..=KILLS {
        let enough = connections * kill / (KILLS + 1);
        guard.wait_for("connections are made", |_| {
            std::thread::sleep(Duration::from_millis(50));
            churn.count() >= enough || begun.elapsed() > Duration::from_secs(50 * kill)
        });
        guard.kill();
        guard = Guard::start(&site, arguments);
    }
    guard.wait_for("connections are made", |_| churn.count() >= connections);
    let (made, took) = (churn.end(), begun.elapsed());
    guard.wait_until_idle();
    let entries = site.entries();
    let end = guard.end();
    eprintln!(
        "{made} connections in {:.0} s with {KILLS} kills; in use at the end: {}, in conntrack: \
         {entries}; unasked {}, vanished {}, unconfirmed {}",
        took.as_secs_f64(),
        limit(&end.report, "firewall-conns")["in_use"],
        end.report["connections"]["unasked"],
        end.report["connections"]["vanished"],
        end.report["connections"]["unconfirmed"],
    );
    assert!(made >= connections);
    assert_eq!((&limit(&end.report, "firewall-conns")["in_use"], entries), (&0.into(), 0));
}
