//! One file with one record. See the [module's head](super).

use std::fs::{self, OpenOptions};
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageBackend, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::quiet::quietly;
use super::{FORMAT, StoreError};

/// The largest file that is read: far more than every key that can be issued for one serial number.
const MOST_BYTES: u64 = 64 << 20;

/// How long a file that another process has open is waited for: commands are over in less.
const PATIENCE: Duration = Duration::from_secs(2);

const TABLE: TableDefinition<&str, &[u8]> = TableDefinition::new("tollgate");
const KIND: &str = "kind";
const FORMAT_ROW: &str = "format";
const RECORD: &str = "record";

/// What redb or the record's coding says.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What redb's files begin with.
pub(super) const MAGIC: &[u8] = b"redb";

/// A value that has a file of its own.
pub trait Stored: Serialize + DeserializeOwned {
    /// What the file is of.
    const KIND: &'static str;
    /// What creates one.
    const CREATE: &'static str;
}

/// A file that this process has open, and no other one.
#[derive(Debug)]
pub struct File<T> {
    path: PathBuf,
    backend: FileBackend,
    record: PhantomData<T>,
}

impl<T: Stored> File<T> {
    /// Creates a file that only its owner may read and write, whole or not at all.
    ///
    /// # Errors
    ///
    /// When there is a file of this name, or the system refuses.
    pub fn create(path: &Path, record: &T) -> Result<(), StoreError> {
        let system = |error| StoreError::System { path: path.to_owned(), error };
        if path.symlink_metadata().is_ok() {
            return Err(StoreError::Exists { path: path.to_owned() });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Else the error would name the temporary file.
        folder.metadata().map_err(system)?;
        // Its mode is 0600 from the beginning.
        let whole = tempfile::NamedTempFile::new_in(folder).map_err(system)?;
        let file = whole.as_file().try_clone().map_err(system)?;
        Self::held(path, file)?.replace(record)?;
        whole.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
            _ => system(refused.error),
        })?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(system)
    }

    /// Opens a file and reads its record. Another process's is waited for, for two seconds at most.
    ///
    /// # Errors
    ///
    /// When there is no such file, when it is in use, foreign, damaged, another kind of file or
    /// newer than this software.
    pub fn open(path: &Path) -> Result<(Self, T), StoreError> {
        let until = Instant::now() + PATIENCE;
        let held = loop {
            match Self::held(path, existing::<T>(path)?) {
                Err(StoreError::InUse { .. }) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                held => break held?,
            }
        };
        let record = held.read()?;
        Ok((held, record))
    }

    /// Replaces the record, in one transaction, and closes the file.
    ///
    /// # Errors
    ///
    /// When the system refuses; the record is then the one before.
    pub fn replace(self, record: &T) -> Result<(), StoreError> {
        let Self { path, backend, .. } = self;
        write(backend, record)
            .map_err(|error| StoreError::System { path, error: io::Error::other(error) })
    }

    fn held(path: &Path, file: fs::File) -> Result<Self, StoreError> {
        let path = path.to_owned();
        match FileBackend::new(file) {
            Ok(backend) => Ok(Self { path, backend, record: PhantomData }),
            Err(DatabaseError::DatabaseAlreadyOpen) => Err(StoreError::InUse { path }),
            Err(error) => Err(StoreError::System { path, error: io::Error::other(error) }),
        }
    }

    /// The record of a copy in memory.
    fn read(&self) -> Result<T, StoreError> {
        let damaged = |why: String| StoreError::Damaged { path: self.path.clone(), why };
        let foreign = || StoreError::Foreign { path: self.path.clone() };
        let rows = rows(self.bytes()?);
        let rows = rows.map_err(|error| damaged(error.to_string()))?.ok_or_else(foreign)?;
        if rows.kind != T::KIND {
            let (found, path) = (rows.kind, self.path.clone());
            return Err(StoreError::Kind { path, found, wanted: T::KIND });
        }
        if rows.format > FORMAT {
            return Err(StoreError::Newer { path: self.path.clone(), format: rows.format });
        }
        serde_json::from_slice(&rows.record).map_err(|error| damaged(error.to_string()))
    }

    fn bytes(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let system = |error| StoreError::System { path: self.path.clone(), error };
        let len = self.backend.len().map_err(system)?;
        if len > MOST_BYTES {
            return Err(StoreError::Foreign { path: self.path.clone() });
        }
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.backend.read(0, len).map(Zeroizing::new).map_err(system)
    }
}

