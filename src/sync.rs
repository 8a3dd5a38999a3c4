//! The only file that names atomics: std in a normal build, loom under `--cfg tollgate_loom`.
//!
//! Four of the crates that the gate rests on do not run under loom and get stand-ins there, and so
//! do words that are many and decide nothing:
//!
//! * `Atomic<T>` becomes a loom `AtomicU64` that carries the same eight bytes: nothing is lost.
//!   Around both stands a wrapper without which loom leaves orders out: see `sync/model.rs`;
//! * `ArcSwap` becomes a loom mutex around an `Arc`, so what loom explores has *more*
//!   synchronisation than arc-swap gives. The gate therefore never relies on arc-swap for an
//!   ordering: counters are published by their own words, the snapshot only explains them;
//! * `LockedMap`, a `DashMap` changed entry by entry, becomes a loom mutex around a map: the shard
//!   locks that dashmap's entries hold are coarsened to one. What stays unproved is dashmap's own
//!   code;
//! * `PerThread`, a `ThreadLocal`, becomes a new value at every call;
//! * `Words`, which only tell of a refusal why, are not explored at all.
//!
//! Both sides of the asymmetric [`Fence`] are full fences under loom, which is what `membarrier`
//! makes of them for as long as its call lasts. Without `membarrier` the light one is nothing, and
//! `Fence::without_membarrier` explores that.
//!
//! The locks of the control plane are those of `parking_lot`, and loom's in a loom build.

pub(crate) use crossbeam_utils::CachePadded;

mod fence;

pub use fence::Fence;

#[cfg(not(tollgate_loom))]
mod imp {
    pub(crate) use arc_swap::ArcSwap;
    pub(crate) use atomic::Atomic;
    pub(crate) use parking_lot::{Mutex, RwLock};
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

    use std::hash::Hash;
    use std::sync::atomic::{compiler_fence, fence};

    use dashmap::DashMap;
    use dashmap::mapref::entry::Entry;
    use thread_local::ThreadLocal;

    /// Keeps the compiler from reordering, and the processor not at all.
    #[inline]
    pub(crate) fn light_fence() {
        compiler_fence(Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn full_fence() {
        fence(Ordering::SeqCst);
    }

    /// Words that are stored with Release and loaded with Acquire.
    #[derive(Debug)]
    pub(crate) struct Words<const N: usize>([AtomicU64; N]);

    impl<const N: usize> Words<N> {
        pub(crate) fn new() -> Self {
            Self(std::array::from_fn(|_| AtomicU64::new(0)))
        }

        pub(crate) fn store(&self, place: usize, word: u64) {
            // Release: partner is the Acquire in `load`.
            self.0[place].store(word, Ordering::Release);
        }

        pub(crate) fn load(&self, place: usize) -> u64 {
            // Acquire: partner is the Release in `store`.
            self.0[place].load(Ordering::Acquire)
        }
    }

    /// A value for each thread that asks, made when it first does.
    #[derive(Debug)]
    pub(crate) struct PerThread<T: Send>(ThreadLocal<T>);

    impl<T: Send> PerThread<T> {
        pub(crate) fn new() -> Self {
            Self(ThreadLocal::new())
        }

        /// Runs `f` on the calling thread's value.
        pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, f: impl FnOnce(&T) -> R) -> R {
            f(self.0.get_or(make))
        }
    }

    /// A concurrent map whose entries are changed under their own lock.
    #[derive(Debug)]
    pub(crate) struct LockedMap<K: Eq + Hash, V>(DashMap<K, V>);

    impl<K: Eq + Hash, V: Copy> LockedMap<K, V> {
        pub(crate) fn with_capacity(capacity: usize) -> Self
        where
            K: Send + Sync,
            V: Send + Sync,
        {
            Self(DashMap::with_capacity(capacity))
        }

        /// Runs `f` on the entry of `key`, absent or not, before and after, under its lock.
        pub(crate) fn with<R>(&self, key: K, f: impl FnOnce(&mut Option<V>) -> R) -> R {
            match self.0.entry(key) {
                Entry::Occupied(mut entry) => {
                    let mut value = Some(*entry.get());
                    let result = f(&mut value);
                    match value {
                        Some(value) => *entry.get_mut() = value,
                        None => drop(entry.remove()),
                    }
                    result
                }
                Entry::Vacant(entry) => {
                    let mut value = None;
                    let result = f(&mut value);
                    if let Some(value) = value {
                        entry.insert(value);
                    }
                    result
                }
            }
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        /// Looks at every entry, some of them locked at a time, and removes those that `keep` does
        /// not want.
        #[cfg(feature = "guard")]
        pub(crate) fn retain(&self, keep: impl FnMut(&K, &mut V) -> bool) {
            self.0.retain(keep);
        }
    }
}

#[cfg(tollgate_loom)]
#[path = "sync/model.rs"]
mod imp;

pub(crate) use imp::{
    ArcSwap, Atomic, AtomicU64, LockedMap, Mutex, Ordering, PerThread, RwLock, Words,
};
