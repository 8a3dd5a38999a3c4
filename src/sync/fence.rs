//! A fence whose cost is on the side that seldom passes it.
//!
//! Two threads that each store and then load what the other stores must not both miss the other's
//! store; each needs a fence between its two steps. Where one side runs a million times for each
//! run of the other, Linux lets the seldom one pay for both: `membarrier` interrupts every
//! processor that runs a thread of this process, so that each of them passes a full fence at some
//! instant of the call. The other side then only has to keep the compiler from reordering.
//!
//! Source: membarrier(2), `MEMBARRIER_CMD_PRIVATE_EXPEDITED` (Linux 4.14).

use super::imp;

/// How the threads of a process see each other's stores in time.
///
/// Chosen once, when the process first asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fence {
    /// `membarrier`: free for packet threads, a system call for who takes their shares back.
    Asymmetric,
    /// A full fence on both sides: for systems without `membarrier`, and sandboxes that forbid it.
    Full,
}

impl Fence {
    /// The best that this process may use. Registers the process with the kernel, once.
    pub fn best() -> Self {
        if membarrier::is_registered() { Self::Asymmetric } else { Self::Full }
    }

    /// Explores what a machine without `membarrier` does.
    #[cfg(tollgate_loom)]
    #[doc(hidden)]
    pub fn without_membarrier(explore: impl FnOnce()) {
        imp::without_membarrier(explore);
    }

    /// The side that runs often. Partner: [`heavy`](Self::heavy).
    #[inline]
    pub(crate) fn light(self) {
        match self {
            Self::Asymmetric => imp::light_fence(),
            Self::Full => imp::full_fence(),
        }
    }

    /// The side that runs seldom. Partner: [`light`](Self::light).
    ///
    /// # Panics
    ///
    /// When the kernel took `membarrier` away after it had granted it, as a sandbox does that is
    /// entered later: no other step can tell what packet threads have stored.
    pub(crate) fn heavy(self) {
        match self {
            Self::Asymmetric => membarrier::call(),
            Self::Full => imp::full_fence(),
        }
    }
}

#[cfg(all(target_os = "linux", not(any(tollgate_loom, miri))))]
mod membarrier {
    #![expect(unsafe_code, reason = "the system call has no safe wrapper in std")]

    use std::sync::OnceLock;

    fn command(command: libc::c_int) -> bool {
        // SAFETY: membarrier(command, flags, cpu) takes three integers and no pointer: whatever
        // they are, it reads and writes no memory of this process.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    fn register() -> bool {
        command(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn is_registered() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        *REGISTERED.get_or_init(|| register() && command(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED))
    }

    pub(super) fn call() {
        let passed = || command(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        // A process that was forked is registered anew.
        assert!(
            passed() || (register() && passed()),
            "membarrier was allowed at the start and no longer is; \
             enter the sandbox before the first gate is built, or allow the call"
        );
    }
}

/// Under loom the asymmetric fence is explored, with a full fence on both sides.
#[cfg(not(all(target_os = "linux", not(any(tollgate_loom, miri)))))]
mod membarrier {
    pub(super) const fn is_registered() -> bool {
        cfg!(tollgate_loom)
    }

    pub(super) fn call() {
        super::imp::full_fence();
    }
}

#[cfg(all(test, not(tollgate_loom)))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// Each side stores, passes its fence and loads: one of them sees the other.
    #[test]
    fn of_two_sides_one_sees_the_other() {
        for fence in [Fence::best(), Fence::Full] {
            for _ in 0..2_000 {
                let stored = [const { AtomicBool::new(false) }; 2];
                let seen = std::thread::scope(|scope| {
                    let light = scope.spawn(|| {
                        stored[0].store(true, Ordering::Relaxed);
                        fence.light();
                        stored[1].load(Ordering::Relaxed)
                    });
                    stored[1].store(true, Ordering::Relaxed);
                    fence.heavy();
                    let heavy_saw = stored[0].load(Ordering::Relaxed);
                    [light.join().unwrap(), heavy_saw]
                });
                assert!(seen[0] || seen[1], "{fence:?}");
            }
        }
    }
}
