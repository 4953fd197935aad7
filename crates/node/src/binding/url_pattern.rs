//! `internalBinding('url_pattern')`.

use super::Definition;

/// Declares the binding.
pub fn define(_: &mut Definition) {}
