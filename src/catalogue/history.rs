//! When licences came and limits grew, release by release.
//!
//! Source: 9.1 guide, Table 5-20; PAK guide, “History for PAK Licenses”; group K of the rules and
//! H10. Where the two histories contradict a model's table, the table is right and the change says
//! so. What came after the tables is left out: 16 units in a cluster of 5585-X (9.2(1); F23).

use std::fmt;
use std::str::FromStr;

use super::Feature::{
    AnyconnectPremium, FirewallConns, OtherVpn, SecurityContexts, VlanTrunks, Vlans,
};
use super::Model::{
    Asa5505, Asa5510, Asa5520, Asa5540, Asa5550, Asa5580_20, Asa5580_40, Asa5585XSsp10,
    Asa5585XSsp20, Asa5585XSsp40, Asa5585XSsp60,
};
use super::{Entry, Feature, Model, Tier};

/// A release of the software: `8.2`, or `8.2(1)` with its maintenance release.
///
/// ```
/// use tollgate::catalogue::{Feature, Release};
/// let release: Release = "8.2".parse()?;
/// assert!(release.has(Feature::BotnetTrafficFilter));
/// assert!(!release.has(Feature::IntercompanyMediaEngine));
/// # Ok::<(), tollgate::catalogue::ReleaseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Release {
    major: u8,
    minor: u8,
    /// The last one of all where none is named.
    maintenance: u8,
}

impl Release {
    /// A maintenance release.
    pub const fn new(major: u8, minor: u8, maintenance: u8) -> Self {
        Self { major, minor, maintenance }
    }

    /// The release with all its maintenance releases: 8.2 is 8.2(1) and later, before 8.3.
    pub const fn train(major: u8, minor: u8) -> Self {
        Self { major, minor, maintenance: u8::MAX }
    }

    /// Whether this release has the licences for `feature`.
    pub fn has(self, feature: Feature) -> bool {
        let absent = feature == Feature::UcProxySessions && (self.major, self.minor) == (8, 1);
        introduced(feature).is_none_or(|since| since <= self) && !absent
    }

    /// Whether this release takes time-based licences: since 8.0(4), and 8.1(2) (B42).
    pub fn takes_time_based(self) -> bool {
        let in_8_1 = self.is_up_to(8, 1) && !self.is_up_to(8, 0);
        self >= if in_8_1 { Self::new(8, 1, 2) } else { Self::new(8, 0, 4) }
    }

    /// Whether several time-based licences can be active at once, and identical ones stack: since
    /// 8.3(1) (B42, B43).
    pub fn takes_several_time_based(self) -> bool {
        self >= Self::new(8, 3, 1)
    }

    /// Whether this is release `major.minor` or earlier.
    pub fn is_up_to(self, major: u8, minor: u8) -> bool {
        self <= Self::train(major, minor)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, maintenance } = *self;
        match maintenance {
            u8::MAX => write!(f, "{major}.{minor}"),
            _ => write!(f, "{major}.{minor}({maintenance})"),
        }
    }
}

/// Text that is no release.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is no release; one is written like `8.2` or `8.2(1)`")]
pub struct ReleaseError {
    /// The beginning of what was given.
    pub text: String,
}

impl FromStr for Release {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let error = || ReleaseError { text: text.chars().take(16).collect() };
        let number = |text: &str| -> Result<u8, ReleaseError> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|number| digits && *number < u8::MAX);
            number.ok_or_else(error)
        };
        let (major, rest) = text.trim().split_once('.').ok_or_else(error)?;
        match rest.split_once('(') {
            None => Ok(Self::train(number(major)?, number(rest)?)),
            Some((minor, rest)) => {
                let maintenance = rest.strip_suffix(')').ok_or_else(error)?;
                Ok(Self::new(number(major)?, number(minor)?, number(maintenance)?))
            }
        }
    }
}

/// The release in which licences for `feature` were introduced (H10); none where the histories do
/// not say, because it is older than they are or missing from them.
pub const fn introduced(feature: Feature) -> Option<Release> {
    Some(match feature {
        Feature::AnyconnectPremium => Release::new(7, 1, 1),
        Feature::AdvancedEndpointAssessment => Release::new(8, 0, 2),
        Feature::AnyconnectMobile => Release::new(8, 0, 3),
        Feature::UcProxySessions => Release::new(8, 0, 4),
        Feature::BotnetTrafficFilter
        | Feature::AnyconnectEssentials
        | Feature::SharedServer
        | Feature::SharedParticipant => Release::new(8, 2, 1),
        // On the SSP-20; 8.2(4) on the SSP-10. It is no licence of its own in a key.
        Feature::TenGeIo => Release::new(8, 2, 3),
        Feature::IntercompanyMediaEngine => Release::new(8, 3, 1),
        Feature::IpsModule => Release::new(8, 6, 1),
        Feature::Clustering => Release::new(9, 0, 1),
        _ => return None,
    })
}

