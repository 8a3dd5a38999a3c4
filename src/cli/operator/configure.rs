//! `tollgate configure`: what is set on the unit, apart from its keys.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{looked_at, opened};
use crate::cli::Failure;
use crate::cli::unit::split;
use crate::license::GroupMode;
use crate::store::Device;

/// Configures the unit: settings, own limits, failover. All of it is set or nothing.
///
/// `failover=active-standby`, `active-active` or `cluster` forms a group of this unit, the primary,
/// and those of `--mate`; `failover=off` ends it, and `failover-link=lost` and `connected` tell
/// whether its units communicate.
#[derive(Args, Debug)]
pub(in crate::cli) struct Configure {
    /// A setting, for instance contexts=multiple or tls-proxy-maximum-sessions=500; the name of a
    /// limit sets the operator's own, lower one
    #[arg(value_name = "KEY=VALUE", required_unless_present = "clear")]
    settings: Vec<String>,
    /// The file of another unit of the group; its keys are taken into this unit's file
    #[arg(long, value_name = "FILE")]
    mate: Vec<PathBuf>,
    /// First leave the group and set every limit as on a new unit; modes, hardware and keys stay
    #[arg(long)]
    clear: bool,
}

impl Configure {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let (file, mut device) = opened(state)?;
        if self.clear {
            device.leave();
            let mut configuration = device.configuration().clone();
            configuration.clear();
            device.configure(configuration);
        }
        for setting in &self.settings {
            match split(setting, "configure", "KEY=VALUE")? {
                ("failover", mode) => self.failover(&mut device, mode)?,
                ("failover-link", link) => set_link(&mut device, link)?,
                (key, value) => {
                    let mut unit = device.ring().unit(device.configuration());
                    unit.configure(key, value)?;
                    device.configure(unit.configuration().clone());
                }
            }
        }
        device.save(file)?;
        writeln!(out, "configured")?;
        Ok(())
    }

    fn failover(&self, device: &mut Device, mode: &str) -> Result<(), Failure> {
        let mode = match mode {
            "off" => {
                device.leave();
                return Ok(());
            }
            "active-standby" => GroupMode::ActiveStandby,
            "active-active" => GroupMode::ActiveActive,
            "cluster" => GroupMode::Cluster,
            other => {
                return Err(Failure::NotUnderstood(format!(
                    "`failover` does not take `{other}`; it takes active-standby, active-active, \
                     cluster or off"
                )));
            }
        };
        let mates = self.mate.iter().map(|mate| looked_at(mate)).collect::<Result<Vec<_>, _>>()?;
        let mates: Vec<_> = mates.iter().map(|mate| mate.members()[0].clone()).collect();
        Ok(device.form(mode, &mates)?)
    }
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
