//! Exactly once: claims and answers that are late, repeated, or from another life, one at a time.

use std::time::Duration;

use tollgate::license::key::Serial;
use tollgate::pool::{
    About, Appetite, Backup, Batch, Change, Claim, Grant, Link, Message, Output, Participant,
    ParticipantConfig, Purpose, Record, Refusal, Report, Role, Server, Settings, Start, TAKEOVER,
    Update,
};

use crate::units::{membership, serial_of, server_membership};

const ZERO: Duration = Duration::ZERO;

fn config(place: usize) -> ParticipantConfig {
    let membership = if place == 0 { server_membership(500) } else { membership() };
    ParticipantConfig {
        serial: serial_of(place),
        incarnation: 7,
        hostname: "unit".parse().expect("a name"),
        membership,
        appetite: Appetite::default(),
    }
}

fn server(saved: Vec<Record>) -> Server {
    let settings = Settings::new(500).expect("sold");
    Server::start(ZERO, Start::Return, config(0), settings, saved).expect("settings that work")
}

fn claim(incarnation: u64, number: u64, held: u32, wanted: u32) -> Claim {
    Claim { incarnation, number, purpose: Purpose::Get, held, wanted, used: 0 }
}

fn register(claim: Claim) -> Message {
    let (model, hostname) = ("ASA 5520".parse(), "unit".parse());
    let (model, hostname) = (model.expect("a name"), hostname.expect("a name"));
    Message::Register(About { model, hostname, local: 0, platform: 750 }, claim)
}

/// What the server answers to a participant's message: granted in all, refused, or nothing.
fn ask(server: &mut Server, message: &Message) -> Option<Result<u32, Refusal>> {
    ask_at(server, ZERO, message)
}

fn ask_at(server: &mut Server, now: Duration, message: &Message) -> Option<Result<u32, Refusal>> {
    let participant = serial_of(2);
    server.handle_message(now, participant, message);
    let mut answer = None;
    while let Some(output) = server.poll() {
        match output {
            Output::Send {
                to,
                message: Message::Welcome { grant, .. } | Message::Grant(grant),
            } if to == participant => {
                answer = Some(Ok(grant.granted));
            }
            Output::Send { to, message: Message::Refused { reason, .. } } if to == participant => {
                answer = Some(Err(reason));
            }
            Output::Save(Change::Record(record)) if record.serial == participant => {
                assert_eq!(answer, None, "P4: it was told before it is stored");
            }
            _ => {}
        }
    }
    answer
}

fn record(server: &Server) -> &Record {
    let of = serial_of(2);
    server.participants().find(|record| record.serial == of).expect("registered")
}

#[test]
fn a_claim_that_is_repeated_is_answered_again_and_counted_once() {
    let mut server = server(vec![]);
    assert_eq!(ask(&mut server, &register(claim(1, 1, 0, 100))), Some(Ok(100)));
    assert_eq!(ask(&mut server, &register(claim(1, 1, 0, 100))), Some(Ok(100)));
    let get = Message::Claim(claim(1, 2, 100, 150));
    for _ in 0..3 {
        assert_eq!(ask(&mut server, &get), Some(Ok(150)));
    }
    assert_eq!(server.usage().granted, 150);
}

#[test]
fn a_claim_that_was_overtaken_changes_nothing() {
    let mut server = server(vec![]);
    ask(&mut server, &register(claim(1, 1, 0, 0)));
    assert_eq!(ask(&mut server, &Message::Claim(claim(1, 3, 0, 150))), Some(Ok(150)));
    assert_eq!(ask(&mut server, &Message::Claim(claim(1, 2, 0, 0))), None);
    assert_eq!(ask(&mut server, &register(claim(1, 1, 0, 0))), None);
    assert_eq!(server.usage().granted, 150);
}

#[test]
fn a_claim_of_an_earlier_life_changes_nothing() {
    let mut server = server(vec![]);
    ask(&mut server, &register(claim(1, 1, 0, 400)));
    assert_eq!(ask(&mut server, &register(claim(2, 1, 0, 50))), Some(Ok(50)));
    let earlier = Some(Err(Refusal::EarlierLife { latest: 2 }));
    assert_eq!(ask(&mut server, &register(claim(1, 9, 400, 400))), earlier);
    assert_eq!(ask(&mut server, &Message::Claim(claim(1, 9, 400, 400))), earlier);
    let record = record(&server);
    assert_eq!((record.incarnation, record.granted, record.exposed), (2, 50, 50));
    let later = Message::Claim(claim(3, 1, 0, 0));
    assert_eq!(ask(&mut server, &later), Some(Err(Refusal::UnknownClient)));
}

