//! What a shared secret is (G10).

/// The fewest characters of a shared secret (G10).
pub const SECRET_MIN: usize = 4;

/// The most characters of a shared secret (G10).
pub const SECRET_MAX: usize = 128;

/// Text that is no shared secret. It is not repeated, because it may nearly be one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Too short or too long.
    #[error("the shared secret has {length} characters; it must have {SECRET_MIN} to {SECRET_MAX}")]
    Length {
        /// How many characters it has.
        length: usize,
    },
    /// Something that nobody types on a unit.
    #[error(
        "character {position} of the shared secret is no printable ASCII character; use letters, \
         digits, punctuation and spaces"
    )]
    Character {
        /// The first such character, counted from 1.
        position: usize,
    },
}

/// Whether a text can be the secret that the units of one shared licence know.
///
/// # Errors
///
/// When it has fewer than 4 or more than 128 characters, or one that is not printable ASCII.
///
/// ```
/// use tollgate::license::check_secret;
/// assert!(check_secret("correct horse battery staple").is_ok());
/// assert!(check_secret("abc").is_err());
/// ```
pub fn check_secret(text: &str) -> Result<(), SecretError> {
    let printable = |character: char| character == ' ' || character.is_ascii_graphic();
    if let Some(index) = text.chars().position(|character| !printable(character)) {
        return Err(SecretError::Character { position: index + 1 });
    }
    if !(SECRET_MIN..=SECRET_MAX).contains(&text.len()) {
        return Err(SecretError::Length { length: text.len() });
    }
    Ok(())
}
