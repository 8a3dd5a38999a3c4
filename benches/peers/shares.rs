//! The limit counter with other smallest shares than production's, to choose one by measurement.

use tollgate::gate::counter::{Counter, Layout, Seat};
use tollgate::measure::{Contestant, Entrant, Terms};

struct Share<const BITS: u32>(Counter);

macro_rules! shares {
    ($($bits:literal $name:literal),+) => {
        $(impl Contestant for Share<$bits> {
            const NAME: &'static str = $name;
            type Handle = Seat;

            fn new(terms: &Terms) -> Self {
                let (smallest_share, begin_share) = ($bits, $bits + 1);
                let layout = Layout { smallest_share, begin_share, ..Layout::production() };
                Self(Counter::with_layout(terms.limit, layout))
            }

            fn handle(&self, _thread: usize) -> Seat {
                self.0.seat()
            }

            fn set_limit(&self, limit: u64) -> bool {
                self.0.set_limit(limit);
                true
            }
        })+

        /// One contestant for each smallest share.
        pub(crate) fn entrants() -> Vec<Entrant> {
            vec![$(Entrant::of::<Share<$bits>>()),+]
        }
    };
}
shares!(5 "share-32", 6 "share-64", 7 "share-128", 8 "share-256", 9 "share-512", 10 "share-1024");
