//! `tollgate sim`: scenarios.

mod prompt;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use clap::Args;
use serde_json::{Map, Value as Json};

use super::{Failure, json};
use crate::sim::{Answer, LineError, Statement, Verdict, World, parse};

/// The longest scenario, in bytes.
const MOST: u64 = 16 * 1024 * 1024;

/// Runs scenarios: firewalls, keys, failover and sessions on a virtual clock. The language is
/// described in docs/scenarios.md.
///
/// The exit status is 0 when every expectation held, 1 when one did not, and 2 when a line was not
/// understood or not carried out.
#[derive(Args, Debug)]
pub(super) struct Sim {
    /// Scenario files, each a world of its own; `-` is standard input. Without one, standard
    /// input, and a prompt where it is a terminal
    #[arg(value_name = "FILE")]
    files: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How the expectations of one scenario did.
#[derive(Clone, Copy, Default, Debug)]
struct Score {
    held: u64,
    failed: u64,
}

impl Sim {
    pub(super) fn run(&self, out: &mut impl Write) -> Result<(), Failure> {
        let standard_input = ["-".to_owned()];
        let files = if self.files.is_empty() { &standard_input } else { self.files.as_slice() };
        let (mut failed, mut broken) = (false, Vec::new());
        for file in files {
            if file == "-" && io::stdin().is_terminal() {
                prompt::run(self, out)?;
                continue;
            }
            match self.file(file, out)? {
                Ok(score) => failed |= score.failed > 0,
                Err(why) => broken.push(why),
            }
            out.flush()?;
        }
        match (broken.is_empty(), failed) {
            (false, _) => Err(Failure::NotUnderstood(broken.join("\ntollgate: error: "))),
            (true, true) => Err(Failure::Told),
            (true, false) => Ok(()),
        }
    }

    /// Runs one scenario; where it cannot be run to its end, why.
    fn file(&self, file: &str, out: &mut impl Write) -> io::Result<Result<Score, String>> {
        let text = match read(file) {
            Ok(text) => text,
            Err(why) => return Ok(Err(format!("{file}: {why}"))),
        };
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let statements = match statements(file, text) {
            Ok(statements) => statements,
            Err(why) => return Ok(Err(why)),
        };
        let mut world = World::new();
        let mut score = Score::default();
        for (line, statement) in statements {
            let answer = match world.run(&statement) {
                Ok(answer) => answer,
                Err(why) => return Ok(Err(format!("{file}:{line}: {why}"))),
            };
            match answer.verdict {
                Verdict::Done => {}
                Verdict::Held => score.held += 1,
                Verdict::Failed => score.failed += 1,
            }
            self.print(out, file, line, &answer)?;
        }
        if !self.json {
            let all = score.held + score.failed;
            writeln!(out, "{file}: {} of {all} expectations held", score.held)?;
        }
        Ok(Ok(score))
    }

    /// Prints what came of a line.
    fn print(
        &self,
        out: &mut impl Write,
        file: &str,
        line: usize,
        answer: &Answer,
    ) -> io::Result<()> {
        if self.json {
            let mut object = Map::new();
            object.insert("file".to_owned(), file.into());
            object.insert("line".to_owned(), line.into());
            object.insert("verdict".to_owned(), answer.verdict.name().into());
            object.insert("text".to_owned(), answer.lines.clone().into());
            object.extend(answer.facts.clone());
            return json::print(out, &Json::Object(object));
        }
        let at = if answer.verdict == Verdict::Failed {
            format!("{file}:{line}: ")
        } else {
            String::new()
        };
        answer.lines.iter().try_for_each(|text| writeln!(out, "{at}{text}"))
    }
}

fn read(file: &str) -> Result<String, String> {
    let input: Box<dyn Read> = if file == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| error.to_string())?)
    };
    let mut bytes = Vec::new();
    input.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST {
        return Err(format!("longer than {MOST} bytes, which is the most for a scenario"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|it| *it == b'\n');
        format!("line {} is not UTF-8 text", line.count())
    })
}

/// Every line that says something, or every line that is not understood.
fn statements(file: &str, text: &str) -> Result<Vec<(usize, Statement)>, String> {
    let mut statements = Vec::new();
    let mut errors = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match parse(line) {
            Ok(statement) => statements.extend(statement.map(|it| (number, it))),
            Err(why) => errors.push(format!("{file}:{number}: {why}")),
        }
    }
    if errors.is_empty() { Ok(statements) } else { Err(errors.join("\ntollgate: error: ")) }
}

/// Reads and carries out one line that a person typed.
fn carry_out(world: &mut World, line: &str) -> Result<Option<Answer>, LineError> {
    parse(line)?.map(|statement| world.run(&statement)).transpose()
}
