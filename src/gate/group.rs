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
//! * **G2** Publishing goes through four steps, counted by `version`: 1 `limits` becomes the larger
//!   of old and new in each lane, 2 the word changes, 3 `limits` becomes the new one, 0 done. At
//!   every step `limits` is, in every lane, at least the limit that the word was made with, and at
//!   step 0 it is that limit.
//!
//! By G2 two reads of one `version` with `limits` and the word between them tell for certain that a
//! unit is not in use, whatever the step; and at step 0 they tell how many are.
//!
//! # Orderings
//!
//! | operation | ordering | partner | what it publishes |
//! |---|---|---|---|
//! | admit: swap the word | Acquire | release: swap (Release) | what the last holder did |
//! | release: swap the word | both | admit: swap (Acquire) | the same |
//! | publish: swap the word | Release | `moment`, release: load, swap (Acquire) | step 2 |
//! | publish: store `limits` | Release | read of `limits` (Acquire) | step 1 or 3 |
//! | publish: store `version` | Release | first read of `version` (Acquire) | the steps before |
//!
//! Both: Acquire and Release. Everything else is `Relaxed`: exactness needs only that all changes
//! of one word are in one order, which every atomic has.
//!
//! # Progress
//!
//! Lock-free: a swap fails only because another one succeeded, and two reads of `version` differ
//! only because a publisher went on. A refusal is wait-free.

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
    version: u64,
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
    /// Returns the word that lacked the room, where one did. Refusing writes nothing.
    #[inline]
    pub(crate) fn admit(&self, request: &Request) -> Result<(), Word> {
        let mut word = self.free.load(Ordering::Relaxed);
        loop {
            let next = word.take(*request).ok_or(word)?;
            // Acquire: partner is the Release of `release`. Either the unit was free before, or
            // this swap follows the release that freed it and what its holder did is visible.
            // loom: a_released_unit_hands_over_what_its_holder_wrote
            // Relaxed where it fails: the word decides alone.
            let order = (Ordering::Acquire, Ordering::Relaxed);
            match self.free.compare_exchange_weak(word, next, order.0, order.1) {
                Ok(_) => return Ok(()),
                Err(seen) => word = seen,
            }
        }
    }

    /// Gives back what `request` took; says whether there was anything to give back.
    #[inline]
    pub(crate) fn release(&self, request: &Request) -> bool {
        self.release_at_once(request) || self.release_slowly(request)
    }

    /// Gives back what is plainly in use, leaves no peak and meets no other thread; whether it did.
    /// Otherwise nothing has changed, and [`release_slowly`](Self::release_slowly) decides.
    #[inline(always)]
    pub(crate) fn release_at_once(&self, request: &Request) -> bool {
        let word = self.free.load(Ordering::Relaxed);
        // Relaxed, both: guesses that spare the certainty. Limits of another moment than the
        // word's may find a unit in use that is not, for as long as a publish takes; they never
        // make a unit that is in use look free for certain.
        let used = word.in_use(self.limits.word.load(Ordering::Relaxed));
        let is_plain =
            used.covers(*request) && used.is_within(self.peak.load(Ordering::Relaxed), self.lanes);
        is_plain && self.give(word, request).is_ok()
    }

    /// Gives back what may not be in use, or leaves a peak, or met another thread.
    #[cold]
    #[inline(never)]
    pub(crate) fn release_slowly(&self, request: &Request) -> bool {
        // Acquire: partner is the stores of `publish`. An older version than the word's only makes
        // `note_peak` leave the peak to the publisher.
        let version = self.limits.version.load(Ordering::Acquire);
        // Relaxed: a guess, which the swap in `give` confirms or replaces.
        let mut word = self.free.load(Ordering::Relaxed);
        loop {
            // Relaxed: a guess, as in `release_at_once`.
            let used = word.in_use(self.limits.word.load(Ordering::Relaxed));
            if !used.covers(*request) && self.is_not_in_use(request) {
                return false;
            }
            match self.give(word, request) {
                Ok(()) => {
                    self.note_peak(version, word);
                    return true;
                }
                Err(seen) => word = seen,
            }
        }
    }

    #[inline]
    fn give(&self, word: Word, request: &Request) -> Result<(), Word> {
        // Release: partner is the Acquire of `admit`.
        // loom: a_released_unit_hands_over_what_its_holder_wrote
        // Acquire: partner is the swap of `publish`. Who takes a word of later limits sees in
        // `note_peak` that a publisher has taken a step. loom: the_peak_is_one_that_was_reached
        let order = (Ordering::AcqRel, Ordering::Relaxed);
        let next = word.give(*request);
        self.free.compare_exchange_weak(word, next, order.0, order.1).map(drop)
    }

    /// Whether some unit of `request` is not in use, for certain.
    #[cold]
    fn is_not_in_use(&self, request: &Request) -> bool {
        loop {
            let Moment { version, limits, free, .. } = self.moment();
            // Relaxed: behind the Acquire reads of `moment`. Either a publisher took a step since,
            // and this turn tells nothing, or G2 holds for what was read.
            // loom: a_release_during_publish_is_not_excess,
            // lowering_below_use_and_raising_again_is_exact
            if self.limits.version.load(Ordering::Relaxed) == version {
                return !free.can_give(*request, limits);
            }
        }
    }

    /// Changes the limits. The caller holds the gate's publish lock: there is one at a time.
    ///
    /// When it returns, nothing is admitted beyond the new limits.
    pub(crate) fn publish(&self, new: Word) {
        // Relaxed: only publishers write these two, and the lock orders them.
        let old = self.limits.word.load(Ordering::Relaxed);
        if old == new {
            return;
        }
        let version = self.limits.version.load(Ordering::Relaxed);
        // What is released while the limits change leaves no peak: note it now.
        self.note_peak(version, self.free.load(Ordering::Relaxed));
        // Release, in all of these: partner is an Acquire read in `moment`. Who sees a step sees
        // every step before it. loom: a_release_during_publish_is_not_excess,
        // the_peak_is_one_that_was_reached
        let step = |step| self.limits.version.store(version + step, Ordering::Release);
        step(1);
        self.limits.word.store(old.larger_lanes(new, self.lanes), Ordering::Release);
        step(2);
        let mut word = self.free.load(Ordering::Relaxed);
        let order = (Ordering::Release, Ordering::Relaxed);
        while let Err(seen) =
            self.free.compare_exchange_weak(word, word.change(old, new), order.0, order.1)
        {
            word = seen;
        }
        step(3);
        self.limits.word.store(new, Ordering::Release);
        step(4);
    }

    /// The limits, the free units and the peak, which is not below what is in use. The caller holds
    /// the publish lock.
    pub(crate) fn report(&self) -> Moment {
        let moment = self.moment();
        // What was admitted while a licence was being published.
        self.note_peak(moment.version, moment.free);
        Moment { peak: self.peak.load(Ordering::Relaxed), ..moment }
    }

    /// The limits, the free units and the peak. Of one moment under the publish lock.
    pub(crate) fn moment(&self) -> Moment {
        // Acquire: partner is the stores of `publish`, each of which follows the steps before it.
        Moment {
            version: self.limits.version.load(Ordering::Acquire),
            limits: self.limits.word.load(Ordering::Acquire),
            free: self.free.load(Ordering::Acquire),
            peak: self.peak.load(Ordering::Relaxed),
        }
    }

    /// Raises the peak to what `free` says is in use, where the limits did not change meanwhile.
    ///
    /// What is in use falls at a release and nowhere else, so the words that releases leave tell
    /// every peak but the present one, which the next [`report`](Self::report) notes. A peak that
    /// ends while a licence is being published may be missed: the word that its release leaves does
    /// not tell by which limits it was made.
    #[cold]
    fn note_peak(&self, version: u64, free: Word) {
        // Acquire: partner is the stores of `publish`; it keeps the next read behind it.
        let limits = self.limits.word.load(Ordering::Acquire);
        // Relaxed: either a publisher took a step since, or it was at step 0 all the while and
        // these are the limits that `free` was made with (G2).
        // loom: the_peak_is_one_that_was_reached
        if !version.is_multiple_of(4) || self.limits.version.load(Ordering::Relaxed) != version {
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
