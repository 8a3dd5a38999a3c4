//! The bodies of the fuzz targets for what is stored.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use zeroize::Zeroizing;

use super::file::{rows, whole};
use super::{Device, DeviceRecord, Member, Moment, Office};
use crate::catalogue::{self, Feature};
use crate::license::key::{Authority, Grant, SECRET_LEN, Serial, UnitSecret};
use crate::license::ring::{Clock, TimedLicence};
use crate::license::{GroupMode, Limit};

const DAY: Duration = Duration::from_secs(86_400);

/// Bytes as the record of a unit and of an authority: what is restored is stored as the same, and
/// no timer grows, whatever is done to the machine's clock.
pub fn store(data: &[u8]) {
    if let Ok(office) = serde_json::from_slice::<Office>(data) {
        let known = "JMX0912K04J".parse().ok();
        let register = known.and_then(|serial: Serial| office.register(&serial));
        assert!(register.is_none_or(|it| it.registered().duration().is_none()));
    }
    let restored = |json: &[u8]| {
        let record: DeviceRecord = serde_json::from_slice(json).ok()?;
        record.restore(Path::new("fuzzed")).ok()
    };
    let Some(mut device) = restored(data) else { return };
    let stored = serde_json::to_vec(&DeviceRecord::of(&device)).expect("plain values");
    let again = restored(&stored).expect("what was stored");
    assert!(
        again.members().iter().map(|it| &it.ring).eq(device.members().iter().map(|it| &it.ring))
    );
    assert_eq!(again.configuration(), device.configuration());
    assert_eq!(again.group(), device.group());
    assert_eq!((&again.boot, again.uptime), (&device.boot, device.uptime));
    for moment in moments(&device) {
        let before = timers(&device);
        let _ = device.catch_up(&moment);
        let grown = before.iter().zip(timers(&device)).find(|(before, now)| *now > **before);
        assert_eq!(grown, None, "a timer grew");
        consult(&device);
    }
}

/// A day later, after two boots with the clock set back and set forward, and never.
fn moments(device: &Device) -> [Moment; 4] {
    let Device { boot, uptime, .. } = device;
    let clock = device.ring().clock();
    let second = Duration::from_secs(1);
    [
        Moment { clock, boot: boot.clone(), uptime: uptime.saturating_add(DAY) },
        Moment { clock: clock.minus(100 * DAY), boot: format!("{boot}, back"), uptime: second },
        Moment { clock: clock.plus(100 * DAY), boot: format!("{boot}, forward"), uptime: second },
        Moment { clock, boot: format!("{boot}, never"), uptime: Duration::MAX },
    ]
}

fn timers(device: &Device) -> Vec<Duration> {
    let licences = device.members().iter().flat_map(|unit| unit.ring.time_based());
    licences.map(TimedLicence::remaining).collect()
}

/// Asks everything that a display asks.
fn consult(device: &Device) {
    let license = device.running(device.configuration());
    for feature in Feature::ALL {
        let _ = device.remaining(device.configuration(), feature);
    }
    for limit in Limit::ALL {
        let _ = license.limit(limit).value();
    }
    let _ = device.next_change();
}

/// Bytes as changes of a unit's file, four bytes each: what is read is one of the records that were
/// written, or the file is refused.
pub fn damage(data: &[u8]) {
    let Written { file, records } = &*WRITTEN;
    let mut bytes = Zeroizing::new(file.clone());
    let (changes, rest) = data.as_chunks::<4>();
    for [low, middle, high, change] in changes {
        let at = u32::from_le_bytes([*low, *middle, *high, 0]) as usize;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= change;
        }
    }
    if let [low, middle, high] = rest {
        bytes.truncate(u32::from_le_bytes([*low, *middle, *high, 0]) as usize);
    }
    if let Ok(Some(rows)) = rows(bytes) {
        assert!(records.contains(&rows.record), "a record that was never written");
    }
}

/// A unit's file and every record that was written to it.
struct Written {
    file: Vec<u8>,
    records: Vec<Zeroizing<Vec<u8>>>,
}

static WRITTEN: LazyLock<Written> = LazyLock::new(|| {
    let records = [unit(), pair()].map(|device| DeviceRecord::of(&device));
    let file = whole(&records).expect("a temporary file");
    let records = records.iter().map(|it| serde_json::to_vec(it).expect("plain values").into());
    Written { file, records: records.collect() }
});

