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
mod event;
mod expect;
mod firewall;
mod group;
mod parse;
mod sessions;
mod show;
mod statement;
mod words;
mod world;

pub use answer::{Answer, Verdict};
pub use event::Event;
pub use parse::{COMMANDS, parse};
pub use statement::{
    Addresses, Admission, Change, Counted, Ends, Expectation, NewUnit, Power, Released, Shown,
    Statement,
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
        ["expect", _, "usage"] => Limit::ALL.map(|it| it.name().to_owned()).into(),
        ["admit" | "release", _] => crate::license::Kind::ALL.map(|it| it.name().to_owned()).into(),
        ["show", _] => names(&["running", "keys", "usage"]),
        ["configure", _] => {
            let settings = crate::license::Setting::ALL.map(|it| it.name().to_owned());
            settings.into_iter().chain(["clear-all".to_owned()]).collect()
        }
        ["permanent" | "timed", _, ..] => features().map(|it| format!("{it}=")).into(),
        ["unit", _] => {
            crate::catalogue::entries().map(|entry| format!("\"{}\"", entry.model)).collect()
        }
        ["pair", _, _] => names(&["active-standby", "active-active"]),
        ["pair" | "disconnect" | "reconnect", _] | ["cluster", ..] => units.to_vec(),
        [command] if !["unit", "advance"].contains(command) => units.to_vec(),
        _ => Vec::new(),
    }
}
