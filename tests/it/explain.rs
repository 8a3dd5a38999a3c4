//! `tollgate explain`.

use serde_json::Value as Json;

use crate::command::{not_understood, printed, tollgate};

#[test]
fn every_figure_has_its_reason() {
    insta::assert_snapshot!(printed(&[
        "explain",
        "--model",
        "ASA 5505",
        "--add",
        "anyconnect-premium=10",
        "--add",
        "security-plus=enabled",
        "--set",
        "mode=transparent",
        "--set",
        "firewall-conns=500",
    ]));
    insta::assert_snapshot!(
        "explain_of_the_pak_guide",
        printed(&["explain", "--model", "isa3000", "--add", "anyconnect-vpn-only=enabled"])
    );
}

#[test]
fn what_is_beyond_the_platform_is_cut_and_said() {
    let run =
        tollgate(&["explain", "--model", "5520", "--add", "uc-proxy-sessions=2000", "--json"]);
    assert_eq!(run.status, Some(0));
    assert_eq!(
        run.stderr,
        "tollgate: note: `uc-proxy-sessions=2000` is beyond ASA 5520/base (9.1); cut to 1000\n"
    );
    let report: Json = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        report["cuts"],
        serde_json::json!([{"feature": "uc-proxy-sessions", "bought": 2000, "cut_to": 1000}])
    );
    assert_eq!(report["features"]["uc-proxy-sessions"]["value"], 1000);
    assert_eq!(report["limits"]["uc-proxy"]["allowed"], 1000);
    let because = report["limits"]["uc-proxy"]["because"].as_array().unwrap();
    assert_eq!(because.len(), 3);
    assert!(because.iter().all(|step| step["reason"].as_str().is_some_and(|why| !why.is_empty())));
}

#[test]
fn bad_input_names_what_is_wrong_and_what_there_is() {
    let told = [
        not_understood(&["explain", "--model", "ASA 5599"]),
        not_understood(&["explain", "--model", "ASA 5520", "--tier", "gold"]),
        not_understood(&["explain", "--model", "ASA 5520", "--guide", "pak"]),
        not_understood(&["explain", "--model", "ASA 5520", "--add", "warp-drive=enabled"]),
        not_understood(&["explain", "--model", "ASA 5520", "--add", "gtp-gprs"]),
        not_understood(&["explain", "--model", "ASA 5520", "--add", "gtp-gprs=maybe"]),
        not_understood(&["explain", "--model", "ASA 5520", "--add", "anyconnect-premium=60"]),
        not_understood(&["explain", "--model", "ASA 5505", "--set", "contexts=multiple"]),
        not_understood(&["explain", "--model", "ASA 5505", "--set", "tls-proxy-default=many"]),
    ];
    insta::assert_snapshot!(told.concat());
}
