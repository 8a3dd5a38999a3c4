//! A key as text: five hexadecimal words.

use std::fmt;
use std::str::FromStr;

/// How many elements a key has: 32-bit words, 160 bits in all (A1).
pub const ELEMENTS: usize = 5;

/// The most hexadecimal digits of an element.
const DIGITS: usize = 8;

/// How much of an element an error repeats.
const SHOWN: usize = 16;

/// A key that is well formed: 160 bits, of which nothing is known yet.
///
/// Whether the authority issued it, for whom and for what, only a
/// [`UnitSecret`](super::UnitSecret) can tell.
///
/// ```
/// use tollgate::license::key::ParsedKey;
///
/// let key: ParsedKey = "d11b3d48 a80a4c0a 48e0fd1c b0443480 843fc490".parse()?;
/// assert_eq!(key.to_string(), "0xd11b3d48 0xa80a4c0a 0x48e0fd1c 0xb0443480 0x843fc490");
/// assert_eq!("0 0 0 0 0".parse(), Ok(ParsedKey::ZERO));
/// # Ok::<(), tollgate::license::key::KeyTextError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ParsedKey([u32; ELEMENTS]);

impl ParsedKey {
    /// The key of all zeros: what is left where the permanent key was lost (A20, A22).
    pub const ZERO: Self = Self([0; ELEMENTS]);

    /// The key with these words, the first one first in the text.
    pub const fn from_words(words: [u32; ELEMENTS]) -> Self {
        Self(words)
    }

    /// The words, in the order of the text.
    pub const fn words(self) -> [u32; ELEMENTS] {
        self.0
    }

    pub(super) fn from_bytes(bytes: [u8; 4 * ELEMENTS]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        Self(std::array::from_fn(|i| u32::from_be_bytes(words[i])))
    }

    pub(super) fn bytes(self) -> [u8; 4 * ELEMENTS] {
        let mut bytes = [0; 4 * ELEMENTS];
        let (words, _) = bytes.as_chunks_mut::<4>();
        for (to, word) in words.iter_mut().zip(self.0) {
            *to = word.to_be_bytes();
        }
        bytes
    }
}

/// The words with `0x`, one blank between two.
impl fmt::Display for ParsedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.into_iter().enumerate() {
            let blank = if i == 0 { "" } else { " " };
            write!(f, "{blank}{word:#010x}")?;
        }
        Ok(())
    }
}

/// Why text is no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// Fewer or more than five elements.
    #[error("an activation key has {ELEMENTS} elements, each one 32-bit word; here are {found}")]
    Elements {
        /// How many there are.
        found: usize,
    },
    /// Nothing between two blanks, or nothing after `0x`.
    #[error(
        "element {element} of the activation key has no digits; it is a hexadecimal word, and one \
         space stands between two elements"
    )]
    Empty {
        /// Which element, from 1.
        element: usize,
    },
    /// Something that is no hexadecimal digit.
    #[error(
        "element {element} of the activation key, `{text}`, has {character:?}, which is no \
         hexadecimal digit"
    )]
    NotHexadecimal {
        /// Which element, from 1.
        element: usize,
        /// The beginning of the element.
        text: String,
        /// The first character that is no digit.
        character: char,
    },
    /// More than 32 bits.
    #[error(
        "element {element} of the activation key, `{text}`, has {digits} digits; an element is a \
         32-bit word of at most {DIGITS}"
    )]
    TooLong {
        /// Which element, from 1.
        element: usize,
        /// The beginning of the element.
        text: String,
        /// How many digits it has.
        digits: usize,
    },
}

/// Parses five hexadecimal words (A3 – A9), exactly one space between two.
///
/// `0x` may stand before any of them, the digits have no case, blanks around the whole are left
/// out (A10, our choice).
impl FromStr for ParsedKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let text = text.trim();
        let found = if text.is_empty() { 0 } else { text.split(' ').count() };
        // An element that is missing or too many is told first, unless it is only a second blank.
        if found != ELEMENTS && !text.contains("  ") {
            return Err(KeyTextError::Elements { found });
        }
        let mut words = [0; ELEMENTS];
        for (i, element) in text.split(' ').enumerate() {
            let word = word(i + 1, element)?;
            *words.get_mut(i).ok_or(KeyTextError::Elements { found })? = word;
        }
        Ok(Self(words))
    }
}

