//! The shared secret, from a file of its owner's or from standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::Failure;
use crate::net::{SECRET_MAX, Secret, SecretError};

/// Reads the secret: one line, from `-` standard input.
///
/// It is never taken from the command line, which every user of a machine can read, and a file that
/// others can read is refused.
pub(super) fn read(path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    let failed = |error: io::Error| Failure::Failed(format!("cannot read `{shown}`: {error}"));
    let mut bytes = Zeroizing::new(Vec::new());
    // The line's end and one character beyond, to notice a longer one.
    let most = SECRET_MAX as u64 + 3;
    if path == Path::new("-") {
        io::stdin().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = File::open(path).map_err(failed)?;
        for_its_owner_alone(path, &file)?;
        file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    let text = str::from_utf8(&bytes)
        .map_err(|error| SecretError::Character { position: error.valid_up_to() + 1 })?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    Ok(Secret::parse(line.strip_suffix('\r').unwrap_or(line))?)
}

fn for_its_owner_alone(path: &Path, file: &File) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let metadata = file.metadata();
    let metadata =
        metadata.map_err(|error| Failure::Failed(format!("cannot read `{shown}`: {error}")))?;
    let mode = metadata.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "`{shown}` can be read or written by others (mode {mode:03o}), and it holds the shared \
         secret; use `chmod 600`"
    )))
}
