//! The limit counter beside the floor and beside one shared word, on one and two threads.
//!
//! ```text
//! cargo bench --no-default-features --bench counter [-- PART-OF-A-NAME]
//! ```
//!
//! Each figure is the median of rounds in which the contestants take turns, in nanoseconds an
//! operation of each thread, with the lowest and the highest round.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_utils::CachePadded;
use tollgate::catalogue;
use tollgate::gate::counter::{Counter, Layout, Seat};
use tollgate::gate::{Gate, Worker};
use tollgate::license::{Kind, Limit, RunningLicense, Unit};

const ROUNDS: usize = 7;

/// One thread's handle on what counts.
trait Handle: Send {
    fn admit(&mut self) -> bool;
    fn release(&mut self);
}

/// What no admission control can be cheaper than: a plain counter of the thread's own.
struct Floor {
    used: u64,
    limit: u64,
}

impl Handle for Floor {
    #[inline]
    fn admit(&mut self) -> bool {
        let room = self.used < black_box(self.limit);
        if room {
            self.used = black_box(self.used + 1);
        }
        room
    }

    #[inline]
    fn release(&mut self) {
        self.used = black_box(self.used - 1);
    }
}

/// One padded word for all threads, changed by compare-and-swap.
struct SharedWord<'a> {
    used: &'a CachePadded<AtomicU64>,
    limit: u64,
}

impl Handle for SharedWord<'_> {
    #[inline]
    fn admit(&mut self) -> bool {
        let mut used = self.used.load(Ordering::Relaxed);
        while used < self.limit {
            let (order, failure) = (Ordering::Acquire, Ordering::Relaxed);
            match self.used.compare_exchange_weak(used, used + 1, order, failure) {
                Ok(_) => return true,
                Err(seen) => used = seen,
            }
        }
        false
    }

    #[inline]
    fn release(&mut self) {
        self.used.fetch_sub(1, Ordering::Release);
    }
}

impl Handle for Seat {
    #[inline]
    fn admit(&mut self) -> bool {
        Seat::admit(self)
    }

    #[inline]
    fn release(&mut self) {
        Seat::release(self, 1);
    }
}

/// A worker of a gate, its tokens thrown away: one is as good as another.
struct GateWorker(Worker);

impl Handle for GateWorker {
    #[inline]
    fn admit(&mut self) -> bool {
        self.0.admit(Kind::Connection).is_ok()
    }

    #[inline]
    fn release(&mut self) {
        let token = tollgate::gate::Token::from_bits(CONNECTION).expect("a connection's token");
        self.0.release(token);
    }
}

/// The token of a connection in a release build.
const CONNECTION: u64 = 0x7fff_ffff_ff80 | Kind::Connection as u64;

/// Nanoseconds an operation of each thread.
fn timed<H: Handle>(handles: Vec<H>, operations: u64, work: impl Fn(&mut H) + Sync) -> f64 {
    let start = Barrier::new(handles.len());
    let slowest = std::thread::scope(|scope| {
        let run = |mut handle: H| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                let begin = Instant::now();
                work(&mut handle);
                let took = begin.elapsed();
                start.wait();
                took
            })
        };
        let threads: Vec<_> = handles.into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).max()
    });
    let slowest = slowest.expect("a thread").as_nanos();
    #[expect(clippy::cast_precision_loss, reason = "a measurement")]
    let each = slowest as f64 / operations as f64;
    each
}

const PAIRS: u64 = 20_000_000;

fn pairs<H: Handle>(handle: &mut H) {
    for _ in 0..PAIRS {
        assert!(black_box(handle.admit()), "far below the limit");
        handle.release();
    }
}

fn flood<H: Handle>(handle: &mut H) {
    for _ in 0..PAIRS {
        assert!(!black_box(handle.admit()), "the limit is reached");
    }
}

fn fill<H: Handle>(handle: &mut H) -> u64 {
    let mut admitted = 0;
    while handle.admit() {
        admitted += 1;
    }
    admitted
}

fn gate(limit: u32) -> Gate {
    let entry = catalogue::find("ASA 5585-X with SSP-60", None, None).expect("a model");
    let mut unit = Unit::new(entry);
    unit.restrict(Limit::FirewallConns, limit);
    Gate::new(RunningLicense::of(&unit))
}

