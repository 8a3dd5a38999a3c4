//! Nothing allocates after the start: a counting allocator looks at every path of admission,
//! release and refusal.
//!
//! It counts what the calling thread allocates or frees, so each test counts for itself. A debug
//! build of the gate keeps a record of every token that is out, which allocates: there the gate's
//! own tests are ignored, and `.ci/run` runs this file in release mode. Counters keep no record
//! and are looked at in both.

use allocation_counter::measure;
use tollgate::catalogue::{self, Feature, Value};
use tollgate::gate::counter::{Counter, Layout};
use tollgate::gate::{Fence, Gate, Host, HostPair, Worker, Zone};
use tollgate::license::{Kind, Limit, RunningLicense, Unit};

/// Fails unless `work` neither allocates nor frees.
#[track_caller]
fn allocates_nothing<R>(what: &str, work: impl FnOnce() -> R) -> R {
    let mut result = None;
    let counted = measure(|| result = Some(work()));
    assert_eq!((counted.count_total, counted.count_current), (0, 0), "{what}: {counted:?}");
    result.expect("the work was done")
}

#[test]
fn the_allocator_counts() {
    let counted = measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!((counted.count_total, counted.count_current), (1, 0));
    let kept = Box::new(1);
    assert_eq!(measure(|| drop(std::hint::black_box(kept))).count_current, -1);
}

/// Small shares, so that epochs open and close all the time.
fn small(cells: usize, fence: Fence) -> Layout {
    Layout { cells, smallest_share: 1, begin_share: 1, epoch_bits: 3, patience: 0, fence }
}

/// Two seats fill and empty a counter one by one and in bursts, refusals and limits between.
fn fill_and_empty(counter: &Counter, limit: u64) {
    let mut seats = [counter.seat(), counter.seat()];
    let name = format!("{counter:?}");
    allocates_nothing(&name, || {
        for _ in 0..50 {
            for unit in 0..limit {
                assert!(seats[usize::from(unit % 2 == 0)].admit());
            }
            assert!(!seats[0].admit() && !seats[1].admit_all(2) && seats[0].admit_up_to(3) == 0);
            assert!(!counter.admit());
            for unit in 0..limit {
                assert!(seats[usize::from(unit % 3 == 0)].release(1));
            }
            assert!(seats[0].admit_all(limit) && counter.release(limit));
            assert_eq!(seats[1].admit_up_to(limit + 1), limit);
            counter.set_limit(limit / 2);
            assert!(!seats[0].admit());
            assert!(seats[0].release(limit));
            counter.set_limit(limit);
            assert!(counter.admit() && counter.release(1));
        }
        assert_eq!(counter.usage().in_use, 0);
    });
}

#[test]
fn a_counter_allocates_nothing_through_epochs_that_open_and_close() {
    for fence in [Fence::best(), Fence::Full] {
        for cells in [0, 1, 2] {
            fill_and_empty(&Counter::with_layout(100, small(cells, fence)), 100);
        }
    }
    fill_and_empty(&Counter::new(10_000), 10_000);
    fill_and_empty(&Counter::new(3), 3);
}

/// Only a new seat allocates nothing either: cells are there from the start.
#[test]
fn a_worker_that_comes_and_goes_allocates_nothing_at_the_counter() {
    let counter = Counter::with_layout(100, small(2, Fence::best()));
    // The list of vacant cells has its room by then.
    drop([counter.seat(), counter.seat(), counter.seat()]);
    allocates_nothing("seats", || {
        for _ in 0..100 {
            let mut seats = [counter.seat(), counter.seat(), counter.seat()];
            assert!(seats.iter_mut().all(|seat| seat.admit() && seat.release(1)));
        }
    });
}

fn gate(model: &str, limits: &[(Limit, u32)]) -> Gate {
    let mut unit = Unit::new(catalogue::find(model, None, None).expect("a model of the guides"));
    if model == "ASA 5520" {
        unit.add(Feature::AnyconnectPremium, Value::Count(750)).expect("a licence of the model");
    }
    limits.iter().for_each(|(limit, units)| unit.restrict(*limit, *units));
    Gate::new(RunningLicense::of(&unit))
}

