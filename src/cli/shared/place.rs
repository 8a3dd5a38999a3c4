//! What the server and the participant have in common: the unit, its files, its secret, its run.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::load::LoadArgs;
use super::secret;
use crate::cli::Failure;
use crate::cli::operator::looked_at;
use crate::gate::Gate;
use crate::license::RunningLicense;
use crate::net::{Backoff, Secret};
use crate::pool::{Appetite, Label, Membership, ParticipantConfig};
use crate::serve::{About, Draw, Entry, Machine, Node, Parts, Wires};
use crate::store::{Books, Device, Kept};

#[derive(Args, Clone, Debug)]
pub(super) struct PlaceArgs {
    /// The file with the shared secret, 4 to 128 characters in one line, that only its owner can
    /// read; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// The unit's name in the server's lists [default: the machine's]
    #[arg(long)]
    hostname: Option<String>,
    /// Ask the pool for more when fewer sessions than this are free; 0 asks when they are used up,
    /// as the guides have it [default: 10, of the server 0]
    #[arg(long, value_name = "SESSIONS")]
    ahead: Option<u32>,
    /// Give sessions back when so many more would still be free
    #[arg(long, value_name = "SESSIONS", default_value = "25")]
    keep: u32,
    #[command(flatten)]
    load: LoadArgs,
    /// For trials: let the protocol's time pass so many times as fast, the same on every unit
    #[arg(long, value_name = "TIMES", default_value = "1", hide = true)]
    pace: NonZeroU32,
}

/// A unit that is about to take part.
pub(super) struct Place {
    args: PlaceArgs,
    state: PathBuf,
    pub(super) device: Device,
    pub(super) secret: Secret,
}

impl Place {
    pub(super) fn of(args: &PlaceArgs, state: &Path) -> Result<Self, Failure> {
        let device = looked_at(state)?;
        let secret = secret::read(&args.secret_file)?;
        Ok(Self { args: args.clone(), state: state.to_owned(), device, secret })
    }

    /// The licence in force on the unit.
    pub(super) fn license(&self) -> RunningLicense {
        self.device.running(self.device.configuration())
    }

    /// The books, and the unit in the new life that begins in them.
    pub(super) fn begin(
        &self,
        membership: Membership,
        ahead: u32,
    ) -> Result<(Books, Kept, ParticipantConfig), Failure> {
        let serial = *self.device.ring().serial();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let least = u64::try_from(since.as_millis()).unwrap_or_default();
        let (books, kept) = Books::open(&beside(&self.state, "shared"), serial, least)?;
        let own = ParticipantConfig {
            serial,
            incarnation: kept.incarnation,
            hostname: self.hostname()?,
            membership,
            appetite: Appetite { ahead: self.args.ahead.unwrap_or(ahead), keep: self.args.keep },
        };
        Ok((books, kept, own))
    }

    fn hostname(&self) -> Result<Label, Failure> {
        if let Some(name) = &self.args.hostname {
            return Ok(name.parse()?);
        }
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(name.trim().parse().unwrap_or_default())
    }

    /// Waits between attempts to connect, at the pace of the machines.
    pub(super) fn backoff(&self) -> Backoff {
        let Backoff { first, most } = Backoff::default();
        let pace = self.args.pace.get();
        Backoff { first: first / pace, most: most / pace }
    }

    /// Runs until the process is told to end.
    pub(super) async fn run(
        self,
        (machine, books): (Machine, Books),
        own_license: RunningLicense,
        wires: Wires,
        about: About,
    ) -> Result<(), Failure> {
        let gate = Gate::new(own_license.clone());
        self.args.load.start(&gate);
        let node = Node::new(Parts {
            machine,
            pace: self.args.pace,
            books: Arc::new(books),
            wires,
            draw: Draw::new(gate, own_license).map_err(crate::serve::ServeError::from)?,
            window: window(&self.state),
            about,
            log: Box::new(log),
        });
        let failed = |error| Failure::Failed(format!("cannot wait for signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(node.run(stop).await?)
    }
}

/// One thread for the network and the machine; the disk has threads of its own.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

/// The socket where the unit with this file is asked.
pub(super) fn window(state: &Path) -> PathBuf {
    beside(state, "sock")
}

fn beside(state: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(state);
    name.push(".");
    name.push(suffix);
    name.into()
}

fn log(entry: &Entry) {
    // One write, so that lines of several units in one terminal do not mix. Nothing can be told to
    // somebody whose standard error is closed.
    let _ = io::stderr().write_all(format!("{entry}\n").as_bytes());
}

/// Seconds as a person types them: `30` or `30s`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds = number.parse().map_err(|_| format!("`{text}` is no number of seconds, 30s"))?;
    Ok(Duration::from_secs(seconds))
}
