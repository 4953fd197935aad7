use crate::binding::Definition;
pub fn define(_definition: &mut Definition) {}
