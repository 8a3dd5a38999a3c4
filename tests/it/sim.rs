//! `tollgate sim`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::command::{Outcome, not_understood, printed, tollgate};

/// Runs a scenario from a file of its own; the file's name is `FILE` in what was printed.
fn sim(lines: &str, options: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("test.scn");
    fs::write(&file, lines).unwrap();
    let path = file.to_str().unwrap();
    let mut outcome = tollgate(&[&["sim", path], options].concat());
    outcome.stdout = outcome.stdout.replace(path, "FILE");
    outcome.stderr = outcome.stderr.replace(path, "FILE");
    outcome
}

const EXPIRY: &str = "\
unit A \"ASA 5520\" serial JMX0912K04J
permanent A anyconnect-premium=10
timed A k1 anyconnect-premium=500 for 8w
admit A anyconnect 100 as crew
advance 10w
expect A usage anyconnect 100
admit A anyconnect
expect A refused 1 by anyconnect
release A crew
show A keys
";

/// A session admitted under a time-based licence stays when it expires, and the next one is refused
/// with the permanent licence as the reason.
#[test]
fn an_expiry_step_by_step() {
    let outcome = sim(EXPIRY, &[]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn one_object_a_line() {
    let outcome = sim(EXPIRY, &["--json"]);
    assert_eq!(outcome.status, Some(0));
    let objects: Vec<Json> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), EXPIRY.lines().count());
    let refused = &objects[6];
    assert_eq!((&refused["refused"], &refused["line"]), (&1.into(), &7.into()));
    assert_eq!(refused["by"], "anyconnect");
    assert!(refused["because"].as_str().unwrap().ends_with("licence anyconnect-premium=10"));
    assert_eq!(objects[7]["verdict"], "held");
    assert_eq!(objects[9]["time_based"][0]["state"], "expired");
}

#[test]
fn what_does_not_hold_is_told_with_its_reason() {
    let outcome = sim(
        "unit A \"ASA 5520\"\n\
         permanent A anyconnect-premium=50\n\
         expect A running anyconnect-premium 100\n\
         expect A remaining anyconnect-premium 8w\n\
         admit A anyconnect 51\n\
         expect A refused 0\n\
         expect A event expired\n\
         fails advance 1d\n\
         expect A running anyconnect-premium 50\n",
        &[],
    );
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), ""));
    let failures: Vec<_> =
        outcome.stdout.lines().filter(|line| line.starts_with("FILE:")).collect();
    insta::assert_snapshot!(failures.join("\n"));
}

#[test]
fn lines_that_are_not_understood() {
    let outcome = sim(
        "unit A \"ASA 5520\"\n\
         unitt B \"ASA 5520\"\n\
         unit B \"ASA 5520\n\
         unit\n\
         advance 8x\n\
         admit A session\n\
         admit A conn five\n\
         admit A conn from 10.0.0.1\n\
         admit A anyconnect from 10.0.0.1 to 10.0.0.2\n\
         admit A clientless from-portal web\n\
         admit A conn as clientless\n\
         admit A conn from 10.0.0.9-10.0.0.1 to 10.0.1.1\n\
         clock A 3d\n\
         pair A B standby\n\
         permanent A gtp-gprs\n\
         timed A k1 gtp-gprs=enabled\n\
         timed A k/1 gtp-gprs=enabled for 8w\n\
         boot A B\n\
         expect A colour blue\n\
         expect A running anyconnect-premium many\n\
         expect A usage sessions 4\n\
         expect A key k1 asleep\n\
         expect A refused 1 by nobody\n\
         expect A event rain\n\
         fails expect A admitted 1\n\
         fails boott A\n\
         fails\n\
         license-server S size 1000 secret s3cret\n\
         expect S pool free 500\n\
         show A shared\n",
        &[],
    );
    assert_eq!((outcome.status, outcome.stdout.as_str()), (Some(2), ""));
    insta::assert_snapshot!(outcome.stderr);
}

/// Each refusal, as `fails` prints it.
#[test]
fn what_is_refused() {
    let outcome = sim(
        "unit A \"ASA 5520\" serial JMX0912K04J\n\
         fails unit A \"ASA 5520\"\n\
         fails unit B \"ASA 5599\"\n\
         fails unit B \"ASA 5505\" contexts multiple\n\
         fails unit B \"ASA 5520\" serial JMX0912K04J\n\
         fails unit B \"ASA 5520\" serial JMX\n\
         fails permanent A warp-drive=1\n\
         fails permanent A anyconnect-premium=60\n\
         fails timed A k1 gtp-gprs=enabled for 0s\n\
         fails boot A\n\
         fails boot B\n\
         fails activate A k1\n\
         fails release A conn\n\
         fails release A crew\n\
         fails admit A anyconnect from-portal web\n\
         fails admit A conn 20,000,001\n\
         fails disconnect A A\n\
         fails pair A A active-standby\n\
         fails configure A colour blue\n\
         fails install A d11b3d48 a80a4c0a 48e0fd1c b0443480 843fc490\n\
         shutdown A\n\
         fails admit A conn\n\
         fails permanent A gtp-gprs=enabled\n\
         fails shutdown A\n",
        &[],
    );
    insta::assert_snapshot!(outcome.stderr + &outcome.stdout);
}

#[test]
fn a_refusal_that_nobody_expected_ends_the_scenario() {
    let outcome = sim("unit A \"ASA 5520\"\nboot A\nadvance 1d\n", &[]);
    assert_eq!(outcome.status, Some(2));
    assert_eq!(outcome.stderr, "tollgate: error: FILE:2: A runs already\n");
    assert!(!outcome.stdout.contains("passed"), "{}", outcome.stdout);
}

#[test]
fn several_files_and_files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let good = file("good", b"unit A 5520\nexpect A running other-vpn 750\n");
    let wrong = file("wrong", b"unit A 5520\nexpect A running other-vpn 10\n");
    let binary = file("binary", b"unit A 5520\n\xff\n");
    assert_eq!(tollgate(&["sim", &good, &good]).status, Some(0));
    assert_eq!(tollgate(&["sim", &wrong, &good]).status, Some(1));
    let both = tollgate(&["sim", &binary, &wrong]);
    assert_eq!(both.status, Some(2));
    assert!(both.stderr.ends_with("binary: line 2 is not UTF-8 text\n"), "{}", both.stderr);
    assert!(both.stdout.contains("wrong:2: expected A running other-vpn 10, got 750"));
    assert!(not_understood(&["sim", "/no/such/file"]).contains("/no/such/file: No such file"));
    // Standard input that has nothing to say.
    assert_eq!(tollgate(&["sim"]).stdout, "-: 0 of 0 expectations held\n");
}

/// I11, I12: hosts, TLS proxy limits, resources and sessions in the firewall's own form.
#[test]
fn i11_i12_what_is_in_use_is_displayed() {
    let scenario = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/usage.scn");
    let told = printed(&["sim", scenario.to_str().unwrap()]);
    insta::assert_snapshot!(told.replace(scenario.to_str().unwrap(), "FILE"));
}
