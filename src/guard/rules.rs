//! The rules that bring new connections to the queues: what an operator is told to install.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::process::{Command, Output};

/// The commands for IPv4 and for IPv6.
const PROGRAMS: [&str; 2] = ["iptables", "ip6tables"];

/// Where the rules stand.
const CHAIN: &str = "FORWARD";

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

    /// The arguments of the command that adds the rule.
    ///
    /// The first packet of a connection is confirmed when it has passed everything: the packets
    /// after it are not, so that none of a connection in progress waits for anybody, whether or not
    /// its other side has answered.
    fn arguments(&self) -> Vec<String> {
        let (first, last) = (self.queues.start(), self.queues.end());
        let queue = if first == last {
            ["--queue-num".to_owned(), first.to_string()]
        } else {
            ["--queue-balance".to_owned(), format!("{first}:{last}")]
        };
        let before = "-m conntrack --ctstate NEW,RELATED ! --ctstatus CONFIRMED";
        let words = [&TABLE[..], &["-A", CHAIN]].concat().into_iter().chain(before.split(' '));
        let words = words.map(str::to_owned);
        let comment = ["-m", "comment", "--comment", COMMENT, "-j", "NFQUEUE"].map(str::to_owned);
        let bypass = self.fail_open.then(|| "--queue-bypass".to_owned());
        words.chain(comment).chain(queue).chain(bypass).collect()
    }

    /// Adds the rules, and removes those that guards before have left, whatever their queues were.
    ///
    /// # Errors
    ///
    /// Where a command fails; those that were added before stay, for [`remove`](Self::remove).
    pub fn install(&self) -> Result<(), RuleError> {
        for program in PROGRAMS {
            let left = installed(program)?;
            // First the new one, so that nothing passes unjudged in between.
            succeed(program, &self.arguments())?;
            remove(program, &left)?;
        }
        Ok(())
    }

    /// Removes the rules of every guard.
    ///
    /// # Errors
    ///
    /// Where a command fails; the others have been run.
    pub fn remove() -> Result<(), RuleError> {
        let removed = PROGRAMS.map(|program| remove(program, &installed(program)?));
        removed.into_iter().collect()
    }

    /// As a person types it.
    fn line(&self, program: &str) -> String {
        command_line(program, &self.arguments())
    }
}

/// Which table; waiting for whoever changes it just now.
const TABLE: [&str; 3] = ["-w", "-t", "security"];

/// The words after `-A` of the guards' rules that are there.
fn installed(program: &str) -> Result<Vec<Vec<String>>, RuleError> {
    let list = [&TABLE[..], &["-S", CHAIN]].concat().into_iter().map(str::to_owned);
    let output = succeed(program, &list.collect::<Vec<_>>())?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(of_a_guard).collect())
}

/// The words after `-A` where a line of `iptables -S` is a guard's rule. The comment is the only
/// one of its words that has a blank in it.
fn of_a_guard(line: &str) -> Option<Vec<String>> {
    let rule = line.strip_prefix("-A ")?;
    let (before, after) = rule.split_once(&format!("--comment \"{COMMENT}\""))?;
    let words = before.split_whitespace().chain(["--comment", COMMENT]);
    Some(words.chain(after.split_whitespace()).map(str::to_owned).collect())
}

/// Removes these rules; of equal ones as many, the first of them.
fn remove(program: &str, rules: &[Vec<String>]) -> Result<(), RuleError> {
    let removed = rules.iter().map(|rule| {
        let delete = TABLE.iter().chain(&["-D"]).map(|word| (*word).to_owned());
        succeed(program, &delete.chain(rule.iter().cloned()).collect::<Vec<_>>()).map(drop)
    });
    // All of them are tried.
    removed.collect::<Vec<_>>().into_iter().collect()
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

fn succeed(program: &str, arguments: &[String]) -> Result<Output, RuleError> {
    let output = run(program, arguments)?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(RuleError::Failed { command: command_line(program, arguments), said })
}

/// What to type: for iptables, and for nftables instead.
impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# iptables; --install-rules adds these and removes them at the end")?;
        for program in PROGRAMS {
            writeln!(f, "{}", self.line(program))?;
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
            "nft 'add rule inet tollgate forward ct state new,related \
             ct status & confirmed == 0 queue {flags}to {queues}'"
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
            one.line("iptables"),
            "iptables -w -t security -A FORWARD -m conntrack --ctstate NEW,RELATED \
             ! --ctstatus CONFIRMED -m comment --comment 'tollgate guard' -j NFQUEUE --queue-num 3"
        );
        let several = Rules::new(0..=1, true);
        assert!(several.line("ip6tables").ends_with("--queue-balance 0:1 --queue-bypass"));
        assert!(several.to_string().contains("queue flags bypass to 0-1'\n"));
        assert!(one.to_string().contains("queue to 3'\n"));
    }

    #[test]
    fn the_rules_of_guards_are_told_from_others() {
        let line = "-A FORWARD -m conntrack --ctstate NEW,RELATED -m comment --comment \
                    \"tollgate guard\" -j NFQUEUE --queue-num 0";
        let words = of_a_guard(line).unwrap();
        assert_eq!(
            words.join("|"),
            "FORWARD|-m|conntrack|--ctstate|NEW,RELATED|-m|comment|\
            --comment|tollgate guard|-j|NFQUEUE|--queue-num|0"
        );
        for other in [
            "-P FORWARD ACCEPT",
            "-A FORWARD -j NFQUEUE --queue-num 0",
            "-A FORWARD -m comment --comment \"not tollgate guard\" -j DROP",
        ] {
            assert_eq!(of_a_guard(other), None, "{other}");
        }
    }
}
