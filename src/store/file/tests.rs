//! A change that is broken off after any of its writes, and one whose last writes are lost with the
//! power: the record before it or the one after it.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// A record of two halves that have to go together.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Twins {
    one: u64,
    between: String,
    other: u64,
}

impl Stored for Twins {
    const KIND: &'static str = "a pair of twins";
    const CREATE: &'static str = "nothing";
}

impl Twins {
    fn new(number: u64) -> Self {
        Self { one: number, between: "x".repeat(2500), other: number }
    }
}

/// What a change asks of the file, in order.
#[derive(Clone, Debug)]
enum Step {
    SetLen(u64),
    Write(u64, Vec<u8>),
    Sync,
}

/// A file in memory that remembers what was asked of it.
#[derive(Debug)]
struct Journal {
    file: Copy,
    steps: Arc<Mutex<Vec<Step>>>,
}

impl Journal {
    fn note(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

impl StorageBackend for Journal {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.file.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.note(Step::SetLen(len));
        self.file.set_len(len)
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        self.note(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note(Step::Write(offset, data.to_vec()));
        self.file.write(offset, data)
    }
}

/// The steps of the change to this record.
fn steps(bytes: &[u8], record: &Twins) -> Vec<Step> {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let file = Copy(Mutex::new(Zeroizing::new(bytes.to_vec())));
    write(Journal { file, steps: Arc::clone(&steps) }, record).unwrap();
    let steps = steps.lock().unwrap();
    steps.clone()
}

fn after<'a>(bytes: &[u8], steps: impl IntoIterator<Item = &'a Step>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for step in steps {
        match step {
            Step::SetLen(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
            Step::Write(offset, data) => {
                let start = usize::try_from(*offset).unwrap();
                // A write whose growth of the file was lost is lost with it.
                if let Some(place) = bytes.get_mut(start..start + data.len()) {
                    place.copy_from_slice(data);
                }
            }
            Step::Sync => {}
        }
    }
    bytes
}

fn number(bytes: &[u8]) -> u64 {
    let rows = rows(Zeroizing::new(bytes.to_vec())).unwrap().expect("a record");
    let twins: Twins = serde_json::from_slice(&rows.record).unwrap();
    assert_eq!(twins, Twins::new(twins.one), "both halves are of one change");
    twins.one
}

/// A file with record 1, and the steps to record 2.
static CHANGE: LazyLock<(Vec<u8>, Vec<Step>)> = LazyLock::new(|| {
    let first = after(&[], &steps(&[], &Twins::new(0)));
    let before = after(&first, &steps(&first, &Twins::new(1)));
    let steps = steps(&before, &Twins::new(2));
    (before, steps)
});

#[test]
fn a_change_broken_off_anywhere_is_made_whole_or_not_at_all() {
    let (before, steps) = &*CHANGE;
    let mut last = 1;
    for cut in 0..=steps.len() {
        let bytes = after(before, &steps[..cut]);
        let found = number(&bytes);
        assert!(found >= last, "the change was there, and is gone after step {cut}");
        last = found;
        let again = after(&bytes, &self::steps(&bytes, &Twins::new(3)));
        assert_eq!(number(&again), 3, "the next change, after a cut at step {cut}");
    }
    assert_eq!(last, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What was synchronised stays; of what came later any part may be on the disk.
    #[test]
    fn a_loss_of_power_leaves_one_of_the_records(cut in 0_usize..200, kept: u64) {
        let (before, steps) = &*CHANGE;
        let steps = &steps[..cut % (steps.len() + 1)];
        let synced = steps.iter().rposition(|it| matches!(it, Step::Sync)).map_or(0, |at| at + 1);
        let (safe, open) = steps.split_at(synced);
        let open = open.iter().enumerate().filter(|(at, _)| kept >> (at % 64) & 1 == 1);
        let bytes = after(before, safe.iter().chain(open.map(|(_, step)| step)));
        prop_assert!((1..=2).contains(&number(&bytes)));
    }
}
