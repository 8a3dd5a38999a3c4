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

/// The group in which a kind is counted, whatever the licence: nothing has to be loaded for it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "three bits are left")]
pub(crate) const fn group_of(kind: Kind) -> usize {
    const BITS: usize = 3;
    const PACKED: u64 = {
        let (mut packed, mut i) = (0, 0);
        while i < Kind::COUNT {
            packed |= (named_group_of(Kind::ALL[i]) as u64) << (i * BITS);
            i += 1;
        }
        packed
    };
    const _: () = assert!(GROUPS.len() <= 1 << BITS && Kind::COUNT * BITS <= 64);
    (PACKED >> (kind.index() * BITS)) as usize & ((1 << BITS) - 1)
}

const fn named_group_of(kind: Kind) -> usize {
    match kind {
        Kind::Connection => CONNECTIONS,
        Kind::Anyconnect
        | Kind::AnyconnectIkev2
        | Kind::Clientless
        | Kind::Ikev1Ra
        | Kind::Ikev1L2l
        | Kind::Ikev2L2l => 1,
        Kind::PhoneProxy
        | Kind::PresenceFederation
        | Kind::EncryptedVoice
        | Kind::MobilityAdvantage
        | Kind::Ime => 2,
        Kind::Srtp | Kind::SrtpPassthrough => 3,
        Kind::Interface | Kind::Vlan => 4,
        Kind::Trunk => 5,
        Kind::Context => 6,
    }
}

/// The layout of one gate: it depends on the model, and a gate serves one model.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What each kind takes of its group; nothing where it is never counted.
    requests: [Request; Kind::COUNT],
    counts_hosts: bool,
}

impl Plan {
    pub(crate) fn new(license: &RunningLicense) -> Self {
        let counts_hosts = license.host_rule() != HostRule::NotCounted;
        let none = Request::none(Lanes::new(1));
        let mut plan = Self { requests: [none; Kind::COUNT], counts_hosts };
        plan.requests = Kind::ALL.map(|kind| plan.request_of(license, kind));
        plan
    }

    fn request_of(&self, license: &RunningLicense, kind: Kind) -> Request {
        let limits = license.counts_against(kind);
        let group = group_of(kind);
        debug_assert!(
            limits.iter().all(|limit| GROUPS[group].contains(&limit)),
            "one word: {kind}"
        );
        (0_u32..)
            .zip(self.limits(group))
            .filter(|(_, limit)| limits.contains(**limit))
            .fold(Request::none(self.lanes(group)), |request, (lane, _)| request.and(lane))
    }

    /// What `kind` takes of [its group](group_of).
    #[inline]
    pub(crate) const fn request(&self, kind: Kind) -> &Request {
        &self.requests[kind.index()]
    }

    /// Whether connections are counted, and no other limit with them.
    pub(crate) fn counts_connections_alone(&self) -> bool {
        !self.counts_hosts && !self.request(Kind::Connection).is_for_nothing()
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
    use crate::catalogue;
    use crate::license::Unit;

    /// On every model, what a kind counts against is in its group.
    #[test]
    fn a_kind_is_counted_in_its_group() {
        for entry in catalogue::entries() {
            let license = RunningLicense::of(&Unit::new(entry));
            for kind in Kind::ALL {
                let limits = license.counts_against(kind);
                let group = GROUPS[group_of(kind)];
                assert!(limits.iter().all(|limit| group.contains(&limit)), "{entry}: {kind}");
            }
        }
    }

    #[test]
    fn every_limit_is_in_one_word() {
        for limit in Limit::ALL {
            let groups = GROUPS.iter().filter(|group| group.contains(&limit)).count();
            assert_eq!(groups, usize::from(limit != Limit::InsideHosts), "{limit}");
        }
    }
}
