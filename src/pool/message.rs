//! The messages of shared licensing, and their bytes.
//!
//! A message is a version, a number that says which it is, and its fields in a fixed order, all
//! integers big-endian. There is one way to write each message and no other is read. Nothing is
//! allocated by what a length says: the bytes are there before they are read, and there are at most
//! [`MAX_MESSAGE`] of them.
//!
//! Every message states how things *are* (what is held, what is wanted, what is granted in all),
//! never by how much they change, so that one that comes twice says nothing new.

use std::time::Duration;

use super::codec::{DecodeError, Label, Reader, Writer};
use super::record::Record;
use super::{MAX_MESSAGE, VERSION};
use crate::license::key::Serial;

/// What a participant holds and wants, as of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The participant's life: larger after every restart.
    pub incarnation: u64,
    /// The request's number in this life: larger with every claim that says something else.
    pub number: u64,
    /// What the claim is for. It changes nothing but what is counted.
    pub purpose: Purpose,
    /// Shared sessions that are held.
    pub held: u32,
    /// Shared sessions that are wanted in all.
    pub wanted: u32,
    /// Shared sessions that are in use.
    pub used: u32,
}

/// What a claim is for, as `show shared license` counts it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Purpose {
    /// To be heard (G30).
    Refresh,
    /// To have more (G21).
    Get,
    /// To give back (G29).
    Release,
}

/// What a participant tells of itself when it registers (G17).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About {
    /// Its model, by the catalogue's name.
    pub model: Label,
    /// Its host name.
    pub hostname: Label,
    /// Sessions of its local licence.
    pub local: u32,
    /// The most sessions of its platform (G24).
    pub platform: u32,
}

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The licensing server.
    Main,
    /// The backup server, in its place.
    Backup,
}

/// What a participant has from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The server's life: larger after every restart.
    pub server: u64,
    /// The life of the participant whose claim this answers.
    pub incarnation: u64,
    /// The claim that this answers.
    pub number: u64,
    /// Shared sessions that are granted in all.
    pub granted: u32,
    /// How often to refresh, in whole seconds (G19).
    pub refresh: Duration,
}

/// Why a server answers a claim with nothing at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not know the participant, or has expired it: register (G34).
    UnknownClient,
    /// It is not serving: the backup while the server is up, the server while it returns (G57).
    NotActive,
    /// The backup has served as long as it may (G55).
    BackupSpent,
    /// The model takes no part in shared licensing (G40, G41).
    UnsupportedModel,
    /// As many participants as the server is set to know.
    TooManyParticipants,
    /// The server names another unit as its backup (G4).
    NotTheBackup,
    /// A later life of the unit was heard: its clock or its file went back. It goes on behind it.
    EarlierLife {
        /// The latest life that was heard.
        latest: u64,
    },
}

/// The number of a refusal that says more.
const EARLIER_LIFE: u8 = 255;

impl Refusal {
    /// Those that say no more than which they are.
    const PLAIN: [Self; 6] = [
        Self::UnknownClient,
        Self::NotActive,
        Self::BackupSpent,
        Self::UnsupportedModel,
        Self::TooManyParticipants,
        Self::NotTheBackup,
    ];

    /// The reason, in the words of syslog 444100 where it has any.
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownClient => "client ID unknown by server",
            Self::NotActive => "server is not active",
            Self::BackupSpent => "backup server has no days left",
            Self::UnsupportedModel => "model does not support shared licenses",
            Self::TooManyParticipants => "as many participants as the server takes",
            Self::NotTheBackup => "another unit is the backup server",
            Self::EarlierLife { .. } => "client ID was heard in a later life",
        }
    }
}

/// Records that go in one message together.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Batch {
    records: Vec<Record>,
    bytes: usize,
}

/// What a message with a batch takes at most besides the records.
const BESIDES_RECORDS: usize = 96;

impl Batch {
    /// Adds a record where there is room for it.
    pub fn push(&mut self, record: &Record) -> bool {
        let bytes = self.bytes + record.encode().len();
        let fits = bytes + BESIDES_RECORDS <= MAX_MESSAGE;
        if fits {
            self.bytes = bytes;
            self.records.push(record.clone());
        }
        fits
    }

    /// The records, in the order in which they were added.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    fn write(&self, to: &mut Writer) {
        // A record takes more than 50 bytes, so a message has at most 20.
        to.u8(u8::try_from(self.records.len()).unwrap_or_default());
        self.records.iter().for_each(|record| record.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut batch = Self::default();
        for _ in 0..from.u8("records")? {
            if !batch.push(&Record::read(from)?) {
                return Err(DecodeError::Value { field: "records" });
            }
        }
        Ok(batch)
    }
}

/// What the server lets its backup know, every 10 seconds (G50, G51).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// The server's life. Versions are of one life.
    pub server: u64,
    /// Whether the server serves: if not, it waits for the backup's report.
    pub serving: bool,
    /// The version that the backup must have reached for these records to follow.
    pub base: u64,
    /// The version that it has reached with them.
    pub version: u64,
    /// Whether that is all there is.
    pub complete: bool,
    /// Sessions in the pool.
    pub size: u32,
    /// How often participants refresh, in whole seconds.
    pub refresh: Duration,
    /// The limit on stranded sessions that are given again; none: all are.
    pub overlap: Option<u32>,
    /// Records that changed.
    pub records: Batch,
}

