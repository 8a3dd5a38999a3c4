//! What a key grants: licences, their export grade, and for how long.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::codec::{self, Field};
use crate::catalogue::{self, Feature, Offer, Term, Value};
use crate::license::Export;
use crate::license::combine::larger;

/// What one key grants: a permanent key every permanent licence of its unit (A12), a time-based
/// key one licence, or several where it is an evaluation key.
///
/// A licence is kept in the form in which a key can carry it: one that comes in a single size on
/// every model, such as `AnyConnect` Essentials, as `enabled`, whatever its number; one for what
/// every unit has anyway is not kept.
///
/// ```
/// use std::time::Duration;
/// use tollgate::catalogue::{Feature, Value};
/// use tollgate::license::key::Grant;
///
/// let mut grant = Grant::time_based(Duration::from_secs(8 * 7 * 86_400))?;
/// grant.add(Feature::AnyconnectPremium, Value::Count(1000))?;
/// assert_eq!(grant.to_string(), "anyconnect-premium=1000");
/// assert!(grant.add(Feature::AnyconnectPremium, Value::Count(60)).is_err());
/// # Ok::<(), tollgate::license::key::GrantError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    licences: BTreeMap<Feature, Value>,
    export: Option<Export>,
    duration: Option<Duration>,
}

/// Why a key cannot grant this. The grant is unchanged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// It is no licence at all.
    #[error("`{feature}` is no licence; keys can grant: {}", codec::names())]
    NotALicence {
        /// What was asked for.
        feature: Feature,
    },
    /// No model has it in this size.
    #[error("`{feature}={value}` is sold for no model; choose {sizes}")]
    NoSuchSize {
        /// The feature.
        feature: Feature,
        /// The size asked for.
        value: Value,
        /// The sizes there are.
        sizes: String,
    },
    /// It is sold for a time only.
    #[error("there is no permanent `{feature}` licence; issue a time-based key for it")]
    TimeBasedOnly {
        /// The feature.
        feature: Feature,
    },
    /// Nothing that is not on every unit anyway.
    #[error("a time-based key grants one licence at least, and what every unit has anyway is none")]
    Nothing,
    /// A key cannot say this duration.
    #[error(
        "a time-based key cannot last {}; it lasts up to {} whole days, or fewer whole hours, \
         minutes or seconds",
        in_words(*.duration),
        codec::MOST_UNITS
    )]
    Duration {
        /// What was asked for.
        duration: Duration,
    },
}

/// In days where it is whole days, else in seconds.
fn in_words(duration: Duration) -> String {
    const DAY: u64 = 86_400;
    match (duration.as_secs(), duration.subsec_nanos()) {
        (seconds, 0) if seconds > 0 && seconds.is_multiple_of(DAY) => {
            format!("{} days", seconds / DAY)
        }
        (seconds, 0) => format!("{seconds} seconds"),
        _ => format!("{duration:?}"),
    }
}

impl Grant {
    /// A permanent grant of nothing yet.
    pub const fn permanent() -> Self {
        Self { licences: BTreeMap::new(), export: None, duration: None }
    }

    /// A grant of nothing yet, for as long as `duration` counts down.
    ///
    /// # Errors
    ///
    /// When the duration is no whole number of seconds, zero, or more than a key can say.
    pub fn time_based(duration: Duration) -> Result<Self, GrantError> {
        if codec::duration_code(duration).is_none() {
            return Err(GrantError::Duration { duration });
        }
        Ok(Self { duration: Some(duration), ..Self::permanent() })
    }

    /// Adds a licence. Of two for one feature the larger counts; they do not add (A38).
    ///
    /// # Errors
    ///
    /// When there is no such licence for any model, or none of this kind.
    pub fn add(&mut self, feature: Feature, value: Value) -> Result<(), GrantError> {
        let Some(value) = canonical(feature, value)? else { return Ok(()) };
        if self.duration.is_none() && time_based_only(feature) {
            return Err(GrantError::TimeBasedOnly { feature });
        }
        self.licences
            .entry(feature)
            .and_modify(|held| *held = larger(*held, value))
            .or_insert(value);
        Ok(())
    }

    /// The same grant with this export grade for its UC and IME licences.
    #[must_use]
    pub fn with_export(self, export: Option<Export>) -> Self {
        Self { export, ..self }
    }

    /// The licences, one value a feature.
    pub const fn licences(&self) -> &BTreeMap<Feature, Value> {
        &self.licences
    }

    /// The export grade of the UC and IME licences, where the key says it.
    pub const fn export(&self) -> Option<Export> {
        self.export
    }

    /// How long the licences last, or none where they are permanent.
    pub const fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// Whether this is a time-based grant of several features: an evaluation licence.
    pub fn is_evaluation(&self) -> bool {
        self.duration.is_some() && self.licences.len() > 1
    }

    /// Whether both grant the same, however long: such licences stack (B26, our choice).
    pub fn is_identical(&self, other: &Self) -> bool {
        self.licences == other.licences && self.export == other.export
    }

    /// Takes in every licence of `other`, the larger of two for one feature (A36, A38).
    pub(super) fn merge(&mut self, other: &Self) {
        for (&feature, &value) in &other.licences {
            self.licences
                .entry(feature)
                .and_modify(|held| *held = larger(*held, value))
                .or_insert(value);
        }
        self.export = other.export.or(self.export);
    }

