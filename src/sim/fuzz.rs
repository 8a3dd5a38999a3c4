//! The body of the fuzz target for scenario text.

use std::time::{Duration, Instant};

use super::{LineError, Statement, World, parse};
use crate::pool::Machine;

/// The most lines that one input carries out.
const LINES: usize = 200;
/// The most sessions that one line admits: the work of a line is bounded by what it asks for.
const SESSIONS: u64 = 2000;
/// The longest time that passes in one line where units share licences, for the same reason.
const TIME: Duration = Duration::from_secs(2 * 86_400);

/// Text as a scenario: nothing panics, every message is of a readable length, and after each line
/// every gate's books agree, and no server has granted more than its pool.
///
/// # Panics
///
/// When one of this does not hold, or a line takes longer than a line may.
pub fn scenario(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut world = World::new();
    for line in text.lines().take(LINES) {
        let begun = Instant::now();
        let outcome = match parse(line) {
            Ok(None) => continue,
            Ok(Some(statement)) if admits_many(&statement) => continue,
            Ok(Some(statement)) if lasts_long(&statement, &world) => continue,
            Ok(Some(statement)) => world.run(&statement).map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            check(&error, line);
        }
        for unit in &world.units {
            let audit = unit.gate.audit();
            assert!(audit.is_clean(), "{audit:?} after `{line}`");
        }
        for node in world.network().nodes() {
            if let Some(Machine::Server(server)) = node.machine() {
                let usage = server.usage();
                assert!(usage.granted <= usage.size.into(), "{usage:?} after `{line}`");
            }
            let membership = node.membership();
            let room = membership.platform().saturating_sub(membership.local());
            assert!(node.held() <= room, "{} holds {}", node.name(), node.held());
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "`{line}` takes long");
    }
}

fn admits_many(statement: &Statement) -> bool {
    match statement {
        Statement::Admit(admission) => admission.count > SESSIONS,
        Statement::Fails { inner: Ok(inner), .. } => admits_many(inner),
        _ => false,
    }
}

fn lasts_long(statement: &Statement, world: &World) -> bool {
    match statement {
        Statement::Advance(time) => *time > TIME && !world.network().nodes().is_empty(),
        Statement::Fails { inner: Ok(inner), .. } => lasts_long(inner, world),
        _ => false,
    }
}

/// A message is one line, and no longer than its line and what there is to choose from.
fn check(error: &LineError, line: &str) {
    let message = error.to_string();
    assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
    assert!(message.len() < 4096 + 8 * line.len(), "{} bytes for `{line}`", message.len());
}
