//! The atomic loop around a [`Word`]: limits that are taken together, in one step.
//!
//! # Algorithm
//!
//! One compare-and-swap word for up to four limits (see [`word`](super::word)). An admission reads
//! the word, decides from it alone, and swaps; a refusal only reads. Publishing swaps the word to
//! one in which the limits differ by the difference of the two licences. A release is checked
//! against the limits in force, so that a unit that was never taken is not given back.
//!
//! # Invariants
//!
//! * **G1** The word is changed only by the transitions of [`Word`], so W1 and W2 hold after every
//!   step: never over the limit, all lanes or none, debt included.
//! * **G2** `limits` is, in every lane, at least the limit that the word was last changed to.
//!   Publishing stores the larger of old and new before it changes the word and the new one after.
//! * **G3** `version` is odd from before the first of these three steps until after the last.
//!
//! # Orderings
//!
//! | operation | ordering | partner | what it publishes |
//! |---|---|---|---|
//! | admit: swap the word | Acquire | release: swap (Release) | what the last holder did |
//! | release: read the word | Acquire | publish: swap (Release) | `limits`, by G2 |
//! | release: read `limits` | Acquire | publish: last store (Release) | the changed word |
//! | publish: swap the word | Release | release: read (Acquire) | `limits`, by G2 |
//! | peak: read `version` | Acquire | publish: stores (Release) | `limits` and the word |
//!
//! Everything else is `Relaxed`: exactness needs only that all changes of one word are in one
//! order, which every atomic has.
//!
//! # Progress
//!
//! Lock-free: a swap fails only because another one succeeded. A refusal is wait-free.

use super::word::{InUse, Lanes, Request, Word};
use crate::sync::{Atomic, AtomicU64, CachePadded, Ordering};

/// What publishing changes and packet threads only read.
#[derive(Debug)]
struct Limits {
    word: Atomic<Word>,
    version: AtomicU64,
}

/// Up to four limits in one word.
#[derive(Debug)]
pub(crate) struct Group {
    lanes: Lanes,
    free: CachePadded<Atomic<Word>>,
    limits: CachePadded<Limits>,
    /// The most that was in use at once. Written when there is a new one, so rarely.
    peak: CachePadded<Atomic<InUse>>,
}

/// A moment of a group, for reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) limits: Word,
    pub(crate) free: Word,
    pub(crate) peak: InUse,
}

impl Group {
    pub(crate) fn new(lanes: Lanes, limits: Word) -> Self {
        Self {
            lanes,
            free: CachePadded::new(Atomic::new(limits)),
            limits: CachePadded::new(Limits {
                word: Atomic::new(limits),
                version: AtomicU64::new(0),
            }),
            peak: CachePadded::new(Atomic::new(InUse::NONE)),
        }
    }

    /// Takes what `request` asks for, all or nothing.
    ///
    /// Returns what is in use with it, or the word that lacked the room. Refusing writes nothing.
    #[inline]
    pub(crate) fn admit(&self, request: Request) -> Result<(), Word> {
        // Acquire: partner is the last store of `publish`. Sees the limits of an even version
        // whole; an older version only makes `note_peak` leave the peak to the publisher.
        let version = self.limits.version.load(Ordering::Acquire);
        // Acquire: partner is the Release of `release`. Either the unit was free before, or this
        // swap follows the release that freed it and what its holder did is visible.
        // loom: a_released_unit_hands_over_what_its_holder_wrote
        let taken = self.change(Ordering::Acquire, |word| word.take(request))?;
        self.note_peak(version, taken);
        Ok(())
    }

    /// Gives back what `request` took; says whether there was anything to give back.
    #[inline]
    pub(crate) fn release(&self, request: Request) -> bool {
        // Acquire: partner is the swap of `publish`; with its word come limits at least as large
        // (G2), so a unit in use is never missed. loom: a_release_during_publish_is_not_excess
        let mut word = self.free.load(Ordering::Acquire);
        loop {
            // Acquire: partner is the last store of `publish`. Either the limits are those of the
            // word or larger, or they are newer, and then the word read next has changed too.
            let limits = self.limits.word.load(Ordering::Acquire);
            if !word.in_use(limits).covers(request) {
                let again = self.free.load(Ordering::Acquire);
                if again == word {
                    return false;
                }
                word = again;
                continue;
            }
            // Release: partner is the Acquire of `admit`. Acquire on failure for the next turn,
            // as in the load above. loom: a_released_unit_hands_over_what_its_holder_wrote
            match self.free.compare_exchange_weak(
                word,
                word.give(request),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    /// Changes the limits. The caller holds the gate's publish lock: there is one at a time.
    ///
    /// When it returns, nothing is admitted beyond the new limits.
    pub(crate) fn publish(&self, new: Word) {
        // Relaxed loads: only publishers write these, and the lock orders them.
        let old = self.limits.word.load(Ordering::Relaxed);
        let version = self.limits.version.load(Ordering::Relaxed);
        if old == new {
            return;
        }
        self.limits.version.store(version + 1, Ordering::Release);
        let larger = old.larger_lanes(new, self.lanes);
        self.limits.word.store(larger, Ordering::Release);
        // Release: partner is the load of `release`, which must see limits at least this large.
        // loom: a_release_during_publish_is_not_excess
        let _ = self.change(Ordering::Release, |word| Some(word.change(old, new)));
        // Release: partner is the load of `limits` in `release`: who sees the new limits sees the
        // changed word.
        self.limits.word.store(new, Ordering::Release);
        self.limits.version.store(version + 2, Ordering::Release);
        self.note_peak(version + 2, self.free.load(Ordering::Relaxed));
    }

    /// The limits, the free units and the peak. Exact under the publish lock.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            limits: self.limits.word.load(Ordering::Relaxed),
            free: self.free.load(Ordering::Acquire),
            peak: self.peak.load(Ordering::Relaxed),
        }
    }

    /// The one compare-and-swap loop. Relaxed where nothing is changed: the word decides alone.
    #[inline]
    fn change(
        &self,
        success: Ordering,
        transition: impl Fn(Word) -> Option<Word>,
    ) -> Result<Word, Word> {
        let mut word = self.free.load(Ordering::Relaxed);
        loop {
            let next = transition(word).ok_or(word)?;
            match self.free.compare_exchange_weak(word, next, success, Ordering::Relaxed) {
                Ok(_) => return Ok(next),
                Err(seen) => word = seen,
            }
        }
    }

    /// Raises the peak to what `free` says is in use, where the limits did not change meanwhile.
    ///
    /// A peak that rises and falls wholly while a licence is being published may be missed.
    #[inline]
    fn note_peak(&self, version: u64, free: Word) {
        let limits = self.limits.word.load(Ordering::Acquire);
        // Acquire on `limits` keeps this load behind it: an unchanged even version means that the
        // limits are those under which `free` was made. loom: the_peak_is_one_that_was_reached
        if version % 2 == 1 || self.limits.version.load(Ordering::Relaxed) != version {
            return;
        }
        let used = free.in_use(limits);
        let mut peak = self.peak.load(Ordering::Relaxed);
        while !used.is_within(peak, self.lanes) {
            let higher = used.larger_lanes(peak, self.lanes);
            // Relaxed: the peak is a figure of its own, it publishes nothing.
            match self.peak.compare_exchange_weak(
                peak,
                higher,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => peak = seen,
            }
        }
    }
}
