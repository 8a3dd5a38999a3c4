//! `tollgate bench`, for so short a time that only the shape of what it prints can be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value as Json;

use crate::command::{Outcome, not_understood, tollgate};

/// What a debug build says of itself.
const DEBUG: &str = "tollgate: note: this is a debug build; only a release build's figures count\n";

fn bench(args: &[&str]) -> Outcome {
    let outcome = tollgate(&[&["bench", "--seconds", "0"], args].concat());
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    outcome
}

fn lines(args: &[&str]) -> Vec<Json> {
    let outcome = bench(&[&["--json"], args].concat());
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of one kind, by case, contestant and threads.
fn by_key<'a>(lines: &'a [Json], figure: &str) -> BTreeMap<(String, String, u64), &'a Json> {
    let of_kind = lines.iter().filter(|line| line.get(figure).is_some());
    let key = |line: &Json| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        (text("case"), text("impl"), line["threads"].as_u64().unwrap())
    };
    let count = of_kind.clone().count();
    let map: BTreeMap<_, _> = of_kind.map(|line| (key(line), line)).collect();
    assert_eq!(map.len(), count, "one line for each");
    map
}

#[test]
fn every_case_is_measured_for_all_three_and_every_number_of_threads() {
    let lines = lines(&["--threads", "2,1,2", "--model", "5505"]);
    let machine = &lines[0];
    assert_eq!(machine["model"], "ASA 5505/base (9.1)");
    assert_eq!(machine["connections"], 10_000);
    assert!(machine["cores"].as_u64().unwrap() > 0);
    assert!(["cpu", "kernel", "fence"].iter().all(|key| machine[key].is_string()));

    let figures = by_key(&lines, "ns_per_op");
    let cases: BTreeSet<_> = figures.keys().map(|(case, ..)| case.as_str()).collect();
    assert_eq!(cases.len(), 5, "{cases:?}");
    for case in cases {
        for threads in [1, 2] {
            let of = |name: &str| figures[&(case.to_owned(), name.to_owned(), threads)];
            let floor = of("floor")["ns_per_op"].as_f64().unwrap();
            for name in ["floor", "tollgate", "shared-word"] {
                let number = |key: &str| of(name)[key].as_f64().unwrap();
                assert!(0.0 < number("lowest") && number("lowest") <= number("ns_per_op"));
                assert!(number("ns_per_op") <= number("highest"));
                let ratio = number("ns_per_op") / floor;
                assert!((number("ratio_to_floor") - ratio).abs() <= ratio * 1e-9);
            }
        }
    }
    assert_eq!(figures.len(), 5 * 3 * 2);
}

#[test]
fn a_ramp_admits_as_many_as_the_limit_says() {
    let lines = lines(&["--threads", "2"]);
    let ramps: Vec<_> = lines
        .iter()
        .filter_map(|line| Some((line["impl"].clone(), line.get("admitted")?)))
        .collect();
    assert_eq!(ramps.len(), 3);
    for (name, admitted) in ramps {
        let numbers: Vec<_> = admitted.as_array().unwrap().iter().map(Json::as_u64).collect();
        assert!(numbers[0] > Some(0) && numbers.iter().all(|n| *n == numbers[0]), "{name}");
    }
}

#[test]
fn latencies_grow_with_their_percentile() {
    let lines = lines(&["--threads", "1"]);
    let latencies = by_key(&lines, "p50_ns");
    let names: Vec<_> = latencies.keys().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["clock", "floor", "shared-word", "tollgate"]);
    for (key, line) in latencies {
        let percentiles = ["p50_ns", "p90_ns", "p99_ns", "p999_ns", "p9999_ns", "max_ns"];
        let nanos = percentiles.map(|percentile| line[percentile].as_u64().unwrap());
        assert!(nanos[0] > 0 && nanos.is_sorted(), "{key:?}: {nanos:?}");
        assert!(line["count"].as_u64().unwrap() >= 100);
    }
}

#[test]
fn the_table_has_a_line_for_every_figure() {
    let text = bench(&["--threads", "1", "--model", "5510/security-plus"]).stdout;
    assert!(text.contains("ASA 5510/security-plus (9.1): 130000 connections"), "{text}");
    for name in ["floor", "tollgate", "shared-word"] {
        let count = text.lines().filter(|line| line.split("  ").any(|cell| cell.trim() == name));
        assert_eq!(count.count(), 5 + 1, "five cases and a latency of {name}");
    }
    assert!(!text.lines().any(|line| line.ends_with(' ')));
}

#[test]
fn the_page_holds_everything_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    bench(&["--threads", "1,2", "--html", path.to_str().unwrap()]);
    let page = fs::read_to_string(path).unwrap();
    for outside in ["http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("ASA 5585-X with SSP-60/base (9.1)"));
    assert_eq!(page.matches("<svg").count(), 5, "four curves over threads, one of latencies");
    assert_eq!(page.matches("<table").count(), 2);
    assert!(!page.contains("NaN") && !page.contains("inf"), "every point has a place");
    balanced(&page);
}

/// Every element that is opened is closed, in order.
#[track_caller]
fn balanced(page: &str) {
    let body = page.split_once("<body>").unwrap().1.split_once("</body>").unwrap().0;
    let mut open = Vec::new();
    for tag in body.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn more_threads_than_processors_are_measured_and_said() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let more = (cores + 1).to_string();
    let outcome = bench(&["--threads", &more]);
    let note = format!(
        "tollgate: note: {more} threads on {cores} processors take turns; \
         their figures contain the waiting\n"
    );
    assert_eq!(outcome.stderr.strip_suffix(DEBUG).unwrap_or(&outcome.stderr), note);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let refused = |args: &[&str]| not_understood(&[&["bench", "--seconds", "0"], args].concat());
    assert!(refused(&["--threads", "0"]).contains("0 is not in 1..=1024"));
    assert!(refused(&["--threads", "1,x"]).contains("invalid value 'x'"));
    assert!(refused(&["--model", "5599"]).contains("unknown model `5599`; models are"));
    for seconds in ["--seconds=-1", "--seconds=nan", "--seconds=3601", "--seconds=soon"] {
        let error = not_understood(&["bench", seconds]);
        assert!(error.contains("a number from 0 to 3600 is needed"), "{error}");
    }
}

#[test]
fn a_page_that_cannot_be_written_is_found_out_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none").join("page.html");
    // So long a run would not end within the time of a test.
    let outcome = tollgate(&["bench", "--seconds", "3600", "--html", path.to_str().unwrap()]);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(1), ""));
    let error = outcome.stderr.strip_prefix("tollgate: error: ").unwrap();
    assert!(error.starts_with(path.to_str().unwrap()), "{error}");
}
