//! `tollgate show`: what is installed on the unit and in force, in the firewall's own form.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::listing::{self, Line};
use crate::catalogue::{Entry, Tier};
use crate::cli::shared::SharedShow;
use crate::cli::{Failure, explain, json, unit};
use crate::license::failover::Link;
use crate::license::key::ParsedKey;
use crate::license::ring::{Permanent, State, TimedLicence};
use crate::license::{Configuration, GroupMode, RunningLicense};
use crate::store::Device;

/// Shows the unit's keys and licences.
#[derive(Subcommand, Debug)]
pub(in crate::cli) enum Show {
    /// The licensed features, the serial number and the running keys
    Version(Form),
    ActivationKey(ActivationKey),
    /// The running licence
    #[command(subcommand)]
    License(License),
    /// The failover pair or the cluster
    #[command(subcommand)]
    Failover(Failover),
    /// The unit's part in a shared licence
    #[command(subcommand)]
    Shared(SharedShow),
}

#[derive(Subcommand, Debug)]
pub(in crate::cli) enum License {
    /// Every figure of the running licence and why it has this value
    Explain(Form),
}

#[derive(Subcommand, Debug)]
pub(in crate::cli) enum Failover {
    /// The units, whether they communicate, and their combined licence
    License(Form),
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Form {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The keys and what they give.
#[derive(Args, Debug)]
pub(in crate::cli) struct ActivationKey {
    /// Inactive and expired keys too
    #[arg(value_parser = ["detail"])]
    detail: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(&self, device: &Device, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Version(form) if form.json => json::print(out, &report(device))?,
            Self::ActivationKey(form) if form.json => json::print(out, &report(device))?,
            Self::Version(_) => version(device, out)?,
            Self::ActivationKey(form) => keys(device, form.detail.is_some(), out)?,
            Self::License(License::Explain(form)) => explained(device, form.json, out)?,
            Self::Failover(Failover::License(form)) => failover(device, form.json, out)?,
            // A running unit is asked, not its file.
            Self::Shared(_) => {}
        }
        Ok(())
    }
}

/// What is licensed, not what the operator made of it: limits of their own are left out.
fn licensed(device: &Device) -> Configuration {
    let mut configuration = device.configuration().clone();
    configuration.restrictions.clear();
    configuration
}

/// The unit's own licence.
fn own_lines(device: &Device) -> Vec<Line> {
    let license = device.ring().running(&licensed(device));
    listing::lines(&license, &|feature| device.ring().remaining(&license, feature))
}

/// The licence of the group, where there is one.
fn group_lines(device: &Device) -> Option<Vec<Line>> {
    device.group()?;
    let configuration = licensed(device);
    let license = device.running(&configuration);
    let mut lines = listing::lines(&license, &|feature| device.remaining(&configuration, feature));
    // Real pairs list it among the unit's own alone.
    lines.retain(|line| line.name != "Cluster Members");
    Some(lines)
}

fn version(device: &Device, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Tollgate Software Version {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "\nHardware:   {}", hardware(device.ring().shipped()))?;
    print_cuts(&device.ring().running(&licensed(device)), out)?;
    writeln!(out)?;
    print_licences(device, out)?;
    writeln!(out)?;
    print_running_keys(device, out)
}

fn keys(device: &Device, detail: bool, out: &mut impl Write) -> io::Result<()> {
    print_running_keys(device, out)?;
    writeln!(out)?;
    print_licences(device, out)?;
    writeln!(out)?;
    if device.ring().needs_reload() {
        writeln!(
            out,
            "The flash permanent activation key is DIFFERENT from the running permanent key: \
             encryption until the next reload."
        )?;
    } else {
        writeln!(
            out,
            "The flash permanent activation key is the SAME as the running permanent key."
        )?;
    }
    print_timed(device, State::Active, "Active Timebased Activation Key:", out)?;
    if detail {
        print_timed(device, State::Inactive, "Inactive Timebased Activation Key:", out)?;
        print_timed(device, State::Expired, "Expired Timebased Activation Key:", out)?;
    }
    Ok(())
}

fn print_licences(device: &Device, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Licensed features for this platform:")?;
    own_lines(device).iter().try_for_each(|line| line.print(out))?;
    writeln!(out, "\n{}", platform(device.ring().unit(device.configuration()).entry()))?;
    if let Some(lines) = group_lines(device) {
        writeln!(out, "\nFailover cluster licensed features for this platform:")?;
        lines.iter().try_for_each(|line| line.print(out))?;
    }
    Ok(())
}

/// `This platform has an ASA 5505 Security Plus license.`
fn platform(entry: &Entry) -> String {
    match entry.tier {
        Tier::Base => "This platform has a Base license.".to_owned(),
        Tier::SecurityPlus => {
            format!("This platform has an {} Security Plus license.", entry.model)
        }
    }
}

/// The model as real units write it: `ASA5516`, `ASA5585-SSP-10`.
fn hardware(entry: &Entry) -> String {
    entry.model.name().replace(" with ", "-").replace("-X", "").replace(' ', "")
}

fn print_cuts(license: &RunningLicense, out: &mut impl Write) -> io::Result<()> {
    for (feature, bought, left) in license.cuts() {
        let name = feature.name().replace('-', " ");
        let left = if left.is_off() { "0".to_owned() } else { left.to_string() };
        writeln!(
            out,
            "The Running Activation Key feature: {bought} {name} exceed the limit on the \
             platform, reduced to {left} {name}."
        )?;
    }
    Ok(())
}

fn permanent(device: &Device) -> Option<ParsedKey> {
    match device.ring().permanent() {
        Permanent::Preinstalled => None,
        Permanent::Zeros => Some(ParsedKey::ZERO),
        Permanent::Key(key) => Some(key.key()),
    }
}

/// A unit as shipped has no key to show (A34).
fn print_running_keys(device: &Device, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Serial Number: {}", device.ring().serial())?;
    if let Some(key) = permanent(device) {
        writeln!(out, "Running Permanent Activation Key: {key}")?;
    }
    for licence in in_state(device, State::Active) {
        writeln!(out, "Running Timebased Activation Key: {}", licence.key())?;
    }
    Ok(())
}

fn in_state(device: &Device, state: State) -> impl Iterator<Item = &TimedLicence> {
    device.ring().time_based().iter().filter(move |licence| licence.state() == state)
}

fn print_timed(device: &Device, state: State, head: &str, out: &mut impl Write) -> io::Result<()> {
    for (index, licence) in in_state(device, state).enumerate() {
        if index == 0 {
            writeln!(out, "\n{head}")?;
        }
        for key in licence.keys() {
            writeln!(out, "{}", key.key())?;
        }
        let left = listing::days(licence.remaining());
        for (&feature, &value) in licence.grant().licences() {
            let guide = device.ring().shipped().guide();
            let (name, value) = listing::licence(guide, feature, value);
            writeln!(out, "{name:<28} : {value:<10} {left}")?;
        }
    }
    Ok(())
}

fn explained(device: &Device, json: bool, out: &mut impl Write) -> io::Result<()> {
    let license = device.running(device.configuration());
    unit::warn_of_cuts(&license);
    if json {
        json::print(out, &explain::report(&license))
    } else {
        explain::print(out, &device.ring().unit(device.configuration()), &license)
    }
}

fn failover(device: &Device, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let (Some(group), Some(lines)) = (device.group(), group_lines(device)) else {
        let why = "the unit is in no failover pair and no cluster; form one with `configure \
                   failover=`";
        return Err(Failure::Failed(why.to_owned()));
    };
    if json {
        return Ok(json::print(out, &report(device))?);
    }
    let mode = mode(group.mode());
    match group.link() {
        Link::Connected => writeln!(out, "{mode}, the units communicate")?,
        Link::Grace(since) => writeln!(
            out,
            "{mode}, no communication for {}; the combined licence stays for {}",
            listing::days(since),
            listing::days(group.grace().unwrap_or_default()),
        )?,
        Link::Separate => {
            writeln!(
                out,
                "{mode}, no communication for more than 30 days: each unit's own licence"
            )?;
        }
    }
    for (index, unit) in device.members().iter().enumerate() {
        let role = if index == 0 { "primary, this unit" } else { "secondary" };
        writeln!(out, "{} ({role})", unit.ring.serial())?;
    }
    writeln!(out, "\nFailover cluster licensed features for this platform:")?;
    Ok(lines.iter().try_for_each(|line| line.print(out))?)
}

const fn mode(mode: GroupMode) -> &'static str {
    match mode {
        GroupMode::ActiveStandby => "active-standby",
        GroupMode::ActiveActive => "active-active",
        GroupMode::Cluster => "cluster",
    }
}

