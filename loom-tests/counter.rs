//! The limit counter with shares of one unit, so that a few operations begin and end epochs.

use tollgate::gate::Fence;
use tollgate::gate::counter::{Counter, Layout, Seat};

use crate::explore::{explore, explore_bounded, explore_without_membarrier, thread};

/// Shares of one unit for each of `cells` workers, as soon as one for each is free.
fn layout(cells: usize) -> Layout {
    Layout {
        cells,
        smallest_share: 0,
        begin_share: 0,
        epoch_bits: 3,
        patience: 0,
        fence: Fence::best(),
    }
}

fn counter(limit: u64) -> Counter {
    Counter::with_layout(limit, layout(2))
}

/// A seat whose cell is open, with nothing taken.
fn open_seat(counter: &Counter) -> Seat {
    let mut seat = counter.seat();
    assert!(seat.admit() && seat.release(1));
    seat
}

/// Two seats, both open.
fn open_seats(counter: &Counter) -> [Seat; 2] {
    let mut seats = [counter.seat(), counter.seat()];
    for seat in &mut seats {
        assert!(seat.admit() && seat.release(1));
    }
    seats
}

fn admit(seat: &mut Seat, times: usize) -> u64 {
    (0..times).map(|_| u64::from(seat.admit())).sum()
}

fn assert_in_use(counter: &Counter, units: u64) {
    let usage = counter.usage();
    assert_eq!((usage.in_use, usage.excess), (units, 0), "{usage:?}");
    assert_eq!(counter.counted(), units, "{counter:?}");
}

/// Gives back what is in use and takes all of it again: nothing is lost, nothing is gained.
fn assert_nothing_lost(counter: &Counter, in_use: u64, limit: u64) {
    assert_in_use(counter, in_use);
    counter.set_limit(limit);
    let mut seat = counter.seat();
    assert!(in_use == 0 || seat.release(in_use));
    assert_eq!(seat.admit_up_to(limit + 1), limit);
}

/// One admits while the limit of two becomes one, and the other after it has.
fn assert_one_is_admitted_while_one_becomes_the_limit(
    counter: &Counter,
    mut here: Seat,
    mut there: Seat,
) {
    let thread = thread::spawn(move || admit(&mut there, 1));
    counter.set_limit(1);
    let after = u64::from(here.admit());
    let other = thread.join().expect("no panic");
    assert!(after + other <= 1, "one is allowed, and nothing was in use before");
    assert_nothing_lost(counter, after + other, 2);
}

#[test]
fn never_over_the_limit_while_shares_are_taken_back() {
    explore_bounded(3, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || admit(&mut there, 2));
        let admitted = admit(&mut here, 2) + thread.join().expect("no panic");
        assert_eq!(admitted, 2, "as many as the limit: none over, none lost");
        assert_nothing_lost(&counter, 2, 2);
    });
}

#[test]
fn never_over_the_limit_with_three_threads() {
    explore_bounded(1, || {
        let counter = Counter::with_layout(3, layout(3));
        let seats = [counter.seat(), counter.seat()];
        let mut here = counter.seat();
        let threads = seats.map(|mut seat| thread::spawn(move || admit(&mut seat, 2)));
        let mut admitted = admit(&mut here, 1);
        for thread in threads {
            admitted += thread.join().expect("no panic");
        }
        assert_eq!(admitted, 3);
        assert_nothing_lost(&counter, 3, 3);
    });
}

/// A worker without a seat finds nothing in the word: it ends the epoch while the other one takes
/// and gives back.
#[test]
fn never_refused_while_there_is_room() {
    explore_bounded(2, || {
        let counter = counter(2);
        let [here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || {
            assert!(there.admit() && there.release(1), "one each");
            assert!(there.admit() && there.release(1), "one each");
        });
        assert!(counter.admit(), "the other has one at most, and two are allowed");
        assert!(counter.release(1));
        thread.join().expect("no panic");
        drop(here);
        assert_nothing_lost(&counter, 0, 2);
    });
}

#[test]
fn a_unit_in_another_share_is_not_missed() {
    explore_bounded(4, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        assert!(here.admit() && there.admit());
        let thread = thread::spawn(move || assert!(there.release(1)));
        let second = here.admit();
        thread.join().expect("no panic");
        assert!(second || here.admit(), "the other has none any more");
        assert!(!here.admit());
        assert_nothing_lost(&counter, 2, 2);
    });
}

