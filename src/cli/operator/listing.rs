//! The licensed features as the firewall lists them: names, order and columns.
//!
//! Names and order are data, one table a guide, read from outputs of real units (8.4 to 9.1; 9.5 to
//! 9.16). A line that no real unit of the model prints is left out where the guide's table says “no
//! support”; VPN and unified communications are not listed on a No Payload Encryption model (I9).

use std::io::{self, Write};
use std::time::Duration;

use crate::catalogue::{Encryption, Failover, Feature, Guide, Model, Tier, Value};
use crate::license::{Figure, Limit, Rule, RunningLicense, Source};

/// One line: `Failover                          : Active/Active  perpetual`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// How long the value stays, `perpetual` or `62 days`, or a word of its own.
    pub(super) term: String,
}

/// Where a line's value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    PhysicalInterfaces,
    /// “Maximum VLANs”, and “VLANs” of the ASA 5505.
    Vlans,
    InsideHosts,
    Failover,
    Des,
    StrongEncryption,
    Contexts,
    /// In sessions; 0 where it is off.
    Number(Feature),
    /// `AnyConnect` Premium, or Client peers in the PAK guide.
    Premium,
    /// In sessions; “Disabled” where it is off.
    NumberOrDisabled(Feature),
    TotalVpn,
    PhoneProxy,
    Shared,
    Switch(Feature),
    /// Left out where the model does not support it.
    SwitchWhereSupported(Feature),
    ClusterMembers,
}

use What::{
    ClusterMembers, Contexts, Des, InsideHosts, Number, NumberOrDisabled, PhoneProxy,
    PhysicalInterfaces, Premium, Shared, StrongEncryption, Switch, SwitchWhereSupported, TotalVpn,
    Vlans,
};

/// The lines of releases 8.4 to 9.1.
const V91: &[(&str, What)] = &[
    ("Maximum Physical Interfaces", PhysicalInterfaces),
    ("Maximum VLANs", Vlans),
    ("Inside Hosts", InsideHosts),
    ("Failover", What::Failover),
    ("Encryption-DES", Des),
    ("Encryption-3DES-AES", StrongEncryption),
    ("Security Contexts", Contexts),
    ("GTP/GPRS", SwitchWhereSupported(Feature::GtpGprs)),
    ("AnyConnect Premium Peers", Premium),
    ("AnyConnect Essentials", NumberOrDisabled(Feature::AnyconnectEssentials)),
    ("Other VPN Peers", Number(Feature::OtherVpn)),
    ("Total VPN Peers", TotalVpn),
    ("Shared License", Shared),
    ("AnyConnect for Mobile", Switch(Feature::AnyconnectMobile)),
    ("AnyConnect for Cisco VPN Phone", Switch(Feature::AnyconnectVpnPhone)),
    ("Advanced Endpoint Assessment", Switch(Feature::AdvancedEndpointAssessment)),
    ("UC Phone Proxy Sessions", PhoneProxy),
    ("Total UC Proxy Sessions", Number(Feature::UcProxySessions)),
    ("Botnet Traffic Filter", Switch(Feature::BotnetTrafficFilter)),
    ("Intercompany Media Engine", Switch(Feature::IntercompanyMediaEngine)),
    ("IPS Module", SwitchWhereSupported(Feature::IpsModule)),
    ("Cluster", Switch(Feature::Clustering)),
];

/// The lines of the releases that the PAK guide describes.
const PAK: &[(&str, What)] = &[
    ("Maximum Physical Interfaces", PhysicalInterfaces),
    ("Maximum VLANs", Vlans),
    ("Inside Hosts", InsideHosts),
    ("Failover", What::Failover),
    ("Encryption-DES", Des),
    ("Encryption-3DES-AES", StrongEncryption),
    ("Security Contexts", Contexts),
    ("Carrier", Switch(Feature::GtpGprs)),
    ("AnyConnect Premium Peers", Premium),
    ("AnyConnect Essentials", NumberOrDisabled(Feature::AnyconnectEssentials)),
    ("Other VPN Peers", Number(Feature::OtherVpn)),
    ("Total VPN Peers", TotalVpn),
    ("AnyConnect for Mobile", Switch(Feature::AnyconnectMobile)),
    ("AnyConnect for Cisco VPN Phone", Switch(Feature::AnyconnectVpnPhone)),
    ("Advanced Endpoint Assessment", Switch(Feature::AdvancedEndpointAssessment)),
    ("Shared License", Shared),
    ("Total TLS Proxy Sessions", Number(Feature::UcProxySessions)),
    ("Botnet Traffic Filter", Switch(Feature::BotnetTrafficFilter)),
    ("IPS Module", SwitchWhereSupported(Feature::IpsModule)),
    ("Cluster", Switch(Feature::Clustering)),
    ("Cluster Members", ClusterMembers),
    ("VPN Load Balancing", SwitchWhereSupported(Feature::VpnLoadBalancing)),
];

