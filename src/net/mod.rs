//! The network between the units that share licences: frames, whole and in order, between peers
//! that have proved who they are.
//!
//! A [`Listener`] (the server, or its backup) or a [`Dialer`] (a participant, or the backup towards
//! the server) belongs to one task, which also owns the state machine that the frames are for:
//!
//! ```no_run
//! use tollgate::net::{Event, Identity, Limits, Listen, Listener, PORT, Peer, Role, Secret};
//!
//! # async fn serve(text: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let me = Peer { role: Role::Server, serial: "JMX1316M41H".parse()? };
//! let listen = Listen {
//!     me,
//!     secret: Secret::parse(text)?,
//!     identity: Identity::generate()?,
//!     admits: Box::new(|peer| peer.role == Role::Participant),
//!     limits: Limits::default(),
//! };
//! let mut listener = Listener::bind(([0, 0, 0, 0], PORT).into(), listen)?;
//! loop {
//!     match listener.next().await {
//!         Event::Up(peer) => println!("{peer} is up"),
//!         Event::Frame(peer, frame) => listener.send(&peer.serial, frame)?,
//!         Event::Down(peer, cause) => println!("{peer}: {cause}"),
//!         _ => {}
//!     }
//! }
//! # }
//! ```
//!
//! Sending never waits. What a peer does not read waits in a queue of its own, and when that is
//! full the peer is cut; so no peer can hold up the others or the owner. An owner who is behind
//! holds up what its peers send, and nothing is held in memory for it but [`Event`]s of a fixed
//! number.
//!
//! # Who is let in
//!
//! 1. TCP, and a look at the [`Limits`]: connections, connections from one address, failures of
//!    that address.
//! 2. TLS 1.3, and nothing older. The server shows a certificate, which the client compares with a
//!    pinned [`Fingerprint`], or ignores.
//! 3. The client says its role and serial number and proves that it knows the [`Secret`]:
//!    HMAC-SHA-256, under a key derived from the secret, over the keying material exported from
//!    this very TLS channel (RFC 5705 with a label of our own, after RFC 9266), a direction, its
//!    role and its serial number.
//! 4. The server answers only if that is right and it admits the unit: its own role and serial
//!    number, and a proof over the channel, the other direction, both roles and both numbers.
//! 5. Frames.
//!
//! The secret itself never leaves a unit. Whatever is wrong in step 3, a client sees the same: the
//! connection ends without a word, after a fixed delay. What it was is in the server's
//! [`Event::Refused`] and its [`Counts`].
//!
//! # Threat model
//!
//! *What holds.* Who does not know the secret gets into no conversation, reads none and changes
//! none, and that includes whoever stands between the two units with a certificate of their own:
//! the keying material of the two TLS channels that end there differs, so a proof for one is
//! nothing for the other. A proof cannot be replayed, turned round or used for another unit or
//! role. A stranger who connects to a server learns nothing on which to try guesses, only whether
//! one guess was right, and [`Limits::failures`] bounds how often.
//!
//! *What does not: short secrets.* Who takes the server's place towards a client receives one proof
//! for a channel that they know, and can try guesses on it without further contact. Each costs
//! 600,000 rounds of PBKDF2, which makes it dear and not impossible: at a million guesses a second
//! (some tens of graphics processors), four random printable characters (26 bits) last a
//! minute and eight (52 bits) a century; a word out of a dictionary is found at once, because the
//! salt is the same everywhere and a dictionary can be hashed in advance. Twelve random characters
//! or more are safe. A pinned certificate prevents it altogether, for then a client proves nothing
//! to anyone else. (A password-authenticated key exchange would too; none is part of TLS 1.3.)
//!
//! *What does not: insiders.* One secret is shared by all (G8). Who has it can be any unit in any
//! role that the server admits, or the server. A unit that connects again replaces its former
//! connection, so two that say the same serial number cut each other; each of the two waits longer
//! and longer before it does.
//!
//! *What does not: floods.* Who fills the line or the processor with connections from many
//! addresses keeps others from connecting. Those who are connected stay, because strangers have a
//! share of the connections that is not theirs ([`Limits::strangers`]). An address that fails too
//! often is slowed with everyone behind it.
//!
//! # Sources
//!
//! Port, secret and roles: G5 to G20 and G49 of the rules. The guides say “SSL encrypts all
//! communication” (G20) and no more; everything else about it is ours.

mod cause;
mod dialer;
mod door;
mod event;
mod handshake;
mod limits;
mod link;
mod listener;
mod peer;
mod secret;
mod tls;

use std::io;
use std::net::SocketAddr;

pub use cause::{Cause, Counts};
pub use dialer::{Dial, Dialer};
pub use event::{Event, Refused, SendError};
pub use limits::{Backoff, Limits, Pace, Traffic};
pub use listener::{Admits, Listen, Listener};
pub use peer::{Peer, Role};
pub use secret::Secret;

pub use crate::license::{SECRET_MAX, SECRET_MIN, SecretError};
pub use tls::{Fingerprint, Identity};

/// The port of a server where none is configured (G11).
pub const PORT: u16 = 50554;

/// The most bytes of a frame.
pub const MAX_FRAME: usize = 1024;

/// What TLS may hold of bytes to be sent for a peer that does not read, beside the queue.
const TLS_BUFFER: usize = 8 * 1024;

/// Why the network was not set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The certificate or its key is not usable.
    #[error("the certificate or its private key cannot be used: {0}")]
    Certificate(String),
    /// Text that is no fingerprint.
    #[error("`{0}` is no SHA-256 fingerprint, which is 64 hexadecimal digits")]
    Fingerprint(String),
}
