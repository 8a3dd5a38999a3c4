//! The `tollgate` command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Admission control by firewall licence.
#[derive(Parser, Debug)]
#[command(name = "tollgate", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {}

/// Runs the command line and returns the exit status: 0 done, 1 failed, 2 not understood.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {}
}
