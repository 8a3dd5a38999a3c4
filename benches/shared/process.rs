//! A process that is measured: its time on the processor and its memory, from `/proc`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server under measurement, which ends with this value.
pub(crate) struct Process {
    child: Child,
    /// The first line that it printed.
    pub(crate) first_line: String,
}

impl Process {
    /// Starts `command` on the processor `core` alone, what it logs in `log`.
    pub(crate) fn start(command: &Command, core: usize, log: &Path) -> Self {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &core.to_string()]).arg(command.get_program()).args(command.get_args());
        let file = File::options().create(true).append(true).open(log).expect("a log");
        pinned.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
        let child = pinned.spawn().expect("`taskset` of util-linux, and the server");
        Self { child, first_line: String::new() }
    }

    /// Waits for its first line.
    pub(crate) fn wait_for_line(&mut self) {
        let stdout = self.child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut self.first_line).expect("a line");
        assert!(!self.first_line.is_empty(), "the server did not start; its log says why");
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    fn of(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("it runs")
    }

    /// Time that all its threads spent on a processor since its start, in the system's ticks.
    fn busy(&self) -> Duration {
        let stat = self.of("stat");
        let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
        let ticks: u64 = fields[11..13].iter().map(|it| it.parse::<u64>().expect("ticks")).sum();
        // A tick is a hundredth of a second for whatever reads `/proc`.
        Duration::from_millis(ticks * 10)
    }

    /// Memory in use, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = self.of("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1024
    }

    /// Begins to measure.
    pub(crate) fn watch(&self) -> Watch {
        Watch { since: Instant::now(), busy: self.busy() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The beginning of a measurement.
pub(crate) struct Watch {
    since: Instant,
    busy: Duration,
}

impl Watch {
    /// Time that passed, and time on the processor meanwhile.
    pub(crate) fn stop(&self, process: &Process) -> (Duration, Duration) {
        (self.since.elapsed(), process.busy().saturating_sub(self.busy))
    }
}

/// Moves this process to the last processor, and tells how many there are.
pub(crate) fn pin_to_last_core() -> usize {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(last) = cores.last() {
        core_affinity::set_for_current(*last);
    }
    cores.len()
}

/// Lets this process, and those that it starts, open so many files.
pub(crate) fn raise_open_files(files: u64) {
    let (pid, files) = (std::process::id().to_string(), format!("--nofile={files}:"));
    let raised = Command::new("prlimit").args(["--pid", &pid, &files]).status();
    let raised = raised.is_ok_and(|it| it.success());
    assert!(
        raised,
        "`prlimit {files}` failed: raise the hard limit of open files, or have fewer --participants"
    );
}
