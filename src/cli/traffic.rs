//! What `replay` and `size` have in common: captures to read, and what was in them.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ipnet::IpNet;
use serde_json::{Map, Value as Json, json};

use super::{Failure, text};
use crate::capture::{Fault, Reader, Traffic, Zones};

/// The most threads that follow flows.
const WORKERS_MAX: i64 = 64;

/// A capture of this many bytes takes long enough to show how far it is.
const LONG: u64 = 64 * 1024 * 1024;

/// Captures, and how to read them.
#[derive(Args, Debug)]
pub(super) struct TrafficArgs {
    /// Packet captures: pcap or pcapng, plain or gzip; `-` is standard input. Several are replayed
    /// one after another, like the parts of one recording
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<PathBuf>,
    /// A network whose addresses are inside [default: private addresses, RFC 1918 and RFC 4193]
    #[arg(long, value_name = "CIDR", value_parser = text::network)]
    inside: Vec<IpNet>,
    /// The unit has no default route: hosts on all interfaces of an ASA 5505 count
    #[arg(long)]
    pub(super) no_default_route: bool,
    /// How many threads follow flows; the figures are the same for any number
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=WORKERS_MAX))]
    workers: u8,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl TrafficArgs {
    pub(super) fn workers(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.workers.into()).unwrap_or(NonZeroUsize::MIN)
    }

    pub(super) fn zones(&self) -> Zones {
        Zones::inside(self.inside.clone())
    }

    /// Reads every capture with `read`, up to the first that cannot be read to its end.
    ///
    /// Returns that one's failure, so that what was read before it can be reported first; fails
    /// where nothing was.
    pub(super) fn each(
        &self,
        mut read: impl FnMut(&mut Reader) -> Result<(), Fault>,
    ) -> Result<Option<Failure>, Failure> {
        for (nth, path) in self.captures.iter().enumerate() {
            let failed =
                |why: &dyn fmt::Display| Failure::Failed(format!("{}: {why}", path.display()));
            let begun = open(path).map_err(|error| failed(&error)).and_then(|(input, progress)| {
                let reader = Reader::new(input).map_err(|fault| failed(&fault))?;
                Ok((reader, progress))
            });
            let (mut reader, progress) = match begun {
                Ok(begun) => begun,
                Err(failure) if nth == 0 => return Err(failure),
                Err(failure) => return Ok(Some(failure)),
            };
            let result = read(&mut reader);
            progress.finish_and_clear();
            if let Err(fault) = result {
                return Ok(Some(failed(&fault)));
            }
        }
        Ok(None)
    }
}

/// Opens a capture, with a bar on standard error where that is a terminal and the capture long.
fn open(path: &Path) -> io::Result<(Box<dyn Read>, ProgressBar)> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), ProgressBar::hidden()));
    }
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    if length < LONG || !io::stderr().is_terminal() {
        return Ok((Box::new(file), ProgressBar::hidden()));
    }
    let progress = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
        progress.set_style(style);
    }
    Ok((Box::new(progress.wrap_read(file)), progress))
}

/// `2010 packets in 43.271 s`, and what was skipped of them.
pub(super) fn print(out: &mut impl Write, traffic: &Traffic) -> io::Result<()> {
    writeln!(out, "{} packets in {}", traffic.packets, seconds(traffic.duration_ns))?;
    let skipped = traffic.skipped;
    if skipped.total() > 0 {
        let reasons = skipped.iter().filter(|(_, count)| *count > 0);
        let reasons: Vec<_> = reasons.map(|(reason, count)| format!("{count} {reason}")).collect();
        writeln!(out, "{} of them skipped: {}", skipped.total(), reasons.join(", "))?;
    }
    if traffic.clamped > 0 {
        writeln!(
            out,
            "{} timestamps jumped or ran backwards: no time passes there",
            traffic.clamped
        )?;
    }
    if traffic.ike_overflow > 0 {
        writeln!(
            out,
            "{} messages of more IKE sessions than are told apart",
            traffic.ike_overflow
        )?;
    }
    writeln!(out)
}

/// The same in JSON.
pub(super) fn report(traffic: &Traffic) -> Map<String, Json> {
    let skipped = traffic.skipped.iter();
    let skipped = skipped.map(|(reason, count)| (reason.name().to_owned(), count.into()));
    Map::from_iter([
        ("packets".to_owned(), json!(traffic.packets)),
        ("bytes".to_owned(), json!(traffic.bytes)),
        ("duration_ns".to_owned(), json!(traffic.duration_ns)),
        ("clamped_timestamps".to_owned(), json!(traffic.clamped)),
        ("ike_overflow".to_owned(), json!(traffic.ike_overflow)),
        ("skipped".to_owned(), Json::Object(skipped.collect())),
    ])
}

/// A time since the first packet, to the millisecond.
pub(super) fn seconds(ns: u64) -> String {
    format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1000)
}
