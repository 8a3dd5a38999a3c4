//! The books of a shared licence: what a unit has to remember of it beyond the life of a process.

use std::fs::{self, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableTable, StorageBackend, TableDefinition};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::file::{Copy, Fault, MAGIC};
use super::{FORMAT, StoreError};
use crate::license::key::Serial;
use crate::pool::{BackupState, Budget, Change, Record};

/// The largest file that is read: some times what the most participants take.
const MOST_BYTES: u64 = 256 << 20;

const KIND: &str = "a shared licence";

const HEAD: TableDefinition<&str, &[u8]> = TableDefinition::new("tollgate");
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("participants");
const KIND_ROW: &str = "kind";
const FORMAT_ROW: &str = "format";
const UNIT_ROW: &str = "unit";
const LIFE_ROW: &str = "incarnation";
const BACKUP_ROW: &str = "backup";
const ADDRESS_ROW: &str = "backup-address";

/// What was remembered of earlier lives, and the number of the new one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Kept {
    /// The new life: larger than every earlier one.
    pub incarnation: u64,
    /// What a backup has to remember besides its records.
    pub backup: Option<BackupState>,
    /// Every participant's record.
    pub records: Vec<Record>,
    /// The unit whose books they were before: another one than now where the two are a pair.
    pub last: Option<Serial>,
    /// Where a participant was told that the backup is.
    pub backup_address: Option<String>,
}

/// The file of a unit's part in a shared licence, held by one process.
///
/// A row a participant, so that a grant writes one row and not all of them. [`Books::save`] is one
/// transaction: after a kill the file holds all of its changes or none.
///
/// ```
/// use tollgate::pool::{Change, Record};
/// use tollgate::store::Books;
///
/// let folder = tempfile::tempdir()?;
/// let (path, unit) = (folder.path().join("shared"), "JMX1316M41H".parse()?);
/// let (books, first) = Books::open(&path, unit, 1)?;
/// books.save(&[Change::Record(Record::absent("JMX0912K04J".parse()?))])?;
/// drop(books);
/// let (_, second) = Books::open(&path, unit, 1)?;
/// assert_eq!(second.records.len(), 1);
/// assert!(second.incarnation > first.incarnation);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Books {
    path: PathBuf,
    database: Database,
}

impl Books {
    /// Opens the books of `unit`, or begins them where there are none, and begins a life in them.
    ///
    /// Its number is at least `least`: with the time of day there, a life after the file was lost
    /// is still a later one.
    ///
    /// # Errors
    ///
    /// When another process has the file, it is another unit's or no books, damaged, newer than
    /// this software, or the system refuses. It is left as it is.
    pub fn open(path: &Path, unit: Serial, least: u64) -> Result<(Self, Kept), StoreError> {
        Self::open_of_pair(path, &[unit], unit, least)
    }

    /// The same for books that two `units` of a failover pair have together, the active one of them
    /// at a time: the other finds them in use until the process that has them ends.
    ///
    /// # Errors
    ///
    /// As [`Books::open`].
    pub fn open_of_pair(
        path: &Path,
        units: &[Serial],
        unit: Serial,
        least: u64,
    ) -> Result<(Self, Kept), StoreError> {
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, unit, least),
            _ => reopen(path, units, unit, least),
        }
    }

    /// Notes where a participant was told that the backup is. It is no harm if that is lost.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn note_backup(&self, address: &str) -> Result<(), StoreError> {
        let written = || -> Result<(), Fault> {
            let transaction = self.database.begin_write()?;
            transaction.open_table(HEAD)?.insert(ADDRESS_ROW, address.as_bytes())?;
            Ok(transaction.commit()?)
        };
        written().map_err(|error| self.refused(error))
    }

    fn refused(&self, error: Fault) -> StoreError {
        StoreError::System { path: self.path.clone(), error: io::Error::other(error) }
    }

    /// Makes changes durable, all of them or none. It waits for the disk.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn save(&self, changes: &[Change]) -> Result<(), StoreError> {
        let written = || -> Result<(), Fault> {
            let transaction = self.database.begin_write()?;
            let mut records = transaction.open_table(RECORDS)?;
            let mut head = transaction.open_table(HEAD)?;
            for change in changes {
                match change {
                    Change::Record(record) => {
                        let key = record.serial.to_string();
                        records.insert(&*key, record.encode().as_slice())?;
                    }
                    Change::Forget(serial) => {
                        records.remove(&*serial.to_string())?;
                    }
                    Change::Backup(state) => {
                        let json = serde_json::to_vec(&StoredBackup::from(*state))?;
                        head.insert(BACKUP_ROW, json.as_slice())?;
                    }
                }
            }
            drop((records, head));
            Ok(transaction.commit()?)
        };
        written().map_err(|error| self.refused(error))
    }
}

