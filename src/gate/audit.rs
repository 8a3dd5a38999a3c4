//! The conservation law, checked while the gate runs.

use std::fmt;

use super::hosts::HOST_LANES;
use super::plan::{CONNECTIONS, GROUPS};
use super::stats::Totals;
use super::{Gate, Inner};
use crate::license::Limit;

/// One limit in an [`Audit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuditLine {
    /// The limit.
    pub limit: Limit,
    /// Units free by the limit's own word; negative is debt.
    pub free: i64,
    /// Units in use by the limit's own word; never negative while every release was of a unit
    /// that was in use.
    pub held: i64,
    /// Units in use by what the workers counted: admitted less released.
    pub counted: i64,
}

impl AuditLine {
    /// How far the two are apart: 0 when every unit is accounted for.
    pub const fn drift(&self) -> i64 {
        self.held - self.counted
    }
}

/// What an audit found.
///
/// Every limit keeps two books: its word, and what the workers counted. They agree when nothing is
/// being admitted or released. A worker that is between its two entries while they are read shows
/// as a drift of what it moves, one unit of its kind; such a drift is gone in the next audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// Every limit that the gate counts.
    pub lines: Vec<AuditLine>,
    /// Whether nothing moved while the books were read, so that every drift is real or a worker's
    /// that stands still between its entries.
    pub at_rest: bool,
    /// Releases of what was not in use. They changed nothing, but for connections that are counted
    /// in shares, which are less than nothing in use until as many have been admitted.
    pub excess_releases: u64,
    /// Hosts in the map beyond what the word holds; 0 when they agree.
    pub host_drift: i64,
    /// In a debug build, where the tokens were admitted that are still out, most first.
    pub outstanding: Vec<String>,
}

impl Audit {
    /// Whether the books agree and nothing was given back that was not in use.
    pub fn is_clean(&self) -> bool {
        self.excess_releases == 0
            && self.host_drift == 0
            && self.lines.iter().all(|line| line.drift() == 0 && line.held >= 0)
    }

    /// Whether nothing is in use.
    pub fn is_idle(&self) -> bool {
        self.lines.iter().all(|line| line.held == 0)
    }
}

/// One line a finding, or `clean`.
impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("clean");
        }
        for line in self.lines.iter().filter(|line| line.drift() != 0) {
            let AuditLine { limit, held, counted, .. } = line;
            writeln!(f, "{limit}: {held} in use, but workers count {counted}")?;
        }
        if self.host_drift != 0 {
            writeln!(f, "inside-hosts: {} hosts more than in use", self.host_drift)?;
        }
        if self.excess_releases > 0 {
            writeln!(f, "{} releases of what was not in use", self.excess_releases)?;
        }
        self.outstanding.iter().try_for_each(|place| writeln!(f, "outstanding: {place}"))
    }
}

impl Gate {
    /// Checks that every unit is accounted for: free + held = allowed, and held is what was
    /// admitted and not released.
    ///
    /// ```
    /// # use tollgate::catalogue;
    /// # use tollgate::gate::Gate;
    /// # use tollgate::license::{Kind, RunningLicense, Unit};
    /// # let unit = Unit::new(catalogue::find("ASA 5520", None, None)?);
    /// let gate = Gate::new(RunningLicense::of(&unit));
    /// let permit = gate.reserve(Kind::Ikev2L2l)?;
    /// assert!(gate.audit().is_clean() && !gate.audit().is_idle());
    /// drop(permit);
    /// assert!(gate.audit().is_idle());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn audit(&self) -> Audit {
        self.inner.audit()
    }
}

impl Inner {
    fn audit(&self) -> Audit {
        let _no_publishing = self.publishing.lock();
        let before = self.totals();
        let lines: Vec<_> = (0..GROUPS.len()).flat_map(|g| self.audit_group(g, &before)).collect();
        let host_drift = self.host_drift();
        let after = self.totals();
        // Where a second release cannot be told at once, it shows as less than nothing in use.
        let below_nothing = lines.iter().map(|line| line.held.min(0).unsigned_abs()).sum::<u64>();
        Audit {
            lines,
            at_rest: before == after,
            excess_releases: after.excess + below_nothing,
            host_drift,
            outstanding: self.outstanding(),
        }
    }

    fn audit_group(&self, group: usize, totals: &Totals) -> Vec<AuditLine> {
        if let (CONNECTIONS, Some(counter)) = (group, &self.connections) {
            let moment = counter.moment();
            return vec![AuditLine {
                limit: Limit::FirewallConns,
                free: moment.free,
                held: moment.held(),
                counted: self.counted(totals, Limit::FirewallConns),
            }];
        }
        let lanes = self.plan.lanes(group);
        let moment = self.groups[group].moment();
        let held = |lane| moment.free.in_use_in(moment.limits, lanes, lane);
        let by_lane = (0_u32..).zip(self.plan.limits(group));
        let by_word = by_lane.filter(|(_, limit)| **limit != Limit::InsideHosts);
        let by_word = by_word.map(|(lane, limit)| AuditLine {
            limit: *limit,
            free: moment.free.lane(lanes, lane),
            held: held(lane),
            counted: self.counted(totals, *limit),
        });
        let hosts = (group == CONNECTIONS && self.hosts.is_some()).then(|| AuditLine {
            limit: Limit::InsideHosts,
            free: moment.free.lane(lanes, HOST_LANES[0]),
            held: HOST_LANES.into_iter().map(held).sum(),
            counted: difference(totals.hosts_taken, totals.hosts_given_back),
        });
        by_word.chain(hosts).collect()
    }

    fn counted(&self, totals: &Totals, limit: Limit) -> i64 {
        self.kinds_taking(limit)
            .map(|kind| difference(totals.admitted[kind.index()], totals.released[kind.index()]))
            .sum()
    }

    fn host_drift(&self) -> i64 {
        let Some(hosts) = &self.hosts else { return 0 };
        let lanes = self.plan.lanes(CONNECTIONS);
        let moment = self.groups[CONNECTIONS].moment();
        let held = |lane| moment.free.in_use_in(moment.limits, lanes, lane);
        difference(hosts.held() as u64, 0) - HOST_LANES.into_iter().map(held).sum::<i64>()
    }

    #[cfg(all(debug_assertions, not(tollgate_loom)))]
    fn outstanding(&self) -> Vec<String> {
        let places = self.live.by_place();
        places.iter().map(|(place, count)| format!("{count} admitted at {place}")).collect()
    }

    #[cfg(not(all(debug_assertions, not(tollgate_loom))))]
    #[expect(clippy::unused_self, reason = "a debug build keeps the tokens")]
    const fn outstanding(&self) -> Vec<String> {
        Vec::new()
    }
}

const fn difference(plus: u64, minus: u64) -> i64 {
    plus.wrapping_sub(minus).cast_signed()
}
