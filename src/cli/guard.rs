//! `tollgate guard`: a Linux machine's new connections, admitted by a licence.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use clap::Args;
use crossbeam_channel::{Sender, bounded};
use ipnet::IpNet;
use serde_json::{Map, Value as Json, json};
use tabled::builder::Builder;
use tabled::settings::Alignment;
use tabled::settings::object::Columns;

use super::Failure;
use super::explain::because;
use super::json::{self, Cell};
use super::operator::looked_at;
use super::text;
use super::unit::{LicenceArgs, ShippedArgs, warn_of_cuts};
use crate::capture::{FiveTuple, Zones};
use crate::gate::Usage;
use crate::guard::{
    self, Config, Ended, GuardError, Licensed, Line, Notice, Packets, Reserve, Rules, Settings,
    Signals, Status, Tally,
};
use crate::license::RunningLicense;

/// Notices on their way to whoever reads them. Beyond this they are counted: no connection waits
/// for a terminal.
const NOTICES: usize = 4_096;

/// Ask the gate for each new connection that this machine forwards (Linux, root)
///
/// Takes packets that open connections from NFQUEUE, accepts or drops them by the licence, and
/// learns of ended connections from conntrack. It changes nothing else: --print-rules prints the
/// rules that bring packets to the queues, --install-rules adds them for as long as it runs.
/// SIGHUP, or a changed --state file, puts the licence in force that the file has then; SIGTERM
/// and SIGINT end it and print what was in use.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(
    group(clap::ArgGroup::new("failing").args(["fail_open", "fail_closed"])),
    group(clap::ArgGroup::new("dropping").args(["observe", "fail_closed"])),
    group(clap::ArgGroup::new("rules").args(["install_rules", "print_rules"])),
)]
pub(super) struct Guard {
    /// The queue, or the first and the last of several: a thread and a worker each
    #[arg(long, value_name = "FIRST[-LAST]", default_value = "0")]
    queue: Queues,
    /// The model by the guides' name, for instance "ASA 5505", where no --state names a unit
    #[arg(long)]
    model: Option<String>,
    /// The tier: base or security-plus [default: base]
    #[arg(long)]
    tier: Option<String>,
    /// The guide: 9.1 or pak [default: 9.1 where it describes the model]
    #[arg(long)]
    guide: Option<String>,
    #[command(flatten)]
    more: LicenceArgs,
    /// A network whose addresses are inside [default: private addresses, RFC 1918 and RFC 4193]
    #[arg(long, value_name = "CIDR", value_parser = text::network)]
    inside: Vec<IpNet>,
    /// The unit has no default route: hosts on all interfaces of an ASA 5505 count
    #[arg(long)]
    no_default_route: bool,
    /// Let connections pass that nobody can judge: no guard runs, or a queue is full
    #[arg(long)]
    fail_open: bool,
    /// Drop the packets of connections that nobody can judge; this is the default
    #[arg(long)]
    fail_closed: bool,
    /// Drop nothing: count what would have been refused, and by how much the limits were exceeded;
    /// with it goes --fail-open
    #[arg(long)]
    observe: bool,
    /// Keep units of the connection limit for connections to a port, for instance 22/tcp=5
    #[arg(long, value_name = "PORT/PROTOCOL=UNITS")]
    reserve: Vec<Reserve>,
    /// Add the rules that --print-rules prints for iptables, and remove them at the end
    #[arg(long)]
    install_rules: bool,
    /// Print the rules that bring new connections to the queues, and do nothing else
    #[arg(long, conflicts_with = "json")]
    print_rules: bool,
    #[command(flatten)]
    tuning: Tuning,
    /// Print JSON: a line for each status, and one at the end
    #[arg(long)]
    json: bool,
    /// For measurements: accept everything and ask nobody
    #[arg(long, hide = true)]
    accept_everything: bool,
}

#[derive(Args, Debug)]
struct Tuning {
    /// Seconds between comparisons with conntrack's table
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    reconcile: u32,
    /// Seconds between two lines that tell how things stand; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    status: u32,
    /// Refusals a second that are logged one by one
    #[arg(long, value_name = "LINES", default_value_t = 10)]
    log_rate: u32,
    /// The most packets that wait in each queue
    #[arg(
        long,
        value_name = "PACKETS",
        default_value_t = 16_384,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    queue_length: u32,
    /// Room for what conntrack tells, in bytes, up to 1 GiB
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 32 << 20,
        value_parser = clap::value_parser!(u32).range(4_096..=1 << 30)
    )]
    event_buffer: u32,
}

/// `0` or `0-3`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Queues(RangeInclusive<u16>);

