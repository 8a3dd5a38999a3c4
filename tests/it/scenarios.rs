//! `tests/scenarios/*.scn`: the rules of the guides, as scenarios.

use std::fs;
use std::path::Path;

use tollgate::sim::{Verdict, World, parse};

/// What does not hold in one scenario; how many expectations it has.
fn run(name: &str, text: &str) -> (Vec<String>, usize) {
    let mut world = World::new();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (number, line) in (1..).zip(text.lines()) {
        let done = parse(line).and_then(|it| it.map(|it| world.run(&it)).transpose());
        match done {
            Ok(None) => {}
            Ok(Some(answer)) => {
                checked += usize::from(answer.verdict != Verdict::Done);
                if answer.verdict == Verdict::Failed {
                    wrong.push(format!("{name}:{number}: {}", answer.lines.join("\n")));
                }
            }
            Err(why) => {
                wrong.push(format!("{name}:{number}: {why}"));
                break;
            }
        }
    }
    (wrong, checked)
}

#[test]
fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the scenarios")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "scn"))
        .collect();
    paths.sort();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for path in &paths {
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(path).expect("a scenario");
        let (failures, expectations) = run(&format!("tests/scenarios/{name}"), &text);
        println!("{name}: {expectations} expectations, {} do not hold", failures.len());
        assert!(expectations > 0, "{name} expects nothing");
        wrong.extend(failures);
        checked += expectations;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(paths.len() >= 8 && checked > 400, "{} files, {checked} expectations", paths.len());
}

/// Every block of `docs/scenarios.md` marked `scenario`: each one runs on its own, and holds.
#[test]
fn every_example_of_the_reference_holds() {
    let text = include_str!("../../docs/scenarios.md");
    let blocks = text.split("\n```scenario\n").skip(1);
    let blocks: Vec<_> =
        blocks.map(|block| block.split("\n```").next().unwrap_or_default()).collect();
    assert!(blocks.len() >= 8, "{} examples", blocks.len());
    let fences = text.lines().filter(|line| line.starts_with("```")).count();
    let plain = text.lines().filter(|line| *line == "```text").count();
    assert_eq!(fences, 2 * (blocks.len() + plain), "an example that nothing runs");
    for block in blocks {
        let (wrong, _) = run("docs/scenarios.md example", block);
        assert!(wrong.is_empty(), "{block}\n\n{}", wrong.join("\n"));
    }
}
