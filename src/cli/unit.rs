//! The unit that a person describes on the command line.

use clap::Args;

use super::{Failure, text};
use crate::catalogue::{self, Entry, Feature, LookupError, Value};
use crate::license::{RunningLicense, Unit};

/// A unit as shipped: model, tier, guide.
#[derive(Args, Debug)]
pub(super) struct ShippedArgs {
    /// The model by the guides' name, for instance "ASA 5505"; see `tollgate models`
    #[arg(long)]
    model: String,
    /// The tier: base or security-plus [default: base]
    #[arg(long)]
    tier: Option<String>,
    /// The guide: 9.1 or pak [default: 9.1 where it describes the model]
    #[arg(long)]
    guide: Option<String>,
}

impl ShippedArgs {
    /// The same, of commands that can do without.
    #[cfg(target_os = "linux")]
    pub(super) const fn new(model: String, tier: Option<String>, guide: Option<String>) -> Self {
        Self { model, tier, guide }
    }

    /// The entry of the catalogue that describes it.
    pub(super) fn entry(&self) -> Result<&'static Entry, LookupError> {
        catalogue::find(&self.model, self.tier.as_deref(), self.guide.as_deref())
    }
}

/// A unit: model, tier, licences, settings.
#[derive(Args, Debug)]
pub(super) struct UnitArgs {
    #[command(flatten)]
    shipped: ShippedArgs,
    #[command(flatten)]
    more: LicenceArgs,
}

/// What a unit has beyond what it is shipped with.
#[derive(Args, Debug)]
pub(super) struct LicenceArgs {
    /// A permanent licence, for instance anyconnect-premium=250
    #[arg(long, value_name = "FEATURE=VALUE")]
    add: Vec<String>,
    /// A setting, for instance mode=transparent or tls-proxy-maximum-sessions=500; the name of a
    /// limit sets the operator's own, lower one
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl UnitArgs {
    /// The unit as described.
    pub(super) fn unit(&self) -> Result<Unit, Failure> {
        self.more.of(&self.shipped)
    }
}

impl LicenceArgs {
    /// Whether nothing was given.
    #[cfg(target_os = "linux")]
    pub(super) const fn is_empty(&self) -> bool {
        self.add.is_empty() && self.set.is_empty()
    }

    /// The unit that is shipped as `shipped`, with all this.
    pub(super) fn of(&self, shipped: &ShippedArgs) -> Result<Unit, Failure> {
        let mut unit = Unit::new(shipped.entry()?);
        for licence in &self.add {
            let (feature, value) = split(licence, "--add", "FEATURE=VALUE")?;
            unit.add(feature.parse::<Feature>()?, value.parse::<Value>()?)?;
        }
        for setting in &self.set {
            let (key, value) = split(setting, "--set", "KEY=VALUE")?;
            unit.configure(key, value)?;
        }
        Ok(unit)
    }
}

/// What was bought beyond the platform, as a person is told.
pub(super) fn warn_of_cuts(license: &RunningLicense) {
    for (feature, bought, left) in license.cuts() {
        let entry = license.entry();
        text::note(&format_args!("`{feature}={bought}` is beyond {entry}; cut to {left}"));
    }
}

pub(super) fn split<'a>(
    text: &'a str,
    option: &'static str,
    form: &'static str,
) -> Result<(&'a str, &'a str), Failure> {
    text.split_once('=')
        .ok_or_else(|| Failure::NotUnderstood(format!("{option} takes {form}, not `{text}`")))
}
