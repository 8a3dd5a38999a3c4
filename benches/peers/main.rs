//! The limit counter beside every other way to count, in one run on one machine.
//!
//! ```text
//! cargo bench --bench peers [-- [--json] [--quick] [--threads LIST] [--impl NAME]... [CASE]...]
//! cargo bench --bench peers -- --shares --impl share ramp
//! ```
//!
//! A CASE is a name or the beginning of one; without any, all of them. Each figure is the median of
//! rounds in which the contestants take turns, in nanoseconds an operation of each thread (see
//! `src/measure/mod.rs`), with the lowest and the highest round. `--json` prints one line a figure.
//! `--test` runs a few hundred operations of everything.

mod goals;
mod others;
mod report;
mod shares;

use clap::Parser;
use tollgate::measure::{
    Case, Effort, Entrant, Floor, Machine, Nobody, SharedWord, Site, TollgateConnections,
    TollgateCounter, TollgateVpn, compare,
};

use report::{Format, Results};

#[derive(Parser, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag of the command line")]
struct Args {
    /// Cases by name or the beginning of one; also publish and admission-latency
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
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Only these contestants, by the beginning of a name; the floor always runs
    #[arg(long = "impl", value_name = "NAME")]
    only: Vec<String>,
    /// Also the limit counter with other smallest shares
    #[arg(long)]
    shares: bool,
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

    fn threads(&self, site: &Site) -> Vec<usize> {
        if self.threads.is_empty() {
            return (1..=site.cores.count()).collect();
        }
        self.threads.iter().copied().map(usize::from).collect()
    }

    fn wants(&self, case: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|name| case.starts_with(name.as_str()))
    }

    fn entrants(&self, case: Case) -> Vec<Entrant> {
        let only = |name: &str| {
            self.only.is_empty() || self.only.iter().any(|wanted| name.starts_with(wanted.as_str()))
        };
        let wanted = |entrant: &Entrant| entrant.name == "floor" || only(entrant.name);
        let shares = if self.shares { shares::entrants() } else { Vec::new() };
        entrants(case).into_iter().chain(shares).filter(wanted).collect()
    }
}

/// What is measured by its latency.
const LATENCIES: [&str; 2] = ["publish", "admission-latency"];

/// Ends the bench where a name fits no case: nothing would be measured, which looks like success.
fn check(cases: &[String]) {
    let known: Vec<_> =
        Case::ALL.map(Case::name).into_iter().chain(LATENCIES.map(str::to_owned)).collect();
    for name in cases {
        if !known.iter().any(|case| case.starts_with(name.as_str())) {
            eprintln!("error: no case begins with `{name}`; there are {}", known.join(", "));
            std::process::exit(2);
        }
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
    check(&args.cases);
    let site = Site::largest();
    let mut results = Results::new(if args.json { Format::Json } else { Format::Table });
    results.machine(&Machine::this());
    let wanted = Case::ALL.into_iter().filter(|case| args.wants(&case.name()));
    for case in wanted.map(|case| case.within(args.effort().most)) {
        for threads in args.threads(&site) {
            let entrants = args.entrants(case);
            let figures = compare(case, &entrants, (threads, &site), args.effort(), || ());
            results.figures(case, threads, &figures);
        }
    }
    for threads in args.threads(&site) {
        let samples = if args.test { 10 } else { 2_000 };
        if args.wants(LATENCIES[0]) {
            results.publications(threads, &site, samples);
        }
        if args.wants(LATENCIES[1]) {
            results.admissions(threads, &site, samples * 1_000);
        }
    }
    // A few hundred operations say nothing of how long they take.
    if !args.test {
        goals::print(&results);
    }
}
