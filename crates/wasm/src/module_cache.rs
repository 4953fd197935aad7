//! Loaded modules: mapped from a precompiled file, or compiled here and kept in memory.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use wasmtime::{InstancePre, Module};

use crate::call::State;
use crate::engine::{Engine, Runtime};
use crate::host_files;
use crate::load_error::{LoadError, MODULE};
use crate::sections;

/// A module with its imports resolved.
pub(crate) struct LoadedModule {
    pub(crate) pre: InstancePre<State>,
    /// Exports of the mutable globals.
    pub(crate) globals: Vec<String>,
    /// Whether it imports nothing of ours.
    pub(crate) plain: bool,
}

impl LoadedModule {
    fn new(runtime: &Runtime, module: &Module) -> Result<LoadedModule, LoadError> {
        let pre = runtime
            .linker
            .instantiate_pre(module)
            .map_err(|error| LoadError::Import(format!("{error:#}")))?;
        let globals = module
            .exports()
            .map(|export| export.name())
            .filter(|name| name.starts_with(sections::GLOBAL_EXPORT))
            .map(String::from)
            .collect();
        let plain = module
            .imports()
            .all(|import| import.module() != crate::ext::MODULE);
        Ok(LoadedModule {
            pre,
            globals,
            plain,
        })
    }
}

/// Maps a precompiled module, if it is the one with this sum. None: it is not usable here.
pub(crate) fn map_file(engine: &Engine, path: &Path, sha256: &str) -> Option<Arc<LoadedModule>> {
    let file = host_files::open(path).ok()?;
    if sum_of(&file).ok()? != sha256 {
        return None;
    }
    let runtime = engine.mapped();
    // SAFETY: the file belongs to the installation, whose manifest has this sum, and is replaced, not written into; the
    // guest has no way to it. Wasmtime checks that it was compiled by the same version, for these settings and this
    // processor.
    let module = unsafe { Module::deserialize_open_file(&runtime.engine, file) }.ok()?;
    LoadedModule::new(runtime, &module).ok().map(Arc::new)
}

fn sum_of(file: &File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    host_files::for_each_piece(file, |piece| hash.update(piece))?;
    Ok(hexadecimal(&hash.finalize()))
}

/// A sum as manifests write it.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compiles a module of the installation, which may be of any size.
///
/// # Errors
/// It is no module that can run here.
pub(crate) fn compile_trusted(
    engine: &Engine,
    bytes: &[u8],
) -> Result<Arc<LoadedModule>, LoadError> {
    compile(engine, bytes)
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<Arc<LoadedModule>, LoadError> {
    let prepared = sections::export_globals(bytes)?;
    let runtime = engine.compiled()?;
    let memory = COMPILE_MEMORY + COMPILE_FACTOR * bytes.len() as u64;
    engine.events().on_compile_start(memory);
    let compiled = Module::from_binary(&runtime.engine, &prepared);
    engine.events().on_compile_end(memory);
    let module = compiled.map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
    LoadedModule::new(runtime, &module).map(Arc::new)
}

/// What a compilation takes: at least, and for each byte of the module.
const COMPILE_MEMORY: u64 = 32 << 20;
const COMPILE_FACTOR: u64 = 24;

/// Sizes of all modules that are kept, at most.
const KEPT_BYTES: usize = 32 << 20;

type Slot = Arc<OnceLock<Result<Arc<LoadedModule>, LoadError>>>;

struct Kept {
    sum: [u8; 32],
    size: usize,
    slot: Slot,
}

/// Modules of guests, by content; those used last are kept.
#[derive(Default)]
pub(crate) struct ModuleCache {
    kept: Mutex<Vec<Kept>>,
    /// One compilation at a time, so that their memory is bounded.
    compiling: Mutex<()>,
}

impl ModuleCache {
    pub(crate) fn load(
        &self,
        engine: &Engine,
        bytes: &[u8],
    ) -> Result<Arc<LoadedModule>, LoadError> {
        let bound = engine.options().max_module_bytes;
        if bytes.len() > bound {
            return Err(LoadError::TooLarge {
                what: MODULE,
                bound,
                size: bytes.len(),
            });
        }
        let slot = self.slot(Sha256::digest(bytes).into(), bytes.len());
        slot.get_or_init(|| {
            let _turn = self.compiling.lock();
            sections::check(bytes)?;
            compile(engine, bytes)
        })
        .clone()
    }

    /// The place of a module, which moves to the end of the queue.
    fn slot(&self, sum: [u8; 32], size: usize) -> Slot {
        let mut dropped = Vec::new();
        let mut kept = self.kept.lock();
        let known = kept.iter().position(|kept| kept.sum == sum);
        let entry = match known {
            Some(index) => kept.remove(index),
            None => Kept {
                sum,
                size,
                slot: Slot::default(),
            },
        };
        let slot = entry.slot.clone();
        kept.push(entry);
        let mut total: usize = kept.iter().map(|kept| kept.size).sum();
        while total > KEPT_BYTES && kept.len() > 1 {
            let oldest = kept.remove(0);
            total -= oldest.size;
            dropped.push(oldest);
        }
        drop(kept);
        slot
    }
}