fn word(element: usize, text: &str) -> Result<u32, KeyTextError> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let shown = || text.chars().take(SHOWN).collect();
    if digits.is_empty() {
        return Err(KeyTextError::Empty { element });
    }
    if let Some(character) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(KeyTextError::NotHexadecimal { element, text: shown(), character });
    }
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() <= DIGITS)
        .ok_or_else(|| KeyTextError::TooLong { element, text: shown(), digits: digits.len() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: [u32; 5] = [0xd11b_3d48, 0xa80a_4c0a, 0x48e0_fd1c, 0xb044_3480, 0x843f_c490];

    /// A3 – A6, A10: every spelling of one key.
    #[test]
    fn a3_a4_a5_a6_a10_spellings_of_one_key() {
        for text in [
            "0xd11b3d48 0xa80a4c0a 0x48e0fd1c 0xb0443480 0x843fc490",
            "d11b3d48 a80a4c0a 48e0fd1c b0443480 843fc490",
            "D11B3D48 0xA80a4c0a 48e0fd1c 0Xb0443480 843FC490",
            " \td11b3d48 a80a4c0a 48e0fd1c b0443480 843fc490\n",
        ] {
            assert_eq!(text.parse(), Ok(ParsedKey(WORDS)), "{text}");
        }
        assert_eq!("10000000 2 3 4 5".parse(), Ok(ParsedKey([0x1000_0000, 2, 3, 4, 5])));
    }

    /// A7 – A11: what is wrong, and where.
    #[test]
    fn a7_a8_a9_a10_a11_what_is_wrong_and_where() {
        let error = |text: &str| text.parse::<ParsedKey>().unwrap_err().to_string();
        let elements = |found| {
            format!("an activation key has 5 elements, each one 32-bit word; here are {found}")
        };
        assert_eq!(error("1 2 3 4"), elements(4));
        assert_eq!(error("1 2 3 4 5 6"), elements(6));
        assert_eq!(error(""), elements(0));
        assert_eq!(error("   "), elements(0));
        let empty = "element 2 of the activation key has no digits; it is a hexadecimal word, and \
                     one space stands between two elements";
        assert_eq!(error("1  2 3 4 5"), empty);
        assert_eq!(error("1  3 4 5"), empty);
        assert_eq!(error("1 0x 3 4 5"), empty);
        assert_eq!(
            error("0xg11b3d48 2 3 4 5"),
            "element 1 of the activation key, `0xg11b3d48`, has 'g', which is no hexadecimal digit"
        );
        assert_eq!(
            error("ASA0xd11b3d48 2 3 4 5"),
            "element 1 of the activation key, `ASA0xd11b3d48`, has 'S', which is no hexadecimal \
             digit"
        );
        assert_eq!(
            error("1 2\t2 3 4 5"),
            "element 2 of the activation key, `2\t2`, has '\\t', which is no hexadecimal digit"
        );
        assert_eq!(
            error("1 2 3 4 0x843fc4901"),
            "element 5 of the activation key, `0x843fc4901`, has 9 digits; an element is a 32-bit \
             word of at most 8"
        );
        assert_eq!(
            error("1 2 3 4 000000005").split(", ").nth(2),
            Some("has 9 digits; an element is a 32-bit word of at most 8")
        );
        assert_eq!(error("1 2 3 4 -5").split(", ").nth(1), Some("`-5`"));
        assert_eq!(error("1 2 3 4 +5").split(", ").nth(1), Some("`+5`"));
    }

    /// An error repeats only the beginning of what was given.
    #[test]
    fn errors_stay_short() {
        let error = format!("1 2 3 4 {}", "f".repeat(100_000)).parse::<ParsedKey>().unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
        let error = format!("1 2 3 4 {}", "ß".repeat(100_000)).parse::<ParsedKey>().unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }

    proptest! {
        /// A1: 160 bits, and the text keeps every one.
        #[test]
        fn a1_text_and_bytes_round_trip(words: [u32; 5]) {
            let key = ParsedKey::from_words(words);
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            prop_assert_eq!(ParsedKey::from_bytes(key.bytes()), key);
            prop_assert_eq!(key.bytes().len() * 8, 160);
        }

        #[test]
        fn no_text_panics(text in r"[0-9a-fxX \t]{0,80}|\PC{0,80}") {
            if let Ok(key) = text.parse::<ParsedKey>() {
                prop_assert_eq!(key.to_string().parse(), Ok(key));
            }
        }
    }
}
