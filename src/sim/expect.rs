//! Reading what is expected.

use super::statement::{Counted, Expectation, FIGURES};
use super::words::{LineError, Words, duration, name, number, one_of};
use super::{Event, refusers};
use crate::catalogue::Feature;
use crate::license::{Kind, Limit};

/// What can be expected of a unit.
pub(super) const FORMS: [&str; 9] =
    ["running", "usage", "key", "remaining", "admitted", "refused", "event", "pool", "backup"];

const STATES: [(&str, &str); 4] =
    [("active", "active"), ("inactive", "inactive"), ("expired", "expired"), ("absent", "absent")];

pub(super) fn parse(words: &mut Words) -> Result<Expectation, LineError> {
    let form = words.next("what is expected")?;
    Ok(match form.as_str() {
        "running" => {
            let feature = feature(words)?;
            Expectation::Running { feature, value: value(&words.next("the value")?)? }
        }
        "usage" => {
            let what = counted(&words.next("the kind or the limit")?)?;
            Expectation::Usage { what, count: number(&words.next("the number")?)? }
        }
        "key" => key(words)?,
        "remaining" => {
            let feature = feature(words)?;
            let time = words.next("the duration")?;
            let time = if time == "perpetual" { None } else { Some(duration(&time)?) };
            Expectation::Remaining { feature, time }
        }
        "admitted" => Expectation::Admitted(number(&words.next("the number")?)?),
        "refused" => {
            let by = words.option("by")?;
            let count = number(&words.next("the number")?)?;
            Expectation::Refused { count, by: by.map(refuser).transpose()? }
        }
        "event" => {
            let events = Event::ALL.map(|event| (event.name(), event));
            Expectation::Event(one_of(&words.next("the event")?, "event", &events)?)
        }
        "pool" => pool(words)?,
        "backup" => backup(words)?,
        other => {
            let shown: String = other.chars().take(64).collect();
            return Err(LineError::NotUnderstood(format!(
                "nothing called `{shown}` can be expected; choose {}",
                FORMS.join(", ")
            )));
        }
    })
}

fn key(words: &mut Words) -> Result<Expectation, LineError> {
    let key = name(words.next("the key")?)?;
    let state = words.next("the state of the key")?;
    if state == "remaining" {
        let time = duration(&words.next("the duration")?)?;
        return Ok(Expectation::KeyRemaining { key, time });
    }
    Ok(Expectation::KeyState { key, state: one_of(&state, "state of a key", &STATES)? })
}

/// What `pool` is followed by, for completion.
pub(super) fn of_pool() -> impl Iterator<Item = &'static str> {
    FIGURES.into_iter().map(|(name, _)| name).chain(["server", "refresh"])
}

/// What `backup` is followed by.
pub(super) const OF_BACKUP: [&str; 3] = ["remaining", "active", "inactive"];

fn pool(words: &mut Words) -> Result<Expectation, LineError> {
    let what = words.next("the figure")?;
    Ok(match what.as_str() {
        "server" => {
            let server = words.next("the unit that serves, or none")?;
            let server = if server == "none" { None } else { Some(name(server)?) };
            Expectation::PoolServer(server)
        }
        "refresh" => Expectation::PoolRefresh(duration(&words.next("the duration")?)?),
        _ => {
            let found = FIGURES.into_iter().find(|(name, _)| *name == what);
            let (_, figure) = found.ok_or_else(|| {
                let known: Vec<_> = of_pool().collect();
                LineError::NotUnderstood(format!(
                    "`{what}` is no figure of a pool; choose {}",
                    known.join(", ")
                ))
            })?;
            Expectation::Pool { figure, count: number(&words.next("the number")?)? }
        }
    })
}

fn backup(words: &mut Words) -> Result<Expectation, LineError> {
    let what = words.next("`remaining`, `active` or `inactive`")?;
    let what = one_of(&what, "state of a backup", &OF_BACKUP.map(|it| (it, it)))?;
    Ok(match what {
        "remaining" => Expectation::BackupRemaining(duration(&words.next("the duration")?)?),
        state => Expectation::BackupActive(state == "active"),
    })
}

fn feature(words: &mut Words) -> Result<Feature, LineError> {
    let word = words.next("the feature")?;
    word.parse().map_err(|error: crate::catalogue::UnknownFeature| {
        LineError::NotUnderstood(error.to_string())
    })
}

/// A number, or one of the words that the running licence can have.
fn value(word: &str) -> Result<String, LineError> {
    const WORDS: [&str; 11] = [
        "enabled",
        "disabled",
        "no-support",
        "unlimited",
        "des",
        "3des-aes",
        "active-standby-no-stateful",
        "active-standby",
        "active-standby-or-active-active",
        "fast-ethernet",
        "two-gigabit-others-fast-ethernet",
    ];
    if WORDS.contains(&word) {
        return Ok(word.to_owned());
    }
    number(word).map(|count| count.to_string()).map_err(|_| {
        LineError::NotUnderstood(format!(
            "`{word}` is no value; it is a number or one of {}",
            WORDS.join(" ")
        ))
    })
}

fn counted(word: &str) -> Result<Counted, LineError> {
    let limit = Limit::ALL.into_iter().find(|limit| limit.name() == word);
    match (limit, word.parse::<Kind>()) {
        (Some(limit), kind) => Ok(Counted::Limit(limit, kind.ok())),
        (None, Ok(kind)) => Ok(Counted::Kind(kind)),
        (None, Err(_)) => Err(LineError::NotUnderstood(format!(
            "nothing called `{word}` is counted; choose a limit ({}) or a kind ({})",
            Limit::ALL.map(Limit::name).join(" "),
            Kind::ALL.map(Kind::name).join(" ")
        ))),
    }
}

fn refuser(word: String) -> Result<String, LineError> {
    if refusers().any(|name| name == word) {
        return Ok(word);
    }
    Err(LineError::NotUnderstood(format!(
        "no limit is called `{word}`; those that refuse are: {}",
        refusers().collect::<Vec<_>>().join(" ")
    )))
}