#[test]
fn the_owner_is_in_the_middle_of_its_store() {
    explore_bounded(4, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || (admit(&mut there, 1), there));
        let admitted = admit(&mut here, 2);
        let (other, mut there) = thread.join().expect("no panic");
        assert_eq!(admitted + other, 2);
        assert_in_use(&counter, 2);
        assert!(there.release(2) && there.admit() && there.admit() && !there.admit());
    });
}

/// Three who need each other's share: each of them ends the epoch.
#[test]
fn two_helpers_close_at_once() {
    explore_bounded(1, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        let third = counter.clone();
        let thread = thread::spawn(move || admit(&mut there, 1));
        let helper = thread::spawn(move || u64::from(third.admit()));
        thread::yield_now();
        let admitted = admit(&mut here, 2);
        let others = thread.join().expect("no panic") + helper.join().expect("no panic");
        assert_eq!(admitted + others, 2);
        assert_nothing_lost(&counter, 2, 2);
    });
}

/// A helper that slept through the end of its epoch finds the cells open in the next one.
#[test]
fn a_helper_that_is_late_leaves_the_next_epoch_alone() {
    explore_bounded(2, || {
        let counter = counter(4);
        let [mut here, mut there] = open_seats(&counter);
        assert!(here.admit() && here.admit(), "its share is two");
        let helper = counter.clone();
        let thread = thread::spawn(move || u64::from(helper.admit()));
        let admitted = admit(&mut here, 1) + admit(&mut there, 1);
        assert_eq!(admitted + thread.join().expect("no panic"), 2);
        assert_nothing_lost(&counter, 4, 4);
    });
}

/// A helper sleeps until the next epoch closes as well. Where it begins is no preemption.
#[test]
fn a_helper_that_sleeps_through_an_epoch_leaves_the_next_one_closing() {
    explore_bounded(2, || {
        let counter = Counter::with_layout(4, Layout { epoch_bits: 13, ..layout(1) });
        let mut here = open_seat(&counter);
        assert!(here.admit() && here.admit());
        let helper = counter.clone();
        let thread = thread::spawn(move || u64::from(helper.admit()));
        thread::yield_now();
        let admitted = admit(&mut here, 3);
        assert_eq!(admitted + thread.join().expect("no panic"), 2);
        assert_nothing_lost(&counter, 4, 4);
    });
}

/// A helper sleeps before it shuts the cell, until the cell is settled in the next epoch and that
/// has not ended: what it was settled at still counts. Where the helper begins is no preemption.
#[test]
fn a_helper_that_sleeps_leaves_a_cell_settled_as_it_is() {
    explore_bounded(2, || {
        let counter = Counter::with_layout(4, Layout { epoch_bits: 13, ..layout(1) });
        let mut here = open_seat(&counter);
        assert!(here.admit() && here.admit());
        let helper = counter.clone();
        let thread = thread::spawn(move || u64::from(helper.admit()));
        thread::yield_now();
        // The first change ends the helper's epoch and begins the next one, the second ends that.
        counter.set_limit(8);
        let admitted = 2 + admit(&mut here, 1);
        counter.set_limit(3);
        let other = thread.join().expect("no panic");
        drop(here);
        assert_nothing_lost(&counter, admitted + other, 4);
    });
}

#[test]
fn nothing_is_admitted_beyond_the_new_limit_after_set_limit() {
    explore_bounded(4, || {
        let counter = counter(2);
        let [here, there] = open_seats(&counter);
        assert_one_is_admitted_while_one_becomes_the_limit(&counter, here, there);
    });
}

/// Whoever takes shares back first looks whether the owners settle them, and passes no fence then.
#[test]
fn owners_are_trusted_when_all_of_them_have_settled() {
    explore_bounded(3, || {
        let counter = Counter::with_layout(2, Layout { patience: 2, ..layout(2) });
        // Of the first cell there is nothing to settle: that says nothing of the other one.
        let (here, there) = (counter.seat(), open_seat(&counter));
        assert_one_is_admitted_while_one_becomes_the_limit(&counter, here, there);
    });
}

