//! What the embedder gives and hears.

pub mod host;
