//! The client's side: one server, and a link to it that is kept up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::{TlsConnector, client};

use super::cause::Tally;
use super::event::{Event, Inbox, Notice, Refused, SendError};
use super::link::join;
use super::secret::Secret;
use super::tls::{self, Fingerprint};
use super::{Backoff, Cause, Counts, Limits, NetError, Peer, Role, TLS_BUFFER, handshake};
use crate::license::key::Serial;

/// What a [`Dialer`] needs.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The server: a name or an address, with its port; a name is looked up for every attempt.
    pub address: String,
    /// Who dials.
    pub me: Peer,
    /// The secret that the server has too.
    pub secret: Secret,
    /// The server's serial number, where it must be this one.
    pub server: Option<Serial>,
    /// The fingerprint of the server's certificate, where it must be this one.
    pub pin: Option<Fingerprint>,
    /// The limits for the server. [`Limits::handshake_time`] holds for the whole attempt.
    pub limits: Limits,
    /// The waits between attempts.
    pub backoff: Backoff,
}

/// Keeps a link to a server up and carries its frames, in the events of a
/// [`Listener`](super::Listener).
///
/// Dropping it ends everything; [`Dialer::close`] lets what waits be sent.
pub struct Dialer {
    inbox: Inbox,
    tally: Arc<Tally>,
    write_time: Duration,
    task: JoinHandle<()>,
}

impl Dialer {
    /// Starts to connect. Needs a tokio runtime with time and input and output.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up. That no server answers is no error but an
    /// [`Event::Refused`], and another one when the cause is another; [`counts`](Self::counts) has
    /// every attempt.
    pub fn start(dial: Dial) -> Result<Self, NetError> {
        let connector = TlsConnector::from(tls::client_config(dial.pin)?);
        let tally = Arc::<Tally>::default();
        let (notices, inbox) = Inbox::new(Arc::clone(&tally));
        let write_time = dial.limits.write_time;
        let caller = Caller { dial, connector, notices, tally: Arc::clone(&tally) };
        Ok(Self { inbox, tally, write_time, task: tokio::spawn(caller.run()) })
    }

    /// The next event. Dropping the future before it is ready loses nothing.
    pub async fn next(&mut self) -> Event {
        self.inbox.next().await
    }

    /// Sends a frame to the server, or rather lets it wait for the server; never blocks.
    ///
    /// # Errors
    ///
    /// When the frame is empty or too long, the server is not up, or it is too far behind, for
    /// which the link is cut.
    pub fn send(&mut self, to: &Serial, frame: Vec<u8>) -> Result<(), SendError> {
        self.inbox.send(to, frame)
    }

    /// Cuts the link. Its [`Event::Down`] follows, and then another attempt.
    pub fn cut(&mut self, serial: &Serial) {
        self.inbox.cut(serial, Cause::Stopped);
    }

    /// How often the server was up and why it otherwise was not.
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Sends what waits, for [`Limits::write_time`] at most, and ends.
    pub async fn close(self) {
        let cuts = self.inbox.close();
        let _ = timeout(self.write_time, self.task).await;
        drop(cuts);
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// The task behind a dialer.
struct Caller {
    dial: Dial,
    connector: TlsConnector,
    notices: mpsc::Sender<Notice>,
    tally: Arc<Tally>,
}

impl Caller {
    /// Attempt after attempt, until there is no owner any more.
    async fn run(self) {
        let (mut failures, mut told) = (0, None);
        for number in 0.. {
            if self.attempt(number, &mut told).await >= self.dial.backoff.most {
                failures = 0;
            }
            // The longest wait where the system gives no randomness.
            let dice = getrandom::u32().unwrap_or(u32::MAX);
            tokio::select! {
                () = sleep(self.dial.backoff.wait(failures, dice)) => {}
                () = self.notices.closed() => return,
            }
            failures += 1;
        }
    }

    /// One attempt and, where it succeeds, the link. Gives back how long the link was up. Why it
    /// failed is told where that is another cause than was told last.
    async fn attempt(&self, number: u64, told: &mut Option<Cause>) -> Duration {
        let limits = &self.dial.limits;
        let connected = tokio::select! {
            connected = timeout(limits.handshake_time, Box::pin(self.connect())) => connected,
            () = self.notices.closed() => return Duration::ZERO,
        };
        match connected.unwrap_or(Err(Cause::Late)) {
            Ok((server, stream)) => {
                *told = None;
                let since = Instant::now();
                if let Some(end) = join(number, server, limits, self.notices.clone()).await {
                    end.carry(stream, limits).await;
                }
                since.elapsed()
            }
            Err(cause) => {
                self.tally.count(cause);
                if told.replace(cause) != Some(cause) {
                    let to = Some(self.dial.address.clone());
                    let refused = Refused { from: None, to, claimed: None, cause };
                    let _ = self.notices.try_send(Notice::Refused(refused));
                }
                Duration::ZERO
            }
        }
    }

    async fn connect(&self) -> Result<(Peer, client::TlsStream<TcpStream>), Cause> {
        let stream = TcpStream::connect(&self.dial.address).await;
        let stream = stream.map_err(|_| Cause::Unreachable)?;
        stream.set_nodelay(true).map_err(|_| Cause::Lost)?;
        // The address is the name: it is not sent, and the verifier looks at no name.
        let name = stream.peer_addr().map_err(|_| Cause::Lost)?.ip().into();
        let connecting = self.connector.connect(name, stream).await;
        let mut stream = connecting.map_err(|error| match tls::cause_of(&error) {
            Cause::Closed | Cause::Lost => Cause::TurnedAway,
            cause => cause,
        })?;
        stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        let server = handshake::of_server(&mut stream, &self.dial.secret, &self.dial.me).await?;
        let expected = self.dial.server.is_none_or(|serial| serial == server.serial);
        if server.role == Role::Participant || !expected {
            return Err(Cause::WrongServer);
        }
        Ok((server, stream))
    }
}
