//! Compiles llhttp, whose sources the set-up step has put into the cache (`scripts/lib/llhttp.mjs`).

use std::env;
use std::path::{Path, PathBuf};

/// As in `scripts/lib/llhttp.mjs`.
const VERSION: &str = "9.4.2";

/// Builds the static library and links it. `LLHTTP_VERSION` is what its header says.
pub fn compile() {
    println!("cargo:rerun-if-env-changed=SECURE_EXEC_CACHE");
    println!("cargo:rerun-if-changed=build/llhttp.rs");
    println!("cargo:rerun-if-changed=build/llhttp_layout.c");
    let sources = sources();
    for name in ["llhttp.c", "api.c", "http.c", "llhttp.h"] {
        let path = sources.join(name);
        assert!(
            path.is_file(),
            "no {}: `node scripts/setup.mjs` fetches the sources of llhttp {VERSION}",
            path.display()
        );
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let found = version(&sources);
    assert_eq!(found, VERSION, "{} has another llhttp", sources.display());
    println!("cargo:rustc-env=LLHTTP_VERSION={found}");
    cc::Build::new()
        .files(["llhttp.c", "api.c", "http.c"].map(|name| sources.join(name)))
        .file("build/llhttp_layout.c")
        .include(&sources)
        // In a host Node the names are its own parser's, too.
        .flag_if_supported("-fvisibility=hidden")
        .opt_level(3)
        .warnings(false)
        .compile("secure_exec_llhttp");
}

fn sources() -> PathBuf {
    let cache = match env::var_os("SECURE_EXEC_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/secure-exec"),
    };
    cache.join("llhttp").join(VERSION)
}

fn version(sources: &Path) -> String {
    let header = std::fs::read_to_string(sources.join("llhttp.h")).expect("the header is text");
    let part = |name: &str| {
        let line = format!("#define LLHTTP_VERSION_{name} ");
        let number = header.lines().find_map(|text| text.strip_prefix(&line));
        number.map(str::trim).unwrap_or_default().to_owned()
    };
    ["MAJOR", "MINOR", "PATCH"].map(part).join(".")
}
