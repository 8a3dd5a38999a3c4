//! The TLS front with garbage: whatever strangers and peers send, nothing panics, no connection is
//! kept, and a good peer is answered all the while.
//!
//! ```text
//! PROPTEST_CASES=2000 cargo test --release --test it net::garbage
//! ```

use proptest::prelude::*;
use proptest::test_runner::Config;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

use super::*;

/// What somebody does to a listener.
#[derive(Clone, Debug)]
enum Attack {
    /// Sends bytes instead of TLS.
    Bytes { bytes: Vec<u8>, then: Then },
    /// Sends the beginning of a handshake, with one byte that is another one.
    Handshake { cut: usize, place: usize, byte: u8, then: Then },
    /// Sends it one byte after another.
    Slowly { cut: usize },
    /// Speaks TLS 1.2.
    Old,
    /// Says who it is in other bytes, or in some of them.
    Hello { cut: usize, place: usize, change: u8, then: Then },
    /// Is a participant, and sends other bytes than frames.
    Frames { unit: u8, bytes: Vec<u8>, then: Then },
    /// Is a participant, and sends what is not TLS below it.
    Records { unit: u8, bytes: Vec<u8>, then: Then },
}

/// What it does when it has sent that.
#[derive(Clone, Copy, Debug)]
enum Then {
    Leave,
    Wait,
}

fn attacks() -> impl Strategy<Value = Vec<Attack>> {
    let bytes =
        || {
            prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            // The head of a record of TLS, or of a frame, with more or less than it says.
            (0x14..0x18_u8, any::<u8>(), prop::collection::vec(any::<u8>(), 0..80))
                .prop_map(|(kind, length, rest)| [&[kind, 3, 3, 0, length], &rest[..]].concat()),
            (0..0x600_u16, prop::collection::vec(any::<u8>(), 0..80))
                .prop_map(|(length, rest)| [&length.to_be_bytes(), &rest[..]].concat()),
            Just(vec![0x16; 20_000]),
        ]
        };
    let then = || prop_oneof![Just(Then::Leave), Just(Then::Wait)];
    let attack = prop_oneof![
        (bytes(), then()).prop_map(|(bytes, then)| Attack::Bytes { bytes, then }),
        (0..300_usize, 0..300_usize, any::<u8>(), then())
            .prop_map(|(cut, place, byte, then)| Attack::Handshake { cut, place, byte, then }),
        (1..60_usize).prop_map(|cut| Attack::Slowly { cut }),
        Just(Attack::Old),
        (0..46_usize, 0..45_usize, any::<u8>(), then())
            .prop_map(|(cut, place, change, then)| Attack::Hello { cut, place, change, then }),
        (0..10_u8, bytes(), then()).prop_map(|(unit, bytes, then)| Attack::Frames {
            unit,
            bytes,
            then
        }),
        (0..10_u8, bytes(), then()).prop_map(|(unit, bytes, then)| Attack::Records {
            unit,
            bytes,
            then
        }),
    ];
    prop::collection::vec(attack, 1..24)
}

/// The first message of a handshake of TLS 1.3, as it is on the wire.
async fn client_hello() -> Vec<u8> {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let client = tokio::spawn(async move { raw::tls(address, 1, &version::TLS13).await.is_ok() });
    let (mut stream, _) = socket.accept().await.unwrap();
    let mut hello = vec![0; 200];
    stream.read_exact(&mut hello).await.unwrap();
    drop(stream);
    assert!(!client.await.unwrap());
    hello
}

