//! TLS 1.3: certificates, and the keying material that proofs are bound to.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime,
};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ConnectionCommon, DigitallySignedStruct, Error, ServerConfig,
    SignatureScheme,
};
use zeroize::Zeroizing;

use super::secret::{CHANNEL_LEN, Channel};
use super::{Cause, NetError};

/// What the exported keying material is for (RFC 5705): a proof is worth nothing for a protocol
/// with another label.
const LABEL: &[u8] = b"EXPORTER-Tollgate-Shared-Licence";

/// A server's certificate and its private key.
///
/// Participants do not have to trust it: the proof of the shared secret is bound to the channel
/// that it was used for. One from a file has a [`Fingerprint`] that can be pinned.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A new self-signed certificate, for as long as the process lives.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, NetError> {
        let made = rcgen::generate_simple_self_signed(vec!["tollgate.invalid".to_owned()])
            .map_err(|error| NetError::Certificate(error.to_string()))?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Ok(Self { chain: vec![made.cert.into()], key: key.into() })
    }

    /// The certificates, the server's own first, and the private key, each in PEM.
    ///
    /// # Errors
    ///
    /// When one of them holds nothing of its kind. Whether the two belong together is found when
    /// they are used.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, NetError> {
        let wrong = |what: &str| NetError::Certificate(format!("there is no {what} in PEM in it"));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| wrong("certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| wrong("private key"))?;
        Ok(Self { chain, key })
    }

    /// The fingerprint of the server's own certificate, to be pinned.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.chain[0])
    }

    /// TLS 1.3 alone. Without tickets, which would cost memory and spare nothing: a link lasts.
    pub(super) fn server_config(&self) -> Result<Arc<ServerConfig>, NetError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| {
                let chain = self.chain.clone();
                builder.with_no_client_auth().with_single_cert(chain, self.key.clone_key())
            })
            .map_err(|error| NetError::Certificate(error.to_string()))?;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

/// Never shows the private key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = self.fingerprint().to_string();
        f.debug_struct("Identity").field("fingerprint", &fingerprint).finish_non_exhaustive()
    }
}

/// The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it.
///
/// ```
/// use tollgate::net::Fingerprint;
/// let text = ["0A"; 32].join(":");
/// assert_eq!(text.parse::<Fingerprint>()?.to_string(), text);
/// assert_eq!("0a".repeat(32).parse::<Fingerprint>()?.to_string(), text);
/// assert!("0A:0A".parse::<Fingerprint>().is_err());
/// # Ok::<(), tollgate::net::NetError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let error = || NetError::Fingerprint(text.chars().take(100).collect());
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').take(65).collect();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.map(|byte| format!("{byte:02X}")).join(":"))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// TLS 1.3 alone, with any certificate or the pinned one.
pub(super) fn client_config(pin: Option<Fingerprint>) -> Result<Arc<ClientConfig>, NetError> {
    let provider = provider();
    let verifier = Arc::new(Verifier { pin, provider: Arc::clone(&provider) });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| NetError::Certificate(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Accepts the pinned certificate, or any: then the proof alone tells who the server is.
///
/// Names and dates are not looked at. Units are known by serial number, and a clock that is wrong
/// must not end a shared licence.
#[derive(Debug)]
struct Verifier {
    pin: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pin.is_some_and(|pin| pin != Fingerprint::of(end_entity)) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken here".to_owned()))
    }

    /// The server has the private key of the certificate, without which a pin would mean nothing.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The keying material of a channel, which its two ends have in common and nobody between two
/// channels can make equal (RFC 5705, RFC 8446 section 7.5).
pub(super) fn channel<Side>(connection: &ConnectionCommon<Side>) -> Result<Channel, Cause> {
    let mut material = Zeroizing::new([0; CHANNEL_LEN]);
    let exported = connection.export_keying_material(&mut *material, LABEL, None);
    exported.map_err(|_| Cause::Tls)?;
    Ok(Channel(material))
}

/// What an error of a handshake says about the other side.
pub(super) fn cause_of(error: &io::Error) -> Cause {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => {
            Cause::Pin
        }
        Some(_) => Cause::Tls,
        None if error.kind() == io::ErrorKind::UnexpectedEof => Cause::Closed,
        None => Cause::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_its_certificate_alone() {
        let one = Identity::generate().unwrap();
        let other = Identity::generate().unwrap();
        assert_eq!(one.fingerprint(), Fingerprint::of(&one.chain[0]));
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert!(!format!("{one:?}").contains("key"), "{one:?}");
    }

    #[test]
    fn what_is_no_fingerprint() {
        let long = "0".repeat(66);
        for text in ["", "0A", &"0G".repeat(32), &long, &"\u{e9}".repeat(32), &"é0".repeat(50)] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn files_without_their_parts() {
        let error =
            |cert: &[u8], key: &[u8]| Identity::from_pem(cert, key).unwrap_err().to_string();
        assert!(error(b"", b"").contains("no certificate"));
        let cert = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error(cert, b"nothing").contains("no private key"));
        let key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let damaged = Identity::from_pem(cert, key).unwrap();
        assert!(matches!(damaged.server_config(), Err(NetError::Certificate(_))));
    }
}
