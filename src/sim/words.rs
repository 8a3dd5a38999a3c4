//! A line of a scenario in words, and what can be wrong with it.

use std::time::Duration;

/// Why a line was not carried out. Nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The line is not of the language.
    #[error("{0}")]
    NotUnderstood(String),
    /// The line was understood, and what it asks for is refused.
    #[error("{0}")]
    Refused(String),
}

impl LineError {
    /// The refusal by something that says in its own words why.
    pub(super) fn refused<E: std::error::Error>(why: E) -> Self {
        Self::Refused(why.to_string())
    }
}

/// The words of a line: separated by blanks, `"…"` holds them together, `#` starts a comment.
pub(super) fn split(line: &str) -> Result<Vec<String>, LineError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '#' if !quoted => break,
            blank if blank.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    if quoted {
        return Err(LineError::NotUnderstood("a `\"` is not closed on its line".to_owned()));
    }
    words.extend(word);
    Ok(words)
}

/// The words of one command, taken from the left; its options may stand anywhere.
#[derive(Debug)]
pub(super) struct Words {
    form: &'static str,
    rest: Vec<String>,
}

impl Words {
    /// What follows the name of a command that is written as `form`.
    pub(super) const fn new(form: &'static str, rest: Vec<String>) -> Self {
        Self { form, rest }
    }

    fn not_understood(&self, what: &str) -> LineError {
        LineError::NotUnderstood(format!("{what}; it is written `{}`", self.form))
    }

    /// The next word.
    pub(super) fn next(&mut self, what: &str) -> Result<String, LineError> {
        if self.rest.is_empty() {
            return Err(self.not_understood(&format!("{what} is missing")));
        }
        Ok(self.rest.remove(0))
    }

    /// The next word, where there is one.
    pub(super) fn optional(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| self.rest.remove(0))
    }

    /// Every word that is left.
    pub(super) fn all(&mut self) -> Vec<String> {
        std::mem::take(&mut self.rest)
    }

    /// The word after `name`, wherever it stands.
    pub(super) fn option(&mut self, name: &str) -> Result<Option<String>, LineError> {
        let Some(at) = self.rest.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.rest.len() {
            return Err(self.not_understood(&format!("`{name}` is the last word")));
        }
        self.rest.remove(at);
        Ok(Some(self.rest.remove(at)))
    }

    /// Whether the word `name` is there, wherever it stands.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let at = self.rest.iter().position(|word| word == name);
        at.map(|at| self.rest.remove(at)).is_some()
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), LineError> {
        match self.rest.first() {
            None => Ok(()),
            Some(word) => Err(self.not_understood(&format!("`{word}` has no place here"))),
        }
    }
}

/// One of the words that a place takes.
pub(super) fn one_of<T: Copy>(
    word: &str,
    what: &str,
    values: &[(&str, T)],
) -> Result<T, LineError> {
    let found = values.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        LineError::NotUnderstood(format!("`{word}` is no {what}; choose {}", known.join(", ")))
    })
}

/// A name of a unit, a key or a set of sessions.
pub(super) fn name(word: String) -> Result<String, LineError> {
    /// The longest name.
    const MOST: usize = 64;
    let no_number = word.contains(|c: char| c.is_ascii_alphabetic());
    let fits = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if no_number && fits && word.len() <= MOST {
        return Ok(word);
    }
    let shown: String = word.chars().take(MOST).collect();
    Err(LineError::NotUnderstood(format!(
        "`{shown}` is no name, which has letters, digits, `-`, `_` and `.`, a letter at least and \
         {MOST} characters at most"
    )))
}

/// A number: `500`, `10,000`.
pub(super) fn number(word: &str) -> Result<u64, LineError> {
    let digits = word.replace(',', "");
    let plain = digits.starts_with(|c: char| c.is_ascii_digit());
    digits.parse().ok().filter(|_| plain).ok_or_else(|| {
        LineError::NotUnderstood(format!("`{word}` is no number, such as 500 or 10,000"))
    })
}

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// A duration: `30s`, `8w`, `1d12h`, `250ms`.
pub(super) fn duration(word: &str) -> Result<Duration, LineError> {
    let bad = || {
        LineError::NotUnderstood(format!(
            "`{word}` is no duration, such as 30s, 5m, 24h, 10d, 8w or 1d12h"
        ))
    };
    let (mut seconds, mut millis) = (0_u64, 0_u64);
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0);
        let (count, unit) = rest.split_at(end.ok_or_else(bad)?);
        if unit == "ms" {
            millis = count.parse().map_err(|_| bad())?;
            break;
        }
        let of = UNITS.iter().find(|(name, _)| unit.starts_with(*name)).ok_or_else(bad)?.1;
        let part = count.parse::<u64>().ok().and_then(|count| count.checked_mul(of));
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or_else(bad)?;
        rest = &unit[1..];
    }
    let time = Duration::from_secs(seconds).checked_add(Duration::from_millis(millis));
    time.filter(|_| !word.is_empty()).ok_or_else(bad)
}

/// A duration as scenarios write it, to the second.
pub(super) fn in_words(duration: Duration) -> String {
    let mut left = duration.as_secs();
    let mut text = String::new();
    for (name, of) in UNITS {
        if left >= of {
            text.extend([(left / of).to_string(), name.to_string()]);
            left %= of;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_quotes_and_comments() {
        let words = split("  unit A \"ASA 5520\"\ttier base # the first").unwrap();
        assert_eq!(words, ["unit", "A", "ASA 5520", "tier", "base"]);
        assert_eq!(split("\"\" \"a # b\"c").unwrap(), ["", "a # bc"]);
        assert!(split("# nothing").unwrap().is_empty());
        assert!(split("unit A \"ASA 5520").is_err());
    }

    #[test]
    fn durations_as_text() {
        for (text, seconds) in [("30s", 30), ("1d12h", 129_600), ("8w", 8 * 604_800), ("0s", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(duration("1m250ms"), Ok(Duration::from_millis(60_250)));
        for text in [
            "",
            "s",
            "5",
            "5x",
            "1w2",
            "-1d",
            "99999999999999999999s",
            "9999999999999999w",
            "ms",
            "5ms5",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_reads_back(seconds: u64) {
            let time = Duration::from_secs(seconds);
            prop_assert_eq!(duration(&in_words(time)), Ok(time));
        }

        #[test]
        fn no_word_is_too_strange(text in "\\PC{0,20}|[0-9wdhms]{0,12}") {
            let _ = (split(&text), duration(&text), number(&text), name(text.clone()));
        }
    }
}
