//! `tollgate bench`: what admission costs on this machine.

mod chart;
mod page;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tabled::builder::Builder;
use tabled::settings::Alignment;
use tabled::settings::object::Columns;

use super::{Failure, json, text};
use crate::catalogue;
use crate::measure::{
    Case, Contestant, Effort, Entrant, FigureRecord, Floor, Latency, LatencyRecord, Machine,
    SharedWord, Site, TollgateConnections, admissions, clock, compare,
};

/// The most threads at once, and the longest run.
const THREADS_MAX: i64 = 1024;
const SECONDS_MAX: f64 = 3600.0;

/// Measure what admission costs on this machine
///
/// Tollgate beside the floor, a plain counter of each thread's own in memory, and beside one word
/// that all threads change. Figures are nanoseconds an operation of each thread:
/// the median of rounds in which the three take turns, with the lowest and the highest round.
/// Latencies are of single admissions, each with one look at the clock.
#[derive(Args, Debug)]
pub(super) struct Bench {
    /// Numbers of threads, for instance 1,2,4 [default: 1, 2, 4, ... up to all processors]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=THREADS_MAX)
    )]
    threads: Vec<u16>,
    /// The model whose limit of connections is used, as for `tollgate models`
    #[arg(long, default_value = "ASA 5585-X with SSP-60")]
    model: String,
    /// About how long to measure
    #[arg(long, default_value = "20", value_parser = seconds)]
    seconds: f64,
    /// Print one line of JSON a figure
    #[arg(long)]
    json: bool,
    /// Also write a page with the curves drawn
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("a number from 0 to {SECONDS_MAX} is needed"))
}

/// How long operations of one contestant took, from the quickest to the slowest.
struct Curve {
    name: &'static str,
    threads: usize,
    latency: Latency,
}

/// Everything that was measured in one run.
struct Report {
    machine: Machine,
    site: Site,
    figures: Vec<FigureRecord>,
    curves: Vec<Curve>,
}

impl Bench {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let site = Site::of(catalogue::parse_entry(&self.model)?);
        let threads = self.threads(&site);
        // Before the long part, so that a page that cannot be written is not found out after it.
        let page = self.html.as_deref().map(create).transpose()?;
        warn(&threads, &site);
        let report = self.measure(site, &threads);
        if self.json { report.print_json(out) } else { report.print(out) }?;
        out.flush()?;
        match (page, &self.html) {
            (Some(file), Some(path)) => write_page(file, path, &report),
            _ => Ok(()),
        }
    }

    /// The numbers of threads that were asked for, each once; or the powers of two and all.
    fn threads(&self, site: &Site) -> Vec<usize> {
        let all = site.cores.count();
        let mut threads: Vec<usize> = self.threads.iter().copied().map(usize::from).collect();
        if threads.is_empty() {
            threads.extend((0..).map(|power| 1 << power).take_while(|threads| *threads < all));
            threads.push(all);
        }
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    fn measure(&self, site: Site, threads: &[usize]) -> Report {
        let runs = (cases(&site).len() + 1) * threads.len();
        let effort = self.effort(runs);
        let cases = cases(&site).map(|case| case.within(effort.most));
        let progress = ProgressBar::new((runs * effort.rounds * ENTRANTS.len()) as u64);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg} {eta}") {
            progress.set_style(style);
        }
        let entrants = ENTRANTS.map(|entrant| entrant());
        let (mut figures, mut curves) = (Vec::new(), Vec::new());
        for &threads in threads {
            for &case in &cases {
                progress.set_message(format!("{}, threads: {threads}", case.name()));
                let step = || progress.inc(1);
                let measured = compare(case, &entrants, (threads, &site), effort, step);
                figures.extend(FigureRecord::of(case, threads, &measured));
            }
            progress.set_message(format!("latency, threads: {threads}"));
            curves.extend(latencies(&site, threads, effort));
            progress.inc((effort.rounds * ENTRANTS.len()) as u64);
        }
        progress.finish_and_clear();
        Report { machine: Machine::this(), site, figures, curves }
    }

    /// Rounds as long as fit into the time that was given.
    fn effort(&self, runs: usize) -> Effort {
        let rounds = (runs * Effort::FULL.rounds * ENTRANTS.len()) as u64;
        let nanos = Duration::from_secs_f64(self.seconds).as_nanos() / u128::from(rounds.max(1));
        let round = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        // What is too short for a round is only for a look whether it runs.
        if round < Duration::from_micros(100) {
            Effort { rounds: 3, round, most: 1_000 }
        } else {
            Effort { round, ..Effort::FULL }
        }
    }
}

const ENTRANTS: [fn() -> Entrant; 3] =
    [Entrant::of::<Floor>, Entrant::of::<TollgateConnections>, Entrant::of::<SharedWord>];

/// What is measured of throughput; the ramp is to the model's own limit.
fn cases(site: &Site) -> [Case; 5] {
    [
        Case::Steady,
        Case::SteadyInMemory,
        Case::Ramp { limit: site.connections() },
        Case::Refusal,
        Case::LastUnits,
    ]
}

