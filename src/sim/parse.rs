//! From the text of a line to its statement.

mod shared;

use std::net::IpAddr;

use super::Statement;
use super::expect;
use super::statement::{
    Addresses, Admission, Change, Ends, NewUnit, Power, Released, SHOWN, Shown,
};
use super::words::{self, LineError, Words, duration, name, number, one_of};
use crate::catalogue::Feature;
use crate::license::key::Purchase;
use crate::license::{Export, GroupMode, Kind};

/// Every command and how it is written.
pub const COMMANDS: [(&str, &str); 29] = [
    (
        "unit",
        "unit NAME MODEL [tier base|security-plus] [guide 9.1|pak] [serial SERIAL] [npe] [mode \
         routed|transparent] [contexts single|multiple]",
    ),
    ("permanent", "permanent UNIT FEATURE=VALUE… [export k8|k9]"),
    ("timed", "timed UNIT KEY FEATURE=VALUE… for DURATION [export k8|k9]"),
    ("install", "install UNIT WORD WORD WORD WORD WORD [as KEY]"),
    ("activate", "activate UNIT KEY"),
    ("deactivate", "deactivate UNIT KEY"),
    ("configure", "configure UNIT SETTING VALUE, or configure UNIT clear-all"),
    ("advance", "advance DURATION"),
    ("shutdown", "shutdown UNIT"),
    ("boot", "boot UNIT"),
    ("reload", "reload UNIT"),
    ("clock", "clock UNIT +DURATION|-DURATION [monotonic]"),
    ("pair", "pair PRIMARY SECONDARY active-standby|active-active"),
    ("cluster", "cluster UNIT UNIT…"),
    ("disconnect", "disconnect UNIT UNIT"),
    ("reconnect", "reconnect UNIT UNIT"),
    ("failover", "failover ACTIVE STANDBY [untold]"),
    (
        "license-server",
        "license-server UNIT [size N] secret SECRET [refresh DURATION] [backup UNIT [standby \
         UNIT]] [port N] [interfaces NAME,…] [overlap N] [reserve UNIT=N]… [cap UNIT=N]… [ahead N] \
         [keep N]",
    ),
    (
        "participant",
        "participant UNIT server UNIT secret SECRET [port N] [interface NAME] [interfaces NAME,…] \
         [ahead N] [keep N]",
    ),
    ("link", "link UNIT UNIT up|down|mute"),
    ("crash", "crash UNIT [after N]"),
    ("restart", "restart UNIT"),
    ("demand", "demand UNIT N"),
    ("network", "network perfect, or network [loss N%] [twice N%] [late N%] [seed N]"),
    (
        "admit",
        "admit UNIT KIND [N] [as NAME] [from ADDRESS to ADDRESS [in INTERFACE] [out INTERFACE]] \
         [from-portal NAME]",
    ),
    ("release", "release UNIT KIND [N], or release UNIT NAME"),
    (
        "show",
        "show UNIT \
         running|keys|usage|resource-usage|vpn-sessiondb|local-host|tls-proxy|shared|NAME",
    ),
    ("expect", "expect UNIT running|usage|key|remaining|admitted|refused|event|pool|backup …"),
    ("fails", "fails COMMAND…"),
];

/// The words that a `license-server` line takes by name.
pub(super) const OF_SERVER: [&str; 12] = [
    "size",
    "secret",
    "refresh",
    "backup",
    "standby",
    "port",
    "interfaces",
    "overlap",
    "reserve",
    "cap",
    "ahead",
    "keep",
];

/// The words that a `participant` line takes by name.
pub(super) const OF_PARTICIPANT: [&str; 7] =
    ["server", "secret", "port", "interface", "interfaces", "ahead", "keep"];

/// Reads one line; none where it is empty or a comment.
///
/// # Errors
///
/// What is wrong with it, and what is allowed.
pub fn parse(line: &str) -> Result<Option<Statement>, LineError> {
    let words = words::split(line)?;
    if words.is_empty() { Ok(None) } else { statement(words).map(Some) }
}

/// The command of this name and how it is written.
fn known(command: &str) -> Result<(&'static str, &'static str), LineError> {
    COMMANDS.into_iter().find(|(name, _)| *name == command).ok_or_else(|| {
        let known = COMMANDS.map(|(name, _)| name).join(" ");
        let shown: String = command.chars().take(64).collect();
        LineError::NotUnderstood(format!("unknown command `{shown}`; commands are: {known}"))
    })
}

