//! The network between units, over real sockets on loopback, with limits of fractions of a second.

mod bounds;
mod garbage;
mod measure;
mod raw;

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::rustls::version;
use tollgate::license::key::Serial;
use tollgate::net::{
    Backoff, Cause, Dial, Dialer, Event, Identity, Limits, Listen, Listener, NetError, Pace, Peer,
    Refused, Role, Secret, SendError, Traffic,
};

static SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::parse(raw::SECRET).unwrap());
static OTHER_SECRET: LazyLock<Secret> = LazyLock::new(|| Secret::parse("another").unwrap());

const SERVER: &str = "JMX1316M41H";
const CLIENT: &str = "JMX0912K04J";
/// Of no unit that a test's server admits.
const STRANGER: &str = "XXX0000X000";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn serial(text: &str) -> Serial {
    text.parse().unwrap()
}

fn participant(text: &str) -> Peer {
    Peer { role: Role::Participant, serial: serial(text) }
}

fn server() -> Peer {
    Peer { role: Role::Server, serial: serial(SERVER) }
}

/// Limits that no test reaches but through what it changes.
fn limits() -> Limits {
    let frames = Pace { every: ms(1), burst: 1_000_000 };
    Limits {
        refusal_delay: ms(300),
        failures: Pace { every: ms(1), burst: 1_000_000 },
        participant: Traffic { queue: 32, frames },
        ..Limits::default()
    }
}

fn listen(limits: Limits) -> Listen {
    Listen {
        me: server(),
        secret: SECRET.clone(),
        identity: Identity::generate().unwrap(),
        admits: Box::new(|peer| peer.serial != serial(STRANGER) && peer.role != Role::Server),
        limits,
    }
}

fn listener(limits: Limits) -> Listener {
    Listener::bind("127.0.0.1:0".parse().unwrap(), listen(limits)).unwrap()
}

fn dial(address: SocketAddr) -> Dial {
    Dial {
        address: address.to_string(),
        me: participant(CLIENT),
        secret: SECRET.clone(),
        server: None,
        pin: None,
        limits: limits(),
        backoff: Backoff { first: ms(50), most: ms(200) },
    }
}

/// What gives events: either side.
trait Side {
    async fn event(&mut self) -> Event;
}

impl Side for Listener {
    async fn event(&mut self) -> Event {
        timeout(ms(20_000), self.next()).await.expect("an event")
    }
}

impl Side for Dialer {
    async fn event(&mut self) -> Event {
        timeout(ms(20_000), self.next()).await.expect("an event")
    }
}

/// The cause of the next event, which must be a refusal.
async fn refused(side: &mut impl Side) -> (Option<Peer>, Cause) {
    match side.event().await {
        Event::Refused(Refused { claimed, cause, .. }) => (claimed, cause),
        other => panic!("{other:?}"),
    }
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length, bytes].concat()
}

#[tokio::test]
async fn frames_go_both_ways_whole_and_in_order() {
    let mut listener = listener(limits());
    let mut dialer = Dialer::start(dial(listener.address())).unwrap();
    assert_eq!(dialer.event().await, Event::Up(server()));
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));

    let frames: Vec<Vec<u8>> = [1, 2, 255, 256, 1023, 1024].map(|size| vec![7; size]).into();
    for frame in &frames {
        dialer.send(&serial(SERVER), frame.clone()).unwrap();
        listener.send(&serial(CLIENT), frame.clone()).unwrap();
    }
    for frame in &frames {
        assert_eq!(listener.event().await, Event::Frame(participant(CLIENT), frame.clone()));
        assert_eq!(dialer.event().await, Event::Frame(server(), frame.clone()));
    }
    for length in [0, 1025] {
        let refused = Err(SendError::Length { length });
        assert_eq!(dialer.send(&serial(SERVER), vec![0; length]), refused);
        assert_eq!(listener.send(&serial(CLIENT), vec![0; length]), refused);
    }
    let nobody = serial(STRANGER);
    assert_eq!(listener.send(&nobody, vec![1]), Err(SendError::NotUp { serial: nobody }));
    assert_eq!((listener.counts().up, dialer.counts().up), (1, 1));
}

#[tokio::test]
async fn closing_sends_what_waits_first() {
    let mut listener = listener(limits());
    let mut dialer = Dialer::start(dial(listener.address())).unwrap();
    dialer.event().await;
    listener.event().await;
    for byte in 0..20 {
        dialer.send(&serial(SERVER), vec![byte]).unwrap();
    }
    dialer.close().await;
    for byte in 0..20 {
        assert_eq!(listener.event().await, Event::Frame(participant(CLIENT), vec![byte]));
    }
    assert_eq!(listener.event().await, Event::Down(participant(CLIENT), Cause::Closed));

    let mut dialer = Dialer::start(dial(listener.address())).unwrap();
    dialer.event().await;
    listener.event().await;
    let address = listener.address();
    listener.send(&serial(CLIENT), vec![9]).unwrap();
    listener.close().await;
    assert_eq!(dialer.event().await, Event::Frame(server(), vec![9]));
    assert_eq!(dialer.event().await, Event::Down(server(), Cause::Closed));
    TcpListener::bind(address).await.expect("the port is free at once");
}

