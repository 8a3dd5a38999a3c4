//! Which addresses are inside.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::gate::{Host, HostPair, Zone};

use super::packet::FiveTuple;

/// Which side of the firewall an address is on: a capture does not tell.
///
/// ```
/// use tollgate::capture::Zones;
/// use tollgate::gate::Zone;
///
/// let zones = Zones::default();
/// assert_eq!(zones.zone("192.168.1.7".parse()?), Zone::Inside);
/// assert_eq!(zones.zone("192.0.2.1".parse()?), Zone::Outside);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Zones {
    /// None where no networks were given: private addresses are inside.
    inside: Option<Vec<IpNet>>,
}

impl Zones {
    /// The addresses of `networks` are inside and all others outside.
    ///
    /// Without networks, as in [`Zones::default`], the private addresses are inside: those of
    /// RFC 1918 and the unique local addresses of RFC 4193.
    pub fn inside(networks: Vec<IpNet>) -> Self {
        Self { inside: (!networks.is_empty()).then_some(networks) }
    }

    /// The side that `address` is on.
    pub fn zone(&self, address: IpAddr) -> Zone {
        let inside = match (&self.inside, address) {
            (Some(networks), _) => networks.iter().any(|network| network.contains(&address)),
            (None, IpAddr::V4(address)) => address.is_private(),
            (None, IpAddr::V6(address)) => address.is_unique_local(),
        };
        if inside { Zone::Inside } else { Zone::Outside }
    }

    /// Both ends of a connection, with the side each is on.
    pub(crate) fn hosts(&self, tuple: &FiveTuple) -> HostPair {
        let host = |address| Host { address, zone: self.zone(address) };
        HostPair { source: host(tuple.source), destination: host(tuple.destination) }
    }
}
