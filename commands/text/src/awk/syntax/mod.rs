//! From the text of a program to its tree.

mod call;
mod expression;
mod lexer;
mod operand;
mod parser;
mod statement;

pub use expression::compile;
pub use lexer::unescape;
pub use parser::parse;
