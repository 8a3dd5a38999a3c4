//! Connections of a model that also limits inside hosts (ASA 5505).
//!
//! A host counts once, however many connections it has (E64), from its first counted connection
//! until the end of its last. A connection and the hosts it brings in are admitted in one step of
//! one word: lane 0 holds connections, lane 1 inside hosts, lane 2 the hosts of the other
//! interface, which count in transparent mode alone.
//!
//! # Algorithm
//!
//! A map from host to the number of its connections. The entry's lock is held over the step on the
//! word, so whether a host is new and whether there is room for it are decided at one instant. A
//! connection that counts two hosts (no default route, transparent mode) excludes the others for
//! the length of its step instead, because two entries cannot be locked in an order that dashmap
//! knows.
//!
//! # Invariants
//!
//! * **H1** The units in use in lanes 1 and 2 are the hosts in the map, whenever no entry is
//!   locked.
//! * **H2** A host in the map has at least one connection; its place is its own until the last
//!   one ends.
//! * **H3** The rule changes only while nobody is between reading it and taking what it asks for.
//!
//! # Orderings
//!
//! All by the locks; the word's own are told in [`group`](super::group).
//!
//! # Progress
//!
//! Blocking, unlike the rest of the gate: a thread that is descheduled while it holds an entry
//! delays the hosts of the same shard. Only models with a limit on hosts pay for it.

use std::net::IpAddr;

use super::group::Group;
use super::token::Token;
use super::word::{Lanes, Request, Word};
use crate::license::{HostRule, Kind};
use crate::sync::{AtomicU64, LockedMap, Mutex, Ordering, RwLock};

/// The side of the firewall that a host is on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Zone {
    /// Any interface but the outside one (Business and Home).
    Inside,
    /// The interface of the default route (E59).
    Outside,
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Host {
    /// The address.
    pub address: IpAddr,
    /// The side it is on.
    pub zone: Zone,
}

/// Both ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HostPair {
    /// The end that opens the connection.
    pub source: Host,
    /// The other end.
    pub destination: Host,
}

/// A host as it is counted: in transparent mode each interface has its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    address: IpAddr,
    lane: u32,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    connections: u32,
    place: u32,
}

/// Where a token's places lead. Places are handed out again once their host has gone.
#[derive(Debug, Default)]
struct Places {
    keys: Vec<Key>,
    free: Vec<u32>,
}

impl Places {
    fn take(&mut self, key: Key) -> Option<u32> {
        if let Some(place) = self.free.pop() {
            self.keys[place as usize] = key;
            return Some(place);
        }
        let place = u32::try_from(self.keys.len()).ok().filter(|place| *place < Token::HOSTS)?;
        self.keys.push(key);
        Some(place)
    }
}

/// The connections and hosts of one gate.
#[derive(Debug)]
pub(crate) struct Hosts {
    rule: RwLock<HostRule>,
    counted: LockedMap<Key, Counted>,
    places: Mutex<Places>,
    peak: AtomicU64,
}

/// The lanes of the word: connections, inside hosts, hosts of the other interface.
pub(crate) const LANES: Lanes = Lanes::new(3);
const CONNECTIONS: u32 = 0;
pub(crate) const HOST_LANES: [u32; 2] = [1, 2];

/// The token and how many hosts the connection brought in; or what was asked, and the word that
/// lacked the room.
pub(crate) type Admitted = Result<(Token, u64), (Request, Word)>;

impl Hosts {
    /// Room for `hosts` hosts at once without allocating.
    pub(crate) fn new(rule: HostRule, hosts: usize) -> Self {
        let places = Places { keys: Vec::with_capacity(hosts), free: Vec::with_capacity(hosts) };
        Self {
            rule: RwLock::new(rule),
            // Twice the hosts, because they spread unevenly over the map's shards.
            counted: LockedMap::with_capacity(hosts * 2),
            places: Mutex::new(places),
            peak: AtomicU64::new(0),
        }
    }

    /// Changes the rule and the limits of `group` while nobody is admitted.
    pub(crate) fn publish(&self, rule: HostRule, group: &Group, limits: Word) {
        let mut current = self.rule.write();
        *current = rule;
        group.publish(limits);
    }

