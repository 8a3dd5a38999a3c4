//! The 69 bits of a key that say what it grants.
//!
//! | bits | what |
//! |---|---|
//! | 39 | the licences, one field each: 0 is none, then the sizes in the order of [`FIELDS`] |
//! | 2 | the export grade: 0 none, 1 K8, 2 K9 |
//! | 16 | the duration: 2 bits of unit and 14 of number; 0 is permanent |
//! | 12 | the issue number |
//!
//! Every size that a table of the guides offers has a code, and so have the sizes that their
//! examples use although no table lists them (`license::unit::EXAMPLE_SIZES`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::Grant;
use crate::catalogue::{Encryption, Feature, Value};
use crate::license::Export;
use crate::license::combine::strength;

/// How many bits a grant and its issue number take.
pub(super) const PAYLOAD_BITS: u32 = LICENCE_BITS + EXPORT_BITS + DURATION_BITS + ISSUE_BITS;

/// How many keys can be issued for one serial number.
pub const ISSUES: u16 = 1 << ISSUE_BITS;

/// The largest number of a duration's unit.
pub(super) const MOST_UNITS: u64 = (1 << UNITS_BITS) - 1;

const LICENCE_BITS: u32 = 39;
const EXPORT_BITS: u32 = 2;
const DURATION_BITS: u32 = 2 + UNITS_BITS;
const UNITS_BITS: u32 = 14;
const ISSUE_BITS: u32 = 12;

/// The units of a duration in seconds, by their code: second, minute, hour, day.
const UNITS: [u64; 4] = [1, 60, 3600, 86_400];

/// One licence in a key.
pub(super) struct Field {
    feature: Feature,
    bits: u32,
    sizes: Sizes,
}

/// The sizes of a licence, in the order of their codes from 1.
enum Sizes {
    Listed(&'static [Value]),
    /// 500 to 50,000 by 500, then 51,000 to 545,000 by 1000.
    SharedServer,
}

const SMALL_STEP: u32 = 500;
const SMALL_STEPS: u32 = 100;
const LARGE_STEP: u32 = 1000;
const LARGE_FROM: u32 = SMALL_STEP * SMALL_STEPS;
const LARGE_STEPS: u32 = (545_000 - LARGE_FROM) / LARGE_STEP;

const fn flag(feature: Feature) -> Field {
    Field { feature, bits: 1, sizes: Sizes::Listed(&[Value::Enabled]) }
}

const fn listed(feature: Feature, bits: u32, sizes: &'static [Value]) -> Field {
    Field { feature, bits, sizes: Sizes::Listed(sizes) }
}

/// The sizes as a table's italic numbers.
macro_rules! counts {
    ($($count:literal),+) => { &[$(Value::Count($count)),+] };
}

/// Every licence that a key can grant. The order is part of the format.
const FIELDS: [Field; 21] = [
    flag(Feature::SecurityPlus),
    flag(Feature::BotnetTrafficFilter),
    flag(Feature::GtpGprs),
    flag(Feature::IntercompanyMediaEngine),
    listed(
        Feature::UcProxySessions,
        4,
        counts![24, 50, 100, 250, 500, 750, 1000, 2000, 3000, 5000, 10_000, 10, 2500],
    ),
    flag(Feature::AdvancedEndpointAssessment),
    flag(Feature::AnyconnectVpnPhone),
    flag(Feature::AnyconnectEssentials),
    flag(Feature::AnyconnectMobile),
    listed(
        Feature::AnyconnectPremium,
        4,
        counts![10, 25, 50, 100, 250, 500, 750, 1000, 2500, 5000, 10_000, 75],
    ),
    flag(Feature::AnyconnectPlus),
    flag(Feature::AnyconnectApex),
    flag(Feature::AnyconnectVpnOnly),
    flag(Feature::AnyconnectPeers),
    Field { feature: Feature::SharedServer, bits: 10, sizes: Sizes::SharedServer },
    flag(Feature::SharedParticipant),
    listed(Feature::Encryption, 1, &[Value::Encryption(Encryption::TripleDesAes)]),
    listed(Feature::SecurityContexts, 3, counts![5, 10, 20, 50, 100, 250]),
    flag(Feature::Clustering),
    listed(Feature::InsideHosts, 2, &[Value::Count(50), Value::Unlimited]),
    flag(Feature::IpsModule),
];

impl Field {
    /// The field of `feature`, where a key can grant it.
    pub(super) fn of(feature: Feature) -> Option<&'static Self> {
        static ALL: [Field; 21] = FIELDS;
        ALL.iter().find(|field| field.feature == feature)
    }

