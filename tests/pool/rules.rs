//! The explicit rules of group G on the machines themselves, without a network in between.

use std::collections::VecDeque;
use std::time::Duration;

use tollgate::catalogue::{self, Feature, Value};
use tollgate::license::key::Serial;
use tollgate::license::{GroupMode, RunningLicense, Unit};
use tollgate::pool::{
    Allotment, Appetite, Backup, BackupId, BackupState, Budget, Change, Event, FULL_BUDGET, HOLD,
    Ineligible, Link, Machine, Membership, Message, Output, Participant, ParticipantConfig, Reason,
    Record, Refusal, Request, Server, Settings, SettingsError, Severity, Start,
};
use tollgate::sim::network::{Role, tell_link};

use crate::units::serial_of;

const S: usize = 0;
const B: usize = 1;
const P: usize = 2;
const Q: usize = 3;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);

fn unit(model: &str, licences: &[(Feature, Value)]) -> Unit {
    let mut unit = Unit::new(catalogue::find(model, None, None).expect("as set up"));
    for &(feature, value) in licences {
        unit.add(feature, value).expect("as set up");
    }
    unit
}

fn participant_unit(model: &str, local: u32) -> Unit {
    let mut unit = unit(model, &[(Feature::SharedParticipant, Value::Enabled)]);
    if local > 0 {
        unit.add(Feature::AnyconnectPremium, Value::Count(local)).expect("as set up");
    }
    unit
}

fn config(place: usize, incarnation: u64, membership: Membership) -> ParticipantConfig {
    ParticipantConfig {
        serial: serial_of(place),
        incarnation,
        hostname: format!("unit-{place}").parse().expect("as set up"),
        membership,
        appetite: Appetite { ahead: 0, keep: 0 },
    }
}

fn participant(place: usize, model: &str, local: u32, now: Duration) -> Participant {
    let license = RunningLicense::of(&participant_unit(model, local));
    Participant::new(now, config(place, 1, Membership::participant(&license).expect("as set up")))
}

fn server_config(incarnation: u64) -> ParticipantConfig {
    let unit = unit("ASA 5540", &[(Feature::SharedServer, Value::Count(1_000))]);
    config(
        S,
        incarnation,
        Membership::server(&unit, &RunningLicense::of(&unit)).expect("as set up"),
    )
}

/// Machines whose messages arrive at once, where the link is not cut.
struct Lab {
    now: Duration,
    machines: Vec<Option<Machine>>,
    cut: Vec<(usize, usize)>,
    events: Vec<(usize, Event)>,
    records: std::collections::BTreeMap<Serial, Record>,
    backup: Option<BackupState>,
}

impl Lab {
    fn new(settings: Settings) -> Self {
        let mut lab = Self {
            now: Duration::ZERO,
            machines: (0..6).map(|_| None).collect(),
            cut: Vec::new(),
            events: Vec::new(),
            records: std::collections::BTreeMap::new(),
            backup: None,
        };
        let server = Server::start(lab.now, Start::First, server_config(1), settings, []);
        lab.machines[S] = Some(Machine::Server(Box::new(server.expect("as set up"))));
        lab.settle();
        lab
    }

    fn add(&mut self, place: usize, machine: Machine) {
        self.machines[place] = Some(machine);
        for server in [S, B] {
            self.link(place, server, Link::Up);
        }
    }

    fn add_participant(&mut self, place: usize, model: &str, local: u32) {
        let participant = participant(place, model, local, self.now);
        self.add(place, Machine::Participant(Box::new(participant)));
    }

    fn add_backup(&mut self, incarnation: u64) {
        let license = RunningLicense::of(&participant_unit("ASA 5520", 0));
        let own = config(B, incarnation, Membership::participant(&license).expect("as set up"));
        let records = self.records.values().cloned();
        let backup = Backup::start(self.now, own, self.backup, records);
        self.add(B, Machine::Backup(Box::new(backup)));
    }

    fn link(&mut self, a: usize, b: usize, link: Link) {
        self.cut.retain(|cut| *cut != (a.min(b), a.max(b)));
        if link == Link::Down {
            self.cut.push((a.min(b), a.max(b)));
        }
        for (at, peer) in [(a, b), (b, a)] {
            let both = self.machines[at].is_some() && self.machines[peer].is_some();
            if both && at != peer && (peer <= B || at == S) {
                let now = self.now;
                let machine = self.machines[at].as_mut().expect("as set up");
                tell_link(machine, now, (serial_of(peer), &role(peer)), link);
                self.settle();
            }
        }
    }