/// A wrong secret, a unit that is not admitted, another version: told to the server's owner alone.
#[tokio::test]
async fn whatever_is_wrong_a_client_sees_the_same() {
    type Change = fn(&mut Vec<u8>);
    let mut listener = listener(limits());
    let cases: [(&str, Change, Cause); 6] = [
        (CLIENT, |hello| hello[44] ^= 1, Cause::Proof),
        (CLIENT, |hello| hello[1] = 2, Cause::Proof),
        (CLIENT, |hello| hello[12] = b'K', Cause::Proof),
        (STRANGER, |hello| hello[44] ^= 1, Cause::Proof),
        (STRANGER, |_| (), Cause::Unknown),
        (CLIENT, |hello| hello[0] = 2, Cause::Hello),
    ];
    for (name, change, cause) in cases {
        let start = Instant::now();
        let mut stream = raw::greeted(listener.address(), 1, name, change).await;
        let answer = raw::rest(&mut stream).await;
        let took = start.elapsed();
        assert!(answer.is_empty(), "{cause}: {answer:?}");
        assert!(took >= ms(300) && took < ms(3000), "{cause} after {took:?}");
        let (claimed, told) = refused(&mut listener).await;
        assert_eq!((told, claimed.is_none()), (cause, cause == Cause::Hello));
    }
    let counts = listener.counts();
    let counts = [Cause::Proof, Cause::Unknown, Cause::Hello].map(|cause| counts.of(cause));
    assert_eq!((counts, listener.counts().up), ([4, 1, 1], 0));
    // And with nothing wrong, the same peer is up.
    raw::up(listener.address(), CLIENT).await;
}

#[tokio::test]
async fn a_dialer_with_another_secret_is_refused_and_goes_on_trying() {
    let mut listener = listener(limits());
    let dial = Dial { secret: OTHER_SECRET.clone(), ..dial(listener.address()) };
    let mut dialer = Dialer::start(dial).unwrap();
    assert_eq!(refused(&mut dialer).await, (None, Cause::TurnedAway));
    for _ in 0..2 {
        assert_eq!(refused(&mut listener).await, (Some(participant(CLIENT)), Cause::Proof));
    }
    assert!(dialer.counts().of(Cause::TurnedAway) >= 1, "it is told once, and counted");
}

/// Somebody who ends TLS on both sides and forwards every byte knows both channels and no secret.
#[tokio::test]
async fn a_man_in_the_middle_gets_nobody_through() {
    let mut listener = listener(limits());
    let (address, relayed) = raw::relay(listener.address()).await;
    let mut dialer = Dialer::start(dial(address)).unwrap();
    assert_eq!(refused(&mut dialer).await, (None, Cause::TurnedAway));
    assert_eq!(refused(&mut listener).await, (Some(participant(CLIENT)), Cause::Proof));
    let (up, down) = relayed.await.unwrap();
    assert_eq!((up, down, listener.counts().up), (45, 0, 0));
}

/// A server that does not know the secret: it invents a proof, or gives the client back its own.
#[tokio::test]
async fn a_server_without_the_secret_is_not_believed() {
    for reflect in [false, true] {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut dialer = Dialer::start(dial(socket.local_addr().unwrap())).unwrap();
        let mut stream = raw::terminated(&socket).await;
        let mut hello = [0; 45];
        stream.read_exact(&mut hello).await.unwrap();
        if !reflect {
            hello[1] = 3;
            hello[2..13].copy_from_slice(SERVER.as_bytes());
        }
        stream.write_all(&hello).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(refused(&mut dialer).await, (None, Cause::Proof), "reflected: {reflect}");
    }
}

#[tokio::test]
async fn a_pinned_certificate_is_the_only_one() {
    let (certificate, key) = raw::certificate();
    let pem = |kind: &str, bytes: &[u8]| {
        format!("-----BEGIN {kind}-----\n{}-----END {kind}-----\n", base64(bytes)).into_bytes()
    };
    let (certificate, key) = (pem("CERTIFICATE", &certificate), pem("PRIVATE KEY", &key));
    let identity = Identity::from_pem(&certificate, &key).unwrap();
    let (right, wrong) = (identity.fingerprint(), Identity::generate().unwrap().fingerprint());
    let listen = Listen { identity, ..listen(limits()) };
    let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap(), listen).unwrap();

    let pinned = |pin| Dial { pin: Some(pin), ..dial(listener.address()) };
    let (wrong, right) = (pinned(wrong), pinned(right));
    let mut dialer = Dialer::start(wrong).unwrap();
    assert_eq!(refused(&mut dialer).await, (None, Cause::Pin));
    // No proof went to the wrong server.
    assert_eq!(refused(&mut listener).await, (None, Cause::Tls));
    drop(dialer);
    let mut dialer = Dialer::start(right).unwrap();
    assert_eq!(dialer.event().await, Event::Up(server()));
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (index, chunk) in bytes.chunks(3).enumerate() {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(*chunk.get(i).unwrap_or(&0)));
        for place in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * place) & 63]);
            text.push(if place <= chunk.len() { letter } else { '=' });
        }
        text.extend((index % 16 == 15).then_some('\n'));
    }
    text + "\n"
}

