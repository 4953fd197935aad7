//! Editors: `vi` with its line-oriented face `ex`, and `nano`, for terminals that know ANSI's sequences.
//!
//! Layers, each of which knows only those before it: [`line`] (characters of a line), [`buffer`] (lines, undoing),
//! [`file`], [`pattern`]; [`terminal`] (keys and the size of the window), [`screen`] (what is shown); then the editors.

mod buffer;
pub mod ex;
mod file;
mod line;
pub mod nano;
mod pattern;
mod screen;
mod terminal;
pub mod vi;
