//! A process that changes a unit's file is killed at any point: the file opens, every key that was
//! entered is there, and no timer has grown.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tollgate::catalogue;
use tollgate::license::key::Authority;
use tollgate::store::{Device, Member, Moment};

use crate::keys::{START, weeks};
use crate::store::{SECRET, timed_key};

const SERIAL: &str = "JMX0912K04J";

/// Names the file for the process that is killed.
const VICTIM: &str = "TOLLGATE_TEST_VICTIM";

/// How many keys a victim may enter at most.
const KEYS: u16 = 4096;

/// So many records later: each one is a second after the one before.
fn tick(second: u64) -> Moment {
    let uptime = Duration::from_secs(second);
    Moment { clock: START.plus(uptime), boot: "boot".to_owned(), uptime }
}

/// What the file says: how many keys, and the seconds left of the first licence and of all.
fn state(path: &Path) -> (u16, u64) {
    let (_, device, _) = Device::open(path, &tick(0)).expect("it opens");
    let licences = device.ring().time_based();
    let keys: usize = licences.iter().map(|licence| licence.keys().count()).sum();
    let left = licences.iter().map(|licence| licence.remaining().as_secs()).sum();
    (u16::try_from(keys).unwrap(), left)
}

/// The process that is killed: enters one key after another, a second apart, and says so when it
/// has.
#[test]
#[ignore = "run by the tests below, in a process that they kill"]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let path = Path::new(&path);
    let (first, _) = state(path);
    for issue in first..KEYS {
        let (file, mut device, _) = Device::open(path, &tick(u64::from(issue))).unwrap();
        let Member { ring, secret } = device.member_mut();
        let key = timed_key(SERIAL, "anyconnect-premium=1000", issue, weeks(1));
        ring.enter(secret, key).unwrap();
        device.save(file).unwrap();
        println!("entered {}", issue + 1);
    }
}

fn kill_at_random_points(kills: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unit");
    let secret = Authority::from_secret(SECRET).unit(&SERIAL.parse().unwrap());
    let entry = catalogue::find("ASA 5520", None, None).unwrap();
    Device::new(entry, secret, &tick(0)).create(&path).unwrap();
    let (mut keys, mut between) = (0, 0);
    for round in 0..kills {
        let said = killed_after(&path, Duration::from_micros(u64::from(round * 7919 % 80_000)));
        let (now, left) = state(&path);
        let said = said.expect("the victim said nothing; are there keys left to enter?");
        // One more than was said may be there: the victim was killed before it could say so.
        assert!(said <= now && now <= said + 1, "{now} keys after {said} were entered");
        // The record of the n-th key was written in second n - 1, and every key is for a week.
        assert_eq!(left, u64::from(now) * weeks(1).as_secs() - u64::from(now.saturating_sub(1)));
        between += u32::from(now > said);
        keys = now;
    }
    println!("{keys} keys; {between} of the kills fell between the record and the word");
}

/// The last key that the victim said it had entered, before it was killed so long after its first
/// word.
fn killed_after(path: &Path, delay: Duration) -> Option<u16> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store_kill::victim", "--ignored", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let words = lines.map_while(Result::ok);
    let mut keys = words.filter_map(|line| line.split("entered ").nth(1)?.trim().parse().ok());
    let first = keys.next();
    std::thread::sleep(delay);
    victim.kill().unwrap();
    victim.wait().unwrap();
    keys.last().or(first)
}

#[test]
fn nothing_is_lost_when_the_process_is_killed() {
    kill_at_random_points(25);
}

#[test]
#[ignore = "takes some minutes: the long test set"]
fn nothing_is_lost_in_hundreds_of_kills() {
    for _ in 0..10 {
        kill_at_random_points(60);
    }
}
