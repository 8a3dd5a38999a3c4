//! This project's server, and participants that are its own state machines over its own network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::key::Serial;
use tollgate::license::{RunningLicense, Unit};
use tollgate::net::{Backoff, Dial, Dialer, Event, Limits, Peer, Role, Secret};
use tollgate::pool::{
    Appetite, Link, Membership, Message, Output, Participant, ParticipantConfig, Request,
};

use super::gate::Dialing;
use super::member::{Board, Member};
use super::process::Process;

const SERVER: &str = "JMX0912K041";
const SECRET: &str = "correct horse battery staple";

/// A licensing server with its files.
pub(crate) struct Site {
    folder: PathBuf,
    port: u16,
    secret: Secret,
    /// What a participant has.
    pub(crate) license: RunningLicense,
}

impl Site {
    /// A unit with a key for half a million sessions.
    pub(crate) fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).expect("a folder");
        let file = |name: &str| folder.join(name).to_str().expect("a path in UTF-8").to_owned();
        let (authority, unit) = (file("authority"), file("server"));
        let of = ["--serial", SERVER, "--authority", &authority];
        command(&["authority", "init", "--file", &authority]);
        let init = ["--state", &unit, "device", "init", "--model", "ASA 5520"];
        command(&[&init, &of[..]].concat());
        let bought = ["--permanent", "shared-server=545000"];
        let key = command(&[&["issue"], &of[..], &bought].concat());
        command(&["--state", &unit, "activation-key", key.trim()]);
        fs::write(folder.join("secret"), SECRET).expect("a file");
        let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(folder.join("secret"), owner).expect("a mode");
        let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).expect("a model"));
        unit.add(Feature::SharedParticipant, Value::Enabled).expect("a licence");
        let secret = Secret::parse(SECRET).expect("a secret");
        let license = RunningLicense::of(&unit);
        Self { folder: folder.to_owned(), port: 0, secret, license }
    }

    /// Starts the server, on the port that it had before.
    pub(crate) fn start(&mut self, core: usize) -> Process {
        let file = |name: &str| self.folder.join(name);
        let mut server = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        server.arg("--state").arg(file("server")).arg("license-server");
        server.arg("--secret-file").arg(file("secret")).args(["--per-address", "12000"]);
        server.arg("--listen").arg(format!("0.0.0.0:{}", self.port));
        let mut process = Process::start(&server, core, &file("log"));
        process.wait_for_line();
        let told = &process.first_line;
        let port = told.split(',').next().and_then(|it| it.rsplit(':').next());
        self.port = port.and_then(|it| it.parse().ok()).expect("a port");
        process
    }

    /// Where a participant connects: another address of this machine for every thousand, so that no
    /// pair of addresses runs out of ports.
    pub(crate) fn address(&self, unit: usize) -> String {
        format!("127.0.0.{}:{}", unit / 1000 + 1, self.port)
    }

    /// Connects as `serial`, in the runtime where it is called.
    pub(crate) fn dialing(&self, unit: usize, serial: Serial, backoff: Backoff) -> Dialing {
        let dial = Dial {
            address: self.address(unit),
            me: Peer { role: Role::Participant, serial },
            secret: self.secret.clone(),
            server: None,
            pin: None,
            limits: Limits::default(),
            backoff,
        };
        Box::new(move || Dialer::start(dial).expect("TLS"))
    }

    pub(crate) fn member(&self, unit: usize) -> TollgateMember {
        let serial = format!("JMX{unit:08}").parse().expect("a serial number");
        let config = ParticipantConfig {
            serial,
            incarnation: now_ms(),
            hostname: format!("branch-{unit}").parse().expect("a name"),
            membership: Membership::participant(&self.license).expect("a licence"),
            appetite: Appetite { ahead: 0, keep: 0 },
        };
        let mut machine = Participant::new(Duration::ZERO, config);
        machine.set_demand(Duration::ZERO, STEADY);
        let start = Instant::now();
        let dialer = self.dialing(unit, serial, Backoff::default())();
        TollgateMember { machine, dialer, start, ahead: Duration::ZERO }
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(1, |it| u64::try_from(it.as_millis()).unwrap_or(1))
}

/// Runs the project's command to its end.
pub(crate) fn command(args: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(args).output().expect("a command");
    assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("text")
}

/// Sessions in use at a participant, of which the model's own licence has two: it holds a step.
const STEADY: u32 = 40;

/// A participant.
pub(crate) struct TollgateMember {
    machine: Participant,
    dialer: Dialer,
    start: Instant,
    /// By how much its time is ahead: so a refresh is due when a measurement wants one.
    ahead: Duration,
}

impl TollgateMember {
    fn now(&self) -> Duration {
        self.start.elapsed() + self.ahead
    }

    /// Sends what the machine has to say.
    fn drain(&mut self) {
        while let Some(output) = self.machine.poll() {
            if let Output::Send { to, message } = output {
                // What cannot be sent now is sent again.
                let _ = self.dialer.send(&to, message.encode());
            }
        }
    }

    /// Lives until `done`.
    async fn until(&mut self, done: impl Fn(&Participant) -> bool) {
        loop {
            self.drain();
            if done(&self.machine) {
                return;
            }
            let due = self.machine.next_timeout().unwrap_or(Duration::MAX);
            let due = (self.start + Duration::from_secs(86_400)).min(self.instant(due));
            tokio::select! {
                event = self.dialer.next() => self.hear(event),
                () = sleep_until(due) => self.machine.handle_timeout(self.now()),
            }
        }
    }

    fn instant(&self, due: Duration) -> Instant {
        let wait = due.saturating_sub(self.now()) + Duration::from_nanos(1);
        Instant::now() + wait.min(Duration::from_secs(3600))
    }

    fn hear(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Up(peer) => self.machine.handle_link(now, peer.serial, Link::Up),
            Event::Down(peer, _) => self.machine.handle_link(now, peer.serial, Link::Down),
            Event::Frame(peer, frame) => {
                let message = Message::decode(&frame).expect("a message");
                self.machine.handle_message(now, peer.serial, &message);
            }
            _ => {}
        }
    }

    fn answered(&self, request: Request) -> u64 {
        self.machine.tallies().of(request).received
    }
}

impl Member for TollgateMember {
    async fn up(&mut self) {
        self.until(|it| it.server().is_some() && it.held() >= it.wanted()).await;
    }

    async fn hold(&mut self, board: &Board) {
        let mut seen = self.answered(Request::Refresh);
        while self.machine.server().is_some() {
            self.until(|it| {
                it.server().is_none() || it.tallies().of(Request::Refresh).received > seen
            })
            .await;
            if self.answered(Request::Refresh) > seen {
                seen = self.answered(Request::Refresh);
                board.refreshed();
            }
        }
    }

    async fn refresh(&mut self) {
        let seen = self.answered(Request::Refresh);
        self.ahead += super::member::REFRESH;
        self.machine.handle_timeout(self.now());
        self.until(|it| it.tallies().of(Request::Refresh).received > seen).await;
    }

    async fn take(&mut self) {
        self.machine.set_demand(self.now(), STEADY + 50);
        self.until(|it| it.held() == 100).await;
    }

    async fn give(&mut self) {
        let seen = self.answered(Request::Release);
        self.machine.set_demand(self.now(), STEADY);
        self.until(|it| it.tallies().of(Request::Release).received > seen).await;
    }
}
