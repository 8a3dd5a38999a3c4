//! The commands of the authority and of the operator: a unit from its first key to failover.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;
use tollgate::store::{File, Office};

use crate::command::{Outcome, printed, tollgate};
use crate::store::SECRET;

const SERIAL: &str = "JMX0912K04J";

/// An authority with a known secret, and units.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        File::create(&site.path("authority"), &Office::new(SECRET)).unwrap();
        site
    }

    /// With a unit of this model, in the file `unit`.
    fn with(model: &[&str]) -> Self {
        let site = Self::new();
        site.init("unit", SERIAL, model);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn init(&self, unit: &str, serial: &str, model: &[&str]) {
        let authority = self.path("authority");
        let secret = ["--serial", serial, "--authority", authority.to_str().unwrap()];
        let args = ["device", "init", "--model"];
        self.run(unit, &[&args[..], model, &secret].concat());
    }

    fn issue(&self, serial: &str, words: &str) -> String {
        let authority = self.path("authority");
        let mut args = vec!["issue", "--authority", authority.to_str().unwrap()];
        args.extend(["--serial", serial]);
        args.extend(words.split_whitespace());
        printed(&args).trim_end().to_owned()
    }

    fn try_run(&self, unit: &str, args: &[&str]) -> Outcome {
        let path = self.path(unit);
        tollgate(&[&["--state", path.to_str().unwrap()], args].concat())
    }

    /// What a command prints, without the folder's name.
    fn run(&self, unit: &str, args: &[&str]) -> String {
        let run = self.try_run(unit, args);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{args:?}");
        run.stdout.replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// Enters a key for these licences.
    fn license(&self, unit: &str, serial: &str, words: &str) -> String {
        let key = self.issue(serial, words);
        self.run(unit, &["activation-key", &key])
    }

    /// What a refused command says; the unit is as it was.
    fn refused(&self, args: &[&str]) -> String {
        let keys = || self.run("unit", &["show", "activation-key", "detail"]);
        let before = (keys(), self.run("unit", &["show", "license", "explain"]));
        let run = self.try_run("unit", args);
        assert_ne!(run.status, Some(0), "{args:?}");
        assert_eq!(run.stdout, "", "{args:?}");
        assert_eq!((keys(), self.run("unit", &["show", "license", "explain"])), before);
        run.stderr
    }
}

#[test]
fn a_unit_from_its_first_key_on() {
    let site = Site::with(&["ASA 5520"]);
    let mut told = site.run("unit", &["show", "version"]);
    for words in [
        "--permanent anyconnect-premium=500 gtp-gprs=enabled encryption=3des-aes",
        "--permanent security-contexts=10",
        "--weeks 8 botnet-traffic-filter=enabled",
        "--days 62 uc-proxy-sessions=24",
    ] {
        told.push_str(&site.license("unit", SERIAL, words));
    }
    told.push_str(&site.run("unit", &["show", "version"]));
    told.push_str(&site.run("unit", &["show", "activation-key", "detail"]));
    insta::assert_snapshot!(told);
}

#[test]
fn listings_of_other_models() {
    let mut told = String::new();
    for (model, licences) in [
        (&["ASA 5505"][..], "--permanent inside-hosts=50"),
        (&["ASA 5505", "--tier", "security-plus"], "--permanent anyconnect-essentials=25"),
        (&["ASA 5510"], "--permanent security-plus=enabled shared-server=12000"),
        (&["ASA 5515-X"], "--permanent ips-module=enabled"),
        (&["ASA 5516-X"], "--permanent encryption=3des-aes"),
        (&["ISA 3000"], "--permanent anyconnect-apex=enabled"),
    ] {
        let site = Site::with(model);
        site.license("unit", SERIAL, licences);
        told.push_str(&site.run("unit", &["show", "version"]));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn keys_overwrite_stack_and_take_turns() {
    let site = Site::with(&["ASA 5520"]);
    let enter = |words| site.license("unit", SERIAL, words);
    let first = site.issue(SERIAL, "--weeks 8 anyconnect-premium=1000");
    let mut told = site.run("unit", &["activation-key", &first]);
    told += &site.run("unit", &["activation-key", &first]);
    told += &enter("--weeks 8 anyconnect-premium=1000");
    told += &enter("--weeks 8 anyconnect-premium=2500");
    let words: Vec<_> = first.split(' ').collect();
    let with = |verb| [&["activation-key"], &words[..], &[verb]].concat();
    told += &site.run("unit", &with("activate"));
    told += &site.run("unit", &with("deactivate"));
    told += &enter("--permanent encryption=3des-aes anyconnect-premium=100");
    // The key of all zeros takes the strong encryption away, at the next reload.
    told += &site.run("unit", &["activation-key", "0", "0", "0", "0", "0"]);
    told += &site.run("unit", &["show", "activation-key", "detail"]);
    told += &site.run("unit", &["reload"]);
    told += &site.run("unit", &["show", "version"]);
    insta::assert_snapshot!(told);
}

#[test]
fn a_pair_lists_both_licences() {
    let site = Site::with(&["ASA 5520"]);
    site.init("mate", "JMX0912K04K", &["ASA 5520"]);
    let mate = site.path("mate");
    let form = ["configure", "failover=active-standby", "--mate", mate.to_str().unwrap()];
    site.license("unit", SERIAL, "--permanent encryption=3des-aes anyconnect-premium=500");
    let mut told = site.refused(&form);
    told += &site.refused(&["show", "failover", "license"]);
    site.license("mate", "JMX0912K04K", "--permanent encryption=3des-aes");
    site.license("mate", "JMX0912K04K", "--weeks 8 botnet-traffic-filter=enabled");
    told += &site.run("unit", &form);
    told += &site.run("unit", &["show", "failover", "license"]);
    told += &site.run("unit", &["show", "version"]);
    let report: Json =
        serde_json::from_str(&site.run("unit", &["show", "version", "--json"])).unwrap();
    assert_eq!(report["failover"]["units"], serde_json::json!([SERIAL, "JMX0912K04K"]));
    told += &site.run("unit", &["downgrade-check", "--to", "8.2"]);
    site.run("unit", &["configure", "failover=off"]);
    told += &site.refused(&["show", "failover", "license"]);
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_configured_is_kept_and_cleared() {
    let site = Site::with(&["ASA 5520"]);
    let total = || {
        let explained = site.run("unit", &["show", "license", "explain", "--json"]);
        let report: Json = serde_json::from_str(&explained).unwrap();
        report["limits"]["total-vpn"]["allowed"].as_u64()
    };
    assert_eq!(total(), Some(750));
    site.run("unit", &["configure", "contexts=multiple", "total-vpn=100"]);
    assert_eq!(total(), Some(100));
    // One of two is refused: neither is set.
    site.refused(&["configure", "total-vpn=50", "contexts=three"]);
    assert_eq!(total(), Some(100));
    // An own limit is no part of the licence.
    assert!(
        site.run("unit", &["show", "version"]).contains("Total VPN Peers                   : 750")
    );
    site.run("unit", &["configure", "--clear"]);
    assert_eq!(total(), Some(750));
}

#[test]
fn a_single_setting_is_set_back() {
    let site = Site::with(&["ASA 5520"]);
    let configure = |words: &[&str]| -> Json {
        let told = site.run("unit", &[&["configure", "--json"], words].concat());
        serde_json::from_str(&told).unwrap()
    };
    let new = configure(&["no", "total-vpn"]);
    let set = configure(&["contexts=multiple", "total-vpn=100", "export=k9"]);
    assert_eq!(set["settings"]["total-vpn"], "100");
    let set = configure(&["no", "total-vpn", "mode=transparent", "no", "export"]);
    assert_eq!(set["settings"].get("total-vpn").or(set["settings"].get("export")), None);
    assert_eq!(set["settings"]["contexts"], "multiple");
    assert_eq!(configure(&["no", "mode", "no", "contexts"]), new);
    let mut told = site.refused(&["configure", "no"]);
    told += &site.refused(&["configure", "total-vpn=50", "no", "total-vpn=50"]);
    told += &site.refused(&["configure", "total-vpn=50", "no", "warp"]);
    told += &site.refused(&["configure", "total-vpn=50", "--mate", "nowhere"]);
    told += &site.refused(&["configure", "no", "failover-link"]);
    insta::assert_snapshot!(told);
}

/// E38: clearing leaves the TLS proxy limit below the licence, and a key for UC sessions raises it.
#[test]
fn e38_a_cleared_tls_proxy_limit_is_told() {
    let site = Site::with(&["ASA 5520"]);
    site.license("unit", SERIAL, "--permanent uc-proxy-sessions=500");
    site.run("unit", &["configure", "tls-proxy-default=300"]);
    let cleared = site.try_run("unit", &["configure", "--clear"]);
    let told = "tollgate: note: the tls proxy limit is 300, below the licence for 500; set \
                tls-proxy-maximum-sessions\n";
    assert_eq!((cleared.status, cleared.stderr.as_str()), (Some(0), told));
    site.license("unit", SERIAL, "--permanent uc-proxy-sessions=750");
    assert_eq!(site.run("unit", &["configure", "no", "failover"]), "configured\n");
}

/// Nothing is told where the default is not below the licence.
#[test]
fn e39_a_cleared_tls_proxy_limit_that_suffices() {
    let site = Site::with(&["ASA 5520"]);
    site.license("unit", SERIAL, "--permanent uc-proxy-sessions=250");
    let lower = ["configure", "tls-proxy-default=300", "tls-proxy-maximum-sessions=100"];
    assert!(site.try_run("unit", &lower).stderr.contains("below the licence for 250"));
    assert_eq!(site.run("unit", &["configure", "--clear"]), "configured\n");
}

/// The units of a group have one configuration, which cannot make hardware of them that they are
/// not.
#[test]
fn units_with_and_without_payload_encryption_are_no_pair() {
    let site = Site::with(&["ASA 5520"]);
    site.init("npe", "JMX0912K04K", &["ASA 5520"]);
    site.run("npe", &["configure", "npe=yes"]);
    let npe = site.path("npe");
    let form = ["configure", "failover=active-standby", "--mate", npe.to_str().unwrap()];
    assert!(site.refused(&form).contains("not all No Payload Encryption models"));
}

/// A pair of a unit with itself would double its licences.
#[test]
fn a_unit_is_no_mate_of_its_own() {
    let site = Site::with(&["ASA 5520"]);
    fs::copy(site.path("unit"), site.path("copy")).unwrap();
    for mate in ["unit", "copy"] {
        let mate = site.path(mate);
        let form = ["configure", "failover=active-standby", "--mate", mate.to_str().unwrap()];
        let told =
            format!("tollgate: error: {SERIAL} is there twice; a group is of different units\n");
        assert_eq!(site.refused(&form), told);
    }
    let nowhere = site.path("nowhere/unit");
    let authority = site.path("authority");
    let init = ["device", "init", "--model", "ASA 5520", "--serial", SERIAL, "--authority"];
    let run = site.try_run("nowhere/unit", &[&init[..], &[authority.to_str().unwrap()]].concat());
    let told = format!("`{}`: No such file or directory (os error 2)\n", nowhere.display());
    assert_eq!(run.stderr, format!("tollgate: error: {told}"));
}

/// F8: a key on a unit of a standing pair is entered, and ends the pair if each unit needs its own.
#[test]
fn f8_a_key_that_the_mate_lacks_ends_the_pair() {
    let site = Site::with(&["ASA 5515-X", "--guide", "9.1"]);
    site.init("mate", "JMX0912K04K", &["ASA 5515-X", "--guide", "9.1"]);
    let mate = site.path("mate");
    let form = ["configure", "failover=active-standby", "--mate", mate.to_str().unwrap()];
    let formed: Json =
        serde_json::from_str(&site.run("unit", &[&form[..], &["--json"]].concat())).unwrap();
    assert_eq!(
        (&formed["failover"], &formed["communicate"], &formed["group_ended"]),
        (&"active-standby".into(), &true.into(), &Json::Null)
    );
    // Without communication nobody asks; when it is back, the licences are compared again.
    site.run("unit", &["configure", "failover-link=lost"]);
    let told = site.license("unit", SERIAL, "--permanent ips-module=enabled");
    assert!(!told.contains("a group no longer"), "{told}");
    let told = site.run("unit", &["configure", "no", "failover-link"]);
    let ended = "configured\nthe units are a group no longer, each goes by its own licence: \
                 JMX0912K04K has no `ips-module` licence and another unit has; each unit needs its \
                 own\n";
    assert_eq!(told, ended);
    assert!(site.refused(&["show", "failover", "license"]).contains("no failover pair"));
    let formed = site.try_run("unit", &form);
    assert_eq!(formed.status, Some(1), "the licences still differ");
    // Encryption has to be the same (F7).
    site.license("mate", "JMX0912K04K", "--permanent ips-module=enabled");
    site.run("unit", &form);
    let key = site.issue(SERIAL, "--permanent encryption=3des-aes");
    let told: Json =
        serde_json::from_str(&site.run("unit", &["activation-key", &key, "--json"])).unwrap();
    assert_eq!(told["group_ended"].as_array().unwrap().len(), 1, "{told}");
    let told = site.run("unit", &["reload", "--json"]);
    assert_eq!(told, format!("{{\"events\":[],\"serial\":\"{SERIAL}\"}}\n"));
}

#[test]
fn a_refused_key_changes_nothing() {
    let site = Site::with(&["ASA 5520"]);
    let permanent = site.issue(SERIAL, "--permanent anyconnect-premium=100");
    site.run("unit", &["activation-key", &permanent]);
    let another = site.issue("JMX0912K04K", "--permanent gtp-gprs=enabled");
    let lacking = site.issue(SERIAL, "--permanent ips-module=enabled");
    let timed = site.issue(SERIAL, "--weeks 8 botnet-traffic-filter=enabled");
    let mut told = String::new();
    for key in [
        "1 2 3 4",
        "1 2 3 4 5 6",
        "1 2 3 4 0xg",
        "1 2 3 4 123456789",
        "1 2 3 4 5",
        &another,
        &lacking,
    ] {
        told += &site.refused(&["activation-key", key]);
    }
    told += &site.refused(&["activation-key", &timed, "deactivate"]);
    told += &site.refused(&["activation-key", &permanent, "deactivate"]);
    told += &site.refused(&["activation-key", "activate"]);
    told += &site.refused(&["downgrade-check", "--to", "eight"]);
    let small = Site::with(&["ASA 5506-X"]);
    told += &small.refused(&["activation-key", &timed]);
    insta::assert_snapshot!(told);
}

/// D33, D34: whatever the key says, DES is there, also beside 3DES/AES.
#[test]
fn d33_d34_des_is_always_enabled() {
    let site = Site::with(&["ASA 5520"]);
    let encryption = || {
        let version = site.run("unit", &["show", "version"]);
        let lines = version.lines().filter_map(|line| line.strip_prefix("Encryption-"));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(encryption(), ["DES : Enabled perpetual", "3DES-AES : Disabled perpetual"]);
    site.license("unit", SERIAL, "--permanent encryption=3des-aes");
    assert_eq!(encryption(), ["DES : Enabled perpetual", "3DES-AES : Enabled perpetual"]);
}

#[test]
fn a_new_key_may_be_entered_with_activate() {
    let site = Site::with(&["ASA 5520"]);
    let key = site.issue(SERIAL, "--weeks 8 botnet-traffic-filter=enabled");
    let entered = format!("time-based key {key} is installed\nit is active\n");
    assert_eq!(site.run("unit", &["activation-key", &key, "activate"]), entered);
    site.run("unit", &["activation-key", &key, "deactivate"]);
    assert_eq!(site.run("unit", &["activation-key", &key, "activate"]), "it is active\n");
}

#[test]
fn the_authority_refuses_what_is_not_sold() {
    let site = Site::new();
    let authority = site.path("authority");
    let mut told = String::new();
    for words in [
        "--serial JMX0912K04J --permanent anyconnect-premium=60",
        "--serial JMX0912K04J --permanent botnet-traffic-filter=enabled",
        "--serial JMX0912K04J --weeks 0 botnet-traffic-filter=enabled",
        "--serial JMX0912K04J --weeks 4294967295 botnet-traffic-filter=enabled",
        "--serial JMX0912K04J --weeks 8 security-contexts=2",
        "--serial JMX0912K04J --permanent warp-drive=enabled",
        "--serial JMX0912K04J --permanent gtp-gprs",
        "--serial JMX --permanent gtp-gprs=enabled",
    ] {
        let before = fs::read(&authority).unwrap();
        let mut args = vec!["issue", "--authority", authority.to_str().unwrap()];
        args.extend(words.split_whitespace());
        let run = tollgate(&args);
        assert_ne!(run.status, Some(0));
        assert!(fs::read(&authority).unwrap() == before, "nothing is registered");
        told += &run.stderr;
    }
    insta::assert_snapshot!(told);
}

/// The authority's file is not needed where the unit is: its own secret is.
#[test]
fn a_unit_with_its_own_secret_alone() {
    let site = Site::new();
    let (authority, secret) = (site.path("authority"), site.path("secret"));
    let (authority, secret) = (authority.to_str().unwrap(), secret.to_str().unwrap());
    let unit_secret = ["authority", "unit-secret", "--file", authority, "--serial", SERIAL];
    printed(&[&unit_secret[..], &["--to", secret]].concat());
    assert_eq!(fs::read_to_string(secret).unwrap().len(), 65);
    let init = ["device", "init", "--model", "ASA 5520", "--serial", SERIAL];
    site.run("unit", &[&init[..], &["--unit-secret", secret]].concat());
    let told = site.license("unit", SERIAL, "--permanent gtp-gprs=enabled");
    assert!(told.starts_with("the permanent activation key is now 0x"), "{told}");
    fs::write(secret, "0123").unwrap();
    let run = site.try_run("other", &[&init[..], &["--unit-secret", secret]].concat());
    assert!(run.stderr.contains("is no unit's secret, which is 64 hexadecimal digits"));
    assert!(!site.path("other").exists());
}

#[cfg(unix)]
#[test]
fn secrets_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authority");
    let file = path.to_str().unwrap();
    printed(&["authority", "init", "--file", file]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&path).unwrap();
    let run = tollgate(&["authority", "init", "--file", file]);
    assert!(run.stderr.contains("is there already and is not overwritten"), "{}", run.stderr);
    assert!(fs::read(&path).unwrap() == before);
}

/// I9, I15: what a No Payload Encryption model leaves out, and the name that the peers have since
/// 8.4(1).
#[test]
fn i9_i15_vpn_and_uc_are_not_listed_without_payload_encryption() {
    let site = Site::with(&["ASA 5520"]);
    let licences = "--permanent encryption=3des-aes anyconnect-premium=500 uc-proxy-sessions=24";
    site.license("unit", SERIAL, licences);
    let listed = site.run("unit", &["show", "version"]);
    assert!(listed.contains("AnyConnect Premium Peers          : 500 "), "{listed}");
    assert!(listed.contains("Total UC Proxy Sessions           : 24 "), "{listed}");
    assert!(!listed.contains("SSL VPN Peers"), "{listed}");
    site.run("unit", &["configure", "npe=yes"]);
    let listed = site.run("unit", &["show", "version"]);
    for hidden in ["AnyConnect", "VPN", "UC ", "Shared", "Endpoint", "Intercompany"] {
        assert!(!listed.contains(hidden), "{hidden} in {listed}");
    }
    for shown in ["Encryption-3DES-AES               : Enabled", "Botnet", "Security Contexts"] {
        assert!(listed.contains(shown), "no {shown} in {listed}");
    }
}

/// The parsers that network automation runs against real units read every licence line of ours.
///
/// Needs Python with ntc-templates, pyATS and Genie: CONTRIBUTING.md has the command.
#[test]
#[ignore = "needs Python with ntc-templates and Genie; see CONTRIBUTING.md"]
fn parsers_of_real_units_read_our_listing() {
    let python = std::env::var_os("TOLLGATE_ASA_PYTHON").expect("TOLLGATE_ASA_PYTHON: a Python");
    for (model, permanent, timed) in [
        ("ASA 5520", "anyconnect-premium=500 gtp-gprs=enabled encryption=3des-aes", true),
        ("ASA 5540", "shared-server=12000 advanced-endpoint-assessment=enabled", true),
        ("ASA 5515-X", "ips-module=enabled encryption=3des-aes", false),
        ("ASA 5516-X", "encryption=3des-aes", false),
    ] {
        let site = Site::with(&[model]);
        site.license("unit", SERIAL, &format!("--permanent {permanent}"));
        if timed {
            site.license("unit", SERIAL, "--days 62 uc-proxy-sessions=24");
            site.license("unit", SERIAL, "--weeks 8 botnet-traffic-filter=enabled");
        }
        parse_version(&python, &site, model);
    }
    let pair = Site::with(&["ASA 5520"]);
    pair.init("mate", "JMX0912K04K", &["ASA 5520"]);
    pair.license("unit", SERIAL, "--permanent encryption=3des-aes anyconnect-premium=500");
    pair.license("mate", "JMX0912K04K", "--permanent encryption=3des-aes security-contexts=10");
    pair.license("mate", "JMX0912K04K", "--weeks 8 botnet-traffic-filter=enabled");
    let mate = pair.path("mate");
    pair.run("unit", &["configure", "failover=active-standby", "--mate", mate.to_str().unwrap()]);
    parse_version(&python, &pair, "a pair");
    let usage = pair.path("usage.jsonl");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/usage.scn");
    fs::write(&usage, printed(&["sim", "--json", scenario.to_str().unwrap()])).unwrap();
    parse(&python, &[&usage], "usage");
}

/// `show version` of `unit` as the parsers read it.
fn parse_version(python: &OsStr, site: &Site, what: &str) {
    let (text, json) = (site.path("version.txt"), site.path("version.json"));
    fs::write(&text, site.run("unit", &["show", "version"])).unwrap();
    fs::write(&json, site.run("unit", &["show", "version", "--json"])).unwrap();
    parse(python, &[&text, &json], what);
}

fn parse(python: &OsStr, files: &[&Path], what: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/asa-parsers.py");
    let run = Command::new(python).arg(script).args(files).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{what}: {out}{error}");
    println!("{what}: {out}");
}
