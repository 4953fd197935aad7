//! From text to the syntax tree of `sh` and `bash`.
//!
//! One pass from characters to tree: tokens depend on the grammar, so the [`Parser`] reads characters of its [`Input`],
//! has more lines read as it needs them, and parses substitutions in place. What it must know of the shell it asks a
//! [`Source`]; nothing here runs anything, has state of a shell or calls the system.

pub mod ast;
mod command;
mod compound;
mod conditional;
mod dollar;
pub mod escape;
mod input;
mod parser;
mod print;
mod redirect;
mod source;
#[cfg(test)]
mod tests;
pub mod text;
mod word;

pub use input::{Input, Origin};
pub use parser::{ParseError, Parser};
pub use source::{Dialect, Line, Source};
