//! Sealing a grant into a key, and opening it again. See the [module's head](super).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::codec::{self, ISSUES, PAYLOAD_BITS};
use super::{Grant, GrantError, ParsedKey, Serial};

/// The version of the format that is issued and understood. 0 is never one, so that the key of all
/// zeros is no key of any version.
pub const VERSION: u8 = 1;

/// The length of a secret.
pub const SECRET_LEN: usize = 32;

/// The length of a key, and where its parts are: head, tag, check.
const KEY_LEN: usize = 20;
const HEAD_LEN: usize = 9;
const TAG_LEN: usize = 10;

/// The version's three bits, in the head's first byte.
const VERSION_SHIFT: u32 = 5;

/// HMAC's block for SHA-256; a shorter key is filled with zeros (RFC 2104).
const BLOCK_LEN: usize = 64;

const CHECK: crc::Crc<u8> = crc::Crc::<u8>::new(&crc::CRC_8_SMBUS);

/// Why a key was refused. Nothing is known of what it may grant.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// All zeros.
    #[error("the activation key is all zeros: it grants nothing")]
    AllZeros,
    /// The check digits are wrong.
    #[error("activation key {key} is mistyped: its check digits do not match; enter it again")]
    Mistyped {
        /// The key.
        key: ParsedKey,
    },
    /// A version that this software does not know.
    #[error(
        "activation key {key} is of version {version}, and this software knows version {VERSION} \
         alone; upgrade it or ask for another key"
    )]
    UnknownVersion {
        /// The key.
        key: ParsedKey,
        /// Its version.
        version: u8,
    },
    /// The tag is wrong for this unit.
    #[error(
        "activation key {key} was not issued for serial number {serial}; a key is valid on the \
         unit with its serial number alone"
    )]
    NotForThisUnit {
        /// The key.
        key: ParsedKey,
        /// The unit's serial number.
        serial: Serial,
    },
    /// The authority sealed something that this version of the format does not define.
    #[error("activation key {key} grants something that this software does not know; upgrade it")]
    Undefined {
        /// The key.
        key: ParsedKey,
    },
}

/// Why no key was issued.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The licences themselves.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// There are only so many issue numbers.
    #[error("serial number {serial} has used up its {ISSUES} issue numbers")]
    NoIssueLeft {
        /// The unit's serial number.
        serial: Serial,
    },
}

/// The vendor's secret, from which every unit's own is derived.
///
/// The bytes are wiped when the value goes, and never printed.
///
/// ```
/// use tollgate::catalogue::{Feature, Value};
/// use tollgate::license::key::{Authority, Grant, Serial};
///
/// let authority = Authority::from_secret([7; 32]); // 32 random bytes, from the caller
/// let serial: Serial = "JMX0912K04J".parse()?;
/// let mut grant = Grant::permanent();
/// grant.add(Feature::AnyconnectPremium, Value::Count(500))?;
/// let key = authority.unit(&serial).issue(&grant, 0)?;
///
/// // The unit knows its own secret only.
/// let verified = authority.unit(&serial).verify(key)?;
/// assert_eq!(verified.grant(), &grant);
/// let other: Serial = "JMX0912K04K".parse()?;
/// assert!(authority.unit(&other).verify(key).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Authority {
    secret: Zeroizing<[u8; SECRET_LEN]>,
}

impl Authority {
    /// The authority with this secret: 32 bytes from a good source of randomness. The caller wipes
    /// its own copy.
    pub fn from_secret(secret: [u8; SECRET_LEN]) -> Self {
        Self { secret: Zeroizing::new(secret) }
    }

    /// The secret of the unit with this serial number.
    pub fn unit(&self, serial: &Serial) -> UnitSecret {
        let secret = prf(&self.secret, b"tollgate unit secret", &[serial.bytes()]);
        UnitSecret { serial: *serial, secret: Zeroizing::new(secret) }
    }
}

/// Never shows the secret.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// One unit's secret, which opens the keys for this unit and no others.
///
/// The bytes are wiped when the value goes, and never printed.
#[derive(Clone)]
pub struct UnitSecret {
    serial: Serial,
    secret: Zeroizing<[u8; SECRET_LEN]>,
}