/// What the backup answers to every [`Update`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyncAnswer {
    /// The backup's life.
    pub backup: u64,
    /// The server's life of which it has applied…
    pub server: u64,
    /// …this version.
    pub version: u64,
    /// Whether it has served and not reported yet.
    pub report_due: bool,
    /// How much longer it could serve, in whole seconds.
    pub remaining: Duration,
}

/// Records of a backup that served, for the server that returned (G57).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The server's life to which it reports.
    pub server: u64,
    /// The backup's own.
    pub backup: u64,
    /// How many parts of reports it has begun in this life, this one included: never used twice, so
    /// an answer that is late answers nothing else.
    pub number: u64,
    /// Whether it is the last part.
    pub last: bool,
    /// Records, by serial number.
    pub records: Batch,
}

/// A message between two units, which the transport has authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A participant introduces itself, and claims (G17, G34).
    Register(About, Claim),
    /// A participant refreshes, asks for more, or gives back (G21, G28, G29).
    Claim(Claim),
    /// The new active unit of a pair asks for what the other one had (G74).
    Transfer {
        /// The ID of the unit that was active.
        of: Serial,
        /// The new active unit's own claim.
        claim: Claim,
    },
    /// The answer to a registration.
    Welcome {
        /// Who answers.
        role: Role,
        /// The backup server, if there is one.
        backup: Option<Serial>,
        /// Where it is reached, by the server's configuration (G15).
        backup_address: Option<Label>,
        /// What the participant has.
        grant: Grant,
    },
    /// The answer to every other claim.
    Grant(Grant),
    /// The answer is no.
    Refused {
        /// The life of the participant whose claim this answers.
        incarnation: u64,
        /// The claim that this answers.
        number: u64,
        /// Why.
        reason: Refusal,
    },
    /// The server to its backup.
    Sync(Update),
    /// The backup to the server.
    SyncAnswer(SyncAnswer),
    /// The backup's report to the server.
    Report(Report),
    /// The server has this part of the report.
    ReportAnswer {
        /// The backup's life.
        backup: u64,
        /// The part's number.
        number: u64,
    },
}

impl Message {
    /// The bytes: at most [`MAX_MESSAGE`].
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(VERSION);
        to.u8(self.kind());
        match self {
            Self::Register(about, claim) => {
                write_claim(claim, &mut to);
                write_about(about, &mut to);
            }
            Self::Claim(claim) => write_claim(claim, &mut to),
            Self::Transfer { of, claim } => {
                write_claim(claim, &mut to);
                to.serial(*of);
            }
            Self::Welcome { role, backup, backup_address, grant } => {
                write_grant(grant, &mut to);
                to.flag(*role == Role::Backup);
                to.option(*backup, Writer::serial);
                to.option(backup_address.as_ref(), Writer::label);
            }
            Self::Grant(grant) => write_grant(grant, &mut to),
            Self::Refused { incarnation, number, reason } => {
                to.u64(*incarnation);
                to.u64(*number);
                let plain = Refusal::PLAIN.iter().zip(0..).find(|(it, _)| *it == reason);
                match (plain, reason) {
                    (Some((_, index)), _) => to.u8(index),
                    (None, Refusal::EarlierLife { latest }) => {
                        to.u8(EARLIER_LIFE);
                        to.u64(*latest);
                    }
                    (None, _) => {}
                }
            }
            Self::Sync(sync) => write_sync(sync, &mut to),
            Self::SyncAnswer(answer) => write_sync_answer(answer, &mut to),
            Self::Report(report) => {
                to.u64(report.server);
                to.u64(report.backup);
                to.u64(report.number);
                to.flag(report.last);
                report.records.write(&mut to);
            }
            Self::ReportAnswer { backup, number } => {
                to.u64(*backup);
                to.u64(*number);
            }
        }
        to.finish()
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Register(..) => 1,
            Self::Claim(_) => 2,
            Self::Transfer { .. } => 3,
            Self::Welcome { .. } => 4,
            Self::Grant(_) => 5,
            Self::Refused { .. } => 6,
            Self::Sync(_) => 7,
            Self::SyncAnswer(_) => 8,
            Self::Report(_) => 9,
            Self::ReportAnswer { .. } => 10,
        }
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// Where the bytes are not exactly those of a message of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(DecodeError::TooLong { len: bytes.len() });
        }
        let mut from = Reader::new(bytes);
        match from.u8("version")? {
            VERSION => {}
            other => return Err(DecodeError::Version(other)),
        }
        let message = Self::read(&mut from)?;
        from.end().map(|()| message)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match from.u8("number of the message")? {
            1 => {
                let claim = read_claim(from)?;
                Self::Register(read_about(from)?, claim)
            }
            2 => Self::Claim(read_claim(from)?),
            3 => Self::Transfer { claim: read_claim(from)?, of: from.serial("previous unit")? },
            4 => {
                let grant = read_grant(from)?;
                let role = if from.flag("role")? { Role::Backup } else { Role::Main };
                let backup = from.option("backup", Reader::serial)?;
                let backup_address = from.option("backup's address", Reader::label)?;
                Self::Welcome { role, backup, backup_address, grant }
            }
            5 => Self::Grant(read_grant(from)?),
            6 => Self::Refused {
                incarnation: from.u64("incarnation")?,
                number: from.u64("number")?,
                reason: {
                    let unknown = DecodeError::Value { field: "reason" };
                    match from.u8("reason")? {
                        EARLIER_LIFE => Refusal::EarlierLife { latest: from.u64("latest life")? },
                        index => *Refusal::PLAIN.get(usize::from(index)).ok_or(unknown)?,
                    }
                },
            },
            7 => Self::Sync(read_sync(from)?),
            8 => Self::SyncAnswer(SyncAnswer {
                backup: from.u64("backup's incarnation")?,
                server: from.u64("server's incarnation")?,
                version: from.u64("version")?,
                report_due: from.flag("report due")?,
                remaining: Duration::from_secs(from.u32("remaining")?.into()),
            }),
            9 => Self::Report(Report {
                server: from.u64("server's incarnation")?,
                backup: from.u64("backup's incarnation")?,
                number: from.u64("number")?,
                last: from.flag("last")?,
                records: Batch::read(from)?,
            }),
            10 => Self::ReportAnswer {
                backup: from.u64("backup's incarnation")?,
                number: from.u64("number")?,
            },
            other => return Err(DecodeError::Kind(other)),
        })
    }
}

