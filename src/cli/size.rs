//! `tollgate size`: which models and licences would have refused nothing of captured traffic.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Map, Value as Json, json};
use tabled::builder::Builder;
use tabled::settings::Alignment;
use tabled::settings::object::Columns;

use super::Failure;
use super::json::{self, Cell};
use super::text;
use super::traffic::{self, TrafficArgs};
use crate::capture::{Demand, Fit, Need, Shortfall, Sizing};

/// Tell which models, with which licences, would have refused nothing of packet captures
#[derive(Args, Debug)]
pub(super) struct Size {
    #[command(flatten)]
    traffic: TrafficArgs,
}

impl Size {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let traffic = &self.traffic;
        let mut sizing =
            Sizing::new(traffic.workers(), &traffic.zones(), !traffic.no_default_route);
        let failure = traffic.each(|reader| sizing.capture(reader))?;
        let demand = sizing.demand();
        if traffic.json {
            let mut report = traffic::report(&sizing.traffic());
            report.insert("needed".to_owned(), Json::Object(needs(&demand)));
            report.insert("models".to_owned(), demand.fits().map(|fit| model(&fit)).collect());
            json::print(out, &report)?;
        } else {
            traffic::print(out, &sizing.traffic())?;
            print_needs(out, demand.needs())?;
            print_fits(out, &demand)?;
        }
        out.flush()?;
        failure.map_or(Ok(()), Err)
    }
}

fn print_needs(out: &mut impl Write, needs: &[Need]) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(["limit", "needed"]);
    for need in needs {
        builder.push_record([need.limit.to_string(), units(need)]);
    }
    let mut table = builder.build();
    table.modify(Columns::last(), Alignment::right());
    text::print_table(out, &mut table)?;
    writeln!(out)
}

/// The units needed, with a sign where they are more than could be counted.
fn units(need: &Need) -> String {
    format!("{}{}", if need.more { ">" } else { "" }, need.units)
}

fn print_fits(out: &mut impl Write, demand: &Demand) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(["model", "tier", "guide", "fits", "with licences", "too small"]);
    for fit in demand.fits() {
        let fits = if fit.is_enough() { "yes" } else { "no" };
        let licences = fit.licences.iter().map(|(feature, value)| format!("{feature}={value}"));
        let licences = licences.collect::<Vec<_>>().join(" ");
        let short: Vec<_> = fit.short.iter().map(shortfall).collect();
        let entry = fit.entry;
        builder.push_record([
            entry.model.to_string(),
            entry.tier.to_string(),
            entry.guide().to_string(),
            fits.to_owned(),
            licences,
            short.join(", "),
        ]);
    }
    text::print_table(out, &mut builder.build())
}

/// `inside-hosts 10 of 17`, `other-vpn no-support of 3`.
fn shortfall(short: &Shortfall) -> String {
    format!("{} {} of {}", short.need.limit, short.allowance, units(&short.need))
}

fn needs(demand: &Demand) -> Map<String, Json> {
    let need = |need: &Need| (need.limit.name().to_owned(), json!(need.units));
    demand.needs().iter().map(need).collect()
}

fn model(fit: &Fit) -> Json {
    let licences = fit.licences.iter();
    let licences =
        licences.map(|(feature, value)| (feature.name().to_owned(), json!(Cell::from(*value))));
    let short = fit.short.iter().map(|short| {
        json!({
            "limit": short.need.limit.name(),
            "allowed": Cell::from(short.allowance),
            "needed": short.need.units,
            "missing": short.units(),
        })
    });
    json!({
        "guide": fit.entry.guide().name(),
        "model": fit.entry.model.name(),
        "tier": fit.entry.tier.name(),
        "fits": fit.is_enough(),
        "licences": licences.collect::<Map<_, _>>(),
        "too_small": short.collect::<Vec<_>>(),
    })
}
