//! What a unit has in use, in the firewall's own form: names, columns and order of real outputs.
//!
//! Printed is what a gate counts. A firewall's table has more resources (syslogs, routes) and more
//! tunnels (SSL and DTLS data channels); they are left out rather than made up.

use serde_json::{Value as Json, json};

use super::Answer;
use super::sessions::Sessions;
use crate::gate::{Gate, Usage};
use crate::license::{HostRule, Kind, Limit, RunningLicense};

/// The sessions on one line of `show vpn-sessiondb`.
#[derive(Clone, Copy, Debug)]
struct Line {
    name: &'static str,
    kinds: &'static [Kind],
    /// Whether it has a column for inactive sessions, of which a gate has none.
    inactive: bool,
}

const fn line(name: &'static str, kinds: &'static [Kind]) -> Line {
    Line { name, kinds, inactive: false }
}

const fn client(name: &'static str, kinds: &'static [Kind]) -> Line {
    Line { name, kinds, inactive: true }
}

/// “VPN Session Summary”: a kind of access, then its protocols.
const SESSIONS: [Line; 9] = [
    client("AnyConnect Client", &[Kind::Anyconnect, Kind::AnyconnectIkev2]),
    client("  SSL/TLS/DTLS", &[Kind::Anyconnect]),
    client("  IKEv2 IPsec", &[Kind::AnyconnectIkev2]),
    line("Clientless VPN", &[Kind::Clientless]),
    line("  Browser", &[Kind::Clientless]),
    line("Site-to-Site VPN", &[Kind::Ikev1L2l, Kind::Ikev2L2l]),
    line("  IKEv2 IPsec", &[Kind::Ikev2L2l]),
    line("  IKEv1 IPsec", &[Kind::Ikev1L2l]),
    line("IKEv1 IPsec/L2TP IPsec", &[Kind::Ikev1Ra]),
];

/// “Tunnels Summary”: the one tunnel of each session that carries its control protocol.
const TUNNELS: [Line; 4] = [
    line("Clientless", &[Kind::Clientless]),
    line("AnyConnect-Parent", &[Kind::Anyconnect, Kind::AnyconnectIkev2]),
    line("IKEv1", &[Kind::Ikev1L2l, Kind::Ikev1Ra]),
    line("IKEv2", &[Kind::Ikev2L2l]),
];

/// How many there were so far, and at most at once.
#[derive(Clone, Copy, Default, Debug)]
struct Past {
    cumulative: u64,
    peak: u64,
}

/// What the lines of `show vpn-sessiondb` remember.
#[derive(Default, Debug)]
pub(super) struct SessionLog {
    sessions: [Past; SESSIONS.len()],
    tunnels: [Past; TUNNELS.len()],
}

impl SessionLog {
    /// Notes that so many sessions of a kind were admitted, which are among `sessions` now.
    pub(super) fn note(&mut self, kind: Kind, admitted: u64, sessions: &Sessions) {
        let sessions_of = SESSIONS.iter().zip(&mut self.sessions);
        for (line, past) in sessions_of.chain(TUNNELS.iter().zip(&mut self.tunnels)) {
            if line.kinds.contains(&kind) {
                past.cumulative += admitted;
                past.peak = past.peak.max(line.active(sessions));
            }
        }
    }
}

impl Line {
    fn active(&self, sessions: &Sessions) -> u64 {
        self.kinds.iter().map(|kind| sessions.of_kind(*kind)).sum()
    }

    fn print(&self, sessions: &Sessions, past: &Past, width: usize) -> String {
        let (name, active) = (self.name, self.active(sessions));
        let Past { cumulative, peak } = past;
        format!("{name:<29}: {active:>6} : {cumulative:>10} : {peak:>width$}")
    }

    fn fact(&self, sessions: &Sessions, past: &Past) -> Json {
        json!({
            "name": self.name.trim_start(),
            "active": self.active(sessions),
            "cumulative": past.cumulative,
            "peak": past.peak,
        })
    }
}

/// `show resource usage`: connections, and inside hosts where the model limits them.
pub(super) fn resource_usage(gate: &Gate) -> Answer {
    let mut resources = vec![("Conns", gate.usage(Limit::FirewallConns))];
    if gate.license().host_rule() != HostRule::NotCounted {
        resources.push(("Hosts", gate.usage(Limit::InsideHosts)));
    }
    let mut facts = Vec::new();
    let mut answer = Answer::done()
        .line("Resource                 Current        Peak      Limit        Denied Context");
    for (name, Usage { allowance, in_use, peak, refused, .. }) in resources {
        let limit = allowance.units();
        let limit_in_words = limit.map_or("N/A".to_owned(), |limit| limit.to_string());
        answer = answer.line(format!(
            "{name:<20}{in_use:>12}{peak:>12}{limit_in_words:>11}{refused:>14} System"
        ));
        facts.push(json!({
            "name": name, "current": in_use, "peak": peak, "limit": limit, "denied": refused,
        }));
    }
    answer.fact("resources", facts)
}