impl FromStr for Queues {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let queues = first.parse().and_then(|first| Ok(first..=last.parse()?));
        let queues: RangeInclusive<u16> =
            queues.map_err(|_| format!("a queue is a number or two, such as 0-3; not `{text}`"))?;
        match queues.clone().count() {
            0 => Err(format!("the first queue comes first, not `{text}`")),
            1..=64 => Ok(Self(queues)),
            count => Err(format!("at most 64 queues, not {count}")),
        }
    }
}

impl From<GuardError> for Failure {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Reserves(why) => Self::NotUnderstood(why.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl Guard {
    pub(super) fn run(&self, state: Option<&Path>, out: &mut impl Write) -> Result<(), Failure> {
        let Queues(queues) = &self.queue;
        let config = self.config(state);
        if self.print_rules {
            if state.is_some() || self.describes() {
                self.licence(state)?;
            }
            return Ok(write!(out, "{}", Rules::new(queues.clone(), config.fail_open))?);
        }
        let signals = Signals::block()?;
        if self.accept_everything {
            let ready = || text::tell(&"tollgate: ready");
            let packets = guard::accept_everything(&signals, &config, ready)?;
            return Ok(writeln!(out, "{} packets", packets.judged)?);
        }
        let license = self.licence(state)?.license;
        warn_of_cuts(&license);
        if !self.json {
            let entry = license.entry();
            writeln!(out, "{}, {} licence, by the {}", entry.model, entry.tier, entry.table)?;
        }
        let settings = Settings {
            zones: Zones::inside(self.inside.clone()),
            reserves: self.reserve.clone(),
            observe: self.observe,
        };
        let read = || self.licence(state).map_err(Failure::why);
        let (sender, notices) = bounded(NOTICES);
        let Ended { status, license, audit } = thread::scope(|scope| {
            let guard = scope.spawn(|| {
                let mut desk = Desk { sender, unread: 0 };
                guard::run(&signals, &config, settings, read, &mut |notice| desk.hand_on(notice))
            });
            let mut written = Ok(());
            for notice in notices {
                match notice {
                    Told::Notice(Notice::Status(status)) if self.json && written.is_ok() => {
                        written =
                            json::print(out, &report(&status, None)).and_then(|()| out.flush());
                    }
                    Told::Notice(Notice::Status(_)) if self.json => {}
                    Told::Notice(notice) => text::tell(&format_args!("tollgate: {notice}")),
                    Told::Unread(lines) => {
                        text::tell(&format_args!(
                            "tollgate: {lines} lines that nobody read in time"
                        ));
                    }
                }
            }
            let ended = guard.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.map_err(Failure::from).and(ended.map_err(Failure::from))
        })?;
        if self.json {
            json::print(out, &report(&status, Some(&license)))?;
        } else {
            print(out, &status, &license)?;
        }
        if audit.is_clean() { Ok(()) } else { Err(Failure::Failed(audit.to_string())) }
    }

    fn config(&self, state: Option<&Path>) -> Config {
        let Queues(queues) = &self.queue;
        Config {
            queues: queues.clone(),
            // Who observes drops nothing, whatever happens.
            fail_open: self.fail_open || self.observe,
            queue_length: self.tuning.queue_length,
            event_buffer: self.tuning.event_buffer as usize,
            reconcile: Duration::from_secs(self.tuning.reconcile.into()),
            status: Duration::from_secs(self.tuning.status.into()),
            refusals: self.tuning.log_rate,
            install_rules: self.install_rules,
            watched: state.map(Path::to_owned),
        }
    }

    /// Whether the command line describes a unit.
    fn describes(&self) -> bool {
        let names = [&self.model, &self.tier, &self.guide];
        let more = !self.more.is_empty() || self.no_default_route;
        names.iter().any(|name| name.is_some()) || more
    }

    /// What is in force, by the unit's file or by what the command line describes.
    fn licence(&self, state: Option<&Path>) -> Result<Licensed, Failure> {
        match (state, &self.model) {
            (Some(_), _) if self.describes() => Err(Failure::NotUnderstood(
                "`--state` names a unit with its licences and settings; `--model`, `--tier`, \
                 `--guide`, `--add`, `--set` and `--no-default-route` describe another"
                    .to_owned(),
            )),
            (None, None) => Err(Failure::NotUnderstood(
                "`--state FILE` or `--model MODEL` has to say which licence is in force".to_owned(),
            )),
            (Some(state), _) => {
                let device = looked_at(state)?;
                let license = device.running(device.configuration());
                Ok(Licensed { license, changes_in: device.next_change() })
            }
            (None, Some(model)) => {
                let (tier, guide) = (self.tier.clone(), self.guide.clone());
                let shipped = ShippedArgs::new(model.clone(), tier, guide);
                let mut unit = self.more.of(&shipped)?;
                if self.no_default_route {
                    unit.configure("default-route", "none")?;
                }
                Ok(Licensed { license: RunningLicense::of(&unit), changes_in: None })
            }
        }
    }
}

/// What the guard's thread hands to the one that writes.
enum Told {
    Notice(Notice),
    /// So many found no room.
    Unread(u64),
}

/// Hands notices on, and waits for nobody.
struct Desk {
    sender: Sender<Told>,
    unread: u64,
}

impl Desk {
    fn hand_on(&mut self, notice: &Notice) {
        if self.unread > 0 && self.sender.try_send(Told::Unread(self.unread)).is_ok() {
            self.unread = 0;
        }
        if self.sender.try_send(Told::Notice(notice.clone())).is_err() {
            self.unread += 1;
        }
    }
}

fn print(out: &mut impl Write, status: &Status, license: &RunningLicense) -> io::Result<()> {
    let Status { packets, tally, overflows, up_ms, .. } = status;
    writeln!(out, "{} packets in {}", packets.judged, seconds(*up_ms))?;
    let Tally { adopted, unasked, unconfirmed, vanished, dumps } = tally;
    let Packets { known, uncounted, unreadable, .. } = packets;
    writeln!(
        out,
        "{known} of known connections, {uncounted} of none, {unreadable} unreadable\n\
         {adopted} connections alive at the start, {unconfirmed} let through and dropped behind\n\
         {dumps} comparisons with conntrack, {unasked} connections unasked, {vanished} vanished, \
         {overflows} overflows\n"
    )?;
    let observed = status.lines.iter().any(|line| line.overrun.is_some());
    let mut heads = vec!["limit", "allowed", "in use", "peak", "admitted", "refused"];
    heads.extend(observed.then_some("over by"));
    let figures = heads.len();
    heads.push("first refusal");
    let mut builder = Builder::default();
    builder.push_record(heads);
    for Line { usage, overrun } in &status.lines {
        let Usage { limit, allowance, in_use, peak, admitted, refused, .. } = usage;
        let mut record = vec![limit.to_string(), allowance.to_string()];
        record.extend([in_use, peak, admitted, refused].map(u64::to_string));
        record.extend(overrun.map(|overrun| overrun.to_string()));
        record.push(status.first[limit.index()].map(first).unwrap_or_default());
        builder.push_record(record);
    }
    let mut table = builder.build();
    table.modify(Columns::new(1..figures), Alignment::right());
    text::print_table(out, &mut table)?;
    for Line { usage, .. } in status.lines.iter().filter(|line| line.usage.refused > 0) {
        writeln!(out, "\nwhy {} is {}:", usage.limit, usage.allowance)?;
        for step in license.limit(usage.limit).steps() {
            writeln!(out, "  {step}")?;
        }
    }
    Ok(())
}

/// `3.204 s: TCP 10.0.0.1:1024 -> 192.0.2.1:443`.
fn first((at_ms, who): (u64, FiveTuple)) -> String {
    format!("{}: {who}", seconds(at_ms))
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// How things stand, or stood at the end: then with the reason for each figure.
fn report(status: &Status, license: Option<&RunningLicense>) -> Map<String, Json> {
    let Status { lines, packets, tally, overflows, up_ms, .. } = status;
    let limits = lines.iter().map(|line| {
        let Usage { limit, allowance, in_use, peak, admitted, refused, .. } = line.usage;
        let first = status.first[limit.index()];
        let first = first.map(|(at_ms, who)| json!({"at_ms": at_ms, "who": who.to_string()}));
        json!({
            "limit": limit.name(),
            "allowed": Cell::from(allowance),
            "in_use": in_use,
            "peak": peak,
            "admitted": admitted,
            "refused": refused,
            "over_by": line.overrun,
            "first_refusal": first,
            "because": license.map(|license| because(license.limit(limit))),
        })
    });
    let Packets { judged, known, uncounted, unreadable, overflows: _ } = packets;
    let Tally { adopted, unasked, unconfirmed, vanished, dumps } = tally;
    let fields = [
        ("up_ms", json!(up_ms)),
        ("limits", limits.collect()),
        (
            "packets",
            json!({
                "judged": judged, "known": known, "uncounted": uncounted, "unreadable": unreadable,
            }),
        ),
        (
            "connections",
            json!({
                "adopted": adopted, "unasked": unasked, "unconfirmed": unconfirmed,
                "vanished": vanished,
            }),
        ),
        ("comparisons", json!(dumps)),
        ("overflows", json!(overflows)),
        ("ended", json!(license.is_some())),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_told_when_there_is_some() {
        let (sender, notices) = bounded(2);
        let mut desk = Desk { sender, unread: 0 };
        (0..5).for_each(|_| desk.hand_on(&Notice::Published));
        assert_eq!((desk.unread, notices.try_iter().count()), (3, 2));
        desk.hand_on(&Notice::Overflow);
        let told: Vec<_> = notices.try_iter().collect();
        assert!(matches!(told[..], [Told::Unread(3), Told::Notice(Notice::Overflow)]));
        assert_eq!(desk.unread, 0);
    }
}
