//! `tollgate replay`: what a unit would have admitted and refused of captured traffic.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value as Json, json};
use tabled::builder::Builder;
use tabled::settings::Alignment;
use tabled::settings::object::Columns;

use super::Failure;
use super::explain::because;
use super::json::{self, Cell};
use super::text;
use super::traffic::{self, TrafficArgs};
use super::unit::{UnitArgs, warn_of_cuts};
use crate::capture::{self, Desk, FirstRefusal, LimitReport};
use crate::gate::{Gate, Usage};
use crate::license::RunningLicense;

const HEADS: [&str; 6] = ["limit", "allowed", "peak", "admitted", "refused", "first refusal"];

/// Replay packet captures through a gate and tell what it would have refused
///
/// Connections open at a TCP SYN, or at the first packet of any other flow, and close as the
/// traffic and the idle times of a firewall say. VLAN ids, IKE sessions and TLS on the ports of
/// encrypted voice count against their own limits.
#[derive(Args, Debug)]
pub(super) struct Replay {
    #[command(flatten)]
    traffic: TrafficArgs,
    #[command(flatten)]
    unit: UnitArgs,
}

impl Replay {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let mut unit = self.unit.unit()?;
        if self.traffic.no_default_route {
            unit.configure("default-route", "none")?;
        }
        let license = RunningLicense::of(&unit);
        warn_of_cuts(&license);
        let gate = Gate::with_exact_peaks(license.clone());
        let workers = self.traffic.workers();
        let desk = Desk::new(&gate, self.traffic.zones(), workers.get());
        let mut replay = capture::Replay::new(workers, desk);
        let failure = self.traffic.each(|reader| replay.capture(reader))?;
        let (traffic, limits) = (replay.traffic(), replay.sink().report());
        if self.traffic.json {
            let mut report = traffic::report(&traffic);
            let limits = limits.iter().map(|line| limit(line, &license)).collect();
            report.insert("limits".to_owned(), limits);
            json::print(out, &report)?;
        } else {
            let entry = license.entry();
            writeln!(out, "{}, {} licence, by the {}", entry.model, entry.tier, entry.table)?;
            traffic::print(out, &traffic)?;
            print(out, &limits, &license)?;
        }
        out.flush()?;
        failure.map_or(Ok(()), Err)
    }
}

fn print(out: &mut impl Write, limits: &[LimitReport], license: &RunningLicense) -> io::Result<()> {
    let mut builder = Builder::default();
    builder.push_record(HEADS);
    for LimitReport { usage, first_refusal } in limits {
        let Usage { limit, allowance, peak, admitted, refused, .. } = usage;
        let first = first_refusal.as_ref().map(first).unwrap_or_default();
        let record = [allowance.to_string()]
            .into_iter()
            .chain([peak, admitted, refused].map(u64::to_string));
        builder.push_record(std::iter::once(limit.to_string()).chain(record).chain([first]));
    }
    let mut table = builder.build();
    table.modify(Columns::new(1..HEADS.len() - 1), Alignment::right());
    text::print_table(out, &mut table)?;
    for line in limits.iter().filter(|line| line.usage.refused > 0) {
        let limit = line.usage.limit;
        writeln!(out, "\nwhy {limit} is {}:", line.usage.allowance)?;
        for step in license.limit(limit).steps() {
            writeln!(out, "  {step}")?;
        }
    }
    Ok(())
}

/// `3.204 s, frame 117: TCP 10.0.0.1:1024 -> 192.0.2.1:443`.
fn first(refusal: &FirstRefusal) -> String {
    let FirstRefusal { at_ns, frame, who } = refusal;
    format!("{}, frame {frame}: {who}", traffic::seconds(*at_ns))
}

fn limit(line: &LimitReport, license: &RunningLicense) -> Json {
    let Usage { limit, allowance, in_use, peak, admitted, refused, .. } = line.usage;
    let first = line.first_refusal.map(|refusal| {
        let FirstRefusal { at_ns, frame, who } = refusal;
        json!({"at_ns": at_ns, "frame": frame, "who": who.to_string()})
    });
    json!({
        "limit": limit.name(),
        "allowed": Cell::from(allowance),
        "peak": peak,
        "admitted": admitted,
        "refused": refused,
        "in_use_at_end": in_use,
        "first_refusal": first,
        "because": because(license.limit(limit)),
    })
}
