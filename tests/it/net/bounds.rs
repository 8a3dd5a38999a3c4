//! What a peer may take: each limit reached, and that nobody else feels it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::version;
use tollgate::net::{Cause, Dial, Dialer, Event, Limits, Pace, Peer, SendError, Traffic};

use super::{
    CLIENT, SERVER, Side, dial, frame, limits, listener, ms, participant, raw, refused, serial,
};

/// What a participant that sends `bytes` after it came up is heard to say, why it is cut and after
/// what time.
async fn cut_after(limits: Limits, bytes: &[u8]) -> (Vec<Event>, Cause, Duration) {
    let mut listener = listener(limits);
    let mut stream = raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    let start = Instant::now();
    raw::push(&mut stream, bytes).await;
    let mut before = Vec::new();
    loop {
        match listener.event().await {
            Event::Down(peer, cause) => {
                assert_eq!(peer, participant(CLIENT));
                assert_eq!(listener.counts().of(cause), 1, "{:?}", listener.counts());
                let lasted = start.elapsed();
                raw::rest(&mut stream).await;
                return (before, cause, lasted);
            }
            event => before.push(event),
        }
    }
}

#[tokio::test]
async fn a_frame_over_the_limit_is_cut_before_it_is_there() {
    let (events, cause, _) = cut_after(limits(), &1025_u16.to_be_bytes()).await;
    assert_eq!((events, cause), (vec![], Cause::TooLong));
    let whole = [frame(&[1]), vec![0xff, 0xff]].concat();
    let (events, cause, _) = cut_after(limits(), &whole).await;
    assert_eq!(events, [Event::Frame(participant(CLIENT), vec![1])]);
    assert_eq!(cause, Cause::TooLong);
}

#[tokio::test]
async fn half_a_frame_or_nothing_is_not_waited_for_without_end() {
    let limits = Limits { idle: ms(600), frame_time: ms(200), ..limits() };
    let half = &frame(&[1; 100])[..50];
    for bytes in [half, &half[..1], &half[..2]] {
        let (_, cause, lasted) = cut_after(limits.clone(), bytes).await;
        assert_eq!(cause, Cause::Unfinished);
        assert!(lasted >= ms(190) && lasted < ms(590), "{lasted:?}");
    }
    let (_, cause, lasted) = cut_after(limits, &[]).await;
    assert_eq!(cause, Cause::Silent);
    assert!(lasted >= ms(590) && lasted < ms(3000), "{lasted:?}");
}

#[tokio::test]
async fn heartbeats_keep_a_silent_link() {
    let limits = Limits { idle: ms(400), ..limits() };
    let mut listener = listener(limits.clone());
    let mut dialer = Dialer::start(Dial { limits, ..dial(listener.address()) }).unwrap();
    dialer.event().await;
    listener.event().await;
    let nothing = async {
        tokio::select! { e = listener.next() => e, e = dialer.next() => e }
    };
    assert_eq!(timeout(ms(2000), nothing).await.ok(), None);
}

#[tokio::test]
async fn frames_that_come_too_fast_are_cut() {
    let frames = Pace { every: ms(60_000), burst: 5 };
    let limits = Limits { participant: Traffic { queue: 32, frames }, ..limits() };
    let (events, cause, _) = cut_after(limits, &frame(&[3]).repeat(6)).await;
    assert_eq!((events.len(), cause), (5, Cause::TooFast));
    // Heartbeats count.
    let limits = Limits { participant: Traffic { queue: 32, frames }, ..self::limits() };
    let (events, cause, _) = cut_after(limits, &[0, 0].repeat(6)).await;
    assert_eq!((events.len(), cause), (0, Cause::TooFast));
}

#[tokio::test]
async fn a_slow_handshake_is_cut_wherever_it_stops() {
    let mut listener = listener(Limits { handshake_time: ms(400), ..limits() });
    let start = Instant::now();
    let mut silent = raw::tcp(listener.address(), 1).await;
    let mut dribbling = raw::tcp(listener.address(), 1).await;
    let mut nameless = raw::tls(listener.address(), 1, &version::TLS13).await.unwrap();
    let dribble = async {
        // The beginning of a handshake record of 512 bytes, a byte at a time.
        for byte in [0x16, 3, 1, 2, 0].into_iter().chain([1; 200]) {
            if dribbling.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(ms(20)).await;
        }
    };
    tokio::join!(raw::rest(&mut silent), dribble, raw::rest(&mut nameless));
    assert!(start.elapsed() < ms(3000), "{:?}", start.elapsed());
    for _ in 0..3 {
        assert_eq!(refused(&mut listener).await, (None, Cause::Late));
    }
}

/// 40 connections at once from one address: the limit gets in, and another address as ever.
#[tokio::test]
async fn one_address_takes_no_more_than_its_share() {
    let mut listener = listener(Limits { per_address: 3, handshake_time: ms(5000), ..limits() });
    let mut flood = Vec::new();
    for _ in 0..40 {
        flood.push(raw::tcp(listener.address(), 2).await);
    }
    for _ in 0..37 {
        assert_eq!(refused(&mut listener).await, (None, Cause::AddressFull));
    }
    let _up = raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    assert_eq!(listener.counts().of(Cause::AddressFull), 37);
    drop(flood);
    for _ in 0..3 {
        refused(&mut listener).await;
    }
    drop(raw::tls(listener.address(), 2, &version::TLS13).await.expect("its place is free again"));
}

