//! Why a module cannot run.

use std::fmt;

/// What `maxModuleBytes` bounds, by the name that [`LoadError::TooLarge`] has for it.
pub(crate) const MODULE: &str = "module";

/// Why a module cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It does not follow the format, or uses a proposal that is not enabled.
    Invalid(String),
    /// It exceeds a bound of what is compiled here.
    TooLarge {
        /// What is too large; [`MODULE`] for the whole, whose bound is the embedder's.
        what: &'static str,
        /// The bound.
        bound: usize,
        /// Its size.
        size: usize,
    },
    /// It imports something that does not exist, or with another type.
    Import(String),
    /// It lacks an export that a command must have.
    Export(&'static str),
    /// It begins with more than a process may have.
    Resources(String),
    /// The file cannot be read.
    Unreadable,
    /// The compiler does not work here.
    Compiler(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Invalid(message) => write!(f, "invalid module: {message}"),
            LoadError::TooLarge { what, bound, size } => {
                write!(f, "{what} of size {size} exceeds the limit of {bound}")
            }
            LoadError::Import(message) | LoadError::Resources(message) => f.write_str(message),
            LoadError::Export(name) => write!(f, "the module does not export {name}"),
            LoadError::Unreadable => f.write_str("the file cannot be read"),
            LoadError::Compiler(message) => write!(f, "compiling: {message}"),
        }
    }
}
