//! Which model, tier and licences would have refused nothing.

use std::num::NonZeroUsize;

use super::desk::Desk;
use super::fault::Fault;
use super::file::Reader;
use super::replay::{Replay, Traffic};
use super::zones::Zones;
use crate::catalogue::{self, Entry, Feature, Offer, Row, Term, Value};
use crate::gate::{Gate, Usage};
use crate::license::{Allowance, HostRule, Limit, RunningLicense, Unit};

/// Measures what captures need of each limit: a replay against gates that refuse nothing.
///
/// There are two of them, because inside hosts are counted on no model but the ASA 5505, and a
/// gate for that model counts fewer connections than larger models allow.
#[derive(Debug)]
pub struct Sizing {
    replay: Replay<(Desk, Desk)>,
    default_route: bool,
}

/// What captures needed of one limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    /// The limit.
    pub limit: Limit,
    /// The most units in use at once.
    pub units: u64,
    /// Whether it was more than a gate can count.
    pub more: bool,
}

/// What captures needed: every limit that was asked for something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    needs: Vec<Need>,
    default_route: bool,
}

/// A model in one tier, with the licences that a demand needs there.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The model and tier.
    pub entry: &'static Entry,
    /// The smallest optional licences that cover the demand; the largest there are where none does.
    pub licences: Vec<(Feature, Value)>,
    /// What is needed of each limit and what it allows with these licences.
    pub limits: Vec<Headroom>,
}

/// What is needed of a limit beside what it allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headroom {
    /// What is needed.
    pub need: Need,
    /// What the limit allows.
    pub allowance: Allowance,
}

impl Headroom {
    /// Whether the limit would have refused nothing.
    pub const fn is_enough(&self) -> bool {
        self.allowance.covers(self.need.units)
            && (!self.need.more || matches!(self.allowance, Allowance::Unlimited))
    }

    /// How many units are missing.
    pub fn missing(&self) -> u64 {
        self.need.units.saturating_sub(self.allowance.units().map_or(u64::MAX, u64::from))
    }
}

impl Sizing {
    /// A measurement with `trackers` trackers. Without a default route, hosts on all interfaces of
    /// an ASA 5505 count (E60).
    pub fn new(trackers: NonZeroUsize, zones: &Zones, default_route: bool) -> Self {
        let desk = |counts_hosts| {
            let license = catalogue::entries()
                .map(|entry| RunningLicense::of(&unit(entry, default_route)))
                .find(|license| (license.host_rule() != HostRule::NotCounted) == counts_hosts)
                .expect("the guides have models with and without a limit on hosts");
            let gate = Gate::with_exact_peaks(license.without_limits());
            Desk::new(&gate, zones.clone(), trackers.get())
        };
        let replay = Replay::new(trackers, (desk(false), desk(true)));
        Self { replay, default_route }
    }

    /// Measures one capture, after those before it.
    ///
    /// # Errors
    ///
    /// The [`Fault`] in which the capture ended. What comes before it has been measured.
    pub fn capture(&mut self, reader: &mut Reader) -> Result<(), Fault> {
        self.replay.capture(reader)
    }

    /// What was measured.
    pub fn traffic(&self) -> Traffic {
        self.replay.traffic()
    }

    /// What was needed.
    pub fn demand(&self) -> Demand {
        let (all, hosts) = self.replay.sink();
        let hosts =
            hosts.report().into_iter().filter(|line| line.usage.limit == Limit::InsideHosts);
        let mut needs: Vec<_> = all.report().into_iter().chain(hosts).map(Need::from).collect();
        needs.sort_by_key(|need| need.limit);
        Demand { needs, default_route: self.default_route }
    }
}

impl From<super::LimitReport> for Need {
    fn from(line: super::LimitReport) -> Self {
        let Usage { limit, peak, refused, .. } = line.usage;
        Self { limit, units: peak, more: refused > 0 }
    }
}

impl Need {
    fn under(self, license: &RunningLicense) -> Headroom {
        Headroom { need: self, allowance: license.limit(self.limit).allowance() }
    }

    fn is_covered_by(self, license: &RunningLicense) -> bool {
        self.under(license).is_enough()
    }
}

impl Demand {
    /// What was needed of each limit, in the order of [`Limit::ALL`].
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// What the demand needs on every model and tier of both guides, the smallest first: by
    /// connections, then by VPN sessions, then by VLANs.
    pub fn fits(&self) -> Vec<Fit> {
        let mut fits: Vec<_> = catalogue::entries().map(|entry| self.fit(entry)).collect();
        fits.sort_by_key(|fit| size(fit.entry));
        fits
    }

