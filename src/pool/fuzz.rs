//! The bodies of the fuzz targets for shared licensing.

use std::time::Duration;

use super::{
    About, Allotment, Appetite, Backup, BackupId, Batch, Claim, Grant, Link, MAX_MESSAGE,
    Membership, Message, Output, Participant, ParticipantConfig, Purpose, Record, Refusal, Report,
    Role, Server, Settings, Standing, Start, SyncAnswer, Update,
};
use crate::catalogue::{self, Feature, Value};
use crate::license::key::Serial;
use crate::license::{RunningLicense, Unit};

/// Bytes as a message: what is read is written as the same bytes.
pub fn message(data: &[u8]) {
    match Message::decode(data) {
        Ok(message) => assert_eq!(message.encode(), data),
        Err(error) => assert!(error.to_string().len() < 100, "{error}"),
    }
    if let Ok(record) = Record::decode(data) {
        assert_eq!(record.encode(), data);
    }
}

/// Bytes as messages to all three machines, with time passing in between: none panics, none talks
/// without end, and the arithmetic of the server and the participant holds.
pub fn machines(data: &[u8]) {
    let Some(mut all) = Machines::new() else { return };
    let mut rest = data;
    for _ in 0..200 {
        let Some((input, left)) = Input::read(rest) else { return };
        rest = left;
        all.handle(&input);
        all.check();
    }
}

struct Input {
    message: Message,
    from: Serial,
    passed: Duration,
}

/// Takes numbers from the front of the data.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Mostly small, sometimes the largest there is.
    fn sessions(&mut self) -> Option<u32> {
        Some(match self.next()? {
            255 => u32::MAX,
            254 => u32::MAX / 2,
            number => u32::from(number) * 10,
        })
    }

    fn life(&mut self) -> Option<u64> {
        Some(match self.next()? {
            255 => u64::MAX,
            number => u64::from(number % 8),
        })
    }
}

impl Input {
    fn read(data: &[u8]) -> Option<(Self, &[u8])> {
        let mut numbers = Numbers(data);
        let from = serial(numbers.next()? % 5)?;
        let passed = match numbers.next()? {
            255 => Duration::MAX / 4,
            number => Duration::from_secs(u64::from(number) * u64::from(number)),
        };
        let message = a_message(&mut numbers)?;
        Some((Self { message, from, passed }, numbers.0))
    }
}

fn serial(number: u8) -> Option<Serial> {
    format!("FUZZ{number:07}").parse().ok()
}

fn claim(numbers: &mut Numbers<'_>) -> Option<Claim> {
    Some(Claim {
        incarnation: numbers.life()?,
        number: numbers.life()?,
        purpose: Purpose::Get,
        held: numbers.sessions()?,
        wanted: numbers.sessions()?,
        used: numbers.sessions()?,
    })
}

fn grant(numbers: &mut Numbers<'_>) -> Option<Grant> {
    Some(Grant {
        server: numbers.life()?,
        incarnation: numbers.life()?,
        number: numbers.life()?,
        granted: numbers.sessions()?,
        refresh: Duration::from_secs(u64::from(numbers.next()?) + 1),
    })
}

fn records(numbers: &mut Numbers<'_>) -> Option<Batch> {
    let mut batch = Batch::default();
    for _ in 0..numbers.next()? % 4 {
        let granted = numbers.sessions()?;
        let mut record = Record {
            incarnation: numbers.life()?,
            number: numbers.life()?,
            granted,
            exposed: granted.max(numbers.sessions()?),
            room: numbers.sessions()?,
            allotment: Allotment { reserved: numbers.sessions()?, cap: None },
            ..Record::absent(serial(numbers.next()? % 5)?)
        };
        if numbers.next()? % 2 == 0 {
            record.standing = Standing::Registered;
        } else {
            record.standing = Standing::Expired;
            record.granted = 0;
        }
        batch.push(&record);
    }
    Some(batch)
}

