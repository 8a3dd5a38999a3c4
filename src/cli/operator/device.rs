//! `tollgate device`: a unit begins, and runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, value_parser};
use serde_json::json;

use super::authority::read_secret;
use super::occurrence::{report, told};
use crate::cli::unit::ShippedArgs;
use crate::cli::{Failure, json, text};
use crate::license::key::{Serial, UnitSecret};
use crate::store::{Device, File, MOST_LOST, Moment, Office, StoreError};

/// How seldom the timers are written at most: half of what may be lost, so that a slow disk does
/// not make it more.
const EVERY: u64 = MOST_LOST.as_secs() / 2;

/// The shortest time between two turns, whatever is about to expire.
const SHORTEST: Duration = Duration::from_secs(1);

/// The unit.
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum DeviceCommand {
    Init(Init),
    Run(Run),
}

/// Creates the file of a unit as shipped.
///
/// The unit needs the secret that keys for its serial number are checked with: from the authority's
/// file where that is at hand, else from `tollgate authority unit-secret`. Only the unit's own
/// secret is kept.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("secret").required(true)))]
pub(in crate::cli) struct Init {
    #[command(flatten)]
    shipped: ShippedArgs,
    /// The serial number, eleven letters and digits
    #[arg(long)]
    serial: String,
    /// The authority's file
    #[arg(long, group = "secret", value_name = "FILE")]
    authority: Option<PathBuf>,
    /// The unit's secret as `tollgate authority unit-secret` wrote it
    #[arg(long, group = "secret", value_name = "FILE")]
    unit_secret: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Keeps the timers of a running unit: writes them every 30 seconds, and when a licence expires.
///
/// It ends when it is killed, which costs nothing as long as the machine runs. Other commands work
/// meanwhile.
#[derive(Args, Debug)]
pub(in crate::cli) struct Run {
    /// Write them every so many seconds, 30 at most: what a loss of power may cost the countdown
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = EVERY,
        value_parser = value_parser!(u64).range(1..=EVERY),
    )]
    every: u64,
    /// Print what happens in JSON, one value a line
    #[arg(long)]
    json: bool,
}

impl DeviceCommand {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Init(init) => init.run(state, out),
            Self::Run(run) => run.run(state, out),
        }
    }
}

impl Init {
    fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let entry = self.shipped.entry()?;
        let serial: Serial = self.serial.parse()?;
        let secret = match (&self.authority, &self.unit_secret) {
            (Some(authority), _) => File::<Office>::open(authority)?.1.authority().unit(&serial),
            (None, Some(secret)) => UnitSecret::from_secret(serial, *read_secret(secret)?),
            (None, None) => {
                let why = "--authority or --unit-secret has to name the secret's file";
                return Err(Failure::NotUnderstood(why.to_owned()));
            }
        };
        Device::new(entry, secret, &Moment::now()?).create(state)?;
        if self.json {
            let report = json!({
                "file": state.display().to_string(),
                "model": entry.model.name(),
                "tier": entry.tier.name(),
                "guide": entry.guide().name(),
                "serial": serial.to_string(),
            });
            return Ok(json::print(out, &report)?);
        }
        writeln!(out, "created {}: {entry}, serial number {serial}", state.display())?;
        Ok(())
    }
}

impl Run {
    /// Writes the timers again and again.
    fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        loop {
            let turn = Device::tick(state, &Moment::now()?, Duration::from_secs(self.every));
            let (happened, next) = match turn {
                Ok(turn) => turn,
                // It was waited for. The countdown goes on by the uptime, and is written later.
                Err(error @ StoreError::InUse { .. }) => {
                    text::note(&error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for occurrence in &happened {
                if self.json {
                    json::print(out, &report(occurrence))?;
                } else {
                    writeln!(out, "{}", told(occurrence))?;
                }
            }
            out.flush()?;
            thread::sleep(next.max(SHORTEST));
        }
    }
}
