//! Linker flags of the addon.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Initialiser of a thread-local variable of V8 that needs none.
const TLS_INITIALIZER: &str = "_ZTHN2v88internal12trap_handler16TrapHandlerGuard10is_active_E";

/// What V8's library must not export, relative to the package: where cargo runs the script.
const HIDDEN_SYMBOLS: &str = "vendor/v8/hidden-symbols.map";

/// How native code takes memory; a VM process must hear of it (crates/node/src/native_memory).
const ALLOCATOR: [&str; 8] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "free",
    "mmap",
    "mmap64",
    "mprotect",
];

fn main() {
    napi_build::setup();
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    // The user's Node exports its own V8 and ICU: our copies must neither see those nor be seen. Threads of V8
    // outlive whoever loaded the addon, so it is never unloaded.
    for flag in ["-Bsymbolic", "-z,now", "-z,nodelete"] {
        println!("cargo:rustc-cdylib-link-arg=-Wl,{flag}");
    }
    // A weak reference that V8's library leaves open would otherwise be an import from the user's Node.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--defsym={TLS_INITIALIZER}=0");
    // `Date` asks the C library for the time; a VM may have to make that stand still (crates/node/src/frozen_clock.rs).
    println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap=gettimeofday");
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        for function in ALLOCATOR {
            println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={function}");
        }
    }
    if links_with_lld() {
        // rustc lists what dependencies export under C names in its own version script; only LLD takes a second one.
        println!("cargo:rerun-if-changed={HIDDEN_SYMBOLS}");
        let map = own_copy(HIDDEN_SYMBOLS);
        println!(
            "cargo:rustc-cdylib-link-arg=-Wl,--version-script={}",
            map.display()
        );
        println!("cargo:rustc-cdylib-link-arg=-Wl,--undefined-version");
    }
}

/// Several checkouts may share a target directory, and cargo then takes the flags that one of them was given for
/// another: no path of a checkout may be among them.
fn own_copy(file: &str) -> PathBuf {
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let copy = Path::new(&out).join("hidden-symbols.map");
    std::fs::copy(file, &copy).expect("the repository has the map");
    copy
}

/// The toolchain brings LLD along, and then uses it.
fn links_with_lld() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let Ok(output) = Command::new(rustc).args(["--print", "sysroot"]).output() else {
        return false;
    };
    let target = std::env::var("TARGET").unwrap_or_default();
    let sysroot = String::from_utf8_lossy(&output.stdout);
    Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(target)
        .join("bin/gcc-ld/ld.lld")
        .exists()
}
