//! `tollgate activation-key` and `tollgate reload`.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;
use serde_json::{Value as Json, json};

use super::occurrence::{print_end, reasons, report, told};
use super::opened;
use crate::cli::json::{self, Cell};
use crate::cli::{Failure, unit};
use crate::license::key::{ELEMENTS, ParsedKey};
use crate::license::ring::{Activation, Entered, Loss, Placed};
use crate::store::Occurrence;

/// Enters an activation key, or activates or deactivates a time-based one that was entered.
///
/// A new permanent key overwrites the one before. A new time-based key is active at once, with
/// `activate` or without it, as on the firewall.
#[derive(Args, Debug)]
pub(in crate::cli) struct ActivationKey {
    /// The key: five hexadecimal words, 0x before them or not; then activate, or deactivate for one
    /// that is installed
    #[arg(required = true, value_name = "KEY")]
    words: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reloads the unit: a downgrade of the encryption takes effect, and by the 9.1 guide the system
/// clock is held against the timers.
#[derive(Args, Debug)]
pub(in crate::cli) struct Reload {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the command did.
enum Done {
    Entered(Entered),
    Activated(Activation),
    Deactivated,
}

impl ActivationKey {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let (verb, words) = match self.words.split_last() {
            Some((last, words)) if ["activate", "deactivate"].contains(&last.as_str()) => {
                (last.as_str(), words)
            }
            Some((last, words)) if words.len() == ELEMENTS => {
                return Err(Failure::NotUnderstood(format!(
                    "after the key comes `activate`, `deactivate` or nothing, not `{last}`"
                )));
            }
            _ => ("enter", self.words.as_slice()),
        };
        let key: ParsedKey = words.join(" ").parse()?;
        let (file, mut device) = opened(state)?;
        let done = match verb {
            "activate" if device.ring().find(key).is_some() => {
                Done::Activated(device.activate(key)?)
            }
            "deactivate" => device.member_mut().ring.deactivate(key).map(|()| Done::Deactivated)?,
            _ => Done::Entered(device.enter(key)?),
        };
        let ended = device.save(file)?;
        unit::warn_of_cuts(&device.ring().running(device.configuration()));
        if self.json {
            let mut report = done.report(key);
            report["group_ended"] = ended.as_ref().map(reasons).into();
            json::print(out, &report)?;
        } else {
            done.print(key, out)?;
            print_end(ended.as_ref(), out)?;
        }
        Ok(())
    }
}

impl Reload {
    pub(super) fn run(&self, state: &Path, out: &mut impl Write) -> Result<(), Failure> {
        let (file, mut device) = opened(state)?;
        let serial = *device.ring().serial();
        let events = device.member_mut().ring.reload().into_iter();
        let mut happened: Vec<_> = events.map(|event| Occurrence::Key(serial, event)).collect();
        happened.extend(device.save(file)?.map(Occurrence::GroupEnded));
        if self.json {
            let events: Vec<_> = happened.iter().map(report).collect();
            return Ok(json::print(out, &json!({"serial": serial.to_string(), "events": events}))?);
        }
        writeln!(out, "reloaded")?;
        for occurrence in &happened {
            writeln!(out, "{}", told(occurrence))?;
        }
        Ok(())
    }
}

impl Done {
    fn print(&self, key: ParsedKey, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Entered(Entered::Permanent { lost, reload_required }) => {
                writeln!(out, "the permanent activation key is now {key}")?;
                for loss in lost {
                    writeln!(out, "{}", lost_licence(loss))?;
                }
                if *reload_required {
                    writeln!(
                        out,
                        "the encryption is downgraded at the next reload; reload the unit"
                    )?;
                }
            }
            Self::Entered(Entered::TimeBased { placed, activation }) => {
                match placed {
                    Placed::New => writeln!(out, "time-based key {key} is installed")?,
                    Placed::StackedOn(on) => {
                        writeln!(out, "the time of key {key} is added to that of {on}")?;
                    }
                    Placed::Again => {
                        writeln!(
                            out,
                            "time-based key {key} was installed before: no time is added"
                        )?;
                    }
                }
                print_activation(activation, out)?;
            }
            Self::Activated(activation) => print_activation(activation, out)?,
            Self::Deactivated => {
                writeln!(out, "time-based key {key} is inactive; its timer stands still")?;
            }
        }
        Ok(())
    }

    fn report(&self, key: ParsedKey) -> Json {
        let mut report = match self {
            Self::Entered(Entered::Permanent { lost, reload_required }) => json!({
                "kind": "permanent",
                "lost": lost.iter().map(|loss| json!({
                    "feature": loss.feature.name(),
                    "had": Cell::from(loss.had),
                    "has": loss.has.map(Cell::from),
                })).collect::<Vec<_>>(),
                "reload_required": reload_required,
            }),
            Self::Entered(Entered::TimeBased { placed, activation }) => json!({
                "kind": "time-based",
                "placed": match placed {
                    Placed::New => "new",
                    Placed::StackedOn(_) => "stacked",
                    Placed::Again => "again",
                },
                "stacked_on": match placed {
                    Placed::StackedOn(on) => Some(on.to_string()),
                    Placed::New | Placed::Again => None,
                },
                "activation": activation_report(activation),
            }),
            Self::Activated(activation) => {
                json!({"kind": "time-based", "activation": activation_report(activation)})
            }
            Self::Deactivated => json!({"kind": "time-based", "active": false}),
        };
        report["key"] = key.to_string().into();
        report
    }
}

fn activation_report(activation: &Activation) -> Json {
    match activation {
        Activation::Active { deactivated } => {
            let keys: Vec<_> = deactivated.iter().map(ToString::to_string).collect();
            json!({"active": true, "deactivated": keys})
        }
        Activation::Blocked { by } => json!({"active": false, "blocked_by": by.to_string()}),
    }
}

fn print_activation(activation: &Activation, out: &mut impl Write) -> io::Result<()> {
    match activation {
        Activation::Active { deactivated } => {
            writeln!(out, "it is active")?;
            for key in deactivated {
                writeln!(out, "time-based key {key}, for the same feature, is now inactive")?;
            }
        }
        Activation::Blocked { by } => {
            writeln!(out, "it is inactive, because key {by} for several features is active")?;
        }
    }
    Ok(())
}

fn lost_licence(Loss { feature, had, has }: &Loss) -> String {
    match has {
        Some(has) => format!("`{feature}={had}` of the key before is now `{feature}={has}`"),
        None => format!("`{feature}={had}` of the key before is gone"),
    }
}
