//! What a guard tells whoever runs it.

use std::fmt;

use etherparse::{IpNumber, ip_number};

use super::booth::Line;
use super::keeper::Tally;
use crate::capture::FiveTuple;
use crate::gate::Refusal;
use crate::license::Limit;

/// Something that an operator is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// Packets are being judged from now on.
    Ready {
        /// How many connections were alive.
        adopted: u64,
        /// Whether packets come with their conntrack entries.
        tells_entries: bool,
    },
    /// A connection was refused, or would have been.
    Refused(Refused),
    /// Refusals that were not told one by one.
    Suppressed(u64),
    /// Another licence is in force.
    Published,
    /// The licence could not be renewed: the one before stays in force.
    NotPublished(String),
    /// As many units are reserved as are allowed, or more: nothing else is admitted.
    AllReserved {
        /// Units that are reserved.
        reserved: u64,
        /// Units that are allowed.
        allowed: u64,
    },
    /// The kernel had more news than there was room for.
    Overflow,
    /// Conntrack's table could not be compared: it is tried again soon.
    NotCompared(String),
    /// The guard fails, and its rules stay, so that nothing passes unjudged.
    RulesStay,
    /// A dump of conntrack's table differed from what was counted, which has been put right.
    Drift {
        /// Connections that it differed in.
        connections: u64,
    },
    /// How things stand.
    Status(Box<Status>),
}

/// A connection that was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Who was refused.
    pub tuple: FiveTuple,
    /// Why.
    pub refusal: Refusal,
    /// The number of the interface that its packet came in by.
    pub interface: u32,
    /// Whether it passed all the same, because the guard observes.
    pub observed: bool,
}

/// How things stand.
#[derive(Clone, Debug)]
pub struct Status {
    /// The limits that connections are counted under.
    pub lines: Vec<Line>,
    /// The first refusal of each limit, with the milliseconds since the start.
    pub first: [Option<(u64, FiveTuple)>; Limit::COUNT],
    /// What the queues have seen.
    pub packets: Packets,
    /// What conntrack has told.
    pub tally: Tally,
    /// How often the kernel had more news than there was room for.
    pub overflows: u64,
    /// Seconds since the start, in milliseconds.
    pub up_ms: u64,
}

/// What queues have seen.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Packets {
    /// Packets that were judged.
    pub judged: u64,
    /// Of them, those of a connection that had been let through before.
    pub known: u64,
    /// Those that belong to another connection or to none, and passed: ICMP errors.
    pub uncounted: u64,
    /// Those whose connection could not be told.
    pub unreadable: u64,
    /// How often a queue had more packets than its socket had room for.
    pub overflows: u64,
}

impl Packets {
    /// Adds those of another queue.
    pub const fn add(&mut self, other: &Self) {
        self.judged += other.judged;
        self.known += other.known;
        self.uncounted += other.uncounted;
        self.unreadable += other.unreadable;
        self.overflows += other.overflows;
    }
}

/// As the firewall logs it: messages 201011 and 450001.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tuple, refusal, interface, observed } = self;
        let FiveTuple { protocol, source, destination, source_port, destination_port } = tuple;
        let allowed = refusal.allowance;
        let interface = interface_name(*interface);
        if refusal.limit == Limit::InsideHosts {
            write!(
                f,
                "%ASA-4-450001: Deny traffic for protocol {protocol} src \
                 {interface}:{source}/{source_port} dst {destination}/{destination_port}, \
                 licensed host limit of {allowed} exceeded."
            )?;
        } else {
            let kind = match IpNumber(*protocol) {
                ip_number::TCP => "TCP ",
                ip_number::UDP => "UDP ",
                _ => "",
            };
            write!(
                f,
                "%ASA-3-201011: Connection limit exceeded {allowed}/{allowed} for input {kind}\
                 packet from {source}/{source_port} to {destination}/{destination_port} on \
                 interface {interface}"
            )?;
        }
        if *observed { f.write_str(" (observed; passed)") } else { Ok(()) }
    }
}

fn interface_name(number: u32) -> String {
    nix::net::if_::if_indextoname(number)
        .map_or_else(|_| number.to_string(), |name| name.to_string_lossy().into_owned())
}

/// One line a limit, then what needs attention.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, Line { usage, overrun }) in self.lines.iter().enumerate() {
            let comma = if nth > 0 { "; " } else { "" };
            write!(f, "{comma}{} {} of {}", usage.limit, usage.in_use, usage.allowance)?;
            write!(f, ", peak {}, refused {}", usage.peak, usage.refused)?;
            if let Some(overrun) = overrun {
                write!(f, ", over by {overrun} at most")?;
            }
        }
        let drift = self.tally.drift();
        let findings = [(drift, "put right"), (self.overflows, "overflows")];
        for (count, what) in findings.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {count} {what}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { adopted, tells_entries } => {
                let identity = if *tells_entries { "entry" } else { "addresses" };
                write!(f, "ready; {adopted} connections alive, told apart by {identity}")
            }
            Self::Refused(refused) => refused.fmt(f),
            Self::Suppressed(count) => write!(f, "{count} more refusals"),
            Self::Published => f.write_str("another licence is in force"),
            Self::NotPublished(why) => write!(f, "the licence before stays in force: {why}"),
            Self::AllReserved { reserved, allowed } => {
                write!(f, "{reserved} units are reserved of {allowed}: nothing else is admitted")
            }
            Self::Overflow => f.write_str("conntrack had more news than there was room for"),
            Self::NotCompared(why) => write!(f, "conntrack's table was not compared: {why}"),
            Self::RulesStay => f.write_str(
                "the rules stay, and no new connection passes: start a guard with \
                 --install-rules, which takes them over, or remove them",
            ),
            Self::Drift { connections } => {
                write!(f, "{connections} connections differed from conntrack's table; put right")
            }
            Self::Status(status) => status.fmt(f),
        }
    }
}
