//! What a scenario asks and shows of shared licensing.

use serde_json::{Map, json};

use crate::pool::{BackupState, Machine, Participant, PoolUsage, Record};
use crate::sim::Answer;
use crate::sim::statement::{Expectation, FIGURES, Figure};
use crate::sim::words::{LineError, in_words};
use crate::sim::world::World;

/// What whoever has books says of them.
struct Books<'a> {
    usage: PoolUsage,
    bound: u64,
    records: Vec<&'a Record>,
}

fn books(machine: &Machine) -> Option<Books<'_>> {
    Some(match machine {
        Machine::Server(it) => Books {
            usage: it.usage(),
            bound: it.oversubscription_bound(),
            records: it.participants().collect(),
        },
        Machine::Backup(it) => Books {
            usage: it.usage(),
            bound: it.oversubscription_bound(),
            records: it.participants().collect(),
        },
        Machine::Participant(_) => return None,
    })
}

impl World {
    /// Whether what is expected of a unit's part in shared licensing holds.
    pub(in crate::sim) fn check_shared(
        &self,
        index: usize,
        what: &Expectation,
    ) -> Result<Answer, LineError> {
        let name = &self.units[index].name;
        let same = |what: &str, expected: String, got: String| {
            Answer::compared(&format!("{name} {what}"), &expected, &got, expected == got, "")
        };
        Ok(match what {
            Expectation::Pool { figure, count } => {
                let label = FIGURES.iter().find(|(_, it)| it == figure).map_or("", |it| it.0);
                let got = self.figure(index, *figure, label)?;
                same(&format!("pool {label}"), count.to_string(), got.to_string())
            }
            Expectation::PoolServer(server) => {
                let got = self.part(index)?.and_then(Participant::server);
                let none = || "none".to_owned();
                let got = got.map_or_else(none, |serial| self.name_of(serial));
                same("pool server", server.clone().unwrap_or_else(none), got)
            }
            Expectation::PoolRefresh(time) => {
                let got = self.running_part(index)?.refresh();
                same("pool refresh", in_words(*time), in_words(got))
            }
            Expectation::BackupRemaining(time) => {
                let got = self.backup_state(index)?.budget.remaining;
                same("backup remaining", in_words(*time), in_words(got))
            }
            Expectation::BackupActive(active) => {
                let serving = matches!(self.shared.machine(index),
                    Some(Machine::Backup(backup)) if backup.is_serving());
                let word = |active: bool| if active { "active" } else { "inactive" }.to_owned();
                self.backup_state(index)?;
                same("backup", word(*active), word(serving))
            }
            _ => return Err(LineError::Refused(format!("{name} is asked something else"))),
        })
    }

    /// A unit's part as a participant, while it runs.
    fn part(&self, index: usize) -> Result<Option<&Participant>, LineError> {
        self.member(index)?;
        Ok(self.shared.machine(index).map(Machine::own))
    }

    fn running_part(&self, index: usize) -> Result<&Participant, LineError> {
        let name = &self.units[index].name;
        self.part(index)?
            .ok_or_else(|| LineError::Refused(format!("{name} takes no part at the moment")))
    }

    fn figure(&self, index: usize, figure: Figure, label: &str) -> Result<u64, LineError> {
        match figure {
            // A unit that does not run holds nothing.
            Figure::Held => return Ok(self.part(index)?.map_or(0, |it| it.held().into())),
            Figure::Wanted => return Ok(self.part(index)?.map_or(0, |it| it.wanted().into())),
            Figure::Room => return self.running_part(index).map(|it| it.room().into()),
            _ => {}
        }
        self.running_part(index)?;
        let books = self.shared.machine(index).and_then(books).ok_or_else(|| {
            let name = &self.units[index].name;
            LineError::Refused(format!(
                "{name} is a participant; `{label}` is a figure of its server or the backup"
            ))
        })?;
        Ok(match figure {
            Figure::Size => books.usage.size.into(),
            Figure::Granted => books.usage.granted,
            Figure::Stranded => books.usage.stranded,
            Figure::Reserved => books.usage.reserved,
            Figure::Bound => books.bound,
            Figure::Participants => books.records.len() as u64,
            _ => books.usage.free.into(),
        })
    }

    /// What a backup remembers, as of now, or as it was stored where it does not run.
    fn backup_state(&self, index: usize) -> Result<BackupState, LineError> {
        let place = self.member(index)?;
        let node = self.shared.network.node(place);
        match node.machine() {
            Some(Machine::Backup(backup)) => {
                let budget = backup.budget(self.shared.network.clock(place));
                Ok(BackupState { budget, ..*backup.state() })
            }
            None if node.disk().backup.is_some() => Ok(node.disk().backup.unwrap_or_default()),
            _ => Err(LineError::Refused(format!(
                "{} is no backup server; `license-server … backup {0}` names it",
                node.name()
            ))),
        }
    }

    /// What a unit has of a shared licence.
    pub(in crate::sim) fn show_shared(&self, index: usize) -> Result<Answer, LineError> {
        let own = self.running_part(index)?;
        let mut answer = Answer::done();
        if let Some(Books { usage, bound, records }) = self.shared.machine(index).and_then(books) {
            let PoolUsage { size, granted, free, high, stranded, reserved } = usage;
            answer = answer
                .line(format!("pool of {size:>28}, {free} free, {granted} granted, {high} at most"))
                .line(format!("may be held beyond it {bound:>13}, {stranded} stranded"))
                .fact(
                    "pool",
                    json!({
                        "size": size, "free": free, "granted": granted, "high": high,
                        "stranded": stranded, "reserved": reserved, "bound": bound,
                    }),
                );
            let mut clients = Vec::new();
            for it in records {
                let (name, granted, used) = (self.name_of(it.serial), it.granted, it.used);
                let (stranded, high) = (it.stranded(), it.high);
                let standing = format!("{:?}", it.standing).to_lowercase();
                answer = answer.line(format!(
                    "{name:<24}{granted:>11}, {used} in use, {high} at most, {stranded} stranded, \
                     {standing}"
                ));
                clients.push(json!({
                    "unit": name, "granted": granted, "used": used, "high": high,
                    "stranded": stranded, "standing": standing,
                }));
            }
            answer = answer.fact("clients", clients);
        }
        if let Ok(state) = self.backup_state(index) {
            let (left, size) = (in_words(state.budget.remaining), state.size);
            answer = answer
                .line(format!("may serve as the backup for {left}, a pool of {size}"))
                .fact("backup", json!({"remaining": left, "synchronised": state.synchronised}));
        }
        let (held, wanted, room, high) = (own.held(), own.wanted(), own.room(), own.high());
        let local = own.membership().local();
        let server = own.server().map_or_else(|| "none".to_owned(), |it| self.name_of(it));
        let part: Map<_, _> = [
            ("held", json!(held)),
            ("wanted", json!(wanted)),
            ("room", json!(room)),
            ("high", json!(high)),
            ("local", json!(local)),
            ("server", json!(server)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        Ok(answer
            .line(format!("holds {held:>29} of {wanted} wanted, {room} at most, {local} its own"))
            .line(format!("served by {server:>25}"))
            .fact("device", part))
    }
}
