//! Making the network what the units and their licences are.

use std::time::Duration;

use super::{Config, Shared};
use crate::license::key::Serial;
use crate::license::{GroupMode, Limit, RunningLicense};
use crate::pool::{Membership, Start};
use crate::sim::Event;
use crate::sim::network::{Place, Role, Wire};
use crate::sim::sessions::Moved;
use crate::sim::words::in_words;
use crate::sim::world::World;

/// Whether a unit would do the same with either.
fn same(one: &Role, other: &Role) -> bool {
    match (one, other) {
        (Role::Server(one), Role::Server(other)) => one == other,
        (Role::Backup, Role::Backup) | (Role::Participant, Role::Participant) => true,
        _ => false,
    }
}

impl Shared {
    /// Those that a participant turns to: the servers, then the backups.
    fn authorities(&self, unit: usize, mate: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
        let Some(Config::Participant(config)) = self.configs.get(&unit) else { return Vec::new() };
        let Some(server) = self.server(config.server) else { return Vec::new() };
        let servers = [Some(config.server), mate(config.server)];
        let backups = [server.backup, server.standby].into_iter().flatten();
        let backups = backups.filter(|it| !self.is_backup(unit) && self.is_backup(*it));
        servers.into_iter().flatten().chain(backups).filter(|it| *it != unit).collect()
    }

    /// Whether both have the same secret (G9).
    fn secret_fits(&self, unit: usize, authority: usize) -> bool {
        let both = self.configs.get(&unit).zip(self.configs.get(&authority));
        both.is_some_and(|(one, other)| one.at().secret == other.at().secret)
    }

    /// Whether a participant gets through to a server or a backup: the secret, the port (G12) and
    /// the interface (G14) are right.
    fn gets_through(&self, unit: usize, authority: usize) -> bool {
        let Some(Config::Participant(config)) = self.configs.get(&unit) else { return false };
        let Some(at) = self.configs.get(&authority).map(Config::at) else { return false };
        let by = config.by.as_deref().unwrap_or("inside");
        let served = at.interfaces.is_empty() || at.interfaces.iter().any(|it| it == by);
        self.secret_fits(unit, authority) && config.place.port == at.port && served
    }
}