#[cfg(test)]
impl Books {
    /// As long as what this gives is there, nothing can be made durable.
    pub(crate) fn full_disk(&self) -> redb::WriteTransaction {
        self.database.begin_write().expect("no other transaction")
    }
}

/// New books, which have their name when they are whole. Their mode is 0600 from the beginning.
fn create(path: &Path, unit: Serial, least: u64) -> Result<(Books, Kept), StoreError> {
    let system = |error| StoreError::System { path: path.to_owned(), error };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let whole = tempfile::NamedTempFile::new_in(folder).map_err(system)?;
    let backend = held(path, whole.as_file().try_clone().map_err(system)?)?;
    let kept = Kept { incarnation: least.max(1), ..Kept::default() };
    let database = begun(path, backend, unit, kept.incarnation)?;
    whole.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::InUse { path: path.to_owned() },
        _ => system(refused.error),
    })?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(system)?;
    Ok((Books { path: path.to_owned(), database }, kept))
}

fn reopen(
    path: &Path,
    units: &[Serial],
    unit: Serial,
    least: u64,
) -> Result<(Books, Kept), StoreError> {
    let system = |error| StoreError::System { path: path.to_owned(), error };
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(system)?;
    let metadata = file.metadata().map_err(system)?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let backend = held(path, file)?;
    let kept = looked_at(path, &backend, units)?;
    let kept = Kept { incarnation: kept.incarnation.saturating_add(1).max(least), ..kept };
    let database = begun(path, backend, unit, kept.incarnation)?;
    Ok((Books { path: path.to_owned(), database }, kept))
}

/// The file, held by this process alone.
fn held(path: &Path, file: fs::File) -> Result<FileBackend, StoreError> {
    let path = path.to_owned();
    match FileBackend::new(file) {
        Ok(backend) => Ok(backend),
        Err(DatabaseError::DatabaseAlreadyOpen) => Err(StoreError::InUse { path }),
        Err(error) => Err(StoreError::System { path, error: io::Error::other(error) }),
    }
}

/// What a copy in memory says, where a damaged file can do no harm.
fn looked_at(path: &Path, backend: &FileBackend, units: &[Serial]) -> Result<Kept, StoreError> {
    let system = |error| StoreError::System { path: path.to_owned(), error };
    let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), why };
    let len = usize::try_from(backend.len().map_err(system)?).unwrap_or(usize::MAX);
    let bytes = backend.read(0, len).map(Zeroizing::new).map_err(system)?;
    if !bytes.starts_with(MAGIC) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    // redb trusts what its checksums cover and stops where that is not as it should be.
    let read = catch_unwind(AssertUnwindSafe(|| read(bytes)))
        .map_err(|_| damaged("its parts do not fit together".to_owned()))?;
    let Some(rows) = read.map_err(|error| damaged(error.to_string()))? else {
        return Err(StoreError::Foreign { path: path.to_owned() });
    };
    if rows.format > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), format: rows.format });
    }
    let last = units.iter().copied().find(|unit| rows.unit == unit.to_string());
    if last.is_none() {
        let found = format!("{KIND} of unit {}", rows.unit);
        return Err(StoreError::Kind { path: path.to_owned(), found, wanted: "this unit" });
    }
    Ok(Kept { last, ..rows.kept })
}