fn secret(serial: &str) -> UnitSecret {
    Authority::from_secret([7; SECRET_LEN]).unit(&serial.parse().expect("a serial number"))
}

fn now() -> Moment {
    Moment { clock: Clock::default(), boot: "boot".to_owned(), uptime: DAY }
}

/// A unit with a permanent key, a stacked time-based licence and one that is inactive.
fn unit() -> Device {
    let entry = catalogue::find("ASA 5520", None, None).expect("a model");
    let mut device = Device::new(entry, secret("JMX0912K04J"), &now());
    let Member { ring, secret } = device.member_mut();
    for (issue, (days, licence)) in (0..).zip([
        (None, "encryption=3des-aes"),
        (Some(56), "botnet-traffic-filter=enabled"),
        (Some(56), "botnet-traffic-filter=enabled"),
        (Some(100), "anyconnect-premium=1000"),
        (Some(200), "anyconnect-premium=2500"),
    ]) {
        let timed = days.map(|days| Grant::time_based(DAY * days).expect("days"));
        let mut grant = timed.unwrap_or_else(Grant::permanent);
        let (feature, value) = licence.split_once('=').expect("a licence");
        let (feature, value) = (feature.parse().expect("one"), value.parse().expect("one"));
        grant.add(feature, value).expect("a licence");
        ring.enter(secret, secret.issue(&grant, issue).expect("a key")).expect("a key");
    }
    device
}

/// The unit with a mate, and an operator's own limit; they lost contact.
fn pair() -> Device {
    let mut device = unit();
    let mut mate = Device::new(device.ring().shipped(), secret("JMX0912K04K"), &now());
    let mut strong = Grant::permanent();
    let three_des = "3des-aes".parse().expect("a value");
    strong.add(Feature::Encryption, three_des).expect("a licence");
    let Member { ring, secret } = mate.member_mut();
    ring.enter(secret, secret.issue(&strong, 0).expect("a key")).expect("a key");
    device.form(GroupMode::ActiveStandby, mate.members()).expect("a pair");
    device.link(false);
    let mut described = device.ring().unit(device.configuration());
    described.restrict(Limit::TotalVpn, 100);
    device.configure(described.configuration().clone());
    device
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The records of the seeds.
    fn seeds() -> [String; 2] {
        [unit(), pair()].map(|it| serde_json::to_string(&DeviceRecord::of(&it)).unwrap())
    }

    /// Where the numbers of a text are.
    fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
        let mut found: Vec<std::ops::Range<usize>> = Vec::new();
        for (at, _) in text.match_indices(|it: char| it.is_ascii_digit()) {
            match found.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => found.push(at..at + 1),
            }
        }
        found
    }

    #[test]
    fn what_is_restored_is_what_was_stored() {
        seeds().iter().for_each(|json| store(json.as_bytes()));
    }

    #[test]
    #[ignore = "writes the seeds of the fuzz target"]
    fn write_the_seeds() {
        for (name, json) in ["unit", "pair"].iter().zip(seeds()) {
            std::fs::write(format!("fuzz/seeds/store/{name}"), json).unwrap();
        }
    }

    fn extreme() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<u8>().prop_map(|it| it.to_string()),
            any::<u64>().prop_map(|it| it.to_string()),
            any::<i128>().prop_map(|it| it.to_string()),
            Just(u64::MAX.to_string()),
            Just(i128::MIN.to_string()),
            Just(i128::MAX.to_string()),
        ]
    }

    proptest! {
        #[test]
        fn other_numbers_in_the_record(
            paired: bool,
            changes in prop::collection::vec((any::<prop::sample::Index>(), extreme()), 1..4),
        ) {
            let [alone, pair] = seeds();
            let mut json = if paired { pair } else { alone };
            for (place, number) in changes {
                let numbers = numbers(&json);
                json.replace_range(place.get(&numbers).clone(), &number);
            }
            store(json.as_bytes());
        }

        #[test]
        fn noise_is_no_record(data in prop::collection::vec(any::<u8>(), 0..200)) {
            store(&data);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn damage_in_the_header_and_the_pages(
            data in prop::collection::vec((0_u16..320, 1_u8..), 1..4),
        ) {
            let bytes = data.iter().flat_map(|(at, change)| {
                let [low, high] = at.to_le_bytes();
                [low, high, 0, *change]
            });
            damage(&bytes.collect::<Vec<_>>());
        }
    }
}
