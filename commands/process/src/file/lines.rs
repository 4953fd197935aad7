//! How answers are printed.

use std::ffi::OsString;

use secure_exec_cli::bytes;
use secure_exec_pattern::bytes_locale;

/// The form of lines.
pub struct Lines {
    pub separator: String,
    /// A zero byte stands behind the name (1), and for all other ends as well (2).
    pub zeros: usize,
    pub raw: bool,
    pub brief: bool,
    /// Columns of the longest name.
    pub width: usize,
}

impl Lines {
    /// The name that an answer is under. What cannot be printed is written as in C.
    pub fn name(&self, name: &OsString) -> String {
        if name == "-" {
            return "/dev/stdin".to_owned();
        }
        if self.raw {
            return name.to_string_lossy().into_owned();
        }
        let by_bytes = bytes_locale();
        let mut shown = String::new();
        for chunk in bytes(name).utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() || by_bytes && !character.is_ascii() {
                    let mut place = [0; 4];
                    for byte in character.encode_utf8(&mut place).bytes() {
                        shown.push_str(&format!("\\{byte:03o}"));
                    }
                } else {
                    shown.push(character);
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\{byte:03o}"));
            }
        }
        shown
    }

    pub fn print(&self, name: &OsString, answer: &str) {
        let shown = self.name(name);
        let padding = self.width.saturating_sub(shown.chars().count()) + 1;
        match (self.brief, self.zeros) {
            (true, 0..=1) => println!("{answer}"),
            (true, _) => print!("{answer}\0"),
            (false, 0) => println!("{shown}{}{:padding$}{answer}", self.separator, ""),
            (false, 1) => println!("{shown}\0{}{:padding$}{answer}", self.separator, ""),
            (false, _) => print!("{shown}\0{answer}\0"),
        }
    }
}