    /// The smallest model and tier that would have refused nothing, where there is one.
    pub fn smallest(&self) -> Option<Fit> {
        self.fits().into_iter().find(Fit::is_enough)
    }

    /// What the demand needs on one model and tier.
    pub fn fit(&self, entry: &'static Entry) -> Fit {
        let mut unit = unit(entry, self.default_route);
        for need in &self.needs {
            unit = with_licence(unit, *need);
        }
        let license = RunningLicense::of(&unit);
        let limits = self.needs.iter().map(|need| need.under(&license)).collect();
        let licences = unit.licences().iter().map(|(feature, value)| (*feature, *value));
        Fit { entry, licences: licences.collect(), limits }
    }
}

impl Fit {
    /// Whether nothing would have been refused.
    pub fn is_enough(&self) -> bool {
        self.limits.iter().all(Headroom::is_enough)
    }

    /// The limits that refuse even with the licences.
    pub fn short(&self) -> impl Iterator<Item = &Headroom> {
        self.limits.iter().filter(|limit| !limit.is_enough())
    }
}

/// How large a model is, by what its table includes.
fn size(entry: &'static Entry) -> [u64; 3] {
    let license = RunningLicense::of(&Unit::new(entry));
    [Limit::FirewallConns, Limit::TotalVpn, Limit::Vlans]
        .map(|limit| license.limit(limit).allowance().units().map_or(u64::MAX, u64::from))
}

fn unit(entry: &'static Entry, default_route: bool) -> Unit {
    let mut unit = Unit::new(entry);
    let route = if default_route { "outside" } else { "none" };
    unit.configure("default-route", route).expect("a setting of every unit");
    unit
}

/// The unit with the smallest licence that covers `need`; with the one that allows most where none
/// does; as it is where that allows no more.
fn with_licence(unit: Unit, need: Need) -> Unit {
    let license = RunningLicense::of(&unit);
    if need.is_covered_by(&license) {
        return unit;
    }
    let allowed = |license: &RunningLicense| {
        license.limit(need.limit).allowance().units().map_or(u64::MAX, u64::from)
    };
    let mut best = (allowed(&license), unit.clone());
    let mut covering: Option<(u64, Unit)> = None;
    for (feature, value) in permanent_licences(unit.entry()) {
        let mut candidate = unit.clone();
        if candidate.add(feature, value).is_err() {
            continue;
        }
        let license = RunningLicense::of(&candidate);
        let allowed = allowed(&license);
        if need.is_covered_by(&license) {
            if covering.as_ref().is_none_or(|(least, _)| allowed < *least) {
                covering = Some((allowed, candidate));
            }
        } else if allowed > best.0 {
            best = (allowed, candidate);
        }
    }
    covering.map_or(best.1, |(_, unit)| unit)
}

