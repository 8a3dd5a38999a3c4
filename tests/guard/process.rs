//! The guard as a process in the router's namespace.

use std::fs::{self, File};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::site::{Place, Site};

/// What takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guard that runs; it is killed when it is dropped.
pub(crate) struct Guard {
    child: Child,
    folder: TempDir,
}

/// Another program, killed when it is dropped.
pub(crate) struct Program(pub(crate) Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended.
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

/// How things stood when a guard ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) report: Value,
    pub(crate) errors: String,
}

impl Guard {
    /// Starts a guard with its rules and waits until it judges packets.
    pub(crate) fn start(site: &Site, arguments: &str) -> Self {
        Self::start_bare(site, &format!("{arguments} --install-rules"))
    }

    /// The same without rules.
    pub(crate) fn start_bare(site: &Site, arguments: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let mut command = site.command(Place::Router, env!("CARGO_BIN_EXE_tollgate"));
        command.args(["guard", "--json", "--status", "1"]).args(words(arguments));
        if !arguments.contains("--reconcile") {
            // What is over is noticed soon.
            command.args(["--reconcile", "1"]);
        }
        command.stdout(file("out")).stderr(file("err"));
        let guard = Self { child: command.spawn().expect("the guard starts"), folder };
        guard.wait_for("it is ready", |guard| guard.errors().contains("tollgate: ready"));
        guard
    }

    /// Starts a guard whose standard error leads nowhere: whoever read it has gone.
    pub(crate) fn start_unheard(site: &Site, arguments: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        file("err");
        let mut command = site.command(Place::Router, env!("CARGO_BIN_EXE_tollgate"));
        command.args(["guard", "--json", "--status", "1", "--reconcile", "1", "--install-rules"]);
        command.args(words(arguments)).stdout(file("out")).stderr(writer);
        let guard = Self { child: command.spawn().expect("the guard starts"), folder };
        guard.wait_for_status("it is ready", |_| true);
        guard
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// What it has said on standard error.
    pub(crate) fn errors(&self) -> String {
        self.read("err")
    }

    /// The last of its statuses.
    pub(crate) fn status(&self) -> Value {
        let out = self.read("out");
        let whole = out.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().last().map_or(Value::Null, |line| serde_json::from_str(line).expect(line))
    }

    /// Waits for a status that was made after this call, and is as wanted.
    #[track_caller]
    pub(crate) fn wait_for_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let before = self.status()["up_ms"].as_u64().unwrap_or(0);
        self.wait_for(what, |guard| {
            let status = guard.status();
            status["up_ms"].as_u64().is_some_and(|at| at > before) && wanted(&status)
        });
        self.status()
    }

    /// Waits until nothing is in use.
    #[track_caller]
    pub(crate) fn wait_until_idle(&self) -> Value {
        self.wait_for_status("nothing is in use", |status| {
            let limits = status["limits"].as_array().unwrap();
            limits.iter().all(|limit| limit["in_use"] == 0)
        })
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !wanted(self) {
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{what}, not: {}\n{}", self.status(), self.errors());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The processor time that its threads have taken.
    pub(crate) fn processor_time(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = threads.map(|thread| {
            let path = thread.unwrap().path().join("schedstat");
            let figures = fs::read_to_string(path).unwrap();
            figures.split(' ').next().unwrap().parse::<u64>().unwrap()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Kills it: it can do nothing about it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in good order.
    pub(crate) fn end(mut self) -> End {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().unwrap();
        let end = End { status, report: self.status(), errors: self.errors() };
        assert!(end.status.success(), "{}", end.errors);
        assert_eq!(end.report["ended"], true, "{}", end.errors);
        end
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// One limit of a report.
#[track_caller]
pub(crate) fn limit<'a>(report: &'a Value, name: &str) -> &'a Value {
    let limits = report["limits"].as_array().expect("limits");
    limits.iter().find(|limit| limit["limit"] == name).unwrap_or_else(|| panic!("{report}"))
}

/// Words separated by blanks; those in quotation marks stay together.
fn words(text: &str) -> Vec<String> {
    let parts = text.split('"').enumerate();
    let words = parts.flat_map(|(nth, part)| match nth % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}
