//! A server and a participant in one process, with a disk that does not answer.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::*;
use crate::catalogue::{self, Feature, Value};
use crate::gate::Gate;
use crate::license::{Kind, Limit, RunningLicense, Unit};
use crate::net::{Backoff, Dial, Dialer, Identity, Limits, Listen, Listener, Peer, Role, Secret};
use crate::pool::{Appetite, Membership, Participant, ParticipantConfig, Server, Settings, Start};

fn unit(feature: Feature, value: Value) -> Unit {
    let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).unwrap());
    unit.add(feature, value).unwrap();
    unit.add(Feature::AnyconnectPremium, Value::Count(25)).unwrap();
    unit
}

fn peer(role: Role, serial: &str) -> Peer {
    Peer { role, serial: serial.parse().unwrap() }
}

fn own(me: Peer, membership: Membership) -> ParticipantConfig {
    let (hostname, appetite) = ("unit".parse().unwrap(), Appetite::default());
    ParticipantConfig { serial: me.serial, incarnation: 1, hostname, membership, appetite }
}

fn node(folder: &Path, me: Peer, machine: Machine, wires: Wires, draw: Draw) -> Node {
    let books = Books::open(&folder.join(format!("{}.shared", me.serial)), me.serial, 1);
    Node::new(Parts {
        machine,
        pace: NonZeroU32::new(10).unwrap(),
        books: Some(Arc::new(books.unwrap().0)),
        wires,
        dial: None,
        orders: mpsc::unbounded_channel().1,
        draw,
        window: folder.join(format!("{}.sock", me.serial)),
        about: About::default(),
        log: Box::new(|_| {}),
    })
}

fn server(folder: &Path, secret: &Secret) -> (Node, SocketAddr) {
    let me = peer(Role::Server, "JMX0912K041");
    let unit = unit(Feature::SharedServer, Value::Count(500));
    let license = RunningLicense::of(&unit);
    let membership = Membership::server(&unit, &license).unwrap();
    let settings = Settings::new(500).unwrap();
    let own = own(me, membership);
    let server = Server::start(Duration::ZERO, Start::Return, own, settings, []).unwrap();
    let listen = Listen {
        me,
        secret: secret.clone(),
        identity: Identity::generate().unwrap(),
        admits: Box::new(|_| true),
        limits: Limits::default(),
    };
    let listener = Listener::bind(([127, 0, 0, 1], 0).into(), listen).unwrap();
    let address = listener.address();
    let wires = Wires::new(Some(listener), Vec::new());
    let draw = Draw::new(Gate::new(license.clone()), license).unwrap();
    (node(folder, me, Machine::Server(Box::new(server)), wires, draw), address)
}

fn participant(folder: &Path, secret: &Secret, server: SocketAddr) -> (Node, Gate) {
    let me = peer(Role::Participant, "JMX0912K042");
    let license = RunningLicense::of(&unit(Feature::SharedParticipant, Value::Enabled));
    let membership = Membership::participant(&license).unwrap();
    let participant = Participant::new(Duration::ZERO, own(me, membership));
    let moment = Duration::from_millis(10);
    let dial = Dial {
        address: server.to_string(),
        me,
        secret: secret.clone(),
        server: None,
        pin: None,
        limits: Limits::default(),
        backoff: Backoff { first: moment, most: moment },
    };
    let wires = Wires::new(None, vec![Dialer::start(dial).unwrap()]);
    let gate = Gate::new(license.clone());
    let draw = Draw::new(gate.clone(), license).unwrap();
    (node(folder, me, Machine::Participant(Box::new(participant)), wires, draw), gate)
}

async fn allows(gate: &Gate, sessions: u32) {
    let reached = async {
        while gate.license().limit(Limit::Anyconnect).value() != Value::Count(sessions) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), reached).await.expect("a licence for so many sessions");
}

