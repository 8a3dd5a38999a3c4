//! Whether what is expected holds.

use std::time::Duration;

use super::Answer;
use super::firewall::Firewall;
use super::group::rings;
use super::statement::{Counted, Expectation};
use super::words::{LineError, in_words};
use super::world::World;
use crate::catalogue::{Feature, Tier, Value, entries};
use crate::license::RunningLicense;

impl World {
    pub(super) fn check(&self, name: &str, what: &Expectation) -> Result<Answer, LineError> {
        let index = self.index(name)?;
        let unit = &self.units[index];
        let counted = |what: &str, expected: u64, got: u64, why: &str| {
            let (what, got_text) = (format!("{name} {what}"), got.to_string());
            Answer::compared(&what, &expected.to_string(), &got_text, expected == got, why)
        };
        Ok(match what {
            Expectation::Running { feature, value } => {
                running(name, &self.license(index), *feature, value)
            }
            Expectation::Usage { what, count } => {
                let (label, got) = usage(unit, *what);
                counted(&format!("usage {label}"), *count, got, "")
            }
            Expectation::KeyState { key, state } => {
                let found = unit.keys.get(key).and_then(|key| unit.ring.find(*key));
                let got = found.map_or("absent", |licence| licence.state().name());
                Answer::compared(&format!("{name} key {key}"), state, got, *state == got, "")
            }
            Expectation::KeyRemaining { key, time } => {
                let found = unit.ring.find(unit.key(key)?);
                let got = found.map(crate::license::ring::TimedLicence::remaining);
                let got = got.unwrap_or_default();
                lasts(&format!("{name} key {key} remaining"), Some(*time), Some(got))
            }
            Expectation::Remaining { feature, time } => {
                let got = self.remaining(index, *feature);
                lasts(&format!("{name} remaining {feature}"), *time, got)
            }
            Expectation::Admitted(count) => {
                counted("admitted", *count, last(unit)?.admitted, &reasons(unit))
            }
            Expectation::Refused { count, by: None } => {
                counted("refused", *count, last(unit)?.refused(), &reasons(unit))
            }
            Expectation::Refused { count, by: Some(by) } => {
                let refused = last(unit)?.refused.iter();
                let by_this = refused.filter(|(it, _)| it.name() == by || it.limit.name() == by);
                let got = by_this.map(|(_, count)| count).sum();
                counted(&format!("refused by {by}"), *count, got, &reasons(unit))
            }
            Expectation::Event(event) => {
                let holds = unit.events.contains(event);
                let got = if holds { event.name().to_owned() } else { happened(unit) };
                Answer::compared(&format!("{name} event"), event.name(), &got, holds, "")
            }
            Expectation::Pool { .. }
            | Expectation::PoolServer(_)
            | Expectation::PoolRefresh(_)
            | Expectation::BackupRemaining(_)
            | Expectation::BackupActive(_) => return self.check_shared(index, what),
        })
    }

    /// How long a feature stays in the running licence of a unit; none is for ever.
    pub(super) fn remaining(&self, index: usize, feature: Feature) -> Option<Duration> {
        let unit = &self.units[index];
        let Some((team, own)) = self.team_of(index).and_then(|it| Some((it, it.place(index)?)))
        else {
            return unit.ring.remaining(&unit.ring.running(&unit.configuration), feature);
        };
        let units = rings(&self.units, &team.members);
        team.group.remaining(&units, self.configuration(index), own, feature)
    }
}

fn last(unit: &Firewall) -> Result<&super::firewall::Tally, LineError> {
    unit.last.as_ref().ok_or_else(|| {
        LineError::Refused(format!("nothing was to be admitted on {} yet", unit.name))
    })
}

fn reasons(unit: &Firewall) -> String {
    let refused = unit.last.iter().flat_map(|tally| &tally.refused);
    let told: Vec<_> = refused.map(|(refusal, count)| format!("{count} {refusal}")).collect();
    told.join("; ")
}

fn happened(unit: &Firewall) -> String {
    let mut names: Vec<_> = unit.events.iter().map(|event| event.name()).collect();
    names.dedup();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

fn lasts(what: &str, expected: Option<Duration>, got: Option<Duration>) -> Answer {
    let told = |time: Option<Duration>| time.map_or_else(|| "perpetual".to_owned(), in_words);
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    let holds = seconds(expected) == seconds(got);
    Answer::compared(what, &told(expected), &told(got), holds, "")
}

/// What is in use of a limit, or how many sessions of a kind there are.
fn usage(unit: &Firewall, what: Counted) -> (&'static str, u64) {
    match what {
        Counted::Kind(kind) => (kind.name(), unit.sessions.of_kind(kind)),
        Counted::Limit(limit, Some(kind))
            if !unit.gate.license().counts_against(kind).contains(limit) =>
        {
            (kind.name(), unit.sessions.of_kind(kind))
        }
        Counted::Limit(limit, _) => (limit.name(), unit.gate.usage(limit).in_use),
    }
}

/// `enabled` holds for everything that is in force, whatever its number.
fn running(name: &str, license: &RunningLicense, feature: Feature, expected: &str) -> Answer {
    let got = value(license, feature);
    let told = got.to_string();
    let holds = expected == told || expected == "enabled" && !got.is_off();
    let steps = license.feature(feature).map(crate::license::Figure::steps).unwrap_or_default();
    let why: Vec<_> = steps.iter().map(ToString::to_string).collect();
    let what = format!("{name} running {feature}");
    Answer::compared(&what, expected, &told, holds, &why.join(", then "))
}

/// The value of a feature in the running licence, also of one that is no row of the table.
pub(super) fn value(license: &RunningLicense, feature: Feature) -> Value {
    let entry = license.entry();
    if let Some(figure) = license.feature(feature) {
        return figure.value();
    }
    let tiers = || entries().filter(|it| it.model == entry.model);
    match feature {
        Feature::SecurityPlus if entry.tier == Tier::SecurityPlus => Value::Enabled,
        Feature::SecurityPlus if tiers().any(|it| it.tier == Tier::SecurityPlus) => Value::Disabled,
        Feature::AnyconnectPlus | Feature::AnyconnectApex | Feature::AnyconnectVpnOnly
            if entry.row(Feature::AnyconnectPeers).is_some() =>
        {
            Value::Disabled
        }
        // The gate does not limit what the table does not (inside hosts but on an ASA 5505).
        Feature::InsideHosts | Feature::Interfaces | Feature::VlanTrunks => Value::Unlimited,
        _ => Value::NoSupport,
    }
}
