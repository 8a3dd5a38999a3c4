//! Who may come in: how many connections there are, and how often their addresses failed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::limits::Meter;
use super::{Cause, Limits};

/// The most addresses that are remembered for having failed. When there are more, the one that
/// would be forgotten first is.
const REMEMBERED: usize = 4096;

/// Counts connections, and turns away those beyond the limits.
pub(super) struct Door {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: u32,
    strangers: u32,
    addresses: HashMap<Network, Address>,
    /// How many of `addresses` have no open connection.
    remembered: usize,
}

/// What one network does: an IPv4 address, or the /64 that one IPv6 host has to itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

struct Address {
    open: u32,
    failures: Meter,
}

impl Door {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// A place for a connection from `address`, which holds until the ticket is dropped.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Ticket, Cause> {
        let network = Network::of(address);
        let mut state = self.state.lock();
        state.room(&self.limits, network, now)?;
        state.open += 1;
        state.strangers += 1;
        state.enter(network, now);
        Ok(Ticket { door: Arc::clone(self), network, stranger: true, counted: false })
    }
}

impl State {
    fn room(&self, limits: &Limits, network: Network, now: Instant) -> Result<(), Cause> {
        if let Some(address) = self.addresses.get(&network) {
            if address.failures.is_spent(&limits.failures, now) {
                return Err(Cause::Slowed);
            }
            if address.open >= limits.per_address {
                return Err(Cause::AddressFull);
            }
        }
        if self.open >= limits.connections {
            return Err(Cause::Full);
        }
        if self.strangers >= limits.strangers {
            return Err(Cause::Crowded);
        }
        Ok(())
    }

    fn enter(&mut self, network: Network, now: Instant) {
        match self.addresses.entry(network) {
            Entry::Occupied(known) => {
                let address = known.into_mut();
                self.remembered -= usize::from(address.open == 0);
                address.open += 1;
            }
            Entry::Vacant(new) => {
                new.insert(Address { open: 1, failures: Meter::new(now) });
            }
        }
    }

    /// Gives back the place of a connection; forgets its address where nothing speaks against it.
    fn leave(&mut self, network: Network, now: Instant) {
        self.open -= 1;
        let Some(address) = self.addresses.get_mut(&network) else { return };
        address.open -= 1;
        if address.open > 0 {
            return;
        }
        if address.failures.is_rested(now) {
            self.addresses.remove(&network);
            return;
        }
        self.remembered += 1;
        if self.remembered > REMEMBERED {
            self.forget(now);
        }
    }

    /// Forgets every address that has rested, and at least the one that will have first.
    fn forget(&mut self, now: Instant) {
        let first = self.addresses.iter().filter(|(_, address)| address.open == 0);
        let first = first.min_by_key(|(_, address)| address.failures.due()).map(|(net, _)| *net);
        self.addresses.retain(|network, address| {
            address.open > 0 || (Some(*network) != first && !address.failures.is_rested(now))
        });
        self.remembered = self.addresses.values().filter(|address| address.open == 0).count();
    }
}

/// The place of one connection.
pub(super) struct Ticket {
    door: Arc<Door>,
    network: Network,
    stranger: bool,
    /// Whether its failure is counted already.
    counted: bool,
}

impl Ticket {
    /// Whether a proof may be looked at. Its failure is counted before, so that an address cannot
    /// guess on many connections at once more often than on one.
    pub(super) fn may_prove(&mut self, now: Instant) -> bool {
        let pace = &self.door.limits.failures;
        let mut state = self.door.state.lock();
        let address = state.addresses.get_mut(&self.network);
        self.counted = address.is_some_and(|address| address.failures.take(pace, now));
        self.counted
    }

    /// The peer has proved who it is.
    pub(super) fn proved(&mut self) {
        let mut state = self.door.state.lock();
        state.strangers -= u32::from(std::mem::take(&mut self.stranger));
        if std::mem::take(&mut self.counted)
            && let Some(address) = state.addresses.get_mut(&self.network)
        {
            address.failures.give_back(&self.door.limits.failures);
        }
    }

