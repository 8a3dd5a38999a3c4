//! The catalogue against a second reading of the guides' tables.
//!
//! `tables.txt` was not written from the catalogue: a parser took it from the text of the two
//! guides. Under each model and tier it has a line for each row: the feature, what is included, the
//! optional licences and how they are sold, with tabs between. A difference is a slip in one of
//! the two readings; the guide decides in which.

use tollgate::catalogue::{self, Row};

#[test]
fn two_readings_of_the_guides_agree() {
    let ours = catalogue::entries().flat_map(|entry| {
        let rows = entry.rows.iter().map(move |row| (entry.to_string(), line(row)));
        std::iter::once((entry.to_string(), entry.to_string())).chain(rows)
    });
    let mut theirs = include_str!("tables.txt").lines();
    for (entry, line) in ours {
        assert_eq!(Some(line.as_str()), theirs.next(), "{entry}");
    }
    assert_eq!(theirs.next(), None);
}

fn line(row: &Row) -> String {
    let included = format!("{}\t{}", row.feature, row.value);
    if row.optional.is_empty() {
        return included;
    }
    let optional: Vec<_> = row.optional.iter().map(ToString::to_string).collect();
    format!("{included}\t{}\t{}", optional.join(", "), row.term)
}
