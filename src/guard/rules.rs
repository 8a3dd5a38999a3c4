//! The rules that bring new connections to the queues: what an operator is told to install.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::process::{Command, Output};

/// The commands for IPv4 and for IPv6.
const PROGRAMS: [&str; 2] = ["iptables", "ip6tables"];

/// What the rules say of themselves, so that they are told from others.
const COMMENT: &str = "tollgate guard";

/// The rules for some queues.
///
/// They stand in the table `security`, whose `FORWARD` comes after that of `filter`: the gate is
/// asked only for what the firewall's policy has let through, and a packet that it accepts jumps
/// over no rule of the policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    queues: RangeInclusive<u16>,
    fail_open: bool,
}

/// Why rules were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The command could not be started.
    #[error("cannot run `{command}`: {source}")]
    NotRun {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The command failed.
    #[error("`{command}` failed: {said}")]
    Failed {
        /// The command.
        command: String,
        /// What it said.
        said: String,
    },
}

impl Rules {
    /// The rules for these queues. With `fail_open`, what finds no guard passes.
    pub const fn new(queues: RangeInclusive<u16>, fail_open: bool) -> Self {
        Self { queues, fail_open }
    }

    /// The arguments of one command that does `what` (`-A`, `-C`, `-D`) with the rule.
    fn arguments(&self, what: &str) -> Vec<String> {
        let (first, last) = (self.queues.start(), self.queues.end());
        let queue = if first == last {
            ["--queue-num".to_owned(), first.to_string()]
        } else {
            ["--queue-balance".to_owned(), format!("{first}:{last}")]
        };
        let before = format!("-w -t security {what} FORWARD -m conntrack --ctstate NEW,RELATED");
        let words = before.split(' ').map(str::to_owned);
        let comment = ["-m", "comment", "--comment", COMMENT, "-j", "NFQUEUE"].map(str::to_owned);
        let bypass = self.fail_open.then(|| "--queue-bypass".to_owned());
        words.chain(comment).chain(queue).chain(bypass).collect()
    }

    /// Adds the rules that are not there yet.
    ///
    /// # Errors
    ///
    /// Where a command fails; those that were added before stay, for [`remove`](Self::remove).
    pub fn install(&self) -> Result<(), RuleError> {
        for program in PROGRAMS {
            if !run(program, &self.arguments("-C"))?.status.success() {
                succeed(program, &self.arguments("-A"))?;
            }
        }
        Ok(())
    }

    /// Removes the rules that [`install`](Self::install) adds.
    ///
    /// # Errors
    ///
    /// Where a command fails; the others have been run.
    pub fn remove(&self) -> Result<(), RuleError> {
        let removed = PROGRAMS.map(|program| succeed(program, &self.arguments("-D")));
        removed.into_iter().collect()
    }

    /// As a person types it.
    fn line(&self, program: &str, what: &str) -> String {
        command_line(program, &self.arguments(what))
    }
}

fn command_line(program: &str, arguments: &[String]) -> String {
    let quoted = arguments
        .iter()
        .map(|word| if word.contains(' ') { format!("'{word}'") } else { word.clone() });
    std::iter::once(program.to_owned()).chain(quoted).collect::<Vec<_>>().join(" ")
}

fn run(program: &str, arguments: &[String]) -> Result<Output, RuleError> {
    Command::new(program)
        .args(arguments)
        .output()
        .map_err(|source| RuleError::NotRun { command: command_line(program, arguments), source })
}

fn succeed(program: &str, arguments: &[String]) -> Result<(), RuleError> {
    let output = run(program, arguments)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(RuleError::Failed { command: command_line(program, arguments), said })
}

/// What to type: for iptables, and for nftables instead.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# iptables; --install-rules adds these and removes them at the end")?;
        for program in PROGRAMS {
            writeln!(f, "{}", self.line(program, "-A"))?;
        }
        let (first, last) = (self.queues.start(), self.queues.end());
        let flags = if self.fail_open { "flags bypass " } else { "" };
        let queues = if first == last { first.to_string() } else { format!("{first}-{last}") };
        writeln!(f, "\n# or nftables, on a kernel with CONFIG_NFT_QUEUE (not tried: see docs)")?;
        writeln!(f, "nft add table inet tollgate")?;
        writeln!(
            f,
            "nft 'add chain inet tollgate forward {{ type filter hook forward priority 50; }}'"
        )?;
        writeln!(
            f,
            "nft add rule inet tollgate forward ct state new,related queue {flags}to {queues}"
        )?;
        writeln!(f, "\n# entries tell of their end even if they began while no guard ran")?;
        writeln!(f, "sysctl -w net.netfilter.nf_conntrack_events=1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_queue_and_several_fail_closed_and_fail_open() {
        let one = Rules::new(3..=3, false);
        assert_eq!(
            one.line("iptables", "-A"),
            "iptables -w -t security -A FORWARD -m conntrack --ctstate NEW,RELATED \
             -m comment --comment 'tollgate guard' -j NFQUEUE --queue-num 3"
        );
        let several = Rules::new(0..=1, true);
        assert!(several.line("ip6tables", "-D").ends_with("--queue-balance 0:1 --queue-bypass"));
        assert!(several.to_string().contains("queue flags bypass to 0-1\n"));
        assert!(one.to_string().contains("queue to 3\n"));
    }
}
