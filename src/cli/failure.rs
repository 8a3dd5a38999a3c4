//! How a command ends when it does not end well.

use std::fmt;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::text;
use crate::catalogue::{LookupError, ReleaseError, UnknownFeature, UnknownValue};
use crate::license::UnitError;
use crate::license::failover::Mismatch;
use crate::license::key::{IssueError, KeyError, KeyTextError, SerialError};
use crate::license::ring::RingError;
use crate::net::{NetError, SecretError};
use crate::pool::{Ineligible, LabelError, SettingsError};
use crate::serve::ServeError;
use crate::store::StoreError;

/// Why a command did not do what was asked; decides the exit status.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line does not parse, or asks for help: clap says so in its own words.
    Usage(clap::Error),
    /// What was asked for was not understood: exit status 2.
    NotUnderstood(String),
    /// It was understood and failed on the way: exit status 1.
    Failed(String),
    /// It was understood, and the output says what did not hold: exit status 1.
    Told,
    /// Writing the output failed: exit status 1.
    Output(io::Error),
}

/// What went wrong, for a log.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => error.fmt(f),
            Self::NotUnderstood(why) | Self::Failed(why) => f.write_str(why),
            Self::Told => Ok(()),
            Self::Output(error) => error.fmt(f),
        }
    }
}

impl Failure {
    /// What went wrong, for who goes on in spite of it.
    #[cfg(target_os = "linux")]
    pub(super) fn why(self) -> String {
        match self {
            Self::Usage(error) => error.to_string(),
            Self::NotUnderstood(why) | Self::Failed(why) => why,
            Self::Told => String::new(),
            Self::Output(error) => error.to_string(),
        }
    }

    /// Says on standard error what went wrong and returns the exit status.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) => usage(&error),
            Self::NotUnderstood(why) => say(&why, 2),
            Self::Failed(why) => say(&why, 1),
            Self::Told => ExitCode::FAILURE,
            // Whoever reads the output has seen enough, as `head` does.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Output(error) => say(&format_args!("cannot write the output: {error}"), 1),
        }
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    match error.kind() {
        DisplayHelp | DisplayVersion => match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => Failure::Output(error).report(),
        },
        DisplayHelpOnMissingArgumentOrSubcommand => {
            // Nothing can be told to somebody whose standard error is closed.
            let _ = error.print();
            ExitCode::from(2)
        }
        // What clap renders begins with `error: `.
        _ => {
            text::tell(&format_args!("tollgate: {}", error.render().to_string().trim_end()));
            ExitCode::from(2)
        }
    }
}

fn say(error: &dyn std::fmt::Display, status: u8) -> ExitCode {
    text::tell(&format_args!("tollgate: error: {error}"));
    ExitCode::from(status)
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

/// Errors about what was given on the command line.
macro_rules! not_understood {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::NotUnderstood(error.to_string())
            }
        })+
    };
}
not_understood!(LookupError, UnknownFeature, UnknownValue, UnitError);
not_understood!(ReleaseError, SerialError, KeyTextError);
not_understood!(LabelError, SecretError, SettingsError);

/// Errors about what was asked for and cannot be done.
macro_rules! failed {
    ($($error:ty),+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        })+
    };
}
failed!(StoreError, RingError, IssueError, KeyError, Mismatch);
failed!(Ineligible, NetError, ServeError);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
