//! What the network costs. No assertions on time: a measurement to be run by hand on a quiet
//! machine.
//!
//! ```text
//! cargo test --release --test it net::measure -- --ignored --nocapture --test-threads=1
//! ```

use std::fs;
use std::time::Instant;

use tollgate::net::{Backoff, Dial, Dialer, Event, Limits};

use super::{CLIENT, SERVER, Side, dial, frame, limits, listener, ms, participant, raw, serial};

/// Idle links for the memory of one. Each takes two descriptors of this process.
const LINKS: usize = 2000;

/// Frames that arrive one after another, and frames there and back.
const FRAMES: usize = 500_000;
const TRIPS: usize = 5000;

/// Memory of this process that is in use, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn memory_of_an_idle_link() {
    let limits = Limits { per_address: u32::MAX, strangers: u32::MAX, ..limits() };
    let mut listener = listener(limits.clone());
    let before = resident();
    let start = Instant::now();
    let mut dialers = Vec::new();
    for unit in 0..LINKS {
        let me = participant(&format!("JMX{unit:08}"));
        let backoff = Backoff { first: ms(100), most: ms(1000) };
        let limits = limits.clone();
        let dial = Dial { me, backoff, limits, ..dial(listener.address()) };
        dialers.push(Dialer::start(dial).unwrap());
    }
    let mut up = 0;
    while up < LINKS {
        up += usize::from(matches!(listener.event().await, Event::Up(_)));
    }
    let took = start.elapsed();
    for dialer in &mut dialers {
        while !matches!(dialer.event().await, Event::Up(_)) {}
    }
    let each = (resident() - before) / LINKS;
    println!("{LINKS} idle links: {each} bytes each, both ends together, before any frame");
    println!("{LINKS} handshakes, both ends together, in {took:?}");

    for _ in 0..3 {
        for (unit, dialer) in dialers.iter_mut().enumerate() {
            dialer.send(&serial(SERVER), vec![1; 1024]).unwrap();
            let peer = participant(&format!("JMX{unit:08}"));
            assert_eq!(listener.event().await, Event::Frame(peer, vec![1; 1024]));
            listener.send(&peer.serial, vec![2; 1024]).unwrap();
            assert!(matches!(dialer.event().await, Event::Frame(..)));
        }
    }
    let each = (resident() - before) / LINKS;
    println!("{LINKS} idle links: {each} bytes each, both ends together, after three frames");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn frames_of_one_link() {
    let mut listener = listener(limits());
    let mut stream = raw::up(listener.address(), CLIENT).await;
    listener.event().await;
    let batch = frame(&[7; 64]).repeat(100);
    let start = Instant::now();
    let writer = tokio::spawn(async move {
        for _ in 0..FRAMES / 100 {
            raw::push(&mut stream, &batch).await;
        }
        stream
    });
    for _ in 0..FRAMES {
        assert_eq!(listener.event().await, Event::Frame(participant(CLIENT), vec![7; 64]));
    }
    let rate = FRAMES as u128 * 1_000_000 / start.elapsed().as_micros();
    println!("one link: {rate} frames of 64 bytes a second to the owner");
    drop(writer.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_frame_there_and_back() {
    let mut listener = listener(limits());
    let mut dialer = Dialer::start(dial(listener.address())).unwrap();
    dialer.event().await;
    listener.event().await;
    let mut times = Vec::new();
    for _ in 0..TRIPS {
        let start = Instant::now();
        dialer.send(&serial(SERVER), vec![7; 64]).unwrap();
        listener.event().await;
        listener.send(&serial(CLIENT), vec![7; 64]).unwrap();
        dialer.event().await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let [half, most] = [50, 99].map(|percent| times[TRIPS * percent / 100]);
    println!("64 bytes there and back: p50 {half:?}, p99 {most:?}");
}