    fn kill(&mut self, place: usize) -> Machine {
        let machine = self.machines[place].take().expect("as set up");
        for peer in 0..self.machines.len() {
            if self.machines[peer].is_some() && place <= B {
                let now = self.now;
                let it = self.machines[peer].as_mut().expect("as set up");
                tell_link(it, now, (serial_of(place), &role(place)), Link::Down);
            }
        }
        self.settle();
        machine
    }

    fn settle(&mut self) {
        let mut messages: VecDeque<(usize, Serial, Message)> = VecDeque::new();
        loop {
            for place in 0..self.machines.len() {
                while let Some(output) = self.machines[place].as_mut().and_then(Machine::poll) {
                    match output {
                        Output::Send { to, message } => messages.push_back((place, to, message)),
                        Output::Log(event) => self.events.push((place, event)),
                        Output::Save(Change::Record(record)) if place == B => {
                            self.records.insert(record.serial, record);
                        }
                        Output::Save(Change::Backup(state)) => self.backup = Some(state),
                        _ => {}
                    }
                }
            }
            let Some((from, to, message)) = messages.pop_front() else { return };
            let to =
                (0..self.machines.len()).find(|place| serial_of(*place) == to).expect("as set up");
            if self.cut.contains(&(from.min(to), from.max(to))) {
                continue;
            }
            if let Some(machine) = &mut self.machines[to] {
                machine.handle_message(self.now, serial_of(from), &message);
            }
        }
    }

    fn advance(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let timers = self.machines.iter().flatten().filter_map(Machine::next_timeout);
            let Some(due) = timers.min().filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            for place in 0..self.machines.len() {
                if let Some(machine) = &mut self.machines[place] {
                    machine.handle_timeout(self.now);
                }
            }
            self.settle();
        }
        self.now = until;
    }

    fn demand(&mut self, place: usize, sessions: u32) {
        let now = self.now;
        self.machines[place].as_mut().expect("as set up").set_demand(now, sessions);
        self.settle();
    }

    fn own(&self, place: usize) -> &Participant {
        self.machines[place].as_ref().expect("as set up").own()
    }

    fn held(&self, place: usize) -> u32 {
        self.own(place).held()
    }

    fn server(&self) -> &Server {
        match self.machines[S].as_ref().expect("as set up") {
            Machine::Server(server) => server,
            _ => unreachable!(),
        }
    }

    fn backup(&self) -> &Backup {
        match self.machines[B].as_ref().expect("as set up") {
            Machine::Backup(backup) => backup,
            _ => unreachable!(),
        }
    }

    fn happened(&self, place: usize, what: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(at, event)| *at == place && what(event)).count()
    }
}

fn role(place: usize) -> Role {
    match place {
        S => Role::Server(Box::new(pool(1_000))),
        B => Role::Backup,
        _ => Role::Participant,
    }
}

fn pool(size: u32) -> Settings {
    Settings::new(size).expect("as set up")
}

fn with_backup() -> Settings {
    let backup = BackupId { primary: serial_of(B), standby: Some(serial_of(Q)) };
    Settings { backup: Some(backup), ..pool(1_000) }
}

#[test]
fn g21_to_g25_j8_local_sessions_first_then_50_at_a_time_up_to_the_platform() {
    let mut lab = Lab::new(pool(1_000));
    lab.add_participant(P, "ASA 5520", 100);
    lab.demand(P, 100);
    assert_eq!(lab.held(P), 0); // G22
    lab.demand(P, 101);
    assert_eq!(lab.held(P), 50); // G23
    lab.demand(P, 120);
    assert_eq!(lab.held(P), 50);
    lab.add_participant(Q, "ASA 5520", 500);
    lab.demand(Q, 10_000);
    assert_eq!(lab.held(Q), 250); // G25
    assert_eq!(lab.server().usage().granted, 300);
}

#[test]
fn a_cap_is_a_denial_that_is_on_record_once() {
    let allotment = Allotment { reserved: 0, cap: Some(75) };
    let mut lab =
        Lab::new(Settings { allotments: [(serial_of(P), allotment)].into(), ..pool(500) });
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 100);
    assert_eq!(lab.held(P), 75);
    lab.advance(Duration::from_secs(95));
    let denials: Vec<_> = lab.server().denials().iter().collect();
    let [denial] = denials[..] else { panic!("{denials:?}") };
    assert_eq!(
        (denial.participant, denial.missing, denial.reason),
        (serial_of(P), 25, Reason::Cap)
    );
    assert_eq!(
        (denial.times, denial.last.saturating_sub(denial.first)),
        (4, Duration::from_secs(90))
    );
    assert_eq!(lab.server().denials().totals()[&Reason::Cap], 4);
}

