//! Admission and release.

use tollgate::gate::{Gate, Refusal, Token, Worker};
use tollgate::license::{Kind, Limit};

#[cfg(not(tollgate_loom))]
use crate::explore::license;
use crate::explore::{assert_nothing_lost, explore, explore_bounded, gate, sharing_gate, thread};

/// Two or three threads that each run `work` on a worker of their own; what they return.
fn threads<R: Send + 'static>(
    gate: &Gate,
    count: usize,
    work: impl Fn(&mut Worker, usize) -> R + Send + Sync + Copy + 'static,
) -> Vec<R> {
    let spawn = |index| {
        let mut worker = gate.worker();
        thread::spawn(move || work(&mut worker, index))
    };
    let running: Vec<_> = (1..count).map(spawn).collect();
    let first = work(&mut gate.worker(), 0);
    let rest = running.into_iter().map(|thread| thread.join().expect("no panic"));
    std::iter::once(first).chain(rest).collect()
}

fn admitted(verdicts: &[Result<Token, Refusal>]) -> usize {
    verdicts.iter().filter(|verdict| verdict.is_ok()).count()
}

fn release_all(gate: &Gate, verdicts: Vec<Result<Token, Refusal>>) {
    let mut worker = gate.worker();
    verdicts.into_iter().flatten().for_each(|token| worker.release(token));
}

