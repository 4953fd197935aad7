//! POSIX regular expressions on bytes.
//!
//! A basic or extended expression is translated ([`translate`]) to the syntax of the `regex` crates and
//! matched with their automata in linear time; only an expression with back-references goes to a
//! backtracking matcher. [`Pattern`] finds what POSIX asks for, the leftmost and then the longest match.

mod bracket;
mod matcher;
mod translate;

pub use matcher::{Builder, Pattern, Span};
pub use translate::{Dialect, Syntax, Translation, translate};

/// Whether the environment asks for the C locale: then a character is a byte. Unset means UTF-8.
pub fn bytes_locale() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty())
        .is_some_and(|value| value == "C" || value == "POSIX")
}