/// The optional licences of a model that do not expire, one of each size.
fn permanent_licences(entry: &'static Entry) -> impl Iterator<Item = (Feature, Value)> {
    let sold = |row: &&Row| row.term != Term::TimeBased;
    entry.rows.iter().filter(sold).flat_map(|row| {
        row.optional.iter().filter_map(|offer| match offer {
            Offer::One(value) => Some((row.feature, *value)),
            // Sizes of a shared pool, which is no limit of the unit.
            Offer::Range { .. } => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::find;

    fn demand(needs: &[(Limit, u64)]) -> Demand {
        let need =
            |(limit, units): &(Limit, u64)| Need { limit: *limit, units: *units, more: false };
        Demand { needs: needs.iter().map(need).collect(), default_route: true }
    }

    fn fit(model: &str, tier: &str, needs: &[(Limit, u64)]) -> Fit {
        demand(needs).fit(find(model, Some(tier), None).expect("a model"))
    }

    #[test]
    fn a_demand_fits_up_to_the_limit_itself() {
        for (tier, most) in [("base", 10_000), ("security-plus", 25_000)] {
            assert!(fit("ASA 5505", tier, &[(Limit::FirewallConns, most)]).is_enough());
            let fit = fit("ASA 5505", tier, &[(Limit::FirewallConns, most + 1)]);
            let short: Vec<_> = fit.short().map(|s| (s.need.limit, s.missing())).collect();
            assert_eq!(short, [(Limit::FirewallConns, 1)]);
            assert_eq!(fit.licences, [], "no licence raises it");
        }
    }

    #[test]
    fn the_smallest_licence_is_chosen() {
        for (hosts, licence) in [
            (10, None),
            (11, Some(Value::Count(50))),
            (50, Some(Value::Count(50))),
            (51, Some(Value::Unlimited)),
        ] {
            let fit = fit("ASA 5505", "base", &[(Limit::InsideHosts, hosts)]);
            let expected: Vec<_> = licence.map(|l| (Feature::InsideHosts, l)).into_iter().collect();
            assert_eq!(fit.licences, expected, "{hosts} hosts");
            assert!(fit.is_enough());
        }
    }

    #[test]
    fn one_licence_serves_the_limits_that_it_raises() {
        let needs = [(Limit::UcProxy, 20), (Limit::TlsProxy, 20)];
        let fit = fit("ASA 5505", "base", &needs);
        assert_eq!(fit.licences, [(Feature::UcProxySessions, Value::Count(24))]);
        assert!(fit.is_enough(), "the default TLS proxy limit is 10: {:?}", fit.limits);
    }

    #[test]
    fn a_model_that_is_too_small_has_its_largest_licence() {
        let fit = fit("ASA 5505", "base", &[(Limit::UcProxy, 30)]);
        assert_eq!(fit.licences, [(Feature::UcProxySessions, Value::Count(24))]);
        assert_eq!(fit.short().map(Headroom::missing).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn what_could_not_be_counted_fits_no_number() {
        let need = Need { limit: Limit::OtherVpn, units: 5, more: true };
        let demand = Demand { needs: vec![need], default_route: true };
        for fit in demand.fits() {
            let unlimited = fit.is_enough();
            let license = RunningLicense::of(&unit(fit.entry, true));
            let allowance = license.limit(Limit::OtherVpn).allowance();
            assert_eq!(unlimited, allowance == Allowance::Unlimited, "{}", fit.entry);
        }
    }

    #[test]
    fn every_model_is_tried() {
        let fits = demand(&[]).fits();
        assert_eq!(fits.len(), catalogue::entries().count());
        assert!(fits.iter().all(|fit| fit.is_enough() && fit.licences.is_empty()));
    }

    #[test]
    fn the_smallest_that_fits_is_named() {
        let smallest = |needs| demand(needs).smallest().map(|fit| fit.entry.to_string());
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(smallest(&[]), named("ASA 5505/base (9.1)"));
        assert_eq!(smallest(&[(Limit::FirewallConns, 10_001)]), named("ISA 3000/base (pak)"));
        assert_eq!(smallest(&[(Limit::OtherVpn, 50)]), named("ISA 3000/security-plus (pak)"));
        assert_eq!(smallest(&[(Limit::FirewallConns, 20_000_000)]), None);
    }

    proptest! {
        // Each case tries every model with every licence.
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Whatever fits, fits; and no smaller licence of the same feature would do.
        #[test]
        fn licences_are_enough_and_not_more(
            conns in 0_u64..12_000_000,
            hosts in 0_u64..100,
            vpn in 0_u64..12_000,
            uc in 0_u64..4_000,
        ) {
            let demand = demand(&[
                (Limit::FirewallConns, conns),
                (Limit::InsideHosts, hosts),
                (Limit::OtherVpn, vpn),
                (Limit::TotalVpn, vpn),
                (Limit::UcProxy, uc),
                (Limit::TlsProxy, uc),
            ]);
            for fit in demand.fits() {
                let licensed = |licences: &[(Feature, Value)]| {
                    let mut unit = unit(fit.entry, true);
                    for (feature, value) in licences {
                        unit.add(*feature, *value).expect("a licence that was offered");
                    }
                    let license = RunningLicense::of(&unit);
                    demand.needs.iter().filter(|need| !need.is_covered_by(&license)).count()
                };
                prop_assert_eq!(licensed(&fit.licences), fit.short().count());
                for (place, (feature, value)) in fit.licences.iter().enumerate() {
                    let smaller = permanent_licences(fit.entry).filter(|(other, less)| {
                        other == feature && less.count() < value.count() && less.count().is_some()
                    });
                    let mut without = fit.licences.clone();
                    without.remove(place);
                    for less in std::iter::once(None).chain(smaller.map(Some)) {
                        let licences: Vec<_> = without.iter().copied().chain(less).collect();
                        let worse = licensed(&licences) > fit.short().count();
                        prop_assert!(worse || !fit.is_enough(), "{}", fit.entry);
                    }
                }
            }
        }
    }
}
