//! V8 for the whole process: flags and platform, once.

use std::sync::Once;

use crate::event_loop::foreground::Foreground;
use crate::threads::background_cpu;

static INITIALIZED: Once = Once::new();

/// How V8 is set up in this process.
#[derive(Clone, Copy, Debug)]
pub struct V8Options {
    /// Threads for V8's background work (concurrent marking, compilation).
    pub worker_threads: u32,
    /// Whether this process makes a startup snapshot: machine code cannot be part of one, so none is generated.
    pub building_snapshot: bool,
}

impl Default for V8Options {
    fn default() -> Self {
        V8Options {
            worker_threads: background_threads(),
            building_snapshot: false,
        }
    }
}

/// As many threads as Node has for V8's background work, but no more than there are processors.
fn background_threads() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(processors.min(NODE_THREADS)).unwrap_or(1)
}

/// `--v8-pool-size` of Node.
const NODE_THREADS: usize = 4;

/// Seeds V8's generators. By itself V8 opens `/dev/urandom` several times for each isolate, and reads a page of it.
fn fill_random(buffer: &mut [u8]) -> bool {
    // SAFETY: the buffer is as long as it says.
    unsafe { libc::getentropy(buffer.as_mut_ptr().cast(), buffer.len()) == 0 }
}

/// Initialises V8. The first call decides; later ones do nothing.
///
/// The platform is the unprotected one: memory protection keys are per thread, and inside a Node process threads exist
/// before V8 is set up, which would then fault on V8's pages.
///
/// # Panics
/// If V8 does not know one of our flags: a build with another V8.
pub fn initialize_v8(options: V8Options) {
    INITIALIZED.call_once(|| {
        let mut flags = vec![
            "secure-exec",
            "--no-memory-protection-keys",
            "--stack-size=984",
            "--wasm-max-mem-pages=32768",
            // On in Node v24.21.0.
            "--js-source-phase-imports",
            // A short program would compile to machine code, in batches of 4 KiB, what the library ran while it
            // started: a tenth of the program's processor time, without use. What is hot goes to Maglev in any case.
            "--baseline-batch-compilation-threshold=131072",
            // While machine code for a loop is made in the background, V8 looks for interrupts once in some 10^9 bytes of
            // bytecode (`InterruptBudgetFor`): a loop whose steps take microseconds then ignores the end of its program
            // for minutes, and never gets the code either.
            "--no-concurrent-osr",
            // Without it the code of such a loop would leave for the interpreter at each round, to ask there for better
            // code (`CompileOptimizedOSRFromMaglev`): ten times as slow as to stay.
            "--no-osr-from-maglev",
            // What `release_pooled_memory` relies on.
            "--memory-pool-release-on-malloc-failures",
        ];
        if options.building_snapshot {
            flags.extend(["--no-sparkplug", "--no-opt", "--no-maglev"]);
        }
        let unknown =
            v8::V8::set_flags_from_command_line(flags.iter().map(ToString::to_string).collect());
        assert!(unknown.len() <= 1, "V8 does not know {unknown:?}");
        v8::V8::set_entropy_source(fill_random);
        crate::process::default_locale::initialize();
        crate::process::time_zone::initialize();
        background_cpu::find(|| {
            let threads = options.worker_threads;
            let platform = v8::new_custom_platform(threads, false, true, Foreground);
            v8::V8::initialize_platform(platform.make_shared());
        });
        v8::V8::initialize();
        crate::heap::fatal::install();
    });
}
