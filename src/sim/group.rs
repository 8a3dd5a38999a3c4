//! Failover pairs and clusters of a scenario.

use super::firewall::Firewall;
use super::sessions::Moved;
use super::words::LineError;
use super::world::World;
use super::{Answer, Event};
use crate::license::GroupMode;
use crate::license::failover::{Group, What};
use crate::license::ring::KeyRing;

/// A group and which units are in it, the primary first.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) group: Group,
    pub(super) members: Vec<usize>,
    /// Whether what connects the units was cut.
    cut: bool,
    /// The active unit of an active/standby pair.
    pub(super) active: usize,
    /// The unit that is to have its place, with which sessions.
    pub(super) next: Option<(usize, Vec<Moved>)>,
}

impl Team {
    /// The place of a unit in the group.
    pub(super) fn place(&self, index: usize) -> Option<usize> {
        self.members.iter().position(|member| *member == index)
    }
}

/// The key rings of these units, in this order.
pub(super) fn rings<'a>(units: &'a [Firewall], members: &[usize]) -> Vec<&'a KeyRing> {
    members.iter().filter_map(|member| units.get(*member)).map(|unit| &unit.ring).collect()
}

/// The key rings of these units, in this order.
pub(super) fn rings_mut<'a>(units: &'a mut [Firewall], members: &[usize]) -> Vec<&'a mut KeyRing> {
    let mut all: Vec<_> = units.iter_mut().map(|unit| Some(&mut unit.ring)).collect();
    members.iter().filter_map(|member| all.get_mut(*member)?.take()).collect()
}

impl World {
    pub(super) fn team_of(&self, index: usize) -> Option<&Team> {
        self.teams.iter().find(|team| team.members.contains(&index))
    }

    pub(super) fn form(&mut self, names: &[String], mode: GroupMode) -> Result<Answer, LineError> {
        let refused = |why: String| Err(LineError::Refused(why));
        let mut members = Vec::new();
        for name in names {
            let index = self.index(name)?;
            if members.contains(&index) {
                return refused(format!("{name} is named twice; name each unit once"));
            }
            if self.team_of(index).is_some() {
                return refused(format!("{name} is in a pair or a cluster already"));
            }
            if !self.units[index].ring.is_up() {
                return refused(format!("{name} is shut down; boot it first"));
            }
            let npe = |index: usize| self.units[index].configuration.npe;
            if members.first().is_some_and(|primary| npe(*primary) != npe(index)) {
                return refused(format!(
                    "{name} and the primary are not both No Payload Encryption models"
                ));
            }
            members.push(index);
        }
        let primary = members.first().map(|primary| &self.units[*primary]);
        let (configuration, interfaces) = primary
            .map(|primary| (primary.configuration.clone(), primary.interfaces.clone()))
            .unwrap_or_default();
        self.check_pair(&members)?;
        let group = Group::form(mode, &rings(&self.units, &members), &configuration);
        let group = group.map_err(LineError::refused)?;
        for &member in &members {
            self.units[member].configuration = configuration.clone();
            self.units[member].interfaces.clone_from(&interfaces);
        }
        self.shared.replicate(&members);
        let active = members[0];
        self.teams.push(Team { group, members, cut: false, active, next: None });
        let how = match mode {
            GroupMode::ActiveStandby => "an active/standby pair",
            GroupMode::ActiveActive => "an active/active pair",
            GroupMode::Cluster => "a cluster",
        };
        Ok(Answer::done().line(format!("{}: {how}", names.join(" "))))
    }

    pub(super) fn contact(
        &mut self,
        names: &[String; 2],
        restored: bool,
    ) -> Result<Answer, LineError> {
        let [one, other] = [self.index(&names[0])?, self.index(&names[1])?];
        let team = self.teams.iter().position(|team| team.members.contains(&one));
        let team = team.filter(|team| self.teams[*team].members.contains(&other) && one != other);
        let Some(team) = team else {
            return Err(LineError::Refused(format!(
                "{} and {} are not in one pair or cluster; form it first",
                names[0], names[1]
            )));
        };
        if self.teams[team].cut != restored {
            let state = if restored { "are connected" } else { "are disconnected" };
            return Err(LineError::Refused(format!("{} {state} already", names.join(" and "))));
        }
        if !restored {
            self.replicate_state(self.teams[team].active);
        }
        self.teams[team].cut = !restored;
        let what = if restored { "connected again" } else { "disconnected" };
        Ok(Answer::done().line(format!("{}: {what}", names.join(" "))))
    }

    /// Takes note of units that went down or came back, and ends groups whose units can be one no
    /// longer.
    pub(super) fn look_after_groups(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut ended = Vec::new();
        for index in 0..self.teams.len() {
            let members = self.teams[index].members.clone();
            let all_up = members.iter().all(|member| self.units[*member].ring.is_up());
            let together = all_up && !self.teams[index].cut;
            if !together {
                if self.teams[index].group.is_connected() {
                    self.teams[index].group.disconnect();
                    lines.push(self.note_of_all(&members, Event::ContactLost, "no contact"));
                }
                continue;
            }
            if !self.teams[index].group.is_connected() {
                let mut rings = rings_mut(&mut self.units, &members);
                self.teams[index].group.reconnect(&mut rings);
                lines.push(self.note_of_all(&members, Event::ContactRestored, "in contact again"));
            }
            let configuration = &self.units[members[0]].configuration;
            let rings = rings(&self.units, &members);
            if let Err(why) = self.teams[index].group.recheck(&rings, configuration) {
                let text = format!("a group no longer: {why}");
                lines.push(self.note_of_all(&members, Event::GroupEnded, &text));
                ended.push(index);
            }
        }
        for index in ended.into_iter().rev() {
            self.teams.remove(index);
        }
        lines
    }

    fn note_of_all(&mut self, members: &[usize], event: Event, text: &str) -> String {
        let names: Vec<_> = members
            .iter()
            .map(|member| {
                self.units[*member].events.push(event);
                self.units[*member].name.clone()
            })
            .collect();
        format!("{}: {text}", names.join(" "))
    }

    /// Notes what happened in a group.
    pub(super) fn note_of_group(&mut self, members: &[usize], what: What) -> String {
        match what {
            What::Unit(place, event) => self.note(members[place], event),
            What::GraceEnded => {
                let text = "more than 30 days without contact: each unit has its own licence";
                self.note_of_all(members, Event::GraceEnded, text)
            }
        }
    }
}
