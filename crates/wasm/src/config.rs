//! Settings: of wasmtime, and of the guests of one VM.

use std::time::Duration;

use wasmparser::WasmFeatures;
use wasmtime::{Config, Result};

/// Bounds and clocks of the guests of one VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WasmOptions {
    /// Linear memory of one process, bytes.
    pub max_memory_bytes: usize,
    /// Size of a module that is compiled in the VM, bytes.
    pub max_module_bytes: usize,
    /// Stack of compiled code, bytes. The stack that C and Rust keep in linear memory is the module's own.
    pub max_stack_bytes: usize,
    /// Processor time each process may use; None for no bound.
    pub cpu_time_limit: Option<Duration>,
    /// Resolution that `clock_res_get` tells, nanoseconds.
    pub clock_resolution_ns: u64,
}

impl Default for WasmOptions {
    fn default() -> Self {
        WasmOptions {
            max_memory_bytes: 256 << 20,
            max_module_bytes: 16 << 20,
            max_stack_bytes: 1 << 20,
            cpu_time_limit: Some(Duration::from_secs(30)),
            clock_resolution_ns: 1_000_000,
        }
    }
}

/// Where the data segments of a module's memory come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Images {
    /// Mapped from the precompiled file, copied on write.
    Mapped,
    /// Copied at the start. A module compiled in the VM has no file, and wasmtime would put its image into a
    /// memfd, which `RLIMIT_FSIZE` of the VM process forbids.
    Copied,
}

/// Target of precompiled modules.
const BASELINE_TARGET: &str = "x86_64-unknown-linux-gnu";

/// What a processor that runs precompiled modules has beyond the first x86-64: level 2 of its ABI.
const BASELINE_FEATURES: [&str; 5] = [
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
];

/// The proposals that compilers for WASI use by default, and those of the same age.
fn wanted() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::SIMD
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::FLOATS
}

/// What must be equal where a module is compiled and where it runs.
fn shared(images: Images) -> Config {
    let mut config = Config::new();
    // Also keeps off what a later version of wasmtime turns on.
    let unwanted = WasmFeatures::all() - wanted();
    config
        .wasm_features(unwanted, false)
        .wasm_features(wanted(), true)
        .epoch_interruption(true)
        .memory_init_cow(images == Images::Mapped)
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(false);
    config
}

/// An engine that runs modules, and compiles them for this machine.
pub(crate) fn runtime(images: Images, options: &WasmOptions) -> Config {
    let mut config = shared(images);
    config
        .max_wasm_stack(options.max_stack_bytes)
        // Not used without fibers, but checked against the other one.
        .async_stack_size(options.max_stack_bytes + (1 << 20));
    config
}

/// An engine that compiles modules for every machine that the package supports.
///
/// # Errors
/// The compiler was built without the target.
pub(crate) fn baseline() -> Result<Config> {
    let mut config = shared(Images::Mapped);
    if cfg!(target_arch = "x86_64") {
        config.target(BASELINE_TARGET)?;
        for feature in BASELINE_FEATURES {
            // SAFETY: the flags say what the code may use; an engine refuses a module whose flags its processor lacks.
            unsafe { config.cranelift_flag_enable(feature) };
        }
    }
    Ok(config)
}
