//! `tollgate models`.

use std::collections::BTreeSet;
use std::io;

use serde_json::Value as Json;
use tollgate::catalogue::{self, Feature};

use crate::command::{not_understood, printed, tollgate_into};

fn json(args: &[&str]) -> Json {
    let text = printed(args);
    assert_eq!(text.lines().count(), 1, "JSON is one line");
    serde_json::from_str(&text).unwrap()
}

fn keys(object: &Json) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_list_has_a_line_for_every_entry() {
    let text = printed(&["models"]);
    for entry in catalogue::entries() {
        let words = [entry.model.name(), entry.tier.name(), entry.guide().name()];
        let line = text.lines().find(|line| {
            line.split("  ").filter(|word| !word.is_empty()).map(str::trim).take(3).eq(words)
        });
        assert!(line.is_some(), "{entry}");
    }
    assert!(text.is_ascii());
    assert!(!text.lines().any(|line| line.ends_with(' ')));
    insta::assert_snapshot!(text);
}

#[test]
fn the_whole_table_of_a_model() {
    insta::assert_snapshot!("table_of_the_asa_5505", printed(&["models", "ASA 5505"]));
    insta::assert_snapshot!("table_of_the_asa_5545_x", printed(&["models", "5545x"]));
    insta::assert_snapshot!("table_of_the_isa_3000", printed(&["models", "isa3000/security-plus"]));
}

#[test]
fn json_of_some_models() {
    for (name, model) in [
        ("json_of_the_asa_5505", "5505"),
        ("json_of_the_asa_5510", "5510/security-plus"),
        ("json_of_the_ssp_10", "ssp-10"),
        ("json_of_the_asa_5506h_x", "5506H-X"),
    ] {
        insta::assert_json_snapshot!(name, json(&["models", model, "--json"]));
    }
}

#[test]
fn json_has_every_row_in_one_shape() {
    let entries = json(&["models", "--json"]);
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len(), 34);
    for (json, entry) in entries.iter().zip(catalogue::entries()) {
        assert_eq!(keys(json), ["guide", "limits", "model", "tier"].into());
        assert_eq!(json["guide"], entry.guide().name());
        assert_eq!(json["model"], entry.model.name());
        assert_eq!(json["tier"], entry.tier.name());
        let features: BTreeSet<_> = entry.rows.iter().map(|row| row.feature.name()).collect();
        assert_eq!(keys(&json["limits"]), features, "{entry}");
        for row in entry.rows {
            let cell = &json["limits"][row.feature.name()];
            assert_eq!(keys(cell), ["optional", "value"].into());
            assert_eq!(cell["optional"].as_array().unwrap().len(), row.optional.len());
            match row.value.count() {
                Some(count) => assert_eq!(cell["value"], count),
                None if entry.model.name() == "ASA 5505" && row.feature == Feature::Vlans => {
                    assert_eq!(keys(&cell["value"]), ["routed", "transparent"].into());
                }
                None => assert_eq!(cell["value"], row.value.to_string()),
            }
        }
    }
}

#[test]
fn one_model_in_json_is_its_part_of_the_whole() {
    let all = json(&["models", "--json"]);
    let one = json(&["models", "5555-X (pak)", "--json"]);
    let at = catalogue::entries().position(|it| it.to_string() == "ASA 5555-X/base (pak)");
    assert_eq!(one, Json::Array(vec![all[at.unwrap()].clone()]));
}

#[test]
fn diff_shows_what_changes() {
    let diff = |a, b| printed(&["models", "--diff", a, b]);
    insta::assert_snapshot!("diff_of_the_tiers", diff("ASA 5510/base", "5510/security-plus"));
    insta::assert_snapshot!("diff_of_the_guides", diff("5525-X", "5525-X (pak)"));
    let same = "ASA 5520/base (9.1) and ASA 5520/base (9.1) offer the same\n";
    assert_eq!(diff("5520", "asa-5520"), same);
}

#[test]
fn diff_in_json() {
    let diff = json(&["models", "--diff", "ASA 5505", "ASA 5510", "--json"]);
    assert_eq!(diff["changes"]["inside-hosts"]["b"], Json::Null);
    assert_eq!(diff["changes"]["shared-server"]["a"], Json::Null);
    insta::assert_json_snapshot!(diff);
    let none = json(&["models", "--diff", "5520", "5520", "--json"]);
    assert_eq!(none["changes"], serde_json::json!({}));
}

#[test]
fn what_is_not_understood() {
    let errors = [
        &["models", "5511"][..],
        &["models", "5520/security-plus"],
        &["models", "5510/gold", "--json"],
        &["models", "5508-X (9.1)"],
        &["models", "--diff", "5510", "5510 (9)"],
    ]
    .map(|args| format!("{}\n{}", args.join(" "), not_understood(args)));
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn a_command_line_that_does_not_parse() {
    for args in [
        &["models", "--diff", "5510"][..],
        &["models", "5505", "--diff", "5510", "5520"],
        &["models", "--diff", "5505", "5510", "--diff", "5510", "5520"],
        &["models", "ASA", "5510"],
        &["models", "--frobnicate"],
        &["frobnicate"],
    ] {
        assert!(not_understood(args).starts_with("tollgate: error: "), "{args:?}");
    }
    assert!(not_understood(&[]).contains("Usage: tollgate [OPTIONS] <COMMAND>"));
}

#[test]
fn help_and_version_are_answers() {
    assert!(printed(&["models", "--help"]).contains("Usage: tollgate models"));
    assert_eq!(printed(&["--version"]), concat!("tollgate ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for args in [&["models"][..], &["models", "--json"], &["models", "--help"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let outcome = tollgate_into(args, writer);
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_a_failure() {
    for args in [&["models"][..], &["models", "--json"], &["models", "--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let outcome = tollgate_into(args, full);
        assert_eq!(outcome.status, Some(1), "{args:?}");
        let says = "tollgate: error: cannot write the output: ";
        assert!(outcome.stderr.starts_with(says), "{}", outcome.stderr);
    }
}
