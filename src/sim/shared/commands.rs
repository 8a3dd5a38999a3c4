//! What a scenario does to units that share licences.

use std::time::Duration;

use super::REFRESHES;
use crate::sim::Answer;
use crate::sim::network::{Place, Quality, Wire};
use crate::sim::words::{LineError, in_words};
use crate::sim::world::World;

impl World {
    /// The state of a link between two units.
    pub(in crate::sim) fn link(
        &mut self,
        names: &[String; 2],
        wire: Wire,
    ) -> Result<Answer, LineError> {
        let [one, other] = [self.index(&names[0])?, self.index(&names[1])?];
        let places = self.shared.place(one).zip(self.shared.place(other));
        let linked = places.filter(|(a, b)| self.shared.network.wire(*a, *b).is_some());
        let Some((a, b)) = linked else {
            return Err(LineError::Refused(format!(
                "{} and {} have no link; there are links from participants to the server and the \
                 backup, and between those two",
                names[0], names[1]
            )));
        };
        self.shared.network.set_wire(a, b, wire);
        let how = match wire {
            Wire::Up => "up",
            Wire::Mute => "mute",
            Wire::Down => "down",
        };
        Ok(Answer::done().line(format!("link {} {}: {how}", names[0], names[1])))
    }

    /// How messages fare from now on.
    pub(in crate::sim) fn set_network(
        &mut self,
        quality: Option<Quality>,
        seed: Option<u64>,
    ) -> Answer {
        self.shared.network.set_quality(quality);
        if let Some(seed) = seed {
            self.shared.network.reseed(seed);
        }
        Answer::done().line(match quality {
            None => "network: every message arrives at once".to_owned(),
            Some(Quality { loss, twice, late }) => {
                format!("network: {loss}% lost, {twice}% twice, {late}% late")
            }
        })
    }

    /// So many sessions are needed on a unit besides those there are.
    pub(in crate::sim) fn demand(
        &mut self,
        name: &str,
        sessions: u32,
    ) -> Result<Answer, LineError> {
        let index = self.index(name)?;
        self.member(index)?;
        self.shared.loads.insert(index, sessions);
        Ok(Answer::done().line(format!("{name}: needs {sessions} sessions")))
    }

    /// The place of a unit that takes part.
    pub(in crate::sim) fn member(&self, index: usize) -> Result<Place, LineError> {
        self.shared.place(index).filter(|_| self.shared.takes_part(index)).ok_or_else(|| {
            LineError::Refused(format!(
                "{0} takes no part in shared licensing; `license-server {0} …` or `participant {0} \
                 …` first",
                self.units[index].name
            ))
        })
    }

    /// Refuses a time that would take too long to simulate.
    pub(in crate::sim) fn check_time(&self, time: Duration) -> Result<(), LineError> {
        let units = self.shared.network.nodes().len() as u64;
        if (time.as_secs() / 10).saturating_mul(units) <= REFRESHES {
            return Ok(());
        }
        let most = in_words(Duration::from_secs(REFRESHES / units.max(1) * 10));
        Err(LineError::Refused(format!(
            "{} is too long a time for {units} units of a shared licence; {most} at once at most",
            in_words(time)
        )))
    }

    /// The unit's clock that no operator sets jumps.
    pub(in crate::sim) fn skew(
        &mut self,
        name: &str,
        by: Duration,
        back: bool,
    ) -> Result<Answer, LineError> {
        /// The most: 100 years.
        const MOST: Duration = Duration::from_secs(100 * 365 * 86_400);
        let place = self.member(self.index(name)?)?;
        let millis =
            i64::try_from(by.as_millis()).ok().filter(|_| by <= MOST).ok_or_else(|| {
                LineError::Refused(format!("a clock jumps by {} at most", in_words(MOST)))
            })?;
        self.shared.network.jump(place, if back { -millis } else { millis });
        let (by, way) = (in_words(by), if back { "back" } else { "forward" });
        Ok(Answer::done().line(format!("{name}: its own time jumps {way} by {by}")))
    }

    /// The unit fails: nobody is told, and what was not stored is lost.
    pub(in crate::sim) fn crash(
        &mut self,
        name: &str,
        after: Option<u32>,
    ) -> Result<Answer, LineError> {
        let index = self.index(name)?;
        if !self.units[index].ring.is_up() {
            return Err(LineError::Refused(format!("{name} is down already")));
        }
        let Some(after) = after.filter(|after| *after > 0) else {
            let line = self.fall(index);
            return Ok(Answer::done().line(line));
        };
        let place = self.member(index)?;
        if self.shared.network.node(place).machine().is_none() {
            return Err(LineError::Refused(format!("{name} does nothing that it could fail in")));
        }
        self.shared.network.kill_after(place, after);
        Ok(Answer::done().line(format!("{name}: fails in the middle of something")))
    }

