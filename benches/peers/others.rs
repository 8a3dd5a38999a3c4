//! Other ways to count units against a limit, each through its own public interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicIsize, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use pingora_limits::inflight::{Guard, Inflight};
use tollgate::measure::{Contestant, Handle, Terms};

const BURST: u64 = 32;

/// One padded word for all threads: add first, and take it back where that was too many.
///
/// While one thread has added and not yet taken back, others are refused although there is room.
#[derive(Clone)]
pub(crate) struct RollBack(Arc<CachePadded<(AtomicU64, AtomicU64)>>);

impl RollBack {
    #[inline]
    fn take(&self, units: u64) -> bool {
        let (used, limit) = &**self.0;
        let room =
            used.fetch_add(units, Ordering::Acquire) + units <= limit.load(Ordering::Relaxed);
        if !room {
            used.fetch_sub(units, Ordering::Relaxed);
        }
        room
    }
}

impl Contestant for RollBack {
    const NAME: &'static str = "fetch-add";
    const EXACT: bool = false;
    type Handle = Self;

    fn new(terms: &Terms) -> Self {
        Self(Arc::new(CachePadded::new((AtomicU64::new(0), AtomicU64::new(terms.limit)))))
    }

    fn handle(&self, _thread: usize) -> Self {
        self.clone()
    }

    fn set_limit(&self, limit: u64) -> bool {
        self.0.1.store(limit, Ordering::Relaxed);
        true
    }
}

impl Handle for RollBack {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        self.take(1).then_some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        if !self.take(BURST) {
            return 0;
        }
        self.0.0.fetch_sub(BURST, Ordering::Release);
        BURST
    }
}

/// A padded cell for each thread, changed by compare-and-swap: what it costs that another thread
/// may look into it. The parts of the limit are fixed, so this is not one limit for all threads.
pub(crate) struct Cells(Terms);

pub(crate) struct CellHandle {
    used: Arc<CachePadded<AtomicI64>>,
    share: i64,
}

impl CellHandle {
    #[inline]
    fn take(&self, most: i64) -> i64 {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let units = most.min(self.share - used);
            if units <= 0 {
                return 0;
            }
            let (order, failure) = (Ordering::Acquire, Ordering::Relaxed);
            match self.used.compare_exchange_weak(used, used + units, order, failure) {
                Ok(_) => return units,
                Err(seen) => used = seen,
            }
        }
    }

    #[inline]
    fn give_back(&self, units: i64) {
        let mut used = self.used.load(Ordering::Relaxed);
        let (order, failure) = (Ordering::Release, Ordering::Relaxed);
        while let Err(seen) = self.used.compare_exchange_weak(used, used - units, order, failure) {
            used = seen;
        }
    }
}

impl Contestant for Cells {
    const NAME: &'static str = "cas-cell";
    const SHARED: bool = false;
    type Handle = CellHandle;

    fn new(terms: &Terms) -> Self {
        Self(*terms)
    }

    fn handle(&self, thread: usize) -> CellHandle {
        let share = self.0.share(thread).cast_signed();
        CellHandle { used: Arc::new(CachePadded::new(AtomicI64::new(0))), share }
    }

    fn set_limit(&self, _limit: u64) -> bool {
        false
    }
}

impl Handle for CellHandle {
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
        let units = self.take(BURST.cast_signed());
        self.give_back(units);
        units.unsigned_abs()
    }
}

/// A plain counter under a lock.
#[derive(Clone)]
pub(crate) struct Locked(Arc<CachePadded<Mutex<(u64, u64)>>>);

impl Contestant for Locked {
    const NAME: &'static str = "parking_lot-mutex";
    type Handle = Self;

    fn new(terms: &Terms) -> Self {
        Self(Arc::new(CachePadded::new(Mutex::new((0, terms.limit)))))
    }

    fn handle(&self, _thread: usize) -> Self {
        self.clone()
    }

    fn set_limit(&self, limit: u64) -> bool {
        self.0.lock().1 = limit;
        true
    }
}