fn a_message(numbers: &mut Numbers<'_>) -> Option<Message> {
    Some(match numbers.next()? % 10 {
        0 => {
            let about = About {
                model: "ASA 5520".parse().ok()?,
                hostname: "fuzz".parse().ok()?,
                local: numbers.sessions()?,
                platform: numbers.sessions()?,
            };
            Message::Register(about, claim(numbers)?)
        }
        1 => Message::Claim(claim(numbers)?),
        2 => Message::Transfer { of: serial(numbers.next()? % 5)?, claim: claim(numbers)? },
        3 => Message::Welcome {
            role: Role::Backup,
            backup: None,
            backup_address: None,
            grant: grant(numbers)?,
        },
        4 => Message::Grant(grant(numbers)?),
        5 => Message::Refused {
            incarnation: numbers.life()?,
            number: numbers.life()?,
            reason: if numbers.next()? % 2 == 0 {
                Refusal::UnknownClient
            } else {
                Refusal::NotActive
            },
        },
        6 => Message::Sync(Update {
            server: numbers.life()?,
            serving: true,
            base: numbers.life()?,
            version: numbers.life()?,
            complete: numbers.next()? % 2 == 0,
            size: numbers.sessions()?,
            refresh: Duration::from_secs(u64::from(numbers.next()?) + 1),
            overlap: if numbers.next()? % 2 == 0 { None } else { Some(0) },
            records: records(numbers)?,
        }),
        7 => Message::SyncAnswer(SyncAnswer {
            backup: numbers.life()?,
            server: numbers.life()?,
            version: numbers.life()?,
            report_due: numbers.next()? % 2 == 0,
            remaining: Duration::from_secs(numbers.sessions()?.into()),
        }),
        8 => Message::Report(Report {
            server: numbers.life()?,
            backup: numbers.life()?,
            number: numbers.life()?,
            last: numbers.next()? % 2 == 0,
            records: records(numbers)?,
        }),
        _ => Message::ReportAnswer { backup: numbers.life()?, number: numbers.life()? },
    })
}

struct Machines {
    now: Duration,
    server: Server,
    backup: Backup,
    participant: Participant,
}

impl Machines {
    fn new() -> Option<Self> {
        let now = Duration::ZERO;
        let mut unit = Unit::new(catalogue::find("ASA 5520", None, None).ok()?);
        unit.add(Feature::SharedServer, Value::Count(500)).ok()?;
        unit.add(Feature::SharedParticipant, Value::Enabled).ok()?;
        let license = RunningLicense::of(&unit);
        let config = |number, membership| {
            let serial = serial(number)?;
            let appetite = Appetite::default();
            let hostname = super::Label::default();
            Some(ParticipantConfig { serial, incarnation: 3, hostname, membership, appetite })
        };
        let member = Membership::participant(&license).ok()?;
        let own = config(0, Membership::server(&unit, &license).ok()?)?;
        let mut settings = Settings::new(500).ok()?;
        settings.backup = Some(BackupId { primary: serial(1)?, standby: None });
        settings.most_participants = 4;
        let mut all = Self {
            now,
            server: Server::start(now, Start::Return, own, settings, []).ok()?,
            backup: Backup::start(now, config(1, member)?, None, []),
            participant: Participant::new(now, config(2, member)?),
        };
        all.participant.handle_link(now, serial(0)?, Link::Up);
        all.participant.set_demand(now, 120);
        all.backup.handle_link(now, serial(0)?, Link::Up);
        Some(all)
    }

    fn handle(&mut self, Input { message, from, passed }: &Input) {
        self.now = self.now.saturating_add(*passed).min(Duration::MAX / 4);
        self.server.handle_timeout(self.now);
        self.backup.handle_timeout(self.now);
        self.participant.handle_timeout(self.now);
        self.server.handle_message(self.now, *from, message);
        self.backup.handle_message(self.now, *from, message);
        self.participant.handle_message(self.now, *from, message);
        self.drain();
    }

    /// One input has a handful of outputs, and every message fits.
    fn drain(&mut self) {
        let drained = [
            drain(|| self.server.poll()),
            drain(|| self.backup.poll()),
            drain(|| self.participant.poll()),
        ];
        assert!(drained.iter().all(|outputs| *outputs < 60), "{drained:?}");
    }

    fn check(&self) {
        let usage = self.server.usage();
        let sum: u64 = self.server.participants().map(|it| u64::from(it.granted)).sum();
        assert_eq!(usage.granted, sum);
        assert!(usage.granted <= u64::from(usage.size), "{usage:?}");
        assert!(self.server.participants().count() <= 4);
        assert!(self.participant.held() <= self.participant.room());
    }
}

fn drain(mut poll: impl FnMut() -> Option<Output>) -> u32 {
    let mut outputs = 0;
    while let Some(output) = poll() {
        outputs += 1;
        if let Output::Send { message, .. } = output {
            let bytes = message.encode();
            assert!(bytes.len() <= MAX_MESSAGE, "{} bytes", bytes.len());
            assert_eq!(Message::decode(&bytes).as_ref(), Ok(&message));
        }
        assert!(outputs < 1_000, "it does not end");
    }
    outputs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn noise_is_read_as_it_is_written(data in prop::collection::vec(any::<u8>(), 0..200)) {
            message(&data);
        }

        #[test]
        fn what_looks_like_a_message_is_read_as_it_is_written(
            kind in 1_u8..12, fields in prop::collection::vec(0_u8..3, 0..120),
        ) {
            message(&[&[super::super::VERSION, kind], &fields[..]].concat());
        }

        #[test]
        fn machines_take_anything(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
            machines(&data);
        }
    }
}
