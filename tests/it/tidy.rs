//! The rules of the house, kept by reading the source.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may use; an arrow that is not here points up.
const ROOMS: &[(&str, &[&str])] = &[
    ("sync", &[]),
    ("catalogue", &[]),
    ("license", &["catalogue"]),
    ("pool", &["catalogue", "license"]),
    ("gate", &["catalogue", "license", "sync"]),
    ("capture", &["catalogue", "license", "gate"]),
    ("guard", &["catalogue", "license", "gate", "capture", "store", "sync"]),
    ("measure", &["catalogue", "license", "gate", "sync"]),
    ("sim", &["catalogue", "license", "gate", "pool"]),
    ("store", &["catalogue", "license", "pool"]),
    ("net", &["license"]),
    ("serve", &["catalogue", "license", "gate", "net", "pool", "store"]),
    ("capi", &["catalogue", "license", "gate", "store"]),
    (
        "cli",
        &[
            "catalogue",
            "license",
            "gate",
            "capture",
            "guard",
            "measure",
            "net",
            "pool",
            "serve",
            "sim",
            "store",
        ],
    ),
];

/// What the pure rooms and the data plane may not name: clocks, files, sockets, threads, output.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "TcpStream",
    "UdpSocket",
    "std::thread",
    "std::process",
    "println!",
    "rand::",
];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The first folder or file below `src`.
    fn room(&self) -> String {
        let below = self.path.strip_prefix(root().join("src")).expect("a file below src");
        let first = below.components().next().expect("a name").as_os_str().to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    }

    /// The lines of code: no comments, and nothing from the first test module on.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = (1..).zip(code.lines());
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.strip_prefix(root()).expect("below the root").display())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the project") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("text");
                sources.push(Source { path, text });
            }
        }
    }
    assert!(!sources.is_empty(), "no sources below {folder}");
    sources
}

#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n{}", findings.join("\n"));
}

#[test]
fn arrows_point_down() {
    let mut findings = Vec::new();
    for source in sources("src") {
        let room = source.room();
        let Some((_, below)) = ROOMS.iter().find(|(name, _)| *name == room) else { continue };
        for (line, code) in source.code() {
            for (other, _) in ROOMS.iter().filter(|(other, _)| *other != room) {
                let named = [format!("crate::{other}::"), format!("crate::{other};")];
                let up = named.iter().any(|name| code.contains(name)) && !below.contains(other);
                findings.extend(up.then(|| format!("{}: {room} uses {other}", source.at(line))));
            }
        }
    }
    assert_none(&findings, "an arrow points up");
}

#[test]
fn every_room_is_known() {
    let known = |room: &str| ["lib", "main"].contains(&room) || ROOMS.iter().any(|r| r.0 == room);
    let findings: Vec<_> =
        sources("src").iter().map(Source::room).filter(|room| !known(room)).collect();
    assert_none(&findings, "a room without its arrows in this test");
}

#[test]
fn pure_rooms_and_the_gate_do_no_input_or_output() {
    let mut findings = Vec::new();
    for source in sources("src") {
        if !["catalogue", "license", "pool", "gate"].contains(&source.room().as_str()) {
            continue;
        }
        for (line, code) in source.code() {
            let named = IMPURE.iter().find(|name| code.contains(**name));
            findings.extend(named.map(|name| format!("{}: {name}", source.at(line))));
        }
    }
    assert_none(&findings, "a clock, a file, a socket or a thread in a pure room");
}

#[test]
fn atomics_are_named_in_sync_alone() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| source.room() != "sync") {
        for (line, code) in source.code() {
            let named = ["sync::atomic", "loom::", "arc_swap::", "dashmap::", "atomic::Atomic"];
            let name = named.iter().find(|name| code.contains(**name));
            findings.extend(name.map(|name| format!("{}: {name}", source.at(line))));
        }
    }
    assert_none(&findings, "use crate::sync");
}

#[test]
fn every_module_begins_with_what_it_is() {
    let rooms = ["src", "benches", "tests", "loom-tests", "fuzz/fuzz_targets"];
    let findings: Vec<_> = rooms
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|source| !source.text.trim_start_matches("#![no_main]\n").starts_with("//!"))
        .map(|source| source.at(1))
        .collect();
    assert_none(&findings, "a module without a `//!` line");
}

#[test]
fn concurrent_modules_open_with_their_four_headings() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|source| source.room() != "sync") {
        if !source.code().any(|(_, code)| code.contains("Ordering::")) {
            continue;
        }
        for heading in ["Algorithm", "Invariants", "Orderings", "Progress"] {
            let missing = !source.text.contains(&format!("//! # {heading}"));
            findings.extend(missing.then(|| format!("{}: no “{heading}”", source.at(1))));
        }
    }
    assert_none(&findings, "a module with atomic operations");
}

#[test]
fn files_and_lines_stay_readable() {
    let mut findings = Vec::new();
    for source in sources("src") {
        let lines = source.text.lines().count();
        findings.extend((lines > 600).then(|| format!("{}: {lines} lines", source.at(1))));
        let long = (1..).zip(source.text.lines()).filter(|(_, l)| l.chars().count() > 100);
        findings.extend(long.map(|(line, _)| format!("{}: over 100 columns", source.at(line))));
    }
    assert_none(&findings, "long");
}
