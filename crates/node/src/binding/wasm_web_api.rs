//! `internalBinding('wasm_web_api')`.

use super::Definition;

/// Declares the binding.
pub fn define(_: &mut Definition) {}
