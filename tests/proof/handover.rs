//! A unit of a limit of one is a lock: what its holder wrote, the next holder sees.
//!
//! The memory behind the lock is plain, so that `ThreadSanitizer` reports a race where a release
//! or an admission orders too little (`scripts/sanitize`). Without it the test sees lost writes
//! only.
#![expect(unsafe_code, reason = "plain memory that only the counter under test guards")]

use std::cell::UnsafeCell;
use std::thread;

use tollgate::catalogue;
use tollgate::gate::counter::{Counter, Layout};
use tollgate::gate::{Fence, Gate};
use tollgate::license::{Kind, Limit, RunningLicense, Unit};

const ROUNDS: u64 = crate::times(20_000);

/// What the holder of the only unit writes.
#[derive(Default)]
struct Guarded(UnsafeCell<u64>);

// SAFETY: touched by the holder of the only unit alone, which is what is tested.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn write(&self) {
        // SAFETY: the limit is 1, and the caller holds the unit.
        unsafe { *self.0.get() += 1 }
    }
}

/// Three threads take turns; `holding` runs what it is given while it holds the unit, if it got it.
fn take_turns<T: Send>(seats: [T; 3], holding: impl Fn(&mut T, &dyn Fn()) -> bool + Sync) {
    let guarded = Guarded::default();
    let held: usize = thread::scope(|scope| {
        let turns = seats.map(|mut seat| {
            let (guarded, holding) = (&guarded, &holding);
            let turn = move |_: &u64| holding(&mut seat, &|| guarded.write());
            scope.spawn(move || (0..ROUNDS).filter(turn).count())
        });
        turns.into_iter().map(|turns| turns.join().expect("no panic")).sum()
    });
    assert_eq!(guarded.0.into_inner(), held as u64, "a write was lost");
    assert!(held >= 3, "{held} turns are no test");
}

#[test]
fn a_unit_of_a_counter_hands_over_what_its_holder_wrote() {
    for cells in [0, 1, 3] {
        for fence in [Fence::best(), Fence::Full] {
            let (smallest_share, begin_share) = (0, 0);
            let patience = 0;
            let layout =
                Layout { cells, smallest_share, begin_share, epoch_bits: 3, patience, fence };
            let counter = Counter::with_layout(1, layout);
            take_turns([counter.seat(), counter.seat(), counter.seat()], |seat, write| {
                let admitted = seat.admit();
                if admitted {
                    write();
                    assert!(seat.release(1));
                }
                admitted
            });
        }
    }
}

#[test]
fn a_unit_of_a_gate_hands_over_what_its_holder_wrote() {
    for (limit, kind) in [
        (Limit::FirewallConns, Kind::Connection),
        (Limit::Interfaces, Kind::Vlan),
        (Limit::TotalVpn, Kind::Ikev1L2l),
    ] {
        let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).expect("a model"));
        unit.restrict(limit, 1);
        let gate = Gate::new(RunningLicense::of(&unit));
        take_turns([gate.worker(), gate.worker(), gate.worker()], |worker, write| {
            let admitted = worker.admit(kind);
            let holds = admitted.is_ok();
            if let Ok(token) = admitted {
                write();
                worker.release(token);
            }
            holds
        });
    }
}
