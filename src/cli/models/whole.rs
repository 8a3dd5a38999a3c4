//! One model's whole table.

use std::io::{self, Write};

use tabled::builder::Builder;
use tabled::settings::Width;
use tabled::settings::object::Columns;

use super::optional;
use crate::catalogue::{self, Entry};
use crate::cli::text;

pub(super) fn print(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    writeln!(out, "{entry}\n")?;
    let notes = print_rows(out, entry)?;
    writeln!(out)?;
    for (number, note) in (1..).zip(notes) {
        writeln!(out, "[{number}] {note}")?;
    }
    writeln!(out, "source: {}, {}", entry.guide().title(), entry.table.name)?;
    let others = catalogue::entries().filter(|it| it.model == entry.model && *it != entry);
    let others: Vec<_> = others.map(ToString::to_string).collect();
    if !others.is_empty() {
        writeln!(out, "see also: {}", others.join(", "))?;
    }
    Ok(())
}

/// Prints the rows and returns the notes that they refer to by number.
fn print_rows(out: &mut impl Write, entry: &Entry) -> io::Result<Vec<&'static str>> {
    let mut notes = Vec::new();
    let mut builder = Builder::default();
    builder.push_record(["feature", "included", "optional licences", "sold as", "note"]);
    for row in entry.rows {
        let term = if row.optional.is_empty() { "" } else { row.term.name() };
        let mark = row.note.map_or(String::new(), |note| {
            notes.push(note);
            format!("[{}]", notes.len())
        });
        builder.push_record([
            row.feature.name().to_owned(),
            row.value.to_string(),
            optional(row),
            term.to_owned(),
            mark,
        ]);
    }
    let mut table = builder.build();
    table.modify(Columns::one(2), Width::wrap(44).keep_words(true));
    text::print_table(out, &mut table)?;
    Ok(notes)
}
