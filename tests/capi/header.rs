//! The header is the one that the source makes.

use std::fs;
use std::path::Path;

use cbindgen::{Builder, Config};

/// Made by cbindgen from the room's first file, which names the others.
fn made() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::from_file(root.join("cbindgen.toml")).unwrap();
    let builder = Builder::new().with_config(config).with_src(root.join("src/capi/mod.rs"));
    let mut header = Vec::new();
    builder.generate().unwrap().write(&mut header);
    String::from_utf8(header).unwrap()
}

#[test]
fn the_header_is_not_stale() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/tollgate.h");
    let made = made();
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "include/tollgate.h is stale; renew it with \
         `TOLLGATE_BLESS=1 cargo test --features capi --test capi header` and look at the difference"
    );
}