#[test]
fn a_claim_that_was_answered_before_it_expired_is_not_answered_with_that_again() {
    let mut server = server(vec![]);
    ask(&mut server, &register(claim(1, 1, 0, 100)));
    let late = Duration::from_secs(91);
    for message in [register(claim(1, 1, 0, 100)), Message::Claim(claim(1, 1, 0, 100))] {
        let answer = ask_at(&mut server, late, &message);
        assert_eq!(answer, Some(Err(Refusal::UnknownClient)));
    }
    assert_eq!((server.usage().granted, record(&server).exposed), (0, 100));
}

#[test]
fn a_server_grants_no_more_than_the_model_has_whatever_it_is_told() {
    let mut server = server(vec![]);
    let mut lie = register(claim(1, 1, 0, 500));
    if let Message::Register(about, _) = &mut lie {
        about.model = "ASA 5510".parse().expect("a name");
        about.platform = u32::MAX;
    }
    assert_eq!(ask(&mut server, &lie), Some(Ok(250)));
    if let Message::Register(about, claim) = &mut lie {
        about.model = "toaster".parse().expect("a name");
        claim.number = 2;
    }
    assert_eq!(ask(&mut server, &lie), Some(Err(Refusal::UnsupportedModel)));
}

#[test]
fn after_a_kill_the_server_knows_its_grants() {
    let mut first = server(vec![]);
    ask(&mut first, &register(claim(1, 1, 0, 300)));
    let saved = first.participants().cloned().collect();
    let mut second = server(saved);
    assert_eq!(second.usage().granted, 300);
    // A new term: it has to register, and has what it had.
    let refresh = Message::Claim(claim(1, 2, 300, 300));
    assert_eq!(ask(&mut second, &refresh), Some(Err(Refusal::UnknownClient)));
    assert_eq!(ask(&mut second, &register(claim(1, 3, 300, 300))), Some(Ok(300)));
}

/// A participant that wants 100, its server, and what it has sent.
fn participant() -> (Participant, Serial, Claim) {
    let mut participant = Participant::new(ZERO, config(2));
    participant.set_demand(ZERO, 100);
    participant.handle_link(ZERO, serial_of(0), Link::Up);
    participant.handle_link(ZERO, serial_of(1), Link::Up);
    let sent = last_claim(&mut participant).expect("it registers");
    (participant, serial_of(0), sent)
}

fn last_claim(participant: &mut Participant) -> Option<Claim> {
    let mut last = None;
    while let Some(output) = participant.poll() {
        if let Output::Send {
            message: Message::Register(_, claim) | Message::Claim(claim), ..
        } = output
        {
            last = Some(claim);
        }
    }
    last
}

fn welcome(incarnation: u64, number: u64, granted: u32) -> Message {
    let refresh = Duration::from_secs(30);
    let grant = Grant { server: 1, incarnation, number, granted, refresh };
    Message::Welcome { role: Role::Main, backup: None, backup_address: None, grant }
}

#[test]
fn an_answer_counts_from_the_right_server_to_the_right_claim_of_the_right_life() {
    let (mut participant, server, sent) = participant();
    assert_eq!((sent.incarnation, sent.number), (7, 1));
    let wrong = [
        (server, welcome(6, 1, 100)),
        (server, welcome(8, 1, 100)),
        (server, welcome(7, 0, 100)),
        (server, welcome(7, 2, 100)),
        (serial_of(1), welcome(7, 1, 100)),
    ];
    for (from, answer) in wrong {
        participant.handle_message(ZERO, from, &answer);
        assert_eq!(participant.held(), 0, "{answer:?}");
    }
    participant.handle_message(ZERO, server, &welcome(7, 1, 100));
    assert_eq!(participant.held(), 100);
    participant.handle_message(ZERO, server, &welcome(7, 1, 50));
    assert_eq!(participant.held(), 100);
}

