//! `tollgate show shared license`: a running unit's part in a shared licence, in the firewall's own
//! form.
//!
//! The server's view is in the form of a real unit. The participant's and the backup's, and what
//! `detail` adds, are in the same form by the names of the fields alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::place::window;
use crate::cli::operator::looked_at;
use crate::cli::{Failure, json};
use crate::license::key::Serial;
use crate::pool::VERSION;
use crate::serve::{BackupUnit, Client, Messages, Report, ask};

#[derive(Subcommand, Debug)]
pub(in crate::cli) enum SharedShow {
    License(SharedLicense),
}

/// The pool, the unit's own use of it, and who else uses it.
///
/// The unit's `license-server` or `participant` has to be running: it is asked.
#[derive(Args, Debug)]
pub(in crate::cli) struct SharedLicense {
    /// More of everything, the clients alone, or the backup server alone
    #[arg(value_parser = ["detail", "client", "backup"])]
    what: Option<String>,
    /// With `client`: the one with this ID or host name
    host: Option<String>,
    /// Which unit of a failover pair is asked [default: the first]
    #[arg(long, value_name = "SERIAL")]
    unit: Option<Serial>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SharedLicense {
    fn window(&self, state: &Path) -> Result<PathBuf, Failure> {
        let Some(unit) = self.unit else { return Ok(window(state, None)) };
        let device = looked_at(state)?;
        let first = device.members().first().map(|it| *it.ring.serial());
        Ok(window(state, Some(unit).filter(|it| Some(*it) != first)))
    }
}

impl SharedShow {
    pub(in crate::cli) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let Self::License(license) = self;
        let one = license.host.as_deref();
        if let Some(host) = one.filter(|_| license.what.as_deref() != Some("client")) {
            let why = format!("`{host}` is not understood; a client is named after `client`");
            return Err(Failure::NotUnderstood(why));
        }
        let mut report = ask(&license.window(state)?)?;
        if let Some(host) = one {
            report.clients.retain(|it| it.serial.eq_ignore_ascii_case(host) || it.hostname == host);
            if report.clients.is_empty() {
                let why = format!("no client `{host}` is known; `show shared license` lists them");
                return Err(Failure::Failed(why));
            }
        }
        if license.json {
            return Ok(json::print(out, &report)?);
        }
        if report.standby {
            writeln!(
                out,
                "{} is on standby, until the active unit of its pair ends",
                report.serial
            )?;
        }
        match license.what.as_deref() {
            // It waits for the books, and knows nothing yet.
            _ if report.standby && report.role != "participant" => {}
            Some("client") => clients(&report, out)?,
            Some("backup") => backup(&report, out)?,
            Some(_) => {
                server(&report, out)?;
                backup(&report, out)?;
                utilization(&report, out)?;
                details(&report, out)?;
            }
            None => {
                server(&report, out)?;
                utilization(&report, out)?;
                if !report.clients.is_empty() {
                    writeln!(out)?;
                    clients(&report, out)?;
                }
            }
        }
        Ok(())
    }
}

/// The server of a participant.
fn server(report: &Report, out: &mut impl Write) -> io::Result<()> {
    let Some(address) = &report.server_address else { return Ok(()) };
    writeln!(out, "Primary License Server : {address}")?;
    writeln!(out, "  Version              : {VERSION}")?;
    let active = report.served_by.is_some();
    writeln!(out, "  Status               : {}", if active { "Active" } else { "Inactive" })?;
    if let Some(serial) = &report.served_by {
        writeln!(out, "  Served by            : {serial}")?;
    }
    writeln!(out)
}