/// Never shows the secret.
impl fmt::Debug for UnitSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnitSecret").field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl UnitSecret {
    /// The secret as the unit stored it.
    pub fn from_secret(serial: Serial, secret: [u8; SECRET_LEN]) -> Self {
        Self { serial, secret: Zeroizing::new(secret) }
    }

    /// The unit's serial number.
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The bytes, for the unit to store where nobody else reads them.
    pub fn expose(&self) -> &[u8; SECRET_LEN] {
        &self.secret
    }

    /// Issues the key that grants this, under an issue number of its own.
    ///
    /// The same grant under the same number is the same key.
    ///
    /// # Errors
    ///
    /// When the number is [`ISSUES`] or more.
    pub fn issue(&self, grant: &Grant, issue: u16) -> Result<ParsedKey, IssueError> {
        if issue >= ISSUES {
            return Err(IssueError::NoIssueLeft { serial: self.serial });
        }
        Ok(self.seal(VERSION, codec::encode(grant, issue)))
    }

    fn seal(&self, version: u8, payload: u128) -> ParsedKey {
        let head = head(version, payload);
        let tag = self.tag(&head);
        let mut key = [0; KEY_LEN];
        key[..HEAD_LEN].copy_from_slice(&self.masked(head, &tag));
        key[HEAD_LEN..HEAD_LEN + TAG_LEN].copy_from_slice(&tag);
        key[KEY_LEN - 1] = CHECK.checksum(&key[..KEY_LEN - 1]);
        ParsedKey::from_bytes(key)
    }

    /// Opens a key that was issued for this unit.
    ///
    /// # Errors
    ///
    /// When it is all zeros, mistyped, of an unknown version, or not issued for this serial number
    /// by the authority that the secret comes from; nobody can tell the last two apart.
    pub fn verify(&self, key: ParsedKey) -> Result<VerifiedKey, KeyError> {
        if key == ParsedKey::ZERO {
            return Err(KeyError::AllZeros);
        }
        let bytes = key.bytes();
        if CHECK.checksum(&bytes[..KEY_LEN - 1]) != bytes[KEY_LEN - 1] {
            return Err(KeyError::Mistyped { key });
        }
        let version = bytes[0] >> VERSION_SHIFT;
        if version != VERSION {
            return Err(KeyError::UnknownVersion { key, version });
        }
        let mut head = [0; HEAD_LEN];
        head.copy_from_slice(&bytes[..HEAD_LEN]);
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&bytes[HEAD_LEN..KEY_LEN - 1]);
        let head = self.masked(head, &tag);
        if !bool::from(self.tag(&head).ct_eq(&tag)) {
            return Err(KeyError::NotForThisUnit { key, serial: self.serial });
        }
        let (grant, issue) = codec::decode(payload(&head)).ok_or(KeyError::Undefined { key })?;
        Ok(VerifiedKey { key, serial: self.serial, issue, grant })
    }

    /// The tag of a head in clear: also the nonce under which it is masked.
    ///
    /// The secret is the serial number's already; with the number in the input too, a secret that
    /// was stored with another number opens nothing.
    fn tag(&self, head: &[u8; HEAD_LEN]) -> [u8; TAG_LEN] {
        let whole = prf(&self.secret, b"tollgate key tag", &[self.serial.bytes(), head]);
        std::array::from_fn(|i| whole[i])
    }

    /// The head with the keystream for `tag` added, the version's bits left in clear. Its own
    /// inverse.
    fn masked(&self, head: [u8; HEAD_LEN], tag: &[u8; TAG_LEN]) -> [u8; HEAD_LEN] {
        let mut stream = prf(&self.secret, b"tollgate key stream", &[tag]);
        stream[0] &= (1 << VERSION_SHIFT) - 1;
        std::array::from_fn(|i| head[i] ^ stream[i])
    }
}

/// The version's three bits, then the payload's 69.
fn head(version: u8, payload: u128) -> [u8; HEAD_LEN] {
    let bits = u128::from(version) << PAYLOAD_BITS | payload;
    let bytes = bits.to_be_bytes();
    std::array::from_fn(|i| bytes[bytes.len() - HEAD_LEN + i])
}

fn payload(head: &[u8; HEAD_LEN]) -> u128 {
    let bits = head.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    bits & ((1 << PAYLOAD_BITS) - 1)
}