    pub(in crate::sim) fn fall(&mut self, index: usize) -> String {
        self.leave(index);
        if let Some(place) = self.shared.place(index) {
            self.shared.network.kill(place);
            self.shared.running.remove(&index);
        }
        let unit = &mut self.units[index];
        unit.end_traffic();
        unit.ring.shut_down();
        format!("{}: failed", unit.name)
    }

    /// A unit begins anew: it boots, or where it runs, is killed and started again.
    pub(in crate::sim) fn restart(&mut self, name: &str) -> Result<Answer, LineError> {
        let index = self.index(name)?;
        if self.units[index].ring.is_up() {
            self.fall(index);
        }
        let events = self.units[index].ring.boot();
        let lines: Vec<_> = events.into_iter().map(|event| self.note(index, event)).collect();
        let answer = Answer::done().line(format!("{name}: runs again"));
        Ok(lines.into_iter().fold(answer, Answer::line))
    }

    /// A unit ends in good order: it gives back what it holds, unless the standby unit of its pair
    /// has its place from then on.
    pub(in crate::sim) fn take_down(&mut self, index: usize) {
        let has_successor = self.leave(index);
        self.shared.running.remove(&index);
        match self.shared.place(index) {
            Some(place) if has_successor => self.shared.network.kill(place),
            Some(place) => self.shared.network.stop(place),
            None => {}
        }
    }

    /// A unit is about to go down; the standby unit of its pair has its place from then on. Whether
    /// there is one.
    pub(in crate::sim) fn leave(&mut self, index: usize) -> bool {
        self.units[index].waiting = 0;
        let mate = self.mate(index).filter(|mate| self.units[*mate].ring.is_up());
        let Some(mate) = mate.filter(|_| self.shared.takes_part(index)) else { return false };
        if self.is_standby(index) {
            return false;
        }
        let in_contact = self.team_of(index).is_some_and(|team| team.group.is_connected());
        let carried = if in_contact { self.units[index].sessions.moved() } else { Vec::new() };
        self.replicate_state(index);
        if let Some(team) = self.teams.iter_mut().find(|team| team.members.contains(&index)) {
            team.next = Some((mate, carried));
        }
        true
    }

    /// What the active unit of a pair has stored is on the standby unit too.
    pub(in crate::sim) fn replicate_state(&mut self, index: usize) {
        let connected = self.team_of(index).is_some_and(|team| team.group.is_connected());
        let mate = self.mate(index).filter(|_| connected);
        let places = mate.and_then(|mate| self.shared.place(index).zip(self.shared.place(mate)));
        if let Some((from, to)) = places {
            self.shared.network.replicate(from, to);
        }
    }

    /// One unit has the place of another one of its pair, or as if they were a pair.
    pub(in crate::sim) fn failover(
        &mut self,
        from: &str,
        to: &str,
        untold: bool,
    ) -> Result<Answer, LineError> {
        let (one, other) = (self.index(from)?, self.index(to)?);
        let places = (self.member(one)?, self.member(other)?);
        let serves = |it| self.shared.server(it).is_some() || self.shared.is_backup(it);
        let paired = self.mate(one) == Some(other);
        if paired && untold {
            return Err(LineError::Refused(format!(
                "{from} and {to} are a pair and tell each other; leave `untold` out"
            )));
        }
        let refused = |why: String| Err(LineError::Refused(why));
        if one == other || (!paired && (serves(one) || serves(other))) {
            return refused(format!("{from} and {to} are no pair; form it first"));
        }
        if !self.units[other].ring.is_up() {
            return refused(format!("{to} is shut down; boot it first"));
        }
        if paired && self.is_standby(one) {
            return refused(format!("{from} is not the active unit of its pair"));
        }
        if paired {
            let carried = self.units[one].sessions.moved();
            self.units[one].end_traffic();
            self.replicate_state(one);
            self.switch_over((one, other), carried);
        } else {
            let load = self.shared.loads.get(&one).copied().unwrap_or_default();
            self.shared.loads.insert(other, load);
            if !untold {
                self.shared.network.stand_by(places.0);
            }
            let needed = self.needed(other);
            self.shared.network.set_demand(places.1, needed);
            self.shared.network.take_over(places.1, places.0);
        }
        Ok(Answer::done().line(format!("{to}: active in the place of {from}")))
    }
}
