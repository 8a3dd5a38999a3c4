//! What is printed while the bench runs, and kept for the goals.

use serde_json::json;
use tollgate::measure::{
    Case, Cores, Figure, Latency, Machine, TollgateConnections, admissions, clock, publications,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

/// Everything that was measured in this run.
pub(crate) struct Results {
    format: Format,
    figures: Vec<(String, usize, Figure)>,
    latencies: Vec<(String, usize, Latency)>,
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
        let found =
            self.figures.iter().find(|(c, t, f)| c == case && *t == threads && f.name == name);
        found.map(|(_, _, figure)| figure.median())
    }

    /// A percentile of a latency, where it was measured.
    pub(crate) fn latency(&self, name: &str, threads: usize, percentile: f64) -> Option<f64> {
        let found = self.latencies.iter().find(|(n, t, _)| n == name && *t == threads);
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of a measurement")]
        found.map(|(_, _, latency)| latency.at(percentile) as f64)
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

    pub(crate) fn figures(&mut self, case: Case, threads: usize, figures: Vec<Figure>) {
        let floor = figures.iter().find(|figure| figure.name == "floor").map(Figure::median);
        if !self.is_json() && !figures.is_empty() {
            let operation = case.operation();
            println!("\n{}, {threads} threads: ns a thread for {operation}", case.name());
        }
        for figure in figures {
            let ratio = floor.map(|floor| figure.median() / floor);
            if self.is_json() {
                print_json(case, threads, &figure, ratio);
            } else {
                print_line(&figure, ratio);
            }
            self.figures.push((case.name(), threads, figure));
        }
    }

    /// Publishing under traffic, beside bare heavy fences.
    pub(crate) fn publications(&mut self, threads: usize, cores: &Cores, samples: u64) {
        self.heading("publish-latency", threads, "ns of one publication, and of one heavy fence");
        let [published, fence] = publications((threads, cores), samples);
        self.add("publish-latency", "tollgate", threads, published);
        self.add("publish-latency", "heavy-fence", threads, fence);
    }

    /// Single admissions with and without publications, and the clock that times them.
    pub(crate) fn admissions(&mut self, threads: usize, cores: &Cores, samples: u64) {
        let what = "ns of one admission and one look at the clock";
        self.heading("admission-latency", threads, what);
        let timed =
            |republish| admissions::<TollgateConnections>((threads, cores), samples, republish);
        self.add("admission-latency", "clock", threads, clock(samples));
        self.add("admission-latency", "tollgate", threads, timed(false));
        self.add("admission-latency", "tollgate-republished", threads, timed(true));
    }

    fn heading(&self, case: &str, threads: usize, what: &str) {
        if !self.is_json() {
            println!("\n{case}, {threads} threads: {what}");
        }
    }

    fn add(&mut self, case: &str, name: &str, threads: usize, latency: Latency) {
        let p = latency.percentiles();
        if self.is_json() {
            let line = json!({
                "case": case, "impl": name, "threads": threads, "count": p.count,
                "p50_ns": p.p50, "p90_ns": p.p90, "p99_ns": p.p99, "p999_ns": p.p999,
                "p9999_ns": p.p9999, "max_ns": p.max,
            });
            println!("{line}");
        } else {
            let (p50, p99, p999, max) = (p.p50, p.p99, p.p999, p.max);
            println!("  {name:<22} p50 {p50:>7}  p99 {p99:>8}  p99.9 {p999:>8}  max {max:>9}");
        }
        self.latencies.push((format!("{case}/{name}"), threads, latency));
    }
}

fn print_json(case: Case, threads: usize, figure: &Figure, ratio: Option<f64>) {
    let (lowest, highest) = figure.spread();
    let mut line = json!({
        "case": case.name(), "impl": figure.name, "threads": threads,
        "ns_per_op": figure.median(), "ratio_to_floor": ratio,
        "lowest": lowest, "highest": highest, "rounds": figure.nanos.len(),
        "operation": case.operation(),
    });
    if let Some([least, most, limit]) = figure.admitted {
        line["admitted"] = json!({"least": least, "most": most, "limit": limit});
    }
    println!("{line}");
}

fn print_line(figure: &Figure, ratio: Option<f64>) {
    let (lowest, highest) = figure.spread();
    let (name, median) = (figure.name, figure.median());
    let ratio = ratio.map(|ratio| format!("{ratio:6.2} x floor")).unwrap_or_default();
    let admitted = figure.admitted.map(admitted).unwrap_or_default();
    println!("  {name:<22}{median:9.2} ({lowest:.2} - {highest:.2}){ratio:>18}{admitted}");
}

/// How far a ramp was from its limit.
fn admitted([least, most, limit]: [u64; 3]) -> String {
    if (least, most) == (limit, limit) {
        return format!("  {limit} admitted");
    }
    let off = |admitted: u64| admitted.cast_signed() - limit.cast_signed();
    format!("  {:+} to {:+} of {limit}", off(least), off(most))
}
