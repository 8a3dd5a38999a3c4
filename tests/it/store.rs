//! The file of a unit: what it keeps, what it refuses, and time.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tollgate::catalogue;
use tollgate::license::key::{Authority, ParsedKey, SECRET_LEN, UnitSecret};
use tollgate::license::ring::{Clock, State};
use tollgate::license::{Configuration, GroupMode};
use tollgate::store::{Device, DeviceRecord, File, Member, Moment, Occurrence, Office, StoreError};

use crate::command::tollgate;
use crate::keys::{START, days, purchase, weeks};

const BOTNET: &str = "botnet-traffic-filter=enabled";

pub(crate) const SECRET: [u8; SECRET_LEN] = [7; SECRET_LEN];

fn secret(serial: &str) -> UnitSecret {
    Authority::from_secret(SECRET).unit(&serial.parse().unwrap())
}

/// So long after the boot, by a clock that is right.
fn running(uptime: Duration) -> Moment {
    Moment { clock: START.plus(uptime), boot: "first".to_owned(), uptime }
}

/// So long after the second boot, `off` after so much uptime of the first.
fn rebooted(ran: Duration, off: Duration, uptime: Duration) -> Moment {
    let clock = START.plus(ran).plus(off).plus(uptime);
    Moment { clock, boot: "second".to_owned(), uptime }
}

pub(crate) fn timed_key(serial: &str, words: &str, issue: u16, duration: Duration) -> ParsedKey {
    let mut grant = tollgate::license::key::Grant::time_based(duration).unwrap();
    for (feature, value) in purchase(words).licences {
        grant.add(feature, value).unwrap();
    }
    secret(serial).issue(&grant, issue).unwrap()
}

struct Unit {
    folder: TempDir,
}

impl Unit {
    /// A unit with an active Botnet licence for 8 weeks, as it was stored at the first boot.
    fn new(model: &str) -> Self {
        let unit = Self { folder: tempfile::tempdir().unwrap() };
        let entry = catalogue::parse_entry(model).unwrap();
        let mut device = Device::new(entry, secret("JMX0912K04J"), &running(Duration::ZERO));
        let key = timed_key("JMX0912K04J", BOTNET, 0, weeks(8));
        let Member { ring, secret } = device.member_mut();
        ring.enter(secret, key).unwrap();
        device.create(&unit.path()).unwrap();
        unit
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("unit")
    }

    fn at(&self, now: &Moment) -> Device {
        Device::open(&self.path(), now).unwrap().1
    }

    fn save_at(&self, now: &Moment) {
        let (file, mut device, _) = Device::open(&self.path(), now).unwrap();
        device.save(file).unwrap();
    }

    fn left_at(&self, now: &Moment) -> Duration {
        self.at(now).ring().time_based()[0].remaining()
    }
}

#[test]
fn everything_is_kept() {
    let unit = Unit::new("ASA 5520");
    let now = running(days(3));
    let (file, mut device, _) = Device::open(&unit.path(), &now).unwrap();
    let Member { ring, secret } = device.member_mut();
    for (issue, words) in [(1, BOTNET), (2, "anyconnect-premium=500"), (3, BOTNET)] {
        ring.enter(secret, timed_key("JMX0912K04J", words, issue, weeks(4))).unwrap();
    }
    ring.enter(secret, ParsedKey::ZERO).unwrap();
    let mut described = ring.unit(&Configuration::default());
    for (setting, value) in [
        ("mode", "transparent"),
        ("contexts", "multiple"),
        ("npe", "yes"),
        ("anyconnect-essentials", "off"),
        ("default-route", "none"),
        ("export", "k9"),
        ("tls-proxy-maximum-sessions", "5"),
        ("tls-proxy-default", "6"),
        ("tls-proxy-platform", "7"),
        ("ime-additional", "8"),
        ("firewall-conns", "9"),
        ("total-vpn", "10"),
    ] {
        described.configure(setting, value).unwrap();
    }
    device.configure(described.configuration().clone());
    device.save(file).unwrap();
    let again = unit.at(&now);
    assert_eq!(again.ring(), device.ring());
    assert_eq!(again.configuration(), device.configuration());
    assert_eq!(again.ring().time_based().len(), 2);
}

#[test]
fn a_group_is_kept_with_its_units_and_its_link() {
    let unit = Unit::new("ASA 5520");
    let now = running(Duration::ZERO);
    let entry = unit.at(&now).ring().shipped();
    let mate = Device::new(entry, secret("JMX0912K04K"), &now);
    let (file, mut device, _) = Device::open(&unit.path(), &now).unwrap();
    device.form(GroupMode::ActiveStandby, mate.members()).unwrap();
    device.link(false);
    device.save(file).unwrap();
    let later = unit.at(&running(days(29)));
    assert_eq!(later.members().len(), 2);
    assert_eq!(later.group().unwrap().grace(), Some(days(1)));
    let later = unit.at(&running(days(31)));
    assert_eq!(later.group().unwrap().grace(), Some(Duration::ZERO));
    assert!(!later.group().unwrap().is_combined());
}

