//! What the server and the participant have in common: the unit, its files, its secret, its run.

use std::ffi::OsString;
use std::fs;
use std::future::pending;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::load::LoadArgs;
use super::secret;
use super::watch::{Judge, Standing, Watch};
use crate::cli::Failure;
use crate::cli::operator::looked_at;
use crate::cli::text::tell;
use crate::gate::Gate;
use crate::license::GroupMode;
use crate::license::key::Serial;
use crate::net::{Backoff, PORT, Secret};
use crate::pool::{Appetite, Label, Machine, Membership, ParticipantConfig};
use crate::serve::{self, About, Dial, Draw, Leave, Node, Order, Parts, Wires};
use crate::store::{Books, Device, Kept, StoreError};

/// How often a unit on standby looks whether it is needed.
const STANDBY_LOOK: Duration = Duration::from_millis(100);

#[derive(Args, Clone, Debug)]
pub(super) struct PlaceArgs {
    /// The file with the shared secret, 4 to 128 characters in one line, that only its owner can
    /// read; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    /// Which unit of its failover pair this is [default: the first]. The unit that is started first
    /// is the active one; the other one is on standby until that one ends
    #[arg(long, value_name = "SERIAL")]
    unit: Option<Serial>,
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
    /// Which unit of its failover pair this is.
    pub(super) serial: Serial,
    /// The other unit of the pair.
    pub(super) mate: Option<Serial>,
}

/// What the books said when they were opened.
pub(super) struct Opened {
    pub(super) books: Books,
    pub(super) kept: Kept,
    /// Whether the other unit of the pair had them until now.
    pub(super) waited: bool,
}

impl Opened {
    /// The unit whose place this one has: the last that had the books.
    pub(super) fn predecessor(&self, serial: Serial) -> Option<Serial> {
        self.kept.last.filter(|last| *last != serial)
    }
}

impl Place {
    pub(super) fn of(args: &PlaceArgs, state: &Path) -> Result<Self, Failure> {
        let device = looked_at(state)?;
        let units: Vec<Serial> = device.members().iter().map(|it| *it.ring.serial()).collect();
        let serial = args.unit.unwrap_or(units[0]);
        if !units.contains(&serial) {
            let known: Vec<_> = units.iter().map(ToString::to_string).collect();
            return Err(Failure::Failed(format!(
                "{serial} is no unit of `{}`, which is of {}; `configure \
                 failover=active-standby --mate FILE` forms a pair",
                state.display(),
                known.join(" and "),
            )));
        }
        let pair = device.group().is_some_and(|it| it.mode() == GroupMode::ActiveStandby);
        let mate = units.iter().copied().find(|unit| pair && *unit != serial);
        let secret = secret::read(&args.secret_file)?;
        Ok(Self { args: args.clone(), state: state.to_owned(), device, secret, serial, mate })
    }

    /// The same with the unit's file as it is by now.
    pub(super) fn looked_at_again(self) -> Result<Self, Failure> {
        let device = looked_at(&self.state)?;
        Ok(Self { device, ..self })
    }

