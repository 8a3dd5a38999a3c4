//! The vendor's side: what was bought for one serial number.

use std::time::Duration;

use super::codec::ISSUES;
use super::{Grant, GrantError, IssueError, ParsedKey, UnitSecret};
use crate::catalogue::{Feature, Value};
use crate::license::Export;

/// One purchase: licences and the export grade of those for UC and IME.
#[derive(Clone, Debug, Default)]
pub struct Purchase {
    /// What was bought.
    pub licences: Vec<(Feature, Value)>,
    /// The export grade, where the part number says it.
    pub export: Option<Export>,
}

/// What the authority keeps for one serial number: the permanent licences registered so far and
/// the next issue number.
///
/// Several purchases of permanent licences register into one key, and the key of the last one
/// includes them all (A35, A36). Every time-based purchase has a key of its own (A37).
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue::{Feature, Value};
/// use tollgate::license::key::{Authority, Purchase, Register};
///
/// let unit = Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse()?);
/// let mut register = Register::default();
/// let buy = |feature, value| Purchase { licences: vec![(feature, value)], export: None };
/// register.permanent(&unit, &buy(Feature::GtpGprs, Value::Enabled))?;
/// let key = register.permanent(&unit, &buy(Feature::AnyconnectPremium, Value::Count(500)))?;
/// assert_eq!(unit.verify(key)?.grant().licences().len(), 2);
///
/// // A second purchase of the same licence is another key.
/// let week = Duration::from_secs(604_800);
/// let botnet = buy(Feature::BotnetTrafficFilter, Value::Enabled);
/// let first = register.time_based(&unit, &botnet, week)?;
/// assert_ne!(register.time_based(&unit, &botnet, week)?, first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Register {
    permanent: Grant,
    next_issue: u16,
}

impl Default for Register {
    fn default() -> Self {
        Self { permanent: Grant::permanent(), next_issue: 0 }
    }
}

impl Register {
    /// The register as it was stored.
    pub const fn restore(permanent: Grant, next_issue: u16) -> Self {
        Self { permanent, next_issue }
    }

    /// Every permanent licence that is registered.
    pub const fn registered(&self) -> &Grant {
        &self.permanent
    }

    /// The number of the next key.
    pub const fn next_issue(&self) -> u16 {
        self.next_issue
    }

    /// Registers a permanent purchase and issues the key for everything registered (A36).
    ///
    /// # Errors
    ///
    /// When something cannot be bought, or the issue numbers are used up; nothing is registered.
    pub fn permanent(
        &mut self,
        unit: &UnitSecret,
        purchase: &Purchase,
    ) -> Result<ParsedKey, IssueError> {
        let mut all = self.permanent.clone();
        all.merge(&granted(Grant::permanent(), purchase)?);
        self.register(unit, all)
    }

    /// Registers these permanent licences in place of all that were, and issues the key for them:
    /// what a unit with this key overwrites is gone (A14).
    ///
    /// # Errors
    ///
    /// As [`Register::permanent`].
    pub fn replace_permanent(
        &mut self,
        unit: &UnitSecret,
        purchase: &Purchase,
    ) -> Result<ParsedKey, IssueError> {
        let all = granted(Grant::permanent(), purchase)?;
        self.register(unit, all)
    }

    fn register(&mut self, unit: &UnitSecret, all: Grant) -> Result<ParsedKey, IssueError> {
        let key = self.issue(unit, &all)?;
        self.permanent = all;
        Ok(key)
    }

    /// Issues the key for everything registered so far once more: for a unit whose key was lost
    /// (A20), or for the one that replaces it after a hardware failure (A24).
    ///
    /// # Errors
    ///
    /// When the issue numbers are used up.
    pub fn reissue(&mut self, unit: &UnitSecret) -> Result<ParsedKey, IssueError> {
        let all = self.permanent.clone();
        self.issue(unit, &all)
    }

    /// Issues the key for a time-based purchase; several licences make an evaluation key.
    ///
    /// # Errors
    ///
    /// As [`Register::permanent`], when a key cannot say the duration, and when nothing is bought
    /// that not every unit has anyway.
    pub fn time_based(
        &mut self,
        unit: &UnitSecret,
        purchase: &Purchase,
        duration: Duration,
    ) -> Result<ParsedKey, IssueError> {
        let grant = granted(Grant::time_based(duration)?, purchase)?;
        if grant.licences().is_empty() {
            return Err(GrantError::Nothing.into());
        }
        self.issue(unit, &grant)
    }

    fn issue(&mut self, unit: &UnitSecret, grant: &Grant) -> Result<ParsedKey, IssueError> {
        let key = unit.issue(grant, self.next_issue)?;
        // At most `ISSUES`, which `UnitSecret::issue` refuses.
        self.next_issue = ISSUES.min(self.next_issue + 1);
        Ok(key)
    }
}

