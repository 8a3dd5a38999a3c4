//! From a session that is needed to the session admitted, at a gate beside a participant.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tollgate::gate::Gate;
use tollgate::license::{Kind, RunningLicense};
use tollgate::net::{Backoff, Dialer};
use tollgate::pool::{Appetite, Machine, Membership, Participant, ParticipantConfig};
use tollgate::serve::{About, Draw, Leave, Node, Parts, Wires};
use tollgate::store::Books;

use super::tollgate::now_ms;

/// Waits for a grant, measured at the gate, `rounds` times from nothing to what the platform has
/// room for: from the admission that was refused to the one that succeeded. The participant asks
/// only when nothing is left, as the guides have it.
pub(crate) fn needs(
    folder: &Path,
    license: &RunningLicense,
    dialer: Dialing,
    rounds: u32,
) -> Vec<Duration> {
    let gate = Gate::new(license.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let unit = std::thread::spawn({
        let (folder, license, gate) = (folder.to_owned(), license.clone(), gate.clone());
        move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let dialer = dialer();
                let stop = async {
                    drop(stopped.await);
                    Leave::GiveBack
                };
                node(&folder, license, gate, dialer).run(stop).await.expect("it runs");
            });
        }
    });
    let mut worker = gate.worker();
    let mut times = Vec::new();
    for _ in 0..rounds {
        let mut held = Vec::new();
        // 750 is what the platform has room for; its own two are never waited for.
        while held.len() < 750 {
            let (start, mut refused) = (Instant::now(), false);
            let token = loop {
                match worker.admit(Kind::Anyconnect) {
                    Ok(token) => break token,
                    Err(_) => refused = true,
                }
                std::thread::sleep(Duration::from_micros(20));
            };
            if refused {
                times.push(start.elapsed());
                // The next need comes at any moment of the look at the gate.
                let dice = u64::from(getrandom::u32().unwrap_or_default() % 20_000);
                std::thread::sleep(Duration::from_micros(dice));
            }
            held.push(token);
        }
        held.into_iter().for_each(|token| worker.release(token));
        // Until what was refused is forgotten, and all is given back.
        std::thread::sleep(Duration::from_secs(6));
    }
    drop(stop);
    unit.join().expect("it ended");
    // The first one of all waited for the connection.
    times.remove(0);
    times
}

/// Connects to the server, in the runtime of the participant.
pub(crate) type Dialing = Box<dyn FnOnce() -> Dialer + Send>;

/// Waits that suit a single participant.
pub(crate) const AT_ONCE: Backoff =
    Backoff { first: Duration::from_millis(1), most: Duration::from_millis(1) };

/// The participant's serial number.
pub(crate) const SERIAL: &str = "JMX0912K042";

fn node(folder: &Path, license: RunningLicense, gate: Gate, dialer: Dialer) -> Node {
    let serial = SERIAL.parse().expect("a serial number");
    let path = folder.join("participant.shared");
    let (books, kept) = Books::open(&path, serial, now_ms()).expect("books");
    let config = ParticipantConfig {
        serial,
        incarnation: kept.incarnation,
        hostname: "gate".parse().expect("a name"),
        membership: Membership::participant(&license).expect("a licence"),
        appetite: Appetite { ahead: 0, keep: 0 },
    };
    Node::new(Parts {
        machine: Machine::Participant(Box::new(Participant::new(Duration::ZERO, config))),
        pace: std::num::NonZeroU32::MIN,
        books: Some(Arc::new(books)),
        wires: Wires::new(None, vec![dialer]),
        dial: None,
        orders: tokio::sync::mpsc::unbounded_channel().1,
        draw: Draw::new(gate, license).expect("a gate"),
        window: folder.join("participant.sock"),
        about: About::default(),
        log: Box::new(|_| {}),
    })
}
