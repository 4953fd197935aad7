//! `internalBinding('string_decoder')`.

use super::Definition;

/// Declares the binding.
pub fn define(_: &mut Definition) {}
