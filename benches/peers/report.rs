//! What is printed while the bench runs, and kept for the goals.

use serde_json::json;
use tollgate::measure::{
    Case, Figure, FigureRecord, Latency, LatencyRecord, Machine, Publication, Site,
    TollgateConnections, admissions, clock, publications,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

/// Everything that was measured in this run.
pub(crate) struct Results {
    format: Format,
    figures: Vec<FigureRecord>,
    latencies: Vec<LatencyRecord>,
}

impl Results {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, figures: Vec::new(), latencies: Vec::new() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// The median of a contestant in a case, where it was measured.
    pub(crate) fn nanos(&self, case: &str, name: &str, threads: usize) -> Option<f64> {
        let wanted = |f: &&FigureRecord| (&*f.case, f.name, f.threads) == (case, name, threads);
        self.figures.iter().find(wanted).map(|figure| figure.ns_per_op)
    }

    /// What was measured of a latency.
    pub(crate) fn latency(&self, case: &str, name: &str, threads: usize) -> Option<&LatencyRecord> {
        self.latencies.iter().find(|l| (l.case, l.name, l.threads) == (case, name, threads))
    }

    pub(crate) fn machine(&self, machine: &Machine) {
        let fence = machine.fence_name();
        let Machine { cpu, cores, kernel, .. } = machine;
        if self.is_json() {
            println!("{}", json!({"cpu": cpu, "cores": cores, "kernel": kernel, "fence": fence}));
        } else {
            println!("{cpu}, {cores} processors, {kernel}, fence {fence}");
        }
    }

    pub(crate) fn figures(&mut self, case: Case, threads: usize, figures: &[Figure]) {
        let records = FigureRecord::of(case, threads, figures);
        if !records.is_empty() {
            let what = format!("ns a thread for {}", case.operation());
            self.heading(&case.name(), threads, &what);
        }
        for record in records {
            if self.is_json() {
                println!("{}", json!(record));
            } else {
                print_line(&record);
            }
            self.figures.push(record);
        }
    }

    /// Publishing under traffic, beside bare heavy fences.
    pub(crate) fn publications(&mut self, threads: usize, site: &Site, samples: u64) {
        let what = "ns of one publication, and of one heavy fence";
        for (case, publication) in
            [("publish-ample", Publication::Ample), ("publish-scarce", Publication::Scarce)]
        {
            self.heading(case, threads, what);
            let [published, fence] = publications((threads, site), publication, samples);
            self.add(case, "tollgate", threads, &published);
            self.add(case, "heavy-fence", threads, &fence);
        }
    }

    /// Single admissions with and without publications, and the clock that times them.
    pub(crate) fn admissions(&mut self, threads: usize, site: &Site, samples: u64) {
        const CASE: &str = "admission-latency";
        self.heading(CASE, threads, "ns of one admission and one look at the clock");
        let timed =
            |republish| admissions::<TollgateConnections>((threads, site), samples, republish);
        self.add(CASE, "clock", threads, &clock(samples));
        self.add(CASE, "tollgate", threads, &timed(false));
        self.add(CASE, "tollgate-republished", threads, &timed(true));
    }

    fn heading(&self, case: &str, threads: usize, what: &str) {
        if !self.is_json() {
            let threads = if threads == 1 { "1 thread" } else { &format!("{threads} threads") };
            println!("\n{case}, {threads}: {what}");
        }
    }

    fn add(&mut self, case: &'static str, name: &'static str, threads: usize, latency: &Latency) {
        let record = LatencyRecord::of(case, name, threads, latency);
        if self.is_json() {
            println!("{}", json!(record));
        } else {
            let LatencyRecord { p50_ns, p99_ns, p999_ns, max_ns, .. } = record;
            println!(
                "  {name:<22} p50 {p50_ns:>7}  p99 {p99_ns:>8}  p99.9 {p999_ns:>8}  max {max_ns:>9}"
            );
        }
        self.latencies.push(record);
    }
}

fn print_line(figure: &FigureRecord) {
    let FigureRecord { name, ns_per_op, lowest, highest, .. } = figure;
    let ratio = figure.ratio_to_floor.map(|ratio| format!("{ratio:6.2} x floor"));
    let ratio = ratio.unwrap_or_default();
    let spread = format!("({lowest:.2} - {highest:.2})");
    let admitted = figure.admitted.map(admitted).unwrap_or_default();
    let disturbed = match figure.disturbed {
        0 => String::new(),
        rounds => format!("  {rounds} of {} rounds disturbed", figure.rounds),
    };
    println!("  {name:<22}{ns_per_op:9.2} {spread:<20}{ratio:>14}{admitted}{disturbed}");
}

/// How far a ramp was from its limit.
fn admitted([least, most, limit]: [u64; 3]) -> String {
    if (least, most) == (limit, limit) {
        return format!("  {limit} admitted");
    }
    let off = |admitted: u64| admitted.cast_signed() - limit.cast_signed();
    format!("  {:+} to {:+} of {limit}", off(least), off(most))
}
