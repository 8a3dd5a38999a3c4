//! `docs/coverage.md`: every rule of the guides, and which scenario or test covers it.
//!
//! The page is generated; `TOLLGATE_BLESS=1 cargo test --test it coverage` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// One line of `rules.txt`.
struct Rule {
    id: &'static str,
    stated: &'static str,
    about: &'static str,
    /// Why Tollgate has no part in it, or `open: ` and why it is not covered yet.
    note: Option<&'static str>,
}

impl Rule {
    fn group(&self) -> &'static str {
        &self.id[..1]
    }
}

/// What covers each rule: scenarios first, in the order of their names.
type Coverage = BTreeMap<&'static str, Vec<String>>;

fn rules() -> Vec<Rule> {
    let lines = include_str!("rules.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.is_empty());
    let rule = |line: &'static str| {
        let (id, rest) = line.split_once(' ').expect("an id");
        let (stated, rest) = rest.trim().split_once(' ').expect("how it is stated");
        let (about, note) = match rest.split_once(" | ") {
            Some((about, note)) => (about, Some(note)),
            None => (rest, None),
        };
        Rule { id, stated, about: about.trim(), note }
    };
    lines.map(rule).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder that end so, by name.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == ending) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").display().to_string()
}

/// Notes what covers a rule, once.
fn note(coverage: &mut Coverage, rules: &[Rule], id: &str, by: &str) {
    if let Some(rule) = rules.iter().find(|rule| rule.id == id) {
        let all = coverage.entry(rule.id).or_default();
        if !all.iter().any(|it| it == by) {
            all.push(by.to_owned());
        }
    }
}

/// The ids in a text. K8 and K9 are export grades there, and rules only in the names of tests.
fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !["K8", "K9"].contains(word))
}

/// A line `# rule A12 A13: …` of a scenario.
fn scenarios(coverage: &mut Coverage, rules: &[Rule]) {
    for path in files("tests/scenarios", "scn") {
        let text = fs::read_to_string(&path).expect("a scenario");
        for (number, line) in (1..).zip(text.lines()) {
            let Some(ids) = line.strip_prefix("# rule ") else { continue };
            let (ids, _) = ids.split_once(':').unwrap_or((ids, ""));
            for id in ids.split_whitespace() {
                assert!(rules.iter().any(|rule| rule.id == id), "no rule {id}: {}", name(&path));
                note(coverage, rules, id, &format!("{}:{number}", name(&path)));
            }
        }
    }
}

/// The first column of a table of cases.
fn cases(coverage: &mut Coverage, rules: &[Rule]) {
    for path in files("tests/it", "cases") {
        for line in fs::read_to_string(&path).expect("cases").lines() {
            let id = line.split_whitespace().next().unwrap_or_default();
            note(coverage, rules, id, &name(&path));
        }
    }
}

/// Tests that name rules: in their names, in their comments, or in what they assert.
fn tests(coverage: &mut Coverage, rules: &[Rule]) {
    let in_src = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a source");
        path.ends_with("tests.rs") || text.contains("#[cfg(test)]")
    };
    let sources = files("src", "rs").into_iter().filter(in_src);
    let tests = ["tests/it", "tests/pool"].into_iter().flat_map(|folder| files(folder, "rs"));
    for path in tests.chain(sources) {
        if path.ends_with("coverage.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source");
        let start = if path.ends_with("tests.rs") || name(&path).starts_with("tests") {
            0
        } else {
            text.find("#[cfg(test)]").unwrap_or(text.len())
        };
        tests_of(coverage, rules, &name(&path), &text[start..]);
    }
}

fn tests_of(coverage: &mut Coverage, rules: &[Rule], file: &str, source: &str) {
    let (mut said, mut is_test, mut current) = (String::new(), false, None);
    for line in source.lines().map(str::trim) {
        let line = line.strip_prefix("async ").unwrap_or(line);
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("///") {
            said.push_str(line);
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let test = rest.split('(').next().unwrap_or_default();
            current = is_test.then(|| format!("{file} `{test}`"));
            if let Some(by) = &current {
                let of_name = test.split('_').map(str::to_uppercase).collect::<Vec<_>>();
                let of_name = of_name.iter().map(String::as_str);
                mentioned(&said).chain(of_name).for_each(|id| note(coverage, rules, id, by));
            }
            (said, is_test) = (String::new(), false);
        } else if let Some(by) = &current {
            mentioned(line).for_each(|id| note(coverage, rules, id, by));
        }
    }
}