/// One curve for each contestant, and one for the clock alone.
fn latencies(site: &Site, threads: usize, effort: Effort) -> Vec<Curve> {
    // One admission with its release and two looks at the clock take some 60 ns.
    let samples = effort.round.as_nanos() * effort.rounds as u128 / 60;
    let samples = u64::try_from(samples).unwrap_or(u64::MAX).max(100);
    vec![
        Curve { name: "clock", threads, latency: clock(samples) },
        curve::<Floor>(site, threads, samples),
        curve::<TollgateConnections>(site, threads, samples),
        curve::<SharedWord>(site, threads, samples),
    ]
}

fn curve<C: Contestant>(site: &Site, threads: usize, samples: u64) -> Curve {
    Curve { name: C::NAME, threads, latency: admissions::<C>((threads, site), samples, false) }
}

fn warn(threads: &[usize], site: &Site) {
    let cores = site.cores.count();
    if let Some(most) = threads.iter().max().filter(|most| **most > cores) {
        text::note(&format_args!(
            "{most} threads on {cores} processors take turns; their figures contain the waiting"
        ));
    }
    if cfg!(debug_assertions) {
        text::note(&"this is a debug build; only a release build's figures count");
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("{}: {error}", path.display()))
}

fn write_page(file: File, path: &Path, report: &Report) -> Result<(), Failure> {
    let mut file = BufWriter::new(file);
    page::write(&mut file, report).and_then(|()| file.flush()).map_err(|error| failed(path, &error))
}

impl Curve {
    fn record(&self) -> LatencyRecord {
        LatencyRecord::of("admission-latency", self.name, self.threads, &self.latency)
    }
}

impl Report {
    fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let Machine { cpu, cores, kernel, .. } = &self.machine;
        let machine = json!({
            "cpu": cpu,
            "cores": cores,
            "kernel": kernel,
            "fence": self.machine.fence_name(),
            "model": self.site.entry.to_string(),
            "connections": self.site.connections(),
        });
        json::print(out, &machine)?;
        self.figures.iter().try_for_each(|figure| json::print(out, figure))?;
        self.curves.iter().try_for_each(|curve| json::print(out, &curve.record()))
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Machine { cpu, cores, kernel, .. } = &self.machine;
        let fence = self.machine.fence_name();
        writeln!(out, "{cpu}, {cores} processors, {kernel}, fence {fence}")?;
        let connections = self.site.connections();
        writeln!(out, "{}: {connections} connections\n", self.site.entry)?;
        writeln!(out, "nanoseconds an operation of each thread")?;
        self.print_figures(out)?;
        writeln!(out, "\nnanoseconds of one admission and one look at the clock")?;
        self.print_latencies(out)
    }

    fn print_figures(&self, out: &mut impl Write) -> io::Result<()> {
        let mut builder = Builder::default();
        builder.push_record(FIGURE_HEADS);
        self.figures.iter().for_each(|figure| builder.push_record(figure_cells(figure)));
        let mut table = builder.build();
        table.modify(Columns::new(3..FIGURE_HEADS.len()), Alignment::right());
        text::print_table(out, &mut table)?;
        self.disturbed().map_or(Ok(()), |note| writeln!(out, "{note}"))
    }

    /// What other work on the machine did to the figures.
    fn disturbed(&self) -> Option<String> {
        let disturbed: usize = self.figures.iter().map(|figure| figure.disturbed).sum();
        let rounds: usize = self.figures.iter().map(|figure| figure.rounds).sum();
        (disturbed > 0).then(|| {
            format!("{disturbed} of {rounds} rounds were disturbed by other work on this machine")
        })
    }

    fn print_latencies(&self, out: &mut impl Write) -> io::Result<()> {
        let mut builder = Builder::default();
        builder.push_record(LATENCY_HEADS);
        let cells = self.curves.iter().map(|curve| latency_cells(&curve.record()));
        cells.for_each(|cells| builder.push_record(cells));
        let mut table = builder.build();
        table.modify(Columns::new(1..LATENCY_HEADS.len()), Alignment::right());
        text::print_table(out, &mut table)
    }
}

const FIGURE_HEADS: [&str; 8] =
    ["case", "operation", "counted by", "threads", "median", "lowest", "highest", "x floor"];

fn figure_cells(figure: &FigureRecord) -> [String; 8] {
    let FigureRecord { ns_per_op, lowest, highest, .. } = figure;
    let [median, lowest, highest] = [ns_per_op, lowest, highest].map(|nanos| format!("{nanos:.2}"));
    let ratio = figure.ratio_to_floor.map(|ratio| format!("{ratio:.2}"));
    [
        figure.case.clone(),
        figure.operation.to_owned(),
        figure.name.to_owned(),
        figure.threads.to_string(),
        median,
        lowest,
        highest,
        ratio.unwrap_or_default(),
    ]
}

const LATENCY_HEADS: [&str; 8] =
    ["counted by", "threads", "p50", "p90", "p99", "p99.9", "p99.99", "longest"];

fn latency_cells(record: &LatencyRecord) -> [String; 8] {
    let LatencyRecord { p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns, .. } = record;
    let [p50, p90, p99, p999, p9999, max] =
        [p50_ns, p90_ns, p99_ns, p999_ns, p9999_ns, max_ns].map(u64::to_string);
    [record.name.to_owned(), record.threads.to_string(), p50, p90, p99, p999, p9999, max]
}
