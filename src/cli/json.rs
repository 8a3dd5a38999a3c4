//! What the subcommands have in common in JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::catalogue::{Offer, Value};
use crate::license::Allowance;

/// A value, an offer or an allowance: a number, a word, or an object where neither says it.
#[derive(Serialize, Debug)]
#[serde(untagged)]
pub(super) enum Cell {
    Count(u32),
    Word(String),
    ByMode { routed: u32, transparent: u32 },
    Range { from: u32, to: u32, step: u32 },
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Count(count) => Self::Count(count),
            Value::ByMode { routed, transparent } => Self::ByMode { routed, transparent },
            word => Self::Word(word.to_string()),
        }
    }
}

impl From<Offer> for Cell {
    fn from(offer: Offer) -> Self {
        match offer {
            Offer::One(value) => value.into(),
            Offer::Range { from, to, step } => Self::Range { from, to, step },
        }
    }
}

impl From<Allowance> for Cell {
    fn from(allowance: Allowance) -> Self {
        match allowance {
            Allowance::Limited(units) => Self::Count(units),
            word => Self::Word(word.to_string()),
        }
    }
}

/// Prints one value on a line of its own.
pub(super) fn print(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}
