//! The shared secret, and what proves over one TLS channel that a peer knows it.

use std::fmt;
use std::num::NonZeroU32;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Peer;
use crate::license::{SecretError, check_secret};

/// The length of a proof: an output of HMAC-SHA-256.
pub(super) const PROOF_LEN: usize = 32;

/// How long the keying material is that a proof is bound to (RFC 9266, section 2).
pub(super) const CHANNEL_LEN: usize = 32;

/// How often a guess at the secret has to be hashed: the figure of OWASP's “Password Storage Cheat
/// Sheet” for PBKDF2 with HMAC-SHA-256. A tenth of a second once, when the secret is read.
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();

/// Keeps the key apart from any other that is derived from the same text. No salt can be random,
/// because the two sides have nothing in common but the secret.
const SALT: &[u8] = b"tollgate shared licence secret 1";

const CLIENT_DOMAIN: &[u8] = b"tollgate proof of client";
const SERVER_DOMAIN: &[u8] = b"tollgate proof of server";

/// The secret that every unit of one shared licence knows: 4 to 128 ASCII characters (G10).
///
/// What is kept is a key derived from it, not the text. The key is wiped when the value goes, and
/// never printed.
///
/// ```
/// use tollgate::net::Secret;
/// assert!(Secret::parse("correct horse battery staple").is_ok());
/// assert!(Secret::parse("abc").is_err());
/// ```
#[derive(Clone)]
pub struct Secret {
    key: Zeroizing<[u8; 32]>,
}

impl Secret {
    /// Derives the key, which takes about a tenth of a second. The caller wipes its own copy of
    /// the text.
    ///
    /// # Errors
    ///
    /// When the text has fewer than 4 or more than 128 characters, or one that is not printable
    /// ASCII.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        check_secret(text)?;
        let mut key = Zeroizing::new([0; 32]);
        let algorithm = ring::pbkdf2::PBKDF2_HMAC_SHA256;
        ring::pbkdf2::derive(algorithm, ROUNDS, SALT, text.as_bytes(), &mut *key);
        Ok(Self { key })
    }

    /// What proves to the server that `client` knows the secret, on this channel alone.
    pub(super) fn client_proof(&self, channel: &Channel, client: &Peer) -> Proof {
        self.prove(CLIENT_DOMAIN, channel, &[client])
    }

    /// What proves to `client` that `server` knows the secret and took it for who it is.
    pub(super) fn server_proof(&self, channel: &Channel, client: &Peer, server: &Peer) -> Proof {
        self.prove(SERVER_DOMAIN, channel, &[client, server])
    }

    /// All parts have fixed lengths in each domain, and the domains have one length and differ, so
    /// no two inputs are the same bytes.
    fn prove(&self, domain: &[u8], channel: &Channel, peers: &[&Peer]) -> Proof {
        let mut block = Zeroizing::new([0; 64]);
        block[..self.key.len()].copy_from_slice(&*self.key);
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        mac.update(domain);
        mac.update(&*channel.0);
        for peer in peers {
            mac.update(&[peer.role.code()]);
            mac.update(peer.serial.bytes());
        }
        Proof(mac.finalize().into_bytes().into())
    }
}

/// Never shows the key.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

/// The keying material that both ends of one TLS channel can export, and nobody else.
pub(super) struct Channel(pub(super) Zeroizing<[u8; CHANNEL_LEN]>);

/// Shows that its sender knows the secret. No `PartialEq`: proofs are compared in constant time.
#[derive(Clone, Copy)]
pub(super) struct Proof(pub(super) [u8; PROOF_LEN]);

impl Proof {
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Role;

    fn peer(role: Role, serial: &str) -> Peer {
        Peer { role, serial: serial.parse().unwrap() }
    }

    fn channel(byte: u8) -> Channel {
        Channel(Zeroizing::new([byte; CHANNEL_LEN]))
    }

    fn key(byte: u8) -> Secret {
        Secret { key: Zeroizing::new([byte; 32]) }
    }

    #[test]
    fn lengths_and_characters() {
        let error = |text: &str| Secret::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(error("abc"), SecretError::Length { length: 3 });
        assert_eq!(error(""), SecretError::Length { length: 0 });
        assert_eq!(error(&"x".repeat(129)), SecretError::Length { length: 129 });
        assert_eq!(error("pass\u{e9}word"), SecretError::Character { position: 5 });
        assert_eq!(error("password\n"), SecretError::Character { position: 9 });
        assert_eq!(error("pass\0word"), SecretError::Character { position: 5 });
        for text in ["abcd", "a b ", &"~".repeat(128)] {
            assert!(Secret::parse(text).is_ok(), "{text}");
        }
    }

    /// PBKDF2 as another implementation computes it: `hashlib.pbkdf2_hmac` of Python.
    #[test]
    fn the_key_is_that_of_another_implementation() {
        let secret = Secret::parse("tollgate").unwrap();
        let hex = secret.key.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(hex, "b01258de01b16cd15577ae63f3d0f1b5374d54c9801f8e1a846fb3fe88509d91");
    }

    /// The proofs as another implementation computes them: `hmac.digest` of Python.
    #[test]
    fn the_proofs_are_those_of_another_implementation() {
        let client = peer(Role::Participant, "JMX0912K04J");
        let server = peer(Role::Server, "JMX1316M41H");
        let hex = |proof: Proof| proof.0.map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(
            hex(key(7).client_proof(&channel(9), &client)),
            "5cbef9afe6fdebe06f665178b033045df55b41b3f10e726d083cff5585cd4860"
        );
        assert_eq!(
            hex(key(7).server_proof(&channel(9), &client, &server)),
            "830da85b21950933252589a7b5ef691710c0a77edfa7a9aead8357b08039903c"
        );
    }

    /// Whatever differs, the proof is another one: key, channel, direction, each role, each serial.
    #[test]
    fn a_proof_is_bound_to_everything() {
        let client = peer(Role::Participant, "JMX0912K04J");
        let server = peer(Role::Server, "JMX1316M41H");
        let proofs = [
            key(1).client_proof(&channel(1), &client),
            key(2).client_proof(&channel(1), &client),
            key(1).client_proof(&channel(2), &client),
            key(1).client_proof(&channel(1), &peer(Role::Backup, "JMX0912K04J")),
            key(1).client_proof(&channel(1), &peer(Role::Participant, "JMX0912K04K")),
            key(1).server_proof(&channel(1), &client, &server),
            key(2).server_proof(&channel(1), &client, &server),
            key(1).server_proof(&channel(2), &client, &server),
            key(1).server_proof(&channel(1), &peer(Role::Backup, "JMX0912K04J"), &server),
            key(1).server_proof(&channel(1), &client, &peer(Role::Backup, "JMX1316M41H")),
            key(1).server_proof(&channel(1), &client, &peer(Role::Server, "JMX1316M41J")),
            key(1).server_proof(&channel(1), &server, &client),
        ];
        for (i, one) in proofs.iter().enumerate() {
            for (j, other) in proofs.iter().enumerate() {
                assert_eq!(one.matches(other), i == j, "{i} {j}");
            }
        }
    }

    #[test]
    fn nothing_shows_the_key() {
        assert_eq!(format!("{:?}", Secret::parse("hunter2").unwrap()), "Secret { .. }");
    }
}
