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
use crate::capture::{Fit, Headroom, Need, Sizing};

/// Tell the smallest model, tier and licences that would have refused nothing of packet captures
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
            json::print(out, &demand.fits().iter().map(model).collect::<Json>())?;
        } else {
            traffic::print(out, &sizing.traffic())?;
            print_needs(out, demand.needs())?;
            print_smallest(out, demand.smallest().as_ref())?;
            print_fits(out, &demand.fits())?;
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

fn print_smallest(out: &mut impl Write, fit: Option<&Fit>) -> io::Result<()> {
    let Some(fit) = fit else {
        return writeln!(out, "no model would have refused nothing\n");
    };
    let licences = licences(fit);
    let with = if licences.is_empty() { String::new() } else { format!(" with {licences}") };
    writeln!(out, "the smallest that would have refused nothing: {}{with}\n", fit.entry)
}

/// `inside-hosts=50 uc-proxy-sessions=24`.
fn licences(fit: &Fit) -> String {
    let licences = fit.licences.iter().map(|(feature, value)| format!("{feature}={value}"));
    licences.collect::<Vec<_>>().join(" ")
}

fn print_fits(out: &mut impl Write, fits: &[Fit]) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(["model", "tier", "guide", "fits", "with licences", "too small"]);
    for fit in fits {
        let fits = if fit.is_enough() { "yes" } else { "no" };
        let short: Vec<_> = fit.short().map(shortfall).collect();
        let entry = fit.entry;
        builder.push_record([
            entry.model.to_string(),
            entry.tier.to_string(),
            entry.guide().to_string(),
            fits.to_owned(),
            licences(fit),
            short.join(", "),
        ]);
    }
    text::print_table(out, &mut builder.build())
}

/// `inside-hosts 10 of 17`, `other-vpn no-support of 3`.
fn shortfall(short: &Headroom) -> String {
    format!("{} {} of {}", short.need.limit, short.allowance, units(&short.need))
}

fn model(fit: &Fit) -> Json {
    let licences = fit.licences.iter();
    let licences =
        licences.map(|(feature, value)| (feature.name().to_owned(), json!(Cell::from(*value))));
    let limits = fit.limits.iter().map(|limit| {
        json!({
            "limit": limit.need.limit.name(),
            "allowed": Cell::from(limit.allowance),
            "needed": limit.need.units,
            "missing": limit.missing(),
        })
    });
    json!({
        "guide": fit.entry.guide().name(),
        "model": fit.entry.model.name(),
        "tier": fit.entry.tier.name(),
        "fits": fit.is_enough(),
        "licences": licences.collect::<Map<_, _>>(),
        "limits": limits.collect::<Vec<_>>(),
    })
}