#[test]
fn g27_g28_as_many_as_there_are_and_the_rest_when_they_are_free() {
    let mut lab = Lab::new(Settings {
        allotments: [(serial_of(Q), Allotment { reserved: 470, cap: None })].into(),
        ..pool(500)
    });
    lab.add_participant(P, "ASA 5520", 0);
    lab.add_participant(Q, "ASA 5520", 0);
    lab.demand(P, 50);
    assert_eq!(lab.held(P), 30); // G27, of a pool of which the others are reserved
    let denial = *lab.server().denials().iter().next().expect("as set up");
    assert_eq!((denial.missing, denial.reason, denial.times), (20, Reason::Reserved, 1));
    lab.demand(Q, 470);
    lab.advance(Duration::from_secs(31));
    assert_eq!((lab.held(P), lab.held(Q)), (30, 470));
    assert!(lab.server().denials().iter().any(|it| it.reason == Reason::PoolEmpty));
    let settings = Settings { allotments: [].into(), ..lab.server().settings().clone() };
    assert_eq!(settings.size, 500);
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.add_participant(Q, "ASA 5520", 0);
    lab.demand(Q, 450);
    lab.demand(P, 100);
    assert_eq!(lab.held(P), 50);
    lab.demand(Q, 100); // G29
    assert_eq!((lab.held(Q), lab.held(P)), (100, 50));
    lab.advance(Duration::from_secs(31)); // G28: it asks at every refresh
    assert_eq!(lab.held(P), 100);
    assert_eq!(lab.server().tallies().of(Request::Release).received, 1);
}

#[test]
fn g30_g31_silence_for_three_intervals() {
    for seconds in [10, 30, 300] {
        let refresh = Duration::from_secs(seconds);
        let mut lab = Lab::new(Settings { refresh, ..pool(500) });
        lab.add_participant(P, "ASA 5520", 0);
        lab.demand(P, 50);
        lab.link(P, S, Link::Down);
        lab.advance((refresh * 3).saturating_sub(SECOND));
        assert_eq!(lab.server().usage().granted, 50);
        lab.advance(SECOND);
        assert_eq!(lab.server().usage().granted, 0);
        assert_eq!(lab.held(P), 50); // G32
        assert_eq!(lab.server().oversubscription_bound(), 50);
    }
}

#[test]
fn g32_g33_the_participant_keeps_them_for_24_hours() {
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 50);
    lab.link(P, S, Link::Down);
    lab.advance(HOLD.saturating_sub(SECOND));
    assert_eq!((lab.held(P), lab.server().oversubscription_bound()), (50, 50));
    lab.advance(SECOND);
    assert_eq!((lab.held(P), lab.server().oversubscription_bound()), (0, 0));
    assert_eq!(lab.happened(P, |it| *it == Event::HeldTooLong { sessions: 50 }), 1);
    assert_eq!(lab.happened(P, |it| *it == Event::ServiceInactive), 1);
}

#[test]
fn g34_g36_back_within_24_hours_it_gets_what_can_be_reassigned() {
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.add_participant(Q, "ASA 5520", 0);
    lab.demand(P, 200);
    lab.link(P, S, Link::Down);
    lab.advance(Duration::from_secs(91));
    lab.demand(Q, 400);
    assert_eq!((lab.held(P), lab.held(Q)), (200, 400)); // G36
    assert_eq!(lab.server().oversubscription_bound(), 200);
    lab.link(P, S, Link::Up);
    assert_eq!((lab.held(P), lab.held(Q)), (100, 400)); // G34
    lab.advance(Duration::from_secs(31));
    assert_eq!(lab.server().oversubscription_bound(), 0);
}

#[test]
fn g35_back_within_three_intervals_nothing_changes() {
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 200);
    lab.link(P, S, Link::Down);
    lab.advance(Duration::from_secs(80));
    lab.link(P, S, Link::Up);
    assert_eq!((lab.held(P), lab.server().usage().granted), (200, 200));
    assert_eq!(lab.happened(S, |it| matches!(it, Event::Expired { .. })), 0);
}

