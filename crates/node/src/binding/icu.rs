//! `internalBinding('icu')`.

use super::Definition;

/// Declares the binding.
pub fn define(_: &mut Definition) {}
