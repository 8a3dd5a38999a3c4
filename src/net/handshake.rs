//! Who proves what to whom, over a TLS channel that is up.
//!
//! The client speaks first. The server says nothing, not even its serial number, before the proof
//! is right: a stranger learns that somebody speaks TLS here.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use super::peer::{HELLO_LEN, Hello};
use super::secret::Secret;
use super::tls;
use super::{Cause, Peer};

/// Why a client was turned away, and who it says it is.
#[derive(Clone, Copy)]
pub(super) struct Rejection {
    pub(super) claimed: Option<Peer>,
    pub(super) cause: Cause,
}

impl From<Cause> for Rejection {
    fn from(cause: Cause) -> Self {
        Self { claimed: None, cause }
    }
}

/// The server's side: who the client is. Its proof is looked at where `may_prove` says so.
pub(super) async fn of_client(
    stream: &mut server::TlsStream<TcpStream>,
    secret: &Secret,
    me: &Peer,
    admits: impl Fn(&Peer) -> bool,
    may_prove: impl FnOnce() -> bool,
) -> Result<Peer, Rejection> {
    let channel = tls::channel(stream.get_ref().1)?;
    let mut bytes = [0; HELLO_LEN];
    stream.read_exact(&mut bytes).await.map_err(|_| Cause::Closed)?;
    let hello = Hello::decode(&bytes).ok_or(Cause::Hello)?;
    let peer = hello.peer;
    if !may_prove() {
        return Err(Cause::Slowed.into());
    }
    // Both questions are always asked: neither what is answered nor when tells which was the no.
    let proved = hello.proof.matches(&secret.client_proof(&channel, &peer));
    let admitted = admits(&peer);
    if !proved {
        return Err(Rejection { claimed: Some(peer), cause: Cause::Proof });
    }
    if !admitted {
        return Err(Rejection { claimed: Some(peer), cause: Cause::Unknown });
    }
    let hello = Hello { peer: *me, proof: secret.server_proof(&channel, &peer, me) };
    stream.write_all(&hello.encode()).await.map_err(|_| Cause::Lost)?;
    stream.flush().await.map_err(|_| Cause::Lost)?;
    Ok(peer)
}

/// The client's side: who the server is.
pub(super) async fn of_server(
    stream: &mut client::TlsStream<TcpStream>,
    secret: &Secret,
    me: &Peer,
) -> Result<Peer, Cause> {
    let channel = tls::channel(stream.get_ref().1)?;
    let hello = Hello { peer: *me, proof: secret.client_proof(&channel, me) };
    stream.write_all(&hello.encode()).await.map_err(|_| Cause::TurnedAway)?;
    stream.flush().await.map_err(|_| Cause::TurnedAway)?;
    let mut bytes = [0; HELLO_LEN];
    stream.read_exact(&mut bytes).await.map_err(|_| Cause::TurnedAway)?;
    let hello = Hello::decode(&bytes).ok_or(Cause::Hello)?;
    let proof = secret.server_proof(&channel, me, &hello.peer);
    if hello.proof.matches(&proof) { Ok(hello.peer) } else { Err(Cause::Proof) }
}