    /// The handshake failed, which the address will be remembered for.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.door.state.lock();
        if let Some(address) = state.addresses.get_mut(&self.network).filter(|_| !self.counted) {
            address.failures.take(&self.door.limits.failures, now);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.door.state.lock();
        state.strangers -= u32::from(self.stranger);
        state.leave(self.network, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;
    use crate::net::Pace;

    fn door(connections: u32, strangers: u32, per_address: u32) -> Arc<Door> {
        let failures = Pace { every: Duration::from_secs(2), burst: 3 };
        Door::new(Limits { connections, strangers, per_address, failures, ..Limits::default() })
    }

    fn v4(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    /// Tries to enter now.
    fn enter(door: &Arc<Door>, address: IpAddr) -> Result<Ticket, Cause> {
        door.enter(address, Instant::now())
    }

    /// Fails one handshake from `address` now.
    fn fail(door: &Arc<Door>, address: IpAddr) -> Result<(), Cause> {
        enter(door, address).map(|ticket| ticket.failed(Instant::now()))
    }

    #[test]
    fn each_limit_refuses_for_its_own_cause_and_opens_again() {
        let door = door(3, 2, 2);
        let mut one = enter(&door, v4(1)).unwrap();
        let two = enter(&door, v4(1)).unwrap();
        assert_eq!(enter(&door, v4(1)).err(), Some(Cause::AddressFull));
        assert_eq!(enter(&door, v4(2)).err(), Some(Cause::Crowded));
        one.proved();
        let three = enter(&door, v4(2)).unwrap();
        assert_eq!(enter(&door, v4(3)).err(), Some(Cause::Full));
        drop((one, three));
        drop(enter(&door, v4(1)).unwrap());
        drop(two);
        let state = door.state.lock();
        assert_eq!((state.open, state.strangers, state.addresses.len()), (0, 0, 0));
    }

    #[test]
    fn one_ipv6_network_is_one_address_and_mapped_ipv4_is_ipv4() {
        let door = door(9, 9, 1);
        let _one = enter(&door, "2001:db8:1:2:3::4".parse().unwrap()).unwrap();
        let _four = enter(&door, v4(1)).unwrap();
        for same in ["2001:db8:1:2::5", "::ffff:192.0.2.1"] {
            let refused = enter(&door, same.parse().unwrap()).err();
            assert_eq!(refused, Some(Cause::AddressFull), "{same}");
        }
        for other in ["2001:db8:1:3::4", "::ffff:192.0.2.2"] {
            assert!(enter(&door, other.parse().unwrap()).is_ok(), "{other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_fails_is_slowed_alone_and_forgiven() {
        let door = door(9, 9, 9);
        assert_eq!([(); 3].map(|()| fail(&door, v4(1))), [Ok(()); 3]);
        assert_eq!(fail(&door, v4(1)), Err(Cause::Slowed));
        assert!(enter(&door, v4(2)).is_ok());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!([(); 2].map(|()| fail(&door, v4(1))), [Ok(()), Err(Cause::Slowed)]);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!([(); 3].map(|()| fail(&door, v4(1))), [Ok(()); 3]);
    }

    /// Whoever opens many connections first has no more guesses for that.
    #[tokio::test(start_paused = true)]
    async fn guesses_at_once_are_no_more_than_guesses_in_turn() {
        let door = door(99, 99, 99);
        let now = Instant::now();
        let mut tickets: Vec<_> = (0..20).map(|_| enter(&door, v4(1)).unwrap()).collect();
        let looked_at = tickets.iter_mut().filter_map(|it| it.may_prove(now).then_some(())).count();
        assert_eq!(looked_at, 3);
        tickets.iter().for_each(|it| it.failed(now));
        drop(tickets);
        tokio::time::advance(Duration::from_secs(2)).await;
        let mut next = enter(&door, v4(1)).unwrap();
        assert!(next.may_prove(Instant::now()) && !next.may_prove(Instant::now()));
    }

    /// A proof that is right costs nothing.
    #[tokio::test(start_paused = true)]
    async fn who_proves_who_it_is_is_not_counted() {
        let door = door(99, 99, 99);
        for _ in 0..20 {
            let mut ticket = enter(&door, v4(1)).unwrap();
            assert!(ticket.may_prove(Instant::now()));
            ticket.proved();
        }
        assert!(door.state.lock().addresses.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_any_number_of_addresses_take_bounded_memory() {
        let door = door(9, 9, 9);
        let held = enter(&door, v4(1)).unwrap();
        for number in 0..REMEMBERED + 500 {
            let address = u32::try_from(number).unwrap();
            fail(&door, Ipv4Addr::from_bits(0x0a00_0000 + address).into()).unwrap();
            tokio::time::advance(Duration::from_micros(10)).await;
        }
        let state = door.state.lock();
        assert_eq!((state.remembered, state.addresses.len()), (REMEMBERED, REMEMBERED + 1));
        let oldest = Network(Ipv4Addr::from_bits(0x0a00_0000).into());
        assert!(!state.addresses.contains_key(&oldest));
        drop(state);
        drop(held);
    }
}
