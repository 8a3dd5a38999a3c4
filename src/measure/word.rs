//! What Tollgate is measured against everywhere: one padded word for all threads.
//!
//! # Algorithm
//!
//! The units in use, changed by compare-and-swap where there is room and taken off by one addition.
//! The limit is beside them on the same line, so that it can be changed under traffic.
//!
//! # Invariants
//!
//! * Never more in use than the limit that was loaded just before.
//!
//! # Orderings
//!
//! A release hands over to the admission that takes its unit: Release, and Acquire where the swap
//! succeeds. The limit publishes nothing: `Relaxed`.
//!
//! # Progress
//!
//! Lock-free.

use std::sync::Arc;

use super::contestant::{BURST, Contestant, Handle, Terms};
use crate::sync::{AtomicU64, CachePadded, Ordering};

#[derive(Debug)]
struct Word {
    used: AtomicU64,
    limit: AtomicU64,
}

/// One padded word for all threads, changed by compare-and-swap.
#[derive(Clone, Debug)]
pub struct SharedWord(Arc<CachePadded<Word>>);

impl SharedWord {
    #[inline]
    fn take(&self, most: u64) -> u64 {
        let word = &**self.0;
        let mut used = word.used.load(Ordering::Relaxed);
        loop {
            let room = word.limit.load(Ordering::Relaxed).saturating_sub(used);
            let units = most.min(room);
            if units == 0 {
                return 0;
            }
            let (order, failure) = (Ordering::Acquire, Ordering::Relaxed);
            match word.used.compare_exchange_weak(used, used + units, order, failure) {
                Ok(_) => return units,
                Err(seen) => used = seen,
            }
        }
    }

    #[inline]
    fn give_back(&self, units: u64) {
        self.0.used.fetch_sub(units, Ordering::Release);
    }
}

impl Contestant for SharedWord {
    const NAME: &'static str = "shared-word";
    type Handle = Self;

    fn new(terms: &Terms) -> Self {
        let word = Word { used: AtomicU64::new(0), limit: AtomicU64::new(terms.limit) };
        Self(Arc::new(CachePadded::new(word)))
    }

    fn handle(&self, _thread: usize) -> Self {
        self.clone()
    }

    fn set_limit(&self, limit: u64) -> bool {
        self.0.limit.store(limit, Ordering::Relaxed);
        true
    }
}

impl Handle for SharedWord {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        (self.take(1) > 0).then_some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        self.give_back(1);
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        let units = self.take(BURST as u64);
        self.give_back(units);
        units
    }
}
