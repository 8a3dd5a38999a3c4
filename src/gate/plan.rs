//! Which word each limit lives in, and what each kind of session takes of it.

use super::hosts;
use super::word::{Lanes, Request, Word};
use crate::license::{HostRule, Kind, Limit, RunningLicense};

/// Limits that are taken together share a word. The order in a group is the order in which a
/// refusal names them.
pub(crate) const GROUPS: [&[Limit]; 7] = [
    &[Limit::FirewallConns],
    &[Limit::Anyconnect, Limit::Clientless, Limit::OtherVpn, Limit::TotalVpn],
    &[Limit::UcProxy, Limit::PhoneProxy, Limit::TlsProxy, Limit::Ime],
    &[Limit::Srtp],
    &[Limit::Interfaces, Limit::Vlans],
    &[Limit::VlanTrunks],
    &[Limit::Contexts],
];

/// The group of firewall connections.
pub(crate) const CONNECTIONS: usize = 0;

/// The limits of [`CONNECTIONS`] on a model that also limits inside hosts.
const CONNECTIONS_WITH_HOSTS: &[Limit] =
    &[Limit::FirewallConns, Limit::InsideHosts, Limit::InsideHosts];

/// Where a kind is admitted and what it takes there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) group: usize,
    pub(crate) request: Request,
}

/// The layout of one gate: it depends on the model, and a gate serves one model.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What each kind takes; none where the kind is never counted.
    steps: [Option<Step>; Kind::COUNT],
    counts_hosts: bool,
}

impl Plan {
    pub(crate) fn new(license: &RunningLicense) -> Self {
        let counts_hosts = license.host_rule() != HostRule::NotCounted;
        let mut plan = Self { steps: [None; Kind::COUNT], counts_hosts };
        plan.steps = Kind::ALL.map(|kind| plan.step_of(license, kind));
        plan
    }

    fn step_of(&self, license: &RunningLicense, kind: Kind) -> Option<Step> {
        let limits = license.counts_against(kind);
        let first = limits.iter().next()?;
        let group = GROUPS.iter().position(|group| group.contains(&first))?;
        let lanes = self.lanes(group);
        let request = (0_u32..)
            .zip(self.limits(group))
            .filter(|(_, limit)| limits.contains(**limit))
            .fold(Request::none(lanes), |request, (lane, _)| request.and(lane));
        debug_assert!(
            limits.iter().all(|limit| GROUPS[group].contains(&limit)),
            "one word: {kind}"
        );
        Some(Step { group, request })
    }

    #[inline]
    pub(crate) const fn step(&self, kind: Kind) -> Option<&Step> {
        self.steps[kind.index()].as_ref()
    }

    /// Whether connections are counted, and no other limit with them.
    pub(crate) fn counts_connections_alone(&self) -> bool {
        let step = self.step(Kind::Connection);
        !self.counts_hosts && step.is_some_and(|step| step.group == CONNECTIONS)
    }

    pub(crate) const fn counts_hosts(&self) -> bool {
        self.counts_hosts
    }

    /// The limits of a group, lane by lane.
    pub(crate) const fn limits(&self, group: usize) -> &'static [Limit] {
        if group == CONNECTIONS && self.counts_hosts {
            CONNECTIONS_WITH_HOSTS
        } else {
            GROUPS[group]
        }
    }

    pub(crate) const fn lanes(&self, group: usize) -> Lanes {
        match self.limits(group).len() {
            1 => Lanes::new(1),
            2 => Lanes::new(2),
            3 => hosts::LANES,
            _ => Lanes::new(4),
        }
    }

    /// The group and the lane that count `limit`; none where the model does not count it.
    pub(crate) fn place(&self, limit: Limit) -> Option<(usize, u32)> {
        (0..GROUPS.len()).find_map(|group| {
            let lane = self.limits(group).iter().position(|other| *other == limit)?;
            Some((group, u32::try_from(lane).ok()?))
        })
    }

    /// The word of a group under `license`, all free.
    pub(crate) fn limit_word(&self, group: usize, license: &RunningLicense) -> Word {
        let lanes = self.lanes(group);
        let units = |limit: &Limit| {
            license.limit(*limit).allowance().units().map_or(lanes.most(), u64::from)
        };
        Word::free(lanes, &self.limits(group).iter().map(units).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_in_one_word() {
        for limit in Limit::ALL {
            let groups = GROUPS.iter().filter(|group| group.contains(&limit)).count();
            assert_eq!(groups, usize::from(limit != Limit::InsideHosts), "{limit}");
        }
    }
}