#[test]
fn time_passes_by_the_uptime_whatever_the_clock_says() {
    let unit = Unit::new("ASA 5520");
    assert_eq!(unit.left_at(&running(days(3))), days(53));
    let set_forward = Moment { clock: Clock::from_unix(4_000_000_000), ..running(days(3)) };
    assert_eq!(unit.left_at(&set_forward), days(53));
    let set_back = Moment { clock: Clock::from_unix(0), ..running(days(3)) };
    assert_eq!(unit.left_at(&set_back), days(53));
    let expired = unit.at(&running(weeks(8)));
    assert_eq!(expired.ring().time_based()[0].state(), State::Expired);
}

/// An uptime that goes back gives no time back, and the time is not counted twice.
#[test]
fn no_time_comes_back() {
    let unit = Unit::new("ASA 5520");
    unit.save_at(&running(days(3)));
    unit.save_at(&running(days(1)));
    assert_eq!(unit.left_at(&running(days(1))), days(53));
    assert_eq!(unit.left_at(&running(days(3))), days(53));
    assert_eq!(unit.left_at(&running(days(4))), days(52));
}

/// B15, B16: time off counts by the 9.1 guide and does not by the PAK guide.
#[test]
fn b15_b16_time_while_the_machine_was_off() {
    let later = rebooted(days(3), days(10), days(1));
    for (model, left) in [("5525-X (9.1)", days(42)), ("5525-X (pak)", days(52))] {
        let unit = Unit::new(model);
        unit.save_at(&running(days(3)));
        assert_eq!(unit.left_at(&later), left, "{model}");
        unit.save_at(&later);
        assert_eq!(unit.left_at(&later), left, "{model}, once");
    }
}

/// B19, B22: a clock that was set back before a boot ends the licence by the 9.1 guide alone.
#[test]
fn b19_b22_a_clock_that_was_set_back() {
    let clock = START.minus(days(100));
    let later = Moment { clock, ..rebooted(Duration::ZERO, Duration::ZERO, Duration::ZERO) };
    for (model, left) in [("5525-X (9.1)", Duration::ZERO), ("5525-X (pak)", days(53))] {
        let unit = Unit::new(model);
        unit.save_at(&running(days(3)));
        assert_eq!(unit.left_at(&later), left, "{model}");
    }
}

/// What ran after the last record before a loss of power is what the PAK guide's countdown loses.
#[test]
fn a_loss_of_power_costs_what_ran_since_the_last_record() {
    let unit = Unit::new("5525-X (pak)");
    unit.save_at(&running(Duration::from_secs(600)));
    let lost = Duration::from_secs(59);
    let later = rebooted(Duration::from_secs(600) + lost, days(1), Duration::ZERO);
    assert_eq!(unit.left_at(&later), weeks(8).saturating_sub(Duration::from_secs(600)));
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let unit = Unit::new("ASA 5520");
    let mode = || fs::metadata(unit.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    unit.save_at(&running(days(1)));
    assert_eq!(mode(), 0o600);
}

fn refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = Device::open(path, &running(Duration::ZERO)).unwrap_err();
    assert_eq!(fs::read(path).ok(), before, "left as it is");
    error.to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn what_is_no_units_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        refused(&path)
    };
    let foreign = "`FILE` is no file of tollgate's; it was left as it is";
    assert_eq!(with(b""), foreign);
    assert_eq!(with(b"root:x:0:0:root:/root:/bin/sh\n"), foreign);
    assert_eq!(with(&[0; 10_000]), foreign);
    assert!(with(b"redb").starts_with("`FILE` is damaged ("));
    assert!(with(b"redb\x1A\x0A\xA9\x0D\x0A").starts_with("`FILE` is damaged ("));
    fs::remove_file(&path).unwrap();
    assert_eq!(refused(&path), "there is no file `FILE`; create it with `tollgate device init`");
    File::create(&path, &Office::new(SECRET)).unwrap();
    assert_eq!(refused(&path), "`FILE` is the file of an authority, not of a unit");
    let folder = folder.path();
    assert_eq!(refused(folder), foreign);
}