fn existing<T: Stored>(path: &Path) -> Result<fs::File, StoreError> {
    let path = || path.to_owned();
    let error = match OpenOptions::new().read(true).write(true).open(path()) {
        Ok(file) if file.metadata().is_ok_and(|it| it.is_file()) => return Ok(file),
        Ok(_) => return Err(StoreError::Foreign { path: path() }),
        Err(error) => error,
    };
    match error.kind() {
        io::ErrorKind::NotFound => Err(StoreError::Missing { path: path(), create: T::CREATE }),
        io::ErrorKind::IsADirectory => Err(StoreError::Foreign { path: path() }),
        _ => Err(StoreError::System { path: path(), error }),
    }
}

pub(super) struct Rows {
    kind: String,
    format: u32,
    pub(super) record: Zeroizing<Vec<u8>>,
}

/// Writes a record in one transaction.
fn write<T: Stored>(backend: impl StorageBackend, record: &T) -> Result<(), Fault> {
    let json = Zeroizing::new(serde_json::to_vec(record)?);
    let database = Database::builder().create_with_backend(backend)?;
    let change = database.begin_write()?;
    let mut table = change.open_table(TABLE)?;
    table.insert(KIND, T::KIND.as_bytes())?;
    table.insert(FORMAT_ROW, FORMAT.to_string().as_bytes())?;
    table.insert(RECORD, json.as_slice())?;
    drop(table);
    Ok(change.commit()?)
}

/// The rows of a database in these bytes, or none where it is no database of ours.
pub(super) fn rows(bytes: Zeroizing<Vec<u8>>) -> Result<Option<Rows>, Fault> {
    if !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    // redb trusts what its checksums cover and stops where that is not as it should be.
    quietly(|| stored(bytes)).unwrap_or_else(|| Err("its parts do not fit together".into()))
}

/// As [`rows`], for bytes that begin as a database; may panic where they are damaged.
fn stored(bytes: Zeroizing<Vec<u8>>) -> Result<Option<Rows>, Fault> {
    let mut database = Database::builder().create_with_backend(Copy::of(bytes))?;
    if !database.check_integrity()? {
        return Err("a checksum does not match".into());
    }
    let table = match database.begin_read()?.open_table(TABLE) {
        Ok(table) => table,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let row = |name| -> Result<_, Fault> {
        Ok(table.get(name)?.map(|row| Zeroizing::new(row.value().to_vec())))
    };
    let text = |name| Ok::<_, Fault>(row(name)?.and_then(|it| String::from_utf8(it.to_vec()).ok()));
    let format = text(FORMAT_ROW)?.and_then(|text| text.parse().ok());
    let (Some(kind), Some(format), Some(record)) = (text(KIND)?, format, row(RECORD)?) else {
        return Ok(None);
    };
    Ok(Some(Rows { kind, format, record }))
}

/// The bytes of a file that was created with the first record, and changed to the others.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn whole<T: Stored>(records: &[T]) -> Result<Vec<u8>, Fault> {
    let path = tempfile::NamedTempFile::new()?;
    for record in records {
        write(FileBackend::new(path.reopen()?)?, record)?;
    }
    Ok(fs::read(path.path())?)
}

/// A file's bytes in memory. It says that something is beyond its end, where a damaged file asks
/// for it.
#[derive(Debug)]
pub(super) struct Copy(Mutex<Zeroizing<Vec<u8>>>);

impl Copy {
    pub(super) fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Mutex::new(bytes))
    }

    fn within<T>(
        &self,
        offset: u64,
        len: usize,
        action: impl FnOnce(&mut [u8]) -> T,
    ) -> io::Result<T> {
        let beyond = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let start = usize::try_from(offset).map_err(|_| beyond())?;
        let end = start.checked_add(len).ok_or_else(beyond)?;
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.get_mut(start..end).map(action).ok_or_else(beyond)
    }
}

impl StorageBackend for Copy {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.within(offset, len, |bytes| bytes.to_vec())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let len = usize::try_from(len).ok().filter(|len| *len as u64 <= MOST_BYTES);
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.resize(len.ok_or_else(full)?, 0);
        Ok(())
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.within(offset, data.len(), |bytes| bytes.copy_from_slice(data))
    }
}

#[cfg(test)]
mod tests;
