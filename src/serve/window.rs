//! Where a running unit is asked: a socket beside its file, which only its owner can reach.
//!
//! Whoever connects is sent one [`Report`] in JSON, and the connection ends. Nothing is read.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Report, ServeError};
use crate::license::key::Serial;

/// Reports that are being sent at once; whoever asks beyond that waits.
const ASKING: usize = 8;

/// How long whoever asks may take to read.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest report that is read: 100,000 participants take a third of it.
const MOST_BYTES: u64 = 64 << 20;

/// The socket; its name goes when it does.
#[derive(Debug)]
pub(super) struct Window {
    path: PathBuf,
    listener: UnixListener,
    places: Arc<Semaphore>,
}

impl Window {
    /// Opens the window at `path`. One that a killed process left there is replaced; the caller
    /// is the unit that it is named after, so no other process uses it.
    pub(super) fn open(path: &Path) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Window { path: path.to_owned(), error };
        match path.symlink_metadata() {
            Ok(metadata) if metadata.file_type().is_socket() => {
                fs::remove_file(path).map_err(failed)?;
            }
            Ok(_) => return Err(failed(io::ErrorKind::AlreadyExists.into())),
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        let places = Arc::new(Semaphore::new(ASKING));
        Ok(Self { path: path.to_owned(), listener, places })
    }

    /// Somebody who asks. Dropping the future before it is ready loses nothing.
    pub(super) async fn next(&self) -> Asking {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { continue };
            match self.listener.accept().await {
                Ok((stream, _)) => return Asking { stream, place },
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // It may be gone already, and nothing is lost if it stays.
        let _ = fs::remove_file(&self.path);
    }
}

/// Somebody who asked.
#[derive(Debug)]
pub(super) struct Asking {
    stream: tokio::net::UnixStream,
    place: tokio::sync::OwnedSemaphorePermit,
}

impl Asking {
    /// Answers, without the caller waiting for it.
    pub(super) fn answer(self, report: Report) {
        let Self { mut stream, place } = self;
        tokio::spawn(async move {
            let Ok(text) = serde_json::to_vec(&report) else { return };
            // Whoever does not read gets no answer.
            let _ = timeout(PATIENCE, stream.write_all(&text)).await;
            drop(place);
        });
    }
}

/// Waits for `until` as a unit on standby, which says so to whoever asks at `window`.
///
/// # Errors
///
/// When the window cannot be opened.
pub async fn on_standby<T>(
    window: &Path,
    serial: &Serial,
    role: &str,
    until: impl Future<Output = T>,
) -> Result<T, ServeError> {
    let window = Window::open(window)?;
    let mut until = pin!(until);
    loop {
        tokio::select! {
            done = &mut until => return Ok(done),
            asking = window.next() => asking.answer(Report::on_standby(serial, role)),
        }
    }
}

/// Asks the unit whose window is at `path`.
///
/// # Errors
///
/// When no unit runs there, or it does not answer within ten seconds.
pub fn ask(path: &Path) -> Result<Report, ServeError> {
    let failed = |error| ServeError::Ask { path: path.to_owned(), error };
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ServeError::NotRunning { path: path.to_owned() }
        }
        _ => failed(error),
    })?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut text = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut text).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|error| failed(error.into()))
}
