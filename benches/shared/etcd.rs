//! The same work on etcd: a lease for each participant, which is kept alive at every refresh, and a
//! key under it for every fifty sessions.
//!
//! Everything that is a choice is made in etcd's favour: its clients are not authenticated, they
//! speak gRPC over a connection of their own without a layer of convenience, no two of them ever
//! want the same key, nobody adds up what is granted, and nothing is remembered of a participant
//! that is lost.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::Request;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use tollgate::net::Backoff;

use super::member::{Board, Member, REFRESH};
use super::process::Process;

/// An etcd of one member with its files.
pub(crate) struct Site {
    folder: PathBuf,
    ports: [u16; 2],
    connector: TlsConnector,
}

impl Site {
    /// Nothing where etcd is not installed.
    pub(crate) fn new(folder: &Path) -> Option<Self> {
        Command::new("etcd").arg("--version").output().ok()?;
        fs::create_dir_all(folder).expect("a folder");
        let names: Vec<_> = (1..=16).map(|last| format!("127.0.0.{last}")).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a file");
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
        let mut roots = RootCertStore::empty();
        let pem = made.cert.pem();
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        roots.add(certificate).expect("a certificate");
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        let port = || {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
            listener.local_addr().expect("an address").port()
        };
        let connector = TlsConnector::from(Arc::new(config));
        Some(Self { folder: folder.to_owned(), ports: [port(), port()], connector })
    }

    /// Starts it, on the ports that it had before.
    pub(crate) fn start(&self, core: usize) -> Process {
        let [client, peer] = self.ports.map(|port| port.to_string());
        let file = |name: &str| self.folder.join(name);
        let mut etcd = Command::new("etcd");
        etcd.arg("--data-dir").arg(file("data"));
        etcd.arg("--cert-file").arg(file("cert.pem")).arg("--key-file").arg(file("key.pem"));
        etcd.args(["--listen-client-urls", &format!("https://0.0.0.0:{client}")]);
        etcd.args(["--advertise-client-urls", &format!("https://127.0.0.1:{client}")]);
        let peer = format!("http://127.0.0.1:{peer}");
        etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        etcd.args(["--initial-cluster", &format!("default={peer}"), "--log-level", "error"]);
        Process::start(&etcd, core, &file("log"))
    }

    /// Whether it takes clients, which it does when it is ready.
    pub(crate) fn listens(&self) -> bool {
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports[0])).is_ok()
    }

    pub(crate) fn member(&self, unit: usize) -> EtcdMember {
        let address = Ipv4Addr::new(127, 0, 0, u8::try_from(unit / 1000 + 1).expect("few"));
        let (connector, port) = (self.connector.clone(), self.ports[0]);
        let lease = unit as u64 + 1;
        EtcdMember { address, port, connector, lease, granted: false, session: None, failures: 0 }
    }
}

/// What of a connection is kept.
struct Session {
    requests: SendRequest<Bytes>,
    /// The stream on which the lease is kept alive.
    alive: SendStream<Bytes>,
    answers: RecvStream,
    connection: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A participant.
pub(crate) struct EtcdMember {
    address: Ipv4Addr,
    port: u16,
    connector: TlsConnector,
    lease: u64,
    granted: bool,
    session: Option<Session>,
    failures: u32,
}

/// What ends a connection: it comes again.
type Broken = Box<dyn std::error::Error>;

impl EtcdMember {
    async fn connect(&mut self) -> Result<(), Broken> {
        let stream = TcpStream::connect((self.address, self.port)).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(std::net::IpAddr::V4(self.address));
        let stream = self.connector.connect(name, stream).await?;
        let (requests, connection) = h2::client::handshake(stream).await?;
        let connection = tokio::spawn(async move {
            // What broke it is seen where it is used.
            let _ = connection.await;
        });
        let mut requests = requests.ready().await?;
        if !self.granted || self.failures > 0 {
            let grant = message(&[field(1, 3 * REFRESH.as_secs()), field(2, self.lease)]);
            let answer = unary(&mut requests, "Lease/LeaseGrant", grant).await;
            // One that came back may have its lease already; whether it has is seen below.
            if self.failures == 0 {
                answer?;
            }
            self.granted = true;
        }
        requests = requests.ready().await?;
        let request = post(self.address, self.port, "Lease/LeaseKeepAlive");
        let (response, mut alive) = requests.send_request(request, false)?;
        alive.send_data(frame(&field(1, self.lease)), false)?;
        let mut answers = response.await?.into_body();
        next(&mut answers).await?;
        self.session = Some(Session { requests, alive, answers, connection });
        self.key(0, true).await
    }

    async fn keep_alive(&mut self) -> Result<(), Broken> {
        let session = self.session.as_mut().ok_or("not connected")?;
        session.alive.send_data(frame(&field(1, self.lease)), false)?;
        next(&mut session.answers).await
    }