#[test]
fn without_overlap_nothing_is_given_twice() {
    let mut lab = Lab::new(Settings { overlap: Some(0), ..pool(500) });
    lab.add_participant(P, "ASA 5520", 0);
    lab.add_participant(Q, "ASA 5520", 0);
    lab.demand(P, 200);
    lab.link(P, S, Link::Down);
    lab.advance(Duration::from_secs(91));
    lab.demand(Q, 400);
    assert_eq!((lab.held(P), lab.held(Q)), (200, 300));
    assert_eq!(lab.server().oversubscription_bound(), 0);
    let denial = lab.server().denials().iter().next_back().expect("as set up");
    assert_eq!((denial.missing, denial.reason), (100, Reason::Stranded));
    lab.advance(DAY);
    assert_eq!((lab.held(P), lab.held(Q)), (0, 400));
}

#[test]
fn g7_g46_to_g48_j9_the_server_draws_on_its_own_pool() {
    let mut unit = unit(
        "ASA 5540",
        &[
            (Feature::SharedServer, Value::Count(1_000)),
            (Feature::AnyconnectPremium, Value::Count(100)),
        ],
    );
    let license = RunningLicense::of(&unit);
    let membership = Membership::server(&unit, &license).expect("as set up");
    assert_eq!((membership.local(), membership.pool()), (0, Some(1_000))); // G46
    unit.add_time_based(Feature::AnyconnectPremium, Value::Count(250)).expect("as set up");
    let membership = Membership::server(&unit, &RunningLicense::of(&unit)).expect("as set up");
    assert_eq!(membership.local(), 250); // G48
    let mut lab = Lab::new(pool(1_000));
    lab.demand(S, 120);
    assert_eq!((lab.held(S), lab.server().usage().granted), (150, 150)); // G47
}

#[test]
fn g5_g6_g40_to_g45_who_takes_no_part() {
    let of = |unit: &Unit| Membership::participant(&RunningLicense::of(unit));
    let not_in_force = |result: Result<Membership, Ineligible>| {
        matches!(result, Err(Ineligible::NotInForce { .. }))
    };
    let plain = unit("ASA 5520", &[]);
    assert!(not_in_force(of(&plain))); // G6
    assert!(not_in_force(Membership::server(&plain, &RunningLicense::of(&plain)))); // G5
    let small = Membership::participant(&RunningLicense::of(&unit("ASA 5505", &[])));
    assert!(matches!(small, Err(Ineligible::Model { .. }))); // G40
    for model in ["ASAv10", "ASA 5506-X", "ASA 5508-X", "ASA 5516-X"] {
        if let Ok(entry) = catalogue::find(model, None, None) {
            // G41
            assert!(matches!(of(&Unit::new(entry)), Err(Ineligible::Model { .. })), "{model}");
        }
    }
    let mut multiple = participant_unit("ASA 5520", 0);
    multiple.configure("contexts", "multiple").expect("as set up");
    assert!(not_in_force(of(&multiple))); // G43
    let pair = [participant_unit("ASA 5520", 0), participant_unit("ASA 5520", 0)];
    let both = RunningLicense::combined(&pair, 0, GroupMode::ActiveActive).expect("as set up");
    assert!(not_in_force(Membership::participant(&both))); // G44
    let mut essentials = participant_unit("ASA 5520", 0);
    essentials.add(Feature::AnyconnectEssentials, Value::Enabled).expect("as set up");
    assert!(not_in_force(of(&essentials))); // G45
    essentials.configure("anyconnect-essentials", "off").expect("as set up");
    assert!(of(&essentials).is_ok());
}

#[test]
fn g4_g13_g15_g37_g38_settings() {
    for size in [500, 49_500, 50_000, 51_000, 545_000] {
        assert!(Settings::new(size).is_ok(), "{size}");
    }
    for size in [0, 250, 750, 50_500, 545_001] {
        assert!(matches!(Settings::new(size), Err(SettingsError::Size { .. })), "{size}");
    }
    let start =
        |settings| Server::start(Duration::ZERO, Start::Return, server_config(1), settings, []);
    for (seconds, taken) in [(9, false), (10, true), (300, true), (301, false)] {
        let refresh = Duration::from_secs(seconds);
        assert_eq!(start(Settings { refresh, ..pool(500) }).is_ok(), taken, "{seconds}");
    }
    let own = BackupId { primary: serial_of(S), standby: None };
    let refused = start(Settings { backup: Some(own), ..pool(500) });
    assert!(matches!(refused, Err(SettingsError::OwnBackup { .. })));
    let allotment = Allotment { reserved: 501, cap: None };
    let refused = start(Settings { allotments: [(serial_of(P), allotment)].into(), ..pool(500) });
    assert!(matches!(refused, Err(SettingsError::Reserved { .. })));
}

