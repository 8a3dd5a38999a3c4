//! A debug build's record of every token that is out, and where it was admitted.

use std::collections::HashMap;
use std::panic::Location;

use parking_lot::Mutex;

use super::Token;

/// The tokens that are out.
#[derive(Debug, Default)]
pub(super) struct Live(Mutex<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    next: u64,
    /// Where they were admitted, and how many have this number.
    out: HashMap<u64, (&'static Location<'static>, usize)>,
}

impl Live {
    /// Numbers a new token, so that it is told from others that are out. A number is used again
    /// when all have been, and tokens of one number are told apart no more.
    #[track_caller]
    pub(super) fn enter(&self, token: Token) -> Token {
        let tokens = &mut *self.0.lock();
        tokens.next = tokens.next.wrapping_add(1);
        let numbered = token.numbered(tokens.next);
        let caller = Location::caller();
        tokens.out.entry(numbered.identity()).or_insert((caller, 0)).1 += 1;
        numbered
    }

    /// Strikes a token off.
    ///
    /// # Panics
    ///
    /// When it is not out: it was given back before, or this gate never admitted it.
    #[track_caller]
    pub(super) fn leave(&self, token: Token) {
        let tokens = &mut *self.0.lock();
        let out = tokens.out.get_mut(&token.identity());
        let left = out.map(|(_, count)| {
            *count -= 1;
            *count
        });
        assert!(
            left.is_some(),
            "a token for {} was given back twice, or to a gate that never admitted it",
            token.kind()
        );
        if left == Some(0) {
            tokens.out.remove(&token.identity());
        }
    }

    /// How many tokens are out, by the place that admitted them.
    pub(super) fn by_place(&self) -> Vec<(&'static Location<'static>, usize)> {
        let mut places: HashMap<_, usize> = HashMap::new();
        for (place, count) in self.0.lock().out.values() {
            *places.entry(*place).or_default() += count;
        }
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_unstable_by_key(|(place, count)| {
            (std::cmp::Reverse(*count), place.file(), place.line())
        });
        places
    }
}
