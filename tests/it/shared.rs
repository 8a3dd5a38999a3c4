//! Shared licensing end to end: a server, its backup and participants as processes, over real
//! sockets, with the server killed under load.
//!
//! Time passes ten times as fast for the machines: a refresh is a second, a takeover three.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tollgate::pool::Record;
use tollgate::serve::{Report, ask};
use tollgate::store::{Books, File, Office};

use crate::command::{Outcome, printed, tollgate};
use crate::store::SECRET;

/// The pool.
const SIZE: u64 = 500;

/// What a busy machine may take for anything that should take seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Units with keys in one folder, and those that run.
struct Site {
    folder: TempDir,
    running: Vec<Running>,
    /// By how many sessions the pool may be exceeded, by the server's word.
    may_be_exceeded: u64,
}

struct Running {
    name: &'static str,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const fn serial(index: usize) -> &'static str {
    ["JMX0912K041", "JMX0912K042", "JMX0912K043", "JMX0912K044", "JMX0912K045"][index]
}

impl Site {
    /// The first unit of `names` has a key for a server, the others for participants; each has 25
    /// sessions of its own.
    fn new(names: &[&str]) -> Self {
        let site =
            Self { folder: tempfile::tempdir().unwrap(), running: Vec::new(), may_be_exceeded: 0 };
        File::create(&site.path("authority"), &Office::new(SECRET)).unwrap();
        for (index, name) in names.iter().enumerate() {
            let licence = match index {
                0 => "shared-server=500",
                _ => "shared-participant=enabled",
            };
            site.unit(name, serial(index), &["--permanent", licence, "anyconnect-premium=25"]);
        }
        site.secret("secret", "correct horse battery staple\n");
        site
    }

    fn unit(&self, name: &str, serial: &str, licences: &[&str]) {
        let authority = self.file("authority");
        let of = ["--serial", serial, "--authority", &authority];
        let init = ["--state", &self.file(name), "device", "init", "--model", "ASA 5520"];
        printed(&[&init[..], &of].concat());
        let key = printed(&[&["issue"], &of[..], licences].concat());
        printed(&["--state", &self.file(name), "activation-key", key.trim_end()]);
    }

    fn secret(&self, name: &str, text: &str) {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).mode(0o600).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs a command on a unit to its end.
    fn run(&self, unit: &str, args: &[&str]) -> Outcome {
        tollgate(&[&["--state", &self.file(unit)], args].concat())
    }

    /// Makes two units a failover pair: its file is the first one's.
    fn pair(&self, name: &str, mate: &str) {
        let with = ["failover=active-standby", "--mate", &self.file(mate)];
        printed(&[&["--state", &self.file(name), "configure"], &with[..]].concat());
    }

    /// Starts a unit and returns what it says first.
    fn start(&mut self, name: &'static str, args: &[&str]) -> String {
        self.start_unit(name, name, args)
    }

    /// Starts the other unit of a pair.
    fn start_mate(&mut self, name: &'static str, pair: &str, unit: usize, args: &[&str]) -> String {
        self.start_unit(name, pair, &[args, &["--unit", serial(unit)]].concat())
    }

    fn start_unit(&mut self, name: &'static str, state: &str, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.args(["--state", &self.file(state)]).args(args);
        command.args(["--secret-file", &self.file("secret"), "--pace", "10"]);
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        self.running.push(Running { name, child, stdout });
        self.says(name)
    }

