//! The limit counter beside every other way to count, in one run on one machine.
//!
//! ```text
//! cargo bench --bench peers [-- [--json] [--quick] [--threads LIST] [--impl NAME]... [CASE]...]
//! ```
//!
//! A CASE is a name or the beginning of one; without any, all of them. Each figure is the median of
//! rounds in which the contestants take turns, in nanoseconds an operation of each thread (see
//! `src/measure/mod.rs`), with the lowest and the highest round. `--json` prints one line a figure.
//! `--test` runs a few hundred operations of everything.

mod goals;
mod others;
mod report;

use clap::Parser;
use tollgate::measure::{
    Case, Cores, Effort, Entrant, Floor, Machine, Nobody, SharedWord, TollgateConnections,
    TollgateCounter, TollgateVpn, compare,
};

use report::{Format, Results};

#[derive(Parser, Debug)]
struct Args {
    /// Cases by name or the beginning of one; also publish-latency and admission-latency
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// Print one line of JSON a figure
    #[arg(long)]
    json: bool,
    /// Shorter rounds, fewer of them
    #[arg(long)]
    quick: bool,
    /// A few hundred operations of everything
    #[arg(long)]
    test: bool,
    /// Numbers of threads [default: 1, 2, ... all processors]
    #[arg(long, value_delimiter = ',')]
    threads: Vec<usize>,
    /// Only these contestants, by the beginning of a name; the floor always runs
    #[arg(long = "impl", value_name = "NAME")]
    only: Vec<String>,
    /// What cargo passes to a bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    const fn effort(&self) -> Effort {
        if self.test {
            Effort::TEST
        } else if self.quick {
            Effort::QUICK
        } else {
            Effort::FULL
        }
    }

    fn threads(&self, cores: &Cores) -> Vec<usize> {
        let asked: Vec<_> = self.threads.iter().copied().filter(|threads| *threads > 0).collect();
        if asked.is_empty() { (1..=cores.count()).collect() } else { asked }
    }

    fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|name| case.starts_with(name.as_str()))
    }

    fn entrants(&self, case: Case) -> Vec<Entrant> {
        let only = |name: &str| {
            self.only.is_empty() || self.only.iter().any(|wanted| name.starts_with(wanted.as_str()))
        };
        let wanted = |entrant: &Entrant| entrant.name == "floor" || only(entrant.name);
        entrants(case).into_iter().filter(wanted).collect()
    }
}

fn entrants(case: Case) -> Vec<Entrant> {
    let (floor, word) = (Entrant::of::<Floor>(), Entrant::of::<SharedWord>());
    let tollgate = Entrant::of::<TollgateConnections>();
    match case {
        Case::TwoLimits => vec![floor, Entrant::of::<TollgateVpn>(), word],
        Case::Packets => vec![
            Entrant::of::<Nobody>(),
            floor,
            tollgate,
            Entrant::of::<TollgateCounter>(),
            word,
            Entrant::of::<others::Tokio>(),
        ],
        _ => vec![
            floor,
            tollgate,
            Entrant::of::<TollgateCounter>(),
            word,
            Entrant::of::<others::RollBack>(),
            Entrant::of::<others::Cells>(),
            Entrant::of::<others::Locked>(),
            Entrant::of::<others::Tokio>(),
            Entrant::of::<others::AsyncLock>(),
            Entrant::of::<others::Pingora>(),
        ],
    }
}

fn main() {
    let args = Args::parse();
    let cores = Cores::all();
    let mut results = Results::new(if args.json { Format::Json } else { Format::Table });
    results.machine(&Machine::this());
    for case in Case::ALL.into_iter().filter(|case| args.wants(&case.name())) {
        for threads in args.threads(&cores) {
            let entrants = args.entrants(case);
            let figures = compare(case, &entrants, (threads, &cores), args.effort(), || ());
            results.figures(case, threads, figures);
        }
    }
    for threads in args.threads(&cores) {
        let samples = if args.test { 10 } else { 2_000 };
        if args.wants("publish-latency") {
            results.publications(threads, &cores, samples);
        }
        if args.wants("admission-latency") {
            results.admissions(threads, &cores, samples * 1_000);
        }
    }
    goals::print(&results);
}
