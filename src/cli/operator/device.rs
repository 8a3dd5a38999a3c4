//! `tollgate device`: a unit begins, and runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};

use super::authority::read_secret;
use crate::catalogue;
use crate::cli::Failure;
use crate::license::key::{Serial, UnitSecret};
use crate::store::{Device, File, MOST_LOST, Moment, Office};

/// How often the timers are written: half of what may be lost, so that a slow disk does not make it
/// more.
const EVERY: Duration = Duration::from_secs(MOST_LOST.as_secs() / 2);

/// The unit.
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum DeviceCommand {
    Init(Init),
    /// Keeps the timers of a running unit: writes them every 30 seconds, and when a licence expires
    ///
    /// It ends when it is killed. Other commands work meanwhile.
    Run,
}

/// Creates the file of a unit as shipped.
///
/// The unit needs the secret that keys for its serial number are checked with: from the authority's
/// file where that is at hand, else from `tollgate authority unit-secret`. Only the unit's own
/// secret is kept.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("secret").required(true)))]
pub(in crate::cli) struct Init {
    /// The model by the guides' name, for instance "ASA 5505"; see `tollgate models`
    #[arg(long)]
    model: String,
    /// The tier it is shipped in: base or security-plus [default: base]
    #[arg(long)]
    tier: Option<String>,
    /// The guide: 9.1 or pak [default: 9.1 where it describes the model]
    #[arg(long)]
    guide: Option<String>,
    /// The serial number, eleven letters and digits
    #[arg(long)]
    serial: String,
    /// The authority's file
    #[arg(long, group = "secret", value_name = "FILE")]
    authority: Option<PathBuf>,
    /// The unit's secret as `tollgate authority unit-secret` wrote it
    #[arg(long, group = "secret", value_name = "FILE")]
    unit_secret: Option<PathBuf>,
}

impl DeviceCommand {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Init(init) => init.run(state, out),
            Self::Run => keep(state, out),
        }
    }
}

impl Init {
    fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let (tier, guide) = (self.tier.as_deref(), self.guide.as_deref());
        let entry = catalogue::find(&self.model, tier, guide)?;
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
        writeln!(out, "created {}: {entry}, serial number {serial}", state.display())?;
        Ok(())
    }
}

/// Writes the timers again and again.
fn keep(state: &Path, out: &mut impl Write) -> Result<(), Failure> {
    loop {
        let (file, device, events) = Device::open(state, &Moment::now()?)?;
        let next = device.next_change();
        device.save(file)?;
        for (serial, event) in events {
            writeln!(out, "{serial}: {}", super::key::told(event))?;
        }
        out.flush()?;
        std::thread::sleep(next.map_or(EVERY, |next| next.min(EVERY)));
    }
}
