//! What carrying out a statement comes to.

use serde_json::{Map, Value as Json};

/// What came of a statement, for people and for programs.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// Whether something was expected, and whether it held.
    pub verdict: Verdict,
    /// What happened, line by line.
    pub lines: Vec<String>,
    /// The same as fields of a JSON object.
    pub facts: Map<String, Json>,
}

/// Whether an expectation held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing was expected.
    Done,
    /// It held.
    Held,
    /// It did not.
    Failed,
}

impl Verdict {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

impl Answer {
    /// What was done, and nothing to say of it yet.
    pub(super) fn done() -> Self {
        Self { verdict: Verdict::Done, lines: Vec::new(), facts: Map::new() }
    }

    /// Whether what was expected is what there is; `why` says where that comes from.
    pub(super) fn compared(what: &str, expected: &str, got: &str, holds: bool, why: &str) -> Self {
        let why_in_text = if why.is_empty() { String::new() } else { format!(" ({why})") };
        let (verdict, line) = if holds {
            (Verdict::Held, format!("ok: {what} {got}"))
        } else {
            let line = format!("expected {what} {expected}, got {got}{why_in_text}");
            (Verdict::Failed, line)
        };
        let answer = Self { verdict, ..Self::done() }.line(line);
        answer.fact("expected", expected).fact("got", got).fact("because", why)
    }

    pub(super) fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Whether this is of an `admit` that admitted no session and refused some.
    pub(super) fn admits_none(&self) -> bool {
        let is = |name: &str, what: fn(u64) -> bool| {
            self.facts.get(name).and_then(Json::as_u64).is_some_and(what)
        };
        is("admitted", |count| count == 0) && is("refused", |count| count > 0)
    }

    pub(super) fn fact(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}
