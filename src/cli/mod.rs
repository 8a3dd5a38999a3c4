//! The `tollgate` command line.

mod bench;
mod explain;
mod failure;
#[cfg(target_os = "linux")]
mod guard;
mod json;
mod models;
mod operator;
mod replay;
mod shared;
mod sim;
mod size;
mod text;
mod traffic;
mod unit;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Admission control by firewall licence.
#[derive(Parser, Debug)]
#[command(name = "tollgate", version, propagate_version = true)]
struct Cli {
    /// The unit's file, for the commands of its operator
    #[arg(long, global = true, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Models(models::Models),
    Explain(explain::Explain),
    Replay(replay::Replay),
    Size(size::Size),
    Bench(bench::Bench),
    Sim(sim::Sim),
    #[cfg(target_os = "linux")]
    Guard(guard::Guard),
    #[command(flatten)]
    Shared(shared::Shared),
    #[command(flatten)]
    Operator(operator::Operator),
}

/// Runs the command line and returns the exit status: 0 done, 1 failed, 2 not understood.
pub fn main() -> ExitCode {
    let done = Cli::try_parse().map_err(Failure::from).and_then(|cli| {
        let mut out = BufWriter::new(io::stdout().lock());
        run(&cli, &mut out)?;
        Ok(out.flush()?)
    });
    done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

impl Command {
    /// Whether it is about a unit whose file `--state` names.
    const fn takes_state(&self) -> bool {
        match self {
            Self::Shared(_) => true,
            #[cfg(target_os = "linux")]
            Self::Guard(_) => true,
            Self::Operator(operator) => operator.takes_state(),
            _ => false,
        }
    }
}

fn run(cli: &Cli, out: &mut impl Write) -> Result<(), Failure> {
    if cli.state.is_some() && !cli.command.takes_state() {
        return Err(Failure::NotUnderstood(
            "`--state` names a unit's file, which this command does not use; leave it out, and \
             describe the unit by the command's own options"
                .to_owned(),
        ));
    }
    match &cli.command {
        Command::Models(models) => models.run(out),
        Command::Explain(explain) => explain.run(out),
        Command::Replay(replay) => replay.run(out),
        Command::Size(size) => size.run(out),
        Command::Bench(bench) => bench.run(out),
        Command::Sim(sim) => sim.run(out),
        #[cfg(target_os = "linux")]
        Command::Guard(guard) => guard.run(cli.state.as_deref(), out),
        Command::Shared(shared) => shared.run(cli.state.as_deref(), out),
        Command::Operator(operator) => operator.run(cli.state.as_deref(), out),
    }
}