    /// Admits a connection between `hosts`, with the hosts that it brings in.
    pub(crate) fn admit(&self, group: &Group, hosts: &HostPair) -> Admitted {
        {
            let rule = self.rule.read();
            match keys(*rule, hosts) {
                [None, None] => return admit_uncounted(group),
                [Some(key), None] | [None, Some(key)] => {
                    return self.admit_one(group, *rule, key);
                }
                [Some(_), Some(_)] => {}
            }
        }
        let rule = self.rule.write();
        match keys(*rule, hosts) {
            [Some(first), Some(second)] => self.admit_two(group, *rule, [first, second]),
            [Some(key), None] | [None, Some(key)] => self.admit_one(group, *rule, key),
            [None, None] => admit_uncounted(group),
        }
    }

    fn admit_one(&self, group: &Group, rule: HostRule, key: Key) -> Admitted {
        let request = Request::none(LANES).and(CONNECTIONS);
        let (token, new) = self.counted.with(key, |counted| {
            if let Some(host) = counted {
                group.admit(&request).map_err(|word| (request, word))?;
                host.connections += 1;
                return Ok((token([Some(host.place), None]), 0));
            }
            let request = bring_in(request, rule, key);
            let place = self.place(group, request, key)?;
            group.admit(&request).map_err(|word| {
                self.places.lock().free.push(place);
                (request, word)
            })?;
            *counted = Some(Counted { connections: 1, place });
            Ok((token([Some(place), None]), 1))
        })?;
        self.note_peak(group, rule);
        Ok((token, new))
    }

    /// Two hosts at once. The caller excludes every other admission and release.
    fn admit_two(&self, group: &Group, rule: HostRule, keys: [Key; 2]) -> Admitted {
        let known = keys.map(|key| self.counted.with(key, |counted| *counted));
        let mut request = Request::none(LANES).and(CONNECTIONS);
        let mut places = known.map(|counted| counted.map(|host| host.place));
        let mut new = 0;
        for (key, place) in keys.into_iter().zip(&mut places) {
            if place.is_none() {
                request = bring_in(request, rule, key);
                *place = Some(self.place(group, request, key)?);
                new += 1;
            }
        }
        if let Err(word) = group.admit(&request) {
            let taken = places.iter().zip(known).filter(|(_, counted)| counted.is_none());
            self.places.lock().free.extend(taken.filter_map(|(place, _)| *place));
            return Err((request, word));
        }
        for (key, place) in keys.into_iter().zip(places) {
            self.counted.with(key, |counted| {
                let connections = counted.map_or(0, |host| host.connections) + 1;
                *counted = place.map(|place| Counted { connections, place });
            });
        }
        self.note_peak(group, rule);
        Ok((token(places), new))
    }

    /// A place for a new host. Where all are taken the table is as full as a limit can be.
    fn place(&self, group: &Group, request: Request, key: Key) -> Result<u32, (Request, Word)> {
        self.places.lock().take(key).ok_or_else(|| (request, group.moment().free))
    }

    /// Gives back a connection and the hosts whose last one it was; how many, or none where it was
    /// not in use.
    pub(crate) fn release(&self, group: &Group, token: Token) -> Option<u64> {
        let mut places = token.hosts();
        match (places.next(), places.next()) {
            (None, _) => group.release(&Request::none(LANES).counting(CONNECTIONS)).then_some(0),
            (Some(place), None) => {
                let _shared = self.rule.read();
                self.release_one(group, place)
            }
            (Some(first), Some(second)) => {
                let _exclusive = self.rule.write();
                self.release_two(group, [first, second])
            }
        }
    }

    fn key(&self, place: u32) -> Option<Key> {
        self.places.lock().keys.get(place as usize).copied()
    }

    fn release_one(&self, group: &Group, place: u32) -> Option<u64> {
        let key = self.key(place)?;
        self.counted.with(key, |counted| {
            let host = counted.as_mut().filter(|host| host.place == place)?;
            let last = host.connections == 1;
            let request = Request::none(LANES).counting(CONNECTIONS);
            let request = if last { request.counting(key.lane) } else { request };
            if !group.release(&request) {
                return None;
            }
            host.connections -= 1;
            if last {
                *counted = None;
                self.places.lock().free.push(place);
            }
            Some(u64::from(last))
        })
    }

