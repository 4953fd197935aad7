//! Functions as bash prints them.

use super::ast::Function;

impl Function {
    /// The command that makes this function.
    pub fn print(&self, name: &str) -> String {
        format!("{name} () {}", self.text)
    }
}
