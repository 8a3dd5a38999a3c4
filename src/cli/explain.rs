//! `tollgate explain`: the running licence with the reason for every figure.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Map, Value as Json, json};

use super::Failure;
use super::json::{self, Cell};
use super::unit::{UnitArgs, warn_of_cuts};
use crate::license::{Figure, Limit, RunningLicense, Unit};

/// Explains what is in force on a unit: every figure of its running licence and why it has this
/// value.
#[derive(Args, Debug)]
pub(super) struct Explain {
    #[command(flatten)]
    unit: UnitArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let unit = self.unit.unit()?;
        let license = RunningLicense::of(&unit);
        warn_of_cuts(&license);
        if self.json {
            json::print(out, &report(&license))?;
        } else {
            print(out, &unit, &license)?;
        }
        Ok(())
    }
}

pub(super) fn print(out: &mut impl Write, unit: &Unit, license: &RunningLicense) -> io::Result<()> {
    let entry = license.entry();
    writeln!(out, "{}, {} licence, by the {}", entry.model, entry.tier, entry.table)?;
    for (how, licences) in [("with", unit.licences()), ("for a time with", unit.time_based())] {
        if !licences.is_empty() {
            let bought = licences.iter().map(|(feature, value)| format!("{feature}={value}"));
            writeln!(out, "{how} {}", bought.collect::<Vec<_>>().join(", "))?;
        }
    }
    writeln!(out, "\nRunning licence")?;
    for (feature, figure) in license.features() {
        print_figure(out, feature.name(), figure)?;
    }
    if let Some(clients) = license.dhcp_clients() {
        print_figure(out, "dhcp-clients", clients)?;
    }
    writeln!(out, "\nLimits that the gate enforces")?;
    for limit in Limit::ALL {
        print_figure(out, limit.name(), license.limit(limit))?;
    }
    Ok(())
}

/// The name and the value in force, then why: the reason, or the steps that led to it.
fn print_figure(out: &mut impl Write, name: &str, figure: &Figure) -> io::Result<()> {
    let reasons = match figure.steps().as_slice() {
        [only] => vec![only.reason()],
        steps => steps.iter().map(ToString::to_string).collect(),
    };
    let value = figure.value().to_string();
    let heads = std::iter::once((name, value.as_str())).chain(std::iter::repeat(("", "")));
    heads
        .zip(reasons)
        .try_for_each(|((name, value), reason)| writeln!(out, "  {name:<28} {value:>11}  {reason}"))
}

pub(super) fn report(license: &RunningLicense) -> Json {
    let entry = license.entry();
    let features = license.features().map(|(feature, f)| (feature.name().to_owned(), figure(f)));
    let limits = Limit::ALL.map(|limit| {
        let line = license.limit(limit);
        let allowed = Cell::from(line.allowance());
        (limit.name().to_owned(), json!({"allowed": allowed, "because": because(line)}))
    });
    let cuts = license.cuts().map(|(feature, bought, left)| {
        json!({
            "feature": feature.name(),
            "bought": Cell::from(bought),
            "cut_to": Cell::from(left),
        })
    });
    let mut report = json!({
        "guide": entry.guide().name(),
        "model": entry.model.name(),
        "tier": entry.tier.name(),
        "features": features.collect::<Map<_, _>>(),
        "limits": limits.into_iter().collect::<Map<_, _>>(),
        "cuts": cuts.collect::<Vec<_>>(),
    });
    if let Some(clients) = license.dhcp_clients() {
        report["dhcp_clients"] = figure(clients);
    }
    report
}

fn figure(figure: &Figure) -> Json {
    json!({"value": Cell::from(figure.value()), "because": because(figure)})
}

/// The steps that made a figure, as `tollgate replay` prints them too.
pub(super) fn because(figure: &Figure) -> Json {
    let steps = figure.steps();
    let step =
        steps.iter().map(|step| json!({"value": Cell::from(step.value), "reason": step.reason()}));
    step.collect()
}
