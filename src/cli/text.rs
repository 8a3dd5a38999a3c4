//! What the subcommands have in common in text.

use std::io::{self, Write};

use tabled::Table;
use tabled::settings::{Padding, Style};

/// Prints a table in plain ASCII: columns two blanks apart, a line under the heads.
pub(super) fn print_table(out: &mut impl Write, table: &mut Table) -> io::Result<()> {
    table.with(Style::psql().remove_vertical()).with(Padding::new(0, 2, 0, 0));
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