#[test]
fn a_door_opens_while_its_epoch_closes() {
    explore_bounded(3, || {
        let counter = counter(2);
        let there = counter.seat();
        let here = open_seat(&counter);
        assert_one_is_admitted_while_one_becomes_the_limit(&counter, here, there);
    });
}

/// What its cell was settled at is still to be read when a later epoch has come and gone.
#[test]
fn a_worker_sleeps_through_an_epoch() {
    explore_bounded(2, || {
        let counter = counter(4);
        let [mut here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || (admit(&mut there, 1), there));
        counter.set_limit(0);
        counter.set_limit(4);
        let admitted = admit(&mut here, 1);
        counter.set_limit(0);
        let (other, there) = thread.join().expect("no panic");
        drop((here, there));
        assert_nothing_lost(&counter, admitted + other, 4);
    });
}

/// The fallback: doors are guarded, and looked at a second time behind a full fence.
#[test]
fn without_membarrier_the_door_is_looked_at_twice() {
    explore_without_membarrier(3, || {
        let counter = Counter::with_layout(2, Layout { fence: Fence::Full, ..layout(2) });
        let [mut here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || (admit(&mut there, 1), there));
        counter.set_limit(1);
        let after = u64::from(here.admit());
        let (other, mut there) = thread.join().expect("no panic");
        assert!(after + other <= 1, "one is allowed, and nothing was in use before");
        assert!(after + other == 0 || there.release(after + other), "wherever it was admitted");
        assert_nothing_lost(&counter, 0, 2);
    });
}

#[test]
fn lowering_below_use_and_raising_again_is_exact() {
    explore_bounded(3, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        assert!(here.admit() && there.admit());
        let thread = thread::spawn(move || assert!(there.release(1)));
        counter.set_limit(0);
        assert!(!here.admit());
        assert!(counter.usage().debt() >= 1);
        counter.set_limit(2);
        thread.join().expect("no panic");
        assert!(here.admit(), "one of two is in use");
        assert!(!here.admit());
        assert_nothing_lost(&counter, 2, 2);
    });
}

#[test]
fn of_two_publishers_one_is_last() {
    explore_bounded(3, || {
        let counter = counter(2);
        let mut here = open_seat(&counter);
        let other = counter.clone();
        let thread = thread::spawn(move || other.set_limit(1));
        counter.set_limit(3);
        thread.join().expect("no panic");
        let limit = counter.usage().limit;
        assert!(limit == 1 || limit == 3);
        assert_eq!(here.admit_up_to(4), limit);
    });
}

/// One publishes, one admits, one releases.
#[test]
fn a_limit_changes_between_admission_and_release() {
    explore_bounded(2, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        assert!(here.admit());
        let publisher = counter.clone();
        let admitting = thread::spawn(move || admit(&mut there, 1));
        let publishing = thread::spawn(move || publisher.set_limit(1));
        assert!(here.release(1));
        publishing.join().expect("no panic");
        let admitted = admitting.join().expect("no panic");
        assert_nothing_lost(&counter, admitted, 2);
    });
}

#[test]
fn a_unit_is_released_on_another_worker() {
    explore_bounded(3, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        assert!(here.admit() && there.admit());
        let thread = thread::spawn(move || assert!(there.release(1) && there.release(1)));
        let again = u64::from(here.admit());
        thread.join().expect("no panic");
        assert_nothing_lost(&counter, again, 2);
    });
}

#[test]
fn a_worker_that_leaves_during_a_close_takes_nothing_with_it() {
    explore_bounded(3, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        let follows = counter.clone();
        let thread = thread::spawn(move || {
            let admitted = admit(&mut there, 1);
            drop(there);
            admitted + admit(&mut follows.seat(), 1)
        });
        let admitted = admit(&mut here, 1) + thread.join().expect("no panic");
        assert_eq!(admitted, 2);
        assert!(!here.admit());
        assert_nothing_lost(&counter, 2, 2);
    });
}

/// The cell is shut, and not settled yet, when its next owner comes and gives back.
#[test]
fn a_worker_that_comes_during_a_close_gives_back_once() {
    explore_bounded(3, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        assert!(here.admit() && there.admit());
        let follows = counter.clone();
        let thread = thread::spawn(move || {
            drop(there);
            assert!(follows.seat().release(1));
        });
        let again = u64::from(here.admit());
        thread.join().expect("no panic");
        assert_nothing_lost(&counter, 1 + again, 2);
    });
}

