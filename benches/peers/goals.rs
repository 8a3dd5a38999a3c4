//! What the limit counter has to reach, beside what this run measured.

use serde_json::json;

use crate::report::Results;

/// One thing that has to hold: a measured figure is at most a factor times another.
struct Goal {
    what: String,
    measured: Option<f64>,
    most: f64,
    against: &'static str,
}

/// Prints every goal that this run has measured.
pub(crate) fn print(results: &Results) {
    let goals = goals(results);
    let measured: Vec<_> = goals.iter().filter_map(|goal| Some((goal, goal.measured?))).collect();
    if !measured.is_empty() && !results.is_json() {
        println!("\nmust reach{:52}at most  measured", "");
    }
    for (goal, measured) in measured {
        let Goal { what, most, against, .. } = goal;
        let met = measured <= *most;
        if results.is_json() {
            let line = json!({
                "goal": what, "against": against, "at_most": most, "measured": measured, "met": met,
            });
            println!("{line}");
        } else {
            let met = if met { "met" } else { "NOT MET" };
            let what = format!("{what} / {against}");
            println!("  {what:<58}{most:9.2}{measured:10.2}  {met}");
        }
    }
}

fn goals(results: &Results) -> Vec<Goal> {
    let goal = |what: &str, most, against, measured| Goal {
        what: what.to_owned(),
        measured,
        most,
        against,
    };
    let nanos = |case: &str, name: &str, threads| results.nanos(case, name, threads);
    let against = |case, name, threads, (other_case, other, other_threads)| {
        Some(nanos(case, name, threads)? / nanos(other_case, other, other_threads)?)
    };
    let mut goals = Vec::new();
    for name in ["tollgate-counter", "tollgate"] {
        let mut of = |what: &str, most, other: &'static str, measured| {
            goals.push(goal(&format!("{name}: {what}"), most, other, measured));
        };
        for (what, case) in [("pair", "steady"), ("pair in memory", "steady-in-memory")] {
            let one = format!("{what}, 1 thread");
            let two = format!("{what}, 2 threads");
            of(&one, 1.0, "floor", against(case, name, 1, (case, "floor", 1)));
            of(&one, 0.25, "shared word", against(case, name, 1, (case, "shared-word", 1)));
            of(&two, 1.1, "1 thread", against(case, name, 2, (case, name, 1)));
            of(&two, 0.05, "shared word", against(case, name, 2, (case, "shared-word", 2)));
        }
        for (case, most) in [("ramp-10000000", 1.0), ("ramp-10000", 5.0)] {
            let measured = against(case, name, 2, ("steady", "floor", 2));
            of(&format!("{case}, 2 threads"), most, "floor's pair", measured);
        }
        let packets = |threads| against("packets", name, threads, ("packets", "none", threads));
        of("packet loop, 1 thread", 1.02, "without", packets(1));
        of("packet loop, 2 threads", 1.02, "without", packets(2));
        let refusal = against("refusal", name, 2, ("refusal", name, 1));
        of("refusal, 2 threads", 1.2, "1 thread", refusal);
        let refusal = against("refusal", name, 2, ("steady", "floor", 2));
        of("refusal, 2 threads", 1.0, "floor's pair", refusal);
        for (case, most) in [("release-under-flood", 1.2), ("last-100", 1.2)] {
            let measured = against(case, name, 2, (case, "shared-word", 2));
            of(&format!("{case}, 2 threads"), most, "shared word", measured);
        }
    }
    let burst = against("burst-32", "tollgate-counter", 1, ("steady", "tollgate-counter", 1));
    goals.push(goal("tollgate-counter: burst of 32, 1 thread", 1.5, "a pair", burst));
    for threads in [1, 2] {
        let vpn = ("two-limits", "shared-word", threads);
        let measured = against("two-limits", "tollgate-vpn", threads, vpn);
        let what = format!("tollgate: two limits, {threads} threads");
        goals.push(goal(&what, 1.3, "shared word", measured));
    }
    goals.extend(latencies(results));
    goals
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a measurement")]
fn latencies(results: &Results) -> Vec<Goal> {
    let p99 = |case, name| Some(results.latency(case, name, 2)?.p99_ns as f64);
    let publish = |case| Goal {
        what: format!("tollgate: {case}, p99, 2 busy workers"),
        measured: p99(case, "tollgate").zip(p99(case, "heavy-fence")).map(|(a, b)| a / b),
        most: 10.0,
        against: "heavy fence",
    };
    let p999 = |name| Some(results.latency("admission-latency", name, 2)?.p999_ns as f64);
    let admission = Goal {
        what: "tollgate: admission while republished, p99.9, 2 threads".to_owned(),
        measured: p999("tollgate-republished").zip(p999("tollgate")).map(|(a, b)| a / b),
        most: 2.0,
        against: "without",
    };
    vec![publish("publish-ample"), publish("publish-scarce"), admission]
}
