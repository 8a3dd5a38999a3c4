//! Running the `tollgate` command.

use std::process::{Command, Stdio};

/// What a run of the command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `tollgate` with these arguments to its end.
pub(crate) fn tollgate(args: &[&str]) -> Outcome {
    outcome(command(args).stdout(Stdio::piped()))
}

/// Runs `tollgate` with its standard output going to `stdout`.
pub(crate) fn tollgate_into(args: &[&str], stdout: impl Into<Stdio>) -> Outcome {
    outcome(command(args).stdout(stdout))
}

/// The standard output of a run that has to succeed and say nothing on standard error.
pub(crate) fn printed(args: &[&str]) -> String {
    let outcome = tollgate(args);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{args:?}");
    outcome.stdout
}

/// The standard error of a run that has to end with status 2 and print nothing else.
pub(crate) fn not_understood(args: &[&str]) -> String {
    let outcome = tollgate(args);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(2), ""), "{args:?}");
    outcome.stderr
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(args).stdin(Stdio::null());
    command
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome {
        status: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
