//! What each worker counts: plain stores to its own lines, added up when somebody reads.
//!
//! # Algorithm
//!
//! A block of counters a worker. Only its owner writes it, with a load and a store; a reader adds
//! the blocks up. Blocks of workers that have gone are folded into one.
//!
//! # Invariants
//!
//! * **S1** A block has one writer at a time, so no increment is lost.
//! * **S2** A block is in the register or folded into `gone`, under one lock: counted once.
//!
//! # Orderings
//!
//! All `Relaxed`: the counters publish nothing, and a sum taken while workers run is a sum of
//! moments. A block is folded by its owner, or after its owner's last use.
//!
//! # Progress
//!
//! Counting is wait-free. Registering and reading take the register's lock.

use std::sync::Arc;

use crate::license::{Kind, Limit};
use crate::sync::{AtomicU64, CachePadded, Mutex, Ordering};

/// A counter that only its owner writes.
#[derive(Debug)]
struct Owned(AtomicU64);

impl Owned {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    fn add(&self, n: u64) {
        // Relaxed: one writer (S1), so the load sees the last store.
        self.0.store(self.get().wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one worker.
#[derive(Debug)]
pub(crate) struct Stats {
    admitted: [Owned; Kind::COUNT],
    released: [Owned; Kind::COUNT],
    refused: [Owned; Limit::COUNT],
    hosts: [Owned; 2],
    excess: Owned,
}

impl Stats {
    fn new() -> Self {
        Self {
            admitted: std::array::from_fn(|_| Owned::new()),
            released: std::array::from_fn(|_| Owned::new()),
            refused: std::array::from_fn(|_| Owned::new()),
            hosts: std::array::from_fn(|_| Owned::new()),
            excess: Owned::new(),
        }
    }

    #[inline]
    pub(crate) fn admitted(&self, kind: Kind) {
        self.admitted[kind.index()].add(1);
    }

    #[inline]
    pub(crate) fn released(&self, kind: Kind) {
        self.released[kind.index()].add(1);
    }

    #[inline]
    pub(crate) fn refused(&self, limit: Limit) {
        self.refused[limit.index()].add(1);
    }

    /// A release of something that was not in use.
    #[cold]
    pub(crate) fn excess(&self) {
        self.excess.add(1);
    }

    /// Inside hosts that were taken and given back.
    #[inline]
    pub(crate) fn hosts(&self, taken: u64, given_back: u64) {
        self.hosts[0].add(taken);
        self.hosts[1].add(given_back);
    }
}

/// Counters of all workers, added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Totals {
    pub(crate) admitted: [u64; Kind::COUNT],
    pub(crate) released: [u64; Kind::COUNT],
    pub(crate) refused: [u64; Limit::COUNT],
    pub(crate) hosts_taken: u64,
    pub(crate) hosts_given_back: u64,
    pub(crate) excess: u64,
}

impl Totals {
    const NONE: Self = Self {
        admitted: [0; Kind::COUNT],
        released: [0; Kind::COUNT],
        refused: [0; Limit::COUNT],
        hosts_taken: 0,
        hosts_given_back: 0,
        excess: 0,
    };

    fn add(&mut self, stats: &Stats) {
        let sum = |sums: &mut [u64], counters: &[Owned]| {
            for (sum, counter) in sums.iter_mut().zip(counters) {
                *sum = sum.wrapping_add(counter.get());
            }
        };
        sum(&mut self.admitted, &stats.admitted);
        sum(&mut self.released, &stats.released);
        sum(&mut self.refused, &stats.refused);
        self.hosts_taken = self.hosts_taken.wrapping_add(stats.hosts[0].get());
        self.hosts_given_back = self.hosts_given_back.wrapping_add(stats.hosts[1].get());
        self.excess = self.excess.wrapping_add(stats.excess.get());
    }
}

/// A worker's block, on lines of its own.
pub(crate) type Block = Arc<CachePadded<Stats>>;

/// Every block there is, and the sum of those whose workers have gone.
#[derive(Debug)]
pub(crate) struct Register(Mutex<(Vec<Block>, Totals)>);

impl Register {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((Vec::new(), Totals::NONE)))
    }

    /// A new block, for one writer at a time (S1).
    pub(crate) fn enter(&self) -> Block {
        let block = Arc::new(CachePadded::new(Stats::new()));
        self.0.lock().0.push(Arc::clone(&block));
        block
    }

    /// Folds a block whose owner will not write it again.
    pub(crate) fn leave(&self, block: &Block) {
        let (blocks, gone) = &mut *self.0.lock();
        if let Some(place) = blocks.iter().position(|other| Arc::ptr_eq(other, block)) {
            gone.add(&blocks.swap_remove(place));
        }
    }

    /// What all workers counted.
    pub(crate) fn totals(&self) -> Totals {
        let (blocks, gone) = &*self.0.lock();
        let mut totals = gone.clone();
        for block in blocks {
            totals.add(block);
        }
        totals
    }
}
