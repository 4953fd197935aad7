//! One file's part of a patch: which file it changes, and how its hunks fit.

use super::apply::{self, Outcome};
use super::options::Options;
use super::output::joined;
use super::parse::{FilePatch, Hunk};
use super::{REJECTED, is_null, quoted, say};
use crate::{bytes, message};
use std::fs;
use std::io;
use std::path::Path;

pub struct Patcher<'a> {
    pub options: &'a Options,
    pub patch: FilePatch,
}

impl Patcher<'_> {
    fn stripped(&self, name: &[u8]) -> Option<Vec<u8>> {
        if name == b"/dev/null" {
            return None;
        }
        let Some(count) = self.options.strip else {
            let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
            return Some(base.to_vec());
        };
        let mut rest = name;
        for _ in 0..count {
            let slash = rest.iter().position(|&byte| byte == b'/')?;
            rest = &rest[slash..];
            rest = &rest[rest.iter().take_while(|&&byte| byte == b'/').count()..];
        }
        (!rest.is_empty()).then(|| rest.to_vec())
    }

    /// The file to patch: of the names given the one that exists, the best by POSIX's and GNU's rules.
    fn target(&self) -> Option<Vec<u8>> {
        if let Some(file) = &self.options.file {
            return Some(file.clone());
        }
        let (old, new) = (&self.patch.old_name, &self.patch.new_name);
        let names: Vec<Vec<u8>> = [old, new, &self.patch.index_name]
            .into_iter()
            .flatten()
            .filter_map(|name| self.stripped(name))
            .collect();
        let mut told = Vec::new();
        let names: Vec<Vec<u8>> = names
            .into_iter()
            .filter(|name| !is_dangerous(name, &mut told))
            .collect();
        let existing: Vec<&Vec<u8>> = names
            .iter()
            .filter(|name| bytes::path(name).exists())
            .collect();
        let best = |candidates: &[&Vec<u8>]| {
            let components = |name: &[u8]| name.iter().filter(|&&byte| byte == b'/').count();
            let base = |name: &[u8]| {
                name.rsplit(|&byte| byte == b'/')
                    .next()
                    .map_or(0, <[u8]>::len)
            };
            candidates
                .iter()
                .min_by_key(|name| (components(name), base(name), name.len()))
                .map(|name| (*name).clone())
        };
        if !existing.is_empty() {
            return best(&existing);
        }
        let creates = is_null(old.as_ref()) || is_null(new.as_ref()) || self.creates();
        creates
            .then(|| best(&names.iter().collect::<Vec<_>>()))
            .flatten()
    }

    /// Whether the patch makes a new file: its first hunk expects nothing.
    fn creates(&self) -> bool {
        let creates = |hunk: &Hunk| hunk.old_start == 0 && hunk.old_lines().is_empty();
        let removes = |hunk: &Hunk| hunk.new_start == 0 && hunk.new_count() == 0;
        self.patch.hunks.first().is_some_and(|hunk| {
            if self.options.reverse {
                removes(hunk)
            } else {
                creates(hunk)
            }
        })
    }

    pub fn file(mut self) -> Result<u8, String> {
        let options = self.options;
        if self
            .patch
            .mode
            .is_some_and(|mode| mode & 0o170_000 == 0o120_000)
        {
            return Err("symbolic links are not supported".to_owned());
        }
        if let Some((from, to)) = self.patch.rename.clone() {
            return self.renamed(&from, &to);
        }
        let Some(name) = self.target() else {
            println!("can't find file to patch");
            let count = self.patch.hunks.len();
            let plural = if count == 1 { "hunk" } else { "hunks" };
            println!("Skipping patch.\n{count} out of {count} {plural} ignored");
            return Ok(REJECTED);
        };
        if options.reverse {
            let patch = &mut self.patch;
            patch.hunks = patch.hunks.iter().map(Hunk::reversed).collect();
            std::mem::swap(&mut patch.old_name, &mut patch.new_name);
            std::mem::swap(&mut patch.old_absent, &mut patch.new_absent);
        }
        let path = bytes::path(&name).to_owned();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                return Err(format!(
                    "Can't open file {} : {}",
                    path.display(),
                    message::reason(&error)
                ));
            }
        };
        let verb = if options.dry_run {
            "checking"
        } else {
            "patching"
        };
        match &options.output {
            Some(output) if output != b"-" => {
                let output = quoted(bytes::path(output));
                say(
                    options,
                    &format!("{verb} file {output} (read from {})", quoted(&path)),
                );
            }
            Some(_) => {}
            None => say(options, &format!("{verb} file {}", quoted(&path))),
        }
        self.apply(&path, &text)
    }

    fn renamed(&self, from: &[u8], to: &[u8]) -> Result<u8, String> {
        let strip = self.options.strip.unwrap_or(1).saturating_sub(1);
        let cut = |name: &[u8]| {
            let mut parts = name.splitn(strip + 1, |&byte| byte == b'/');
            bytes::path(parts.nth(strip).unwrap_or(name)).to_owned()
        };
        let (mut from, mut to) = (cut(from), cut(to));
        let mut told = Vec::new();
        if [&from, &to]
            .iter()
            .any(|path| is_dangerous(path.as_os_str().as_encoded_bytes(), &mut told))
        {
            return Ok(REJECTED);
        }
        if self.patch.copy && self.options.reverse {
            return Err("copies are not taken back".to_owned());
        }
        if self.options.reverse {
            std::mem::swap(&mut from, &mut to);
        }
        let text = fs::read(&from).map_err(|error| {
            format!(
                "Can't open file {} : {}",
                from.display(),
                message::reason(&error)
            )
        })?;
        let verb = if self.patch.copy { "copied" } else { "renamed" };
        let shown = format!("{} ({verb} from {})", quoted(&to), quoted(&from));
        say(self.options, &format!("patching file {shown}"));
        let hunks: Vec<Hunk> = self
            .patch
            .hunks
            .iter()
            .map(|hunk| {
                if self.options.reverse {
                    hunk.reversed()
                } else {
                    hunk.clone()
                }
            })
            .collect();
        let result = apply::apply(&text, &hunks, &self.rules());
        if result
            .outcomes
            .iter()
            .any(|outcome| matches!(outcome, Outcome::Failed { .. }))
        {
            return Ok(REJECTED);
        }
        if !self.options.dry_run {
            let failed = |error: io::Error| format!("Can't rename: {}", message::reason(&error));
            self.make_parent(&to)?;
            if self.patch.copy {
                fs::copy(&from, &to).map_err(failed)?;
            } else {
                fs::rename(&from, &to).map_err(failed)?;
            }
            fs::write(&to, joined(&result)).map_err(failed)?;
        }
        Ok(0)
    }

    fn rules(&self) -> apply::Options {
        apply::Options {
            fuzz: self.options.fuzz,
            ignore_blanks: self.options.ignore_blanks,
        }
    }

    /// Whether the opposite of the patch fits where the patch does not: it was applied before.
    fn applied_before(&self, text: &[u8]) -> bool {
        let Some(first) = self.patch.hunks.first() else {
            return false;
        };
        let exact = apply::Options {
            fuzz: 0,
            ..self.rules()
        };
        let fits = |hunk: &Hunk| {
            let result = apply::apply(text, std::slice::from_ref(hunk), &exact);
            matches!(result.outcomes.first(), Some(Outcome::Applied { .. }))
        };
        !fits(first) && fits(&first.reversed())
    }

    fn apply(&self, path: &Path, text: &[u8]) -> Result<u8, String> {
        let options = self.options;
        let creating = self
            .patch
            .hunks
            .first()
            .is_some_and(|hunk| hunk.old_start == 0 && hunk.old_lines().is_empty());
        let exists_already = creating && !text.is_empty();
        if (exists_already || self.applied_before(text)) && !options.force {
            let found = if options.reverse {
                "Unreversed"
            } else {
                "Reversed (or previously applied)"
            };
            let question = if options.forward {
                "Skipping patch."
            } else if options.reverse {
                "Ignore -R? [n] \nApply anyway? [n] \nSkipping patch."
            } else {
                "Assume -R? [n] \nApply anyway? [n] \nSkipping patch."
            };
            if exists_already && !self.applied_before(text) {
                let name = quoted(path);
                println!(
                    "The next patch would create the file {name},\nwhich already exists!  {question}"
                );
            } else {
                println!("{found} patch detected!  {question}");
            }
            return self.reject(
                path,
                &self.patch.hunks.iter().collect::<Vec<_>>(),
                "ignored",
            );
        }
        let result = apply::apply(text, &self.patch.hunks, &self.rules());
        let mut rejected = Vec::new();
        let mut mismatch = false;
        for (index, outcome) in result.outcomes.iter().enumerate() {
            let number = index + 1;
            match outcome {
                Outcome::Applied {
                    offset: 0, fuzz: 0, ..
                } => {}
                Outcome::Applied { line, offset, fuzz } => {
                    mismatch = true;
                    let fuzz = if *fuzz > 0 {
                        format!(" with fuzz {fuzz}")
                    } else {
                        String::new()
                    };
                    let plural = if offset.abs() == 1 { "line" } else { "lines" };
                    let offset = if *offset == 0 {
                        String::new()
                    } else {
                        format!(" (offset {offset} {plural})")
                    };
                    say(
                        options,
                        &format!("Hunk #{number} succeeded at {line}{fuzz}{offset}."),
                    );
                }
                Outcome::Failed { line } => {
                    mismatch = true;
                    say(options, &format!("Hunk #{number} FAILED at {line}."));
                    rejected.push(&self.patch.hunks[index]);
                }
            }
        }
        let all_failed = rejected.len() == self.patch.hunks.len() && !rejected.is_empty();
        if !options.dry_run && !all_failed {
            self.store(path, &result, mismatch)?;
        } else if all_failed && !options.dry_run && options.backup_if_mismatch && path.exists() {
            self.keep(path)?;
        }
        if rejected.is_empty() {
            return Ok(0);
        }
        self.reject(path, &rejected, "FAILED")
    }
}

/// Whether a name leads out of the folder that is patched, which is said once of each.
fn is_dangerous(name: &[u8], told: &mut Vec<Vec<u8>>) -> bool {
    let leads_out =
        name.starts_with(b"/") || name.split(|&byte| byte == b'/').any(|part| part == b"..");
    if leads_out && !told.iter().any(|known| known == name) {
        let shown = quoted(bytes::path(name));
        println!("Ignoring potentially dangerous file name {shown}");
        told.push(name.to_vec());
    }
    leads_out
}