#[test]
fn never_over_the_limit_with_two_threads() {
    explore(|| {
        let gate = gate(&[(Limit::FirewallConns, 1)]);
        let verdicts = threads(&gate, 2, |worker, _| worker.admit(Kind::Connection));
        assert_eq!(admitted(&verdicts), 1);
        release_all(&gate, verdicts);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn never_over_the_limit_with_three_threads() {
    explore_bounded(3, || {
        let gate = gate(&[(Limit::FirewallConns, 2)]);
        let verdicts = threads(&gate, 3, |worker, _| worker.admit(Kind::Connection));
        assert_eq!(admitted(&verdicts), 2);
        release_all(&gate, verdicts);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn never_refused_while_there_is_room() {
    explore_bounded(3, || {
        let gate = gate(&[(Limit::FirewallConns, 2)]);
        threads(&gate, 2, |worker, _| {
            for _ in 0..2 {
                let token = worker.admit(Kind::Connection).expect("two at most are in use");
                worker.release(token);
            }
        });
        assert_nothing_lost(&gate);
    });
}

/// A burst takes what there is room for, and is cut short only where there is none.
#[test]
fn a_burst_takes_what_there_is_room_for() {
    explore_bounded(2, || {
        let gate = sharing_gate(&[(Limit::FirewallConns, 3)]);
        let bursts = threads(&gate, 2, |worker, _| {
            let mut tokens = Vec::new();
            let verdict = worker.admit_up_to(Kind::Connection, 2, |token| tokens.push(Ok(token)));
            assert_eq!(verdict.is_ok(), tokens.len() == 2);
            tokens
        });
        assert_eq!(bursts.iter().map(Vec::len).sum::<usize>(), 3);
        assert_eq!(gate.usage(Limit::FirewallConns).refused, 1);
        release_all(&gate, bursts.into_iter().flatten().collect());
        assert_nothing_lost(&gate);
    });
}

/// The same where a kind takes units of two limits, and the others are given back meanwhile.
#[test]
fn a_burst_is_never_cut_while_there_is_room() {
    explore_bounded(3, || {
        let gate = gate(&[(Limit::Anyconnect, 2), (Limit::TotalVpn, 2)]);
        let bursts = threads(&gate, 2, |worker, index| {
            let kind = [Kind::Anyconnect, Kind::Ikev2L2l][index];
            let mut tokens = Vec::new();
            let verdict = worker.admit_up_to(kind, 1, |token| tokens.push(token));
            assert!(verdict.is_ok(), "two at most are in use");
            tokens.into_iter().for_each(|token| worker.release(token));
        });
        assert_eq!(bursts.len(), 2);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn all_limits_of_an_admission_or_none() {
    explore(|| {
        let limits = [(Limit::Anyconnect, 1), (Limit::OtherVpn, 1), (Limit::TotalVpn, 1)];
        let gate = gate(&limits);
        let verdicts = threads(&gate, 2, |worker, index| {
            worker.admit([Kind::Anyconnect, Kind::Ikev2L2l][index])
        });
        assert_eq!(admitted(&verdicts), 1);
        let in_use = |limit| gate.usage(limit).in_use;
        assert_eq!(in_use(Limit::Anyconnect) + in_use(Limit::OtherVpn), 1);
        assert_eq!(in_use(Limit::TotalVpn), 1);
        release_all(&gate, verdicts);
        assert_nothing_lost(&gate);
    });
}

/// Each limit of a word has a peak of its own, and what raises one leaves the others.
#[test]
fn the_peaks_of_limits_in_one_word_are_kept_apart() {
    explore_bounded(4, || {
        let gate = gate(&[(Limit::Anyconnect, 1), (Limit::OtherVpn, 1)]);
        threads(&gate, 2, |worker, index| {
            let kind = [Kind::Anyconnect, Kind::Ikev2L2l][index];
            let token = worker.admit(kind).expect("one of each is allowed");
            worker.release(token);
        });
        let peak = |limit| gate.usage(limit).peak;
        assert_eq!((peak(Limit::Anyconnect), peak(Limit::OtherVpn)), (1, 1));
        assert!((1..=2).contains(&peak(Limit::TotalVpn)));
        assert_nothing_lost(&gate);
    });
}

#[test]
fn a_refused_attempt_never_makes_another_fail() {
    explore(|| {
        let gate = gate(&[(Limit::Anyconnect, 0), (Limit::TotalVpn, 1)]);
        threads(&gate, 2, |worker, index| {
            if index == 0 {
                let refusal = worker.admit(Kind::Anyconnect).expect_err("none is allowed");
                assert_eq!(refusal.limit, Limit::Anyconnect);
            } else {
                for _ in 0..2 {
                    let token = worker.admit(Kind::Ikev2L2l).expect("the only one that fits");
                    worker.release(token);
                }
            }
        });
        assert_nothing_lost(&gate);
    });
}

#[test]
fn a_unit_is_released_on_another_worker() {
    explore(|| {
        let gate = gate(&[(Limit::FirewallConns, 1)]);
        let token = gate.worker().admit(Kind::Connection).expect("room");
        let verdicts = threads(&gate, 2, move |worker, index| {
            if index == 0 {
                worker.release(token);
                None
            } else {
                Some(worker.admit(Kind::Connection))
            }
        });
        release_all(&gate, verdicts.into_iter().flatten().collect());
        assert_nothing_lost(&gate);
        assert_eq!(gate.usage(Limit::FirewallConns).peak, 1);
    });
}

/// A worker that goes while the counters are read leaves what it counted, once.
#[test]
fn a_worker_that_leaves_takes_no_count_with_it() {
    explore(|| {
        let gate = gate(&[(Limit::FirewallConns, 1)]);
        let mut worker = gate.worker();
        let leaving = thread::spawn(move || {
            let token = worker.admit(Kind::Connection).expect("room");
            worker.release(token);
        });
        assert!(gate.usage(Limit::FirewallConns).admitted <= 1);
        leaving.join().expect("no panic");
        assert_eq!(gate.usage(Limit::FirewallConns).admitted, 1);
        assert_nothing_lost(&gate);
    });
}

/// With a limit of 1 a unit is a lock: what its holder wrote, the next holder sees. loom reports
/// the race when the release is not `Release` or the admission not `Acquire`.
#[cfg(tollgate_loom)]
#[test]
fn a_released_unit_hands_over_what_its_holder_wrote() {
    use loom::cell::UnsafeCell;
    use std::sync::Arc;

    explore(|| {
        let gate = gate(&[(Limit::FirewallConns, 1)]);
        let held = Arc::new(UnsafeCell::new(0));
        let work = |mut worker: Worker, held: Arc<UnsafeCell<i32>>| {
            if let Ok(token) = worker.admit(Kind::Connection) {
                held.with_mut(|cell| {
                    #[expect(unsafe_code, reason = "loom checks that nobody else is here")]
                    // SAFETY: the limit is 1, so nobody else holds the unit; loom panics on a race.
                    unsafe {
                        *cell += 1;
                    }
                });
                worker.release(token);
            }
        };
        let (other, shared) = (gate.worker(), Arc::clone(&held));
        let thread = thread::spawn(move || work(other, shared));
        work(gate.worker(), held);
        thread.join().expect("no panic");
    });
}

/// Under loom only: a debug build on real threads panics instead, as it should.
#[cfg(tollgate_loom)]
#[test]
fn a_second_release_changes_nothing_and_is_counted() {
    explore(|| {
        let gate = gate(&[(Limit::FirewallConns, 1)]);
        let token = gate.worker().admit(Kind::Connection).expect("room");
        threads(&gate, 2, move |worker, _| worker.release(token));
        assert_eq!(gate.usage(Limit::FirewallConns).in_use, 0);
        let audit = gate.audit();
        assert_eq!(audit.excess_releases, 1);
        let settled = audit.lines.iter().all(|line| line.drift() == 0 && line.held == 0);
        assert!(settled, "{audit:?}");
    });
}

/// On real threads only: enough connections that they are shared, licences published meanwhile.
#[cfg(not(tollgate_loom))]
#[test]
fn shared_connections_are_as_many_as_the_limit() {
    for limit in [5_000, 7_000, 9_000] {
        let gate = sharing_gate(&[(Limit::FirewallConns, 4_000)]);
        let publisher = gate.clone();
        let publish = |units| license("ASA 5520", &[(Limit::FirewallConns, units)]);
        let publishing = thread::spawn(move || {
            for units in [100, 2_000, 8_000, limit] {
                publisher.publish(publish(units)).expect("the same model");
            }
        });
        let verdicts = threads(&gate, 3, |worker, _| {
            (0..1_000).map(|_| worker.admit(Kind::Connection)).collect::<Vec<_>>()
        });
        publishing.join().expect("no panic");
        let mut worker = gate.worker();
        let mut held: Vec<_> = verdicts.into_iter().flatten().flatten().collect();
        held.extend(std::iter::from_fn(|| worker.admit(Kind::Connection).ok()));
        assert_eq!(held.len(), limit as usize);
        assert_eq!(gate.usage(Limit::FirewallConns).peak, u64::from(limit));
        for token in held {
            worker.release(token);
        }
        assert_nothing_lost(&gate);
    }
}
