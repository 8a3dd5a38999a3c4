//! Where and for what is measured: the processors and the model.

use super::crew::Cores;
use crate::catalogue::{self, Entry};
use crate::license::{Limit, RunningLicense, Unit};

/// The processors that threads run on, and the model whose gate is measured.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where threads are pinned.
    pub cores: Cores,
    /// Whose licence the gate runs.
    pub entry: &'static Entry,
}

impl Site {
    /// All processors, and the model of the 9.1 guide that allows the most connections.
    pub fn largest() -> Self {
        let entry = catalogue::find("ASA 5585-X with SSP-60", None, None);
        Self::of(entry.expect("a model of the guide"))
    }

    /// All processors, and this model.
    pub fn of(entry: &'static Entry) -> Self {
        Self { cores: Cores::all(), entry }
    }

    /// How many connections the model allows.
    pub fn connections(&self) -> u64 {
        let license = RunningLicense::of(&Unit::new(self.entry));
        let units = license.limit(Limit::FirewallConns).allowance().units();
        units.map_or(u64::from(u32::MAX), u64::from)
    }
}