    pub(super) const fn from_parts(
        licences: BTreeMap<Feature, Value>,
        export: Option<Export>,
        duration: Option<Duration>,
    ) -> Self {
        Self { licences, export, duration }
    }
}

/// `FEATURE=VALUE`, separated by blanks.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.licences.is_empty() {
            return f.write_str("no licences");
        }
        for (i, (feature, value)) in self.licences.iter().enumerate() {
            let blank = if i == 0 { "" } else { " " };
            write!(f, "{blank}{feature}={value}")?;
        }
        Ok(())
    }
}

/// The form in which a key carries the licence, or none where every unit has it anyway.
fn canonical(feature: Feature, value: Value) -> Result<Option<Value>, GrantError> {
    let field = Field::of(feature).ok_or(GrantError::NotALicence { feature })?;
    if field.code(value).is_some() {
        return Ok(Some(value));
    }
    if field.code(Value::Enabled).is_some() && offered(feature, value) {
        return Ok(Some(Value::Enabled));
    }
    if included(feature, value) {
        return Ok(None);
    }
    Err(GrantError::NoSuchSize { feature, value, sizes: field.sizes() })
}

fn rows(feature: Feature) -> impl Iterator<Item = &'static catalogue::Row> {
    catalogue::entries().filter_map(move |entry| entry.row(feature))
}

fn offered(feature: Feature, value: Value) -> bool {
    rows(feature).any(|row| row.optional.iter().any(|offer: &Offer| offer.covers(value)))
}

fn included(feature: Feature, value: Value) -> bool {
    !value.is_off() && rows(feature).any(|row| row.value == value)
}

fn time_based_only(feature: Feature) -> bool {
    let mut sold = rows(feature).filter(|row| !row.optional.is_empty()).peekable();
    sold.peek().is_some() && sold.all(|row| row.term == Term::TimeBased)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Encryption;

    fn added(feature: Feature, value: &str) -> Result<String, String> {
        let mut grant = Grant::permanent();
        let value = value.parse().unwrap();
        grant.add(feature, value).map(|()| grant.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn licences_in_the_form_of_a_key() {
        use Feature::{AnyconnectEssentials, Clustering, Encryption, SecurityContexts};
        let kept = |feature, value| added(feature, value).unwrap();
        assert_eq!(kept(AnyconnectEssentials, "750"), "anyconnect-essentials=enabled");
        assert_eq!(kept(AnyconnectEssentials, "enabled"), "anyconnect-essentials=enabled");
        assert_eq!(kept(Clustering, "8"), "clustering=enabled");
        assert_eq!(kept(Encryption, "3des-aes"), "encryption=3des-aes");
        // What every unit has is no licence.
        assert_eq!(kept(Encryption, "des"), "no licences");
        assert_eq!(kept(SecurityContexts, "2"), "no licences");
        assert_eq!(kept(Feature::InsideHosts, "10"), "no licences");
    }

    #[test]
    fn what_no_key_can_grant() {
        let refused = |feature, value| added(feature, value).unwrap_err();
        assert_eq!(
            refused(Feature::InsideHosts, "20"),
            "`inside-hosts=20` is sold for no model; choose 50, unlimited"
        );
        assert_eq!(
            refused(Feature::SharedServer, "50500"),
            "`shared-server=50500` is sold for no model; choose 500-50000 by 500, 50000-545000 by \
             1000"
        );
        assert!(refused(Feature::AnyconnectPremium, "enabled").contains("sold for no model"));
        assert!(refused(Feature::AnyconnectEssentials, "60").contains("sold for no model"));
        let told = refused(Feature::FirewallConns, "50000");
        assert!(told.starts_with("`firewall-conns` is no licence; keys can grant: security-plus "));
        assert!(refused(Feature::VpnLoadBalancing, "enabled").contains("is no licence"));
        // B34, C8: Botnet is sold for a time only.
        let told = refused(Feature::BotnetTrafficFilter, "enabled");
        assert!(told.starts_with("there is no permanent `botnet-traffic-filter` licence"));
    }

    #[test]
    fn durations_that_no_key_can_say() {
        for duration in [Duration::ZERO, Duration::from_millis(1), Duration::MAX] {
            let told = Grant::time_based(duration).unwrap_err().to_string();
            assert!(told.contains("it lasts up to 16383 whole days"), "{told}");
        }
    }

    #[test]
    fn the_larger_of_two_licences_counts() {
        let mut grant = Grant::permanent();
        for sessions in [25, 50, 10] {
            grant.add(Feature::AnyconnectPremium, Value::Count(sessions)).unwrap();
        }
        grant.add(Feature::InsideHosts, Value::Unlimited).unwrap();
        grant.add(Feature::InsideHosts, Value::Count(50)).unwrap();
        grant.add(Feature::Encryption, Value::Encryption(Encryption::Des)).unwrap();
        assert_eq!(grant.to_string(), "anyconnect-premium=50 inside-hosts=unlimited");
        assert!(!grant.is_evaluation(), "only a time-based grant is");
    }
}
