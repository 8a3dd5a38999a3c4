//! `tollgate models`: what each model offers, as the guides' tables say.

mod diff;
mod list;
mod whole;

use std::io::{self, Write};

use clap::{ArgAction, Args};
use serde::{Serialize, Serializer};

use super::Failure;
use super::json::{self, Cell};
use crate::catalogue::{self, Entry, Row};
use diff::Diff;

/// Show what each model and tier offers
///
/// Without a model, every one of them with its main numbers. With one, its whole table: what is
/// included, the optional licences, and where that was read.
#[derive(Args, Debug)]
pub(super) struct Models {
    /// A model as people write it: `5505`, `asa5510/security-plus`, `SSP-10`, `5525-X (pak)`
    ///
    /// The tier is base unless named; the guide is 9.1 unless named or the model is not in it.
    #[arg(value_name = "MODEL[/TIER]", conflicts_with = "diff")]
    model: Option<String>,
    /// Show only what differs between two models or tiers
    #[arg(long, num_args = 2, value_names = ["A", "B"], action = ArgAction::Set)]
    diff: Option<Vec<String>>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Models {
    /// Prints what was asked for.
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        match (self.diff.as_deref(), &self.model) {
            (Some([a, b]), _) => {
                let diff = Diff::between(catalogue::parse_entry(a)?, catalogue::parse_entry(b)?);
                if self.json { json::print(out, &diff) } else { diff.print(out) }?;
            }
            (_, Some(model)) => {
                let entry = catalogue::parse_entry(model)?;
                if self.json { print_json(out, [entry]) } else { whole::print(out, entry) }?;
            }
            _ if self.json => print_json(out, catalogue::entries())?,
            _ => list::print(out, catalogue::entries())?,
        }
        Ok(())
    }
}

fn print_json(
    out: &mut impl Write,
    entries: impl IntoIterator<Item = &'static Entry>,
) -> io::Result<()> {
    let entries: Vec<_> = entries.into_iter().map(EntryJson::from).collect();
    json::print(out, &entries)
}

/// Whose limits they are.
#[derive(Serialize, Debug)]
struct Name {
    guide: &'static str,
    model: &'static str,
    tier: &'static str,
}

impl From<&Entry> for Name {
    fn from(entry: &Entry) -> Self {
        Self { guide: entry.guide().name(), model: entry.model.name(), tier: entry.tier.name() }
    }
}

#[derive(Serialize, Debug)]
struct EntryJson {
    #[serde(flatten)]
    name: Name,
    #[serde(serialize_with = "in_table_order")]
    limits: &'static [Row],
}

impl From<&'static Entry> for EntryJson {
    fn from(entry: &'static Entry) -> Self {
        Self { name: entry.into(), limits: entry.rows }
    }
}

#[derive(Serialize, Debug)]
struct RowJson {
    value: Cell,
    optional: Vec<Cell>,
}

impl From<&Row> for RowJson {
    fn from(row: &Row) -> Self {
        Self {
            value: row.value.into(),
            optional: row.optional.iter().copied().map(Cell::from).collect(),
        }
    }
}

fn in_table_order<S: Serializer>(rows: &&[Row], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(rows.iter().map(|row| (row.feature.name(), RowJson::from(row))))
}

/// The optional licences of a row, in one line.
fn optional(row: &Row) -> String {
    row.optional.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
