//! Activation keys: 160 bits that say what one unit may do.
//!
//! Text becomes a [`ParsedKey`] (well formed, nothing more), which a unit's secret turns into a
//! [`VerifiedKey`] (issued by the authority, for this serial number) or refuses. The vendor's side
//! is [`Authority`] and [`Register`].
//!
//! # Format
//!
//! The coding of the real product is its vendor's secret and is not imitated. Ours:
//!
//! | bits | what | protected by |
//! |---|---|---|
//! | 3 | version, in clear, 1 | tag |
//! | 69 | licences, export grade, duration, issue number (the table in `codec`) | masked, tag |
//! | 80 | tag | |
//! | 8 | check digits: CRC-8 of the other 152 bits | |
//!
//! The tag is all that is left when the licences of both guides, in all sizes, a duration and an
//! issue number have their bits. The check digits find typing errors (every single digit, every two
//! neighbours) and tell them apart from a key for another unit; they protect nothing, because
//! anyone can compute them.
//!
//! # Construction
//!
//! SIV, the synthetic initialisation vector of Rogaway and Shrimpton (“Deterministic
//! Authenticated-Encryption”, 2006): the tag is a pseudorandom function of serial number and
//! plaintext, and the plaintext is masked with a keystream for which the tag is the nonce. There
//! are no bits for a nonce, and SIV needs none: one grant under one issue number is always one
//! key, and two keys reveal only whether they are equal. Both functions are HMAC-SHA-256 in
//! domains of their own; the keystream is shorter than one of its outputs, so there is no stream
//! cipher to add. Tags are compared in constant time.
//!
//! The issue number makes two purchases of one licence two keys: entering a key again adds
//! nothing, entering the second adds its time.
//!
//! # Threat model
//!
//! *What holds.* Without the secret a key can only be guessed, one entry on the unit at a time:
//! 2⁻⁸⁰ a guess. A key for one unit says nothing about a key for another one: each has a secret of
//! its own, derived from the authority's by its serial number, and no unit knows the authority's.
//!
//! *What does not.* The secret is symmetric: what can check a key can make one. Whoever reads a
//! unit's secret out of its memory or storage can issue keys for this unit, though for no other.
//! They could as well change the software that checks them. Whoever has the authority's secret can
//! issue keys for every unit.
//!
//! *Why no signature.* A signature would let a unit check without being able to issue, and does not
//! fit: the shortest that are in use take 256 to 512 bits, and 160 bits less the licences leave 80.
//!
//! Nothing here says when a key was entered: that an expired key stays expired is the business of
//! the key ring, which remembers it.

mod codec;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod grant;
mod register;
mod seal;
mod serial;
mod text;

pub use codec::ISSUES;
pub use grant::{Grant, GrantError};
pub use register::{Purchase, Register};
pub use seal::{Authority, IssueError, KeyError, SECRET_LEN, UnitSecret, VERSION, VerifiedKey};
pub use serial::{SERIAL_LEN, Serial, SerialError};
pub use text::{ELEMENTS, KeyTextError, ParsedKey};