/// HMAC-SHA-256 of the parts, in a domain of its own. Parts have fixed lengths in each domain, and
/// no domain's name is the beginning of another's, so no two inputs are the same bytes.
fn prf(secret: &[u8; SECRET_LEN], domain: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = Zeroizing::new([0; BLOCK_LEN]);
    block[..SECRET_LEN].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new(&(*block).into());
    mac.update(domain);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A key that the authority issued for one unit: evidence that only
/// [`UnitSecret::verify`] gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedKey {
    key: ParsedKey,
    serial: Serial,
    issue: u16,
    grant: Grant,
}

impl VerifiedKey {
    /// The key as it is typed.
    pub const fn key(&self) -> ParsedKey {
        self.key
    }

    /// The serial number that it was issued for.
    pub const fn serial(&self) -> &Serial {
        &self.serial
    }

    /// Its number among the keys for this serial number: a second purchase of the same licence has
    /// another one.
    pub const fn issue(&self) -> u16 {
        self.issue
    }

    /// What it grants.
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::codec::tests::grants;
    use super::*;
    use crate::catalogue::{Feature, Value};

    fn unit(serial: &str) -> UnitSecret {
        Authority::from_secret([7; SECRET_LEN]).unit(&serial.parse().unwrap())
    }

    fn premium() -> Grant {
        let mut grant = Grant::permanent();
        grant.add(Feature::AnyconnectPremium, Value::Count(500)).unwrap();
        grant
    }

    fn with_check(mut bytes: [u8; KEY_LEN]) -> ParsedKey {
        bytes[KEY_LEN - 1] = CHECK.checksum(&bytes[..KEY_LEN - 1]);
        ParsedKey::from_bytes(bytes)
    }