impl Attack {
    async fn run(self, address: SocketAddr, hello: &[u8], from: u8) {
        let unit = |unit: u8| format!("JMX0912K1{unit:02}");
        match self {
            Self::Bytes { bytes, then } => {
                let mut stream = raw::tcp(address, from).await;
                let _ = stream.write_all(&bytes).await;
                then.end(stream).await;
            }
            Self::Handshake { cut, place, byte, then } => {
                let mut bytes = hello[..cut.min(hello.len())].to_vec();
                if let Some(changed) = bytes.get_mut(place) {
                    *changed = byte;
                }
                let mut stream = raw::tcp(address, from).await;
                let _ = stream.write_all(&bytes).await;
                then.end(stream).await;
            }
            Self::Slowly { cut } => {
                let mut stream = raw::tcp(address, from).await;
                for byte in &hello[..cut] {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(ms(10)).await;
                }
            }
            Self::Old => assert!(raw::tls(address, from, &version::TLS12).await.is_err()),
            Self::Hello { cut, place, change, then } => {
                let change = |hello: &mut Vec<u8>| {
                    hello[place] ^= change;
                    hello.truncate(cut);
                };
                // On a busy machine the listener may have had enough before.
                if let Ok(stream) = raw::try_greeted(address, from, "JMX0912K199", change).await {
                    then.end(stream).await;
                }
            }
            Self::Frames { unit: number, bytes, then } => {
                let greeted = raw::try_greeted(address, from, &unit(number), |_| ()).await;
                let Ok(mut stream) = greeted else { return };
                raw::push(&mut stream, &bytes).await;
                then.end(stream).await;
            }
            Self::Records { unit: number, bytes, then } => {
                let greeted = raw::try_greeted(address, from, &unit(number), |_| ()).await;
                let Ok(stream) = greeted else { return };
                let (mut below, _tls) = stream.into_inner();
                let _ = below.write_all(&bytes).await;
                then.end(below).await;
            }
        }
    }
}

impl Then {
    /// Goes, or stays until the listener has had enough.
    async fn end(self, mut stream: impl AsyncReadExt + Unpin) {
        if matches!(self, Self::Wait) {
            raw::rest(&mut stream).await;
        }
    }
}

/// All attacks at once, on a listener that also has a good peer.
async fn under(attacks: Vec<Attack>) {
    let limits = Limits {
        handshake_time: ms(1000),
        refusal_delay: ms(50),
        idle: ms(1000),
        frame_time: ms(300),
        ..limits()
    };
    let mut listener = listener(limits.clone());
    let address = listener.address();
    let mut good = Dialer::start(Dial { limits, ..dial(address) }).unwrap();
    assert_eq!(good.event().await, Event::Up(server()));
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    let hello = client_hello().await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();

    let (mut doing, mut answered) = (JoinSet::new(), 0_u32);
    for (index, attack) in attacks.into_iter().enumerate() {
        let (hello, from) = (hello.clone(), u8::try_from(index % 200 + 2).unwrap());
        doing.spawn(async move { attack.run(address, &hello, from).await });
    }
    let until = Instant::now() + ms(30_000);
    // Until every attack has ended and none of its connections is left.
    while !doing.is_empty() || alive() > before || answered < 20 {
        assert!(Instant::now() < until, "{} tasks, {before} before", alive());
        while let Some(ended) = doing.try_join_next() {
            ended.unwrap();
        }
        good.send(&serial(SERVER), vec![7; 64]).unwrap();
        loop {
            match listener.event().await {
                Event::Frame(peer, frame) if peer == participant(CLIENT) => {
                    assert_eq!(frame, vec![7; 64]);
                    break;
                }
                event => {
                    assert!(!matches!(event, Event::Down(peer, _) if peer == participant(CLIENT)));
                }
            }
        }
        listener.send(&serial(CLIENT), vec![8; 64]).unwrap();
        assert_eq!(good.event().await, Event::Frame(server(), vec![8; 64]));
        answered += 1;
        tokio::time::sleep(ms(5)).await;
    }
    assert_eq!(good.counts().up, 1);
}

proptest! {
    #![proptest_config(Config { cases: cases(), max_shrink_iters: 200, ..Config::default() })]

    #[test]
    fn nothing_that_is_sent_keeps_a_connection_or_holds_up_a_good_peer(attacks in attacks()) {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(under(attacks));
    }
}

/// Each takes about a second, which is waiting.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(8)
}
