//! The scenario language: what-if questions and tests on a virtual clock.
//!
//! A line of text becomes a [`Statement`] ([`parse()`]), which a [`World`] carries out on the real
//! key rings, groups and gates: there is no second implementation of any rule here. The reference
//! of the language is `docs/scenarios.md`.
//!
//! ```
//! use tollgate::sim::{Verdict, World, parse};
//!
//! let mut world = World::new();
//! let lines = [
//!     "unit A \"ASA 5520\"",
//!     "timed A k1 anyconnect-premium=500 for 8w",
//!     "advance 8w",
//!     "expect A running anyconnect-premium 2",
//! ];
//! for line in lines {
//!     let statement = parse(line)?.expect("not empty");
//!     assert_ne!(world.run(&statement)?.verdict, Verdict::Failed);
//! }
//! # Ok::<(), tollgate::sim::LineError>(())
//! ```

mod admit;
mod answer;
mod check;
mod display;
mod event;
mod expect;
mod firewall;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
mod group;
pub mod network;
mod parse;
mod sessions;
mod shared;
mod show;
mod statement;
mod words;
mod world;

pub use answer::{Answer, Verdict};
pub use event::Event;
pub use parse::{COMMANDS, parse};
pub use statement::{
    Addresses, Admission, Change, Counted, Ends, Expectation, Figure, NewParticipant, NewServer,
    NewUnit, Power, Released, Shown, Statement,
};
pub use words::LineError;
pub use world::World;

use crate::license::Limit;

/// Everything that a refusal can be put down to.
fn refusers() -> impl Iterator<Item = &'static str> {
    let words = ["no-payload-encryption", "feature-disabled"];
    Limit::ALL.into_iter().map(Limit::name).chain(words)
}

