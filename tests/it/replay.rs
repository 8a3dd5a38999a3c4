//! `tollgate replay` and `tollgate size`, on the project's own capture.
//!
//! The figures expected are those that `tests/captures/README.md` counts with tshark and with
//! `scripts/capture-counts`, which know nothing of this code.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value as Json;

use crate::command::{Outcome, printed, tollgate};

fn office() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/office.pcap").to_owned()
}

fn json(args: &[&str]) -> Json {
    serde_json::from_str(&printed(&[args, &["--json"]].concat())).unwrap()
}

/// A limit's line in a report: allowed, peak, admitted, refused.
fn line(report: &Json, limit: &str) -> [Json; 4] {
    let lines = report["limits"].as_array().unwrap();
    let line = lines.iter().find(|line| line["limit"] == limit).expect(limit);
    ["allowed", "peak", "admitted", "refused"].map(|key| line[key].clone())
}

/// A file of this test's own, removed when it is over.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path: PathBuf = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

#[test]
fn the_office_is_counted_as_tshark_counts_it() {
    let args = ["replay", &office(), "--model", "ASA 5520", "--add", "uc-proxy-sessions=24"];
    let report = json(&args);
    assert_eq!(report["packets"], 2010);
    let skipped = &report["skipped"];
    let counts = ["non-ip", "fragment", "icmp-error", "neighbour-discovery", "mid-stream"]
        .map(|reason| skipped[reason].as_u64().unwrap());
    assert_eq!(counts, [36, 10, 1, 54, 36]);
    let all: u64 = skipped.as_object().unwrap().values().filter_map(Json::as_u64).sum();
    assert_eq!(all, counts.iter().sum::<u64>());
    let expect = |limit, figures: [u64; 4]| {
        assert_eq!(line(&report, limit), figures.map(Json::from), "{limit}");
    };
    expect("firewall-conns", [280_000, 89, 134, 0]);
    expect("vlans", [150, 2, 2, 0]);
    expect("other-vpn", [750, 3, 3, 0]);
    expect("uc-proxy", [24, 5, 5, 0]);
    let report = json(&["replay", &office(), "--model", "5505", "--add", "inside-hosts=50"]);
    assert_eq!(line(&report, "inside-hosts")[..2], [50, 17].map(Json::from));
}

#[test]
fn refusals_name_the_limit_the_first_time_and_the_reason() {
    insta::assert_snapshot!(printed(&["replay", &office(), "--model", "ASA 5505"]));
    insta::assert_snapshot!(printed(&[
        "replay",
        &office(),
        "--model",
        "ASA 5512-X",
        "--set",
        "firewall-conns=50",
        "--set",
        "npe=yes",
    ]));
}

#[test]
fn the_number_of_workers_makes_no_difference() {
    let args = ["replay", &office(), "--model", "ASA 5505", "--json", "--workers"];
    let one = printed(&[&args[..], &["1"]].concat());
    for workers in ["2", "5"] {
        assert_eq!(printed(&[&args[..], &[workers]].concat()), one, "{workers} workers");
    }
}

#[test]
fn which_hosts_are_inside_may_be_told() {
    let hosts = |options: &[&str]| {
        let unit = ["replay", &office(), "--model", "5505", "--add", "inside-hosts=unlimited"];
        line(&json(&[&unit, options].concat()), "inside-hosts")[1].as_u64().unwrap()
    };
    assert_eq!(hosts(&["--inside", "fd00::/8"]), 6);
    // 12 talk to the outside, of which h13 is done before the others begin.
    assert_eq!(hosts(&["--inside", "10.10.10.0/24", "--inside", "192.168.20.0/24"]), 11);
    assert!(hosts(&["--no-default-route"]) > 17, "all hosts of all connections");
}

#[test]
fn a_capture_may_be_compressed_and_come_from_standard_input() {
    use std::process::{Command, Stdio};
    let scratch = Scratch::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&fs::read(office()).unwrap()).unwrap();
    let zipped = scratch.file("office.pcap.gz", &encoder.finish().unwrap());
    let args = |file| ["replay", file, "--model", "5505", "--json"];
    let office = office();
    let plain = printed(&args(&office));
    assert_eq!(printed(&args(&zipped)), plain);
    let piped = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(args("-"))
        .stdin(Stdio::from(fs::File::open(&zipped).unwrap()))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), plain);
}

