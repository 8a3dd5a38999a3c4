//! Sequences of gate operations against plain counters: the body of the fuzz target `gate` and of
//! a property test.

pub mod counter;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::{Gate, Host, HostPair, Refusal, Token, Zone};
use crate::catalogue;
use crate::license::{HostRule, Kind, Limit, RunningLicense, Unit};

/// The models that the first byte chooses from: with and without hosts, both guides.
const MODELS: [&str; 4] = ["ASA 5505", "ASA 5520", "ASA 5580-40", "ASA 5506-X"];

/// Runs the operations that `data` encodes and compares every verdict and figure with the model.
///
/// # Panics
///
/// When the gate and the model disagree.
pub fn operations(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let model = MODELS[usize::from(bytes.next().unwrap_or(0)) % MODELS.len()];
    let Ok(entry) = catalogue::find(model, None, None) else { return };
    let mut run = Run::new(entry);
    while let Some(op) = bytes.next() {
        let argument = bytes.next().unwrap_or(0);
        run.step(op, argument);
    }
    run.finish();
}

/// What a token holds in the model.
#[derive(Clone, Copy)]
struct Held {
    token: Token,
    kind: Kind,
    hosts: [Option<(IpAddr, Zone)>; 2],
}

/// A gate beside plain counters.
struct Run {
    unit: Unit,
    license: RunningLicense,
    gate: Gate,
    workers: [super::Worker; 2],
    held: Vec<Held>,
    used: BTreeMap<Limit, u64>,
    peak: BTreeMap<Limit, u64>,
    hosts: BTreeMap<(IpAddr, bool), u64>,
    refused: u64,
}

impl Run {
    fn new(entry: &'static catalogue::Entry) -> Self {
        let unit = Unit::new(entry);
        let license = RunningLicense::of(&unit);
        let gate = Gate::new(license.clone());
        let workers = [gate.worker(), gate.worker()];
        Self {
            unit,
            license,
            gate,
            workers,
            held: Vec::new(),
            used: BTreeMap::new(),
            peak: BTreeMap::new(),
            hosts: BTreeMap::new(),
            refused: 0,
        }
    }

    fn step(&mut self, op: u8, argument: u8) {
        match op % 8 {
            0..=2 => self.admit(usize::from(op) >> 3, argument),
            3 | 4 => self.connect(usize::from(op) >> 3, argument),
            5 | 6 => self.release(usize::from(op) >> 3, argument),
            _ => self.publish(op >> 3, argument),
        }
        self.compare();
    }

    /// Operators' limits keep the numbers small, so that short inputs reach them.
    fn publish(&mut self, what: u8, argument: u8) {
        match what {
            30 => drop(
                self.unit
                    .configure("default-route", ["none", "outside"][usize::from(argument % 2)]),
            ),
            31 => drop(
                self.unit.configure("mode", ["routed", "transparent"][usize::from(argument % 2)]),
            ),
            _ => {
                let limit = Limit::ALL[usize::from(what) % Limit::COUNT];
                self.unit.restrict(limit, u32::from(argument % 6));
            }
        }
        self.license = RunningLicense::of(&self.unit);
        self.gate.publish(self.license.clone()).expect("the same model");
    }

    fn admit(&mut self, worker: usize, argument: u8) {
        let kind = Kind::ALL[usize::from(argument) % Kind::COUNT];
        let full: Vec<_> =
            self.license.counts_against(kind).iter().filter(|l| self.is_full(*l)).collect();
        let verdict = self.workers[worker % 2].admit(kind);
        self.judge(kind, [None, None], &full, verdict);
    }

