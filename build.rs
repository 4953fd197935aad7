//! Linker flags of the addon.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Initialiser of a thread-local variable of V8 that needs none.
const TLS_INITIALIZER: &str = "_ZTHN2v88internal12trap_handler16TrapHandlerGuard10is_active_E";

/// What V8's library must not export, relative to the package: where cargo runs the script.
const HIDDEN_SYMBOLS: &str = "vendor/v8/hidden-symbols.map";

/// How native code takes memory; a VM process must hear of it (crates/node/src/memory/native_memory).
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

/// Functions of V8's that may be left (src/v8_functions.rs), without what their names have in common.
const LEAVABLE: [&str; 40] = [
    "Runtime_FatalProcessOutOfMemoryInAllocateRaw",
    "Runtime_FatalProcessOutOfMemoryInvalidArrayLength",
    "Runtime_FatalInvalidSize",
    "Runtime_AllocateInYoungGeneration",
    "Runtime_AllocateInOldGeneration",
    "Runtime_GrowArrayElements",
    "Runtime_SetKeyedProperty",
    "Runtime_CreateDataProperty",
    "Runtime_DefineKeyedOwnPropertyInLiteral",
    "Runtime_DefineKeyedOwnIC_Miss",
    "Runtime_DefineKeyedOwnIC_Slow",
    "Runtime_KeyedStoreIC_Miss",
    "Runtime_KeyedStoreIC_Slow",
    "Runtime_StoreInArrayLiteralIC_Miss",
    "Runtime_StoreInArrayLiteralIC_Slow",
    "Runtime_StringToArray",
    "Runtime_StringSplit",
    "Runtime_RegExpMatchGlobalAtom",
    "Runtime_RegExpExecMultiple",
    "Runtime_RegExpSplit",
    "Runtime_RegExpReplaceRT",
    "Runtime_ObjectKeys",
    "Runtime_ObjectEntries",
    "Runtime_ObjectEntriesSkipFastPath",
    "Runtime_ObjectValues",
    "Runtime_ObjectValuesSkipFastPath",
    "Runtime_ObjectGetOwnPropertyNames",
    "Runtime_ObjectGetOwnPropertyNamesTryFast",
    "Runtime_MapGrow",
    "Runtime_SetGrow",
    "Runtime_OrderedHashMapGrow",
    "Runtime_OrderedHashSetGrow",
    "Builtin_ArrayConcat",
    "Builtin_ArrayPrototypeFill",
    "Builtin_ArrayPush",
    "Builtin_ArrayUnshift",
    "Builtin_ReflectOwnKeys",
    "Builtin_ReflectSet",
    "Builtin_ReflectDefineProperty",
    "Builtin_ObjectGetOwnPropertySymbols",
];

/// The others: V8's end of the process for a value that is too large, and how it takes memory for WebAssembly.
const OTHERS: [&str; 3] = [
    "_ZN2v84base21FatalNoSecurityImpactEPKcz",
    "_ZN2v88internal12BackingStore21GrowWasmMemoryInPlaceEPNS0_7IsolateEmm",
    "_ZN2v88internal12BackingStore18AllocateWasmMemoryEPNS0_7IsolateEmmNS0_14WasmMemoryFlagENS_4base11StrongAliasINS0_13SharedFlagTagEbEE",
];

fn main() {
    let leavable = LEAVABLE.map(|name| {
        let length = name.len();
        format!("_ZN2v88internal{length}{name}EiPmPNS0_7IsolateE")
    });
    write_wrappers(&leavable);
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
    // `Date` asks the C library for the time; a VM may have to make that stand still (crates/node/src/process/frozen_clock.rs).
    println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap=gettimeofday");
    for function in leavable.iter().map(String::as_str).chain(OTHERS) {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={function}");
    }
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("gnu") {
        for function in ALLOCATOR {
            println!("cargo:rustc-cdylib-link-arg=-Wl,--wrap={function}");
        }
    }
    if links_with_lld() {
        // rustc lists what dependencies export under C names in its own version script; only LLD takes a second one.
        println!("cargo:rerun-if-changed={HIDDEN_SYMBOLS}");
        let map = hidden_symbols(leavable.iter().map(String::as_str).chain(OTHERS));
        println!(
            "cargo:rustc-cdylib-link-arg=-Wl,--version-script={}",
            map.display()
        );
        println!("cargo:rustc-cdylib-link-arg=-Wl,--undefined-version");
        // Functions of V8's with the same code are one, unless the compiler says that somebody compares their addresses:
        // 5 MB less, and the same pages for more of them.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--icf=safe");
    }
}

/// The list of functions as a program, for `src/v8_functions.rs`.
fn write_wrappers(functions: &[String]) {
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let pairs: String = functions
        .iter()
        .map(|name| format!("    __wrap_{name} = __real_{name},\n"))
        .collect();
    let text = format!("leavable_functions! {{\n{pairs}}}\n");
    std::fs::write(Path::new(&out).join("leavable_functions.rs"), text)
        .expect("cargo's folder takes a file");
}

/// The list of symbols that are not exported, with the wrappers of these functions.
///
/// Several checkouts may share a target directory, and cargo then takes the flags that one of them was given for
/// another: no path of a checkout may be among them.
fn hidden_symbols<'a>(functions: impl Iterator<Item = &'a str>) -> PathBuf {
    let list = std::fs::read_to_string(HIDDEN_SYMBOLS).expect("the repository has the list");
    let wrappers: String = functions
        .map(|name| format!("    __wrap_{name};\n"))
        .collect();
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let map = Path::new(&out).join("hidden-symbols.map");
    let text = list.replacen("  local:\n", &format!("  local:\n{wrappers}"), 1);
    std::fs::write(&map, text).expect("cargo's folder takes a file");
    map
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