#[test]
fn g77_j5_server_and_backup_are_not_the_units_of_one_pair() {
    let mate = Some(serial_of(P));
    let start =
        |settings| Server::start(Duration::ZERO, Start::Return, server_config(1), settings, []);
    for (primary, standby, taken) in [(P, None, false), (B, Some(P), false), (B, Some(Q), true)] {
        let backup = BackupId { primary: serial_of(primary), standby: standby.map(serial_of) };
        let started = start(Settings { backup: Some(backup), mate, ..pool(500) });
        let refused = matches!(started, Err(SettingsError::BackupIsMate { .. }));
        assert_eq!((started.is_ok(), refused), (taken, !taken));
    }
}

#[test]
fn g4_only_the_backup_that_is_named_takes_the_role() {
    let mut lab = Lab::new(pool(1_000));
    lab.add_backup(1);
    lab.advance(Duration::from_secs(300));
    assert!(!lab.backup().state().synchronised);
    lab.kill(S);
    lab.advance(Duration::from_secs(300));
    assert!(!lab.backup().is_serving()); // G49, G53
}

#[test]
fn g50_to_g53_the_backup_takes_over_what_it_was_told_even_after_a_reload() {
    let mut lab = Lab::new(with_backup());
    lab.add_backup(1);
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 300);
    lab.advance(Duration::from_secs(10)); // G51
    assert_eq!(lab.backup().usage().granted, 300); // G50
    lab.kill(S);
    lab.kill(B);
    lab.add_backup(2); // G52
    lab.link(P, B, Link::Up);
    lab.advance(Duration::from_secs(60));
    assert!(lab.backup().is_serving());
    assert_eq!((lab.held(P), lab.backup().usage().granted), (300, 300));
    assert_eq!(lab.own(P).server(), Some(serial_of(B)));
    lab.demand(P, 350);
    assert_eq!(lab.held(P), 350);
}

#[test]
fn g57_g58_the_server_returns_learns_what_was_granted_and_takes_over() {
    let mut lab = Lab::new(with_backup());
    lab.add_backup(1);
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 300);
    lab.advance(Duration::from_secs(10));
    let stored: Vec<_> = lab.server().participants().cloned().collect();
    lab.kill(S);
    lab.advance(Duration::from_secs(60));
    lab.demand(P, 500);
    assert_eq!(lab.backup().usage().granted, 500);
    let server = Server::start(lab.now, Start::Return, server_config(2), with_backup(), stored)
        .expect("as set up");
    assert!(!server.is_serving());
    lab.add(S, Machine::Server(Box::new(server)));
    lab.link(S, B, Link::Up);
    assert!(lab.server().is_serving() && !lab.backup().is_serving());
    assert_eq!(lab.happened(B, |it| *it == Event::BackupRole { active: false }), 1);
    assert_eq!(lab.server().usage().granted, 500);
    lab.link(P, S, Link::Up);
    lab.advance(Duration::from_secs(60));
    assert_eq!(lab.own(P).server(), Some(serial_of(S)));
    assert_eq!((lab.held(P), lab.server().usage().granted), (500, 500));
    lab.demand(B, 60); // G58
    assert_eq!((lab.held(B), lab.own(B).server()), (100, Some(serial_of(S))));
}

/// A server that lost its books waits for its backup all the same: that one has them.
#[test]
fn g57_a_server_without_books_waits_for_its_backup() {
    let mut lab = Lab::new(with_backup());
    lab.add_backup(1);
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 300);
    lab.advance(Duration::from_secs(10));
    lab.kill(S);
    lab.advance(Duration::from_secs(60));
    lab.demand(P, 500);
    let server = Server::start(lab.now, Start::Return, server_config(2), with_backup(), [])
        .expect("as set up");
    assert!(!server.is_serving());
    lab.add(S, Machine::Server(Box::new(server)));
    lab.link(S, B, Link::Up);
    assert!(lab.server().is_serving());
    assert_eq!(lab.server().usage().granted, 500);
    // Where no backup answers it serves after half a minute.
    let mut server = Server::start(lab.now, Start::Return, server_config(3), with_backup(), [])
        .expect("as set up");
    server.handle_timeout(lab.now + Duration::from_secs(29));
    assert!(!server.is_serving());
    server.handle_timeout(lab.now + Duration::from_secs(30));
    assert!(server.is_serving());
}

