//! What is shown of a unit.

use serde_json::{Map, Value as Json, json};

use super::statement::{SHOWN, Shown};
use super::words::{LineError, in_words};
use super::world::World;
use super::{Answer, display};

impl World {
    pub(super) fn show(&self, name: &str, what: &Shown) -> Result<Answer, LineError> {
        let index = self.index(name)?;
        let unit = &self.units[index];
        match what {
            Shown::Running => Ok(self.show_running(index)),
            Shown::Keys => Ok(self.show_keys(index)),
            Shown::Usage => Ok(self.show_usage(index)),
            Shown::ResourceUsage => Ok(display::resource_usage(&unit.gate)),
            Shown::VpnSessions => Ok(display::vpn_sessions(&unit.gate, &unit.sessions, &unit.log)),
            Shown::LocalHost => {
                Ok(display::local_host(&unit.gate, unit.interfaces.outside.as_deref()))
            }
            Shown::Shared => self.show_shared(index),
            Shown::TlsProxy => Ok(display::tls_proxy(&unit.gate.license())),
            Shown::Sessions(set) => {
                let named = unit.sessions.named(set);
                if named.is_empty() {
                    return Err(LineError::Refused(format!(
                        "{name} holds no sessions called `{set}`; show also takes {}",
                        SHOWN.map(|(name, _)| name).join(", ")
                    )));
                }
                let facts: Map<_, _> =
                    named.iter().map(|(kind, it)| (kind.name().to_owned(), json!(it))).collect();
                let answer = Answer::done().fact("sessions", facts);
                let lines = named.iter().map(|(kind, count)| format!("{kind:<24}{count:>11}"));
                Ok(lines.fold(answer, Answer::line))
            }
        }
    }

    fn show_running(&self, index: usize) -> Answer {
        let license = self.license(index);
        let mut answer = Answer::done();
        let mut facts = Map::new();
        for (feature, figure) in license.features() {
            let steps = figure.steps();
            let why = steps.last().map(crate::license::Step::reason).unwrap_or_default();
            let value = figure.value().to_string();
            let left = self.remaining(index, feature);
            let left = left.map_or_else(|| "perpetual".to_owned(), in_words);
            answer = answer.line(format!("{feature:<28}{value:>11}  {left:<12}{why}"));
            let fact = json!({"value": value, "remaining": left, "because": why});
            facts.insert(feature.name().to_owned(), fact);
        }
        answer.fact("running", facts)
    }

    fn show_keys(&self, index: usize) -> Answer {
        let unit = &self.units[index];
        let permanent = match unit.ring.permanent() {
            crate::license::ring::Permanent::Preinstalled => "as shipped".to_owned(),
            crate::license::ring::Permanent::Zeros => "all zeros".to_owned(),
            crate::license::ring::Permanent::Key(key) => format!("{} {}", key.key(), key.grant()),
        };
        let mut answer =
            Answer::done().line(format!("permanent  {permanent}")).fact("permanent", permanent);
        let mut facts = Vec::<Json>::new();
        for licence in unit.ring.time_based() {
            let (name, state) = (unit.key_name(licence.key()), licence.state().name());
            let left = in_words(licence.remaining());
            let grant = licence.grant();
            answer = answer.line(format!("{state:<10} {left:<12} {name}  {grant}"));
            facts.push(json!({
                "name": name,
                "key": licence.key().to_string(),
                "state": state,
                "remaining": left,
                "grants": grant.to_string(),
            }));
        }
        answer.fact("time_based", facts)
    }

    fn show_usage(&self, index: usize) -> Answer {
        let mut answer = Answer::done();
        let mut facts = Map::new();
        for usage in self.units[index].gate.usages() {
            let (limit, allowed) = (usage.limit, usage.allowance.to_string());
            let (used, peak, refused) = (usage.in_use, usage.peak, usage.refused);
            answer = answer.line(format!(
                "{limit:<16}{used:>11} of {allowed:<11} peak {peak}, refused {refused}"
            ));
            let fact = json!({
                "in_use": used,
                "allowed": allowed,
                "peak": peak,
                "refused": refused,
            });
            facts.insert(limit.name().to_owned(), fact);
        }
        answer.fact("usage", facts)
    }
}
