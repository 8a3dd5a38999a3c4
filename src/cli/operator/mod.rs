//! The commands of those who issue keys and those who run a unit.

mod authority;
mod configure;
mod device;
mod downgrade;
mod key;
mod listing;
mod occurrence;
mod show;

use std::io::Write;
use std::path::Path;

use clap::Subcommand;

use super::{Failure, text};
use crate::store::{Device, DeviceRecord, File, Moment};

#[derive(Subcommand, Debug)]
pub(super) enum Operator {
    #[command(subcommand)]
    Authority(authority::Authority),
    Issue(authority::Issue),
    #[command(subcommand)]
    Device(device::DeviceCommand),
    ActivationKey(key::ActivationKey),
    Reload(key::Reload),
    Configure(configure::Configure),
    #[command(subcommand)]
    Show(show::Show),
    DowngradeCheck(downgrade::DowngradeCheck),
}

impl Operator {
    /// Whether it is about a unit whose file `--state` names.
    pub(super) const fn takes_state(&self) -> bool {
        !matches!(self, Self::Authority(_) | Self::Issue(_))
    }

    pub(super) fn run(&self, state: Option<&Path>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Authority(authority) => authority.run(out),
            Self::Issue(issue) => issue.run(out),
            Self::Device(device) => device.run(named(state)?, out),
            Self::ActivationKey(key) => key.run(named(state)?, out),
            Self::Reload(reload) => reload.run(named(state)?, out),
            Self::Configure(configure) => configure.run(named(state)?, out),
            Self::Show(show::Show::Shared(shared)) => shared.run(named(state)?, out),
            Self::Show(show) => show.run(&looked_at(named(state)?)?, out),
            Self::DowngradeCheck(check) => check.run(&looked_at(named(state)?)?, out),
        }
    }
}

pub(in crate::cli) fn named(state: Option<&Path>) -> Result<&Path, Failure> {
    state.ok_or_else(|| {
        Failure::NotUnderstood("`--state FILE` has to name the unit's file".to_owned())
    })
}

/// The unit as it is now, for commands that change nothing.
pub(in crate::cli) fn looked_at(state: &Path) -> Result<Device, Failure> {
    let (_, device, _) = Device::open(state, &Moment::now()?)?;
    Ok(device)
}

/// The unit as it is now, and its file. What time brought about is told, because it is in the
/// record when the command has done its work.
fn opened(state: &Path) -> Result<(File<DeviceRecord>, Device), Failure> {
    let (file, device, happened) = Device::open(state, &Moment::now()?)?;
    for occurrence in &happened {
        text::note(&occurrence::told(occurrence));
    }
    Ok((file, device))
}
