//! Admission and release of every kind, beside the floor: a plain thread-local counter.
//!
//! ```text
//! cargo bench --bench gate
//! ```

use std::cell::Cell;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tollgate::catalogue;
use tollgate::gate::{Gate, Host, HostPair, Zone};
use tollgate::license::{Kind, Limit, RunningLicense, Unit};

/// A gate on which every kind has room: the model of the 9.1 guide with the most licences.
fn roomy() -> Gate {
    let unit = unit("ASA 5585-X with SSP-60");
    Gate::new(RunningLicense::of(&unit).without_limits())
}

fn unit(model: &str) -> Unit {
    Unit::new(catalogue::find(model, None, None).expect("a model of the guides"))
}

thread_local! {
    static FLOOR: Cell<u64> = const { Cell::new(0) };
}

/// What no admission control can be cheaper than: compare with a limit, add one, take one off.
fn floor(c: &mut Criterion) {
    c.bench_function("pair/floor", |b| {
        b.iter(|| {
            let admitted = FLOOR.with(|used| {
                let room = used.get() < black_box(10_000_000);
                used.set(used.get() + u64::from(room));
                room
            });
            if black_box(admitted) {
                FLOOR.with(|used| used.set(used.get() - 1));
            }
        });
    });
}

fn pairs(c: &mut Criterion) {
    let gate = roomy();
    let mut worker = gate.worker();
    for kind in Kind::ALL {
        c.bench_function(&format!("pair/{kind}"), |b| {
            b.iter(|| {
                let token = worker.admit(black_box(kind)).expect("room");
                worker.release(black_box(token));
            });
        });
    }
    c.bench_function("permit/clientless", |b| {
        b.iter(|| drop(black_box(gate.reserve(black_box(Kind::Clientless)))));
    });
}

/// The ASA 5505: a connection of a host that is counted already, and of one that is new.
fn hosts(c: &mut Criterion) {
    let gate = Gate::new(RunningLicense::of(&unit("ASA 5505")));
    let mut worker = gate.worker();
    let host = |last, zone| Host { address: [10, 0, 0, last].into(), zone };
    let pair = HostPair { source: host(1, Zone::Inside), destination: host(2, Zone::Outside) };
    c.bench_function("pair/conn of a new host", |b| {
        b.iter(|| {
            let token = worker.admit_connection(black_box(&pair)).expect("room");
            worker.release(black_box(token));
        });
    });
    let kept = worker.admit_connection(&pair).expect("room");
    c.bench_function("pair/conn of a counted host", |b| {
        b.iter(|| {
            let token = worker.admit_connection(black_box(&pair)).expect("room");
            worker.release(black_box(token));
        });
    });
    worker.release(kept);
}

fn refusals(c: &mut Criterion) {
    let mut unit = unit("ASA 5520");
    unit.restrict(Limit::FirewallConns, 0);
    let gate = Gate::new(RunningLicense::of(&unit));
    let mut worker = gate.worker();
    c.bench_function("refusal/conn", |b| b.iter(|| worker.admit(black_box(Kind::Connection))));
    c.bench_function("refusal/anyconnect, permit", |b| {
        let held = [gate.reserve(Kind::Anyconnect), gate.reserve(Kind::Anyconnect)];
        b.iter(|| gate.reserve(black_box(Kind::Anyconnect)).is_err());
        drop(held);
    });
}

fn publish(c: &mut Criterion) {
    let gate = Gate::new(RunningLicense::of(&unit("ASA 5520")));
    let license = RunningLicense::of(&unit("ASA 5520"));
    c.bench_function("license/compute", |b| {
        let unit = unit("ASA 5520");
        b.iter(|| RunningLicense::of(black_box(&unit)));
    });
    c.bench_function("publish", |b| b.iter(|| gate.publish(black_box(license.clone()))));
    c.bench_function("usages", |b| b.iter(|| gate.usages()));
    c.bench_function("audit", |b| b.iter(|| gate.audit()));
}

criterion_group!(benches, floor, pairs, hosts, refusals, publish);
criterion_main!(benches);
