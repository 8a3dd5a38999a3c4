//! What is printed of a figure as one line of JSON.

use serde::Serialize;

use super::case::Case;
use super::latency::Latency;
use super::rounds::Figure;

/// One contestant in one case on so many threads.
#[derive(Clone, Debug, Serialize)]
pub struct FigureRecord {
    /// The case.
    pub case: String,
    /// The contestant.
    #[serde(rename = "impl")]
    pub name: &'static str,
    /// How many threads.
    pub threads: usize,
    /// The median round: nanoseconds an operation of each thread.
    pub ns_per_op: f64,
    /// The same as a multiple of the floor's.
    pub ratio_to_floor: Option<f64>,
    /// The lowest round.
    pub lowest: f64,
    /// The highest round.
    pub highest: f64,
    /// How many rounds.
    pub rounds: usize,
    /// How many of them other work on the machine disturbed, although they were tried again.
    pub disturbed: usize,
    /// What one operation is.
    pub operation: &'static str,
    /// In the rounds that admitted the fewest and the most: how many, of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admitted: Option<[u64; 3]>,
}

impl FigureRecord {
    /// The records of figures that were measured together.
    pub fn of(case: Case, threads: usize, figures: &[Figure]) -> Vec<Self> {
        let floor = figures.iter().find(|figure| figure.name == "floor").map(Figure::median);
        let record = |figure: &Figure| {
            let (lowest, highest) = figure.spread();
            Self {
                case: case.name(),
                name: figure.name,
                threads,
                ns_per_op: figure.median(),
                ratio_to_floor: floor.map(|floor| figure.median() / floor),
                lowest,
                highest,
                rounds: figure.nanos.len(),
                disturbed: figure.disturbed,
                operation: case.operation(),
                admitted: figure.admitted,
            }
        };
        figures.iter().map(record).collect()
    }
}

/// How long single operations of one contestant took.
#[derive(Clone, Debug, Serialize)]
pub struct LatencyRecord {
    /// The case.
    pub case: &'static str,
    /// The contestant.
    #[serde(rename = "impl")]
    pub name: &'static str,
    /// How many threads.
    pub threads: usize,
    /// How many were measured.
    pub count: u64,
    /// Half took no longer, in nanoseconds.
    pub p50_ns: u64,
    /// 90 %.
    pub p90_ns: u64,
    /// 99 %.
    pub p99_ns: u64,
    /// 99.9 %.
    pub p999_ns: u64,
    /// 99.99 %.
    pub p9999_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl LatencyRecord {
    /// The percentiles of `latency`.
    pub fn of(case: &'static str, name: &'static str, threads: usize, latency: &Latency) -> Self {
        Self {
            case,
            name,
            threads,
            count: latency.count(),
            p50_ns: latency.at(50.0),
            p90_ns: latency.at(90.0),
            p99_ns: latency.at(99.0),
            p999_ns: latency.at(99.9),
            p9999_ns: latency.at(99.99),
            max_ns: latency.at(100.0),
        }
    }
}
