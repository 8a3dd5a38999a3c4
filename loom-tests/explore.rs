//! Runs a scenario: every interleaving under loom, many times on real threads otherwise.

use tollgate::catalogue;
use tollgate::gate::Gate;
use tollgate::license::{Limit, RunningLicense, Unit};

#[cfg(tollgate_loom)]
pub(crate) use loom::thread;
#[cfg(not(tollgate_loom))]
pub(crate) use std::thread;

/// Explores `scenario` without a bound on preemptions.
#[cfg(tollgate_loom)]
pub(crate) fn explore(scenario: impl Fn() + Sync + Send + 'static) {
    model(None, scenario);
}

/// Explores `scenario` with at most `preemptions` of them, and `TOLLGATE_LOOM_DEEPER` more.
#[cfg(tollgate_loom)]
pub(crate) fn explore_bounded(preemptions: usize, scenario: impl Fn() + Sync + Send + 'static) {
    let deeper = std::env::var("TOLLGATE_LOOM_DEEPER").ok();
    let deeper = deeper.map_or(0, |deeper| deeper.parse().expect("a number of preemptions"));
    model(Some(preemptions + deeper), scenario);
}

#[cfg(tollgate_loom)]
fn model(preemptions: Option<usize>, scenario: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.max_branches = 20_000;
    model.check(scenario);
}

/// As [`explore_bounded`], on a machine without `membarrier`.
#[cfg(tollgate_loom)]
pub(crate) fn explore_without_membarrier(
    preemptions: usize,
    scenario: impl Fn() + Sync + Send + 'static,
) {
    tollgate::gate::Fence::without_membarrier(|| explore_bounded(preemptions, scenario));
}

/// Repeats `scenario` on real threads.
#[cfg(not(tollgate_loom))]
pub(crate) fn explore(scenario: impl Fn() + Sync + Send + 'static) {
    for _ in 0..2_000 {
        scenario();
    }
}

/// Repeats `scenario` on real threads.
#[cfg(not(tollgate_loom))]
pub(crate) fn explore_bounded(_: usize, scenario: impl Fn() + Sync + Send + 'static) {
    explore(scenario);
}

/// Repeats `scenario` on real threads.
#[cfg(not(tollgate_loom))]
pub(crate) fn explore_without_membarrier(_: usize, scenario: impl Fn() + Sync + Send + 'static) {
    explore(scenario);
}

/// The running licence of `model`, with the operator's own small limits.
pub(crate) fn license(model: &str, limits: &[(Limit, u32)]) -> RunningLicense {
    let mut unit = Unit::new(catalogue::find(model, None, None).expect("a model of the guides"));
    limits.iter().for_each(|(limit, units)| unit.restrict(*limit, *units));
    RunningLicense::of(&unit)
}

/// A gate that runs [`license`] and counts every limit in a word of its group.
pub(crate) fn gate(limits: &[(Limit, u32)]) -> Gate {
    Gate::with_exact_peaks(license("ASA 5520", limits))
}

/// A gate that runs [`license`] and counts connections in shares.
pub(crate) fn sharing_gate(limits: &[(Limit, u32)]) -> Gate {
    Gate::new(license("ASA 5520", limits))
}

/// Checks that every unit was accounted for and given back.
pub(crate) fn assert_nothing_lost(gate: &Gate) {
    let audit = gate.audit();
    assert!(audit.is_clean(), "{audit}");
    assert!(audit.is_idle(), "{audit:?}");
}
