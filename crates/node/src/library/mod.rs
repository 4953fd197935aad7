//! What the pinned Node binary has and says of itself: the source of its library, its tables, compiled code.

pub(crate) mod claims;
pub mod code_cache;
pub mod source;
pub mod tables;
