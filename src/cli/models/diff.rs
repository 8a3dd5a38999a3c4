//! What differs between two entries.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use tabled::builder::Builder;
use tabled::settings::Width;
use tabled::settings::object::Columns;

use super::{Name, RowJson, optional};
use crate::catalogue::{Entry, Feature, Offer, Row, Value};
use crate::cli::text;

/// The rows of two entries that do not offer the same.
#[derive(Serialize, Debug)]
pub(super) struct Diff {
    #[serde(serialize_with = "name")]
    a: &'static Entry,
    #[serde(serialize_with = "name")]
    b: &'static Entry,
    #[serde(serialize_with = "by_feature")]
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    feature: Feature,
    a: Option<&'static Row>,
    b: Option<&'static Row>,
}

/// A side is null where its table lacks the row.
#[derive(Serialize)]
struct ChangeJson {
    a: Option<RowJson>,
    b: Option<RowJson>,
}

impl Diff {
    pub(super) fn between(a: &'static Entry, b: &'static Entry) -> Self {
        let changes = Feature::ALL
            .into_iter()
            .map(|feature| Change { feature, a: a.row(feature), b: b.row(feature) })
            .filter(|change| change.a.map(offered) != change.b.map(offered))
            .collect();
        Self { a, b, changes }
    }

    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if self.changes.is_empty() {
            return writeln!(out, "{} and {} offer the same", self.a, self.b);
        }
        let mut builder = Builder::default();
        builder.push_record(["feature".to_owned(), self.a.to_string(), self.b.to_string()]);
        for change in &self.changes {
            let feature = change.feature.name().to_owned();
            builder.push_record([feature, side(change.a), side(change.b)]);
        }
        let mut table = builder.build();
        table.modify(Columns::new(1..), Width::wrap(48).keep_words(true));
        text::print_table(out, &mut table)
    }
}

/// What is compared: notes and the way a licence is sold are not.
fn offered(row: &'static Row) -> (Value, &'static [Offer]) {
    (row.value, row.optional)
}

fn side(row: Option<&Row>) -> String {
    match row {
        None => "absent".to_owned(),
        Some(row) if row.optional.is_empty() => row.value.to_string(),
        Some(row) => format!("{} (optional: {})", row.value, optional(row)),
    }
}

fn name<S: Serializer>(entry: &Entry, serializer: S) -> Result<S::Ok, S::Error> {
    Name::from(entry).serialize(serializer)
}

fn by_feature<S: Serializer>(changes: &[Change], serializer: S) -> Result<S::Ok, S::Error> {
    let json = |row: Option<&Row>| row.map(RowJson::from);
    serializer.collect_map(
        changes.iter().map(|change| {
            (change.feature.name(), ChangeJson { a: json(change.a), b: json(change.b) })
        }),
    )
}
