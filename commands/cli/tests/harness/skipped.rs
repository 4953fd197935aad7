//! Comparisons that cannot be made because the host lacks the tool to compare with.

use std::fs::OpenOptions;
use std::io::Write;

/// The file that `scripts/test.mjs` counts skipped cases in: a line for each tool and count.
const FILE: &str = "SECURE_EXEC_SKIPPED";

/// Notes that `count` cases were left out for want of `tool`.
pub fn note(tool: &str, count: usize) {
    eprintln!("skipped: the host has no {tool} to compare {count} cases with");
    if let Some(path) = std::env::var_os(FILE) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the file of skipped cases");
        file.write_all(format!("{tool} {count}\n").as_bytes())
            .expect("a line for the tool");
    }
}