    /// The format is frozen: keys that were issued stay valid. The key was computed from the
    /// module's head by a program in another language as well.
    #[test]
    fn the_format_does_not_change() {
        let key = unit("JMX0912K04J").issue(&premium(), 3).unwrap();
        let frozen = "0x35bfeb2d 0x025dab8f 0xf207c11e 0x6965d0da 0xc5a028c6";
        assert_eq!(key.to_string(), frozen);
        // RFC 4231, test case 2, with the secret filled up as HMAC does it.
        let mut secret = [0; SECRET_LEN];
        secret[..4].copy_from_slice(b"Jefe");
        let tag = prf(&secret, b"what do ya want ", &[b"for ", b"nothing?"]);
        assert_eq!(tag[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
    }

    /// A23, A26: a key for another serial number, whichever character differs.
    #[test]
    fn a23_a26_a_key_for_another_serial_is_refused() {
        let key = unit("JMX0912K04J").issue(&premium(), 0).unwrap();
        for serial in ["KMX0912K04J", "JMX0912K04K", "JMX0912L04J", "00000000000"] {
            let refused = unit(serial).verify(key).unwrap_err();
            assert_eq!(refused, KeyError::NotForThisUnit { key, serial: serial.parse().unwrap() });
        }
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let serial = "JMX0912K04J".parse().unwrap();
        let key = Authority::from_secret([8; SECRET_LEN]).unit(&serial).issue(&premium(), 0);
        let refused = unit("JMX0912K04J").verify(key.unwrap()).unwrap_err();
        assert!(matches!(refused, KeyError::NotForThisUnit { .. }), "{refused}");
    }

    /// Every one and every two neighbouring hexadecimal digits, and every bit, changed: refused,
    /// and as mistyped.
    #[test]
    fn typing_errors_are_told_as_such() {
        let unit = unit("JMX0912K04J");
        let key = unit.issue(&premium(), 0).unwrap();
        for digit in 0..39 {
            for change in 1..=255_u8 {
                let mut bytes = key.bytes();
                let (byte, half) = (digit / 2, digit % 2);
                if half == 0 {
                    bytes[byte] ^= change;
                } else {
                    bytes[byte] ^= change >> 4;
                    bytes[byte + 1] ^= change << 4;
                }
                let key = ParsedKey::from_bytes(bytes);
                assert_eq!(unit.verify(key), Err(KeyError::Mistyped { key }));
            }
        }
    }

    /// Forgery by mutation: every single and every pair of flipped bits outside the version, with
    /// the check digits made right again, fails at the tag.
    #[test]
    fn flipped_bits_with_right_check_digits_are_refused() {
        let unit = unit("JMX0912K04J");
        let issued = unit.issue(&premium(), 0).unwrap().bytes();
        let flip = |bytes: &mut [u8; KEY_LEN], bit: usize| bytes[bit / 8] ^= 1 << (7 - bit % 8);
        for first in 3..152 {
            for second in first..152 {
                let mut bytes = issued;
                flip(&mut bytes, first);
                if second != first {
                    flip(&mut bytes, second);
                }
                let refused = unit.verify(with_check(bytes)).unwrap_err();
                assert!(matches!(refused, KeyError::NotForThisUnit { .. }), "{first}: {refused}");
            }
        }
    }

    /// Every byte of the tag counts: a head that is masked as a wrong tag wants it.
    #[test]
    fn every_byte_of_the_tag_is_compared() {
        let unit = unit("JMX0912K04J");
        let head = head(VERSION, codec::encode(&premium(), 0));
        for byte in 0..TAG_LEN {
            let mut tag = unit.tag(&head);
            tag[byte] ^= 1;
            let mut key = [0; KEY_LEN];
            key[..HEAD_LEN].copy_from_slice(&unit.masked(head, &tag));
            key[HEAD_LEN..HEAD_LEN + TAG_LEN].copy_from_slice(&tag);
            let refused = unit.verify(with_check(key)).unwrap_err();
            assert!(matches!(refused, KeyError::NotForThisUnit { .. }), "{byte}: {refused}");
        }
    }

    #[test]
    fn unknown_versions_are_told() {
        let unit = unit("JMX0912K04J");
        for version in [0, 2, 3, 4, 5, 6, 7] {
            let key = unit.seal(version, codec::encode(&premium(), 0));
            assert_eq!(unit.verify(key), Err(KeyError::UnknownVersion { key, version }));
        }
        assert_eq!(unit.verify(ParsedKey::ZERO), Err(KeyError::AllZeros));
    }

    /// What this version does not define is refused even where the authority sealed it.
    #[test]
    fn undefined_codes_are_refused() {
        let unit = unit("JMX0912K04J");
        let export = 0b11_u128 << 39;
        let key = unit.seal(VERSION, export);
        assert_eq!(unit.verify(key), Err(KeyError::Undefined { key }));
    }

    #[test]
    fn issue_numbers_end() {
        let unit = unit("JMX0912K04J");
        assert!(unit.issue(&premium(), ISSUES - 1).is_ok());
        let refused = unit.issue(&premium(), ISSUES).unwrap_err().to_string();
        assert_eq!(refused, "serial number JMX0912K04J has used up its 4096 issue numbers");
    }

    #[test]
    fn secrets_are_not_printed() {
        let authority = Authority::from_secret([0xAB; SECRET_LEN]);
        let unit = authority.unit(&"JMX0912K04J".parse().unwrap());
        let told = format!("{authority:?} {unit:?}");
        assert_eq!(told, "Authority { .. } UnitSecret { serial: Serial(JMX0912K04J), .. }");
    }

    proptest! {
        #[test]
        fn a2_what_is_issued_is_verified((grant, issue) in grants(), secret: [u8; 32]) {
            let unit = Authority::from_secret(secret).unit(&"JMX0912K04J".parse().unwrap());
            let key = unit.issue(&grant, issue).unwrap();
            let verified = unit.verify(key.to_string().parse().unwrap()).unwrap();
            prop_assert_eq!(verified.grant(), &grant);
            prop_assert_eq!((verified.issue(), verified.key()), (issue, key));
        }

        /// Two grants, or one under two numbers, never share a key, and each other's head and tag
        /// do not go together.
        #[test]
        fn keys_do_not_mix((a, i) in grants(), (b, j) in grants()) {
            let unit = unit("JMX0912K04J");
            let (first, second) = (unit.issue(&a, i).unwrap(), unit.issue(&b, j).unwrap());
            prop_assert_eq!(first == second, (a, i) == (b, j));
            let mut mixed = first.bytes();
            mixed[HEAD_LEN..].copy_from_slice(&second.bytes()[HEAD_LEN..]);
            prop_assert!(first == second || unit.verify(with_check(mixed)).is_err());
        }

        #[test]
        fn guesses_are_refused(mut words: [u32; 5]) {
            words[0] = words[0] & 0x1FFF_FFFF | u32::from(VERSION) << 29;
            let unit = unit("JMX0912K04J");
            let refused = unit.verify(with_check(ParsedKey::from_words(words).bytes()));
            let told = matches!(refused, Err(KeyError::NotForThisUnit { .. }));
            prop_assert!(told);
        }
    }
}