#[test]
fn captures_in_a_row_are_replayed_as_one() {
    let report = json(&["replay", &office(), &office(), "--model", "5520"]);
    assert_eq!(report["packets"], 2 * 2010);
    assert_eq!(report["clamped_timestamps"], 1, "the second begins before the first ends");
}

fn failed(args: &[&str]) -> Outcome {
    let outcome = tollgate(args);
    assert_eq!(outcome.status, Some(1), "{args:?}");
    outcome
}

#[test]
fn what_comes_before_a_fault_is_reported() {
    let scratch = Scratch::new();
    let bytes = fs::read(office()).unwrap();
    let cut = scratch.file("cut.pcap", &bytes[..100_000]);
    let outcome = failed(&["replay", &cut, "--model", "5520", "--json"]);
    let report: Json = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["packets"], 887);
    let why = "a packet record is cut short: 68 of 86 bytes are there, at byte 99932";
    assert_eq!(outcome.stderr, format!("tollgate: error: {cut}: {why}\n"));
    let after = failed(&["replay", &cut, &office(), "--model", "5520", "--json"]);
    assert_eq!(after.stdout, outcome.stdout, "nothing after the fault is replayed");
    let sized = failed(&["size", &cut, "--json"]);
    let models: Json = serde_json::from_str(&sized.stdout).unwrap();
    assert_eq!((models.as_array().unwrap().len(), sized.stderr), (34, outcome.stderr));
}

#[test]
fn what_is_no_capture_is_not_replayed() {
    let scratch = Scratch::new();
    let text = scratch.file("notes.txt", b"no capture\n");
    let outcome = failed(&["replay", &text, "--model", "5520"]);
    assert_eq!(outcome.stdout, "");
    assert_eq!(
        outcome.stderr,
        format!(
            "tollgate: error: {text}: not a packet capture but text; pcap and pcapng are read, \
             plain or gzip-compressed, at byte 0\n"
        )
    );
    let missing = scratch.0.path().join("missing.pcap");
    let outcome = failed(&["size", missing.to_str().unwrap()]);
    assert!(outcome.stderr.contains("missing.pcap: No such file"), "{}", outcome.stderr);
}

#[test]
fn the_size_of_the_office() {
    insta::assert_snapshot!(printed(&["size", &office()]));
    let models = json(&["size", &office()]);
    let smallest = &models[0];
    assert_eq!((&smallest["model"], &smallest["fits"]), (&"ASA 5505".into(), &true.into()));
    let needed = |name: &str| {
        let limits = smallest["limits"].as_array().unwrap();
        limits.iter().find(|limit| limit["limit"] == name).unwrap()["needed"].as_u64().unwrap()
    };
    assert_eq!((needed("firewall-conns"), needed("inside-hosts")), (89, 17));
}

/// What `size` recommends refuses nothing in `replay`, and the licence before it does.
#[test]
fn a_recommended_licence_refuses_nothing() {
    let models = json(&["size", &office()]);
    for model in models.as_array().unwrap() {
        let name = |key| model[key].as_str().unwrap();
        let unit = ["--model", name("model"), "--tier", name("tier"), "--guide", name("guide")];
        let licences = model["licences"].as_object().unwrap();
        let added: Vec<_> =
            licences.iter().map(|(feature, value)| format!("{feature}={value}")).collect();
        let refused = |added: &[String]| {
            let office = office();
            let mut args = [&["replay", &office][..], &unit].concat();
            args.extend(added.iter().flat_map(|licence| ["--add", licence]));
            let report = json(&args);
            let lines = report["limits"].as_array().unwrap();
            lines.iter().map(|line| line["refused"].as_u64().unwrap()).sum::<u64>()
        };
        assert_eq!(refused(&added), 0, "{model}");
        for without in 0..added.len() {
            let mut fewer = added.clone();
            fewer.remove(without);
            assert!(refused(&fewer) > 0, "{model} without {}", added[without]);
        }
    }
}
