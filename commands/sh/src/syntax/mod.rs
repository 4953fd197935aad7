//! From text to the syntax tree.

pub mod ast;
mod command;
mod compound;
mod conditional;
mod dollar;
mod input;
mod parser;
mod print;
mod redirect;
mod word;

pub use input::{Input, Source};
pub use parser::{ParseError, Parser};
