//! What the embedder gives and hears.

pub mod events;
pub mod host;
pub mod kept_module;
pub mod options;
pub mod refused_link;
