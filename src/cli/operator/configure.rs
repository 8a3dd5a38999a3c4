//! `tollgate configure`: what is set on the unit, apart from its keys.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::occurrence::{print_end, reasons};
use super::{looked_at, opened};
use crate::cli::unit::split;
use crate::cli::{Failure, json, text};
use crate::license::failover::Group;
use crate::license::{GroupMode, RunningLicense};
use crate::store::{Device, Member};

/// What forms a group, and of which mode.
const MODES: [(&str, GroupMode); 3] = [
    ("active-standby", GroupMode::ActiveStandby),
    ("active-active", GroupMode::ActiveActive),
    ("cluster", GroupMode::Cluster),
];

/// Configures the unit: settings, own limits, failover. All of it is set or nothing.
///
/// `failover=active-standby`, `active-active` or `cluster` forms a group of this unit, the primary,
/// and those of `--mate`; `failover=off` or `no failover` ends it, and `failover-link=lost` and
/// `connected` tell whether its units communicate. A group is formed after everything else is set.
#[derive(Args, Debug)]
pub(in crate::cli) struct Configure {
    /// A setting, for instance contexts=multiple or tls-proxy-maximum-sessions=500; the name of a
    /// limit sets the operator's own, lower one; `no KEY` sets one back to what a new unit has
    #[arg(value_name = "KEY=VALUE|no KEY", required_unless_present = "clear")]
    settings: Vec<String>,
    /// The file of another unit of the group; its keys are taken into this unit's file
    #[arg(long, value_name = "FILE")]
    mate: Vec<PathBuf>,
    /// First leave the group and set every limit as on a new unit; modes, hardware and keys stay
    #[arg(long)]
    clear: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One thing to do.
#[derive(Clone, Copy)]
enum Change<'a> {
    Set(&'a str, &'a str),
    Reset(&'a str),
}

impl<'a> Change<'a> {
    const fn key(self) -> &'a str {
        match self {
            Self::Set(key, _) | Self::Reset(key) => key,
        }
    }

    fn apply(self, device: &mut Device) -> Result<(), Failure> {
        let mut unit = device.ring().unit(device.configuration());
        let configuration = match self {
            Self::Set(key, value) => {
                unit.configure(key, value)?;
                unit.configuration().clone()
            }
            Self::Reset(key) => {
                let mut configuration = device.configuration().clone();
                configuration.reset(key)?;
                configuration
            }
        };
        device.configure(configuration);
        Ok(())
    }
}

impl Configure {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let changes = self.changes()?;
        let failover = |change: &Change<'_>| change.key().starts_with("failover");
        let (groups, settings): (Vec<_>, Vec<_>) = changes.into_iter().partition(failover);
        if !self.mate.is_empty() && !groups.iter().any(|change| change.key() == "failover") {
            let why = "`--mate` goes with `failover=`, which forms a group with it";
            return Err(Failure::NotUnderstood(why.to_owned()));
        }
        // Before this unit's own file is held: nobody waits for both in turn.
        let mates = self.mate.iter().map(|mate| looked_at(mate)).collect::<Result<Vec<_>, _>>()?;
        let npe = mates.iter().map(|mate| mate.configuration().npe).collect::<Vec<_>>();
        let mates: Vec<_> = mates.iter().map(|mate| mate.members()[0].clone()).collect();
        let (file, mut device) = opened(state)?;
        if self.clear {
            device.leave();
            let mut configuration = device.configuration().clone();
            configuration.clear();
            device.configure(configuration);
        }
        settings.into_iter().try_for_each(|change| change.apply(&mut device))?;
        // The units of a group have one configuration, but each is the hardware that it is.
        if npe.iter().any(|npe| *npe != device.configuration().npe) {
            let why = "the units are not all No Payload Encryption models, or all others";
            return Err(Failure::Failed(why.to_owned()));
        }
        groups.into_iter().try_for_each(|change| group(&mut device, change, &mates))?;
        let ended = device.save(file)?;
        warn_of_tls_proxy(&device.running(device.configuration()));
        if self.json {
            let report = json!({
                "settings": device.configuration().settings(),
                "failover": device.group().map_or("off", |group| name(group.mode())),
                "communicate": device.group().map(Group::is_connected),
                "group_ended": ended.as_ref().map(reasons),
            });
            return Ok(json::print(out, &report)?);
        }
        writeln!(out, "configured")?;
        Ok(print_end(ended.as_ref(), out)?)
    }

    /// What the words say, in their order.
    fn changes(&self) -> Result<Vec<Change<'_>>, Failure> {
        let mut words = self.settings.iter();
        let mut changes = Vec::new();
        while let Some(word) = words.next() {
            changes.push(if word == "no" {
                let key = words.next().map(String::as_str).unwrap_or_default();
                if key.is_empty() || key.contains('=') {
                    let why = "`no` takes the name of one setting, as in `no total-vpn`";
                    return Err(Failure::NotUnderstood(why.to_owned()));
                }
                Change::Reset(key)
            } else {
                let (key, value) = split(word, "configure", "KEY=VALUE or no KEY")?;
                Change::Set(key, value)
            });
        }
        Ok(changes)
    }
}

/// What concerns the failover pair or the cluster.
fn group(device: &mut Device, change: Change<'_>, mates: &[Member]) -> Result<(), Failure> {
    match change {
        Change::Reset("failover") | Change::Set("failover", "off") => {
            device.leave();
            Ok(())
        }
        Change::Set("failover", mode) => form(device, mode, mates),
        Change::Set("failover-link", link) => set_link(device, link),
        Change::Reset("failover-link") => set_link(device, "connected"),
        other => other.apply(device),
    }
}

fn form(device: &mut Device, mode: &str, mates: &[Member]) -> Result<(), Failure> {
    let Some((_, mode)) = MODES.into_iter().find(|(name, _)| *name == mode) else {
        return Err(Failure::NotUnderstood(format!(
            "`failover` does not take `{mode}`; it takes active-standby, active-active, cluster \
             or off"
        )));
    };
    Ok(device.form(mode, mates)?)
}

fn name(mode: GroupMode) -> &'static str {
    MODES.into_iter().find(|(_, it)| *it == mode).map_or("", |(name, _)| name)
}

fn set_link(device: &mut Device, link: &str) -> Result<(), Failure> {
    if device.group().is_none() {
        let why = "the unit is in no failover pair and no cluster; form one with `failover=`";
        return Err(Failure::Failed(why.to_owned()));
    }
    match link {
        "lost" => device.link(false),
        "connected" => device.link(true),
        other => {
            return Err(Failure::NotUnderstood(format!(
                "`failover-link` does not take `{other}`; it takes lost or connected"
            )));
        }
    }
    Ok(())
}

/// What real units say when the configuration was cleared (E38).
fn warn_of_tls_proxy(license: &RunningLicense) {
    if let Some((limit, licence)) = license.tls_proxy_below_licence() {
        text::note(&format_args!(
            "the tls proxy limit is {limit}, below the licence for {licence}; set \
             tls-proxy-maximum-sessions"
        ));
    }
}
