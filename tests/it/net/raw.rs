//! Peers that do what no [`tollgate::net::Dialer`] does, from another implementation of the same
//! handshake: its format is written down here a second time.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ring::{hmac, pbkdf2};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime,
};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion, version,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub(super) const SECRET: &str = "correct horse battery staple";

/// The key of [`SECRET`].
static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let rounds = 600_000.try_into().unwrap();
    let mut key = [0; 32];
    let salt = b"tollgate shared licence secret 1";
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, SECRET.as_bytes(), &mut key);
    hmac::Key::new(hmac::HMAC_SHA256, &key)
});

/// The most that waits for a read: the tests wait for connections to be cut.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes every certificate for good.
#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A TLS connection to `address`, from 127.0.0.`from`, with a small receive buffer.
pub(super) async fn tls(
    address: SocketAddr,
    from: u8,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<client::TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(address.ip().into(), tcp(address, from).await).await
}

pub(super) async fn tcp(address: SocketAddr, from: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(([127, 0, 0, from], 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}

/// What a client says first: version 1, role, serial number, proof.
fn hello(stream: &client::TlsStream<TcpStream>, role: u8, serial: &str) -> Vec<u8> {
    let label = b"EXPORTER-Tollgate-Shared-Licence";
    let channel = stream.get_ref().1.export_keying_material([0; 32], label, None).unwrap();
    let name = [&[role], serial.as_bytes()].concat();
    let proved = [b"tollgate proof of client".as_slice(), &channel, &name].concat();
    [&[1], name.as_slice(), hmac::sign(&KEY, &proved).as_ref()].concat()
}

/// A TLS connection over which `change` of the right hello was sent.
pub(super) async fn greeted(
    address: SocketAddr,
    from: u8,
    serial: &str,
    change: impl Fn(&mut Vec<u8>),
) -> client::TlsStream<TcpStream> {
    try_greeted(address, from, serial, change).await.unwrap()
}

/// The same, where the server may have had enough before.
pub(super) async fn try_greeted(
    address: SocketAddr,
    from: u8,
    serial: &str,
    change: impl Fn(&mut Vec<u8>),
) -> std::io::Result<client::TlsStream<TcpStream>> {
    let mut stream = tls(address, from, &version::TLS13).await?;
    let mut hello = hello(&stream, 1, serial);
    change(&mut hello);
    stream.write_all(&hello).await?;
    stream.flush().await?;
    Ok(stream)
}

/// A participant that is up.
pub(super) async fn up(address: SocketAddr, serial: &str) -> client::TlsStream<TcpStream> {
    let mut stream = greeted(address, 1, serial, |_| ()).await;
    let mut answer = [0; 45];
    stream.read_exact(&mut answer).await.unwrap();
    stream
}

/// Sends raw bytes, which may fail when the other end has had enough.
pub(super) async fn push(stream: &mut client::TlsStream<TcpStream>, bytes: &[u8]) {
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
}

/// All that comes until the end, however it ends.
pub(super) async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end");
    bytes
}

/// A certificate and its private key of somebody who knows no secret.
pub(super) fn certificate() -> (CertificateDer<'static>, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["somebody.invalid".to_owned()]).unwrap();
    (made.cert.der().clone(), made.signing_key.serialize_der())
}

/// The next connection to `socket`, with TLS that ends here.
pub(super) async fn terminated(socket: &TcpListener) -> server::TlsStream<TcpStream> {
    let (certificate, key) = certificate();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (stream, _) = socket.accept().await.unwrap();
    TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap()
}

/// Stands between one client and `server` with a certificate of its own and forwards every byte.
/// Gives back its address and, in the end, how many bytes it forwarded each way.
pub(super) async fn relay(server: SocketAddr) -> (SocketAddr, tokio::task::JoinHandle<(u64, u64)>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let client = terminated(&socket).await;
        let onward = tls(server, 1, &version::TLS13).await.unwrap();
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = tokio::io::split(onward);
        let mut up = Vec::new();
        let mut hello = [0; 45];
        from_client.read_exact(&mut hello).await.unwrap();
        up.extend(hello);
        to_server.write_all(&up).await.unwrap();
        to_server.flush().await.unwrap();
        let down = copy(&mut from_server, &mut to_client).await.unwrap_or(0);
        (up.len() as u64, down)
    });
    (address, task)
}