    /// The code of `value`, from 1, where the licence comes in this size.
    pub(super) fn code(&self, value: Value) -> Option<u32> {
        match (&self.sizes, value) {
            (Sizes::Listed(sizes), _) => {
                (1..).zip(*sizes).find_map(|(code, size)| (*size == value).then_some(code))
            }
            (Sizes::SharedServer, Value::Count(count)) => shared_server_code(count),
            (Sizes::SharedServer, _) => None,
        }
    }

    fn value(&self, code: u32) -> Option<Value> {
        let index = code.checked_sub(1)?;
        match self.sizes {
            Sizes::Listed(sizes) => sizes.get(index as usize).copied(),
            Sizes::SharedServer if code <= SMALL_STEPS => Some(Value::Count(code * SMALL_STEP)),
            Sizes::SharedServer if code <= SMALL_STEPS + LARGE_STEPS => {
                Some(Value::Count(LARGE_FROM + (code - SMALL_STEPS) * LARGE_STEP))
            }
            Sizes::SharedServer => None,
        }
    }

    /// The sizes in words, the smallest first.
    pub(super) fn sizes(&self) -> String {
        match self.sizes {
            Sizes::Listed(sizes) => {
                let mut sizes = sizes.to_vec();
                sizes.sort_by_key(|size| strength(*size));
                sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Sizes::SharedServer => "500-50000 by 500, 50000-545000 by 1000".to_owned(),
        }
    }
}

fn shared_server_code(count: u32) -> Option<u32> {
    let (from, step, code, most) = if count <= LARGE_FROM {
        (0, SMALL_STEP, 0, SMALL_STEPS)
    } else {
        (LARGE_FROM, LARGE_STEP, SMALL_STEPS, LARGE_STEPS)
    };
    let steps = (count - from) / step;
    let exact = (count - from).is_multiple_of(step) && (1..=most).contains(&steps);
    exact.then_some(code + steps)
}

/// The names of every licence that a key can grant.
pub(super) fn names() -> String {
    FIELDS.map(|field| field.feature.name()).join(" ")
}

/// The code of a duration: the largest unit of which it is a whole number. None where a key cannot
/// say it; never 0, which is permanent.
pub(super) fn duration_code(duration: Duration) -> Option<u32> {
    let seconds = duration.as_secs();
    if seconds == 0 || duration.subsec_nanos() != 0 {
        return None;
    }
    let (code, unit) = (0..4).zip(UNITS).rev().find(|(_, unit)| seconds.is_multiple_of(*unit))?;
    let units = u32::try_from(seconds / unit).ok().filter(|it| u64::from(*it) <= MOST_UNITS)?;
    Some(code << UNITS_BITS | units)
}

fn duration_of(code: u32) -> Option<Duration> {
    let unit = UNITS[(code >> UNITS_BITS) as usize & 3];
    let units = u64::from(code) & MOST_UNITS;
    (units > 0).then(|| Duration::from_secs(unit * units))
}

/// Bits put in or taken out from the least significant end.
struct Bits {
    bits: u128,
    at: u32,
}

impl Bits {
    fn put(&mut self, value: u32, width: u32) {
        self.bits |= u128::from(value) << self.at;
        self.at += width;
    }

