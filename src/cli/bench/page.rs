//! The report as one page of HTML that refers to nothing outside itself.

use std::io::{self, Write};

use super::chart::{Chart, Series};
use super::{Curve, FIGURE_HEADS, LATENCY_HEADS, Report, figure_cells, latency_cells};
use crate::measure::{Case, FigureRecord};

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

const STYLE: &str = "
:root { color-scheme: light dark; --ground: #fff; --text: #1f2328; --faint: #59636e;
  --grid: #d1d9e0; --floor: #6e7781; --tollgate: #0969da; --shared-word: #bc4c00;
  --clock: #8250df; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --text: #e6edf3;
  --faint: #9198a1; --grid: #30363d; --floor: #9198a1; --tollgate: #58a6ff;
  --shared-word: #f0883e; --clock: #bc8cff; } }
body { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
p, dt, figcaption { color: var(--faint); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1.5rem; }
dd { margin: 0; }
figure { margin: 1.5rem 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; max-width: 48rem; }
svg text { fill: var(--faint); font-size: 12px; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .name { font-weight: 600; }
svg .grid { stroke: var(--grid); } svg .line { fill: none; stroke-width: 2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid var(--grid); text-align: left;
  white-space: nowrap; }
.number { text-align: right; }
";

/// Who is drawn; each has a colour of its name.
const NAMES: [&str; 4] = ["floor", "tollgate", "shared-word", "clock"];

/// Writes the page.
pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")?;
    writeln!(out, r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#)?;
    writeln!(out, "<title>Tollgate: what admission costs</title>\n<style>{STYLE}")?;
    for name in NAMES {
        writeln!(out, ".line.{name} {{ stroke: var(--{name}); }}")?;
        writeln!(out, "svg .dot.{name}, svg .name.{name} {{ fill: var(--{name}); }}")?;
    }
    writeln!(out, "</style></head>\n<body>\n<h1>What admission costs</h1>")?;
    machine(out, report)?;
    throughput(out, report)?;
    latencies(out, report)?;
    writeln!(out, "</body></html>")
}

fn machine(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let machine = &report.machine;
    let facts = [
        ("processor", machine.cpu.clone()),
        ("processors", machine.cores.to_string()),
        ("kernel", machine.kernel.clone()),
        ("fence", machine.fence_name().to_owned()),
        ("model", report.site.entry.to_string()),
        ("connections", report.site.connections().to_string()),
        ("tollgate", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    writeln!(out, "<dl>")?;
    for (what, fact) in facts {
        writeln!(out, "<dt>{what}</dt><dd>{}</dd>", escape(&fact))?;
    }
    writeln!(out, "</dl>")
}

fn throughput(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "<h2>Operations</h2>")?;
    writeln!(
        out,
        "<p>Nanoseconds an operation of each thread, median of the rounds; a flat line means that \
         threads do not disturb each other. <em>floor</em> is a plain counter of each thread's \
         own, <em>shared-word</em> one word that all threads change.</p>"
    )?;
    for case in [Case::Steady, Case::SteadyInMemory, Case::Refusal, Case::LastUnits] {
        write!(out, "{}", scaling(case, &report.figures))?;
    }
    let rows: Vec<_> = report.figures.iter().map(|figure| figure_cells(figure).to_vec()).collect();
    table(out, &FIGURE_HEADS, 3, &rows)?;
    report.disturbed().map_or(Ok(()), |note| writeln!(out, "<p>{note}</p>"))
}

/// One case over the numbers of threads.
fn scaling(case: Case, figures: &[FigureRecord]) -> String {
    let name = case.name();
    let of_case = || figures.iter().filter(|figure| figure.case == name);
    let mut threads: Vec<_> = of_case().map(|figure| figure.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let place = |number: usize| {
        let nth = threads.iter().position(|threads| *threads == number).unwrap_or_default();
        part(nth, threads.len())
    };
    let series = |name: &&'static str| {
        let points = of_case().filter(|figure| figure.name == *name);
        let points = points.map(|figure| (place(figure.threads), figure.ns_per_op)).collect();
        Series { name, points }
    };
    let mut series: Vec<_> = NAMES.iter().map(series).collect();
    series.retain(|series| !series.points.is_empty());
    let ticks = threads.iter().map(|threads| (place(*threads), threads.to_string())).collect();
    let title = format!("{name}: {}", case.operation());
    Chart { title: &title, across: "threads", ticks, series }.to_string()
}

/// Where the `nth` of `count` stands between left and right; one alone stands in the middle.
fn part(nth: usize, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place on a page")]
    if count < 2 { 0.5 } else { nth as f64 / (count - 1) as f64 }
}

fn latencies(out: &mut impl Write, report: &Report) -> io::Result<()> {
    writeln!(out, "<h2>Single admissions</h2>")?;
    writeln!(
        out,
        "<p>Nanoseconds of one admission and one look at the clock, of which nothing is \
         subtracted: <em>clock</em> is the look alone.</p>"
    )?;
    let most = report.curves.iter().map(|curve| curve.threads).max();
    let curves = report.curves.iter().filter(|curve| Some(curve.threads) == most);
    let series = curves.map(percentiles).collect();
    let ticks = PERCENTILES.iter().map(|(percentile, name)| (across(*percentile), (*name).into()));
    let threads = most.unwrap_or_default();
    let title = format!("latency with {threads} threads: so many percent took no longer");
    let chart = Chart { title: &title, across: "percentile", ticks: ticks.collect(), series };
    write!(out, "{chart}")?;
    let rows: Vec<_> =
        report.curves.iter().map(|curve| latency_cells(&curve.record()).to_vec()).collect();
    table(out, &LATENCY_HEADS, 1, &rows)
}

const PERCENTILES: [(f64, &str); 6] =
    [(0.0, "0"), (90.0, "90"), (99.0, "99"), (99.9, "99.9"), (99.99, "99.99"), (99.999, "99.999")];

/// As far to the right as there are nines.
fn across(percentile: f64) -> f64 {
    const MOST_NINES: f64 = 5.0;
    -(1.0 - percentile / 100.0).log10() / MOST_NINES
}

fn percentiles(curve: &Curve) -> Series {
    /// Steps to the right edge.
    const STEPS: i32 = 100;
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds on a page")]
    let point = |step: i32| {
        let nines = 5.0 * f64::from(step) / f64::from(STEPS);
        let percentile = 100.0 * (1.0 - 10_f64.powf(-nines));
        (across(percentile), curve.latency.at(percentile) as f64)
    };
    Series { name: curve.name, points: (0..=STEPS).map(point).collect() }
}

/// A table whose columns from `numbers` on are numbers.
fn table(
    out: &mut impl Write,
    heads: &[&str],
    numbers: usize,
    rows: &[Vec<String>],
) -> io::Result<()> {
    let class = |column| if column < numbers { "" } else { " class=\"number\"" };
    write!(out, "<div class=\"wide\"><table>\n<thead><tr>")?;
    for (column, head) in heads.iter().enumerate() {
        write!(out, "<th{}>{head}</th>", class(column))?;
    }
    writeln!(out, "</tr></thead>\n<tbody>")?;
    for row in rows {
        write!(out, "<tr>")?;
        for (column, cell) in row.iter().enumerate() {
            write!(out, "<td{}>{}</td>", class(column), escape(cell))?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}
