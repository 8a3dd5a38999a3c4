//! Shared licensing in a simulated network: one server, one backup and up to 50 participants, under
//! loss, duplication, reordering, partitions, crashes and clock jumps.
//!
//! Everything follows from a seed: the units, the script of what happens to them, and what the
//! network does to every message. After every step the invariants of `pool` are checked; at the end
//! the network heals, and everyone who asks is served. A seed that fails prints the shortest script
//! that was found to fail the same way.
//!
//! `TOLLGATE_POOL_SEED=N` runs one seed and prints its script; with `TOLLGATE_POOL_TRACE=1` every
//! message that arrives and every event as well. The long run:
//! `TOLLGATE_POOL_SEEDS=20000 cargo test --release --test pool -- --ignored --nocapture`.

mod check;
mod claims;
mod node;
mod random;
mod rules;
mod script;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use script::Script;
use world::World;

/// How long a shorter script is looked for.
const SHORTENING: Duration = Duration::from_secs(10);

/// Runs a script; what went wrong, if something did.
fn run(script: &Script) -> Result<world::Figures, String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| World::new(script).run()));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

/// Leaves out what can be left out of a script that fails.
fn shorten(script: &Script) -> Script {
    let mut script = script.clone();
    let mut part = script.acts.len() / 2;
    let began = Instant::now();
    let in_time = || began.elapsed() < SHORTENING;
    while part > 0 && in_time() {
        let mut from = 0;
        while from < script.acts.len() && in_time() {
            let mut shorter = script.clone();
            shorter.acts.drain(from..(from + part).min(script.acts.len()));
            if run(&shorter).is_err() {
                script = shorter;
            } else {
                from += part;
            }
        }
        part /= 2;
    }
    script
}

fn seeds(range: std::ops::Range<u64>) -> world::Figures {
    let mut all = world::Figures::default();
    for seed in range {
        let script = Script::of(seed);
        if let Ok(figures) = run(&script) {
            all.add(&figures);
        } else {
            let shortest = shorten(&script);
            let why = run(&shortest).expect_err("it failed before");
            panic!("seed {seed}: {why}\n{shortest}");
        }
    }
    all
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn hundreds_of_seeds() {
    if let Some(seed) = number("TOLLGATE_POOL_SEED") {
        println!("{}", Script::of(seed));
        println!("{:#?}", seeds(seed..seed + 1));
        return;
    }
    let figures = seeds(0..200);
    println!("{figures:#?}");
    figures.assert_everything_happened();
}

#[test]
#[ignore = "minutes: the long test set"]
fn thousands_of_seeds() {
    let seeds_to_run = number("TOLLGATE_POOL_SEEDS").unwrap_or(5_000);
    let figures = seeds(1_000_000..1_000_000 + seeds_to_run);
    println!("{figures:#?}");
}
