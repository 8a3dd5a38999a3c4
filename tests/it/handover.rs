//! The hand-over between the network and the gate, with real threads: while workers admit and
//! release as they like, shared sessions come, go and move between units, and at no moment are more
//! in use at all gates together than the units' own licences and the pool have.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tollgate::catalogue::{self, Feature, Value};
use tollgate::gate::Gate;
use tollgate::license::{Kind, Limit, RunningLicense, Unit};
use tollgate::net::{
    Backoff, Dial, Dialer, Identity, Limits, Listen, Listener, Peer, Role, Secret,
};
use tollgate::pool::{
    Appetite, Machine, Membership, Participant, ParticipantConfig, Server, Settings, Start,
};
use tollgate::serve::{About, Draw, Node, Parts, Report, Wires, ask};
use tollgate::store::Books;

/// Sessions of the pool, and of each participant's own licence.
const POOL: u32 = 500;
const OWN: u32 = 25;

/// Participants, and threads that admit at the gate of each.
const UNITS: usize = 3;
const WORKERS: usize = 2;

fn serial(unit: usize) -> String {
    format!("JMX0912K04{unit}")
}

fn license(feature: Feature, value: Value) -> (Unit, RunningLicense) {
    let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).unwrap());
    unit.add(feature, value).unwrap();
    unit.add(Feature::AnyconnectPremium, Value::Count(OWN)).unwrap();
    let license = RunningLicense::of(&unit);
    (unit, license)
}

fn node(folder: &Path, unit: usize, machine: Machine, wires: Wires, draw: Draw) -> Node {
    let path = folder.join(format!("{unit}.shared"));
    let (books, _) = Books::open(&path, serial(unit).parse().unwrap(), 1).unwrap();
    Node::new(Parts {
        machine,
        pace: NonZeroU32::MIN,
        books: Some(Arc::new(books)),
        wires,
        dial: None,
        orders: mpsc::unbounded_channel().1,
        draw,
        window: folder.join(format!("{unit}.sock")),
        about: About::default(),
        log: Box::new(|_| {}),
    })
}

fn own(unit: usize, membership: Membership, appetite: Appetite) -> ParticipantConfig {
    let (serial, hostname) = (serial(unit).parse().unwrap(), "unit".parse().unwrap());
    ParticipantConfig { serial, incarnation: 1, hostname, membership, appetite }
}

fn server(folder: &Path, secret: &Secret) -> (Node, String) {
    let (unit, license) = license(Feature::SharedServer, Value::Count(POOL));
    let membership = Membership::server(&unit, &license).unwrap();
    let own = own(0, membership, Appetite::default());
    let settings = Settings { overlap: Some(0), ..Settings::new(POOL).unwrap() };
    let me = Peer { role: Role::Server, serial: own.serial };
    let server = Server::start(Duration::ZERO, Start::Return, own, settings, []).unwrap();
    let listen = Listen {
        me,
        secret: secret.clone(),
        identity: Identity::generate().unwrap(),
        admits: Box::new(|_| true),
        limits: Limits::default(),
    };
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), listen).unwrap();
    let address = listener.address().to_string();
    let wires = Wires::new(Some(listener), Vec::new());
    let license = license.of_shared_server(0);
    let draw = Draw::new(Gate::new(license.clone()), license).unwrap();
    (node(folder, 0, Machine::Server(Box::new(server)), wires, draw), address)
}

fn participant(folder: &Path, unit: usize, secret: &Secret, address: &str, gate: &Gate) -> Node {
    let (_, license) = license(Feature::SharedParticipant, Value::Enabled);
    let membership = Membership::participant(&license).unwrap();
    // As little as possible is kept, so that as much as possible moves.
    let own = own(unit, membership, Appetite { ahead: 0, keep: 0 });
    let first = Duration::from_millis(10);
    let dial = Dial {
        address: address.to_owned(),
        me: Peer { role: Role::Participant, serial: own.serial },
        secret: secret.clone(),
        server: None,
        pin: None,
        limits: Limits::default(),
        backoff: Backoff { first, most: first },
    };
    let wires = Wires::new(None, vec![Dialer::start(dial).unwrap()]);
    let draw = Draw::new(gate.clone(), license).unwrap();
    let participant = Participant::new(Duration::ZERO, own);
    node(folder, unit, Machine::Participant(Box::new(participant)), wires, draw)
}

/// What all threads share.
#[derive(Default)]
struct Site {
    /// Sessions that are certainly in use: counted after they were admitted, and no longer counted
    /// before they are released.
    in_use: AtomicI64,
    most: AtomicI64,
    admitted: AtomicU32,
    /// Everybody holds just so many, where it is not 0.
    target: AtomicU32,
    stop: AtomicBool,
}

