//! Every command of `docs/keys.md`, in its order.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The keys that the walk calls by name, by the place of the command that issued them.
const NAMES: [(usize, &str); 3] = [(1, "$PERMANENT"), (2, "$BOTNET"), (3, "$MATE")];

/// The words of a command; a blank between quotes does not part them.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(place, part)| match place % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[test]
fn every_command_of_the_walk_through_works() {
    let folder = tempfile::tempdir().unwrap();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let guide = fs::read_to_string(guide).unwrap();
    let (mut issued, mut keys, mut commands) = (0, BTreeMap::new(), 0);
    for line in guide.lines().filter_map(|line| line.strip_prefix("$ tollgate ")) {
        let named =
            keys.iter().fold(line.to_owned(), |line: String, (name, key): (&&str, &String)| {
                line.replace(*name, key)
            });
        let run = Command::new(env!("CARGO_BIN_EXE_tollgate"))
            .args(words(&named))
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(run.status.success(), "{line}: {}", String::from_utf8_lossy(&run.stderr));
        let told = String::from_utf8(run.stdout).unwrap();
        if line.starts_with("issue") {
            let name = NAMES.iter().find(|(place, _)| *place == issued);
            keys.extend(name.map(|(_, name)| (*name, told.trim_end().to_owned())));
            issued += 1;
        }
        if line.ends_with("show failover license") {
            // 500 and the 2 that are included on the mate.
            assert!(told.contains("AnyConnect Premium Peers          : 502"), "{told}");
        }
        commands += 1;
    }
    assert_eq!((issued, keys.len(), commands), (4, 3, 23));
}
