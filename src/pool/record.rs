//! What an authority knows of one participant.

use super::codec::{DecodeError, Label, Reader, Writer};
use crate::license::key::Serial;

/// Whether a participant is being heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It never registered: only its [`Allotment`] is known.
    Absent,
    /// It registered and refreshes.
    Registered,
    /// It was silent for three refresh intervals, and its sessions went back to the pool (G30).
    Expired,
}

/// What is set for one participant beyond the guides: sessions kept for it, and the most it gets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Allotment {
    /// Sessions that no other participant is given.
    pub reserved: u32,
    /// The most sessions it is given; none: what its platform allows.
    pub cap: Option<u32>,
}

/// One participant on an authority's books: what is stored, synchronised and reported.
///
/// It has no times: whoever restores it counts its deadlines anew, from the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whose it is: the participant's ID.
    pub serial: Serial,
    /// The participant's life in which it was last heard.
    pub incarnation: u64,
    /// Its last claim that was taken.
    pub number: u64,
    /// The claim with which it registered. Participants register with the server that they turn to,
    /// so this tells which of two servers it turned to last, also where later claims are not
    /// stored.
    pub registered: u64,
    /// Whether it is being heard.
    pub standing: Standing,
    /// Shared sessions that are promised to it and missing from the pool.
    pub granted: u32,
    /// The most shared sessions it may be holding: `granted`, and what it was told before and has
    /// not been heard to give up.
    pub exposed: u32,
    /// The most shared sessions its platform has room for, besides its own licence (G24).
    pub room: u32,
    /// Shared sessions it reported in use.
    pub used: u32,
    /// The most it ever had granted.
    pub high: u32,
    /// What is set for it.
    pub allotment: Allotment,
    /// Its host name.
    pub hostname: Label,
}

impl Record {
    /// A participant that has not been heard yet.
    pub fn absent(serial: Serial) -> Self {
        Self {
            serial,
            incarnation: 0,
            number: 0,
            registered: 0,
            standing: Standing::Absent,
            granted: 0,
            exposed: 0,
            room: 0,
            used: 0,
            high: 0,
            allotment: Allotment::default(),
            hostname: Label::default(),
        }
    }

    /// Which of two records of one participant is the later: its own numbers tell.
    pub(super) const fn moment(&self) -> (u64, u64) {
        (self.incarnation, self.number)
    }

    /// What it may hold beyond what it was granted.
    pub const fn stranded(&self) -> u32 {
        self.exposed.saturating_sub(self.granted)
    }

    /// What is kept for it and not granted yet.
    pub(super) const fn kept(&self) -> u32 {
        self.allotment.reserved.saturating_sub(self.granted)
    }

    /// Whether nothing would be lost if it were forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.standing != Standing::Registered
            && self.exposed == 0
            && self.allotment == Allotment::default()
    }

    /// The bytes to be stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        writer.finish()
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let record = Self::read(&mut reader)?;
        reader.end().map(|()| record)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.serial(self.serial);
        to.u64(self.incarnation);
        to.u64(self.number);
        to.u64(self.registered);
        to.u8(self.standing as u8);
        for value in [self.granted, self.exposed, self.room, self.used, self.high] {
            to.u32(value);
        }
        to.u32(self.allotment.reserved);
        to.option(self.allotment.cap, Writer::u32);
        to.label(&self.hostname);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let record = Self {
            serial: from.serial("participant")?,
            incarnation: from.u64("incarnation")?,
            number: from.u64("number")?,
            registered: from.u64("registration")?,
            standing: match from.u8("standing")? {
                0 => Standing::Absent,
                1 => Standing::Registered,
                2 => Standing::Expired,
                _ => return Err(DecodeError::Value { field: "standing" }),
            },
            granted: from.u32("granted")?,
            exposed: from.u32("exposed")?,
            room: from.u32("room")?,
            used: from.u32("used")?,
            high: from.u32("high")?,
            allotment: Allotment {
                reserved: from.u32("reserved")?,
                cap: from.option("cap", Reader::u32)?,
            },
            hostname: from.label("hostname")?,
        };
        let exposed_covers = record.exposed >= record.granted;
        let silent_has_none = record.standing == Standing::Registered || record.granted == 0;
        if exposed_covers && silent_has_none {
            Ok(record)
        } else {
            Err(DecodeError::Value { field: "granted" })
        }
    }
}