    /// Opens the books. Nothing where the other unit of the pair has them.
    fn open(&self) -> Result<Option<Opened>, Failure> {
        let units: Vec<Serial> = [self.serial].into_iter().chain(self.mate).collect();
        let path = beside(&self.state, "shared");
        match Books::open_of_pair(&path, &units, self.serial, moment()) {
            Ok((books, kept)) => Ok(Some(Opened { books, kept, waited: false })),
            Err(StoreError::InUse { .. }) if self.mate.is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the books, on standby until the other unit of the pair has ended. Nothing where this
    /// one is told to end before.
    pub(super) async fn books(
        &self,
        role: &str,
        out: &mut impl Write,
    ) -> Result<Option<Opened>, Failure> {
        if let Some(opened) = self.open()? {
            return Ok(Some(opened));
        }
        writeln!(out, "{} on standby, until the active unit of its pair ends", self.serial)?;
        out.flush()?;
        let mut stop = pin!(stop_signal()?);
        let waiting = async {
            loop {
                tokio::select! {
                    () = &mut stop => return Ok(None),
                    () = sleep(STANDBY_LOOK) => {}
                }
                if let Some(opened) = self.open()? {
                    return Ok(Some(Opened { waited: true, ..opened }));
                }
            }
        };
        serve::on_standby(&self.window(), &self.serial, role, waiting).await?
    }

    /// The books of a participant, which is a participant on standby where it cannot have them.
    pub(super) fn books_or_standby(&self) -> Result<Option<Opened>, Failure> {
        self.open()
    }

    /// The unit as a participant, in the life of this number.
    pub(super) fn own(
        &self,
        membership: Membership,
        incarnation: u64,
        ahead: u32,
    ) -> Result<ParticipantConfig, Failure> {
        Ok(ParticipantConfig {
            serial: self.serial,
            incarnation,
            hostname: self.hostname()?,
            membership,
            appetite: Appetite { ahead: self.args.ahead.unwrap_or(ahead), keep: self.args.keep },
        })
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

    /// Runs until the process is told to end, or the unit may no longer take part.
    pub(super) async fn run(self, role: Role) -> Result<(), Failure> {
        let Role { machine, opened, standing, judge, wires, dial, about } = role;
        let (serial, own) = (self.serial, standing.own.clone());
        let gate = Gate::new(own.clone());
        let (orders, received) = mpsc::unbounded_channel();
        let window = self.window();
        let books = opened.map(|opened| {
            self.args.load.start(&gate);
            if let Some(of) = opened.predecessor(serial) {
                let _ = orders.send(Order::TakeOver { of });
            }
            Arc::new(opened.books)
        });
        let node = Node::new(Parts {
            machine,
            pace: self.args.pace,
            books: books.clone(),
            wires,
            dial,
            orders: received,
            draw: Draw::new(gate.clone(), own).map_err(crate::serve::ServeError::from)?,
            window,
            about,
            log: Box::new(|entry| tell(entry)),
        });
        let watched = Watch::new(&self.state, judge, standing)?;
        let active = async {
            match books {
                Some(_) => pending().await,
                None => self.become_active(&gate, &orders).await,
            }
        };
        let (ended, why) = oneshot::channel();
        let watching = async {
            let failure = tokio::select! {
                failure = watched.until_it_may_not(&orders) => failure,
                failure = active => failure,
            };
            let _ = ended.send(failure);
            pending::<()>().await;
        };
        let (signal, mut failure) = (stop_signal()?, None);
        let stop = async {
            tokio::select! {
                () = signal => if self.mate_waits() { Leave::HandOver } else { Leave::GiveBack },
                why = why => {
                    failure = why.ok();
                    Leave::GiveBack
                }
            }
        };
        tokio::select! {
            run = node.run(stop) => run?,
            () = watching => {}
        }
        failure.map_or(Ok(()), Err)
    }

    /// Waits until the other unit of the pair has ended, and has this one take its place. Gives
    /// back why that cannot be.
    async fn become_active(&self, gate: &Gate, orders: &UnboundedSender<Order>) -> Failure {
        let opened = loop {
            sleep(STANDBY_LOOK).await;
            match self.open() {
                Ok(Some(opened)) => break opened,
                Ok(None) => {}
                Err(failure) => return failure,
            }
        };
        tell(&format_args!("%TOLLGATE-5-active: {} is the active unit of its pair", self.serial));
        self.args.load.start(gate);
        // Until what is in use is seen at the gate.
        sleep(STANDBY_LOOK).await;
        let of = opened.predecessor(self.serial).unwrap_or(self.serial);
        let _ = orders.send(Order::TakeOver { of });
        // The pair's books are this unit's until it ends.
        let _held = opened.books;
        pending().await
    }

    /// Whether the other unit of the pair runs, and takes over what this one has.
    fn mate_waits(&self) -> bool {
        let mate = self.mate.map(|mate| self.window_of(mate));
        mate.is_some_and(|window| UnixStream::connect(window).is_ok())
    }

    /// The socket where this unit is asked.
    fn window(&self) -> PathBuf {
        self.window_of(self.serial)
    }

    fn window_of(&self, unit: Serial) -> PathBuf {
        let first = self.device.members().first().map(|it| *it.ring.serial());
        window(&self.state, Some(unit).filter(|it| Some(*it) != first))
    }
}

/// What a unit is to run as.
pub(super) struct Role {
    pub(super) machine: Machine,
    /// The books; none on standby.
    pub(super) opened: Option<Opened>,
    /// What it is by its file, which may change.
    pub(super) standing: Standing,
    pub(super) judge: Judge,
    pub(super) wires: Wires,
    pub(super) dial: Option<Dial>,
    pub(super) about: About,
}

/// The least number of a new life: the time of day, so that it is a later one whatever was lost.
pub(super) fn moment() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// When the process is told to end.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let failed = |error| Failure::Failed(format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    // Whoever has the file read again means a unit that is active; one on standby goes on.
    let _ = signal(SignalKind::hangup()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// One thread for the network and the machine; the disk has threads of its own.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("cannot start: {error}")))
}

/// The socket where the unit with this file is asked; `mate` is another unit of a pair than its
/// first.
pub(super) fn window(state: &Path, mate: Option<Serial>) -> PathBuf {
    match mate {
        Some(serial) => beside(state, &format!("{serial}.sock")),
        None => beside(state, "sock"),
    }
}

fn beside(state: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(state);
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Seconds as a person types them: `30` or `30s`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text);
    let seconds = number.parse().map_err(|_| format!("`{text}` is no number of seconds, 30s"))?;
    Ok(Duration::from_secs(seconds))
}

/// An address to listen at as a person types it: with the guides' port where none is given (G11).
pub(super) fn listening(text: &str) -> Result<SocketAddr, String> {
    let whole = text.parse().or_else(|_| {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<IpAddr>().map(|address| SocketAddr::new(address, PORT))
    });
    whole.map_err(|_| {
        format!(
            "`{text}` is no address of this machine; use ADDRESS or ADDRESS:PORT, such as \
             0.0.0.0:{PORT}, and an IPv6 address in brackets"
        )
    })
}

/// A server's address as a person types it: with the guides' port where none is given (G11).
pub(super) fn address(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{text}` is no address; use HOST or HOST:PORT, with a port of 1 to 65535 and an IPv6 \
             address in brackets"
        )
    };
    let text = text.trim();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let good = if let Some(v6) = bare {
        v6.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        let of_a_name = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
        !host.is_empty() && host.chars().all(of_a_name)
    };
    let port = port.map_or(Ok(PORT), str::parse).ok().filter(|port: &u16| *port > 0);
    match port {
        Some(port) if good => Ok(format!("{host}:{port}")),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G11
    #[test]
    fn a_server_has_an_address_and_a_port() {
        for (text, whole) in [
            ("10.1.1.1", "10.1.1.1:50554"),
            ("hq.example.com:1", "hq.example.com:1"),
            ("hq:65535", "hq:65535"),
            ("[2001:db8::1]", "[2001:db8::1]:50554"),
            ("[2001:db8::1]:7", "[2001:db8::1]:7"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(whole), "{text}");
        }
        for wrong in ["", ":1", "hq:", "hq:0", "hq:65536", "a b", "2001:db8::1", "[hq]:1", "hq:x"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
