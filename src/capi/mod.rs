//! The C interface: the gate for packet threads that are written in another language.
//!
//! `include/tollgate.h` is made from these files by cbindgen (`cbindgen.toml`), and the comments
//! here are the contract that stands there; `tests/capi` fails when the header is stale. How to
//! build, link and use it is told in `docs/embedding.md`.
//!
//! # Pointers
//!
//! A pointer that may be null is an `Option` of a reference here, which C sees as a plain pointer;
//! null is answered with [`TgStatus::NullPointer`]. What C has to keep (that a pointer that is not
//! null is one that this interface gave out, that it is alive, and that nobody else uses it
//! meanwhile) is said once, at the top of the header.
//!
//! # Inline
//!
//! With `TOLLGATE_INLINE` the header does in C what `Cell::admit` and `Cell::release` of
//! `gate::counter` do for one unit, step for step, so what loom shows of these holds there. It
//! finds the line and what is in hand in front of a [`TgWorker`], which has them renewed by every
//! operation that goes another way. Assertions at compile time hold the layout; whoever changes it
//! changes the number in the names, `tg_inline1_…`, so that old programs no longer link. A break
//! of the C, such as a unit that is not stored or a door that is not looked at, makes the sums of
//! `examples/c/flowtable.c` differ, or the program not end.
//!
//! # Panics
//!
//! None crosses the boundary. Whatever allocates, locks or reads a file runs in [`guarded`], which
//! turns a panic into [`TgStatus::Panicked`]. Admission and release have nothing to unwind to: a
//! function with the C calling convention ends the process instead of unwinding, and they panic
//! only where going on would be wrong, which is a token that a debug build of this library finds
//! given back twice, a worker that it finds on another thread, and a kernel that took membarrier
//! away ([`Fence`](crate::gate::Fence)).

#![expect(
    unsafe_code,
    reason = "symbols and strings of C: checked where it can be, told where not"
)]
#![expect(
    clippy::doc_markdown,
    reason = "most of these comments are read in the header, by C's rules"
)]

mod control;
mod names;
mod packet;
mod report;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use control::*;
pub use names::*;
pub use packet::*;
pub use report::*;

/// What a call answers. Negative: nothing was done.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TgStatus {
    /// It was done.
    Ok = 0,
    /// A limit had no room. Not a failure: this is the verdict.
    Refused = 1,
    /// A pointer that is needed is null.
    NullPointer = -1,
    /// A text that names no model, feature, setting or value, or is not UTF-8; tg_last_error() says
    /// what there is instead.
    NotUnderstood = -2,
    /// No kind has this number.
    NoSuchKind = -3,
    /// No limit has this number.
    NoSuchLimit = -4,
    /// No admission gives out such a token; an empty one, where a unit was to be given back.
    BadToken = -5,
    /// A gate cannot run a licence for another model; make a new gate.
    OtherModel = -6,
    /// The unit's file could not be read; tg_last_error() says why.
    File = -7,
    /// This library was built without the feature for it.
    NotBuilt = -8,
    /// A host's family or zone is none.
    BadHost = -9,
    /// A fault in this library, which it caught; tg_last_error() says where.
    Panicked = -10,
}

impl TgStatus {
    const ALL: [Self; 12] = [
        Self::Ok,
        Self::Refused,
        Self::NullPointer,
        Self::NotUnderstood,
        Self::NoSuchKind,
        Self::NoSuchLimit,
        Self::BadToken,
        Self::OtherModel,
        Self::File,
        Self::NotBuilt,
        Self::BadHost,
        Self::Panicked,
    ];

    const fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"done",
            Self::Refused => c"refused: a limit has no room",
            Self::NullPointer => c"a pointer that is needed is null",
            Self::NotUnderstood => c"not understood; tg_last_error() says what there is instead",
            Self::NoSuchKind => c"no kind has this number; see enum tg_kind",
            Self::NoSuchLimit => c"no limit has this number; see enum tg_limit",
            Self::BadToken => c"no admission gives out such a token",
            Self::OtherModel => c"the licence is for another model; make a new gate for it",
            Self::File => c"the unit's file could not be read; tg_last_error() says why",
            Self::NotBuilt => c"not built in; build the library with --features capi,store",
            Self::BadHost => c"no such family or zone of a host; see tg_host",
            Self::Panicked => c"a fault in the library; tg_last_error() says where",
        }
    }
}

/// Why a call did nothing: the code, and a text where there is more to say.
pub(crate) struct Failure {
    status: TgStatus,
    text: Option<String>,
}

impl Failure {
    fn new(status: TgStatus, error: impl std::fmt::Display) -> Self {
        Self { status, text: Some(error.to_string()) }
    }
}

impl From<TgStatus> for Failure {
    fn from(status: TgStatus) -> Self {
        Self { status, text: None }
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

fn keep_text(text: &str) {
    // A text from outside may have a zero in it, which ends a text in C.
    let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
    // A thread that is ending has no place for it any more.
    let _ = LAST.try_with(|last| last.replace(text));
}

/// Runs what is no fast path: its error becomes a code and a text, and so does a panic.
pub(crate) fn guarded(action: impl FnOnce() -> Result<(), Failure>) -> TgStatus {
    let failure = match catch_unwind(AssertUnwindSafe(action)) {
        Ok(Ok(())) => return TgStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(TgStatus::Panicked, panic_text(&*panic)),
    };
    keep_text(failure.text.as_deref().unwrap_or(&failure.status.text().to_string_lossy()));
    failure.status
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a fault in tollgate: {}", text.unwrap_or("without a text"))
}

/// What is behind a pointer that may be null.
fn needed<T>(pointer: Option<T>) -> Result<T, Failure> {
    pointer.ok_or_else(|| TgStatus::NullPointer.into())
}

/// A text of C.
///
/// # Safety
///
/// `text` is null or points to a text that ends with a zero and stays as it is for `'a`.
unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(TgStatus::NullPointer.into());
    }
    // SAFETY: not null, and the caller promises the rest.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| {
        let given = text.to_string_lossy();
        Failure::new(TgStatus::NotUnderstood, format!("`{given}` is not UTF-8"))
    })
}

/// What a status means, in a few words. Never null; the text is there for ever. A number that is no
/// status is said to be none.
#[unsafe(no_mangle)]
pub extern "C" fn tg_strerror(status: i32) -> *const c_char {
    let known = TgStatus::ALL.into_iter().find(|known| *known as i32 == status);
    known.map_or(c"no such status", TgStatus::text).as_ptr()
}

/// Why the last call of this thread failed that is not tg_admit…, tg_release… or about tokens: what
/// was wrong, and what there is instead. Empty where none has. Never null; the text stays until the
/// next such call of this thread fails.
#[unsafe(no_mangle)]
pub extern "C" fn tg_last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The version of this library. The text is there for ever.
#[unsafe(no_mangle)]
pub extern "C" fn tg_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_text_of_its_own() {
        let texts: std::collections::HashSet<_> = TgStatus::ALL.map(TgStatus::text).into();
        assert_eq!(texts.len(), TgStatus::ALL.len());
    }

    #[test]
    fn a_panic_ends_at_the_boundary() {
        assert_eq!(guarded(|| panic!("on\0purpose")), TgStatus::Panicked);
        let text = LAST.with_borrow(Clone::clone);
        assert_eq!(text.to_str(), Ok("a fault in tollgate: on purpose"));
    }
}
