//! Publishing while traffic flows.

use tollgate::gate::Worker;
use tollgate::license::{Allowance, Kind, Limit};

use crate::explore::{
    assert_nothing_lost, explore, explore_bounded, gate, license, sharing_gate, thread,
};

const CONNS: Limit = Limit::FirewallConns;

#[test]
fn nothing_is_admitted_beyond_the_new_limit_after_publish() {
    explore_bounded(3, || {
        let gate = gate(&[(CONNS, 2)]);
        let mut other = gate.worker();
        let thread = thread::spawn(move || {
            let tokens = [other.admit(Kind::Connection), other.admit(Kind::Connection)];
            tokens.into_iter().flatten().collect::<Vec<_>>()
        });
        gate.publish(license("ASA 5520", &[(CONNS, 1)])).expect("the same model");
        let mut worker = gate.worker();
        let after = worker.admit(Kind::Connection);
        let before = thread.join().expect("no panic");
        // Admitted after publish: nothing was in use then, and 1 is all that may be.
        assert!(after.is_err() || before.is_empty());
        before.into_iter().chain(after).for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

#[test]
fn several_limits_are_lowered_without_a_phantom() {
    explore(|| {
        let gate = gate(&[(Limit::Anyconnect, 1), (Limit::TotalVpn, 2)]);
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.admit(Kind::Anyconnect));
        let lowered = [(Limit::Anyconnect, 0), (Limit::TotalVpn, 1)];
        gate.publish(license("ASA 5520", &lowered)).expect("the same model");
        let mut worker = gate.worker();
        assert!(worker.admit(Kind::Anyconnect).is_err(), "none is allowed any more");
        let fits = worker.admit(Kind::Ikev2L2l);
        let before = thread.join().expect("no panic");
        assert!(fits.is_ok() || before.is_ok(), "one of the total was free");
        fits.into_iter().chain(before).for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

#[test]
fn lowering_below_use_and_raising_again_is_exact() {
    explore_bounded(1, || {
        let gate = gate(&[(CONNS, 2)]);
        let mut worker = gate.worker();
        let tokens = [worker.admit(Kind::Connection), worker.admit(Kind::Connection)];
        let [Ok(first), Ok(second)] = tokens else { panic!("two are allowed") };
        let mut other = gate.worker();
        let thread = thread::spawn(move || other.release(first));
        gate.publish(license("ASA 5520", &[(CONNS, 0)])).expect("the same model");
        assert!(worker.admit(Kind::Connection).is_err());
        gate.publish(license("ASA 5520", &[(CONNS, 2)])).expect("the same model");
        thread.join().expect("no panic");
        let again = worker.admit(Kind::Connection).expect("one of two is in use");
        assert!(worker.admit(Kind::Connection).is_err());
        [second, again].into_iter().for_each(|token| worker.release(token));
        assert_nothing_lost(&gate);
    });
}

/// Raised and lowered while a unit is given back: the release finds it in use at every moment.
#[test]
fn a_release_during_publish_is_not_excess() {
    explore_bounded(2, || {
        let gate = gate(&[(CONNS, 1)]);
        let mut worker = gate.worker();
        let token = worker.admit(Kind::Connection).expect("room");
        let thread = thread::spawn(move || worker.release(token));
        gate.publish(license("ASA 5520", &[(CONNS, 3)])).expect("the same model");
        gate.publish(license("ASA 5520", &[(CONNS, 2)])).expect("the same model");
        thread.join().expect("no panic");
        assert_nothing_lost(&gate);
    });
}

/// A unit that was taken under the raised limit is in use for a release that still sees the old.
#[test]
fn a_unit_taken_while_the_limit_is_raised_is_given_back() {
    explore_bounded(3, || {
        let gate = gate(&[(CONNS, 0)]);
        let mut worker = gate.worker();
        let thread = thread::spawn(move || {
            if let Ok(token) = worker.admit(Kind::Connection) {
                worker.release(token);
            }
        });
        gate.publish(license("ASA 5520", &[(CONNS, 1)])).expect("the same model");
        thread.join().expect("no panic");
        assert_nothing_lost(&gate);
    });
}

#[test]
fn the_peak_is_one_that_was_reached() {
    explore_bounded(3, || {
        let gate = gate(&[(CONNS, 1)]);
        let mut worker = gate.worker();
        let thread = thread::spawn(move || {
            let token = worker.admit(Kind::Connection).expect("one is allowed throughout");
            worker.release(token);
        });
        gate.publish(license("ASA 5520", &[(CONNS, 3)])).expect("the same model");
        thread.join().expect("no panic");
        assert!(gate.usage(CONNS).peak <= 1);
        assert_nothing_lost(&gate);
    });
}

/// Who sees that publishing is over sees the limits it left: the larger ones of before would make
/// the last free unit look like many in use.
#[test]
fn the_peak_is_one_that_was_reached_under_a_lower_limit() {
    explore_bounded(3, || {
        let gate = gate(&[(CONNS, 3)]);
        let mut worker = gate.worker();
        let thread = thread::spawn(move || {
            let token = worker.admit(Kind::Connection).expect("one is allowed throughout");
            worker.release(token);
        });
        gate.publish(license("ASA 5520", &[(CONNS, 1)])).expect("the same model");
        thread.join().expect("no panic");
        assert!(gate.usage(CONNS).peak <= 1);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn the_peak_is_never_below_what_is_in_use() {
    explore_bounded(3, || {
        let gate = gate(&[(CONNS, 1)]);
        let mut worker = gate.worker();
        let thread = thread::spawn(move || {
            let token = worker.admit(Kind::Connection).expect("one is allowed throughout");
            (worker, token)
        });
        gate.publish(license("ASA 5520", &[(CONNS, 3)])).expect("the same model");
        let (mut worker, token) = thread.join().expect("no panic");
        assert_eq!(gate.usage(CONNS).peak, 1);
        worker.release(token);
        assert_nothing_lost(&gate);
    });
}

#[test]
fn of_two_publishers_one_is_last_in_everything() {
    explore_bounded(3, || {
        let gate = gate(&[(CONNS, 1)]);
        let other = gate.clone();
        let thread = thread::spawn(move || {
            other.publish(license("ASA 5520", &[(CONNS, 0)])).expect("the same model");
        });
        gate.publish(license("ASA 5520", &[(CONNS, 2)])).expect("the same model");
        thread.join().expect("no panic");
        let allowance = gate.license().limit(CONNS).allowance();
        let mut worker = gate.worker();
        let fits = (0..3).map_while(|_| worker.admit(Kind::Connection).ok()).count();
        assert_eq!(allowance, Allowance::Limited(u32::try_from(fits).expect("small")));
    });
}

/// A worker keeps its last refusal; once it knows that a licence was published it explains by that.
#[test]
fn a_flood_hears_of_a_new_licence() {
    explore_bounded(3, || {
        let gate = sharing_gate(&[(CONNS, 1)]);
        let mut worker = gate.worker();
        let token = worker.admit(Kind::Connection).expect("room");
        let refused = |worker: &mut Worker| {
            worker.admit(Kind::Connection).expect_err("one is in use").allowance
        };
        assert_eq!(refused(&mut worker), Allowance::Limited(1));
        let thread = thread::spawn(move || (refused(&mut worker), worker));
        gate.publish(license("ASA 5520", &[(CONNS, 0)])).expect("the same model");
        let (seen, mut worker) = thread.join().expect("no panic");
        assert!(seen == Allowance::Limited(0) || seen == Allowance::Limited(1));
        assert_eq!(refused(&mut worker), Allowance::Limited(0));
        worker.release(token);
        assert_nothing_lost(&gate);
    });
}
