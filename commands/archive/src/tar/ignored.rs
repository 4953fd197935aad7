//! What is left out of an archive because of files in its directories.

use super::options::{Options, TagKeeps};
use secure_exec_cli::{Glob, bytes};
use std::fs;
use std::io::Read;
use std::path::Path;

/// How a file begins that marks a directory as a cache.
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Patterns of files of ignored names, each with whether it holds below, too.
#[derive(Clone, Debug, Default)]
pub struct Ignored {
    patterns: Vec<(Vec<u8>, bool)>,
}

impl Ignored {
    /// What holds in a directory, given what does above it.
    pub fn within(&self, options: &Options, directory: &Path) -> Self {
        let mut here = Self {
            patterns: self
                .patterns
                .iter()
                .filter(|(_, below)| *below)
                .cloned()
                .collect(),
        };
        for (file, below) in &options.ignore_files {
            let Ok(text) = fs::read(directory.join(file)) else {
                continue;
            };
            for line in text.split(|&byte| byte == b'\n') {
                let line = line.trim_ascii();
                let pattern = line.strip_suffix(b"/").unwrap_or(line);
                let pattern = pattern.strip_prefix(b"/").unwrap_or(pattern);
                if !pattern.is_empty() && !pattern.starts_with(b"#") {
                    here.patterns.push((pattern.to_vec(), *below));
                }
            }
        }
        here
    }

    pub fn covers(&self, base: &[u8]) -> bool {
        let glob = Glob::default();
        self.patterns
            .iter()
            .any(|(pattern, _)| glob.matches(pattern, base))
    }
}

/// The name and the rule of the first tag that a directory has.
pub fn tagged<'o>(options: &'o Options, directory: &Path) -> Option<(&'o [u8], TagKeeps)> {
    options.tags.iter().find_map(|tag| {
        let path = directory.join(&tag.file);
        let marks = if tag.cache {
            let mut start = Vec::new();
            let file = fs::File::open(&path).ok()?;
            file.take(SIGNATURE.len() as u64)
                .read_to_end(&mut start)
                .ok()?;
            start == SIGNATURE
        } else {
            fs::symlink_metadata(&path).is_ok()
        };
        marks.then_some((bytes(&tag.file), tag.keeps))
    })
}
