//! `internalBinding('cares_wrap')`.

use crate::js::class::Definition;

/// Declares the binding.
pub fn define(_: &mut Definition) {}
