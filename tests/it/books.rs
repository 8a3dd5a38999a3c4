//! The books of a shared licence in their file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use tollgate::pool::{BackupState, Budget, Change, Record, Standing};
use tollgate::store::{Books, StoreError};

const UNIT: &str = "JMX1316M41H";

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unit.shared");
    (folder, path)
}

fn open(path: &std::path::Path) -> Result<(Books, tollgate::store::Kept), StoreError> {
    Books::open(path, UNIT.parse().unwrap(), 1)
}

fn record(index: u8, granted: u32) -> Record {
    let serial = format!("JMX0912K0{:02}", index % 100).parse().unwrap();
    Record {
        incarnation: 7,
        number: 9,
        standing: Standing::Registered,
        granted,
        exposed: granted + 50,
        hostname: "branch".parse().unwrap(),
        ..Record::absent(serial)
    }
}

#[test]
fn what_was_saved_is_there_in_the_next_life() {
    let (_folder, path) = place();
    let (books, kept) = open(&path).unwrap();
    assert_eq!((kept.incarnation, kept.records.len(), kept.backup), (1, 0, None));
    let state = BackupState {
        synchronised: true,
        report_due: true,
        budget: Budget { remaining: Duration::from_secs(60), served: Duration::from_secs(7) },
        size: 500,
        refresh: Duration::from_secs(10),
        overlap: Some(0),
        most_participants: 12,
    };
    let first = [record(1, 50), record(2, 100)].map(Change::Record);
    books.save(&first).unwrap();
    let forgotten = Change::Forget(record(1, 0).serial);
    let later = [Change::Record(record(2, 150)), forgotten, Change::Backup(state)];
    books.save(&later).unwrap();
    assert!(matches!(open(&path), Err(StoreError::InUse { .. })));
    drop(books);
    let (_, kept) = open(&path).unwrap();
    assert_eq!((kept.incarnation, kept.backup), (2, Some(state)));
    assert_eq!(kept.records, [record(2, 150)]);
    // After the file was lost, the time of day makes a new life a later one.
    let (_, kept) = Books::open(&path, UNIT.parse().unwrap(), 1_000).unwrap();
    assert_eq!(kept.incarnation, 1_000);
}

#[test]
fn what_is_not_the_units_books_is_left_as_it_is() {
    let (folder, path) = place();
    drop(open(&path).unwrap());
    let other = Books::open(&path, "JMX0912K04J".parse().unwrap(), 1).unwrap_err();
    assert!(other.to_string().contains("is the file of a shared licence of unit JMX1316M41H"));
    let foreign = folder.path().join("foreign");
    for text in ["", "no books at all"] {
        fs::write(&foreign, text).unwrap();
        assert!(matches!(open(&foreign), Err(StoreError::Foreign { .. })));
        assert_eq!(fs::read_to_string(&foreign).unwrap(), text);
    }
    assert!(matches!(
        open(folder.path()),
        Err(StoreError::Foreign { .. } | StoreError::System { .. })
    ));
    let nowhere = folder.path().join("no/such/folder");
    assert!(matches!(open(&nowhere), Err(StoreError::System { .. })));
}

#[cfg(unix)]
#[test]
fn only_their_owner_reads_them() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = place();
    drop(open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A file that was damaged is refused and left as it is, or says what it said before.
    #[test]
    fn damage_is_noticed(at in 0_usize..60_000, bytes in prop::collection::vec(any::<u8>(), 1..64)) {
        let (_folder, path) = place();
        let (books, _) = open(&path).unwrap();
        let records: Vec<_> = (0..8).map(|it| record(it, u32::from(it) * 50)).collect();
        let changes: Vec<_> = records.iter().cloned().map(Change::Record).collect();
        books.save(&changes).unwrap();
        drop(books);
        let mut whole = fs::read(&path).unwrap();
        let at = at % whole.len();
        let end = (at + bytes.len()).min(whole.len());
        whole[at..end].copy_from_slice(&bytes[..end - at]);
        fs::write(&path, &whole).unwrap();
        match open(&path) {
            Ok((_, kept)) => prop_assert_eq!(kept.records, records),
            Err(_) => prop_assert!(fs::read(&path).unwrap() == whole),
        }
    }
}