/// A database of somebody else's, and one of a later version of this software.
#[test]
fn foreign_databases_and_newer_ones_are_told() {
    let table = redb::TableDefinition::<&str, &[u8]>::new("tollgate");
    let write = |path: &Path, rows: &[(&str, &[u8])]| {
        let database = redb::Database::create(path).unwrap();
        let change = database.begin_write().unwrap();
        for (name, value) in rows {
            change.open_table(table).unwrap().insert(name, value).unwrap();
        }
        change.commit().unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    write(&path("empty"), &[]);
    assert_eq!(refused(&path("empty")), "`FILE` is no file of tollgate's; it was left as it is");
    let rows: &[(&str, &[u8])] = &[("kind", b"a unit"), ("format", b"2"), ("record", b"?")];
    write(&path("newer"), rows);
    assert_eq!(
        refused(&path("newer")),
        "`FILE` has format 2, and this software knows up to 1; upgrade it"
    );
    let unit = Unit::new("ASA 5520");
    let rows: &[(&str, &[u8])] = &[("record", br#"{"units":[],"more":1}"#)];
    write(&unit.path(), rows);
    assert!(refused(&unit.path()).starts_with("`FILE` is damaged (unknown field `more`"));
}

/// A key of another serial number in the record is told, not believed.
#[test]
fn stored_keys_are_verified() {
    let unit = Unit::new("ASA 5520");
    let own = timed_key("JMX0912K04J", BOTNET, 0, weeks(8)).to_string();
    let other = timed_key("JMX0912K04K", BOTNET, 0, weeks(8)).to_string();
    let (file, record) = File::<DeviceRecord>::open(&unit.path()).unwrap();
    let json = serde_json::to_string(&record).unwrap();
    assert!(json.contains(&own));
    file.replace(&serde_json::from_str(&json.replace(&own, &other)).unwrap()).unwrap();
    let told = refused(&unit.path());
    let why = format!("`FILE`: stored activation key {other}: activation key {other} was not");
    assert!(told.starts_with(&why), "{told}");
}

#[test]
fn a_file_in_use_is_told_and_no_file_is_overwritten() {
    let unit = Unit::new("ASA 5520");
    let now = running(Duration::ZERO);
    let (file, device, _) = Device::open(&unit.path(), &now).unwrap();
    let in_use = Device::open(&unit.path(), &now).unwrap_err();
    assert!(matches!(in_use, StoreError::InUse { .. }), "{in_use}");
    drop(file);
    assert!(Device::open(&unit.path(), &now).is_ok());
    let exists = device.create(&unit.path()).unwrap_err();
    assert!(matches!(exists, StoreError::Exists { .. }), "{exists}");
}

/// redb panics at some damage; nobody is told of it but by the error.
#[test]
fn damage_at_which_the_database_stops_is_told_in_one_line() {
    let unit = Unit::new("ASA 5520");
    let mut bytes = fs::read(unit.path()).unwrap();
    // The size of a page, in the header.
    bytes[12] ^= 0xFF;
    fs::write(unit.path(), &bytes).unwrap();
    let run = tollgate(&["--state", unit.path().to_str().unwrap(), "show", "version"]);
    let told = run.stderr.replace(&unit.path().display().to_string(), "FILE");
    let damaged = "tollgate: error: `FILE` is damaged (its parts do not fit together); it was left \
                   as it is, restore it from a copy\n";
    assert_eq!((run.status, told.as_str()), (Some(1), damaged));
    assert!(fs::read(unit.path()).unwrap() == bytes, "left as it is");
}

/// A pair whose units can be one no longer ends when that is so, also while nobody looks: here a
/// licence that each unit needs for itself expires on one of them (F8).
#[test]
fn f8_time_ends_a_group() {
    let unit = Unit::new("5515-X (9.1)");
    let now = running(Duration::ZERO);
    let (file, mut device, _) = Device::open(&unit.path(), &now).unwrap();
    let mut mate = Device::new(device.ring().shipped(), secret("JMX0912K04K"), &now);
    let ips = "ips-module=enabled";
    device.enter(timed_key("JMX0912K04J", ips, 1, weeks(4))).unwrap();
    mate.enter(timed_key("JMX0912K04K", ips, 1, weeks(8))).unwrap();
    device.form(GroupMode::ActiveStandby, mate.members()).unwrap();
    assert_eq!(device.save(file).unwrap(), None);
    assert!(unit.at(&running(days(27))).group().is_some());
    let (_, device, events) = Device::open(&unit.path(), &running(weeks(5))).unwrap();
    assert_eq!((device.group(), device.members().len()), (None, 1));
    let ended = |it: &Occurrence| match it {
        Occurrence::GroupEnded(why) => Some(why.to_string()),
        _ => None,
    };
    let why = "JMX0912K04J has no `ips-module` licence and another unit has; each unit needs its \
               own";
    assert_eq!(events.iter().find_map(ended).as_deref(), Some(why));
}

/// Every change of one byte, and every cut: the record as it was, or an error; never a panic, and
/// the file stays as it is.
fn damaged(change: impl FnOnce(&mut Vec<u8>)) {
    static WHOLE: LazyLock<(Device, Vec<u8>)> = LazyLock::new(|| {
        let unit = Unit::new("ASA 5520");
        (unit.at(&running(Duration::ZERO)), fs::read(unit.path()).unwrap())
    });
    let mut bytes = WHOLE.1.clone();
    change(&mut bytes);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    if let Ok((_, device, _)) = Device::open(file.path(), &running(Duration::ZERO)) {
        assert_eq!(device.ring(), WHOLE.0.ring());
    }
    assert!(fs::read(file.path()).unwrap() == bytes, "left as it is");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn damage_is_told(at in 0_usize..24_576, change in 1_u8..) {
        damaged(|bytes| bytes[at] ^= change);
    }

    #[test]
    fn a_file_that_was_cut_is_told(len in 0_usize..1 << 20) {
        damaged(|bytes| bytes.truncate(len));
    }
}
