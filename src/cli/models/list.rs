//! Every model with its main numbers.

use std::io::{self, Write};

use tabled::builder::Builder;
use tabled::settings::Alignment;
use tabled::settings::object::Columns;

use crate::catalogue::{Entry, Failover, Feature, Offer, Value};
use crate::cli::text;

const HEADS: [&str; 12] = [
    "model",
    "tier",
    "guide",
    "conns",
    "anyconnect",
    "other-vpn",
    "total-vpn",
    "uc-proxy",
    "vlans",
    "contexts",
    "cluster",
    "failover",
];

const LEGEND: &str = "\
In brackets: the most that an optional licence raises it to. off: disabled; -: no support.
vlans 3/2: in routed and in transparent mode. A/S: active/standby; A/A: active/active.
`tollgate models MODEL/TIER` shows the whole table.";

pub(super) fn print<'a>(
    out: &mut impl Write,
    entries: impl Iterator<Item = &'a Entry>,
) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(HEADS);
    for entry in entries {
        builder.push_record(record(entry));
    }
    let mut table = builder.build();
    table.modify(Columns::new(3..HEADS.len() - 1), Alignment::right());
    text::print_table(out, &mut table)?;
    writeln!(out, "\n{LEGEND}")
}

fn record(entry: &Entry) -> [String; HEADS.len()] {
    let peers = entry.row(Feature::AnyconnectPeers).map(|row| row.feature);
    let main = |feature| main_number(entry, feature);
    [
        entry.model.to_string(),
        entry.tier.to_string(),
        entry.guide().to_string(),
        main(Feature::FirewallConns),
        main(peers.unwrap_or(Feature::AnyconnectPremium)),
        main(Feature::OtherVpn),
        main(Feature::TotalVpn),
        main(Feature::UcProxySessions),
        main(Feature::Vlans),
        main(Feature::SecurityContexts),
        main(Feature::Clustering),
        main(Feature::Failover),
    ]
}

/// What is included and, in brackets, the most there is.
fn main_number(entry: &Entry, feature: Feature) -> String {
    let Some(row) = entry.row(feature) else { return String::new() };
    let included = short(row.value);
    match row.optional.last() {
        Some(Offer::One(most)) => format!("{included} ({})", short(*most)),
        Some(Offer::Range { to, .. }) => format!("{included} ({to})"),
        None => included,
    }
}

fn short(value: Value) -> String {
    match value {
        Value::NoSupport => "-".to_owned(),
        Value::Disabled => "off".to_owned(),
        Value::ByMode { routed, transparent } => format!("{routed}/{transparent}"),
        Value::Failover(Failover::ActiveStandbyNoStateful) => "A/S, not stateful".to_owned(),
        Value::Failover(Failover::ActiveStandby) => "A/S".to_owned(),
        Value::Failover(Failover::ActiveStandbyOrActiveActive) => "A/S or A/A".to_owned(),
        other => other.to_string(),
    }
}