fn utilization(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Shared license utilization:\n  AnyConnect Premium:")?;
    let device = &report.device;
    if let Some(pool) = &report.pool {
        figure("Total for network", u64::from(pool.size), out)?;
        figure("Available", u64::from(pool.free), out)?;
        figure("Utilized", pool.granted, out)?;
    }
    writeln!(out, "  This device:")?;
    figure("Platform limit", u64::from(device.platform), out)?;
    figure("Current usage", u64::from(device.held), out)?;
    figure("High usage", u64::from(device.high), out)?;
    writeln!(out, "  Messages Tx/Rx/Error:")?;
    // Real units do not count refreshes here.
    report.messages.iter().filter(|it| it.request != "Refresh").try_for_each(|it| count(it, out))
}

fn figure(name: &str, value: u64, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "    {name:<17} : {value:>8}")
}

fn count(messages: &Messages, out: &mut impl Write) -> io::Result<()> {
    let Messages { request, sent, received, errors, .. } = messages;
    writeln!(out, "    {request:<15} : {sent} / {received} / {errors}")
}

fn clients(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "  {:<20}{:<8}Hostname", "Client ID", "Usage")?;
    for Client { serial, granted, hostname, .. } in &report.clients {
        let line = format!("  {serial:<20}{granted:<8}{hostname}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn backup(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Some(seconds) = report.seconds_to_serve {
        let role = if report.serving { "Active" } else { "Inactive" };
        writeln!(out, "Backup License Server:\n  Status               : {role}")?;
        return writeln!(out, "  Days remaining       : {}\n", days(seconds));
    }
    match &report.backup {
        None if report.server_address.is_some() => Ok(()),
        None => writeln!(out, "No backup license server is configured.\n"),
        Some(unit) => {
            writeln!(out, "Backup License Server Info:\n")?;
            backup_unit(unit, out)
        }
    }
}

fn backup_unit(unit: &BackupUnit, out: &mut impl Write) -> io::Result<()> {
    let registered = |connected| if connected { "YES" } else { "NO" };
    writeln!(out, "Device ID            : {}", unit.serial)?;
    if let Some(address) = &unit.address {
        writeln!(out, "Address              : {address}")?;
    }
    writeln!(out, "Registered           : {}", registered(unit.connected))?;
    if let Some(standby) = &unit.standby {
        writeln!(out, "HA peer ID           : {standby}")?;
        writeln!(out, "Registered           : {}", registered(unit.standby_connected))?;
    }
    if let Some(seconds) = unit.seconds_to_serve {
        writeln!(out, "Days remaining       : {}", days(seconds))?;
    }
    writeln!(out)
}

const fn days(seconds: u64) -> u64 {
    seconds / 86_400
}

/// What the firewall's own form has no place for.
fn details(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Some(pool) = &report.pool {
        writeln!(out, "  Pool:")?;
        figure("High usage", pool.high, out)?;
        figure("Reserved", pool.reserved, out)?;
        figure("Stranded", pool.stranded, out)?;
        figure("May be exceeded", pool.oversubscription_bound, out)?;
    }
    writeln!(out, "  Sessions:")?;
    figure("Local licence", u64::from(report.device.local), out)?;
    figure("In use", report.device.in_use, out)?;
    figure("Refused", report.device.refused, out)?;
    if !report.clients.is_empty() {
        writeln!(out, "\nClient Info:")?;
    }
    for client in &report.clients {
        writeln!(out, "\n  Hostname   : {}\n  Device ID  : {}", client.hostname, client.serial)?;
        writeln!(out, "  Status     : {}", client.standing)?;
        figure("Current usage", u64::from(client.granted), out)?;
        figure("In use", u64::from(client.used), out)?;
        figure("High", u64::from(client.high), out)?;
        figure("Platform room", u64::from(client.room), out)?;
        figure("Stranded", u64::from(client.stranded), out)?;
    }
    if !report.denials.is_empty() {
        writeln!(out, "\nDenials:")?;
    }
    for it in &report.denials {
        writeln!(
            out,
            "  {}: {} missing, {} time(s), {}",
            it.serial, it.missing, it.times, it.reason
        )?;
    }
    Ok(())
}
