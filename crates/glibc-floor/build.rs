//! Makes the libraries to link with: for each of glibc's, the names and versions that it had at the floor.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The oldest glibc that the binaries run with: that of Node.js 20.
const FLOOR: (u32, u32) = (2, 28);

/// A symbol of a library to link with.
struct Symbol {
    name: String,
    version: String,
    is_function: bool,
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).as_deref() == Ok(value);
    let applies = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("HOST", &env::var("TARGET").unwrap_or_default())
        && links_with_lld();
    if applies {
        let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
        // Of an earlier build with other names.
        fs::remove_dir_all(&folder).expect("a folder of our own");
        fs::create_dir_all(&folder).expect("a folder of our own");
        make_libraries(&folder);
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
}

fn make_libraries(folder: &Path) {
    let mut libraries: BTreeMap<&str, Vec<Symbol>> = BTreeMap::new();
    for library in ["libc.so.6", "libm.so.6"] {
        for (symbol, was_moved) in symbols_at_floor(&system_file(library)) {
            let home = match was_moved {
                true => former_home(&symbol.name).unwrap_or(library),
                false => library,
            };
            libraries.entry(home).or_default().push(symbol);
        }
    }
    for (name, symbols) in &libraries {
        make_library(folder, name, symbols);
    }
    let inside = |name: &str| folder.join(file_name(name)).display().to_string();
    let further: Vec<String> = libraries
        .keys()
        .filter(|name| !["libc.so.6", "libm.so.6"].contains(name))
        .map(|name| inside(name))
        .collect();
    // What `-lc` finds, in the form of the system's own.
    let script = format!(
        "GROUP ( {} {} AS_NEEDED ( {} {} ) )\n",
        inside("libc.so.6"),
        system_file("libc_nonshared.a").display(),
        further.join(" "),
        system_file("ld-linux-x86-64.so.2").display(),
    );
    fs::write(folder.join("libc.so"), script).expect("a linker script");
    fs::write(
        folder.join("libm.so"),
        format!("INPUT ( {} )\n", inside("libm.so.6")),
    )
    .expect("a linker script");
}

/// The symbols of a library that were there at the floor, with the newest version of that time, and whether a later one
/// has taken its place.
fn symbols_at_floor(library: &Path) -> Vec<(Symbol, bool)> {
    let output = run(Command::new("nm")
        .args(["--dynamic", "--defined-only", "--with-symbol-versions"])
        .arg(library));
    let mut newest: HashMap<&str, (Symbol, bool)> = HashMap::new();
    for line in output.lines() {
        let mut columns = line.split_whitespace().skip(1);
        let (Some(kind), Some(versioned)) = (columns.next(), columns.next()) else {
            continue;
        };
        let Some((name, version)) = versioned.split_once('@') else {
            continue;
        };
        let is_default = version.starts_with('@');
        let version = version.trim_start_matches('@');
        let Some(number) = number_of(version).filter(|number| *number <= FLOOR) else {
            continue;
        };
        let is_newer = newest
            .get(name)
            .is_none_or(|(known, _)| number_of(&known.version).is_some_and(|old| old < number));
        if is_newer && kind != "A" {
            let symbol = Symbol {
                name: name.to_owned(),
                version: version.to_owned(),
                is_function: matches!(kind, "T" | "t" | "W" | "i"),
            };
            newest.insert(name, (symbol, !is_default));
        }
    }
    let mut symbols: Vec<_> = newest.into_values().collect();
    symbols.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    symbols
}

/// The numbers of `GLIBC_2.28`; none for those of the library's own use.
fn number_of(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("GLIBC_")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next()?.parse().ok()?))
}

/// Where a function was before glibc 2.34 took those libraries into `libc.so.6`; empty ones are still there, for
/// programs that ask for them.
fn former_home(name: &str) -> Option<&'static str> {
    let homes = [
        ("pthread_", "libpthread.so.0"),
        ("sem_", "libpthread.so.0"),
        ("dl", "libdl.so.2"),
        ("timer_", "librt.so.1"),
        ("shm_", "librt.so.1"),
        ("mq_", "librt.so.1"),
        ("aio_", "librt.so.1"),
    ];
    homes
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map(|(_, home)| *home)
}

/// Not the name under which programs ask for the library when they start: cargo has the folder searched then, too, by
/// the tests that it runs.
fn file_name(library: &str) -> String {
    format!("floor-{library}")
}

fn make_library(folder: &Path, name: &str, symbols: &[Symbol]) {
    let mut source = String::from(".section .note.GNU-stack,\"\",@progbits\n.text\n");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Symbol {
        name,
        version,
        is_function,
    } in symbols
    {
        let kind = if *is_function { "function" } else { "object" };
        let section = if *is_function { ".text" } else { ".data" };
        let _ = writeln!(
            source,
            "{section}\n.globl {name}\n.type {name},@{kind}\n{name}: .quad 0\n.size {name},8"
        );
        versions.entry(version).or_default().push(name);
    }
    let mut script = String::new();
    for (version, names) in versions {
        let _ = writeln!(script, "{version} {{ {}; }};", names.join("; "));
    }
    let path = folder.join(file_name(name));
    let source_file = folder.join(format!("{name}.s"));
    let script_file = folder.join(format!("{name}.map"));
    fs::write(&source_file, source).expect("a source");
    fs::write(&script_file, script).expect("a version script");
    run(compiler()
        .args(["-shared", "-nostdlib", "-o"])
        .arg(path)
        .arg(format!("-Wl,-soname,{name}"))
        .arg(format!("-Wl,--version-script={}", script_file.display()))
        .arg(&source_file));
}

fn system_file(name: &str) -> PathBuf {
    let found = run(compiler().arg(format!("-print-file-name={name}")));
    PathBuf::from(found.trim())
}

fn compiler() -> Command {
    Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The toolchain brings LLD along, and then uses it. Other linkers look for the functions of this crate too late.
fn links_with_lld() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = run(Command::new(rustc).args(["--print", "sysroot"]));
    let target = env::var("TARGET").unwrap_or_default();
    Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(target)
        .join("bin/gcc-ld/ld.lld")
        .exists()
}