fn report(device: &Device) -> Json {
    let features = |lines: Vec<Line>| {
        let lines = lines.into_iter().map(
            |line| json!({"name": line.name.trim_start(), "value": line.value, "term": line.term}),
        );
        lines.collect::<Vec<_>>()
    };
    let timed = device.ring().time_based().iter().map(|licence| {
        let licences = licence.grant().licences().iter();
        json!({
            "keys": licence.keys().map(|key| key.key().to_string()).collect::<Vec<_>>(),
            "state": licence.state().name(),
            "seconds_left": licence.remaining().as_secs(),
            "licences": licences.map(|(f, v)| format!("{f}={v}")).collect::<Vec<_>>(),
        })
    });
    let group = device.group().map(|group| {
        json!({
            "mode": mode(group.mode()),
            "units": device.members().iter().map(|it| it.ring.serial().to_string())
                .collect::<Vec<_>>(),
            "grace_seconds_left": group.grace().map(|left| left.as_secs()),
            "features": group_lines(device).map(features),
        })
    });
    let entry = device.ring().unit(device.configuration()).entry();
    json!({
        "model": entry.model.name(),
        "tier": entry.tier.name(),
        "guide": entry.guide().name(),
        "serial": device.ring().serial().to_string(),
        "permanent_key": permanent(device).map(|key| key.to_string()),
        "reload_required": device.ring().needs_reload(),
        "time_based_keys": timed.collect::<Vec<_>>(),
        "features": features(own_lines(device)),
        "failover": group,
    })
}