struct Rows {
    format: u32,
    unit: String,
    kept: Kept,
}

/// What is in a database of these bytes, or none where it is no books.
fn read(bytes: Zeroizing<Vec<u8>>) -> Result<Option<Rows>, Fault> {
    let mut database = Database::builder().create_with_backend(Copy::of(bytes))?;
    if !database.check_integrity()? {
        return Err("a checksum does not match".into());
    }
    let transaction = database.begin_read()?;
    let (Ok(head), Ok(records)) = (transaction.open_table(HEAD), transaction.open_table(RECORDS))
    else {
        return Ok(None);
    };
    let row = |name| Ok::<_, Fault>(head.get(name)?.map(|row| row.value().to_vec()));
    let text = |name| Ok::<_, Fault>(row(name)?.and_then(|it| String::from_utf8(it).ok()));
    let (kind, unit) = (text(KIND_ROW)?, text(UNIT_ROW)?);
    let number = |text: Option<String>| text.and_then(|it| it.parse::<u64>().ok());
    let format = number(text(FORMAT_ROW)?).and_then(|it| u32::try_from(it).ok());
    let life = number(text(LIFE_ROW)?);
    let (Some(KIND), Some(unit), Some(format), Some(incarnation)) =
        (kind.as_deref(), unit, format, life)
    else {
        return Ok(None);
    };
    let backup = row(BACKUP_ROW)?.map(|it| serde_json::from_slice::<StoredBackup>(&it));
    let backup = backup.transpose()?.map(BackupState::from);
    let records = records.iter()?.map(|row| Ok(Record::decode(row?.1.value())?));
    let records = records.collect::<Result<_, Fault>>()?;
    let backup_address = text(ADDRESS_ROW)?;
    let kept = Kept { incarnation, backup, records, last: None, backup_address };
    Ok(Some(Rows { format, unit, kept }))
}

/// The database with the head of this life.
fn begun(
    path: &Path,
    backend: FileBackend,
    unit: Serial,
    life: u64,
) -> Result<Database, StoreError> {
    let begun = || -> Result<Database, Fault> {
        let database = Database::builder().create_with_backend(backend)?;
        let transaction = database.begin_write()?;
        let mut head = transaction.open_table(HEAD)?;
        head.insert(KIND_ROW, KIND.as_bytes())?;
        head.insert(FORMAT_ROW, FORMAT.to_string().as_bytes())?;
        head.insert(UNIT_ROW, unit.to_string().as_bytes())?;
        head.insert(LIFE_ROW, life.to_string().as_bytes())?;
        drop(head);
        transaction.open_table(RECORDS)?;
        transaction.commit()?;
        Ok(database)
    };
    begun().map_err(|error| StoreError::System {
        path: path.to_owned(),
        error: io::Error::other(error),
    })
}

/// A backup's state as it is stored.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct StoredBackup {
    synchronised: bool,
    report_due: bool,
    seconds_remaining: u64,
    seconds_served: u64,
    size: u32,
    refresh_seconds: u64,
    overlap: Option<u32>,
    most_participants: u64,
}

impl From<BackupState> for StoredBackup {
    fn from(state: BackupState) -> Self {
        Self {
            synchronised: state.synchronised,
            report_due: state.report_due,
            seconds_remaining: state.budget.remaining.as_secs(),
            seconds_served: state.budget.served.as_secs(),
            size: state.size,
            refresh_seconds: state.refresh.as_secs(),
            overlap: state.overlap,
            most_participants: state.most_participants as u64,
        }
    }
}

impl From<StoredBackup> for BackupState {
    fn from(stored: StoredBackup) -> Self {
        Self {
            synchronised: stored.synchronised,
            report_due: stored.report_due,
            budget: Budget {
                remaining: Duration::from_secs(stored.seconds_remaining),
                served: Duration::from_secs(stored.seconds_served),
            },
            size: stored.size,
            refresh: Duration::from_secs(stored.refresh_seconds),
            overlap: stored.overlap,
            most_participants: usize::try_from(stored.most_participants).unwrap_or(usize::MAX),
        }
    }
}
