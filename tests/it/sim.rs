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
         license-server S size 1000\n\
         license-server S secret\n\
         license-server S size many secret s3cret\n\
         license-server S secret s3cret refresh soon\n\
         license-server S secret s3cret reserve P\n\
         license-server S secret s3cret backup B backup C\n\
         participant P secret s3cret\n\
         participant P server S\n\
         participant P server S secret s3cret interfaces in/side\n\
         link P S\n\
         link P S sideways\n\
         crash S after lunch\n\
         demand P -1\n\
         network loss 101%\n\
         network loss 5\n\
         failover A\n\
         expect S pool depth 500\n\
         expect S pool free\n\
         expect B backup asleep\n\
         expect P pool server\n",
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

/// Each refusal around shared licensing, as `fails` prints it.
#[test]
fn what_is_refused_of_shared_licensing() {
    let outcome = sim(
        "unit S \"ASA 5520\" serial JMX0912K041\n\
         unit P \"ASA 5520\" serial JMX0912K042\n\
         unit T 5505\n\
         fails license-server S size 500 secret s3cret\n\
         fails participant P server S secret s3cret\n\
         fails participant T server S secret s3cret\n\
         permanent S shared-server=500\n\
         permanent P shared-participant=enabled\n\
         fails license-server X size 500 secret s3cret\n\
         fails license-server S size 750 secret s3cret\n\
         fails license-server S size 1000 secret s3cret\n\
         fails license-server S size 500 secret abc\n\
         fails license-server S size 500 secret s3cret refresh 5s\n\
         fails license-server S size 500 secret s3cret refresh 1m500ms\n\
         fails license-server S size 500 secret s3cret port 0\n\
         fails license-server S size 500 secret s3cret backup S\n\
         fails license-server S size 500 secret s3cret backup X\n\
         fails license-server S size 500 secret s3cret reserve P=501\n\
         fails license-server S size 500 secret s3cret reserve P=50 cap P=40\n\
         fails participant P server P secret s3cret\n\
         fails link P S down\n\
         fails crash P after 3\n\
         fails demand P 5\n\
         fails show P shared\n\
         fails clock P +1d monotonic\n\
         fails failover P S\n\
         license-server S size 500 secret s3cret\n\
         fails license-server S size 500 secret s3cret\n\
         fails participant S server S secret s3cret\n\
         participant P server S secret s3cret\n\
         fails license-server P size 500 secret s3cret\n\
         fails failover P S\n\
         fails failover P P\n\
         fails clock P +9999w monotonic\n\
         fails advance 9999999w\n\
         crash S\n\
         fails crash S\n\
         fails shutdown S\n",
        &[],
    );
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(outcome.stdout);
    // Questions that cannot be answered are no expectation that does not hold.
    let setup = "unit P 5520\npermanent P shared-participant=enabled\nunit S 5520\n\
                 participant P server S secret s3cret\n";
    for question in ["S pool free 1", "P pool free 1", "P backup inactive"] {
        let outcome = sim(&format!("{setup}expect {question}\n"), &[]);
        assert_eq!(outcome.status, Some(2), "{question}: {}", outcome.stdout);
    }
}

const SHARED: &str = "\
unit S \"ASA 5520\" serial JMX0912K041
unit P \"ASA 5520\" serial JMX0912K042
unit B \"ASA 5520\" serial JMX0912K043
permanent S shared-server=500
permanent P shared-participant=enabled anyconnect-premium=100
permanent B shared-participant=enabled
license-server S size 500 secret s3cret backup B
participant B server S secret s3cret
participant P server S secret s3cret
admit P anyconnect 120
advance 10s
show S shared
show P shared
show B shared
link P S down
crash S
advance 2m
restart S
expect P pool held 50
expect S pool free 400
";

#[test]
fn a_pool_step_by_step() {
    let outcome = sim(SHARED, &[]);
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), ""));
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn a_pool_in_json() {
    let outcome = sim(SHARED, &["--json"]);
    let objects: Vec<Json> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), SHARED.lines().count());
    assert_eq!((&objects[6]["size"], &objects[6]["backup"]), (&500.into(), &"B".into()));
    assert_eq!((&objects[7]["server"], &objects[7]["backup"]), (&"S".into(), &true.into()));
    let pool = &objects[11]["pool"];
    assert_eq!((&pool["free"], &pool["granted"]), (&450.into(), &50.into()));
    assert_eq!(objects[11]["clients"][1]["unit"], "P");
    assert_eq!(objects[12]["device"]["held"], 50);
    assert_eq!(objects[13]["backup"]["synchronised"], true);
    assert_eq!(
        (&objects[18]["verdict"], &objects[19]["verdict"]),
        (&"held".into(), &"failed".into())
    );
}

/// G76: no number is too many.
#[test]
fn g76_any_number_of_participants() {
    use std::fmt::Write as _;
    const UNITS: usize = 200;
    let mut text = "unit S 5540\npermanent S shared-server=50000\n\
                    license-server S size 50000 secret s3cret refresh 300s\n"
        .to_owned();
    for unit in 0..UNITS {
        writeln!(text, "unit P{unit} 5520\npermanent P{unit} shared-participant=enabled").unwrap();
        writeln!(text, "participant P{unit} server S secret s3cret\ndemand P{unit} 60").unwrap();
    }
    writeln!(text, "advance 10m\nexpect S pool participants {}", UNITS + 1).unwrap();
    writeln!(text, "expect S pool granted {}\nexpect P{} pool held 100", UNITS * 100, UNITS - 1)
        .unwrap();
    let outcome = sim(&text, &[]);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
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
