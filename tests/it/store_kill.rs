//! A process that changes a unit's file is killed while it writes: the file opens, every key that
//! was entered is there, and no timer has grown.
//!
//! A change has three parts that have to go together: a key, the time that passed, and a setting
//! that counts the keys. The victim says when it begins to write and when it has written; it is
//! killed at instants spread evenly over that time. What a loss of power leaves is tested beside
//! the code, in `src/store/file/tests.rs`.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tollgate::catalogue;
use tollgate::license::Limit;
use tollgate::license::key::Authority;
use tollgate::license::ring::TimedLicence;
use tollgate::store::{Device, Member, Moment};

use crate::keys::{START, weeks};
use crate::store::{SECRET, timed_key};

const SERIAL: &str = "JMX0912K04J";

/// Names the file for the process that is killed.
const VICTIM: &str = "TOLLGATE_TEST_VICTIM";

/// How many keys a victim may enter at most.
const KEYS: u16 = 4096;

/// How many kills one file lives through: a unit with more keys than that opens slowly.
const LIVES: u32 = 30;

/// So many records later: each one is a second after the one before.
fn tick(second: u64) -> Moment {
    let uptime = Duration::from_secs(second);
    Moment { clock: START.plus(uptime), boot: "boot".to_owned(), uptime }
}

/// How many keys are in the file, of which every part has to be of the same change.
fn keys(path: &Path) -> u16 {
    let (_, device, _) = Device::open(path, &tick(0)).expect("it opens");
    let licences = device.ring().time_based();
    let keys: usize = licences.iter().map(|licence| licence.keys().count()).sum();
    let keys = u16::try_from(keys).unwrap();
    let left: Duration = licences.iter().map(TimedLicence::remaining).sum();
    // The record of the n-th key was written in second n - 1, and every key is for a week.
    let passed = Duration::from_secs(u64::from(keys.saturating_sub(1)));
    assert_eq!(left + passed, weeks(1) * u32::from(keys), "{keys} keys");
    let set = device.configuration().restrictions.get(&Limit::TotalVpn);
    assert_eq!(set.copied().unwrap_or_default(), u32::from(keys), "{keys} keys");
    keys
}

/// The process that is killed: enters one key after another, a second apart, and says so.
#[test]
#[ignore = "run by the tests below, in a process that they kill"]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let path = Path::new(&path);
    for issue in keys(path)..KEYS {
        let (file, mut device, _) = Device::open(path, &tick(u64::from(issue))).unwrap();
        let Member { ring, secret } = device.member_mut();
        let key = timed_key(SERIAL, "anyconnect-premium=1000", issue, weeks(1));
        ring.enter(secret, key).unwrap();
        let mut unit = device.ring().unit(device.configuration());
        unit.restrict(Limit::TotalVpn, u32::from(issue) + 1);
        device.configure(unit.configuration().clone());
        println!("\nwriting {}", issue + 1);
        device.save(file).unwrap();
        println!("\nwritten {}", issue + 1);
    }
}

/// Kills it when it goes.
struct Victim {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Victim {
    fn of(path: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store_kill::victim", "--ignored", "--nocapture"])
            .env(VICTIM, path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The number of the next line that begins with this word, or none when there is no more.
    fn says(&mut self, word: &str) -> Option<u16> {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix(word)?.trim().parse().ok())
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It has ended where the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the kills fell.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    kills: u32,
    /// Before the change was in the file, of those while it was written.
    before: u32,
    /// After, of the same.
    after: u32,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            kills: self.kills + other.kills,
            before: self.before + other.before,
            after: self.after + other.after,
        }
    }
}

/// Kills a victim at this part of a write, which takes as long as its first one took.
fn kill_in_a_write(path: &Path, part: f64) -> Tally {
    let mut victim = Victim::of(path);
    victim.says("writing ").expect("a victim with keys left to enter");
    let begun = Instant::now();
    victim.says("written ").unwrap();
    let takes = begun.elapsed();
    let number = victim.says("writing ").unwrap();
    thread::sleep(takes.mul_f64(part));
    victim.kill();
    let said = victim.says("written ");
    let found = keys(path);
    match said {
        // It got on to the next keys; they are there, or not yet.
        Some(_) => assert!(found >= number, "{found} keys after {number} were entered"),
        None => assert!(found == number || found == number - 1, "{found} keys, not {number}"),
    }
    let within = u32::from(said.is_none());
    let after = within * u32::from(found == number);
    Tally { kills: 1, before: within - after, after }
}

/// So many kills, on files that share a processor or two.
fn kill(kills: u32) -> Tally {
    let crew: Vec<_> = (0..3)
        .map(|worker| {
            thread::spawn(move || {
                let kills: Vec<_> = (worker..kills).step_by(3).collect();
                let lives = kills.chunks(LIVES as usize);
                lives.map(kill_on_one_file).fold(Tally::default(), Tally::and)
            })
        })
        .collect();
    let tallies = crew.into_iter().map(|worker| worker.join().unwrap());
    let tally = tallies.fold(Tally::default(), Tally::and);
    println!("{tally:?}");
    assert!(3 * (tally.before + tally.after) >= kills, "most kills missed the write: {tally:?}");
    tally
}

fn kill_on_one_file(kills: &[u32]) -> Tally {
    /// Steps of the golden ratio are spread evenly, whatever their number.
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unit");
    let secret = Authority::from_secret(SECRET).unit(&SERIAL.parse().unwrap());
    let entry = catalogue::find("ASA 5520", None, None).unwrap();
    Device::new(entry, secret, &tick(0)).create(&path).unwrap();
    let parts = kills.iter().map(|kill| (f64::from(*kill) * GOLDEN).fract());
    parts.map(|part| kill_in_a_write(&path, part)).fold(Tally::default(), Tally::and)
}

#[test]
fn nothing_is_lost_when_the_process_is_killed() {
    kill(24);
}

#[test]
#[ignore = "takes four minutes and more: the long test set; see CONTRIBUTING.md"]
fn nothing_is_lost_in_hundreds_of_kills() {
    let tally = kill(600);
    assert!(tally.before > 0 && tally.after > 0, "the kills fell on one side: {tally:?}");
}