/// With fewer sessions than are reserved nobody else is granted any, and no more than there are.
#[test]
fn a_pool_that_becomes_smaller_than_what_is_reserved_is_that_small() {
    let mut settings = pool(1_000);
    settings.allotments.insert(serial_of(P), Allotment { reserved: 600, cap: None });
    let mut lab = Lab::new(settings);
    lab.add_participant(P, "ASA 5520", 0);
    lab.add_participant(P + 1, "ASA 5520", 0);
    lab.demand(P, 300);
    let now = lab.now;
    let Some(Machine::Server(server)) = &mut lab.machines[S] else { panic!("as set up") };
    server.set_size(now, 500);
    lab.settle();
    let told = Event::ReservedBeyond { reserved: 600, size: 500 };
    assert_eq!(lab.happened(S, |it| *it == told), 1);
    assert_eq!(lab.server().usage().size, 500);
    lab.demand(P + 1, 100);
    assert_eq!(lab.held(P + 1), 0, "what is left is reserved");
    lab.demand(P, 700);
    assert_eq!((lab.held(P), lab.server().usage().granted), (500, 500));
}

/// A unit whose clock went back between two lives is served again.
#[test]
fn a_life_that_went_back_goes_on_behind_the_latest() {
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 60);
    assert_eq!(lab.held(P), 100);
    lab.kill(P);
    let license = RunningLicense::of(&participant_unit("ASA 5520", 0));
    let membership = Membership::participant(&license).expect("as set up");
    let own = ParticipantConfig { incarnation: 0, ..config(P, 1, membership) };
    lab.add(P, Machine::Participant(Box::new(Participant::new(lab.now, own))));
    lab.demand(P, 30);
    assert_eq!((lab.held(P), lab.server().usage().granted), (50, 50));
    assert_eq!(lab.own(P).server(), Some(serial_of(S)));
}

/// A unit that ends in good order gives back all that it has, and what it keeps ahead too.
#[test]
fn a_backup_and_a_server_that_end_give_back_everything() {
    let mut lab = Lab::new(with_backup());
    let appetite = Appetite { ahead: 10, keep: 25 };
    let own = ParticipantConfig { appetite, ..server_config(2) };
    let server = Server::start(lab.now, Start::First, own, with_backup(), []).expect("as set up");
    lab.add(S, Machine::Server(Box::new(server)));
    let license = RunningLicense::of(&participant_unit("ASA 5520", 0));
    let own = config(B, 1, Membership::participant(&license).expect("as set up"));
    let own = ParticipantConfig { appetite, ..own };
    lab.add(B, Machine::Backup(Box::new(Backup::start(lab.now, own, None, []))));
    for place in [S, B] {
        lab.demand(place, 120);
        assert!(lab.held(place) > 0);
    }
    for place in [B, S] {
        let now = lab.now;
        lab.machines[place].as_mut().expect("as set up").stand_by(now);
        lab.settle();
        assert_eq!(lab.held(place), 0);
    }
    assert_eq!(lab.server().usage().granted, 0);
}

/// A backup that has been up with its server for so long.
fn after_days_up(days: u32) -> Lab {
    let refresh = Duration::from_secs(300);
    let mut lab = Lab::new(Settings { refresh, ..with_backup() });
    let remaining = (DAY * (5 + days)).min(FULL_BUDGET);
    let budget = Budget { remaining, served: Duration::ZERO };
    lab.backup = Some(BackupState { budget, ..BackupState::default() });
    lab.add_backup(1);
    lab.advance(Duration::from_secs(10));
    lab
}

fn remaining_days(lab: &Lab) -> u64 {
    (lab.backup().state().budget.remaining.as_secs() + 120) / DAY.as_secs()
}

#[test]
fn g59_to_g65_the_time_of_the_backup() {
    let mut lab = after_days_up(0);
    assert_eq!(remaining_days(&lab), 5); // G59
    lab.advance(DAY);
    assert_eq!(remaining_days(&lab), 6); // G60
    let mut lab = after_days_up(0);
    lab.kill(S);
    lab.advance(DAY * 6); // G65
    assert!(!lab.backup().is_serving());
    let terminated = |days| move |it: &Event| *it == Event::BackupTerminated { days };
    assert_eq!(lab.happened(B, terminated(5)), 1);
    assert_eq!(lab.happened(B, |it| matches!(it, Event::BackupServed { .. })), 0);

    let mut lab = after_days_up(25); // G60, G61
    assert_eq!(remaining_days(&lab), 30);
    let stored: Vec<_> = lab.server().participants().cloned().collect();
    lab.kill(S);
    lab.advance(DAY * 20 + Duration::from_secs(30)); // G62
    assert!(lab.backup().is_serving());
    assert_eq!(remaining_days(&lab), 10);
    let fifteen = lab.events.iter().find(|it| it.1 == Event::BackupServed { days: 15 });
    assert_eq!(fifteen.map(|it| it.1.severity()), Some(Severity::Critical)); // G56
    let server = Server::start(lab.now, Start::Return, server_config(2), with_backup(), stored);
    lab.add(S, Machine::Server(Box::new(server.expect("as set up"))));
    lab.link(S, B, Link::Up);
    lab.advance(DAY); // G63, G64: the rest of the sum is in `budget`
    assert_eq!(remaining_days(&lab), 11);
}