    fn connect(&mut self, worker: usize, argument: u8) {
        let host = |bits: u8| {
            let zone = if bits & 4 == 0 { Zone::Inside } else { Zone::Outside };
            Host { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, bits & 7)), zone }
        };
        let pair = HostPair { source: host(argument), destination: host(argument >> 3) };
        let hosts = self.counted(&pair);
        let mut full: Vec<_> =
            [Limit::FirewallConns].into_iter().filter(|limit| self.is_full(*limit)).collect();
        let new = hosts.iter().flatten().filter(|host| !self.hosts.contains_key(&self.key(**host)));
        let new: Vec<_> = new.copied().collect();
        if !new.is_empty() && !self.has_room_for(&new) {
            full.push(Limit::InsideHosts);
        }
        let verdict = self.workers[worker % 2].admit_connection(&pair);
        self.judge(Kind::Connection, hosts, &full, verdict);
    }

    /// The hosts of a connection that count, by the guide's words.
    fn counted(&self, pair: &HostPair) -> [Option<(IpAddr, Zone)>; 2] {
        let ends = [pair.source, pair.destination].map(|host| (host.address, host.zone));
        let [source, destination] = ends.map(Some);
        let both = if self.key(ends[0]) == self.key(ends[1]) {
            [source, None]
        } else {
            [source, destination]
        };
        match (self.license.host_rule(), pair.source.zone, pair.destination.zone) {
            (HostRule::InsideToOutside, Zone::Inside, Zone::Outside) => [source, None],
            (HostRule::InsideToOutside, Zone::Outside, Zone::Inside) => [destination, None],
            (HostRule::NotCounted | HostRule::InsideToOutside, ..) => [None, None],
            (HostRule::AllInterfaces | HostRule::FewestOfInterfaces, ..) => both,
        }
    }

    /// In transparent mode an address counts once an interface, else once.
    fn key(&self, (address, zone): (IpAddr, Zone)) -> (IpAddr, bool) {
        let transparent = self.license.host_rule() == HostRule::FewestOfInterfaces;
        (address, transparent && zone == Zone::Outside)
    }

    fn sides(&self) -> [u64; 2] {
        [false, true].map(|side| self.hosts.keys().filter(|key| key.1 == side).count() as u64)
    }

    fn has_room_for(&self, new: &[(IpAddr, Zone)]) -> bool {
        let mut sides = self.sides();
        for host in new {
            sides[usize::from(self.key(*host).1)] += 1;
        }
        let counted = match self.license.host_rule() {
            HostRule::FewestOfInterfaces => sides[0].min(sides[1]),
            _ => sides[0],
        };
        self.license.limit(Limit::InsideHosts).allowance().covers(counted)
    }

    fn is_full(&self, limit: Limit) -> bool {
        let used = self.used.get(&limit).copied().unwrap_or(0);
        !self.license.limit(limit).allowance().covers(used + 1)
    }

    /// Admitted exactly when nothing was full, and refused by something that was.
    fn judge(
        &mut self,
        kind: Kind,
        hosts: [Option<(IpAddr, Zone)>; 2],
        full: &[Limit],
        verdict: Result<Token, Refusal>,
    ) {
        match verdict {
            Ok(token) => {
                assert!(full.is_empty(), "{kind} admitted while {full:?} are full");
                for limit in self.license.counts_against(kind).iter() {
                    let used = self.used.entry(limit).or_default();
                    *used += 1;
                    let peak = self.peak.entry(limit).or_default();
                    *peak = (*peak).max(*used);
                }
                let keys = hosts.map(|host| host.map(|host| self.key(host)));
                for key in keys.into_iter().flatten() {
                    *self.hosts.entry(key).or_default() += 1;
                }
                // The host stays counted on the side it was admitted on, whatever is published.
                let hosts = keys.map(|key| {
                    key.map(|(address, other)| {
                        (address, if other { Zone::Outside } else { Zone::Inside })
                    })
                });
                self.held.push(Held { token, kind, hosts });
            }
            Err(refusal) => {
                assert!(full.contains(&refusal.limit), "{refusal}, but {full:?} are full");
                self.refused += 1;
            }
        }
    }

    fn release(&mut self, worker: usize, argument: u8) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held.swap_remove(usize::from(argument) % self.held.len());
        self.workers[worker % 2].release(held.token);
        for limit in self.license.counts_against(held.kind).iter() {
            *self.used.entry(limit).or_default() -= 1;
        }
        for (address, zone) in held.hosts.into_iter().flatten() {
            let key = (address, zone == Zone::Outside);
            let connections = self.hosts.entry(key).or_default();
            *connections -= 1;
            if *connections == 0 {
                self.hosts.remove(&key);
            }
        }
    }

    fn compare(&self) {
        for usage in self.gate.usages() {
            if usage.limit == Limit::InsideHosts {
                let sides = self.sides();
                let transparent = self.license.host_rule() == HostRule::FewestOfInterfaces;
                let counted = if transparent { sides[0].min(sides[1]) } else { sides[0] };
                assert_eq!(usage.in_use, counted, "inside hosts in use");
                continue;
            }
            let counted = |of: &BTreeMap<Limit, u64>| of.get(&usage.limit).copied().unwrap_or(0);
            assert_eq!(usage.in_use, counted(&self.used), "{} in use", usage.limit);
            assert_eq!(usage.peak, counted(&self.peak), "{} peak", usage.limit);
            let allowed = self.license.limit(usage.limit).allowance();
            assert_eq!(usage.allowance, allowed, "{} allowed", usage.limit);
        }
    }

    fn finish(mut self) {
        let audit = self.gate.audit();
        assert!(audit.is_clean() && audit.at_rest, "{audit}");
        let refused: u64 = self.gate.usages().iter().map(|usage| usage.refused).sum();
        assert_eq!(refused, self.refused, "refusals are counted once, by the limit that refused");
        while !self.held.is_empty() {
            self.release(0, 0);
        }
        assert!(self.gate.audit().is_idle());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_gate_does_what_plain_counters_do(
            data in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            super::operations(&data);
        }
    }
}