#[test]
fn a_worker_without_a_cell_counts_in_the_word() {
    explore_bounded(3, || {
        let counter = Counter::with_layout(2, layout(1));
        let mut here = open_seat(&counter);
        let mut there = counter.seat();
        let thread = thread::spawn(move || assert!(there.admit() && there.release(1)));
        assert!(here.admit(), "the other has one at most");
        thread.join().expect("no panic");
        assert_nothing_lost(&counter, 1, 2);
    });
}

#[test]
fn a_burst_is_one_admission() {
    explore_bounded(3, || {
        let counter = counter(4);
        let [mut here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || if there.admit_all(3) { 3 } else { 0 });
        let some = here.admit_up_to(3);
        let all = thread.join().expect("no panic");
        assert!((some, all) == (1, 3) || (some, all) == (3, 0), "{some} and {all}");
        assert_nothing_lost(&counter, some + all, 4);
    });
}

#[test]
fn usage_under_traffic_is_off_by_what_moves() {
    explore_bounded(3, || {
        let counter = counter(2);
        let [mut here, mut there] = open_seats(&counter);
        let thread = thread::spawn(move || admit(&mut there, 2));
        let usage = counter.usage();
        assert!(usage.in_use <= 2 && usage.excess == 0, "{usage:?}");
        assert_eq!(thread.join().expect("no panic"), 2);
        assert_in_use(&counter, 2);
        assert!(!here.admit());
    });
}

/// Two units are in use throughout, in a share that is taken back and given out anew meanwhile.
#[test]
fn usage_does_not_mix_two_epochs() {
    explore_bounded(3, || {
        let counter = counter(4);
        let [here, mut there] = open_seats(&counter);
        assert_eq!(admit(&mut there, 2), 2, "its share");
        let thread = thread::spawn(move || (admit(&mut there, 1), there));
        let usage = counter.usage();
        assert!((2..=3).contains(&usage.in_use) && usage.excess == 0, "{usage:?}");
        let (admitted, there) = thread.join().expect("no panic");
        drop((here, there));
        assert_nothing_lost(&counter, 2 + admitted, 4);
    });
}

/// Epochs are numbered modulo 4: one that was read before four others have passed must not be
/// taken for the present one.
#[test]
fn an_epoch_that_wraps_is_not_mistaken() {
    explore_bounded(2, || {
        let layout = Layout { epoch_bits: 2, ..layout(2) };
        let counter = Counter::with_layout(2, layout);
        let [mut here, mut there] = open_seats(&counter);
        counter.set_limit(0);
        counter.set_limit(2);
        assert!(here.admit() && here.release(1));
        let thread = thread::spawn(move || (admit(&mut there, 1), there));
        thread::yield_now();
        for _ in 0..4 {
            counter.set_limit(0);
            counter.set_limit(2);
            let _ = here.admit() && here.release(1);
        }
        counter.set_limit(0);
        let (admitted, mut there) = thread.join().expect("no panic");
        assert!(!there.admit() && !here.admit());
        assert_nothing_lost(&counter, admitted, 2);
    });
}

/// Nothing shared: the word tells the peak at every release.
#[test]
fn the_peak_is_one_that_was_reached() {
    explore_bounded(3, || {
        let counter = Counter::with_layout(1, layout(0));
        let mut seat = counter.seat();
        let thread = thread::spawn(move || assert!(seat.admit() && seat.release(1)));
        counter.set_limit(3);
        thread.join().expect("no panic");
        assert!(counter.usage().peak <= 1);
        counter.set_limit(2);
        assert!(counter.admit() && counter.admit() && counter.release(2));
        assert_eq!(counter.usage().peak, 2);
    });
}

#[test]
fn the_peak_is_known_where_an_epoch_ends() {
    explore(|| {
        let counter = Counter::with_layout(8, layout(1));
        let mut seat = open_seat(&counter);
        assert_eq!(admit(&mut seat, 5), 5, "four are its share, and there are more");
        assert!(seat.release(5), "to the share of the next epoch");
        assert_eq!(counter.usage().peak, 4, "what was in use between the two");
    });
}

