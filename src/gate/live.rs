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
    out: HashMap<u64, &'static Location<'static>>,
}

impl Live {
    /// Numbers a new token, so that it is told from every other one that is out.
    #[track_caller]
    pub(super) fn enter(&self, token: Token) -> Token {
        let tokens = &mut *self.0.lock();
        loop {
            tokens.next = tokens.next.wrapping_add(1);
            let numbered = token.numbered(tokens.next);
            if let std::collections::hash_map::Entry::Vacant(place) =
                tokens.out.entry(numbered.identity())
            {
                place.insert(Location::caller());
                return numbered;
            }
        }
    }

    /// Strikes a token off.
    ///
    /// # Panics
    ///
    /// When it is not out: it was given back before, or this gate never admitted it.
    #[track_caller]
    pub(super) fn leave(&self, token: Token) {
        let struck = self.0.lock().out.remove(&token.identity());
        assert!(
            struck.is_some(),
            "a token for {} was given back twice, or to a gate that never admitted it",
            token.kind()
        );
    }

    /// How many tokens are out, by the place that admitted them.
    pub(super) fn by_place(&self) -> Vec<(&'static Location<'static>, usize)> {
        let mut places: HashMap<_, usize> = HashMap::new();
        self.0.lock().out.values().for_each(|place| *places.entry(*place).or_default() += 1);
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_unstable_by_key(|(place, count)| {
            (std::cmp::Reverse(*count), place.file(), place.line())
        });
        places
    }
}
