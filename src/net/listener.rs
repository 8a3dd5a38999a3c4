//! The server's side: a socket, and the peers that came in through it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, server};

use super::cause::Tally;
use super::door::{Door, Ticket};
use super::event::{Event, Inbox, Notice, Refused, SendError};
use super::handshake::{self, Rejection};
use super::limits::Meter;
use super::link::join;
use super::secret::Secret;
use super::tls::{self, Identity};
use super::{Cause, Counts, Limits, NetError, Pace, Peer, TLS_BUFFER};
use crate::license::key::Serial;

/// Connections that may wait to be accepted: what the kernel allows by default.
const BACKLOG: u32 = 4096;

/// The pause when the system has no socket for a connection.
const NO_SOCKET_PAUSE: Duration = Duration::from_millis(100);

/// How many refusals are told, not only counted.
const TOLD: Pace = Pace { every: Duration::from_millis(100), burst: 50 };

/// Whether a peer with the right secret may come in. It is called in the handshake and must not
/// block.
pub type Admits = Box<dyn Fn(&Peer) -> bool + Send + Sync>;

/// What a [`Listener`] needs.
pub struct Listen {
    /// Who listens: a server or its backup.
    pub me: Peer,
    /// The secret that its participants have too.
    pub secret: Secret,
    /// Its certificate.
    pub identity: Identity,
    /// Which units may come in. A unit that may not sees what one with a wrong secret sees.
    pub admits: Admits,
    /// The limits for all of them.
    pub limits: Limits,
}

impl fmt::Debug for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Listen");
        debug.field("me", &self.me).field("identity", &self.identity);
        debug.field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Accepts peers and carries their frames. One task owns it and the state machine behind it.
///
/// Dropping it ends everything; [`Listener::close`] lets what waits be sent.
pub struct Listener {
    inbox: Inbox,
    tally: Arc<Tally>,
    address: SocketAddr,
    write_time: Duration,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens on `address`. Needs a tokio runtime with time and input and output.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on or the certificate does not fit its key.
    pub fn bind(address: SocketAddr, listen: Listen) -> Result<Self, NetError> {
        let acceptor = TlsAcceptor::from(listen.identity.server_config()?);
        let system = |error| NetError::Listen { address, error };
        let socket = socket(address).map_err(system)?;
        let address = socket.local_addr().map_err(system)?;
        let tally = Arc::<Tally>::default();
        let (notices, inbox) = Inbox::new(Arc::clone(&tally));
        let write_time = listen.limits.write_time;
        let desk = Arc::new(Desk {
            door: Door::new(listen.limits.clone()),
            told: Mutex::new(Meter::new(Instant::now())),
            tally: Arc::clone(&tally),
            acceptor,
            listen,
            notices,
        });
        let task = tokio::spawn(accept(socket, desk));
        Ok(Self { inbox, tally, address, write_time, task })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next event. Dropping the future before it is ready loses nothing.
    pub async fn next(&mut self) -> Event {
        self.inbox.next().await
    }

    /// Sends a frame to a unit, or rather lets it wait for the unit; never blocks.
    ///
    /// # Errors
    ///
    /// When the frame is empty or too long, the unit is not up, or it is too far behind, for which
    /// it is cut.
    pub fn send(&mut self, to: &Serial, frame: Vec<u8>) -> Result<(), SendError> {
        self.inbox.send(to, frame)
    }

    /// Cuts a unit. Its [`Event::Down`] follows.
    pub fn cut(&mut self, serial: &Serial) {
        self.inbox.cut(serial, Cause::Stopped);
    }

    /// How many came up and why the others did not or no longer are.
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Stops listening, sends what waits, for [`Limits::write_time`] at most, and ends.
    pub async fn close(self) {
        let cuts = self.inbox.close();
        let _ = timeout(self.write_time, self.task).await;
        drop(cuts);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Listener");
        debug.field("address", &self.address).field("counts", &self.counts());
        debug.finish_non_exhaustive()
    }
}

/// A socket that a restarted server can bind again at once.
fn socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What every connection needs.
struct Desk {
    listen: Listen,
    acceptor: TlsAcceptor,
    door: Arc<Door>,
    tally: Arc<Tally>,
    told: Mutex<Meter>,
    notices: mpsc::Sender<Notice>,
}

impl Desk {
    /// Counts a refusal, and tells it while there are few of them and the owner keeps up.
    fn refuse(&self, address: Option<SocketAddr>, rejection: Rejection) {
        let Rejection { claimed, cause } = rejection;
        self.tally.count(cause);
        if self.told.lock().take(&TOLD, Instant::now()) {
            let refused = Refused { from: address, to: None, claimed, cause };
            let _ = self.notices.try_send(Notice::Refused(refused));
        }
    }
}

/// Accepts until there is no owner any more, then waits for the connections to end. When it is
/// dropped, so are they.
async fn accept(socket: TcpListener, desk: Arc<Desk>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            () = desk.notices.closed() => break,
            Some(_) = connections.join_next() => {}
            accepted = socket.accept() => match accepted {
                Ok((stream, address)) => {
                    number += 1;
                    let ticket = desk.door.enter(address.ip(), Instant::now());
                    let desk = Arc::clone(&desk);
                    match ticket {
                        Ok(ticket) => {
                            connections.spawn(serve(desk, stream, address, ticket, number));
                        }
                        Err(cause) => desk.refuse(Some(address), cause.into()),
                    }
                }
                // It was gone before it was accepted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    desk.refuse(None, Cause::NoSocket.into());
                    sleep(NO_SOCKET_PAUSE).await;
                }
            }
        }
    }
    drop(socket);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(desk.listen.limits.write_time, all).await;
}

/// One connection from its beginning to its end.
async fn serve(
    desk: Arc<Desk>,
    stream: TcpStream,
    address: SocketAddr,
    mut ticket: Ticket,
    number: u64,
) {
    let limits = &desk.listen.limits;
    let deadline = Instant::now() + limits.handshake_time;
    let refuse = |ticket: &Ticket, rejection| {
        ticket.failed(Instant::now());
        desk.refuse(Some(address), rejection);
    };
    // Boxed, so that a link does not keep the room that its handshake took.
    let encrypted = timeout_at(deadline, Box::pin(encrypt(&desk.acceptor, stream))).await;
    let mut stream = match encrypted.unwrap_or(Err(Cause::Late)) {
        Ok(stream) => stream,
        Err(cause) => return refuse(&ticket, cause.into()),
    };
    let Listen { me, secret, admits, .. } = &desk.listen;
    let may_prove = || ticket.may_prove(Instant::now());
    let met = Box::pin(handshake::of_client(&mut stream, secret, me, admits, may_prove));
    match timeout_at(deadline, met).await.unwrap_or(Err(Cause::Late.into())) {
        Ok(peer) => {
            ticket.proved();
            if let Some(end) = join(number, peer, limits, desk.notices.clone()).await {
                end.carry(stream, limits).await;
            }
        }
        Err(rejection) => {
            refuse(&ticket, rejection);
            if matches!(rejection.cause, Cause::Hello | Cause::Proof | Cause::Unknown) {
                sleep(limits.refusal_delay).await;
            }
        }
    }
}

async fn encrypt(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> Result<server::TlsStream<TcpStream>, Cause> {
    stream.set_nodelay(true).map_err(|_| Cause::Lost)?;
    let mut stream = acceptor.accept(stream).await.map_err(|error| tls::cause_of(&error))?;
    stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    Ok(stream)
}