fn statement(mut words: Vec<String>) -> Result<Statement, LineError> {
    let (command, form) = known(&words.remove(0))?;
    if command == "fails" {
        return fails(words, form);
    }
    let mut words = Words::new(form, words);
    let statement = match command {
        "unit" => unit(&mut words),
        "advance" => {
            words.next("the duration").and_then(|it| duration(&it)).map(Statement::Advance)
        }
        "network" => shared::network(&mut words),
        "cluster" => {
            let units = words.all().into_iter().map(name).collect::<Result<_, _>>()?;
            Ok(Statement::Group { units, mode: GroupMode::Cluster })
        }
        _ => {
            let unit = name(words.next("the unit")?)?;
            of_unit(command, unit, &mut words)
        }
    }?;
    words.end()?;
    Ok(statement)
}

/// A command whose first word is a unit.
fn of_unit(command: &str, unit: String, words: &mut Words) -> Result<Statement, LineError> {
    Ok(match command {
        "permanent" => Statement::Permanent { unit, purchase: purchase(words)? },
        "timed" => {
            let key = name(words.next("the name of the key")?)?;
            let time = words.option("for")?.ok_or_else(|| {
                LineError::NotUnderstood("a time-based key lasts `for DURATION`".to_owned())
            })?;
            let (duration, purchase) = (duration(&time)?, purchase(words)?);
            Statement::Timed { unit, key, purchase, duration }
        }
        "install" => {
            let key = words.option("as")?.map(name).transpose()?;
            Statement::Install { unit, key, text: words.all().join(" ") }
        }
        "activate" => Statement::Activate { unit, key: name(words.next("the key")?)? },
        "deactivate" => Statement::Deactivate { unit, key: name(words.next("the key")?)? },
        "configure" => Statement::Configure { unit, change: change(words)? },
        "shutdown" => Statement::Power { unit, power: Power::Shutdown },
        "boot" => Statement::Power { unit, power: Power::Boot },
        "reload" => Statement::Power { unit, power: Power::Reload },
        "clock" => {
            let monotonic = words.flag("monotonic");
            clock(unit, &words.next("how far the clock is set")?, monotonic)?
        }
        "pair" => {
            let units = vec![unit, name(words.next("the secondary unit")?)?];
            let modes = [
                ("active-standby", GroupMode::ActiveStandby),
                ("active-active", GroupMode::ActiveActive),
            ];
            let mode = words.next("active-standby or active-active")?;
            Statement::Group { units, mode: one_of(&mode, "mode of a pair", &modes)? }
        }
        "disconnect" | "reconnect" => {
            let other = name(words.next("the other unit")?)?;
            Statement::Contact { units: [unit, other], restored: command == "reconnect" }
        }
        "license-server" | "participant" | "link" | "crash" | "restart" | "failover" | "demand" => {
            shared::of_unit(command, unit, words)?
        }
        "admit" => admit(unit, words)?,
        "release" => release(unit, words)?,
        "show" => show(unit, words)?,
        _ => Statement::Expect { unit, what: expect::parse(words)? },
    })
}

/// The rest of the line may be wrong in whatever way, as long as it begins with a command.
fn fails(words: Vec<String>, form: &'static str) -> Result<Statement, LineError> {
    let command = words.join(" ");
    let first = Words::new(form, words.clone()).next("the command")?;
    if ["expect", "fails"].contains(&first.as_str()) {
        return Err(LineError::NotUnderstood(format!("`{first}` cannot be refused")));
    }
    known(&first)?;
    Ok(Statement::Fails { command, inner: statement(words).map(Box::new) })
}

fn unit(words: &mut Words) -> Result<Statement, LineError> {
    let (tier, guide) = (words.option("tier")?, words.option("guide")?);
    let (serial, mode) = (words.option("serial")?, words.option("mode")?);
    let (contexts, npe) = (words.option("contexts")?, words.flag("npe"));
    let name = name(words.next("the name")?)?;
    let model = words.next("the model")?;
    Ok(Statement::Unit(NewUnit { name, model, tier, guide, serial, npe, mode, contexts }))
}

fn purchase(words: &mut Words) -> Result<Purchase, LineError> {
    let grades = [("k8", Export::K8), ("k9", Export::K9)];
    let export = words.option("export")?;
    let export = export.map(|it| one_of(&it, "export grade", &grades)).transpose()?;
    let licences = words.all().iter().map(|it| licence(it)).collect::<Result<_, _>>()?;
    Ok(Purchase { licences, export })
}

