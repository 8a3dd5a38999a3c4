//! The lines of shared licensing.

use crate::pool::Appetite;
use crate::sim::Statement;
use crate::sim::network::{Quality, Wire};
use crate::sim::statement::{NewParticipant, NewServer};
use crate::sim::words::{LineError, Words, duration, name, number, one_of};

/// A command whose first word is a unit.
pub(super) fn of_unit(
    command: &str,
    unit: String,
    words: &mut Words,
) -> Result<Statement, LineError> {
    Ok(match command {
        "license-server" => server(unit, words)?,
        "participant" => participant(unit, words)?,
        "link" => {
            let other = name(words.next("the other unit")?)?;
            let wires = [("up", Wire::Up), ("down", Wire::Down), ("mute", Wire::Mute)];
            let wire = one_of(&words.next("up, down or mute")?, "state of a link", &wires)?;
            Statement::Link { units: [unit, other], wire }
        }
        "crash" => Statement::Crash { unit, after: sessions(words, "after")? },
        "restart" => Statement::Restart { unit },
        "failover" => {
            let untold = words.flag("untold");
            let other = name(words.next("the unit that is to be active")?)?;
            Statement::Failover { units: [unit, other], untold }
        }
        _ => {
            let sessions = small(&words.next("the number of sessions")?)?;
            Statement::Demand { unit, sessions }
        }
    })
}

fn small(word: &str) -> Result<u32, LineError> {
    let count = number(word)?;
    u32::try_from(count).map_err(|_| {
        LineError::NotUnderstood(format!("`{word}` is too large; {} is the most", u32::MAX))
    })
}

fn sessions(words: &mut Words, option: &str) -> Result<Option<u32>, LineError> {
    words.option(option)?.map(|it| small(&it)).transpose()
}

/// The secret comes first, whatever it looks like.
fn secret(words: &mut Words) -> Result<String, LineError> {
    words.option("secret")?.ok_or_else(|| {
        LineError::NotUnderstood("the shared secret is missing: `secret SECRET`".to_owned())
    })
}

fn unit_of(words: &mut Words, option: &str) -> Result<Option<String>, LineError> {
    words.option(option)?.map(name).transpose()
}

/// Names with commas between them.
fn interfaces(words: &mut Words) -> Result<Vec<String>, LineError> {
    let list = words.option("interfaces")?.unwrap_or_default();
    let names = list.split(',').map(str::trim).filter(|it| !it.is_empty());
    names.map(|it| name(it.to_owned())).collect()
}

fn appetite(words: &mut Words) -> Result<Appetite, LineError> {
    // The guides' behaviour: to ask when a session finds no licence, to give back when it ends.
    let ahead = sessions(words, "ahead")?.unwrap_or(0);
    let keep = sessions(words, "keep")?.unwrap_or(0);
    Ok(Appetite { ahead, keep })
}

/// `reserve P=50`, as often as it is said.
fn of_units(words: &mut Words, option: &str) -> Result<Vec<(String, u32)>, LineError> {
    let mut all = Vec::new();
    while let Some(word) = words.option(option)? {
        let (unit, sessions) = word.split_once('=').ok_or_else(|| {
            LineError::NotUnderstood(format!("`{option}` takes UNIT=SESSIONS, not `{word}`"))
        })?;
        all.push((name(unit.to_owned())?, small(sessions)?));
    }
    Ok(all)
}

fn server(unit: String, words: &mut Words) -> Result<Statement, LineError> {
    Ok(Statement::LicenseServer(NewServer {
        unit,
        secret: secret(words)?,
        size: sessions(words, "size")?,
        refresh: words.option("refresh")?.map(|it| duration(&it)).transpose()?,
        backup: unit_of(words, "backup")?,
        standby: unit_of(words, "standby")?,
        port: words.option("port")?.map(|it| number(&it)).transpose()?,
        interfaces: interfaces(words)?,
        overlap: sessions(words, "overlap")?,
        reserve: of_units(words, "reserve")?,
        cap: of_units(words, "cap")?,
        appetite: appetite(words)?,
    }))
}

fn participant(unit: String, words: &mut Words) -> Result<Statement, LineError> {
    let secret = secret(words)?;
    let server = unit_of(words, "server")?.ok_or_else(|| {
        LineError::NotUnderstood("the licensing server is missing: `server UNIT`".to_owned())
    })?;
    Ok(Statement::Participant(NewParticipant {
        unit,
        server,
        secret,
        port: words.option("port")?.map(|it| number(&it)).transpose()?,
        by: unit_of(words, "interface")?,
        interfaces: interfaces(words)?,
        appetite: appetite(words)?,
    }))
}

pub(super) fn network(words: &mut Words) -> Result<Statement, LineError> {
    let seed = words.option("seed")?.map(|it| number(&it)).transpose()?;
    if words.flag("perfect") {
        return Ok(Statement::Network { quality: None, seed });
    }
    let mut of = |option: &str| words.option(option)?.map_or(Ok(0), |it| percent(&it));
    let quality = Quality { loss: of("loss")?, twice: of("twice")?, late: of("late")? };
    Ok(Statement::Network { quality: Some(quality), seed })
}

fn percent(word: &str) -> Result<u64, LineError> {
    let count = word.strip_suffix('%').and_then(|it| number(it).ok());
    count.filter(|count| *count <= 100).ok_or_else(|| {
        LineError::NotUnderstood(format!("`{word}` is no share of all messages, 0% to 100%"))
    })
}