/// Whole seconds in 16 bits; a refresh interval is at most 300.
fn seconds(duration: Duration) -> u16 {
    u16::try_from(duration.as_secs()).unwrap_or(u16::MAX)
}

fn read_seconds(from: &mut Reader<'_>) -> Result<Duration, DecodeError> {
    match from.u16("refresh interval")? {
        0 => Err(DecodeError::Value { field: "refresh interval" }),
        seconds => Ok(Duration::from_secs(seconds.into())),
    }
}

fn write_claim(claim: &Claim, to: &mut Writer) {
    to.u64(claim.incarnation);
    to.u64(claim.number);
    to.u8(claim.purpose as u8);
    to.u32(claim.held);
    to.u32(claim.wanted);
    to.u32(claim.used);
}

fn read_claim(from: &mut Reader<'_>) -> Result<Claim, DecodeError> {
    Ok(Claim {
        incarnation: from.u64("incarnation")?,
        number: from.u64("number")?,
        purpose: match from.u8("purpose")? {
            0 => Purpose::Refresh,
            1 => Purpose::Get,
            2 => Purpose::Release,
            _ => return Err(DecodeError::Value { field: "purpose" }),
        },
        held: from.u32("sessions held")?,
        wanted: from.u32("sessions wanted")?,
        used: from.u32("sessions in use")?,
    })
}

fn write_about(about: &About, to: &mut Writer) {
    to.label(&about.model);
    to.label(&about.hostname);
    to.u32(about.local);
    to.u32(about.platform);
}

fn read_about(from: &mut Reader<'_>) -> Result<About, DecodeError> {
    Ok(About {
        model: from.label("model")?,
        hostname: from.label("hostname")?,
        local: from.u32("local licence")?,
        platform: from.u32("platform limit")?,
    })
}

fn write_grant(grant: &Grant, to: &mut Writer) {
    to.u64(grant.server);
    to.u64(grant.incarnation);
    to.u64(grant.number);
    to.u32(grant.granted);
    to.u16(seconds(grant.refresh));
}

fn read_grant(from: &mut Reader<'_>) -> Result<Grant, DecodeError> {
    Ok(Grant {
        server: from.u64("server's incarnation")?,
        incarnation: from.u64("incarnation")?,
        number: from.u64("number")?,
        granted: from.u32("sessions granted")?,
        refresh: read_seconds(from)?,
    })
}

fn write_sync(sync: &Update, to: &mut Writer) {
    to.u64(sync.server);
    to.flag(sync.serving);
    to.u64(sync.base);
    to.u64(sync.version);
    to.flag(sync.complete);
    to.u32(sync.size);
    to.u16(seconds(sync.refresh));
    to.option(sync.overlap, Writer::u32);
    sync.records.write(to);
}

fn read_sync(from: &mut Reader<'_>) -> Result<Update, DecodeError> {
    Ok(Update {
        server: from.u64("server's incarnation")?,
        serving: from.flag("serving")?,
        base: from.u64("base")?,
        version: from.u64("version")?,
        complete: from.flag("complete")?,
        size: from.u32("sessions in the pool")?,
        refresh: read_seconds(from)?,
        overlap: from.option("overlap", Reader::u32)?,
        records: Batch::read(from)?,
    })
}

fn write_sync_answer(answer: &SyncAnswer, to: &mut Writer) {
    to.u64(answer.backup);
    to.u64(answer.server);
    to.u64(answer.version);
    to.flag(answer.report_due);
    to.u32(u32::try_from(answer.remaining.as_secs()).unwrap_or(u32::MAX));
}