fn licence(word: &str) -> Result<(Feature, crate::catalogue::Value), LineError> {
    let (feature, value) = word.split_once('=').ok_or_else(|| {
        LineError::NotUnderstood(format!("`{word}` is no licence, which is FEATURE=VALUE"))
    })?;
    let feature = feature.parse().map_err(LineError::refused)?;
    Ok((feature, value.parse().map_err(LineError::refused)?))
}

fn change(words: &mut Words) -> Result<Change, LineError> {
    let key = words.next("the setting")?;
    if key == "clear-all" {
        return Ok(Change::ClearAll);
    }
    Ok(Change::Set { value: words.next("the value")?, key })
}

fn clock(unit: String, by: &str, monotonic: bool) -> Result<Statement, LineError> {
    let (back, time) = match (by.strip_prefix('+'), by.strip_prefix('-')) {
        (Some(time), _) => (false, time),
        (_, Some(time)) => (true, time),
        _ => {
            return Err(LineError::NotUnderstood(format!(
                "`{by}` says no direction; the clock is set by +DURATION or -DURATION"
            )));
        }
    };
    Ok(Statement::Clock { unit, by: duration(time)?, back, monotonic })
}

fn kind(word: &str) -> Result<Kind, LineError> {
    word.parse()
        .map_err(|error: crate::license::UnknownKind| LineError::NotUnderstood(error.to_string()))
}

fn admit(unit: String, words: &mut Words) -> Result<Statement, LineError> {
    let set = words.option("as")?.map(name).transpose()?;
    let portal = words.option("from-portal")?.map(name).transpose()?;
    let (from, to) = (words.option("from")?, words.option("to")?);
    let (ingress, egress) = (words.option("in")?, words.option("out")?);
    let kind = kind(&words.next("the kind of session")?)?;
    let wrong = |what: &str| Err(LineError::NotUnderstood(what.to_owned()));
    let ends = match (from, to) {
        (Some(from), Some(to)) => {
            Some(Ends { from: addresses(&from)?, to: addresses(&to)?, ingress, egress })
        }
        (None, None) if ingress.is_none() && egress.is_none() => None,
        _ => return wrong("a connection between hosts has both `from` and `to`"),
    };
    if ends.is_some() && kind != Kind::Connection {
        return wrong("only `conn` has addresses");
    }
    if portal.is_some() && kind != Kind::Anyconnect {
        return wrong("only `anyconnect` is started from a portal");
    }
    if let Some(set) = set.as_deref().filter(|set| set.parse::<Kind>().is_ok()) {
        return wrong(&format!("`{set}` is a kind and cannot name sessions"));
    }
    let count = words.optional().map(|it| number(&it)).transpose()?;
    let each = ends.as_ref().map(|ends| ends.from.count.max(ends.to.count));
    let count = count.unwrap_or_else(|| u64::from(each.unwrap_or(1)));
    Ok(Statement::Admit(Admission { unit, kind, count, name: set, portal, ends }))
}

/// An address, or a range of them: `10.0.0.1-10.0.0.40`.
fn addresses(word: &str) -> Result<Addresses, LineError> {
    /// The most addresses of a range.
    const MOST: u128 = 1 << 20;
    let bad = || {
        LineError::NotUnderstood(format!(
            "`{word}` is no address, such as 10.0.0.1, 2001:db8::1 or 10.0.0.1-10.0.0.40 (at most \
             {MOST})"
        ))
    };
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let first: IpAddr = first.parse().map_err(|_| bad())?;
    let last: IpAddr = last.parse().map_err(|_| bad())?;
    let span = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            u128::from(last.to_bits()).checked_sub(first.to_bits().into())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits().checked_sub(first.to_bits()),
        _ => None,
    };
    let count = span.filter(|span| *span < MOST).and_then(|span| u32::try_from(span + 1).ok());
    Ok(Addresses { first, count: count.ok_or_else(bad)? })
}

fn release(unit: String, words: &mut Words) -> Result<Statement, LineError> {
    let what = words.next("the kind or the name of sessions")?;
    let what = match what.parse::<Kind>() {
        Ok(kind) => {
            let count = words.optional().map(|it| number(&it)).transpose()?;
            Released::Kind(kind, count.unwrap_or(1))
        }
        Err(_) => Released::Name(name(what)?),
    };
    Ok(Statement::Release { unit, what })
}

fn show(unit: String, words: &mut Words) -> Result<Statement, LineError> {
    let what = words.next("what to show")?;
    let what = match SHOWN.into_iter().find(|(name, _)| *name == what) {
        Some((_, shown)) => shown,
        None => Shown::Sessions(name(what)?),
    };
    Ok(Statement::Show { unit, what })
}