    #[expect(clippy::cast_possible_truncation, reason = "no field is wider than 16 bits")]
    fn take(&mut self, width: u32) -> u32 {
        let value = self.bits >> self.at & ((1 << width) - 1);
        self.at += width;
        value as u32
    }
}

/// The grant and the issue number as bits, [`PAYLOAD_BITS`] of them.
///
/// Every licence of a [`Grant`] has a code, because it was added through [`Field::code`].
pub(super) fn encode(grant: &Grant, issue: u16) -> u128 {
    let mut bits = Bits { bits: 0, at: 0 };
    for field in &FIELDS {
        let value = grant.licences().get(&field.feature);
        bits.put(value.and_then(|value| field.code(*value)).unwrap_or(0), field.bits);
    }
    let export = match grant.export() {
        None => 0,
        Some(Export::K8) => 1,
        Some(Export::K9) => 2,
    };
    bits.put(export, EXPORT_BITS);
    bits.put(grant.duration().and_then(duration_code).unwrap_or(0), DURATION_BITS);
    bits.put(u32::from(issue), ISSUE_BITS);
    bits.bits
}

/// The grant and the issue number, or nothing where a code has no meaning.
pub(super) fn decode(payload: u128) -> Option<(Grant, u16)> {
    let mut bits = Bits { bits: payload, at: 0 };
    let mut licences = BTreeMap::new();
    for field in &FIELDS {
        match bits.take(field.bits) {
            0 => {}
            code => {
                licences.insert(field.feature, field.value(code)?);
            }
        }
    }
    let export = match bits.take(EXPORT_BITS) {
        0 => None,
        1 => Some(Export::K8),
        2 => Some(Export::K9),
        _ => return None,
    };
    let duration = match bits.take(DURATION_BITS) {
        0 => None,
        code => Some(duration_of(code)?),
    };
    let issue = u16::try_from(bits.take(ISSUE_BITS)).ok()?;
    Some((Grant::from_parts(licences, export, duration), issue))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::{self, Offer};

    /// Any grant that can be issued, with an issue number.
    pub(in crate::license) fn grants() -> impl Strategy<Value = (Grant, u16)> {
        let codes: Vec<_> = FIELDS.iter().map(|field| 0..1_u32 << field.bits).collect();
        let export = prop::option::of(prop::sample::select(vec![Export::K8, Export::K9]));
        let duration = prop::option::of((0..4_usize, 1..=MOST_UNITS));
        (codes, export, duration, 0..ISSUES).prop_map(|(codes, export, duration, issue)| {
            let duration = duration.map(|(unit, n)| Duration::from_secs(UNITS[unit] * n));
            let mut grant = duration.map_or(Grant::permanent(), |d| Grant::time_based(d).unwrap());
            for (field, code) in FIELDS.iter().zip(codes) {
                let botnet = field.feature == Feature::BotnetTrafficFilter;
                if let Some(value) = field.value(code).filter(|_| !botnet || duration.is_some()) {
                    grant.add(field.feature, value).unwrap();
                }
            }
            (grant.with_export(export), issue)
        })
    }

    #[test]
    fn the_layout_has_69_bits() {
        assert_eq!(FIELDS.iter().map(|field| field.bits).sum::<u32>(), LICENCE_BITS);
        assert_eq!(PAYLOAD_BITS, 69);
        for field in &FIELDS {
            let most = (1..1 << field.bits).filter(|code| field.value(*code).is_some()).count();
            let sizes = match field.sizes {
                Sizes::Listed(sizes) => sizes.len(),
                Sizes::SharedServer => 595,
            };
            assert_eq!(most, sizes, "{}: every size has a code", field.feature);
        }
    }

    /// Every licence that any model of the catalogue offers, in every size, survives a key.
    #[test]
    fn every_offer_of_the_catalogue_has_a_code() {
        let mut checked = 0;
        for row in catalogue::entries().flat_map(|entry| entry.rows) {
            for value in row.optional.iter().flat_map(sizes) {
                let mut grant = Grant::time_based(Duration::from_secs(60)).unwrap();
                grant.add(row.feature, value).unwrap();
                let kept = grant.licences()[&row.feature];
                assert!(kept == value || kept == Value::Enabled, "{}={value}", row.feature);
                assert_eq!(decode(encode(&grant, 7)), Some((grant, 7)), "{}={value}", row.feature);
                checked += 1;
            }
        }
        assert!(checked > 5000, "{checked} offers");
    }

    fn sizes(offer: &Offer) -> Vec<Value> {
        match *offer {
            Offer::One(value) => vec![value],
            Offer::Range { from, to, step } => {
                (from..=to).step_by(step as usize).map(Value::Count).collect()
            }
        }
    }

    #[test]
    fn shared_server_sizes() {
        for (count, code) in
            [(500, 1), (50_000, 100), (51_000, 101), (545_000, 595)].map(|(n, c)| (n, Some(c)))
        {
            assert_eq!(shared_server_code(count), code);
        }
        for count in [0, 1, 499, 501, 50_500, 544_500, 546_000, u32::MAX] {
            assert_eq!(shared_server_code(count), None, "{count}");
        }
    }

    #[test]
    fn durations() {
        let code = |seconds| duration_code(Duration::from_secs(seconds));
        assert_eq!(code(8 * 7 * 86_400), Some((3 << 14) + 56));
        assert_eq!(code(36 * 3600), Some((2 << 14) + 36));
        assert_eq!(code(90), Some(90));
        for seconds in [0, 86_400 * (MOST_UNITS + 1), 16_385, u64::MAX] {
            assert_eq!(code(seconds), None, "{seconds}");
        }
        assert_eq!(duration_code(Duration::from_millis(1500)), None);
    }

    proptest! {
        #[test]
        fn a_grant_survives_its_bits((grant, issue) in grants()) {
            let bits = encode(&grant, issue);
            prop_assert!(bits >> PAYLOAD_BITS == 0);
            prop_assert_eq!(decode(bits), Some((grant, issue)));
        }

        #[test]
        fn no_bits_panic(bits in 0..1_u128 << PAYLOAD_BITS) {
            let _ = decode(bits);
        }
    }
}
