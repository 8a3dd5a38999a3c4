//! The prompt of `tollgate sim` on a terminal.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::{Failure, Sim, carry_out};
use crate::sim::{COMMANDS, World, continuations};

/// Completes the word at the end of a line.
#[derive(Debug, Default)]
struct Words {
    /// The units of the scenario so far.
    units: Vec<String>,
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        end: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..end).unwrap_or(line);
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let words: Vec<_> = before[..start].split_whitespace().collect();
        let begun = &before[start..];
        let mut all = continuations(&words, &self.units);
        all.retain(|word| word.starts_with(begun));
        all.dedup();
        let pair = |word: String| {
            let blank = if word.ends_with('=') { "" } else { " " };
            Pair { replacement: format!("{word}{blank}"), display: word }
        };
        Ok((start, all.into_iter().map(pair).collect()))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}

impl Validator for Words {}

impl Helper for Words {}

/// The file of the history, in a folder of its own that is made where it is missing.
fn history() -> Option<PathBuf> {
    let folder = state_folder(env::var_os("XDG_STATE_HOME"), env::var_os("HOME"))?;
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("sim-history"))
}

/// Below `$XDG_STATE_HOME`, or `~/.local/state`; a relative path is none, as the XDG Base Directory
/// Specification has it.
fn state_folder(state: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: Option<OsString>| path.map(PathBuf::from).filter(|it| it.is_absolute());
    let state = absolute(state).or_else(|| Some(absolute(home)?.join(".local/state")))?;
    Some(state.join("tollgate"))
}

/// Reads lines until the end of the input, carries each out, and says what is wrong with one that
/// is not carried out.
pub(super) fn run(sim: &Sim, out: &mut impl Write) -> Result<(), Failure> {
    let broken = |error: ReadlineError| Failure::Failed(format!("the terminal: {error}"));
    let mut editor =
        Editor::<Words, DefaultHistory>::with_config(Config::default()).map_err(broken)?;
    let file = history();
    // A history that cannot be read or written is none, and nothing else comes of it.
    if let Some(file) = &file {
        let _ = editor.load_history(file);
    }
    editor.set_helper(Some(Words::default()));
    let mut world = World::new();
    let mut number = 0;
    loop {
        let line = match editor.readline("tollgate> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(broken(error)),
        };
        number += 1;
        // A line that is too long or empty is not remembered, and nothing else comes of it.
        let _ = editor.add_history_entry(&line);
        if let Some(file) = &file {
            let _ = editor.append_history(file);
        }
        match line.trim() {
            "help" | "?" => COMMANDS.iter().try_for_each(|(_, form)| writeln!(out, "{form}"))?,
            "exit" | "quit" => return Ok(()),
            line => match carry_out(&mut world, line) {
                Ok(None) => {}
                Ok(Some(answer)) => sim.print(out, "-", number, &answer)?,
                Err(why) => writeln!(out, "error: {why}")?,
            },
        }
        if let Some(words) = editor.helper_mut() {
            words.units = world.units();
        }
        out.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_lies_where_state_belongs() {
        let folder = |state: Option<&str>, home: Option<&str>| {
            state_folder(state.map(OsString::from), home.map(OsString::from))
        };
        assert_eq!(folder(Some("/s"), Some("/h")), Some("/s/tollgate".into()));
        for unset in [None, Some(""), Some("s")] {
            assert_eq!(folder(unset, Some("/h")), Some("/h/.local/state/tollgate".into()));
            assert_eq!(folder(unset, None), None);
        }
    }
}