impl World {
    /// Makes the network what the units and their licences are. Says what came of it.
    pub(in crate::sim) fn look_after_shared(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            lines.extend(self.find_fallen());
            lines.extend(self.change_active_units());
            let members: Vec<_> = self.shared.configs.keys().copied().collect();
            for unit in &members {
                lines.extend(self.look_after_member(*unit));
            }
            lines.extend(self.connect());
            for unit in members {
                if let Some(place) = self.shared.place(unit) {
                    let needed = self.needed(unit);
                    self.shared.network.set_demand(place, needed);
                }
            }
            self.shared.network.pass(Duration::ZERO);
            lines.extend(self.note_shared(false).into_iter().map(|(line, _)| line));
            let dead = |unit: &&usize| self.shared.machine(**unit).is_none();
            if !self.shared.running.iter().any(|unit| dead(&unit)) {
                return lines;
            }
        }
    }

    /// Units that were killed in the middle of something.
    fn find_fallen(&mut self) -> Vec<String> {
        let running: Vec<_> = self.shared.running.iter().copied().collect();
        let fallen = running.into_iter().filter(|unit| self.shared.machine(*unit).is_none());
        fallen.collect::<Vec<_>>().into_iter().map(|unit| self.fall(unit)).collect()
    }

    fn change_active_units(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for index in 0..self.teams.len() {
            let team = &mut self.teams[index];
            if team.group.mode() != GroupMode::ActiveStandby {
                continue;
            }
            let (active, next) = (team.active, team.next.take());
            let up = |unit: usize| self.units[unit].ring.is_up();
            let other = team.members.iter().copied().find(|it| *it != active && up(*it));
            match (next, other) {
                (Some((to, carried)), _) if up(to) => {
                    lines.extend(self.switch_over((active, to), carried));
                }
                (None, Some(other)) if !up(active) => team.active = other,
                _ => {}
            }
        }
        lines
    }

    /// The standby unit of a pair becomes the active one, and has the sessions.
    pub(in crate::sim) fn switch_over(
        &mut self,
        (from, to): (usize, usize),
        carried: Vec<Moved>,
    ) -> Vec<String> {
        if let Some(team) = self.teams.iter_mut().find(|team| team.members.contains(&to)) {
            team.active = to;
        }
        let (Some(old), Some(new)) = (self.shared.place(from), self.shared.place(to)) else {
            return Vec::new();
        };
        let load = self.shared.loads.get(&from).copied().unwrap_or_default();
        self.shared.loads.insert(to, load);
        self.units[to].waiting = carried.iter().map(|moved| moved.count).sum();
        let needed = self.needed(to);
        let serves = self.shared.server(to).is_some() || self.shared.is_backup(to);
        let network = &mut self.shared.network;
        if serves {
            network.kill(old);
            self.shared.running.remove(&from);
            // It has the settings of the other unit, which worked with them.
            if network.start(new, Start::Failover).is_ok() {
                self.shared.running.insert(to);
            }
        } else {
            network.stand_by(old);
        }
        network.set_demand(new, needed);
        network.take_over(new, old);
        network.pass(Duration::ZERO);
        self.publish(to);
        let unit = &mut self.units[to];
        unit.waiting = 0;
        let lost = unit.take_sessions(carried);
        let name = unit.name.clone();
        unit.events.push(Event::Failover);
        let mut lines = vec![format!("{name}: active in the place of {}", self.units[from].name)];
        if lost > 0 {
            lines.push(format!("{name}: {lost} sessions had no licence here and ended"));
        }
        lines
    }

    fn role(&self, unit: usize) -> Option<Role> {
        Some(match self.shared.server(unit) {
            Some(server) => Role::Server(Box::new(self.settings(unit, server).ok()?)),
            None if self.shared.is_backup(unit) => Role::Backup,
            None => Role::Participant,
        })
    }

    fn look_after_member(&mut self, unit: usize) -> Vec<String> {
        let name = self.units[unit].name.clone();
        let Some(role) = self.role(unit) else { return Vec::new() };
        let serves = matches!(role, Role::Server(_));
        let membership = match self.membership(unit, serves) {
            Ok(membership) => membership,
            Err(why) => {
                if !self.shared.running.remove(&unit) {
                    return Vec::new();
                }
                if let Some(place) = self.shared.place(unit) {
                    self.shared.network.stop(place);
                }
                self.units[unit].events.push(Event::SharedStopped);
                return vec![format!("{name}: takes no part any more: {why}")];
            }
        };
        let place = self.place_of(unit, membership);
        let node = self.shared.network.node(place);
        let appetite = self.shared.configs[&unit].appetite();
        let (runs, stays) = (node.machine().is_some(), same(node.role(), &role));
        let stands_by = self.is_standby(unit);
        let alone = matches!(role, Role::Participant);
        let up = self.units[unit].ring.is_up() && (alone || !stands_by);
        self.set_standby(unit, place, stands_by && alone);
        let network = &mut self.shared.network;
        network.set_role(place, role, appetite);
        match (up, runs) {
            (true, true) if stays => network.set_membership(place, membership),
            (true, _) => {
                network.set_membership(place, membership);
                // A unit that has stored nothing has never served anybody.
                let first = network.node(place).disk().records.is_empty();
                let start = if first { Start::First } else { Start::Return };
                if let Err(why) = network.start(place, start) {
                    return vec![format!("{name}: cannot serve: {why}")];
                }
                self.shared.running.insert(unit);
            }
            (false, true) => {
                network.kill(place);
                self.shared.running.remove(&unit);
            }
            (false, false) => network.set_membership(place, membership),
        }
        Vec::new()
    }

    fn place_of(&mut self, unit: usize, membership: Membership) -> Place {
        if let Some(place) = self.shared.place(unit) {
            return place;
        }
        let appetite = self.shared.configs[&unit].appetite();
        let place = self.shared.network.add(self.new_node(unit, membership, appetite));
        self.shared.places.insert(unit, place);
        self.shared.units.push(unit);
        place
    }

    /// The standby unit of a pair stands by; what `failover` without a pair did stays.
    fn set_standby(&mut self, unit: usize, place: Place, stands_by: bool) {
        if stands_by {
            self.shared.network.stand_by(place);
            self.shared.on_standby.insert(unit);
        } else if self.shared.on_standby.remove(&unit) {
            self.shared.network.activate(place);
        }
    }

    /// Links between those who have something to say to each other, and no others.
    fn connect(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for unit in self.shared.configs.keys().copied().collect::<Vec<_>>() {
            let Some(place) = self.shared.place(unit) else { continue };
            let authorities = self.shared.authorities(unit, |server| self.mate(server));
            for &authority in &authorities {
                let Some(other) = self.shared.place(authority) else { continue };
                let through = self.shared.gets_through(unit, authority);
                if through && self.shared.network.wire(place, other).is_none() {
                    self.shared.network.set_wire(place, other, Wire::Up);
                } else if !through {
                    self.shared.network.unwire(place, other);
                }
                let other_secret = !self.shared.secret_fits(unit, authority);
                if other_secret && self.shared.refused.insert((unit, authority)) {
                    for at in [unit, authority] {
                        self.units[at].events.push(Event::SecretRefused);
                    }
                    let [one, other] = [unit, authority].map(|it| &self.units[it].name);
                    lines.push(format!("{one}: refused by {other}: another shared secret"));
                }
            }
            self.disconnect_others(unit, place, &authorities);
        }
        lines
    }

    fn disconnect_others(&mut self, unit: usize, place: Place, authorities: &[usize]) {
        let peers: Vec<_> = self.shared.network.wires_of(place).map(|(peer, _)| peer).collect();
        for peer in peers {
            let other = self.shared.units[peer];
            let turns_to_it = self.shared.authorities(other, |server| self.mate(server));
            if !authorities.contains(&other) && !turns_to_it.contains(&unit) {
                self.shared.network.unwire(place, peer);
            }
        }
    }

    /// Notes what happened by itself: for each a line, and when it was.
    pub(in crate::sim) fn note_shared(&mut self, timed: bool) -> Vec<(String, Duration)> {
        let happened = self.shared.network.take_happened();
        let now = self.shared.network.now();
        let mut lines = Vec::new();
        for it in happened {
            let unit = &mut self.units[self.shared.units[it.place]];
            unit.events.push(Event::of(&it.event));
            let at = self.now.saturating_sub(now.saturating_sub(it.at));
            let after = if timed { format!("after {}: ", in_words(at)) } else { String::new() };
            let critical = it.event.severity() == crate::pool::Severity::Critical;
            let critical = if critical { "critical: " } else { "" };
            lines.push((format!("{after}{}: {critical}{}", unit.name, it.event), at));
        }
        lines
    }

    /// Sessions that a unit needs: those there are, those that wait, and the load.
    pub(super) fn needed(&self, index: usize) -> u32 {
        let unit = &self.units[index];
        let load = self.shared.loads.get(&index).copied().unwrap_or_default();
        let in_use = unit.gate.usage(Limit::Anyconnect).in_use.saturating_add(unit.waiting);
        load.saturating_add(u32::try_from(in_use).unwrap_or(u32::MAX))
    }

    /// So many sessions are about to be admitted: what the unit lacks is asked for, and where the
    /// network is a good one, there before they are.
    pub(in crate::sim) fn ask_for(&mut self, index: usize, sessions: u64) {
        let Some(place) = self.shared.place(index).filter(|_| self.shared.takes_part(index)) else {
            return;
        };
        self.units[index].waiting = sessions;
        let needed = self.needed(index);
        self.shared.network.set_demand(place, needed);
        self.shared.network.pass(Duration::ZERO);
        self.publish(index);
    }

    /// The running licence with what the unit holds of a shared one.
    pub(in crate::sim) fn in_force(&self, index: usize) -> RunningLicense {
        let license = self.license(index);
        let Some(place) = self.shared.place(index).filter(|_| self.shared.takes_part(index)) else {
            return license;
        };
        let serves = self.shared.server(index).is_some();
        let Ok(membership) = self.membership(index, serves) else { return license };
        let own = if serves { license.of_shared_server(membership.local()) } else { license };
        own.with_shared(self.shared.network.node(place).held())
    }

    /// The name of the unit with this ID.
    pub(in crate::sim) fn name_of(&self, serial: Serial) -> String {
        let unit = self.shared.network.place(serial).map(|place| self.shared.units[place]);
        unit.map_or_else(|| serial.to_string(), |unit| self.units[unit].name.clone())
    }
}