    /// Two hosts at once. The caller excludes every other admission and release.
    fn release_two(&self, group: &Group, places: [u32; 2]) -> Option<u64> {
        let mut request = Request::none(LANES).counting(CONNECTIONS);
        let mut gone = 0;
        let mut keys = [None; 2];
        for (place, key) in places.into_iter().zip(&mut keys) {
            let found = self.key(place)?;
            let host = self.counted.with(found, |c| c.filter(|host| host.place == place))?;
            if host.connections == 1 {
                request = request.counting(found.lane);
                gone += 1;
            }
            *key = Some(found);
        }
        if !group.release(&request) {
            return None;
        }
        for (key, place) in keys.into_iter().flatten().zip(places) {
            self.counted.with(key, |counted| {
                let left = counted.map_or(0, |host| host.connections.saturating_sub(1));
                *counted = (left > 0).then_some(Counted { connections: left, place });
                if left == 0 {
                    self.places.lock().free.push(place);
                }
            });
        }
        Some(gone)
    }

    fn note_peak(&self, group: &Group, rule: HostRule) {
        let moment = group.moment();
        let used = moment.free.in_use(moment.limits);
        let hosts = in_use(rule, HOST_LANES.map(|lane| used.lane(LANES, lane)));
        // Relaxed: a figure of its own; it publishes nothing. The limits cannot change meanwhile,
        // because the rule is locked.
        if hosts > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(hosts, Ordering::Relaxed);
        }
    }

    /// The most inside hosts that counted at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// The inside hosts that count, from the units in use in both host lanes.
    pub(crate) fn in_use(&self, lanes: [u64; 2]) -> u64 {
        in_use(*self.rule.read(), lanes)
    }

    /// How many hosts the map holds; by H1 the units in use in both host lanes.
    pub(crate) fn held(&self) -> usize {
        self.counted.len()
    }
}

fn admit_uncounted(group: &Group) -> Admitted {
    let request = Request::none(LANES).and(CONNECTIONS);
    group.admit(&request).map_err(|word| (request, word))?;
    Ok((Token::new(Kind::Connection), 0))
}

const fn token(places: [Option<u32>; 2]) -> Token {
    Token::with_hosts(Kind::Connection, places)
}

fn in_use(rule: HostRule, [inside, other]: [u64; 2]) -> u64 {
    match rule {
        HostRule::FewestOfInterfaces => inside.min(other),
        _ => inside,
    }
}

/// A unit for a host that is new.
const fn bring_in(request: Request, rule: HostRule, key: Key) -> Request {
    match rule {
        HostRule::FewestOfInterfaces => request.and_either(key.lane, HOST_LANES),
        _ => request.and(key.lane),
    }
}

/// The hosts of a connection that count under `rule` (E56 – E62).
fn keys(rule: HostRule, hosts: &HostPair) -> [Option<Key>; 2] {
    let HostPair { source, destination } = *hosts;
    let inside = |host: Host| Some(Key { address: host.address, lane: HOST_LANES[0] });
    match (rule, source.zone, destination.zone) {
        (HostRule::InsideToOutside, Zone::Inside, Zone::Outside) => [inside(source), None],
        (HostRule::InsideToOutside, Zone::Outside, Zone::Inside) => [inside(destination), None],
        (HostRule::NotCounted | HostRule::InsideToOutside, ..) => [None, None],
        (HostRule::AllInterfaces, ..) if source.address == destination.address => {
            [inside(source), None]
        }
        (HostRule::AllInterfaces, ..) => [inside(source), inside(destination)],
        (HostRule::FewestOfInterfaces, ..) if source == destination => {
            [Some(by_side(source)), None]
        }
        (HostRule::FewestOfInterfaces, ..) => [source, destination].map(by_side).map(Some),
    }
}

const fn by_side(host: Host) -> Key {
    let lane = match host.zone {
        Zone::Inside => HOST_LANES[0],
        Zone::Outside => HOST_LANES[1],
    };
    Key { address: host.address, lane }
}