/// What is measured, against whom.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    limit: u64,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Pairs,
    Ramp,
    Flood,
}

const CASES: [Case; 5] = [
    Case { name: "pair far below the limit", limit: 10_000_000, run: Run::Pairs },
    Case { name: "pair below a limit of 100", limit: 100, run: Run::Pairs },
    Case { name: "ramp to 10,000,000", limit: 10_000_000, run: Run::Ramp },
    Case { name: "ramp to 10,000", limit: 10_000, run: Run::Ramp },
    Case { name: "refusal when full", limit: 10_000, run: Run::Flood },
];

impl Case {
    fn time<H: Handle>(self, mut handles: Vec<H>) -> f64 {
        match self.run {
            Run::Pairs => timed(handles, PAIRS, pairs),
            Run::Flood => {
                assert_eq!(fill(&mut handles[0]), self.limit);
                timed(handles, PAIRS, flood)
            }
            Run::Ramp => {
                let admitted = AtomicU64::new(0);
                let count = |handle: &mut H| {
                    admitted.fetch_add(fill(handle), Ordering::Relaxed);
                };
                let threads = handles.len() as u64;
                let each = timed(handles, self.limit.div_ceil(threads), count);
                assert_eq!(admitted.into_inner(), self.limit, "exactly the limit");
                each
            }
        }
    }

    fn floor(self, threads: usize) -> f64 {
        let limit = match self.run {
            Run::Ramp => self.limit.div_ceil(threads as u64),
            _ => self.limit,
        };
        match self.run {
            // A thread that is full on its own: nobody counts the others.
            Run::Flood => {
                timed((0..threads).map(|_| Floor { used: limit, limit }).collect(), PAIRS, flood)
            }
            Run::Ramp => timed(
                (0..threads).map(|_| Floor { used: 0, limit }).collect(),
                limit,
                |handle: &mut Floor| {
                    black_box(fill(handle));
                },
            ),
            Run::Pairs => {
                timed((0..threads).map(|_| Floor { used: 0, limit }).collect(), PAIRS, pairs)
            }
        }
    }

    fn contestants(self, threads: usize) -> [(&'static str, f64); 4] {
        let word = CachePadded::new(AtomicU64::new(0));
        let words = (0..threads).map(|_| SharedWord { used: &word, limit: self.limit }).collect();
        let counter = Counter::with_layout(self.limit, layout());
        let seats = (0..threads).map(|_| counter.seat()).collect();
        let gate = gate(u32::try_from(self.limit).expect("a limit of the table"));
        let workers = (0..threads).map(|_| GateWorker(gate.worker())).collect();
        [
            ("floor", self.floor(threads)),
            ("shared word", self.time(words)),
            ("counter", self.time(seats)),
            ("gate worker", self.time(workers)),
        ]
    }
}

/// Production's layout, with the smallest share from the environment where sizes are compared.
fn layout() -> Layout {
    let layout = Layout::production();
    let share = std::env::var("SMALLEST_SHARE").ok().and_then(|text| text.parse().ok());
    share.map_or(layout, |smallest| Layout {
        smallest_share: smallest,
        begin_share: smallest + 1,
        ..layout
    })
}

fn main() {
    let counter = Counter::new(1);
    println!("fence: {:?}", counter.fence());
    let wanted = std::env::args().nth(1).filter(|name| !name.starts_with('-'));
    let cases =
        CASES.into_iter().filter(|case| case.name.contains(wanted.as_deref().unwrap_or("")));
    for case in cases {
        for threads in [1, 2] {
            let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); 4];
            let mut names = [""; 4];
            for _ in 0..ROUNDS {
                for (i, (name, each)) in case.contestants(threads).into_iter().enumerate() {
                    names[i] = name;
                    rounds[i].push(each);
                }
            }
            for (name, mut each) in names.into_iter().zip(rounds) {
                each.sort_by(f64::total_cmp);
                let (least, median, most) = (each[0], each[ROUNDS / 2], each[ROUNDS - 1]);
                let case = case.name;
                println!("{case:<26} {threads} {name:<12} {median:7.2} ({least:.2} – {most:.2})");
            }
        }
    }
}
