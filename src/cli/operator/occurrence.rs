//! What happened to a unit without being asked for, in words and in JSON.

use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::license::failover::Mismatch;
use crate::license::ring::Event;
use crate::store::Occurrence;

/// In a line.
pub(super) fn told(occurrence: &Occurrence) -> String {
    match occurrence {
        Occurrence::Key(serial, Event::Expired(key)) => {
            format!("{serial}: time-based key {key} has expired")
        }
        Occurrence::Key(serial, Event::Activated(key)) => {
            format!("{serial}: time-based key {key} is active in its place")
        }
        Occurrence::GraceEnded => "no communication for more than 30 days: each unit goes by its \
                                   own licence"
            .to_owned(),
        Occurrence::GroupEnded(why) => group_ended(why),
    }
}

fn group_ended(why: &Mismatch) -> String {
    format!("the units are a group no longer, each goes by its own licence: {why}")
}

/// Says why the group ended, where it did.
pub(super) fn print_end(why: Option<&Mismatch>, out: &mut impl Write) -> io::Result<()> {
    why.map_or(Ok(()), |why| writeln!(out, "{}", group_ended(why)))
}

/// In JSON, by the names that scenarios have for it.
pub(super) fn report(occurrence: &Occurrence) -> Json {
    match occurrence {
        Occurrence::Key(serial, event) => {
            let (name, key) = match event {
                Event::Expired(key) => ("expired", key),
                Event::Activated(key) => ("activated", key),
            };
            json!({"event": name, "serial": serial.to_string(), "key": key.to_string()})
        }
        Occurrence::GraceEnded => json!({"event": "grace-ended"}),
        Occurrence::GroupEnded(why) => json!({"event": "group-ended", "why": reasons(why)}),
    }
}

/// Every reason why a group ended.
pub(super) fn reasons(why: &Mismatch) -> Vec<String> {
    why.reasons().iter().map(ToString::to_string).collect()
}