/// Every kind that can be admitted, with a flood of refusals of each that has a limit in reach.
fn every_kind(worker: &mut Worker) {
    for kind in Kind::ALL {
        let mut tokens = [const { None }; 64];
        for token in &mut tokens {
            *token = worker.admit(kind).ok();
        }
        tokens.into_iter().flatten().for_each(|token| worker.release(token));
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a debug build records every token: run it with --release")]
fn a_gate_allocates_nothing() {
    let small: Vec<_> = Limit::ALL.into_iter().map(|limit| (limit, 20)).collect();
    for limits in [&[][..], &small] {
        for gate in ["ASA 5520", "ASA 5580-40", "ASA 5506-X"].map(|model| gate(model, limits)) {
            let mut worker = gate.worker();
            allocates_nothing("every kind", || every_kind(&mut worker));
            assert!(gate.audit().is_idle());
        }
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a debug build records every token: run it with --release")]
fn a_gate_allocates_nothing_while_connections_fill_it() {
    let gate = gate("ASA 5520", &[(Limit::FirewallConns, 5_000)]);
    let mut workers = [gate.worker(), gate.worker()];
    let mut tokens = Vec::with_capacity(5_000);
    for _ in 0..3 {
        let refused = allocates_nothing("connections", || {
            let connect = |turn: usize| workers[turn % 2].admit(Kind::Connection);
            let mut verdicts = (0..6_000).map(connect);
            tokens.extend(verdicts.by_ref().map_while(Result::ok));
            verdicts.filter(Result::is_err).count()
        });
        assert_eq!((tokens.len(), refused), (5_000, 999), "one was refused to end the filling");
        allocates_nothing("releases", || {
            tokens.drain(..).for_each(|token| workers[0].release(token));
        });
    }
    assert!(gate.audit().is_idle());
}

fn pair(inside: u8) -> HostPair {
    HostPair {
        source: Host { address: [10, 0, 0, inside].into(), zone: Zone::Inside },
        destination: Host { address: [198, 51, 100, 1].into(), zone: Zone::Outside },
    }
}

/// Hosts have their room from the start: as many as the model's limit of connections can bring.
#[test]
#[cfg_attr(debug_assertions, ignore = "a debug build records every token: run it with --release")]
fn inside_hosts_come_and_go_without_an_allocation() {
    let gate = gate("ASA 5505", &[]);
    let mut worker = gate.worker();
    let mut tokens = Vec::with_capacity(1_000);
    allocates_nothing("hosts", || {
        for first in (0..200).step_by(10) {
            for inside in first..first + 20 {
                tokens.extend(worker.admit_connection(&pair(inside)));
                tokens.extend(worker.admit_connection(&pair(first)));
            }
            assert_eq!(tokens.len(), 30, "ten hosts are allowed, each request of another refused");
            tokens.drain(..).for_each(|token| worker.release(token));
        }
    });
    tokens.extend((0..10).flat_map(|inside| worker.admit_connection(&pair(inside))));
    allocates_nothing("more refused hosts than there is room for", || {
        assert!((0..100_000).all(|_| worker.admit_connection(&pair(10)).is_err()));
    });
    tokens.into_iter().for_each(|token| worker.release(token));
    assert!(gate.audit().is_idle());
}

/// What a counter for so many workers has allocated once they have come, in bytes.
fn bytes(limit: u64, workers: usize) -> u64 {
    let layout = Layout { cells: workers, ..Layout::production() };
    let mut counter = None;
    let built = measure(|| counter = Some(Counter::with_layout(limit, layout)));
    drop(counter);
    built.bytes_current.cast_unsigned()
}

/// 128 bytes a worker, and eight to find its place among those that nobody has.
#[test]
fn a_large_limit_costs_128_bytes_a_worker_and_a_word() {
    const WORKERS: u64 = 100;
    let [one, more] = [1, 1 + WORKERS].map(|workers| {
        let workers = usize::try_from(workers).expect("small");
        assert_eq!(bytes(1, workers), bytes(16_000_000, workers), "whatever the limit");
        bytes(16_000_000, workers)
    });
    let each = (more - one) / WORKERS;
    assert!((128..=136).contains(&each), "{each} bytes a worker");
}

/// An unlimited number of hosts: each connection of the larger tier brings in one of its own.
#[test]
#[cfg_attr(debug_assertions, ignore = "a debug build records every token: run it with --release")]
fn as_many_hosts_as_connections_have_their_room() {
    let entry = catalogue::find("ASA 5505", Some("Security Plus"), None).expect("a model");
    let mut unit = Unit::new(entry);
    unit.add(Feature::InsideHosts, Value::Unlimited).expect("a licence of the model");
    let gate = Gate::new(RunningLicense::of(&unit));
    let mut worker = gate.worker();
    let mut tokens = Vec::with_capacity(25_000);
    let mut hosts = (0..u32::MAX).map(|host| HostPair {
        source: Host { address: (0x0A00_0000 | host).to_be_bytes().into(), zone: Zone::Inside },
        ..pair(0)
    });
    allocates_nothing("hosts", || {
        let connect = |pair| worker.admit_connection(&pair);
        tokens.extend(hosts.by_ref().take(25_000).map(connect).map_while(Result::ok));
    });
    assert_eq!(tokens.len(), 25_000);
    allocates_nothing("releases", || {
        tokens.drain(..).for_each(|token| worker.release(token));
    });
    assert!(gate.audit().is_idle());
}