#[tokio::test]
async fn strangers_have_a_share_of_their_own_and_connections_an_end() {
    let mut listener = listener(Limits { strangers: 2, connections: 3, ..limits() });
    let _up = raw::up(listener.address(), CLIENT).await;
    listener.event().await;
    let strangers = [raw::tcp(listener.address(), 1).await, raw::tcp(listener.address(), 1).await];
    let _third = raw::tcp(listener.address(), 1).await;
    assert_eq!(refused(&mut listener).await, (None, Cause::Full));
    drop(strangers);
    refused(&mut listener).await;
    refused(&mut listener).await;

    let mut listener = self::listener(Limits { strangers: 2, ..limits() });
    let _strangers = [raw::tcp(listener.address(), 1).await, raw::tcp(listener.address(), 1).await];
    let _third = raw::tcp(listener.address(), 1).await;
    assert_eq!(refused(&mut listener).await, (None, Cause::Crowded));
}

#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait() {
    let failures = Pace { every: ms(1000), burst: 3 };
    let mut listener = listener(Limits { failures, refusal_delay: ms(1), ..limits() });
    for _ in 0..3 {
        let wrong = |hello: &mut Vec<u8>| hello[44] ^= 1;
        raw::rest(&mut raw::greeted(listener.address(), 2, CLIENT, wrong).await).await;
        assert_eq!(refused(&mut listener).await.1, Cause::Proof);
    }
    raw::rest(&mut raw::tcp(listener.address(), 2).await).await;
    assert_eq!(refused(&mut listener).await, (None, Cause::Slowed));
    let up = raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    drop(up);
    listener.event().await;
    sleep(ms(1100)).await;
    let again = raw::greeted(listener.address(), 2, CLIENT, |_| ()).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    drop(again);
}

/// One peer reads nothing: its queue fills, it is cut, and the other one is answered all the time.
#[tokio::test]
async fn a_peer_that_does_not_read_holds_nobody_up() {
    let mut listener = listener(limits());
    let _deaf = raw::up(listener.address(), CLIENT).await;
    assert_eq!(listener.event().await, Event::Up(participant(CLIENT)));
    let other = Peer { serial: serial("JMX0912K04K"), ..participant(CLIENT) };
    let mut dialer = Dialer::start(Dial { me: other, ..dial(listener.address()) }).unwrap();
    assert_eq!(listener.event().await, Event::Up(other));
    dialer.event().await;

    let mut sent = 0;
    let overflow = loop {
        if let Err(error) = listener.send(&serial(CLIENT), vec![0; 1024]) {
            break error;
        }
        sent += 1;
        assert!(sent < 100_000, "a queue without bound");
        if sent % 20 == 0 {
            let start = Instant::now();
            dialer.send(&serial(SERVER), vec![1]).unwrap();
            assert_eq!(listener.event().await, Event::Frame(other, vec![1]));
            assert!(start.elapsed() < ms(2000), "{:?}", start.elapsed());
        }
    };
    assert_eq!(overflow, SendError::Overflow { serial: serial(CLIENT) });
    assert_eq!(listener.event().await, Event::Down(participant(CLIENT), Cause::Overflow));
    assert_eq!(listener.counts().of(Cause::Overflow), 1);
    let gone = SendError::NotUp { serial: serial(CLIENT) };
    assert_eq!(listener.send(&serial(CLIENT), vec![0]), Err(gone));
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_cut_before_its_queue_is_full() {
    let frames = Pace { every: ms(1), burst: 1000 };
    let participant = Traffic { queue: 60_000, frames };
    let mut listener = listener(Limits { participant, write_time: ms(300), ..limits() });
    let _deaf = raw::up(listener.address(), CLIENT).await;
    listener.event().await;
    for _ in 0..20_000 {
        listener.send(&serial(CLIENT), vec![0; 1024]).unwrap();
    }
    assert_eq!(listener.event().await, Event::Down(self::participant(CLIENT), Cause::Stalled));
}

/// Nothing is taken from the network that the owner has no room for, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_is_behind_holds_up_its_peers() {
    const FRAMES: u32 = 30_000;
    let mut listener = listener(limits());
    let mut stream = raw::up(listener.address(), CLIENT).await;
    listener.event().await;
    let numbered = |number: u32| [number.to_be_bytes().as_slice(), &[0; 1020]].concat();
    let pushed = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&pushed);
    let writer = tokio::spawn(async move {
        for number in 0..FRAMES {
            raw::push(&mut stream, &frame(&numbered(number))).await;
            count.store(number + 1, Ordering::Relaxed);
        }
        stream
    });
    let mut before = 0;
    loop {
        sleep(ms(300)).await;
        let now = pushed.load(Ordering::Relaxed);
        assert!(now < FRAMES, "the owner took nothing and all was taken from the network");
        if now == before {
            break;
        }
        before = now;
    }
    for number in 0..FRAMES {
        assert_eq!(listener.event().await, Event::Frame(participant(CLIENT), numbered(number)));
    }
    drop(writer.await.unwrap());
}
