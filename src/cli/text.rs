//! What the subcommands have in common in text.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;

use ipnet::IpNet;
use tabled::Table;
use tabled::settings::{Padding, Style};

/// Tells a line on standard error.
///
/// It is one write, so that lines of several processes in one terminal do not mix. Nothing can be
/// told to somebody whose standard error is closed.
pub(super) fn tell(line: &dyn Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Tells what is worth knowing and is no error.
pub(super) fn note(what: &dyn Display) {
    tell(&format_args!("tollgate: note: {what}"));
}

/// A network as a person types it.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(address) => {
            let whole = IpNet::from(address);
            format!("`{text}` is an address; a network has a prefix, such as {whole} for it alone")
        }
        Err(_) => format!(
            "`{text}` is no network; one is ADDRESS/PREFIX, such as 10.0.0.0/8 or fd00::/8, with a \
             prefix of up to 32 bits or 128"
        ),
    })
}

/// Prints a table in plain ASCII: columns two blanks apart, a line under the heads.
pub(super) fn print_table(out: &mut impl Write, table: &mut Table) -> io::Result<()> {
    table.with(Style::psql().remove_vertical()).with(Padding::new(0, 2, 0, 0));
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
