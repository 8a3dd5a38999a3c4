//! `tollgate downgrade-check`: what an earlier release would leave of the unit's keys.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::catalogue::{Feature, Release, SmallerLimit};
use crate::cli::{Failure, json};
use crate::license::key::ParsedKey;
use crate::license::ring::{Downgrade, FailoverFate, PermanentFate, TimedFate, failover_after};
use crate::store::Device;

/// Tells what a downgrade of the software would leave of this unit's keys; changes nothing.
#[derive(Args, Debug)]
pub(in crate::cli) struct DowngradeCheck {
    /// The release, for instance 8.2 or 8.0(4)
    #[arg(long, value_name = "RELEASE")]
    to: String,
    /// The permanent key that was entered in that release, five words in quotes
    #[arg(long, value_name = "KEY")]
    earlier_key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl DowngradeCheck {
    pub(super) fn run(&self, device: &Device, out: &mut impl Write) -> Result<(), Failure> {
        let to: Release = self.to.parse()?;
        let earlier = self.earlier_key.as_deref().map(str::parse::<ParsedKey>).transpose()?;
        let verify = |key| device.members()[0].secret.verify(key);
        let earlier = earlier.map(verify).transpose()?;
        let fate = device.ring().downgrade(to, earlier.as_ref());
        let group = device.group().map(|_| {
            let units: Vec<_> = device.members().iter().map(|unit| &unit.ring).collect();
            failover_after(to, &units, device.configuration())
        });
        if self.json {
            json::print(out, &report(&fate, group))?;
        } else {
            print(&fate, group, out)?;
        }
        Ok(())
    }
}

fn print(fate: &Downgrade, group: Option<FailoverFate>, out: &mut impl Write) -> io::Result<()> {
    match &fate.permanent {
        PermanentFate::Kept { without } => {
            writeln!(out, "permanent key: kept{}", but(without))?;
        }
        PermanentFate::Earlier { key, because } => {
            writeln!(out, "permanent key: not taken because of {}", names(because))?;
            writeln!(out, "  the key that was entered before is used: {key}")?;
        }
        PermanentFate::NewKeyNeeded { because } => {
            writeln!(out, "permanent key: not taken because of {}", names(because))?;
            writeln!(out, "  ask for a key without them before the downgrade")?;
        }
    }
    for licence in &fate.time_based {
        let (before, after) = (licence.before.name(), licence.after.name());
        let change =
            if before == after { after.to_owned() } else { format!("{before}, then {after}") };
        writeln!(out, "time-based key {}: {change}{}", licence.key, but(&licence.without))?;
        if licence.blocks() {
            writeln!(out, "  it stays the active one until another key is entered again")?;
        }
    }
    for limit in &fate.limits {
        let SmallerLimit { feature, then, now } = limit;
        writeln!(out, "`{feature}`: at most {then} instead of {now}")?;
    }
    match group {
        None => Ok(()),
        Some(fate) => writeln!(out, "failover: {}", group_fate(fate)),
    }
}

fn group_fate(fate: FailoverFate) -> &'static str {
    match fate {
        FailoverFate::Kept => "kept",
        FailoverFate::NotCombined => "kept, each unit by its own licence",
        FailoverFate::Disabled => "disabled, because the licences of the units differ",
    }
}

fn names(features: &[Feature]) -> String {
    features.iter().map(|feature| format!("`{feature}`")).collect::<Vec<_>>().join(", ")
}

fn but(without: &[Feature]) -> String {
    if without.is_empty() { String::new() } else { format!(", without {}", names(without)) }
}

fn report(fate: &Downgrade, group: Option<FailoverFate>) -> Json {
    let list = |features: &[Feature]| features.iter().map(|it| it.name()).collect::<Vec<_>>();
    let permanent = match &fate.permanent {
        PermanentFate::Kept { without } => json!({"kept": true, "without": list(without)}),
        PermanentFate::Earlier { key, because } => {
            json!({"kept": false, "because": list(because), "earlier_key": key.to_string()})
        }
        PermanentFate::NewKeyNeeded { because } => json!({"kept": false, "because": list(because)}),
    };
    let timed = |licence: &TimedFate| {
        json!({
            "key": licence.key.to_string(),
            "before": licence.before.name(),
            "after": licence.after.name(),
            "without": list(&licence.without),
            "blocks": licence.blocks(),
        })
    };
    let limits = fate.limits.iter();
    let limits =
        limits.map(|it| json!({"feature": it.feature.name(), "from": it.now, "to": it.then}));
    json!({
        "to": fate.to.to_string(),
        "permanent": permanent,
        "time_based": fate.time_based.iter().map(timed).collect::<Vec<_>>(),
        "limits": limits.collect::<Vec<_>>(),
        "failover": group.map(group_fate),
    })
}