#[test]
fn g54_to_g56_after_30_days_the_backup_stops() {
    let mut lab = after_days_up(26);
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 50);
    lab.advance(Duration::from_secs(10));
    lab.kill(S);
    // The days are counted from when the server was lost, not from when it was missed.
    lab.advance((DAY * 30).saturating_sub(SECOND));
    assert!(lab.backup().is_serving());
    lab.advance(SECOND);
    assert!(!lab.backup().is_serving()); // G55
    for days in [15, 30] {
        assert_eq!(lab.happened(B, |it| *it == Event::BackupServed { days }), 1); // G56
    }
    assert_eq!(lab.happened(B, |it| *it == Event::BackupTerminated { days: 30 }), 1);
    assert_eq!(lab.held(P), 50);
    lab.advance(HOLD);
    assert_eq!(lab.held(P), 0);
    let spent = Event::RequestFailed { purpose: Request::Refresh, reason: Refusal::BackupSpent };
    assert_eq!(lab.happened(P, |it| *it == spent), 1);
}

#[test]
fn g70_j6_the_standby_backup_counts_down_where_the_primary_left_off() {
    let mut lab = after_days_up(25);
    lab.kill(S);
    lab.advance(DAY * 12);
    assert_eq!(remaining_days(&lab), 18);
    lab.kill(B);
    lab.add_backup(2);
    lab.advance(Duration::from_secs(30));
    assert_eq!(remaining_days(&lab), 18);
    // What is stored is up to two minutes less than what there is.
    lab.advance((DAY * 18).saturating_sub(Duration::from_secs(150)));
    assert!(lab.backup().is_serving());
    lab.advance(Duration::from_secs(150));
    assert!(!lab.backup().is_serving());
}

#[test]
fn the_days_of_a_backup_are_right_at_every_moment() {
    let mut lab = after_days_up(3);
    let left = |lab: &Lab| lab.backup().budget(lab.now).remaining;
    let begun = left(&lab);
    lab.advance(Duration::from_secs(7)); // between two updates
    assert_eq!(left(&lab), begun + Duration::from_secs(7)); // G60
    lab.kill(S);
    lab.advance(Duration::from_secs(22)); // it was heard 29 seconds ago
    assert!(!lab.backup().is_serving());
    assert_eq!(left(&lab), begun + Duration::from_secs(7));
    lab.advance(Duration::from_secs(38));
    assert!(lab.backup().is_serving());
    assert_eq!(left(&lab), begun.saturating_sub(Duration::from_secs(53))); // G62
    // A server that was away for less than it takes to be missed was not away.
    let mut lab = after_days_up(3);
    let begun = left(&lab);
    lab.link(S, B, Link::Down);
    lab.advance(Duration::from_secs(20));
    assert_eq!(left(&lab), begun);
    lab.link(S, B, Link::Up);
    lab.advance(Duration::from_secs(10));
    assert_eq!(left(&lab), begun + Duration::from_secs(30));
    // Who only turns the link off and on gains no time.
    lab.kill(S);
    for _ in 0..100 {
        lab.advance(SECOND);
        let machine = lab.machines[B].as_mut().expect("as set up");
        for link in [Link::Up, Link::Down] {
            tell_link(machine, lab.now, (serial_of(S), &role(S)), link);
        }
        lab.settle();
    }
    assert!(left(&lab) <= begun + Duration::from_secs(30), "{:?}", left(&lab));
    assert!(lab.backup().is_serving());
}

#[test]
fn g50_a_backup_knows_the_settings_before_it_serves() {
    let mut lab = Lab::new(with_backup());
    lab.add_backup(1);
    lab.advance(Duration::from_secs(10));
    assert_eq!((lab.backup().usage().size, lab.backup().usage().free), (1_000, 1_000));
}

#[test]
fn g17_who_registers_says_its_model_and_its_local_licence() {
    let mut participant = participant(P, "ASA 5510", 100, Duration::ZERO);
    participant.handle_link(Duration::ZERO, serial_of(S), Link::Up);
    let Some(Output::Send { to, message: Message::Register(about, claim) }) = participant.poll()
    else {
        panic!("it registers");
    };
    assert_eq!((to, claim.number), (serial_of(S), 1));
    assert_eq!((about.model.as_str(), about.local, about.platform), ("ASA 5510", 100, 250));
}