const PERPETUAL: &str = "perpetual";

const fn table(guide: Guide) -> &'static [(&'static str, What)] {
    match guide {
        Guide::V91 => V91,
        Guide::Pak => PAK,
    }
}

/// The lines for this licence; `remaining` says how long a feature stays as it is.
pub(super) fn lines(
    license: &RunningLicense,
    remaining: &dyn Fn(Feature) -> Option<Duration>,
) -> Vec<Line> {
    let table = table(license.entry().guide());
    let listed = table.iter().filter(|(_, what)| !license.configuration().npe || what.on_npe());
    let mut lines = Vec::new();
    for &(name, what) in listed {
        if what == Vlans && license.entry().model == Model::Asa5505 {
            lines.extend(vlans_of_the_5505(license));
            continue;
        }
        let Some(value) = what.value(license) else { continue };
        let term = what.feature().and_then(remaining).map_or(PERPETUAL.to_owned(), days);
        lines.push(Line { name, value, term: term.clone() });
        if let (Shared, Some(pool)) = (what, license.feature(Feature::SharedServer))
            && !pool.value().is_off()
        {
            let name = " Shared AnyConnect Premium Peers";
            lines.push(Line { name, value: pool.value().to_string(), term });
        }
    }
    lines
}

/// A licence's name and value as the firewall prints them under a key.
pub(super) fn licence(guide: Guide, feature: Feature, value: Value) -> (&'static str, String) {
    // The last of two lines for one feature is its total.
    let mut lines = table(guide).iter().rev();
    let line = lines.find(|(_, what)| what.feature() == Some(feature));
    let value = if value == Value::Enabled { switch(true) } else { number(value) };
    (line.map_or(feature.name(), |(name, _)| name), value)
}

/// A time as the firewall prints it: in days that have begun, so that a licence in its last hours
/// has one.
pub(super) fn days(time: Duration) -> String {
    let begun = u64::from(time.subsec_nanos() > 0);
    format!("{} days", time.as_secs().saturating_add(begun).div_ceil(86_400))
}

impl Line {
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{:<34}: {:<15}{}", self.name, self.value, self.term)
    }
}

impl What {
    /// Whether a No Payload Encryption model lists it (I9).
    const fn on_npe(self) -> bool {
        !matches!(
            self,
            Premium
                | NumberOrDisabled(_)
                | Number(_)
                | TotalVpn
                | Shared
                | PhoneProxy
                | Switch(
                    Feature::AnyconnectMobile
                        | Feature::AnyconnectVpnPhone
                        | Feature::AdvancedEndpointAssessment
                        | Feature::IntercompanyMediaEngine
                )
                | SwitchWhereSupported(Feature::VpnLoadBalancing)
        )
    }

    /// The feature whose time-based licence the value goes with.
    const fn feature(self) -> Option<Feature> {
        Some(match self {
            PhysicalInterfaces | Des => return None,
            Vlans => Feature::Vlans,
            InsideHosts => Feature::InsideHosts,
            Self::Failover => Feature::Failover,
            StrongEncryption => Feature::Encryption,
            Contexts => Feature::SecurityContexts,
            Premium => Feature::AnyconnectPremium,
            TotalVpn => Feature::TotalVpn,
            PhoneProxy => Feature::UcProxySessions,
            Shared => Feature::SharedServer,
            ClusterMembers => Feature::Clustering,
            Number(it) | NumberOrDisabled(it) | Switch(it) | SwitchWhereSupported(it) => it,
        })
    }

