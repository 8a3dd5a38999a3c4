//! Admitting and releasing sessions.

use super::Answer;
use super::firewall::{Firewall, Interfaces, Tally};
use super::statement::{Addresses, Admission, Ends, Released};
use super::words::LineError;
use super::world::World;
use crate::gate::{Host, HostPair, Refusal, Token};
use crate::license::{FirewallMode, Kind, Limit};

/// The most sessions that a scenario holds at once.
const SESSIONS: u64 = 20_000_000;

impl World {
    pub(super) fn admit(&mut self, admission: &Admission) -> Result<Answer, LineError> {
        let held: u64 = self.units.iter().map(|unit| unit.sessions.count()).sum();
        if admission.count > SESSIONS.saturating_sub(held) {
            return Err(LineError::Refused(format!(
                "a scenario holds {SESSIONS} sessions at most; here are {held} and {} more",
                admission.count
            )));
        }
        let index = self.index(&admission.unit)?;
        let unit = &mut self.units[index];
        if !unit.ring.is_up() {
            return Err(LineError::Refused(format!("{} is shut down; boot it first", unit.name)));
        }
        let shares = unit.gate.license().counts_against(admission.kind).contains(Limit::Anyconnect);
        if shares && admission.portal.is_none() {
            self.ask_for(index, admission.count);
        }
        let unit = &mut self.units[index];
        let tally = match &admission.portal {
            Some(portal) => start_clients(unit, portal, admission)?,
            None => admit(unit, admission),
        };
        if shares {
            unit.waiting = tally.lacking();
        }
        unit.log.note(admission.kind, tally.admitted, &unit.sessions);
        let answer = told(unit, admission.kind, &tally);
        unit.last = Some(tally);
        Ok(answer)
    }

    pub(super) fn release(&mut self, unit: &str, what: &Released) -> Result<Answer, LineError> {
        let unit = self.unit_mut(unit)?;
        let missing = |held: String| Err(LineError::Refused(held));
        let (tokens, text) = match what {
            Released::Kind(kind, count) => {
                let held = unit.sessions.of_kind(*kind);
                if *count > held {
                    return missing(format!("{} holds {held} of {kind}, not {count}", unit.name));
                }
                (unit.sessions.end_kind(*kind, *count), format!("{count} of {kind}"))
            }
            Released::Name(name) => {
                let held: u64 = unit.sessions.named(name).iter().map(|(_, count)| count).sum();
                if held == 0 {
                    return missing(format!("{} holds no sessions called `{name}`", unit.name));
                }
                (unit.sessions.end_named(name), format!("{name} ({held})"))
            }
        };
        for token in tokens {
            unit.worker.release(token);
        }
        unit.waiting = 0;
        Ok(Answer::done().line(format!("{}: released {text}", unit.name)))
    }
}

fn admit(unit: &mut Firewall, admission: &Admission) -> Tally {
    let mut tally = Tally::default();
    let mut tokens = Vec::new();
    for nth in 0..admission.count {
        let verdict = match &admission.ends {
            Some(ends) => {
                let pair = pair(ends, nth, &mut unit.interfaces, unit.configuration.mode);
                unit.worker.admit_connection(&pair)
            }
            None => unit.worker.admit(admission.kind),
        };
        count(&mut tally, &mut tokens, verdict);
    }
    unit.sessions.hold(tokens, admission.name.as_deref());
    tally
}

fn count(tally: &mut Tally, tokens: &mut Vec<Token>, verdict: Result<Token, Refusal>) {
    match verdict {
        Ok(token) => {
            tally.admitted += 1;
            tokens.push(token);
        }
        Err(refusal) => match tally.refused.iter_mut().find(|(it, _)| *it == refusal) {
            Some((_, count)) => *count += 1,
            None => tally.refused.push((refusal, 1)),
        },
    }
}

/// The ends of the `nth` connection.
fn pair(ends: &Ends, nth: u64, interfaces: &mut Interfaces, mode: FirewallMode) -> HostPair {
    let outside = interfaces.outside.clone().unwrap_or_else(|| "outside".to_owned());
    let mut host = |addresses: &Addresses, interface: &str| Host {
        address: addresses.nth(nth),
        zone: interfaces.zone(interface, mode),
    };
    HostPair {
        source: host(&ends.from, ends.ingress.as_deref().unwrap_or("inside")),
        destination: host(&ends.to, ends.egress.as_deref().unwrap_or(&outside)),
    }
}

/// Starts clients from the portals of sessions that are open: no session more (E1).
fn start_clients(
    unit: &mut Firewall,
    portal: &str,
    admission: &Admission,
) -> Result<Tally, LineError> {
    let mut sessions = std::mem::take(&mut unit.sessions);
    let started = sessions.start_clients(portal, admission.count, admission.name.as_deref());
    unit.sessions = sessions;
    if started < admission.count {
        return Err(LineError::Refused(format!(
            "{} has {started} portals called `{portal}` without a client, not {}",
            unit.name, admission.count
        )));
    }
    Ok(Tally { admitted: started, refused: Vec::new() })
}

fn told(unit: &Firewall, kind: Kind, tally: &Tally) -> Answer {
    let (admitted, refused) = (tally.admitted, tally.refused());
    let answer = Answer::done()
        .line(format!("{}: {kind}: {admitted} admitted, {refused} refused", unit.name))
        .fact("admitted", admitted)
        .fact("refused", refused);
    let license = unit.gate.license();
    tally.refused.iter().fold(answer, |answer, (refusal, count)| {
        let steps = license.limit(refusal.limit).steps();
        let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
        let because = steps.join(", then ");
        answer
            .line(format!("{}: {count} {refusal}", unit.name))
            .line(format!("    because {because}"))
            .fact("by", refusal.name())
            .fact("because", because)
    })
}