fn coverage(rules: &[Rule]) -> Coverage {
    let mut coverage = Coverage::new();
    scenarios(&mut coverage, rules);
    cases(&mut coverage, rules);
    tests(&mut coverage, rules);
    coverage
}

/// What the page says of a rule.
fn told(rule: &Rule, coverage: &Coverage) -> String {
    /// More than so many are only counted.
    const SHOWN: usize = 3;
    match (coverage.get(rule.id), rule.note) {
        (Some(by), _) => {
            let shown = by.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("<br>");
            match by.len().saturating_sub(SHOWN) {
                0 => shown,
                more => format!("{shown}<br>and {more} more"),
            }
        }
        (None, Some(why)) if why.starts_with("open: ") => format!("**{why}**"),
        (None, Some(why)) => format!("not applicable: {why}"),
        (None, None) => "**open**".to_owned(),
    }
}

fn page() -> String {
    let rules = rules();
    let coverage = coverage(&rules);
    let mut page = "# Coverage\n\nEvery rule of the two licensing guides by number: whether the \
                    guides state it (with figures of their own, or with ours: figures) or it is \
                    inferred, and what covers it.\n\nGenerated from `tests/it/rules.txt`, the \
                    scenarios and the tests; `TOLLGATE_BLESS=1 cargo test --test it coverage` \
                    writes it anew, and the test fails when it is stale.\n\n"
        .to_owned();
    page.push_str("| group | rules | covered | not applicable | open |\n|---|---|---|---|---|\n");
    let groups = rules.chunk_by(|one, other| one.group() == other.group());
    for group in groups.clone() {
        let told: Vec<_> = group.iter().map(|rule| told(rule, &coverage)).collect();
        let open = told.iter().filter(|it| it.starts_with("**open")).count();
        let not = told.iter().filter(|it| it.starts_with("not applicable")).count();
        let covered = group.len() - open - not;
        let (name, all) = (group[0].group(), group.len());
        writeln!(page, "| {name} | {all} | {covered} | {not} | {open} |").expect("a string");
    }
    for group in groups {
        let head = "| rule | stated | about | covered by |\n|---|---|---|---|";
        writeln!(page, "\n## Group {}\n\n{head}", group[0].group()).expect("a string");
        for rule in group {
            let told = told(rule, &coverage);
            let Rule { id, stated, about, .. } = rule;
            writeln!(page, "| {id} | {stated} | {about} | {told} |").expect("a string");
        }
    }
    page
}

#[test]
fn the_page_is_up_to_date() {
    let path = root().join("docs/coverage.md");
    let page = page();
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        fs::write(&path, &page).expect("the page");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let first = (1..).zip(found.lines().zip(page.lines())).find(|(_, (is, new))| is != new);
    assert!(
        found == page,
        "docs/coverage.md is stale, first in {first:?}; run TOLLGATE_BLESS=1 cargo test --test it \
         coverage"
    );
}

#[test]
fn there_are_419_rules() {
    let rules = rules();
    let stated = |how| rules.iter().filter(|rule| rule.stated == how).count();
    assert_eq!([stated("explicit"), stated("inferred"), stated("figures")], [322, 64, 33]);
    assert!(rules.windows(2).all(|pair| pair[0].id != pair[1].id));
}

#[test]
fn what_is_covered_has_no_excuse() {
    let rules = rules();
    let coverage = coverage(&rules);
    let both: Vec<_> = rules
        .iter()
        .filter(|rule| rule.note.is_some_and(|note| !note.starts_with("open: ")))
        .filter_map(|rule| Some((rule.id, coverage.get(rule.id)?)))
        .collect();
    assert!(both.is_empty(), "covered, and excused in rules.txt: {both:?}");
}

/// Every explicit rule that this version has a part in.
#[test]
fn no_explicit_rule_is_left_open() {
    let rules = rules();
    let coverage = coverage(&rules);
    let explicit = rules.iter().filter(|rule| rule.stated != "inferred");
    let open: Vec<_> = explicit
        .filter(|rule| rule.note.is_none() && !coverage.contains_key(rule.id))
        .map(|rule| rule.id)
        .collect();
    assert!(open.is_empty(), "nothing covers {open:?}, and rules.txt does not say why");
}
