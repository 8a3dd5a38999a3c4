//! How long what is in force stays.

use std::time::Duration;

use super::{KeyRing, TimedLicence};
use crate::catalogue::{Feature, Tier, Value};
use crate::license::{Figure, RunningLicense, Unit};

impl KeyRing {
    /// How long `feature` stays as `license`, computed from this ring, has it; none is for ever.
    ///
    /// It changes when the licence ends that it comes from, be it one for another feature: Apex
    /// for Client peers, Security Plus for everything that its tier has. A licence that would
    /// follow is not looked at.
    pub fn remaining(&self, license: &RunningLicense, feature: Feature) -> Option<Duration> {
        self.behind(license, feature).map(TimedLicence::remaining)
    }

    /// The active time-based licence with whose end `feature` is no longer what it is now.
    pub(in crate::license) fn behind(
        &self,
        license: &RunningLicense,
        feature: Feature,
    ) -> Option<&TimedLicence> {
        let now = value(license, feature).filter(|now| !now.is_off())?;
        let mut active: Vec<_> = self.timed.iter().filter(|it| it.is_active()).collect();
        active.sort_by_key(|it| it.remaining());
        let after = |ended: &usize| {
            let keys = self.keys_with(active.iter().skip(*ended).copied());
            let unit = Unit::with_keys(self.entry, keys, license.configuration().clone());
            value(&RunningLicense::of(&unit), feature)
        };
        let ended = (1..=active.len()).find(|ended| after(ended) != Some(now))?;
        active.get(ended - 1).copied()
    }
}

/// The value of a feature, also of Security Plus, which is a row of no table.
pub(in crate::license) fn value(license: &RunningLicense, feature: Feature) -> Option<Value> {
    if feature == Feature::SecurityPlus {
        let raised = license.entry().tier == Tier::SecurityPlus;
        return Some(if raised { Value::Enabled } else { Value::Disabled });
    }
    license.feature(feature).map(Figure::value)
}