/// The host limit of `show local-host`.
pub(super) fn local_host(gate: &Gate, outside: Option<&str>) -> Answer {
    let hosts = gate.usage(Limit::InsideHosts);
    let (limit, rule) = (hosts.allowance.units(), gate.license().host_rule());
    let answer = match (rule, outside) {
        (HostRule::NotCounted, _) => Answer::done(),
        (HostRule::InsideToOutside, Some(outside)) => Answer::done().line(format!(
            "Detected interface '{outside}' as the Internet interface. Host limit applies to all \
             other interfaces."
        )),
        (HostRule::FewestOfInterfaces, _) => {
            Answer::done().line("Host limit applies to the interface with the fewest hosts.")
        }
        _ => Answer::done().line("Host limit applies to all interfaces."),
    };
    let answer = match limit {
        Some(limit) if rule != HostRule::NotCounted => answer.line(format!(
            "Current host count: {}, towards licensed host limit of: {limit}",
            hosts.in_use
        )),
        _ => answer.line("Licensed host limit: Unlimited"),
    };
    answer.fact("hosts", hosts.in_use).fact("limit", limit)
}

/// The limits around TLS proxy and where they come from, as `tls-proxy maximum-sessions ?` tells
/// those of the model (I12).
pub(super) fn tls_proxy(license: &RunningLicense) -> Answer {
    let limits = [Limit::TlsProxy, Limit::UcProxy, Limit::PhoneProxy, Limit::Ime, Limit::Srtp];
    limits.into_iter().fold(Answer::done(), |answer, limit| {
        let figure = license.limit(limit);
        let steps: Vec<_> = figure.steps().iter().map(ToString::to_string).collect();
        let (allowed, why) = (figure.allowance(), steps.join(", then "));
        answer
            .line(format!("{limit:<16}{allowed:>11}  {why}"))
            .fact(limit.name(), json!({"allowed": allowed.to_string(), "because": why}))
    })
}

const RULE: &str = "---------------------------------------------------------------------------";
const HALF_RULE: &str =
    "                             ----------------------------------------------";

/// `show vpn-sessiondb summary`. A line that never had a session is left out, as there.
pub(super) fn vpn_sessions(gate: &Gate, sessions: &Sessions, log: &SessionLog) -> Answer {
    let total = gate.usage(Limit::TotalVpn);
    let capacity = total.allowance.units();
    let load = capacity.filter(|most| *most > 0).map_or(0, |most| percent(total.in_use, most));
    let head = [
        RULE,
        "VPN Session Summary",
        RULE,
        "                               Active : Cumulative : Peak Concur : Inactive",
        HALF_RULE,
    ];
    let mut facts = Vec::new();
    let mut answer = head.into_iter().fold(Answer::done(), Answer::line);
    for (line, past) in had(&SESSIONS, &log.sessions) {
        let inactive = if line.inactive { " :        0" } else { "" };
        answer = answer.line(line.print(sessions, past, 11) + inactive);
        facts.push(line.fact(sessions, past));
    }
    answer = answer
        .line(RULE)
        .line(format!(
            "{:<29}: {:>6}             Total Cumulative : {:>6}",
            "Total Active and Inactive", total.in_use, total.admitted
        ))
        .line(format!("{:<29}: {:>6}", "Device Total VPN Capacity", capacity.unwrap_or(0)))
        .line(format!("{:<29}: {load:>5}%", "Device Load"))
        .line(RULE);
    tunnels(answer, sessions, log)
        .fact("sessions", facts)
        .fact("active", total.in_use)
        .fact("cumulative", total.admitted)
        .fact("capacity", capacity)
        .fact("load_percent", load)
}

fn tunnels(answer: Answer, sessions: &Sessions, log: &SessionLog) -> Answer {
    let head = [
        RULE,
        "Tunnels Summary",
        RULE,
        "                               Active : Cumulative : Peak Concurrent",
        HALF_RULE,
    ];
    let mut facts = Vec::new();
    let mut answer = head.into_iter().fold(answer, Answer::line);
    let (mut active, mut cumulative) = (0, 0);
    for (line, past) in had(&TUNNELS, &log.tunnels) {
        answer = answer.line(line.print(sessions, past, 15));
        facts.push(line.fact(sessions, past));
        active += line.active(sessions);
        cumulative += past.cumulative;
    }
    answer
        .line(RULE)
        .line(format!("{:<29}: {active:>6} : {cumulative:>10}", "Totals"))
        .line(RULE)
        .fact("tunnels", facts)
}

/// The lines that ever had a session.
fn had<'a>(lines: &'a [Line], past: &'a [Past]) -> impl Iterator<Item = (&'a Line, &'a Past)> {
    lines.iter().zip(past).filter(|(_, past)| past.cumulative > 0)
}

/// Rounded to the nearest, as real units do.
fn percent(used: u64, most: u32) -> u64 {
    let most = u64::from(most);
    (used * 100 + most / 2) / most
}
