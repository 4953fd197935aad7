//! The hunks that did not fit, saved to be looked at.

use super::parse::{Format, Hunk, Line};
use super::patcher::Patcher;
use super::{REJECTED, quoted, tell};
use crate::{bytes, message};
use std::fs;
use std::path::{Path, PathBuf};

impl Patcher<'_> {
    /// Saves hunks, and says so. The result is the exit status.
    pub fn reject(&self, path: &Path, hunks: &[&Hunk], verb: &str) -> Result<u8, String> {
        let options = self.options;
        let count = hunks.len();
        let total = self.patch.hunks.len();
        if total == 0 {
            return Ok(REJECTED);
        }
        let plural = if total == 1 { "hunk" } else { "hunks" };
        let counted = format!("{count} out of {total} {plural} {verb}");
        if options.dry_run || options.reject.as_deref() == Some(b"-") || self.is_link() {
            tell(options, &counted);
            return Ok(REJECTED);
        }
        let mut name = options.output.as_ref().map_or_else(
            || path.as_os_str().to_owned(),
            |output| bytes::os(output).to_owned(),
        );
        name.push(".rej");
        let name = options.reject.as_ref().map_or_else(
            || PathBuf::from(name),
            |reject| bytes::path(reject).to_owned(),
        );
        let shown = quoted(options, &name);
        tell(
            options,
            &format!("{counted} -- saving rejects to file {shown}"),
        );
        fs::write(&name, self.rejects(hunks))
            .map_err(|error| format!("Can't create file {shown} : {}", message::reason(&error)))?;
        Ok(REJECTED)
    }

    /// The text of the file: a unified diff of such a patch, else a context diff, unless an option says.
    fn rejects(&self, hunks: &[&Hunk]) -> Vec<u8> {
        let (options, patch) = (self.options, &self.patch);
        let mut out = Vec::new();
        let unified = match options.reject_format {
            Some(format) => format == Format::Unified,
            None => patch.format == Format::Unified,
        };
        let marks = if unified {
            ["---", "+++"]
        } else {
            ["***", "---"]
        };
        let sides = [
            (&patch.old_name, &patch.old_stamp),
            (&patch.new_name, &patch.new_stamp),
        ];
        for (mark, (name, stamp)) in marks.iter().zip(sides) {
            out.extend_from_slice(mark.as_bytes());
            out.push(b' ');
            let name = name.as_ref().and_then(|name| self.stripped(name));
            out.extend_from_slice(name.as_deref().unwrap_or(b"/dev/null"));
            if let Some(stamp) = stamp {
                out.push(b'\t');
                out.extend_from_slice(stamp);
            }
            out.push(b'\n');
        }
        for hunk in hunks {
            if unified {
                unified_hunk(hunk, &mut out);
            } else {
                context_hunk(hunk, patch.format == Format::Normal, &mut out);
            }
        }
        out
    }
}

fn put(mark: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(mark);
    out.extend_from_slice(text);
    out.push(b'\n');
}

const UNTERMINATED: &[u8] = b"\\ No newline at end of file\n";

fn unified_hunk(hunk: &Hunk, out: &mut Vec<u8>) {
    let side = |start: usize, count: usize| {
        if count == 1 {
            start.to_string()
        } else {
            format!("{start},{count}")
        }
    };
    let old = side(hunk.old_start, hunk.old_lines().len());
    let new = side(hunk.new_start, hunk.new_count());
    out.extend_from_slice(format!("@@ -{old} +{new} @@\n").as_bytes());
    let last = |wanted: fn(&Line) -> bool| hunk.lines.iter().rposition(wanted);
    let last_old = last(|line| !matches!(line, Line::Add(_)));
    let last_new = last(|line| !matches!(line, Line::Remove(_)));
    for (index, line) in hunk.lines.iter().enumerate() {
        let (mark, text) = match line {
            Line::Context(text) => (b" ", text),
            Line::Remove(text) => (b"-", text),
            Line::Add(text) => (b"+", text),
        };
        put(mark, text, out);
        let ends_old = hunk.old_unterminated && last_old == Some(index);
        let ends_new = hunk.new_unterminated && last_new == Some(index);
        if ends_old || ends_new {
            out.extend_from_slice(UNTERMINATED);
        }
    }
}

/// The lines of one side with their marks: `!` where lines are exchanged.
fn marked(hunk: &Hunk, old: bool) -> Vec<(&'static [u8], &[u8])> {
    let mut lines = Vec::new();
    let mut rest = hunk.lines.as_slice();
    while let Some(first) = rest.first() {
        if let Line::Context(text) = first {
            lines.push((&b"  "[..], text.as_slice()));
            rest = &rest[1..];
            continue;
        }
        let count = rest
            .iter()
            .take_while(|line| !matches!(line, Line::Context(_)))
            .count();
        let (group, behind) = rest.split_at(count);
        let removes = group.iter().any(|line| matches!(line, Line::Remove(_)));
        let adds = group.iter().any(|line| matches!(line, Line::Add(_)));
        for line in group {
            match line {
                Line::Remove(text) if old => {
                    lines.push((if adds { b"! " } else { b"- " }, text.as_slice()));
                }
                Line::Add(text) if !old => {
                    lines.push((if removes { b"! " } else { b"+ " }, text.as_slice()));
                }
                _ => {}
            }
        }
        rest = behind;
    }
    lines
}

fn context_hunk(hunk: &Hunk, normal: bool, out: &mut Vec<u8>) {
    let range = |start: usize, count: usize| {
        if count > 1 {
            format!("{start},{}", start + count - 1)
        } else {
            start.to_string()
        }
    };
    let (stars, minuses) = if normal {
        ("", " -----")
    } else {
        (" ****", " ----")
    };
    out.extend_from_slice(b"***************\n");
    for (is_old, start, mark, end, unterminated) in [
        (true, hunk.old_start, "***", stars, hunk.old_unterminated),
        (false, hunk.new_start, "---", minuses, hunk.new_unterminated),
    ] {
        let lines = marked(hunk, is_old);
        let start = if normal && lines.is_empty() { 0 } else { start };
        let range = range(start, lines.len());
        out.extend_from_slice(format!("{mark} {range}{end}\n").as_bytes());
        for (mark, text) in lines {
            // A normal diff has no exchanges.
            let mark = match mark {
                b"! " if normal && is_old => b"- ",
                b"! " if normal => b"+ ",
                other => other,
            };
            put(mark, text, out);
        }
        if unterminated {
            out.extend_from_slice(UNTERMINATED);
        }
    }
}