#[tokio::test]
async fn a_server_of_another_serial_number_is_left() {
    let listener = listener(limits());
    let expects = |unit| Dial { server: Some(serial(unit)), ..dial(listener.address()) };
    let mut dialer = Dialer::start(expects(STRANGER)).unwrap();
    assert_eq!(refused(&mut dialer).await, (None, Cause::WrongServer));
    drop(dialer);
    let mut dialer = Dialer::start(expects(SERVER)).unwrap();
    assert_eq!(dialer.event().await, Event::Up(server()));
}

#[tokio::test]
async fn a_unit_that_comes_again_takes_its_own_place() {
    let mut listener = listener(limits());
    let mut first = raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    let mut second = raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Down(participant(CLIENT), Cause::Replaced));
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    assert!(raw::rest(&mut first).await.is_empty());
    raw::push(&mut second, &frame(&[5])).await;
    assert_eq!(listener.event().await, Event::Frame(participant(CLIENT), vec![5]));
    assert_eq!(listener.counts().of(Cause::Replaced), 1);
    assert_eq!(listener.counts().of(Cause::Stopped), 0);
}

/// G20
#[tokio::test]
async fn only_tls_1_3_is_spoken() {
    let mut listener = listener(limits());
    let error = raw::tls(listener.address(), 1, &version::TLS12).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    assert_eq!(refused(&mut listener).await, (None, Cause::Tls));
}

#[tokio::test]
async fn garbage_instead_of_tls_is_refused_and_serves_nobody_ill() {
    let mut listener = listener(limits());
    let long = vec![0x16; 100_000];
    for garbage in [b"GET / HTTP/1.1\r\n\r\n".as_slice(), &[0; 64], &[0xff; 4096], &long] {
        let mut stream = raw::tcp(listener.address(), 1).await;
        let _ = stream.write_all(garbage).await;
        raw::rest(&mut stream).await;
        assert_eq!(refused(&mut listener).await, (None, Cause::Tls));
    }
    raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
}

#[tokio::test]
async fn a_server_that_comes_late_is_found() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let mut dialer = Dialer::start(dial(address)).unwrap();
    assert_eq!(refused(&mut dialer).await, (None, Cause::Unreachable));
    // The cause is told once, and every attempt is counted.
    while dialer.counts().of(Cause::Unreachable) < 3 {
        tokio::time::sleep(ms(10)).await;
    }
    let _listener = Listener::bind(address, listen(limits())).unwrap();
    while dialer.event().await != Event::Up(server()) {}
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let first = listener(limits());
    let error = Listener::bind(first.address(), listen(limits())).unwrap_err();
    assert!(matches!(error, NetError::Listen { .. }), "{error}");
}

/// 200 participants lose their server at one moment. Their first attempts come spread over the
/// first wait, and when the server is back, all of them come up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reconnect_spread_out() {
    const UNITS: usize = 200;
    let limits = Limits { per_address: 1000, ..limits() };
    let mut listener = listener(limits.clone());
    let address = listener.address();
    let backoff = Backoff { first: ms(2000), most: ms(4000) };
    let mut dialers = Vec::new();
    for unit in 0..UNITS {
        let me = participant(&format!("JMX{unit:08}"));
        dialers.push(Dialer::start(Dial { me, backoff, ..dial(address) }).unwrap());
    }
    let mut up = 0;
    while up < UNITS {
        up += usize::from(matches!(listener.event().await, Event::Up(_)));
    }

    listener.close().await;
    let socket = TcpListener::bind(address).await.unwrap();
    let lost = Instant::now();
    let mut tenths = [0; 10];
    for _ in 0..UNITS {
        let accepted = timeout(ms(10_000), socket.accept()).await.expect("an attempt");
        drop(accepted);
        let at = usize::try_from(lost.elapsed().as_millis() / 200).unwrap();
        tenths[at.min(9)] += 1;
    }
    drop(socket);
    // Evenly spread each tenth has 20, and more than 50 in one come once in 10⁸ runs.
    assert!(tenths.iter().all(|attempts| *attempts <= 50), "{tenths:?}");

    let mut listener = Listener::bind(address, listen(limits)).unwrap();
    let mut up = 0;
    while up < UNITS {
        up += usize::from(matches!(listener.event().await, Event::Up(_)));
    }
}