/// Admits and releases at random, in waves, and then holds its part of the target.
fn work(gate: &Gate, site: &Site, seed: u64) {
    let (mut worker, mut held, mut dice) = (gate.worker(), Vec::new(), seed);
    while !site.stop.load(SeqCst) {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let target = match site.target.load(SeqCst) {
            0 => usize::try_from(dice >> 33).unwrap() % 300,
            target => target as usize,
        };
        while held.len() > target
            && let Some(token) = held.pop()
        {
            site.in_use.fetch_sub(1, SeqCst);
            worker.release(token);
        }
        // Who is refused comes again after a while, because every refusal is something to ask for.
        while held.len() < target {
            let Ok(token) = worker.admit(Kind::Anyconnect) else { break };
            held.push(token);
            let in_use = site.in_use.fetch_add(1, SeqCst) + 1;
            site.most.fetch_max(in_use, SeqCst);
            site.admitted.fetch_add(1, SeqCst);
        }
        thread::sleep(Duration::from_micros(dice >> 50));
    }
    site.in_use.fetch_sub(i64::try_from(held.len()).unwrap(), SeqCst);
    held.into_iter().for_each(|token| worker.release(token));
}

/// Waits for what a unit reports.
fn wait(folder: &Path, unit: usize, what: &str, holds: impl Fn(&Report) -> bool) -> Report {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let report = ask(&folder.join(format!("{unit}.sock"))).ok();
        if let Some(report) = report.clone().filter(&holds) {
            return report;
        }
        assert!(Instant::now() < until, "{what}: {report:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// How long sessions come and go.
fn length() -> Duration {
    let seconds = std::env::var("TOLLGATE_SOAK_SECONDS").ok().and_then(|it| it.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

#[test]
fn no_more_are_in_use_at_all_gates_than_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let secret = Secret::parse("correct horse battery staple").unwrap();
    let (_, license) = license(Feature::SharedParticipant, Value::Enabled);
    let gates: Vec<Gate> = (0..UNITS).map(|_| Gate::new(license.clone())).collect();
    let (end, ended) = oneshot::channel::<()>();
    let network = thread::spawn({
        let (folder, gates) = (folder.path().to_owned(), gates.clone());
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let (server, address) = server(&folder, &secret);
                let units = gates.iter().enumerate();
                let units = units
                    .map(|(index, gate)| participant(&folder, index + 1, &secret, &address, gate));
                let nodes: Vec<_> = units.chain([server]).collect();
                for node in nodes {
                    tokio::spawn(node.run(std::future::pending()));
                }
                drop(ended.await);
            });
        }
    });
    let site = Arc::<Site>::default();
    let workers = gates.iter().enumerate().flat_map(|(unit, gate)| {
        let site = &site;
        (0..WORKERS).map(move |worker| {
            let (gate, site) = (gate.clone(), Arc::clone(site));
            let seed = (unit * WORKERS + worker) as u64 + 1;
            thread::spawn(move || work(&gate, &site, seed))
        })
    });
    let workers: Vec<_> = workers.collect();

    thread::sleep(length());
    let there_are = i64::from(POOL + OWN * u32::try_from(UNITS).unwrap());
    let most = site.most.load(SeqCst);
    assert!(most <= there_are, "{most} sessions in use, of {there_are}");
    let admitted = site.admitted.load(SeqCst);
    let moved = wait(folder.path(), 0, "it serves", |_| true).messages;
    let count = |request: &str| moved.iter().find(|it| it.request == request).unwrap().received;
    println!("{admitted} admitted, at most {most} of {there_are} at once: {moved:?}");
    assert!(count("Get") >= 10 && count("Release") >= 5, "little moved: {moved:?}");

    // There is room for all, so in the end none is refused and each unit has what it needs:
    // 2 x 80 sessions, of which 25 are its own, are three steps.
    site.target.store(80, SeqCst);
    for unit in 1..=UNITS {
        let needs = |it: &Report| (it.device.in_use, it.device.held) == (160, 150);
        wait(folder.path(), unit, "all are admitted", needs);
    }
    let granted = |it: &Report| it.pool.as_ref().unwrap().granted == 450;
    wait(folder.path(), 0, "nothing is lost on the way", granted);

    site.stop.store(true, SeqCst);
    workers.into_iter().for_each(|it| it.join().unwrap());
    assert_eq!(site.in_use.load(SeqCst), 0);
    for unit in 1..=UNITS {
        wait(folder.path(), unit, "it gives all back", |it| it.device.held == 0);
    }
    wait(folder.path(), 0, "all is back", |it| it.pool.as_ref().unwrap().granted == 0);
    for gate in &gates {
        assert_eq!(gate.usage(Limit::Anyconnect).in_use, 0);
    }
    end.send(()).unwrap();
    network.join().unwrap();
}
