//! Fuzz targets for what takes bytes of a guest or of a VM process and needs no engine.
//!
//! A [`Target`] makes what it does out of an [`Input`]: a string of bytes that answers questions (how many, which one,
//! what number). Bytes come from a seed, so a run is repeated by its number; a shorter string is a simpler run, so a
//! failure is made small by taking bytes away, which `fuzz/main.mjs` does. `fuzz/README.md` lists the targets.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "any number will do"
)]

pub mod allocations;
pub mod input;
pub mod runner;
pub mod targets;

pub use input::Input;
pub use runner::{Failure, Outcome, Target};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;
