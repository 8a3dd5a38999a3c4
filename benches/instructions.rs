//! A few loops for `scripts/instructions`, which counts what the processor is told to do in them.
//!
//! ```text
//! instructions CASE COUNT
//! ```
//!
//! does COUNT operations of one case on one thread; `instructions` alone names the cases and does
//! a few operations of each.

use std::hint::black_box;
use std::mem::forget;

use tollgate::measure::{
    Contestant, Floor, Handle, SharedWord, Site, Terms, TollgateConnections, TollgateCounter,
    TollgateVpn,
};

const LIMIT: u64 = 10_000;

/// What is done so many times, with so many units in use before.
#[derive(Clone, Copy)]
enum Loop {
    Pairs { in_use: u64 },
    Refusals,
}

const FAR: Loop = Loop::Pairs { in_use: 0 };
const LAST: Loop = Loop::Pairs { in_use: LIMIT - 100 };

fn run<C: Contestant>(what: Loop, count: u64) {
    let terms = Terms { limit: LIMIT, threads: 1, entry: Site::largest().entry };
    let mut handle = C::new(&terms).handle(0);
    let in_use = match what {
        Loop::Pairs { in_use } => in_use,
        Loop::Refusals => LIMIT,
    };
    for _ in 0..in_use {
        forget(handle.admit().expect("room"));
    }
    for _ in 0..count {
        let unit = black_box(&mut handle).admit();
        match (black_box(unit.is_some()), unit) {
            (true, Some(unit)) => handle.release(unit),
            _ => assert!(matches!(what, Loop::Refusals), "refused below the limit"),
        }
    }
}

type Case = (&'static str, fn(u64));

const CASES: [Case; 13] = [
    ("pair/floor", |count| run::<Floor>(FAR, count)),
    ("pair/shared-word", |count| run::<SharedWord>(FAR, count)),
    ("pair/tollgate-counter", |count| run::<TollgateCounter>(FAR, count)),
    ("pair/tollgate", |count| run::<TollgateConnections>(FAR, count)),
    ("refusal/floor", |count| run::<Floor>(Loop::Refusals, count)),
    ("refusal/shared-word", |count| run::<SharedWord>(Loop::Refusals, count)),
    ("refusal/tollgate-counter", |count| run::<TollgateCounter>(Loop::Refusals, count)),
    ("refusal/tollgate", |count| run::<TollgateConnections>(Loop::Refusals, count)),
    ("last-100/shared-word", |count| run::<SharedWord>(LAST, count)),
    ("last-100/tollgate-counter", |count| run::<TollgateCounter>(LAST, count)),
    ("last-100/tollgate", |count| run::<TollgateConnections>(LAST, count)),
    ("two-limits/tollgate-vpn", |count| run::<TollgateVpn>(FAR, count)),
    ("refusal/tollgate-vpn", |count| run::<TollgateVpn>(Loop::Refusals, count)),
];

fn main() {
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    match &args[..] {
        [] => CASES.iter().for_each(|(name, run)| {
            run(100);
            println!("{name}");
        }),
        [case, count] => {
            let found = CASES.iter().find(|(name, _)| name == case);
            let count = count.parse().expect("a number of operations");
            found.expect("a case").1(count);
        }
        _ => panic!("a case and a number of operations, or nothing"),
    }
}