fn granted(mut grant: Grant, purchase: &Purchase) -> Result<Grant, GrantError> {
    for &(feature, value) in &purchase.licences {
        grant.add(feature, value)?;
    }
    Ok(grant.with_export(purchase.export))
}

#[cfg(test)]
mod tests {
    use super::super::Authority;
    use super::*;

    fn buy(feature: Feature, value: Value) -> Purchase {
        Purchase { licences: vec![(feature, value)], export: None }
    }

    fn unit() -> UnitSecret {
        Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse().unwrap())
    }

    /// A35, A36: three purchases, one after another, end in one key with all of them.
    #[test]
    fn a35_a36_permanent_purchases_register_into_one_key() {
        let (unit, mut register) = (unit(), Register::default());
        let keys: Vec<_> = [
            buy(Feature::AdvancedEndpointAssessment, Value::Enabled),
            buy(Feature::AnyconnectPremium, Value::Count(25)),
            buy(Feature::GtpGprs, Value::Enabled),
        ]
        .iter()
        .map(|purchase| register.permanent(&unit, purchase).unwrap())
        .collect();
        let granted = |key| unit.verify(key).unwrap().grant().to_string();
        assert_eq!(granted(keys[0]), "advanced-endpoint-assessment=enabled");
        assert_eq!(
            granted(keys[2]),
            "gtp-gprs=enabled advanced-endpoint-assessment=enabled anyconnect-premium=25"
        );
    }

    /// A38, A39: 25 and then 50 are 50; an upgrade from 25 to 75 is 75.
    #[test]
    fn a38_a39_two_purchases_of_one_licence_do_not_add() {
        let (unit, mut register) = (unit(), Register::default());
        for (bought, held) in [(25, 25), (50, 50), (25, 50), (75, 75)] {
            let purchase = buy(Feature::AnyconnectPremium, Value::Count(bought));
            register.permanent(&unit, &purchase).unwrap();
            let premium = register.registered().licences()[&Feature::AnyconnectPremium];
            assert_eq!(premium, Value::Count(held));
        }
    }

    /// A37: each time-based purchase has its own key, and none is in the permanent one.
    #[test]
    fn a37_time_based_purchases_have_their_own_keys() {
        let (unit, mut register) = (unit(), Register::default());
        let week = Duration::from_secs(7 * 86_400);
        let botnet = buy(Feature::BotnetTrafficFilter, Value::Enabled);
        let premium = buy(Feature::AnyconnectPremium, Value::Count(1000));
        let keys = [&botnet, &botnet, &premium]
            .map(|purchase| register.time_based(&unit, purchase, week).unwrap());
        let issues = keys.map(|key| unit.verify(key).unwrap().issue());
        assert_eq!(issues, [0, 1, 2]);
        assert_eq!(register.registered(), &Grant::permanent());
    }

    /// A24, A46: after a hardware failure the key is issued for the new serial number; the one for
    /// the old is worth nothing there.
    #[test]
    fn a24_a46_a_licence_moves_by_a_new_key_alone() {
        let (failed, mut register) = (unit(), Register::default());
        let bought = buy(Feature::AnyconnectVpnOnly, Value::Enabled);
        let old = register.permanent(&failed, &bought).unwrap();
        let replacement = Authority::from_secret([7; 32]).unit(&"JMX0912K04K".parse().unwrap());
        assert!(replacement.verify(old).is_err());
        let new = register.reissue(&replacement).unwrap();
        assert_eq!(replacement.verify(new).unwrap().grant(), register.registered());
        assert!(failed.verify(new).is_err());
    }

    #[test]
    fn a_refused_purchase_changes_nothing() {
        let (unit, mut register) = (unit(), Register::default());
        register.permanent(&unit, &buy(Feature::GtpGprs, Value::Enabled)).unwrap();
        let before = register.clone();
        let half = Purchase {
            licences: vec![
                (Feature::AnyconnectPremium, Value::Count(25)),
                (Feature::BotnetTrafficFilter, Value::Enabled),
            ],
            export: None,
        };
        let told = register.permanent(&unit, &half).unwrap_err().to_string();
        assert_eq!(
            told,
            "there is no permanent `botnet-traffic-filter` licence; issue a time-based key for it"
        );
        assert_eq!(register, before);
        let mut last = Register::restore(Grant::permanent(), ISSUES);
        assert!(last.permanent(&unit, &buy(Feature::GtpGprs, Value::Enabled)).is_err());
        assert_eq!(last, Register::restore(Grant::permanent(), ISSUES));
    }
}
