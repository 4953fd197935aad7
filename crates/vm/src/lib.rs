//! The VM process.