/// What the server draws on its own pool goes to the unit that has its place, as with participants.
#[test]
fn g66_g75_what_a_server_of_a_pair_holds_moves_with_it() {
    let mut lab = Lab::new(pool(1_000));
    lab.demand(S, 120);
    let replicated: Vec<_> = lab.server().participants().cloned().collect();
    let own = ParticipantConfig { serial: serial_of(Q), ..server_config(2) };
    let server = Server::start(lab.now, Start::Failover, own, pool(1_000), replicated);
    let mut server = server.expect("as set up");
    server.set_demand(lab.now, 120);
    assert_eq!(server.usage().granted, 300);
    server.take_over(lab.now, serial_of(S));
    assert_eq!((server.usage().granted, server.own().held()), (150, 150));
}

#[test]
fn a_backup_that_is_restarted_all_the_time_gains_no_time() {
    let mut lab = after_days_up(1);
    lab.kill(S);
    for incarnation in 2..100 {
        lab.advance(Duration::from_secs(45));
        lab.kill(B);
        lab.add_backup(incarnation);
    }
    let budget = lab.backup().state().budget;
    assert!(budget.remaining + Duration::from_secs(15) * 98 <= DAY * 6, "{budget:?}");
    assert!(budget.remaining < FULL_BUDGET);
}

#[test]
fn g66_g67_the_standby_server_serves_at_once() {
    let mut lab = Lab::new(with_backup());
    lab.add_backup(1);
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 300);
    let replicated: Vec<_> = lab.server().participants().cloned().collect();
    lab.kill(S);
    let server =
        Server::start(lab.now, Start::Failover, server_config(2), with_backup(), replicated);
    assert!(server.as_ref().expect("as set up").is_serving());
    lab.add(S, Machine::Server(Box::new(server.expect("as set up"))));
    lab.link(P, S, Link::Up);
    lab.link(B, S, Link::Up);
    lab.advance(Duration::from_secs(120));
    assert_eq!(lab.own(P).server(), Some(serial_of(S)));
    assert_eq!(lab.server().usage().granted, 300);
    assert_eq!(lab.happened(B, |it| *it == Event::BackupRole { active: true }), 0);
}

#[test]
fn g72_to_g75_the_sessions_of_a_pair_move_to_its_active_unit() {
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.add_participant(Q, "ASA 5520", 0);
    let now = lab.now;
    let Some(Machine::Participant(standby)) = &mut lab.machines[Q] else { unreachable!() };
    standby.stand_by(now);
    lab.demand(P, 50);
    lab.demand(Q, 50); // the standby unit has the sessions too, and no licence for them
    assert_eq!((lab.held(P), lab.held(Q)), (50, 0));
    assert_eq!(lab.server().participants().count(), 3); // G72, with the server itself
    lab.link(P, S, Link::Down);
    let Some(Machine::Participant(standby)) = &mut lab.machines[Q] else { unreachable!() };
    standby.take_over(now, serial_of(P));
    lab.settle();
    assert_eq!((lab.held(Q), lab.server().usage().granted), (50, 50)); // G74, G75
    let tally = lab.server().tallies().of(Request::Transfer);
    assert_eq!((tally.received, tally.sent), (1, 1));
    // The unit that was active may be alive: what it was told stays on the books.
    assert_eq!(lab.server().oversubscription_bound(), 50);
}

#[test]
fn g19_g13_the_server_tells_how_often_to_refresh() {
    let refresh = Duration::from_secs(300);
    let mut lab = Lab::new(Settings { refresh, ..pool(500) });
    lab.add_participant(P, "ASA 5520", 0);
    lab.advance(Duration::from_secs(3_000));
    assert_eq!(lab.server().tallies().of(Request::Refresh).received, 20); // P's and the server's
}

#[test]
fn levels_are_told_once() {
    let mut lab = Lab::new(pool(500));
    lab.add_participant(P, "ASA 5520", 0);
    lab.demand(P, 450);
    assert_eq!(lab.happened(S, |it| *it == Event::NearlyExhausted), 0);
    lab.demand(P, 500);
    lab.advance(Duration::from_secs(300));
    assert_eq!(lab.happened(S, |it| *it == Event::NearlyExhausted), 1);
    assert_eq!(lab.happened(S, |it| *it == Event::Availability { free: 0 }), 1);
    lab.demand(P, 100);
    assert_eq!(lab.happened(S, |it| *it == Event::Availability { free: 400 }), 1);
}
