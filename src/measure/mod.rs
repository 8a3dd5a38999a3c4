//! Measuring the limit counter beside other ways to count: the same loops for everyone.
//!
//! A [`Contestant`] counts units for several threads, each with a [`Handle`] of its own. A [`Case`]
//! is one loop over handles, generic, so that each contestant gets it compiled for itself.
//! [`compare`] lets the contestants take turns and gives the median of each.
//!
//! # What a figure is
//!
//! Nanoseconds an operation *of each thread*: the time that the slowest thread took, divided by the
//! operations that each of them did. Threads that do not disturb each other therefore show the same
//! figure for any number of them. What one operation is, [`Case::operation`] says.
//!
//! A round in which other work on the machine had a processor for more than a twentieth of the time
//! is run again, up to five times in all, and what is still disturbed then is told: threads that
//! wait do not meet, which makes what they share look cheap.
//!
//! Each thread is pinned to a processor, owns its handle (it is moved there by value), and starts
//! when all are there. Making a contestant, filling it and dropping it is not timed.

mod case;
mod contestant;
mod crew;
mod latency;
mod machine;
mod packets;
mod record;
mod rounds;
mod site;
mod word;

pub use case::{Case, Trial};
pub use contestant::{
    Contestant, Floor, Handle, Nobody, Terms, TollgateConnections, TollgateCounter, TollgateVpn,
};
pub use crew::Cores;
pub use latency::{Latency, Publication, admissions, clock, publications};
pub use machine::Machine;
pub use record::{FigureRecord, LatencyRecord};
pub use rounds::{Effort, Entrant, Figure, Sample, compare};
pub use site::Site;
pub use word::SharedWord;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    const FEW: u64 = 300;

    fn trial(site: &Site, threads: usize) -> Trial<'_> {
        Trial { threads, operations: FEW, site }
    }

    fn runs<C: Contestant>(case: Case, threads: usize) -> Option<Sample> {
        case.within(1_000).run::<C>(&trial(&Site::largest(), threads))
    }

    #[test]
    fn every_case_runs_for_everyone() {
        for case in Case::ALL {
            for threads in [1, 2, 3] {
                let samples = [
                    runs::<Floor>(case, threads),
                    runs::<TollgateCounter>(case, threads),
                    runs::<SharedWord>(case, threads),
                ];
                let cannot = match case {
                    Case::ReleaseUnderFlood => threads == 1,
                    Case::Asymmetric => threads % 2 == 1,
                    _ => false,
                };
                for sample in samples {
                    assert_eq!(sample.is_none(), cannot, "{} {threads}", case.name());
                    assert!(sample.is_none_or(|sample| sample.nanos > 0.0), "{}", case.name());
                }
            }
            // A debug build tells tokens apart, so units cannot change hands by their number.
            let tokens = runs::<TollgateConnections>(case, 2);
            assert_eq!(tokens.is_none(), case == Case::Asymmetric && cfg!(debug_assertions));
        }
        assert!(runs::<TollgateVpn>(Case::TwoLimits, 2).is_some());
    }

    /// Counts wrongly: so many more than the limit as `MORE` says.
    struct Wrong<const MORE: i64> {
        limit: i64,
        used: Arc<AtomicI64>,
    }

    impl<const MORE: i64> Contestant for Wrong<MORE> {
        const NAME: &'static str = "wrong";
        type Handle = Self;

        fn new(terms: &Terms) -> Self {
            Self { limit: terms.limit.cast_signed() + MORE, used: Arc::default() }
        }

        fn handle(&self, _thread: usize) -> Self {
            Self { limit: self.limit, used: Arc::clone(&self.used) }
        }

        fn set_limit(&self, _limit: u64) -> bool {
            false
        }
    }

    impl<const MORE: i64> Handle for Wrong<MORE> {
        type Unit = ();

        fn admit(&mut self) -> Option<()> {
            (self.used.fetch_add(1, Ordering::SeqCst) < self.limit).then_some(())
        }

        fn release(&mut self, (): ()) {
            self.used.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    #[should_panic(expected = "1001 admitted of 1000")]
    fn a_ramp_beyond_the_limit_is_found_out() {
        runs::<Wrong<1>>(Case::Ramp { limit: 1_000 }, 2);
    }

    #[test]
    #[should_panic(expected = "refused below the limit")]
    fn a_refusal_below_the_limit_is_found_out() {
        runs::<Wrong<-100>>(Case::LastUnits, 1);
    }

    #[test]
    fn parts_add_up_to_the_limit() {
        let site = Site::largest();
        for threads in 1..20 {
            let terms = Terms { limit: 100, threads, entry: site.entry };
            let parts: Vec<_> = (0..threads).map(|thread| terms.share(thread)).collect();
            assert_eq!(parts.iter().sum::<u64>(), 100);
            assert!(parts[0] - parts[threads - 1] <= 1);
        }
    }
}
