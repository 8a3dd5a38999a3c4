//! The program in `examples/c`, and the C of `docs/embedding.md`, as a compiler of C sees them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// Connections that take some seconds where every token is checked.
const CONNECTIONS: &str = "100000";
/// The same under valgrind.
const FEW: &str = "20000";
/// Connections that take a second where nothing is checked.
const MANY: &str = "2000000";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn is_at_hand(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    let there = found.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: `{program}` is not installed");
    }
    there
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// Builds the examples, with the library of a profile: `dev` checks every token, `loom` is optimised
/// and built in less time than `release`.
fn built(profile: &str, sanitize: &str) -> Option<PathBuf> {
    if !["cc", "make"].into_iter().all(is_at_hand) {
        return None;
    }
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("c-{profile}-{sanitize}"));
    let mut make = Command::new("make");
    make.arg("-C").arg(root().join("examples/c")).arg(format!("PROFILE={profile}"));
    make.arg(format!("SANITIZE={sanitize}")).arg(format!("OUT={}", out.display()));
    make.env("CARGO", env!("CARGO"));
    run(&mut make);
    Some(out)
}

/// Its own sums, and that there was something to refuse.
fn agrees(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.trim_end().ends_with("all sums agree"), "{text}");
    assert!(!text.contains(" 0 refused"), "{text}");
}

#[test]
fn the_flow_table_agrees_with_itself() {
    let Some(built) = built("dev", "") else { return };
    for program in ["flowtable", "flowtable-inline"] {
        agrees(&run(Command::new(built.join(program)).arg(CONNECTIONS)));
    }
    run(Command::new(built.join("pairs")).arg("1000"));
    run(Command::new(built.join("pairs")).args(["1024", "burst"]));
}

#[test]
fn the_flow_table_agrees_with_itself_where_the_library_is_inline() {
    let Some(built) = built("loom", "") else { return };
    for program in ["flowtable", "flowtable-inline"] {
        agrees(&run(Command::new(built.join(program)).arg(MANY)));
    }
    run(Command::new(built.join("pairs-inline")).arg("100000"));
}

#[test]
fn valgrind_finds_nothing() {
    if !is_at_hand("valgrind") {
        return;
    }
    let Some(built) = built("dev", "") else { return };
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
    valgrind.arg("--fair-sched=try").arg(built.join("flowtable")).args([FEW, "2"]);
    agrees(&run(&mut valgrind));
}

#[test]
fn the_address_sanitizer_finds_nothing() {
    if !is_at_hand("cc") {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (folder.join("empty.c"), folder.join("empty"));
    fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let mut cc = Command::new("cc");
    cc.arg("-fsanitize=address").arg("-o").arg(&program).arg(&source);
    if !cc.output().unwrap().status.success() {
        eprintln!("skipped: this compiler has no AddressSanitizer");
        return;
    }
    let Some(built) = built("dev", "address") else { return };
    agrees(&run(Command::new(built.join("flowtable")).arg(CONNECTIONS)));
}

#[test]
fn the_c_of_the_documentation_compiles() {
    if !is_at_hand("cc") {
        return;
    }
    let text = fs::read_to_string(root().join("docs/embedding.md")).unwrap();
    let blocks: Vec<_> = text.split("```c\n").skip(1).map(|it| it.split("```").next()).collect();
    assert!(!blocks.is_empty());
    let code: String = blocks.into_iter().flatten().collect();
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedding.c");
    fs::write(&source, code).unwrap();
    for standard in [&["-std=c11"][..], &["-std=c17", "-fanalyzer"]] {
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]).args(standard);
        run(cc.arg("-I").arg(root().join("include")).arg(&source));
    }
}

#[test]
fn the_header_is_understood_as_cpp_too() {
    if !is_at_hand("c++") {
        return;
    }
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header.cpp");
    let code = "#define TOLLGATE_INLINE\n#include \"tollgate.h\"\n\
                static_assert(sizeof(tg_token) == 8, \"\");\n\
                tg_token none() { return TG_NO_TOKEN; }\n";
    fs::write(&source, code).unwrap();
    let mut cpp = Command::new("c++");
    cpp.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-std=c++17"]);
    run(cpp.arg("-I").arg(root().join("include")).arg(&source));
}
