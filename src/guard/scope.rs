//! Which of conntrack's entries pass through this machine: pure.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::guard::netlink::Entry;

/// The machine's own addresses. A connection that neither begins nor ends at one of them passes
/// through, and counts; conntrack has the machine's own connections in the same table.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scope {
    own: HashSet<IpAddr>,
}

impl Scope {
    /// The scope of a machine with these addresses, those of broadcasts among them.
    pub fn new(own: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { own: own.into_iter().collect() }
    }

    /// Whether `entry` passes through.
    pub fn passes_through(&self, entry: &Entry) -> bool {
        let tuple = entry.forwarded();
        let stays = |address: IpAddr| {
            let broadcast = IpAddr::V4(Ipv4Addr::BROADCAST);
            address.is_loopback() || address == broadcast || self.own.contains(&address)
        };
        !stays(tuple.source) && !stays(tuple.destination) && !tuple.destination.is_multicast()
    }
}

/// The first and the last address of an IPv4 network: packets to either stay on the machine,
/// whether or not an interface was given them by name. A network of one or two has none.
pub(super) fn broadcasts(own: IpAddr, mask: IpAddr) -> Vec<IpAddr> {
    let (IpAddr::V4(own), IpAddr::V4(mask)) = (own, mask) else { return Vec::new() };
    let (own, mask) = (own.to_bits(), mask.to_bits());
    let ends = if !mask > 1 { vec![own & mask, own | !mask] } else { Vec::new() };
    ends.into_iter().map(|address| Ipv4Addr::from_bits(address).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::FiveTuple;

    fn tuple(source: &str, destination: &str) -> FiveTuple {
        FiveTuple {
            protocol: 6,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            source_port: 1024,
            destination_port: 80,
        }
    }

    fn entry(original: FiveTuple, reply: FiveTuple) -> Entry {
        Entry { original, reply, id: 1, zone: 0, dying: false }
    }

    fn passes(original: (&str, &str), reply: (&str, &str)) -> bool {
        let own = ["10.0.0.1", "192.0.2.1", "10.0.0.255"].map(|own| own.parse().unwrap());
        let entry = entry(tuple(original.0, original.1), tuple(reply.0, reply.1));
        Scope::new(own).passes_through(&entry)
    }

    #[test]
    fn what_neither_begins_nor_ends_here_passes_through() {
        assert!(passes(("10.0.0.2", "198.51.100.1"), ("198.51.100.1", "10.0.0.2")));
        // Behind the router's address.
        assert!(passes(("10.0.0.2", "198.51.100.1"), ("198.51.100.1", "192.0.2.1")));
        // To the router's address, which sends it on.
        assert!(passes(("198.51.100.1", "192.0.2.1"), ("10.0.0.2", "198.51.100.1")));
    }

    #[test]
    fn a_network_has_two_broadcasts_but_for_the_smallest() {
        let of = |own: &str, mask: &str| broadcasts(own.parse().unwrap(), mask.parse().unwrap());
        let ends = |ends: [&str; 2]| ends.map(|it| it.parse::<IpAddr>().unwrap());
        assert_eq!(of("10.0.0.1", "255.255.255.0"), ends(["10.0.0.0", "10.0.0.255"]));
        assert_eq!(of("10.0.0.2", "255.255.255.252"), ends(["10.0.0.0", "10.0.0.3"]));
        assert!(of("10.0.0.2", "255.255.255.254").is_empty());
        assert!(of("10.0.0.2", "255.255.255.255").is_empty());
        assert!(of("fd00::1", "ffff:ffff:ffff:ffff::").is_empty());
    }

    #[test]
    fn the_machines_own_connections_do_not() {
        assert!(!passes(("10.0.0.2", "10.0.0.1"), ("10.0.0.1", "10.0.0.2")));
        assert!(!passes(("192.0.2.1", "198.51.100.1"), ("198.51.100.1", "192.0.2.1")));
        assert!(!passes(("10.0.0.2", "10.0.0.255"), ("10.0.0.255", "10.0.0.2")));
        assert!(!passes(("10.0.0.2", "224.0.0.251"), ("224.0.0.251", "10.0.0.2")));
        assert!(!passes(("10.0.0.2", "255.255.255.255"), ("255.255.255.255", "10.0.0.2")));
        assert!(!passes(("127.0.0.1", "127.0.0.53"), ("127.0.0.53", "127.0.0.1")));
    }
}