/// A participant that holds `held` shared sessions, as its machine and its gate have it; nobody is
/// at the other end.
fn holder(folder: &Path, held: u32) -> (Node, Gate) {
    let me = peer(Role::Participant, "JMX0912K042");
    let license = RunningLicense::of(&unit(Feature::SharedParticipant, Value::Enabled));
    let membership = Membership::participant(&license).unwrap();
    let appetite = Appetite { ahead: 0, keep: 0 };
    let config = ParticipantConfig { appetite, ..own(me, membership) };
    let mut machine = Machine::Participant(Box::new(Participant::new(Duration::ZERO, config)));
    let unit = unit(Feature::SharedServer, Value::Count(500));
    let membership = Membership::server(&unit, &RunningLicense::of(&unit)).unwrap();
    let serial = "JMX0912K041".parse().unwrap();
    let own = own(peer(Role::Server, "JMX0912K041"), membership);
    let settings = Settings::new(500).unwrap();
    let server = Server::start(Duration::ZERO, Start::Return, own, settings, []).unwrap();
    let mut server = Machine::Server(Box::new(server));
    let (now, gate) = (Duration::ZERO, Gate::new(license.clone()));
    let mut draw = Draw::new(gate.clone(), license).unwrap();
    machine.handle_link(now, serial, Link::Up);
    machine.set_demand(now, 25 + held);
    loop {
        let (asked, answered) = (machine.poll(), server.poll());
        if asked.is_none() && answered.is_none() {
            break;
        }
        match asked {
            Some(Output::Send { message, .. }) => server.handle_message(now, me.serial, &message),
            Some(Output::Publish { sessions }) => draw.publish(sessions).unwrap(),
            _ => {}
        }
        if let Some(Output::Send { message, .. }) = answered {
            machine.handle_message(now, serial, &message);
        }
    }
    assert_eq!(machine.own().held(), held);
    (node(folder, me, machine, Wires::new(None, Vec::new()), draw), gate)
}

/// Between a look at the gate and what comes of it more may be admitted: that stays.
#[tokio::test]
async fn nothing_is_given_back_that_was_admitted_after_the_look() {
    let folder = tempfile::tempdir().unwrap();
    let (mut node, gate) = holder(folder.path(), 100);
    let mut worker = gate.worker();
    let looked = node.parts.draw.demand(Instant::now());
    let held: Vec<_> = (0..60).map(|_| worker.admit(Kind::Anyconnect).unwrap()).collect();
    // 35 more than its own 25, of which shared sessions come in fifties.
    assert_eq!((looked, node.give_up(looked).unwrap()), (0, 60));
    assert_eq!(gate.license().limit(Limit::Anyconnect).value(), Value::Count(75));
    held.into_iter().for_each(|token| worker.release(token));
    assert_eq!(node.give_up(0).unwrap(), 0);
    assert_eq!(gate.license().limit(Limit::Anyconnect).value(), Value::Count(25));
}

/// A grant is told when it is on the disk and not before; and the gate admits it when it is told.
#[tokio::test]
async fn nothing_is_told_before_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let secret = Secret::parse("correct horse battery staple").unwrap();
    let (server, address) = server(folder.path(), &secret);
    let books = server.parts.books.clone().unwrap();
    let (participant, gate) = participant(folder.path(), &secret, address);
    let units = [server, participant].map(|it| tokio::spawn(it.run(std::future::pending())));

    let mut worker = gate.worker();
    let mut admit = || worker.admit(Kind::Anyconnect).is_ok();
    assert_eq!((0..26).filter(|_| admit()).count(), 25);
    allows(&gate, 75).await;

    let disk = books.full_disk();
    assert_eq!((0..51).filter(|_| admit()).count(), 50);
    // Far longer than the answer took before.
    sleep(Duration::from_millis(500)).await;
    assert!(!admit());
    allows(&gate, 75).await;
    drop(disk);
    allows(&gate, 125).await;
    assert!(admit());
    units.iter().for_each(|it| assert!(!it.is_finished()));
}