/// A limit of a model that a release raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The release.
    pub release: Release,
    /// The model.
    pub model: Model,
    /// The tier, where it is one tier's.
    pub tier: Option<Tier>,
    /// The feature: its included value, or the largest that can be licensed.
    pub feature: Feature,
    /// The limit before.
    pub from: u32,
    /// The limit since.
    pub to: u32,
}

/// Every limit of a model that a release raised, in the order of the releases.
pub fn changes(entry: &Entry) -> impl Iterator<Item = &'static Change> {
    let (model, tier) = (entry.model, entry.tier);
    CHANGES.iter().filter(move |it| it.model == model && it.tier.is_none_or(|it| it == tier))
}

/// A limit of a model that was smaller in some release than its table has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SmallerLimit {
    /// The feature: its included value, or the largest that can be licensed.
    pub feature: Feature,
    /// The limit in that release.
    pub then: u32,
    /// The limit by the model's table.
    pub now: u32,
}

/// The limits that were smaller in `release` than the tables have them, each once.
pub fn smaller_limits(entry: &Entry, release: Release) -> Vec<SmallerLimit> {
    let mut limits = Vec::<SmallerLimit>::new();
    for Change { feature, from, to, .. } in changes(entry).filter(|it| it.release > release) {
        // The first change after the release says what the limit was in it.
        if limits.iter().all(|it| it.feature != *feature) {
            let now = entry.largest(*feature).unwrap_or(*to);
            limits.push(SmallerLimit { feature: *feature, then: *from, now });
        }
    }
    limits
}

const fn change(release: Release, model: Model, feature: Feature, from: u32, to: u32) -> Change {
    Change { release, model, tier: None, feature, from, to }
}

impl Change {
    const fn base(self) -> Self {
        Self { tier: Some(Tier::Base), ..self }
    }

    const fn security_plus(self) -> Self {
        Self { tier: Some(Tier::SecurityPlus), ..self }
    }
}

const R705: Release = Release::new(7, 0, 5);
const R722: Release = Release::new(7, 2, 2);
const R812: Release = Release::new(8, 1, 2);
const R841: Release = Release::new(8, 4, 1);