#[test]
fn an_answer_to_a_claim_that_was_taken_back_is_not_used() {
    let (mut participant, server, _) = participant();
    participant.handle_message(ZERO, server, &welcome(7, 1, 0));
    participant.set_demand(ZERO, 200);
    let get = last_claim(&mut participant).expect("more is needed");
    participant.set_demand(ZERO, 60);
    let less = last_claim(&mut participant).expect("less is needed");
    assert!(less.number > get.number && less.wanted < get.wanted);
    participant.handle_message(ZERO, server, &welcome(7, get.number, 200));
    assert_eq!(participant.held(), 0);
}

#[test]
fn a_participant_uses_no_more_than_its_platform_has_whatever_it_is_told() {
    let (mut participant, server, sent) = participant();
    participant.handle_message(ZERO, server, &welcome(7, sent.number, u32::MAX));
    assert_eq!(participant.held(), 100);
    participant.set_demand(ZERO, 10_000);
    let sent = last_claim(&mut participant).expect("more is needed");
    assert_eq!(sent.wanted, 748); // two are its own
}

#[test]
fn a_participant_gives_up_before_it_tells() {
    let (mut participant, server, sent) = participant();
    participant.handle_message(ZERO, server, &welcome(7, sent.number, 100));
    while participant.poll().is_some() {}
    participant.set_demand(ZERO, 0);
    assert_eq!(participant.poll(), Some(Output::Publish { sessions: 0 }));
    let Some(Output::Send { message: Message::Claim(claim), .. }) = participant.poll() else {
        panic!("it tells then");
    };
    assert_eq!((claim.purpose, claim.held, claim.wanted), (Purpose::Release, 0, 0));
}

#[test]
fn the_hold_counts_from_when_the_claim_was_sent() {
    let (mut participant, server, sent) = participant();
    let late = Duration::from_secs(1);
    participant.handle_message(late, server, &welcome(7, sent.number, 100));
    participant.handle_link(late, server, Link::Down);
    participant.handle_link(late, serial_of(1), Link::Down);
    participant.handle_timeout(tollgate::pool::HOLD);
    assert_eq!(participant.held(), 0);
}

/// A sync that says nothing but that the server is up, and the last report sent after it.
fn hear(backup: &mut Backup, now: Duration) -> Option<Report> {
    let sync = Update {
        server: 1,
        serving: true,
        base: 0,
        version: 0,
        complete: true,
        size: 500,
        refresh: Duration::from_secs(30),
        overlap: None,
        records: Batch::default(),
    };
    backup.handle_message(now, serial_of(0), &Message::Sync(sync));
    let mut last = None;
    while let Some(output) = backup.poll() {
        if let Output::Send { message: Message::Report(report), .. } = output {
            last = Some(report);
        }
    }
    last
}

/// Serves in the server's place for a while, as for the `number`th time; what it reports then.
fn serve_and_report(backup: &mut Backup, number: u32) -> Report {
    let pause = Duration::from_secs(5);
    let silent = (number - 1) * (TAKEOVER + 2 * pause) + TAKEOVER;
    backup.handle_timeout(silent);
    assert!(backup.is_serving());
    let wanted = register(claim(1, number.into(), 0, 50 * number));
    backup.handle_message(silent + pause, serial_of(2), &wanted);
    hear(backup, silent + 2 * pause).expect("it has granted sessions")
}

#[test]
fn a_late_answer_to_a_report_is_none_to_the_next_report() {
    let mut backup = Backup::start(ZERO, config(1), None, []);
    assert_eq!(hear(&mut backup, ZERO), None);
    let first = serve_and_report(&mut backup, 1);
    let second = serve_and_report(&mut backup, 2);
    let granted = |it: &Report| it.records.records().iter().map(|it| it.granted).sum::<u32>();
    assert_eq!((granted(&first), granted(&second)), (50, 100));
    let mut is_due_after = |it: &Report, backup_life: u64| {
        let answer = Message::ReportAnswer { backup: backup_life, number: it.number };
        backup.handle_message(Duration::from_secs(90), serial_of(0), &answer);
        backup.state().report_due
    };
    assert!(is_due_after(&first, first.backup), "the server does not know of the second");
    assert!(is_due_after(&second, second.backup - 1), "an earlier life had such a number too");
    assert!(!is_due_after(&second, second.backup));
}