    /// The next line of a unit.
    fn says(&mut self, name: &str) -> String {
        let mut line = String::new();
        let unit = self.running.iter_mut().find(|it| it.name == name).unwrap();
        unit.stdout.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{name} ended: {}", self.log());
        line
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn take(&mut self, name: &str) -> Running {
        let place = self.running.iter().position(|it| it.name == name).unwrap();
        self.running.remove(place)
    }

    fn kill(&mut self, name: &str) {
        drop(self.take(name));
    }

    /// Asks a unit to end and waits until it has.
    fn end(&mut self, name: &str) {
        let mut running = self.take(name);
        let pid = running.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(running.child.wait().unwrap().success(), "{}", self.log());
        assert!(!self.path(&format!("{name}.sock")).exists(), "{name} left its socket");
    }

    fn ask(&self, name: &str) -> Option<Report> {
        ask(&self.path(&format!("{name}.sock"))).ok()
    }

    /// What a server that was killed has stored, looked at in a copy.
    fn stored(&self, name: &str) -> Vec<Record> {
        let copy = self.path("copy");
        fs::copy(self.path(&format!("{name}.shared")), &copy).unwrap();
        let (_, kept) = Books::open(&copy, serial(0).parse().unwrap(), 0).unwrap();
        fs::remove_file(copy).unwrap();
        kept.records
    }

    /// What participants hold, by serial number, where no two looks differ: all of it at one
    /// moment.
    fn held(&self) -> Option<Vec<(String, u32)>> {
        let look = || {
            let reports = self.running.iter().map(|it| self.ask(it.name));
            reports.map(|it| it.map(|it| (it.serial, it.device.held))).collect::<Option<Vec<_>>>()
        };
        let first = look()?;
        (look()? == first).then_some(first)
    }

    /// Waits for a condition, and checks on the way that no session is granted twice.
    fn wait(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) -> u32 {
        let (until, mut looks) = (Instant::now() + PATIENCE, 0);
        while !condition(self) {
            assert!(Instant::now() < until, "{what}: not in {PATIENCE:?}:\n{}", self.log());
            looks += self.check();
            sleep(Duration::from_millis(20));
        }
        looks + self.check()
    }

    /// No server grants more than the pool, and all units together hold no more. 1 where they could
    /// be looked at.
    fn check(&self) -> u32 {
        for report in self.running.iter().filter_map(|it| self.ask(it.name)) {
            let Some(pool) = report.pool.filter(|_| report.serving) else { continue };
            assert!(pool.granted <= SIZE, "{} granted {}", report.serial, pool.granted);
            let bound = pool.oversubscription_bound;
            assert!(bound <= self.may_be_exceeded, "{bound}, and the overlap is limited to 0");
        }
        let Some(held) = self.held() else { return 0 };
        let sum: u32 = held.iter().map(|(_, held)| held).sum();
        assert!(u64::from(sum) <= SIZE, "{held:?} of {SIZE}");
        1
    }

    fn server(&mut self, listen: &str, more: &[&str]) -> String {
        let args = ["license-server", "--refresh", "10", "--overlap", "0", "--listen", listen];
        let told = self.start("server", &[&args, more].concat());
        assert!(told.starts_with("serving 500 sessions at 127.0.0.1:"), "{told}");
        address(&told)
    }

    /// What the unit serves, where it does.
    fn granted(&self, name: &str) -> Option<u64> {
        self.ask(name).filter(|it| it.serving).and_then(|it| it.pool).map(|pool| pool.granted)
    }

    fn is_served_by(&self, name: &str, server: usize) -> bool {
        self.ask(name).is_some_and(|it| it.served_by.as_deref() == Some(serial(server)))
    }

    fn holds(&self, name: &str) -> u32 {
        self.ask(name).map_or(0, |it| it.device.held)
    }
}

/// The address in `serving 500 sessions at 127.0.0.1:41234, certificate …`.
fn address(told: &str) -> String {
    told.split(" at ").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

/// Local sessions first (G22), in steps of 50 (G21), the last one as far as it goes (G27), until the
/// pool has more again (G28, G29). The backup takes over with what it was told (G50, G54) and is a
/// participant before and after (G58); the server hears what it granted (G57).
#[test]
fn a_server_is_killed_under_load_and_its_backup_serves_until_it_is_back() {
    let mut site = Site::new(&["server", "backup", "first", "second", "third"]);
    let with_backup = ["--backup-id", serial(1)];
    let server = site.server("127.0.0.1:0", &with_backup);
    let backup = ["participant", "--server", &server, "--as-backup", "--listen", "127.0.0.1:0"];
    let backup = address(&site.start("backup", &backup));
    let both = ["participant", "--server", &server, "--backup", &backup, "--load", "220"];
    let three = ["first", "second", "third"];
    for name in three {
        site.start(name, &both);
    }

    // Each wants 250, so the pool runs dry; the backup has all of it in its copy.
    let copied = |site: &Site| {
        site.ask("backup").and_then(|it| it.pool).is_some_and(|pool| pool.granted == SIZE)
    };
    let mut looks = site.wait("the pool is granted", |site| site.granted("server") == Some(SIZE));
    looks += site.wait("the backup knows", copied);
    looks +=
        site.wait("they hold it", |site| three.map(|it| site.holds(it)).iter().sum::<u32>() == 500);
    let in_use =
        |name| site.ask(name).map(|it| it.device).map(|it| (it.in_use, it.local + it.held));
    for name in three {
        let (in_use, may_be) = in_use(name).unwrap();
        assert!(in_use <= u64::from(may_be), "{name}: {in_use} of {may_be}");
    }

    site.kill("server");
    for record in site.stored("server") {
        let name =
            three.iter().find(|it| site.ask(it).unwrap().serial == record.serial.to_string());
        assert!(name.is_none_or(|it| site.holds(it) == record.granted), "{record:?}");
    }
    looks += site.wait("the backup serves", |site| site.granted("backup") == Some(SIZE));
    for name in three {
        looks += site.wait("the backup serves it", |site| site.is_served_by(name, 1));
    }
    // What one gives back the backup gives to the others.
    site.end("first");
    let others = |site: &Site| (site.holds("second"), site.holds("third")) == (250, 250);
    looks += site.wait("the others have it", others);

    site.server(&server, &with_backup);
    looks += site.wait("the server serves again", |site| site.granted("server") == Some(SIZE));
    for name in ["second", "third", "backup"] {
        looks += site.wait("it is back", |site| site.is_served_by(name, 0));
    }
    assert!(!site.ask("backup").unwrap().serving);

    // The server knows what the backup did: nothing is left for one that comes again.
    site.start("first", &both);
    looks += site.wait("it is served", |site| site.is_served_by("first", 0));
    looks += site.wait("it asks in vain", |site| {
        let denials = site.ask("server").map(|it| it.denials).unwrap_or_default();
        denials.iter().any(|it| it.serial == serial(2) && it.reason == "license capacity reached")
    });
    site.end("second");
    looks += site.wait("it gets what is given back", |site| site.holds("first") == 250);
    assert!(looks > 10, "only {looks} looks at all units at once");
    for name in ["first", "third", "backup", "server"] {
        site.end(name);
    }
    let log = site.log();
    for told in [
        "%ASA-4-444109: Shared license backup server role change to active.",
        "%ASA-4-444109: Shared license backup server role change to inactive.",
        "%TOLLGATE-5-server-returned: Shared license server has resumed operation.",
    ] {
        assert!(log.contains(told), "{told} is not in:\n{log}");
    }
}

/// However often the server is killed while sessions come and go: what it has stored covers what
/// every participant holds, so it never grants a session twice.
#[test]
fn a_killed_server_knows_every_session_that_is_held() {
    let mut site = Site::new(&["server", "first", "second"]);
    let mut server = site.server("127.0.0.1:0", &[]);
    for (name, load, period) in [("first", "20..400", "1"), ("second", "0..300", "2")] {
        let args = ["participant", "--server", &server, "--load", load, "--load-period", period];
        site.start(name, &args);
    }
    for round in 0..5 {
        for (name, least) in [("first", 100 + round), ("second", 50)] {
            site.wait("it has sessions", |site| {
                site.is_served_by(name, 0) && site.holds(name) >= least
            });
        }
        site.kill("server");
        let stored = site.stored("server");
        assert!(stored.iter().map(|it| u64::from(it.granted)).sum::<u64>() <= SIZE);
        for name in ["first", "second"] {
            let report = site.ask(name).unwrap();
            let record = stored.iter().find(|it| it.serial.to_string() == report.serial).unwrap();
            let held = report.device.held;
            assert!(held <= record.exposed, "{name} holds {held}: {record:?}");
        }
        server = site.server(&server, &[]);
    }
}

/// An address that nobody listens at now.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The standby unit of a pair of servers is the server as soon as the active one is gone, with its
/// books, and not the backup (G66, G67).
#[test]
fn the_standby_of_a_pair_of_servers_serves_at_once() {
    let mut site = Site::new(&["server", "mate", "branch"]);
    site.pair("server", "mate");
    let server = site.server("127.0.0.1:0", &[]);
    let mate = ["license-server", "--overlap", "0", "--refresh", "10", "--listen", &server];
    let told = site.start_mate("server.JMX0912K042", "server", 1, &mate);
    assert_eq!(told, "JMX0912K042 on standby, until the active unit of its pair ends\n");
    let shown = site.run("server", &["show", "shared", "license", "--unit", serial(1)]);
    assert_eq!(shown.stdout, told.replace(" on", " is on"));
    site.start("branch", &["participant", "--server", &server, "--load", "220"]);
    site.wait("it has sessions", |site| site.holds("branch") == 250);

    site.kill("server");
    let told = site.says("server.JMX0912K042");
    assert!(told.starts_with("serving 500 sessions at 127.0.0.1:"), "{told}");
    site.wait("the standby serves", |site| site.granted("server.JMX0912K042") == Some(250));
    site.wait("it serves the branch", |site| site.is_served_by("branch", 1));
    assert_eq!(site.holds("branch"), 250);

    // Who comes back finds the books in use, and is on standby now.
    let told = site.start("server", &mate);
    assert_eq!(told, "JMX0912K041 on standby, until the active unit of its pair ends\n");
    let shown =
        |unit: &[&str]| site.run("server", &[&["show", "shared", "license"], unit].concat());
    assert!(shown(&["--unit", serial(1)]).stdout.starts_with("Shared license utilization:"));
    assert_eq!(shown(&[]).stdout, told.replace(" on", " is on"));
    site.end("server.JMX0912K042");
    assert!(site.says("server").starts_with("serving 500 sessions"));
    site.wait("it serves again", |site| site.is_served_by("branch", 0));
    assert_eq!((site.granted("server"), site.holds("branch")), (Some(250), 250));
}

/// Both units of a pair of participants register, each with an ID of its own (G72); the one that was
/// on standby has what the active one had, and no more (G73 to G75).
#[test]
fn the_sessions_of_a_pair_of_participants_move() {
    sessions_of_a_pair_move(Site::kill);
}

/// In good order too, though another unit is short of what they have.
#[test]
fn the_sessions_of_a_pair_move_when_the_active_unit_ends_in_good_order() {
    sessions_of_a_pair_move(Site::end);
}

fn sessions_of_a_pair_move(end: impl FnOnce(&mut Site, &str)) {
    let mut site = Site::new(&["server", "branch", "mate", "other"]);
    site.pair("branch", "mate");
    let server = site.server("127.0.0.1:0", &[]);
    let args = ["participant", "--server", &server, "--load", "220"];
    site.start("branch", &args);
    // Of the pair's own licences there are 50.
    site.wait("it has sessions", |site| site.holds("branch") == 200);
    let told = site.start_mate("branch.JMX0912K043", "branch", 2, &args);
    assert_eq!(told, format!("participant JMX0912K043 of {server}, on standby\n"));
    site.wait("both are known", |site| {
        let clients = site.ask("server").map(|it| it.clients).unwrap_or_default();
        clients.iter().filter(|it| it.standing == "registered").count() == 3
    });
    assert_eq!((site.holds("branch.JMX0912K043"), site.granted("server")), (0, Some(200)));
    site.start("other", &["participant", "--server", &server, "--load", "500"]);
    site.wait("the other one is short", |site| site.holds("other") == 300);

    // As far as the server knows, the unit that was active is cut off and has them too.
    site.may_be_exceeded = 200;
    end(&mut site, "branch");
    // All of them, and none went to the unit that is short. What the mate does not use by then it
    // gives back like everybody.
    let moved = "Transferred 200 shared license(s) from JMX0912K042 to JMX0912K043.";
    site.wait("they moved", |site| site.log().contains(moved));
    let report = site.ask("server").unwrap();
    let granted = |unit| report.clients.iter().find(|it| it.serial == unit).unwrap().granted;
    assert_eq!(granted(serial(1)), 0);
    let transfers = report.messages.iter().find(|it| it.request == "Transfer").unwrap();
    assert_eq!((transfers.received, transfers.errors), (1, 0));
    let mate = site.ask("branch.JMX0912K043").unwrap().device;
    assert!(mate.in_use <= u64::from(mate.local + mate.held), "{mate:?}");
}

/// The standby unit of a pair of backups serves after both servers and the first backup are gone
/// (G68, G69), for as long as was left (G70). Participants know of the backup by the server's word,
/// also when they were started after it ended (G15).
#[test]
fn the_standby_of_a_pair_of_backups_counts_on_and_is_known() {
    let mut site = Site::new(&["server", "backup", "mate", "branch"]);
    site.pair("backup", "mate");
    let at = free_address();
    let of = ["--backup", &at, "--backup-id", serial(1), "--ha-backup-id", serial(2)];
    let server = site.server("127.0.0.1:0", &of);
    let args = ["participant", "--server", &server, "--as-backup", "--listen", &at, "--load", "60"];
    site.start("backup", &args);
    site.start_mate("backup.JMX0912K043", "backup", 2, &args);
    let branch = ["participant", "--server", &server, "--load", "120"];
    site.start("branch", &branch);
    // The branch has 150. Of the pair's own licences there are 50, so it has one step.
    let copied =
        |site: &Site| site.ask("backup").and_then(|it| it.pool).is_some_and(|it| it.granted == 200);
    site.wait("the backup knows", copied);
    assert_eq!(site.holds("backup"), 50);

    site.kill("server");
    site.wait("the backup serves", |site| site.is_served_by("branch", 1));
    site.end("branch");
    site.start("branch", &branch);
    site.wait("it remembers where", |site| {
        site.is_served_by("branch", 1) && site.holds("branch") == 150
    });
    let left = |site: &Site, name| site.ask(name).and_then(|it| it.seconds_to_serve);
    let before = left(&site, "backup").unwrap();
    // As far as the next one knows, the unit that was active is cut off and has them too.
    site.may_be_exceeded = 50;
    site.kill("backup");
    site.says("backup.JMX0912K043");
    site.wait("its standby serves", |site| site.is_served_by("branch", 2));
    let after = left(&site, "backup.JMX0912K043").unwrap();
    // What is stored is by the minute. A backup that knew nothing of it could not serve at all.
    assert!(after <= before + 60, "{after} after {before}");
    assert_eq!(site.holds("branch"), 150);

    // What the first one had as a participant has moved, and is not granted twice.
    site.wait("its sessions moved", |site| site.holds("backup.JMX0912K043") == 50);
    let clients = site.ask("backup.JMX0912K043").unwrap().clients;
    let granted = |unit| clients.iter().find(|it| it.serial == unit).map_or(0, |it| it.granted);
    assert_eq!([1, 2, 3].map(|unit| granted(serial(unit))), [0, 50, 150]);
}

/// A key that is entered while the unit runs is in force at once; what takes its part away ends it in
/// good order.
#[test]
fn what_is_entered_on_a_unit_that_runs_counts_at_once() {
    let mut site = Site::new(&["server", "branch"]);
    let server = site.server("127.0.0.1:0", &[]);
    site.start("branch", &["participant", "--server", &server, "--load", "120"]);
    site.wait("it has sessions", |site| site.holds("branch") == 150);
    let enter = |site: &Site, licences: &[&str]| {
        let authority = site.file("authority");
        let of = ["issue", "--serial", serial(1), "--authority", &authority, "--permanent"];
        let key = printed(&[&of[..], licences].concat());
        printed(&["--state", &site.file("branch"), "activation-key", key.trim_end()]);
    };
    enter(&site, &["shared-participant=enabled", "anyconnect-premium=100"]);
    site.wait("it has more of its own", |site| {
        let device = site.ask("branch").unwrap().device;
        (device.local, device.held, device.in_use) == (100, 100, 120)
    });
    site.wait("a step is given back", |site| site.granted("server") == Some(100));

    // Multiple contexts take the shared licence away (G43).
    printed(&["--state", &site.file("branch"), "configure", "contexts=multiple"]);
    let mut branch = site.take("branch");
    assert_eq!(branch.child.wait().unwrap().code(), Some(1));
    let why = "error: `shared-participant` is not in force:";
    assert!(site.log().contains(why), "{}", site.log());
    site.wait("it gave back", |site| site.granted("server") == Some(0));
}

/// A unit with two addresses is one unit: a participant that reaches it by both is served all the
/// time, whichever connection the server keeps.
#[test]
fn a_server_with_two_addresses_serves_all_the_time() {
    let mut site = Site::new(&["server", "branch"]);
    let listen = ["license-server", "--refresh", "10", "--listen", "0.0.0.0:0"];
    let told = address(&site.start("server", &listen));
    let port = told.rsplit(':').next().unwrap();
    let [one, other] = ["127.0.0.1", "127.0.0.2"].map(|it| format!("{it}:{port}"));
    site.start("branch", &["participant", "--server", &one, "--server", &other, "--load", "60"]);
    site.wait("it is served", |site| site.is_served_by("branch", 0) && site.holds("branch") == 50);
    let came = |site: &Site| site.ask("server").unwrap().network.up;
    let before = came(&site);
    let (mut looks, mut served) = (0, 0);
    site.wait("it comes by turns", |site| {
        looks += 1;
        served += u32::from(site.is_served_by("branch", 0));
        looks > 100 && came(site) > before + 10
    });
    // For a moment after it lost one connection it may have none.
    assert!(served * 10 > looks * 8, "served at {served} of {looks} looks");
}

/// The secret may come from a pipe, which can be read once.
#[test]
fn the_secret_comes_from_standard_input() {
    let mut site = Site::new(&["server"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["--state", &site.file("server"), "license-server", "--secret-file", "-"]);
    command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"correct horse battery staple\n").unwrap();
    drop(stdin);
    let stdout = BufReader::new(child.stdout.take().unwrap());
    site.running.push(Running { name: "server", child, stdout });
    assert!(site.says("server").starts_with("serving 500 sessions at 127.0.0.1:"));
}

/// G9
#[test]
fn whoever_has_another_secret_is_not_served() {
    let mut site = Site::new(&["server", "stranger"]);
    let server = site.server("127.0.0.1:0", &[]);
    site.secret("secret", "another horse battery staple\n");
    site.start("stranger", &["participant", "--server", &server, "--load", "50"]);
    let refused = "the proof is wrong: another shared secret, or somebody between the two units";
    let count = |site: &Site, name, cause: &str| {
        let ended = site.ask(name).map(|it| it.network.ended).unwrap_or_default();
        ended.iter().find(|it| it.0 == cause).map_or(0, |it| it.1)
    };
    site.wait("it is refused twice", |site| count(site, "server", refused) >= 2);
    let stranger = site.ask("stranger").unwrap();
    assert_eq!((stranger.device.held, stranger.device.in_use, stranger.network.up), (0, 25, 0));
    assert!(site.log().contains(&format!("%TOLLGATE-4-refused: {refused}, from 127.0.0.1:")));
    let server = site.ask("server").unwrap();
    assert!(server.clients.iter().all(|it| it.serial != serial(1)));
}

/// No server key (G5), no participant key (G6), sizes (G38), the interval (G13), the secret (G10).
#[test]
fn what_cannot_take_part_is_told_why() {
    let site = Site::new(&["server", "participant"]);
    site.secret("short", "abc\n");
    site.secret("open", "correct horse battery staple\n");
    printed(&["--state", &site.file("participant"), "configure", "contexts=single"]);
    assert!(Command::new("chmod").arg("644").arg(site.path("open")).status().unwrap().success());
    let (secret, short, open) = (site.file("secret"), site.file("short"), site.file("open"));
    let to = ["participant", "--server", "127.0.0.1:1", "--secret-file"];
    let server = ["license-server", "--secret-file", &secret];
    let mut told = String::new();
    let mut refused = |unit: &str, args: &[&str]| {
        let run = site.run(unit, args);
        assert_ne!(run.status, Some(0), "{args:?}");
        assert_eq!(run.stdout, "");
        told += &run.stderr.replace(site.folder.path().to_str().unwrap(), "FOLDER");
    };
    refused("participant", &[&server[..], &["--size", "500"]].concat());
    refused("server", &[&to[..], &[&secret]].concat());
    refused("server", &[&server[..], &["--size", "1000"]].concat());
    refused("server", &[&server[..], &["--size", "250"]].concat());
    refused("server", &[&server[..], &["--refresh", "9"]].concat());
    refused("server", &[&server[..], &["--refresh", "soon"]].concat());
    refused("server", &[&server[..], &["--backup-id", serial(0)]].concat());
    refused("server", &[&server[..], &["--reserve", "JMX0912K042=600"]].concat());
    refused("server", &[&server[..], &["--cap", "JMX0912K042"]].concat());
    refused("server", &[&server[..], &["--certificate", &secret, "--key", &secret]].concat());
    refused("participant", &[&to[..], &[&short]].concat());
    refused("participant", &[&to[..], &[&open]].concat());
    refused("participant", &[&to[..], &[&site.file("none")]].concat());
    refused("participant", &[&to[..], &[&secret, "--pin", "0A"]].concat());
    refused("participant", &["show", "shared", "license"]);
    refused("participant", &["show", "shared", "license", "detail", "JMX0912K042"]);
    insta::assert_snapshot!(told);
}

/// A unit that says the figures of the sample of a real one.
#[test]
fn i10_the_server_is_shown_as_a_real_one_is() {
    let site = Site::new(&["server"]);
    let message = |request: &str, sent: u64, received: u64, errors: u64| json!({"request": request, "sent": sent, "received": received, "errors": errors});
    let report = json!({
        "serial": "JMX0912K041", "role": "server", "serving": true,
        "pool": {
            "size": 5000, "granted": 100, "free": 4900, "high": 100, "reserved": 0, "stranded": 0,
            "oversubscription_bound": 0,
        },
        "device": {
            "platform": 5000, "local": 0, "held": 50, "wanted": 50, "high": 100, "in_use": 12,
            "refused": 0,
        },
        "messages": [
            message("Registration", 441_798, 441_789, 9), message("Get", 28, 28, 0),
            message("Release", 27, 27, 0), message("Transfer", 0, 0, 0),
            message("Refresh", 7, 7, 0),
        ],
        "clients": [{
            "serial": "JMX1111", "hostname": "vpn-asa-01", "standing": "registered",
            "granted": 50, "stranded": 0, "used": 40, "high": 50, "room": 700, "reserved": 0,
        }],
        "denials": [],
        "network": {"connected": 1, "up": 1, "ended": []},
    });
    let listener = UnixListener::bind(site.path("server.sock")).unwrap();
    let text = report.to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.write_all(text.as_bytes());
        }
    });
    let shown = site.run("server", &["show", "shared", "license"]).stdout;
    assert_eq!(shown, include_str!("show-shared-license.server.txt"));
    let json = site.run("server", &["show", "shared", "license", "--json"]).stdout;
    assert_eq!(serde_json::from_str::<Json>(&json).unwrap()["pool"], report["pool"]);
    let client = |host| site.run("server", &["show", "shared", "license", "client", host]);
    assert_eq!(client("vpn-asa-01").stdout, client("jmx1111").stdout);
    assert_eq!(client("vpn-asa-02").status, Some(1));
    for what in ["client", "backup", "detail"] {
        assert_eq!(site.run("server", &["show", "shared", "license", what]).status, Some(0));
    }
}