    /// What is printed, or none where the line is left out.
    fn value(self, license: &RunningLicense) -> Option<String> {
        let licensed = |feature| license.feature(feature).map_or(Value::Disabled, licensed_of);
        Some(match self {
            PhysicalInterfaces => physical_interfaces(license).to_owned(),
            Vlans => number(licensed(Feature::Vlans)),
            InsideHosts => license
                .feature(Feature::InsideHosts)
                .map_or("Unlimited".to_owned(), |hosts| number(licensed_of(hosts))),
            Self::Failover => failover(licensed(Feature::Failover)).to_owned(),
            Des => switch(true),
            StrongEncryption => {
                switch(licensed(Feature::Encryption) == Value::Encryption(Encryption::TripleDesAes))
            }
            Contexts => {
                let contexts = licensed(Feature::SecurityContexts);
                return (contexts != Value::NoSupport).then(|| number(contexts));
            }
            Number(feature) => number(licensed(feature)),
            Premium => number(match license.feature(Feature::AnyconnectPeers) {
                Some(peers) => licensed_of(peers),
                None => licensed(Feature::AnyconnectPremium),
            }),
            NumberOrDisabled(feature) => match licensed(feature) {
                value if value.is_off() => switch(false),
                value => number(value),
            },
            TotalVpn => number(license.limit(Limit::TotalVpn).value()),
            PhoneProxy => number(license.limit(Limit::PhoneProxy).value()),
            Shared => {
                let part = [Feature::SharedServer, Feature::SharedParticipant];
                switch(part.into_iter().any(|it| !licensed(it).is_off()))
            }
            Switch(feature) => switch(!licensed(feature).is_off()),
            SwitchWhereSupported(feature) => {
                let supported = license.entry().row(feature)?.value != Value::NoSupport;
                return supported.then(|| switch(!licensed(feature).is_off()));
            }
            ClusterMembers => {
                let members = licensed(Feature::Clustering);
                return (!members.is_off()).then(|| number(members));
            }
        })
    }
}

/// What is licensed, whichever of Essentials and Premium is used.
fn licensed_of(figure: &Figure) -> Value {
    let chosen = [Rule::EssentialsInForce, Rule::EssentialsExcludes].map(Source::Rule);
    let steps = figure.steps().into_iter();
    let licensed = steps.take_while(|step| !chosen.contains(&step.source)).last();
    licensed.map_or(figure.value(), |step| step.value)
}

fn number(value: Value) -> String {
    match value {
        Value::Count(count) => count.to_string(),
        Value::Unlimited => "Unlimited".to_owned(),
        value if value.is_off() => "0".to_owned(),
        value => value.to_string(),
    }
}

fn switch(on: bool) -> String {
    if on { "Enabled" } else { "Disabled" }.to_owned()
}

const fn failover(value: Value) -> &'static str {
    match value {
        Value::Failover(Failover::ActiveStandbyOrActiveActive) => "Active/Active",
        Value::Failover(_) => "Active/Standby",
        _ => "Disabled",
    }
}

/// Real units print their ports on the ASA 5505 alone; what the 9.1 guide calls “interfaces of all
/// types” is another number.
fn physical_interfaces(license: &RunningLicense) -> &'static str {
    if license.entry().model == Model::Asa5505 { "8" } else { "Unlimited" }
}

/// VLANs, second Internet provider and trunks, in the words of the ASA 5505.
fn vlans_of_the_5505(license: &RunningLicense) -> [Line; 3] {
    let plus = license.entry().tier == Tier::SecurityPlus;
    let figure = |feature| license.feature(feature).map_or(Value::Disabled, Figure::value);
    let line = |name, value, term: &str| Line { name, value, term: term.to_owned() };
    let dmz = if plus { "DMZ Unrestricted" } else { "DMZ Restricted" };
    [
        line("VLANs", number(figure(Feature::Vlans)), dmz),
        line("Dual ISPs", switch(plus), PERPETUAL),
        line("VLAN Trunk Ports", number(figure(Feature::VlanTrunks)), PERPETUAL),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_that_have_begun() {
        let days = |seconds, nanos| days(Duration::new(seconds, nanos));
        assert_eq!(days(0, 0), "0 days");
        assert_eq!(days(0, 1), "1 days");
        assert_eq!(days(86_400, 0), "1 days");
        assert_eq!(days(86_400, 1), "2 days");
        assert_eq!(days(62 * 86_400, 0), "62 days");
    }
}
