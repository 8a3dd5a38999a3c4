//! `tollgate authority` and `tollgate issue`: the vendor's side.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use crate::catalogue::{Feature, Value};
use crate::cli::unit::split;
use crate::cli::{Failure, json};
use crate::license::Export;
use crate::license::key::{Purchase, SECRET_LEN, Serial};
use crate::store::{File, Office, StoreError};

const DAY: Duration = Duration::from_secs(86_400);

/// The authority that issues activation keys.
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum Authority {
    /// Creates the authority's file, with a secret from the system's source of randomness
    Init {
        /// The file; whoever can read it can issue keys for every unit
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Writes the secret of one unit, for `device init --unit-secret` where the authority's own
    /// file does not belong
    UnitSecret {
        /// The authority's file
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// The unit's serial number
        #[arg(long)]
        serial: String,
        /// The file to write; whoever can read it can issue keys for this unit
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

impl Authority {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Init { file } => {
                let mut secret = Zeroizing::new([0; SECRET_LEN]);
                getrandom::fill(&mut *secret).map_err(|error| {
                    Failure::Failed(format!("the system gives no random bytes: {error}"))
                })?;
                File::create(file, &Office::new(*secret))?;
                writeln!(out, "created {}: keep it secret, and a copy of it", file.display())?;
            }
            Self::UnitSecret { file, serial, to } => {
                let serial = serial.parse()?;
                let (_, office) = File::<Office>::open(file)?;
                write_secret(to, office.authority().unit(&serial).expose())?;
                writeln!(out, "wrote the secret of {serial} to {}", to.display())?;
            }
        }
        Ok(())
    }
}

/// Issues an activation key.
///
/// The permanent licences of one serial number are registered together: the key of a later purchase
/// includes those of the earlier ones. Every time-based purchase has a key of its own.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("term").required(true)))]
pub(in crate::cli) struct Issue {
    /// The authority's file
    #[arg(long, value_name = "FILE")]
    authority: PathBuf,
    /// The serial number of the unit
    #[arg(long)]
    serial: String,
    /// The licences do not end
    #[arg(long, group = "term")]
    permanent: bool,
    /// They last so many weeks while they are active
    #[arg(long, group = "term", value_name = "N")]
    weeks: Option<u32>,
    /// They last so many days while they are active
    #[arg(long, group = "term", value_name = "N")]
    days: Option<u32>,
    /// The export grade of the UC and IME licences: k8 or k9
    #[arg(long, value_parser = ["k8", "k9"])]
    export: Option<String>,
    /// What was bought, for instance anyconnect-premium=500; several in a time-based key make it an
    /// evaluation key
    #[arg(required = true, value_name = "FEATURE=VALUE")]
    licences: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Issue {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let serial: Serial = self.serial.parse()?;
        let purchase = self.purchase()?;
        let (file, mut office) = File::<Office>::open(&self.authority)?;
        let unit = office.authority().unit(&serial);
        let mut register = office.register(&serial).ok_or_else(|| self.unknown(&serial))?;
        let key = match self.duration() {
            Some(duration) => register.time_based(&unit, &purchase, duration)?,
            None => register.permanent(&unit, &purchase)?,
        };
        office.keep(&serial, &register);
        file.replace(&office)?;
        let verified = unit.verify(key)?;
        if self.json {
            let licences = verified.grant().licences().iter();
            let licences = licences.map(|(feature, value)| format!("{feature}={value}"));
            json::print(
                out,
                &json!({
                    "serial": serial.to_string(),
                    "key": key.to_string(),
                    "days": self.duration().map(|duration| duration.as_secs() / DAY.as_secs()),
                    "issue": verified.issue(),
                    "licences": licences.collect::<Vec<_>>(),
                }),
            )?;
        } else {
            writeln!(out, "{key}")?;
        }
        Ok(())
    }

    fn purchase(&self) -> Result<Purchase, Failure> {
        let licence = |text: &String| -> Result<_, Failure> {
            let (feature, value) = split(text, "a licence", "FEATURE=VALUE")?;
            Ok((feature.parse::<Feature>()?, value.parse::<Value>()?))
        };
        let export = self.export.as_deref().map(|grade| match grade {
            "k9" => Export::K9,
            _ => Export::K8,
        });
        let licences = self.licences.iter().map(licence).collect::<Result<_, _>>()?;
        Ok(Purchase { licences, export })
    }

    fn duration(&self) -> Option<Duration> {
        let weeks = self.weeks.map(|weeks| DAY.saturating_mul(7).saturating_mul(weeks));
        weeks.or_else(|| self.days.map(|days| DAY.saturating_mul(days)))
    }

    fn unknown(&self, serial: &Serial) -> StoreError {
        let why = format!("what is registered for {serial} is no licence");
        StoreError::Damaged { path: self.authority.clone(), why }
    }
}

/// The secret as 64 hexadecimal digits, in a new file that only its owner may read.
fn write_secret(path: &Path, secret: &[u8; SECRET_LEN]) -> Result<(), StoreError> {
    let system = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
        _ => StoreError::System { path: path.to_owned(), error },
    };
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = Zeroizing::new(hexadecimal(secret));
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(system)
}

fn hexadecimal(secret: &[u8; SECRET_LEN]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    let digits = secret.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.chain(['\n']).collect()
}

/// Reads what [`write_secret`] wrote.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<[u8; SECRET_LEN]>, Failure> {
    let bad = || {
        let path = path.display();
        Failure::Failed(format!(
            "`{path}` is no unit's secret, which is {} hexadecimal digits",
            2 * SECRET_LEN
        ))
    };
    let file = fs::File::open(path)
        .map_err(|error| StoreError::System { path: path.to_owned(), error })?;
    let mut text = Zeroizing::new(String::new());
    // One digit and the line's end beyond it, to notice a longer file.
    let most = 2 * SECRET_LEN as u64 + 3;
    io::Read::read_to_string(&mut io::Read::take(file, most), &mut text).map_err(|_| bad())?;
    let digits = text.trim_end();
    if digits.len() != 2 * SECRET_LEN {
        return Err(bad());
    }
    let mut secret = Zeroizing::new([0; SECRET_LEN]);
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    for (byte, [high, low]) in secret.iter_mut().zip(pairs) {
        let half = |digit: &u8| char::from(*digit).to_digit(16).ok_or_else(bad);
        *byte = u8::try_from(half(high)? << 4 | half(low)?).map_err(|_| bad())?;
    }
    Ok(secret)
}