/// The words that a line can go on with after `before`, for completion.
pub fn continuations(before: &[&str], units: &[String]) -> Vec<String> {
    let names = |of: &[&str]| of.iter().map(|it| (*it).to_owned()).collect();
    let features = || crate::catalogue::Feature::ALL.map(|it| it.name().to_owned());
    match before {
        [] => COMMANDS.map(|(name, _)| name.to_owned()).into(),
        ["fails", rest @ ..] => continuations(rest, units),
        ["expect", _] => names(&expect::FORMS),
        ["expect", _, "running" | "remaining"] => features().into(),
        ["expect", _, "event"] => Event::ALL.map(|it| it.name().to_owned()).into(),
        ["expect", _, "pool"] => expect::of_pool().map(str::to_owned).collect(),
        ["expect", _, "backup"] => names(&expect::OF_BACKUP),
        ["expect", _, "usage"] => Limit::ALL.map(|it| it.name().to_owned()).into(),
        ["admit" | "release", _] => crate::license::Kind::ALL.map(|it| it.name().to_owned()).into(),
        ["show", _] => names(&statement::SHOWN.map(|(name, _)| name)),
        ["configure", _] => {
            let settings = crate::license::Setting::ALL.map(|it| it.name().to_owned());
            settings.into_iter().chain(["clear-all".to_owned()]).collect()
        }
        ["permanent" | "timed", _, ..] => features().map(|it| format!("{it}=")).into(),
        ["unit", _] => {
            crate::catalogue::entries().map(|entry| format!("\"{}\"", entry.model)).collect()
        }
        ["expect", _, "pool", "server"]
        | ["license-server" | "participant", _, .., "backup" | "standby" | "server"]
        | ["pair" | "disconnect" | "reconnect" | "link" | "failover", _]
        | ["cluster", ..] => units.to_vec(),
        ["license-server" | "participant", _, .., "secret" | "port" | "size" | "refresh"] => {
            Vec::new()
        }
        ["license-server", _, ..] => names(&parse::OF_SERVER),
        ["participant", _, ..] => names(&parse::OF_PARTICIPANT),
        ["link", _, _] => names(&["up", "down", "mute"]),
        ["crash", _] => names(&["after"]),
        ["network", ..] => names(&["perfect", "loss", "twice", "late", "seed"]),
        ["failover", _, _] => names(&["untold"]),
        ["clock", _, _] => names(&["monotonic"]),
        ["pair", _, _] => names(&["active-standby", "active-active"]),
        [command] if !["unit", "advance"].contains(command) => units.to_vec(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const WORDS: [&str; 70] = [
        "unit",
        "permanent",
        "timed",
        "install",
        "activate",
        "deactivate",
        "configure",
        "advance",
        "shutdown",
        "boot",
        "reload",
        "clock",
        "pair",
        "cluster",
        "disconnect",
        "reconnect",
        "admit",
        "release",
        "show",
        "expect",
        "fails",
        "A",
        "B",
        "k1",
        "5505",
        "5520",
        "npe",
        "anyconnect-premium=250",
        "botnet-traffic-filter=enabled",
        "for",
        "8w",
        "+9w",
        "-9w",
        "as",
        "conn",
        "clientless",
        "anyconnect",
        "from-portal",
        "from",
        "to",
        "10.0.0.1-10.0.0.9",
        "40",
        "running",
        "keys",
        "usage",
        "active-standby",
        "security-plus=enabled",
        "clear-all",
        "license-server",
        "participant",
        "link",
        "crash",
        "restart",
        "demand",
        "network",
        "failover",
        "server",
        "secret",
        "s3cret",
        "size",
        "500",
        "refresh",
        "30s",
        "backup",
        "down",
        "up",
        "pool",
        "held",
        "loss",
        "5%",
    ];

    /// Lines that mean something, between lines that rarely do.
    const LINES: [&str; 42] = [
        "unit A 5505",
        "unit B 5505 tier security-plus",
        "permanent A security-plus=enabled",
        "timed A k1 botnet-traffic-filter=enabled for 8w",
        "timed B k1 inside-hosts=50 for 9w",
        "activate A k1",
        "deactivate B k1",
        "advance 5w",
        "advance 31d",
        "shutdown A",
        "boot A",
        "reload B",
        "clock A -30d",
        "pair A B active-standby",
        "disconnect A B",
        "reconnect A B",
        "admit A conn 20 from 10.0.0.1-10.0.0.9 to 192.0.2.1 as web",
        "admit B clientless 2 as web",
        "admit B anyconnect from-portal web as web",
        "release B web",
        "configure A clear-all",
        "permanent B encryption=3des-aes",
        "unit S 5520",
        "unit P 5520",
        "unit Q 5520",
        "permanent S shared-server=500",
        "permanent P shared-participant=enabled",
        "permanent Q shared-participant=enabled",
        "license-server S secret s3cret backup Q",
        "participant P server S secret s3cret",
        "participant Q server S secret s3cret",
        "pair P Q active-standby",
        "admit P anyconnect 60",
        "admit S anyconnect 60",
        "link P S down",
        "link P S up",
        "crash S",
        "restart S",
        "crash P after 2",
        "restart P",
        "failover P Q",
        "advance 2m",
    ];

    #[test]
    fn a_line_of_shared_licensing_is_completed() {
        let units = ["S".to_owned(), "P".to_owned()];
        let after = |line: &str| continuations(&line.split(' ').collect::<Vec<_>>(), &units);
        for (line, word) in [
            ("license-server", "S"),
            ("license-server S", "size"),
            ("license-server S size 500 backup", "P"),
            ("participant P", "server"),
            ("participant P server", "S"),
            ("participant P server S", "secret"),
            ("link P", "S"),
            ("link P S", "mute"),
            ("crash", "P"),
            ("network", "loss"),
            ("expect S", "pool"),
            ("expect S pool", "free"),
            ("expect P pool server", "S"),
            ("expect P backup", "remaining"),
            ("expect P event", "transferred"),
            ("show P", "shared"),
            ("fails failover P", "S"),
        ] {
            assert!(after(line).iter().any(|it| it == word), "{line}: {:?}", after(line));
        }
        assert!(after("participant P server S secret").is_empty());
    }

    proptest! {
        #[test]
        fn no_scenario_is_too_strange(
            lines in prop::collection::vec(
                prop_oneof![
                    4 => select(LINES.to_vec()).prop_map(str::to_owned),
                    1 => prop::collection::vec(select(WORDS.to_vec()), 0..7)
                        .prop_map(|words| words.join(" ")),
                    1 => "\\PC{0,40}",
                ],
                0..40,
            ),
        ) {
            fuzz::scenario(lines.join("\n").as_bytes());
        }
    }
}