static CHANGES: [Change; 39] = [
    // Both histories print “from 32000 to 5000”; the table has 50,000.
    change(R705, Asa5510, FirewallConns, 32_000, 50_000).base(),
    change(R705, Asa5510, Vlans, 0, 10).base(),
    change(R705, Asa5510, FirewallConns, 64_000, 130_000).security_plus(),
    change(R705, Asa5510, Vlans, 10, 25).security_plus(),
    change(R705, Asa5520, FirewallConns, 130_000, 280_000),
    change(R705, Asa5520, Vlans, 25, 100),
    change(R705, Asa5540, FirewallConns, 280_000, 400_000),
    change(R705, Asa5540, Vlans, 100, 200),
    change(R722, Asa5505, Vlans, 5, 20).security_plus(),
    change(R722, Asa5505, VlanTrunks, 1, 8).security_plus(),
    change(R722, Asa5510, Vlans, 10, 50).base(),
    change(R722, Asa5510, Vlans, 25, 100).security_plus(),
    change(R722, Asa5520, Vlans, 100, 150),
    // The table has 400, and no release is named for it.
    change(R722, Asa5550, Vlans, 200, 250),
    change(R812, Asa5580_20, Vlans, 100, 250),
    change(R812, Asa5580_40, Vlans, 100, 250),
    change(R841, Asa5550, SecurityContexts, 50, 100),
    change(R841, Asa5585XSsp10, SecurityContexts, 50, 100),
    change(R841, Asa5580_20, SecurityContexts, 50, 250),
    change(R841, Asa5580_40, SecurityContexts, 50, 250),
    change(R841, Asa5585XSsp20, SecurityContexts, 50, 250),
    change(R841, Asa5585XSsp40, SecurityContexts, 50, 250),
    change(R841, Asa5585XSsp60, SecurityContexts, 50, 250),
    change(R841, Asa5580_20, Vlans, 250, 1024),
    change(R841, Asa5580_40, Vlans, 250, 1024),
    change(R841, Asa5585XSsp10, Vlans, 250, 1024),
    change(R841, Asa5585XSsp20, Vlans, 250, 1024),
    change(R841, Asa5585XSsp40, Vlans, 250, 1024),
    change(R841, Asa5585XSsp60, Vlans, 250, 1024),
    change(R841, Asa5580_20, FirewallConns, 1_000_000, 2_000_000),
    change(R841, Asa5580_40, FirewallConns, 2_000_000, 4_000_000),
    change(R841, Asa5585XSsp10, FirewallConns, 750_000, 1_000_000),
    change(R841, Asa5585XSsp20, FirewallConns, 1_000_000, 2_000_000),
    change(R841, Asa5585XSsp40, FirewallConns, 2_000_000, 4_000_000),
    change(R841, Asa5585XSsp60, FirewallConns, 2_000_000, 10_000_000),
    change(R841, Asa5580_20, AnyconnectPremium, 5000, 10_000),
    change(R841, Asa5580_40, AnyconnectPremium, 5000, 10_000),
    change(R841, Asa5580_20, OtherVpn, 5000, 10_000),
    change(R841, Asa5580_40, OtherVpn, 5000, 10_000),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::{entries, parse_entry};

    fn release(text: &str) -> Release {
        text.parse().unwrap()
    }

    #[test]
    fn b42_b43_time_based_licences() {
        for (text, takes, several) in [
            ("8.0(3)", false, false),
            ("8.0(4)", true, false),
            ("8.0", true, false),
            ("8.1(1)", false, false),
            ("8.1(2)", true, false),
            ("8.2", true, false),
            ("8.3(1)", true, true),
            ("9.1", true, true),
        ] {
            let release = release(text);
            assert_eq!(release.takes_time_based(), takes, "{text}");
            assert_eq!(release.takes_several_time_based(), several, "{text}");
        }
    }

    #[test]
    fn h10_k8_when_features_came() {
        for (feature, before, since) in [
            (Feature::AnyconnectPremium, "7.0", "7.1(1)"),
            (Feature::AdvancedEndpointAssessment, "8.0(1)", "8.0(2)"),
            (Feature::AnyconnectMobile, "8.0(2)", "8.0(3)"),
            (Feature::UcProxySessions, "8.0(3)", "8.0(4)"),
            (Feature::BotnetTrafficFilter, "8.1", "8.2"),
            (Feature::AnyconnectEssentials, "8.1", "8.2(1)"),
            (Feature::SharedServer, "8.1", "8.2(1)"),
            (Feature::IntercompanyMediaEngine, "8.2", "8.3(1)"),
            (Feature::IpsModule, "8.5", "8.6"),
            (Feature::Clustering, "8.6", "9.0"),
        ] {
            assert!(!release(before).has(feature), "{feature} in {before}");
            assert!(release(since).has(feature), "{feature} in {since}");
        }
        assert!(!release("8.1").has(Feature::UcProxySessions));
        assert!(release("8.2").has(Feature::UcProxySessions));
    }

    /// K1, K2, K5, K6: the last change is what the table has now, but for the contradictions that
    /// are known.
    #[test]
    fn k1_k2_k5_k6_the_last_change_is_in_the_table() {
        let contradictions = [("ASA 5550", Vlans, 250, 400)];
        let mut checked = 0;
        for entry in entries() {
            for row in entry.rows {
                let Some(last) = changes(entry).filter(|it| it.feature == row.feature).last()
                else {
                    continue;
                };
                let now = entry.largest(row.feature).unwrap_or(0);
                let known = (entry.model.name(), row.feature, last.to, now);
                assert!(last.to == now || contradictions.contains(&known), "{known:?}");
                checked += 1;
            }
        }
        assert!(checked > 30, "{checked}");
    }

    #[test]
    fn k5_limits_of_earlier_releases() {
        let limit = |model, feature, to| {
            let limits = smaller_limits(parse_entry(model).unwrap(), release(to));
            limits.iter().find(|it| it.feature == feature).map(|it| it.then)
        };
        assert_eq!(limit("5580-20", Vlans, "8.4"), None);
        assert_eq!(limit("5580-20", Vlans, "8.3"), Some(250));
        assert_eq!(limit("5580-20", Vlans, "8.1(1)"), Some(100));
        assert_eq!(limit("5510", Vlans, "7.0(4)"), Some(0));
        assert_eq!(limit("5510/security-plus", Vlans, "7.1"), Some(25));
        assert_eq!(limit("5510", FirewallConns, "8.2"), None);
        let vlans = |then, now| SmallerLimit { feature: Vlans, then, now };
        let told = |model| smaller_limits(parse_entry(model).unwrap(), release("7.1"));
        assert_eq!(told("5520"), [vlans(100, 150)]);
        assert!(told("5550").contains(&vlans(200, 400)), "as the table has it");
        let twice = smaller_limits(parse_entry("5520").unwrap(), release("7.0(4)"));
        assert_eq!(
            twice.iter().filter(|it| it.feature == Vlans).collect::<Vec<_>>(),
            [&vlans(25, 150)]
        );
    }

    #[test]
    fn releases_in_order_and_as_text() {
        let order =
            ["7.0(5)", "8.0(4)", "8.1", "8.2(1)", "8.2(4)", "8.2", "8.3(1)", "9.0", "9.1(4)"];
        let releases = order.map(release);
        assert!(releases.is_sorted());
        assert_eq!(releases.map(|it| it.to_string()), order);
        for text in ["", "8", "8.", "8.2(", "8.2()", "8.2(1", "8.2(1))", "+8.2", "8.255", "8.2.1"] {
            let told = format!("`{text}` is no release; one is written like `8.2` or `8.2(1)`");
            assert_eq!(text.parse::<Release>().unwrap_err().to_string(), told);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in r"[0-9.()+ ]{0,12}|\PC{0,20}") {
            if let Ok(release) = text.parse::<Release>() {
                prop_assert_eq!(release.to_string().parse(), Ok(release));
            }
        }
    }
}
