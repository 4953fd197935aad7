//! Colors of names, from `LS_COLORS` as `dircolors` writes it.

use std::cell::Cell;

use secure_exec_cli::bytes;
use secure_exec_sys::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFSOCK};
use secure_exec_sys::stat::{S_ISGID, S_ISUID, S_ISVTX, Stat};

use super::Entry;

/// The escape sequences by kind of file and by ending.
#[derive(Clone, Debug)]
pub struct Palette {
    /// Colors are reset before the first use, in case something else left some on.
    started: Cell<bool>,
    kinds: Vec<(String, String)>,
    endings: Vec<(String, String)>,
}

/// For when `LS_COLORS` is not set.
const DEFAULTS: &str = "di=01;34:ln=01;36:pi=33:so=01;35:bd=01;33:cd=01;33:su=37;41:sg=30;43:tw=30;42:\
                        ow=34;42:st=37;44:ex=01;32";

impl Palette {
    /// `None`: the terminal has no colors.
    pub fn from_env() -> Option<Self> {
        let text = std::env::var("LS_COLORS")
            .ok()
            .filter(|text| !text.is_empty());
        let terminal = std::env::var("TERM").unwrap_or_default();
        if text.is_none() && matches!(terminal.as_str(), "" | "dumb") {
            return None;
        }
        let mut palette = Self {
            started: Cell::new(false),
            kinds: Vec::new(),
            endings: Vec::new(),
        };
        for part in text.as_deref().unwrap_or(DEFAULTS).split(':') {
            let Some((key, value)) = part.split_once('=') else {
                continue;
            };
            match key.strip_prefix('*') {
                Some(ending) => palette
                    .endings
                    .push((ending.to_lowercase(), value.to_owned())),
                None => palette.kinds.push((key.to_owned(), value.to_owned())),
            }
        }
        Some(palette)
    }

    fn kind(&self, key: &str) -> Option<&str> {
        let found = self.kinds.iter().rev().find(|(each, _)| each == key);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty() && *value != "0" && *value != "00")
    }

    /// The text in the color of its file.
    pub fn paint(&self, text: &str, entry: &Entry) -> String {
        let sequence = match (&entry.stat, &entry.target) {
            (Some(found), Some(target)) if found.is_symlink() => {
                match (self.kind("ln"), &target.stat) {
                    (_, None) if self.kind("or").is_some() => self.kind("or"),
                    (Some("target"), Some(target)) => self.of_stat(bytes(&entry.name), target),
                    (color, _) => color,
                }
            }
            (Some(found), _) => self.of_stat(bytes(&entry.name), found),
            (None, _) => self.kind("mi"),
        };
        self.wrap(text, sequence)
    }

    /// The name of a link's target in the target's color.
    pub fn paint_target(&self, text: &str, name: &[u8], target: Option<&Stat>) -> String {
        let sequence = match target {
            Some(found) => self.of_stat(name, found),
            None => self.kind("mi").or(self.kind("or")),
        };
        self.wrap(text, sequence)
    }

    fn of_stat(&self, name: &[u8], found: &Stat) -> Option<&str> {
        match found.kind() {
            S_IFDIR => {
                let is_sticky = found.mode & S_ISVTX != 0;
                let is_open = found.mode & 0o002 != 0;
                let special = match (is_sticky, is_open) {
                    (true, true) => self.kind("tw"),
                    (true, false) => self.kind("st"),
                    (false, true) => self.kind("ow"),
                    (false, false) => None,
                };
                special.or_else(|| self.kind("di"))
            }
            S_IFLNK => self.kind("ln"),
            S_IFIFO => self.kind("pi"),
            S_IFSOCK => self.kind("so"),
            S_IFBLK => self.kind("bd"),
            S_IFCHR => self.kind("cd"),
            _ if found.mode & S_ISUID != 0 && self.kind("su").is_some() => self.kind("su"),
            _ if found.mode & S_ISGID != 0 && self.kind("sg").is_some() => self.kind("sg"),
            _ if found.mode & 0o111 != 0 && self.kind("ex").is_some() => self.kind("ex"),
            _ => self.ending(name).or_else(|| self.kind("fi")),
        }
    }

    fn ending(&self, name: &[u8]) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        let found = self
            .endings
            .iter()
            .rev()
            .find(|(ending, _)| name.ends_with(ending.as_bytes()));
        found.map(|(_, value)| value.as_str())
    }
}

impl Palette {
    fn wrap(&self, text: &str, sequence: Option<&str>) -> String {
        let Some(sequence) = sequence else {
            return text.to_owned();
        };
        let start = if self.started.replace(true) {
            ""
        } else {
            "\x1b[0m"
        };
        format!("{start}\x1b[{sequence}m{text}\x1b[0m")
    }
}
