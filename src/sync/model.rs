//! Stand-ins for the loom build; what they leave unproved is told in [`sync`](super).

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use bytemuck::Pod;
use loom::thread::{self, ThreadId};

pub(crate) use loom::sync::atomic::Ordering;

/// A loom `AtomicU64`, with all the orders of its operations tried.
///
/// loom remembers one access to an atomic. Where a thread loads and then stores or swaps, its own
/// load hides the load of another thread before it, and loom never tries what that one would have
/// seen after the store. So every load leaves a mark of its thread that every change touches; no
/// thread is preempted between an operation and its marks.
#[derive(Debug)]
pub(crate) struct AtomicU64 {
    bits: Bits,
    /// One for each thread that loads, in the order of `readers`. Boxed: stacks are small here.
    marks: Box<[Bits]>,
    readers: std::sync::Mutex<Vec<ThreadId>>,
}

type Bits = loom::sync::atomic::AtomicU64;

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> Self {
        let marks = (0..loom::MAX_THREADS).map(|_| Bits::new(0)).collect();
        Self { bits: Bits::new(value), marks, readers: std::sync::Mutex::default() }
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        let value = self.bits.load(order);
        let place = {
            let reader = thread::current().id();
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            readers.iter().position(|other| *other == reader).unwrap_or_else(|| {
                readers.push(reader);
                readers.len() - 1
            })
        };
        Self::touch(&self.marks[place..=place]);
        value
    }

    fn change<R>(&self, change: impl FnOnce(&Bits) -> R) -> R {
        let result = change(&self.bits);
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).len();
        Self::touch(&self.marks[..readers]);
        result
    }

    /// Changes marks, with no other thread in between.
    fn touch(marks: &[Bits]) {
        loom::stop_exploring();
        marks.iter().for_each(|mark| mark.store(0, Ordering::Relaxed));
        loom::explore();
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        self.change(|bits| bits.store(value, order));
    }

    pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.change(|bits| bits.fetch_add(value, order))
    }

    pub(crate) fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.change(|bits| bits.fetch_sub(value, order))
    }

    pub(crate) fn fetch_max(&self, value: u64, order: Ordering) -> u64 {
        self.change(|bits| bits.fetch_max(value, order))
    }

    /// loom's strong exchange: a spurious failure would only repeat a turn of the loop.
    pub(crate) fn compare_exchange_weak(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.change(|bits| bits.compare_exchange(current, new, success, failure))
    }
}

/// Eight bytes of any plain type in an [`AtomicU64`].
#[derive(Debug)]
pub(crate) struct Atomic<T> {
    bits: AtomicU64,
    plain: std::marker::PhantomData<T>,
}

impl<T: Pod> Atomic<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { bits: AtomicU64::new(bytemuck::cast(value)), plain: std::marker::PhantomData }
    }

    pub(crate) fn load(&self, order: Ordering) -> T {
        bytemuck::cast(self.bits.load(order))
    }

    pub(crate) fn store(&self, value: T, order: Ordering) {
        self.bits.store(bytemuck::cast(value), order);
    }

    pub(crate) fn compare_exchange(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        let (current, new) = (bytemuck::cast(current), bytemuck::cast(new));
        let changed = self.bits.compare_exchange_weak(current, new, success, failure);
        changed.map(bytemuck::cast).map_err(bytemuck::cast)
    }

    pub(crate) fn compare_exchange_weak(
        &self,
        current: T,
        new: T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<T, T> {
        self.compare_exchange(current, new, success, failure)
    }
}

thread_local! {
    /// Whether what this thread explores may call `membarrier`. loom runs all threads of a model
    /// on the one that explores it.
    static HAS_MEMBARRIER: Cell<bool> = const { Cell::new(true) };
}

/// Explores without `membarrier`: a light fence is nothing then.
pub(crate) fn without_membarrier(explore: impl FnOnce()) {
    HAS_MEMBARRIER.set(false);
    explore();
    HAS_MEMBARRIER.set(true);
}

pub(crate) fn light_fence() {
    if HAS_MEMBARRIER.get() {
        full_fence();
    }
}

pub(crate) fn full_fence() {
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// A mutex with parking_lot's signature.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A reader-writer lock with parking_lot's signature.
#[derive(Debug)]
pub(crate) struct RwLock<T>(loom::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> loom::sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> loom::sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A shared pointer that is swapped as a whole.
#[derive(Debug)]
pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

impl<T> ArcSwap<T> {
    pub(crate) fn from_pointee(value: T) -> Self {
        Self(Mutex::new(Arc::new(value)))
    }

    pub(crate) fn load(&self) -> Arc<T> {
        self.0.lock().clone()
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        self.load()
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        *self.0.lock() = value;
    }
}

/// Words that loom does not explore. Only one scenario's thread runs at a time, so nobody waits.
#[derive(Debug)]
pub(crate) struct Words<const N: usize>(std::sync::Mutex<[u64; N]>);

impl<const N: usize> Words<N> {
    pub(crate) const fn new() -> Self {
        Self(std::sync::Mutex::new([0; N]))
    }

    pub(crate) fn store(&self, place: usize, word: u64) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[place] = word;
    }

    pub(crate) fn load(&self, place: usize) -> u64 {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[place]
    }
}

/// A new value at every call: what counts is that no two threads share one.
#[derive(Debug)]
pub(crate) struct PerThread<T>(std::marker::PhantomData<fn() -> T>);

impl<T> PerThread<T> {
    pub(crate) const fn new() -> Self {
        Self(std::marker::PhantomData)
    }

    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, f: impl FnOnce(&T) -> R) -> R {
        f(&make())
    }
}

/// A concurrent map with one lock instead of one a shard.
#[derive(Debug)]
pub(crate) struct LockedMap<K, V>(Mutex<HashMap<K, V>>);

impl<K: Eq + Hash, V: Copy> LockedMap<K, V> {
    pub(crate) fn with_capacity(_: usize) -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// Runs `f` on the entry of `key`, absent or not, before and after, under the lock.
    pub(crate) fn with<R>(&self, key: K, f: impl FnOnce(&mut Option<V>) -> R) -> R {
        let mut map = self.0.lock();
        let mut value = map.remove(&key);
        let result = f(&mut value);
        if let Some(value) = value {
            map.insert(key, value);
        }
        result
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}
