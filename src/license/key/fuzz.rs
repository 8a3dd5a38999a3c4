//! The body of the fuzz target for keys.

use super::{Authority, KeyError, ParsedKey};

/// The first bytes as a key, the rest as the text of one: neither panics, what parses prints as
/// itself, and nothing that the authority did not issue is verified.
pub fn key(data: &[u8]) {
    let Ok(serial) = "JMX0912K04J".parse() else { return };
    let unit = Authority::from_secret([7; 32]).unit(&serial);
    let (words, text) = data.split_at(data.len().min(20));
    let mut bytes = [0; 20];
    bytes[..words.len()].copy_from_slice(words);
    let key = ParsedKey::from_bytes(bytes);
    assert_eq!(key.to_string().parse(), Ok(key));
    match unit.verify(key) {
        // Found by chance or by a corpus of issued keys: it is what its grant is issued as.
        Ok(verified) => assert_eq!(unit.issue(verified.grant(), verified.issue()), Ok(key)),
        Err(error) => assert!(key != ParsedKey::ZERO || error == KeyError::AllZeros),
    }
    let text = String::from_utf8_lossy(text);
    match text.parse::<ParsedKey>() {
        Ok(key) => assert_eq!(key.to_string().parse(), Ok(key)),
        Err(error) => assert!(error.to_string().len() < 250, "{error}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Grant;
    use super::*;

    proptest! {
        #[test]
        fn noise_is_no_key(data in prop::collection::vec(any::<u8>(), 0..120)) {
            key(&data);
        }

        #[test]
        fn issued_keys(issue in 0..super::super::ISSUES, text in r"[0-9a-fx ]{0,60}") {
            let unit = Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse().unwrap());
            let mut data = unit.issue(&Grant::permanent(), issue).unwrap().bytes().to_vec();
            data.extend(text.bytes());
            key(&data);
        }
    }
}