impl Handle for Locked {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        let (used, limit) = &mut *self.0.lock();
        let room = *used < *limit;
        *used += u64::from(room);
        room.then_some(())
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        self.0.lock().0 -= 1;
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        let units = {
            let (used, limit) = &mut *self.0.lock();
            let units = BURST.min(*limit - *used);
            *used += units;
            units
        };
        self.0.lock().0 -= units;
        units
    }
}

/// tokio's semaphore, its permits forgotten and added again: what dropping them does.
#[derive(Clone)]
pub(crate) struct Tokio(Arc<tokio::sync::Semaphore>);

impl Contestant for Tokio {
    const NAME: &'static str = "tokio-semaphore";
    type Handle = Self;

    fn new(terms: &Terms) -> Self {
        Self(Arc::new(tokio::sync::Semaphore::new(permits(terms.limit))))
    }

    fn handle(&self, _thread: usize) -> Self {
        self.clone()
    }

    /// It adds and forgets permits; what its limit is it does not know.
    fn set_limit(&self, _limit: u64) -> bool {
        false
    }
}

fn permits(limit: u64) -> usize {
    usize::try_from(limit).expect("64 bits")
}

impl Handle for Tokio {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        self.0.try_acquire().ok().map(tokio::sync::SemaphorePermit::forget)
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        self.0.add_permits(1);
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        let Ok(permits) = self.0.try_acquire_many(32) else { return 0 };
        drop(permits);
        BURST
    }
}

/// async-lock's semaphore, the same way; it has no step for several permits.
#[derive(Clone)]
pub(crate) struct AsyncLock(Arc<async_lock::Semaphore>);

impl Contestant for AsyncLock {
    const NAME: &'static str = "async-lock-semaphore";
    type Handle = Self;

    fn new(terms: &Terms) -> Self {
        Self(Arc::new(async_lock::Semaphore::new(permits(terms.limit))))
    }

    fn handle(&self, _thread: usize) -> Self {
        self.clone()
    }

    /// It only adds permits.
    fn set_limit(&self, _limit: u64) -> bool {
        false
    }
}

impl Handle for AsyncLock {
    type Unit = ();

    #[inline(always)]
    fn admit(&mut self) -> Option<()> {
        self.0.try_acquire().map(async_lock::SemaphoreGuard::forget)
    }

    #[inline(always)]
    fn release(&mut self, (): ()) {
        self.0.add_permits(1);
    }

    fn twin((): &()) -> Option<()> {
        Some(())
    }
}

/// pingora's count of what is in flight, which estimates; its caller compares with the limit.
///
/// Its guards cannot be told by number, so it is not in the case where one thread admits and
/// another releases. It counts first and takes back, like [`RollBack`].
#[derive(Clone)]
pub(crate) struct Pingora {
    inflight: Arc<Inflight>,
    limit: Arc<CachePadded<AtomicIsize>>,
}

fn signed(limit: u64) -> isize {
    isize::try_from(limit).expect("a limit of the tables")
}

impl Pingora {
    #[inline]
    fn take(&self, units: isize) -> Option<Guard> {
        let (guard, estimate) = self.inflight.incr("connections", units);
        let room = estimate <= self.limit.load(Ordering::Relaxed);
        room.then_some(guard)
    }
}

impl Contestant for Pingora {
    const NAME: &'static str = "pingora-inflight";
    const EXACT: bool = false;
    type Handle = Self;

    fn new(terms: &Terms) -> Self {
        let limit = Arc::new(CachePadded::new(AtomicIsize::new(signed(terms.limit))));
        Self { inflight: Arc::new(Inflight::new()), limit }
    }

    fn handle(&self, _thread: usize) -> Self {
        self.clone()
    }

    fn set_limit(&self, limit: u64) -> bool {
        self.limit.store(signed(limit), Ordering::Relaxed);
        true
    }
}

impl Handle for Pingora {
    type Unit = Guard;

    #[inline(always)]
    fn admit(&mut self) -> Option<Guard> {
        self.take(1)
    }

    #[inline(always)]
    fn release(&mut self, unit: Guard) {
        drop(unit);
    }

    #[inline]
    fn burst(&mut self) -> u64 {
        let guard = self.take(signed(BURST));
        if guard.is_some() { BURST } else { 0 }
    }
}