    /// Has fifty sessions under a key that is to be new, or gives them back.
    async fn key(&mut self, step: u64, has: bool) -> Result<(), Broken> {
        let session = self.session.as_mut().ok_or("not connected")?;
        let name = format!("pool/{:08}/{step}", self.lease).into_bytes();
        let key = bytes_field(1, &name);
        let requests = &mut session.requests;
        if !has {
            return unary(requests, "KV/DeleteRange", key).await;
        }
        // If it was never created, put it under the lease; else (after a restart) get it.
        let compare = message(&[field(2, 1), bytes_field(3, &name), field(5, 0)]);
        let put = message(&[key.clone(), bytes_field(2, b"50"), field(3, self.lease)]);
        let put = bytes_field(2, &bytes_field(2, &put));
        let get = bytes_field(3, &bytes_field(1, &key));
        unary(requests, "KV/Txn", message(&[bytes_field(1, &compare), put, get])).await
    }
}

impl Member for EtcdMember {
    async fn up(&mut self) {
        self.session = None;
        loop {
            if let Ok(Ok(())) = timeout(Duration::from_secs(30), self.connect()).await {
                self.failures = 0;
                return;
            }
            self.session = None;
            sleep(wait(Backoff::default(), self.failures)).await;
            self.failures += 1;
        }
    }

    async fn hold(&mut self, board: &Board) {
        let mut due = Instant::now() + REFRESH;
        loop {
            let Some(session) = self.session.as_mut() else { return };
            // Nothing comes but that the connection ends.
            tokio::select! {
                _ = session.answers.data() => break,
                () = sleep_until(due) => {}
            }
            if self.keep_alive().await.is_err() {
                break;
            }
            board.refreshed();
            due = Instant::now() + REFRESH;
        }
        self.session = None;
        // As the other's participants: at random, not all at once.
        sleep(wait(Backoff::default(), 0)).await;
    }

    async fn refresh(&mut self) {
        self.keep_alive().await.expect("it is connected");
    }

    async fn take(&mut self) {
        self.key(1, true).await.expect("it is connected");
    }

    async fn give(&mut self) {
        self.key(1, false).await.expect("it is connected");
    }
}

/// The waits of [`Backoff`], at random.
fn wait(backoff: Backoff, failures: u32) -> Duration {
    let ceiling = backoff.first.saturating_mul(2_u32.saturating_pow(failures)).min(backoff.most);
    let dice = getrandom::u32().unwrap_or(u32::MAX);
    ceiling.mul_f64(f64::from(dice) / f64::from(u32::MAX))
}

fn post(address: Ipv4Addr, port: u16, method: &str) -> Request<()> {
    let uri = format!("https://{address}:{port}/etcdserverpb.{method}");
    let request = Request::post(uri).header("content-type", "application/grpc");
    request.header("te", "trailers").body(()).expect("a request")
}

/// One request and its answer.
async fn unary(
    requests: &mut SendRequest<Bytes>,
    method: &str,
    message: Vec<u8>,
) -> Result<(), Broken> {
    *requests = requests.clone().ready().await?;
    let (response, mut body) =
        requests.send_request(post(Ipv4Addr::LOCALHOST, 0, method), false)?;
    body.send_data(frame(&message), true)?;
    let response = response.await?;
    let early = response.headers().get("grpc-status").cloned();
    let mut answer = response.into_body();
    while let Some(data) = answer.data().await {
        answer.flow_control().release_capacity(data?.len())?;
    }
    let trailers = answer.trailers().await?;
    let status = early.or(trailers.as_ref().and_then(|it| it.get("grpc-status").cloned()));
    match status {
        Some(status) if status == "0" => Ok(()),
        status => Err(format!("{method}: {status:?} {trailers:?}").into()),
    }
}

/// The next message of a stream; they are small, and never in two pieces.
async fn next(answers: &mut RecvStream) -> Result<(), Broken> {
    let data = answers.data().await.ok_or("the stream ended")??;
    answers.flow_control().release_capacity(data.len())?;
    Ok(())
}

/// A message as gRPC frames it: not compressed, and its length.
fn frame(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + message.len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).expect("short"));
    bytes.put_slice(message);
    bytes.freeze()
}

/// A message of Protocol Buffers, of its fields.
fn message(fields: &[Vec<u8>]) -> Vec<u8> {
    fields.concat()
}

fn varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    to.push(u8::try_from(value).expect("seven bits"));
}

fn field(number: u64, value: u64) -> Vec<u8> {
    let mut field = Vec::new();
    varint(number << 3, &mut field);
    varint(value, &mut field);
    field
}

fn bytes_field(number: u64, value: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    varint(number << 3 | 2, &mut field);
    varint(value.len() as u64, &mut field);
    field.extend_from_slice(value);
    field
}