#[test]
fn a_release_while_the_limit_changes_is_not_excess() {
    explore_bounded(3, || {
        let counter = Counter::with_layout(1, layout(0));
        assert!(counter.admit());
        let other = counter.clone();
        let thread = thread::spawn(move || assert!(other.release(1)));
        counter.set_limit(3);
        counter.set_limit(2);
        thread.join().expect("no panic");
        assert_nothing_lost(&counter, 0, 2);
    });
}

#[test]
fn a_second_release_changes_nothing() {
    explore(|| {
        let counter = Counter::with_layout(1, layout(0));
        assert!(counter.admit());
        let other = counter.clone();
        let thread = thread::spawn(move || u64::from(other.release(1)));
        let released = u64::from(counter.release(1)) + thread.join().expect("no panic");
        assert_eq!(released, 1);
        assert_nothing_lost(&counter, 0, 1);
    });
}

/// On a seat whose cell has no share: what was not in use is not counted there either.
#[test]
fn a_second_release_is_not_counted_on_its_seat() {
    explore(|| {
        let counter = Counter::with_layout(1, Layout { begin_share: 3, ..layout(1) });
        let mut seat = counter.seat();
        assert!(seat.admit());
        let other = counter.clone();
        let thread = thread::spawn(move || u64::from(other.release(1)));
        let released = u64::from(seat.release(1)) + thread.join().expect("no panic");
        assert_eq!(released, 1);
        assert_in_use(&counter, 0);
    });
}

/// With a limit of 1 a unit is a lock: what its holder wrote, the next holder sees.
#[cfg(tollgate_loom)]
mod handover {
    use std::sync::Arc;

    use loom::cell::UnsafeCell;

    use super::{Counter, Layout, explore_bounded, layout, open_seat, thread};

    fn write(held: &UnsafeCell<i32>) {
        held.with_mut(|cell| {
            #[expect(unsafe_code, reason = "loom checks that nobody else is here")]
            // SAFETY: the limit is 1, so nobody else holds the unit; loom panics on a race.
            unsafe {
                *cell += 1;
            }
        });
    }

    #[test]
    fn a_released_unit_hands_over_what_its_holder_wrote() {
        explore_bounded(3, || {
            let counter = Counter::with_layout(1, layout(0));
            let held = Arc::new(UnsafeCell::new(0));
            let (other, shared) = (counter.clone(), Arc::clone(&held));
            let thread = thread::spawn(move || {
                if other.admit() {
                    write(&shared);
                    assert!(other.release(1));
                }
            });
            if counter.admit() {
                write(&held);
                assert!(counter.release(1));
            }
            thread.join().expect("no panic");
        });
    }

    /// From a share: only the owner's own store says that the unit is free.
    #[test]
    fn a_shared_unit_hands_over_what_its_holder_wrote() {
        explore_bounded(3, || {
            let counter = Counter::with_layout(1, layout(1));
            let mut seat = open_seat(&counter);
            let held = Arc::new(UnsafeCell::new(0));
            let shared = Arc::clone(&held);
            let thread = thread::spawn(move || {
                if seat.admit() {
                    write(&shared);
                    assert!(seat.release(1));
                }
            });
            if counter.admit() {
                write(&held);
                assert!(counter.release(1));
            }
            thread.join().expect("no panic");
        });
    }

    /// The closer passes no fence where the owner has settled its own cell.
    #[test]
    fn a_unit_that_its_owner_settled_hands_over_what_its_holder_wrote() {
        explore_bounded(3, || {
            let counter = Counter::with_layout(1, Layout { patience: 2, ..layout(1) });
            let mut seat = open_seat(&counter);
            let held = Arc::new(UnsafeCell::new(0));
            let (closer, shared) = (counter.clone(), Arc::clone(&held));
            let thread = thread::spawn(move || {
                if closer.admit() {
                    write(&shared);
                    assert!(closer.release(1));
                }
            });
            if seat.admit() {
                write(&held);
                assert!(seat.release(1));
            }
            // Where the door is closed by now, it is settled here.
            let _ = seat.admit() && seat.release(1);
            thread.join().expect("no panic");
        });
    }
}
