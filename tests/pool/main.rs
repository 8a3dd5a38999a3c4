//! Shared licensing in a simulated network: one server, one backup and up to 50 participants, under
//! loss, duplication, reordering, partitions, crashes and clock jumps.
//!
//! Everything follows from a seed: the units, the script of what happens to them, and what the
//! network does to every message. After every step the invariants of `pool` are checked; at the end
//! the network heals, and everyone who asks is served. A seed is a scenario: one that fails prints the
//! shortest that was found to fail, for `tollgate sim`.
//!
//! `TOLLGATE_POOL_SEED=N` runs one seed and prints its script; with `TOLLGATE_POOL_TRACE=1` every
//! message that arrives and every event as well. The long run, from `TOLLGATE_POOL_FIRST` on:
//! `TOLLGATE_POOL_SEEDS=20000 cargo test --profile loom --test pool -- --ignored --nocapture`.

mod check;
mod claims;
mod rules;
mod script;
mod units;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use script::Script;
use world::{Figures, Run};

/// How long a shorter script is looked for.
const SHORTENING: Duration = Duration::from_secs(10);

/// Runs a script; what went wrong, if something did, with the scenario up to there.
fn run(script: &Script) -> Result<Figures, (String, String)> {
    let mut run = Run::new(&script.setup);
    let outcome = catch_unwind(AssertUnwindSafe(|| run.play(script)));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    });
    outcome.map_err(|why| (why, run.scenario()))
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

/// Runs the scripts of all these seeds, as many at once as there are processors.
fn seeds(range: std::ops::Range<u64>) -> Figures {
    let next = Mutex::new(range);
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut all = Figures::default();
    thread::scope(|scope| {
        let crew: Vec<_> = (0..processors).map(|_| scope.spawn(|| one_by_one(&next))).collect();
        for figures in crew.into_iter().map(ScopedJoinHandle::join) {
            all.add(&figures.unwrap_or_else(|panic| resume_unwind(panic)));
        }
    });
    all
}

fn one_by_one(next: &Mutex<std::ops::Range<u64>>) -> Figures {
    let draw = || next.lock().expect("nobody panics with it in hand").next();
    let mut all = Figures::default();
    while let Some(seed) = draw() {
        if seed % 1_000 == 999 {
            println!("seed {seed}");
        }
        let script = Script::of(seed);
        if let Ok(figures) = run(&script) {
            all.add(&figures);
        } else {
            // The first failure is the last seed for everyone.
            *next.lock().expect("nobody panics with it in hand") = 0..0;
            let (why, scenario) = run(&shorten(&script)).expect_err("it failed before");
            panic!("seed {seed}: {why}\n\n# seed {seed}: {why}\n{scenario}\n");
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
        println!("{}", Script::of(seed).lines().join("\n"));
        println!("{:#?}", seeds(seed..seed + 1));
        return;
    }
    let figures = seeds(0..200);
    println!("{figures:#?}");
    figures.assert_everything_happened();
}

/// What a failing seed prints is a scenario, in which the same happens.
#[cfg(feature = "cli")]
#[test]
fn a_seed_is_a_scenario_for_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 300..308 {
        let script = Script::of(seed);
        let mut run = Run::new(&script.setup);
        run.play(&script).expect("as the other seeds");
        let file = folder.path().join(format!("{seed}.scn"));
        std::fs::write(&file, run.scenario()).expect("a file");
        let sim = std::process::Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args([std::ffi::OsStr::new("sim"), file.as_os_str()])
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&sim.stdout);
        let error = String::from_utf8_lossy(&sim.stderr);
        assert!(sim.status.success(), "seed {seed}: {error}\n{told}");
    }
}

#[test]
#[ignore = "minutes: the long test set"]
fn thousands_of_seeds() {
    let first = number("TOLLGATE_POOL_FIRST").unwrap_or(1_000_000);
    let seeds_to_run = number("TOLLGATE_POOL_SEEDS").unwrap_or(5_000);
    let figures = seeds(first..first + seeds_to_run);
    println!("{figures:#?}");
}
