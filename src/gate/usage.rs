//! What operators read: per limit, how much is allowed, used and refused.

use super::hosts::HOST_LANES;
use super::plan::CONNECTIONS;
use super::stats::Totals;
use super::{Gate, Inner};
use crate::license::{Allowance, Kind, Limit, Origin};

/// One limit at one moment.
///
/// Exact while nothing is being admitted or released. Under traffic `in_use` is what was in use at
/// some instant of the call; of connections that are counted in shares
/// ([`counter`](super::counter)) it differs from that by no more than what was admitted and
/// released during the call. `admitted` and `refused` may lack what workers are counting just now,
/// one operation each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// The limit.
    pub limit: Limit,
    /// What it allows.
    pub allowance: Allowance,
    /// Where the allowance came from.
    pub origin: Origin,
    /// Units in use.
    pub in_use: u64,
    /// The most units that were in use at once.
    ///
    /// Of connections, the most that are known to have been: see
    /// [`counter::Usage::peak`](super::counter::Usage::peak).
    /// [`Gate::with_exact_peaks`] notes every one.
    pub peak: u64,
    /// Units admitted since the start.
    pub admitted: u64,
    /// Admissions that this limit refused since the start.
    pub refused: u64,
}

impl Usage {
    /// Units in use beyond the allowance: what has to be released before anything is admitted.
    pub fn debt(&self) -> u64 {
        let allowed = self.allowance.units().map_or(u64::MAX, u64::from);
        self.in_use.saturating_sub(allowed)
    }
}

impl Gate {
    /// The usage of one limit.
    pub fn usage(&self, limit: Limit) -> Usage {
        self.inner.usage_of(&[limit])[0]
    }

    /// The usage of every limit, in the order of [`Limit::ALL`].
    pub fn usages(&self) -> Vec<Usage> {
        self.inner.usage_of(&Limit::ALL)
    }
}

impl Inner {
    fn usage_of(&self, limits: &[Limit]) -> Vec<Usage> {
        let _no_publishing = self.publishing.lock();
        let license = self.license.load();
        let totals = self.totals();
        let usage = |limit| {
            let (in_use, peak) = self.in_use_and_peak(limit);
            let figure = license.limit(limit);
            Usage {
                limit,
                allowance: figure.allowance(),
                origin: figure.origin(),
                in_use,
                peak,
                admitted: self.admitted(&totals, limit),
                refused: totals.refused[limit.index()],
            }
        };
        limits.iter().map(|limit| usage(*limit)).collect()
    }

    /// Units in use now and at most. The caller holds the publish lock.
    fn in_use_and_peak(&self, limit: Limit) -> (u64, u64) {
        let Some((group, lane)) = self.plan.place(limit) else { return (0, 0) };
        if let (CONNECTIONS, Some(counter)) = (group, &self.connections) {
            let moment = counter.moment();
            return (moment.held().max(0).cast_unsigned(), moment.peak);
        }
        let lanes = self.plan.lanes(group);
        let moment = self.groups[group].report();
        let used = |lane| moment.free.in_use_in(moment.limits, lanes, lane).max(0).cast_unsigned();
        match &self.hosts {
            Some(hosts) if limit == Limit::InsideHosts => {
                (hosts.in_use(HOST_LANES.map(used)), hosts.peak())
            }
            _ => (used(lane), moment.peak.lane(lanes, lane)),
        }
    }

    /// Units of `limit` that were ever admitted.
    fn admitted(&self, totals: &Totals, limit: Limit) -> u64 {
        if limit == Limit::InsideHosts {
            return totals.hosts_taken;
        }
        self.kinds_taking(limit).map(|kind| totals.admitted[kind.index()]).sum()
    }

    /// The kinds that take a unit of `limit`.
    pub(super) fn kinds_taking(&self, limit: Limit) -> impl Iterator<Item = Kind> {
        let license = self.license.load_full();
        Kind::ALL.into_iter().filter(move |kind| license.counts_against(*kind).contains(limit))
    }
}
