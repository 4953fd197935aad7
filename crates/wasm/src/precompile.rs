//! Compiling ahead of time.

use crate::{config, sections};

/// Compiles a module for every machine that the package supports. The result is for trusted places only: who can
/// change it decides what the machine executes.
///
/// # Errors
/// It is no valid module.
pub fn precompile(module: &[u8]) -> Result<Vec<u8>, String> {
    let prepared = sections::export_globals(module).map_err(|error| error.to_string())?;
    let compile = || {
        let engine = wasmtime::Engine::new(&config::baseline()?)?;
        engine.precompile_module(&prepared)
    };
    compile().map_err(|error| format!("{error:#}"))
}
