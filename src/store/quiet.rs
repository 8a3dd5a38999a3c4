//! A call whose panics are an answer: caught, and not told on standard error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

thread_local! {
    /// Whether the panics of this thread are expected at the moment.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// What `call` returns, or none where it panicked.
///
/// The process's panic hook goes on telling of all other panics: it is wrapped once, by one that
/// is silent on a thread that is in such a call.
pub(super) fn quietly<T>(call: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    // The hook cannot be changed while this thread unwinds.
    if !thread::panicking() {
        HOOK.call_once(|| {
            let told = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !EXPECTED.get() {
                    told(info);
                }
            }));
        });
    }
    let before = EXPECTED.replace(true);
    let returned = panic::catch_unwind(AssertUnwindSafe(call));
    EXPECTED.set(before);
    returned.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer_and_ends_with_the_call() {
        assert_eq!(quietly(|| 1), Some(1));
        assert_eq!(quietly(|| -> u8 { panic!("never told") }), None);
        assert!(!EXPECTED.get());
        let nested = quietly(|| {
            assert_eq!(quietly(|| -> u8 { panic!("never told") }), None);
            EXPECTED.get()
        });
        assert_eq!(nested, Some(true), "the outer call goes on");
    }
}
