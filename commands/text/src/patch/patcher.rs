//! One file's part of a patch: which file it changes, and how its hunks fit.

use super::apply::{self, Outcome};
use super::options::{Options, ReadOnly, Verbosity};
use super::parse::{FilePatch, Format, Hunk};
use super::{REJECTED, is_null, leading, place, quoted, say, tell, verbosely};
use crate::{bytes, message};
use secure_exec_sys::path::W_OK;
use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub struct Patcher<'a> {
    pub options: &'a Options,
    /// Files that were changed before: what they were is aside already.
    pub changed: &'a RefCell<Vec<PathBuf>>,
    pub patch: FilePatch,
}

impl Patcher<'_> {
    /// A name without as much of its start as `-p` says; without that, its last part.
    pub fn stripped(&self, name: &[u8]) -> Option<Vec<u8>> {
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
            .filter(|name| !is_dangerous(self.options, name, &mut told))
            .collect();
        let existing: Vec<&Vec<u8>> = names
            .iter()
            .filter(|name| !place::leads_out(bytes::path(name)))
            .filter(|name| secure_exec_sys::path::lstat(bytes::path(name)).is_ok())
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

    /// Applies it. The result is the exit status.
    pub fn file(mut self) -> Result<u8, String> {
        let options = self.options;
        if let Some((from, to)) = self.patch.rename.clone() {
            return self.renamed(&from, &to);
        }
        let Some(name) = self.target() else {
            return Ok(self.not_found());
        };
        let path = bytes::path(&name).to_owned();
        if self.options.file.is_none() && place::leads_out(&path) {
            let shown = quoted(options, &path);
            tell(
                options,
                &format!("Invalid file name {shown} -- skipping patch"),
            );
            return Ok(REJECTED);
        }
        if self.patch.binary {
            let shown = quoted(options, &path);
            tell(
                options,
                &format!("File {shown}: git binary diffs are not supported."),
            );
            return Ok(REJECTED);
        }
        if options.reverse {
            self.reverse();
        }
        let Some(text) = self.old_text(&path)? else {
            return self.reject(
                &path,
                &self.patch.hunks.iter().collect::<Vec<_>>(),
                "ignored",
            );
        };
        if self.patch.format == Format::Ed {
            return self.script(&path, &text);
        }
        let verb = if options.dry_run {
            "checking"
        } else {
            "patching"
        };
        let kind = if self.is_link() {
            "symbolic link"
        } else {
            "file"
        };
        let shown = quoted(options, &path);
        match &options.output {
            Some(output) => {
                let output = quoted(options, bytes::path(output));
                say(
                    options,
                    &format!("{verb} {kind} {output} (read from {shown})"),
                );
            }
            None => say(options, &format!("{verb} {kind} {shown}")),
        }
        verbosely(options, || "Using Plan A...".to_owned());
        self.apply(&path, &text)
    }

    fn reverse(&mut self) {
        let patch = &mut self.patch;
        patch.hunks = patch.hunks.iter().map(Hunk::reversed).collect();
        std::mem::swap(&mut patch.old_name, &mut patch.new_name);
        std::mem::swap(&mut patch.old_absent, &mut patch.new_absent);
        std::mem::swap(&mut patch.mode, &mut patch.old_mode);
        std::mem::swap(&mut patch.old_stamp, &mut patch.new_stamp);
    }

    /// Whether it is about a symbolic link, by git's header.
    pub fn is_link(&self) -> bool {
        let mode = self.patch.mode.or(self.patch.kept_mode);
        mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000)
    }

    /// What the file is now: nothing if it is not there. None, and a message, if it is nothing to be patched.
    fn old_text(&self, path: &Path) -> Result<Option<Vec<u8>>, String> {
        let options = self.options;
        let found = if options.follow_links && !self.is_link() {
            secure_exec_sys::path::stat(path)
        } else {
            secure_exec_sys::path::lstat(path)
        };
        let Ok(found) = found else {
            return Ok(Some(Vec::new()));
        };
        let shown = quoted(options, path);
        if self.is_link() && found.is_symlink() {
            let target = fs::read_link(path).map_err(|error| cannot_open(path, &error))?;
            return Ok(Some(bytes::from_os(target.into_os_string())));
        }
        if self.is_link() || !found.is_file() {
            let kind = if self.is_link() {
                "symbolic link"
            } else {
                "regular file"
            };
            tell(
                options,
                &format!("File {shown} is not a {kind} -- refusing to patch"),
            );
            return Ok(None);
        }
        if options.read_only != ReadOnly::Ignore
            && secure_exec_sys::path::access(path, W_OK).is_err()
        {
            if options.read_only == ReadOnly::Fail {
                tell(
                    options,
                    &format!("File {shown} is read-only; refusing to patch"),
                );
                return Ok(None);
            }
            say(
                options,
                &format!("File {shown} is read-only; trying to patch anyway"),
            );
        }
        let text = fs::read(path).map_err(|error| cannot_open(path, &error))?;
        Ok(Some(text))
    }

    /// Says that there is no file. Nobody is asked for one: the answer is that of an input that has ended.
    fn not_found(&self) -> u8 {
        let (options, patch) = (self.options, &self.patch);
        tell(
            options,
            &format!("can't find file to patch at input line {}", patch.line),
        );
        if patch.old_name.is_some() || patch.new_name.is_some() {
            let hint = match options.strip {
                Some(_) => "used the wrong",
                None => "should have used the",
            };
            tell(
                options,
                &format!("Perhaps you {hint} -p or --strip option?"),
            );
        }
        let leading = leading(patch);
        let answer = if options.force || options.batch {
            "No file to patch.  Skipping patch."
        } else {
            "File to patch: \nSkip this patch? [y] \nSkipping patch."
        };
        tell(options, &format!("{leading}{answer}"));
        self.tell_ignored();
        REJECTED
    }

    fn tell_ignored(&self) {
        let count = self.patch.hunks.len();
        if count > 0 {
            let plural = if count == 1 { "hunk" } else { "hunks" };
            let text = format!("{count} out of {count} {plural} ignored");
            tell(self.options, &text);
        }
    }

    /// Runs a script of ed, which says nothing.
    fn script(&self, path: &Path, text: &[u8]) -> Result<u8, String> {
        if self.options.reverse {
            return Err("a script of ed cannot be reversed".to_owned());
        }
        let (lines, terminated) = apply::lines_of(text);
        let Some(lines) = super::script::run(&self.patch.script, lines) else {
            return Err("ed FAILED".to_owned());
        };
        let result = apply::Result {
            // ed ends the last line.
            terminated: terminated || !lines.is_empty(),
            lines,
            outcomes: Vec::new(),
        };
        if !self.options.dry_run {
            self.store(path, &result, false)?;
        }
        Ok(0)
    }

    /// A file that has another name, or a copy under one, and may be changed besides.
    fn renamed(mut self, from: &[u8], to: &[u8]) -> Result<u8, String> {
        let options = self.options;
        let strip = options.strip.unwrap_or(1).saturating_sub(1);
        let cut = |name: &[u8]| {
            let mut parts = name.splitn(strip + 1, |&byte| byte == b'/');
            bytes::path(parts.nth(strip).unwrap_or(name)).to_owned()
        };
        let (mut from, mut to) = (cut(from), cut(to));
        let mut told = Vec::new();
        if [&from, &to].iter().any(|path| {
            is_dangerous(options, path.as_os_str().as_encoded_bytes(), &mut told)
                || place::leads_out(path)
        }) {
            return Ok(REJECTED);
        }
        let copy = self.patch.copy;
        if options.reverse {
            self.reverse();
            std::mem::swap(&mut from, &mut to);
        }
        let exists = |path: &Path| secure_exec_sys::path::lstat(path).is_ok();
        let what = if copy { "copy" } else { "rename" };
        // A copy that is taken back leaves what it was made from as it is, but for the changes.
        let source = match (exists(&from), exists(&to)) {
            (true, _) if !(copy && options.reverse) => from.clone(),
            (_, true) => to.clone(),
            _ => {
                let text = format!("Cannot {what} file without two valid file names");
                tell(options, &text);
                return Ok(REJECTED);
            }
        };
        let Some(text) = self.old_text(&source)? else {
            return Ok(REJECTED);
        };
        let verb = if options.dry_run {
            "checking"
        } else {
            "patching"
        };
        let done = if copy { "copied" } else { "renamed" };
        let note = if copy && options.reverse {
            String::new()
        } else if source == to {
            format!(" (already {done} from {})", quoted(options, &from))
        } else {
            format!(" ({done} from {})", quoted(options, &from))
        };
        say(
            options,
            &format!("{verb} file {}{note}", quoted(options, &to)),
        );
        let result = apply::apply(&text, &self.patch.hunks, &self.rules());
        let (rejected, mismatch, status) = self.report(&result);
        let changed = rejected.len() < self.patch.hunks.len();
        if !options.dry_run && options.output.is_none() && source != to {
            let failed = |error: io::Error| format!("Can't {what}: {}", message::reason(&error));
            self.make_parent(&to)?;
            if copy {
                fs::copy(&source, &to).map_err(failed)?;
            } else {
                fs::rename(&source, &to).map_err(failed)?;
            }
        }
        if !options.dry_run && (changed || self.patch.mode.is_some()) {
            self.store(&to, &result, mismatch)?;
        }
        if rejected.is_empty() {
            return Ok(status);
        }
        self.reject(&to, &rejected, "FAILED")
    }

    fn rules(&self) -> apply::Options {
        apply::Options {
            fuzz: self.options.fuzz,
            ignore_blanks: self.options.ignore_blanks,
            define: self.options.define.clone(),
            merge: self.options.merge,
        }
    }

    /// Whether the opposite of the patch fits where the patch does not: it was applied before.
    fn applied_before(&self, text: &[u8]) -> bool {
        let Some(first) = self.patch.hunks.first() else {
            return false;
        };
        let exact = apply::Options {
            fuzz: 0,
            merge: None,
            ..self.rules()
        };
        let fits = |hunk: &Hunk| {
            let result = apply::apply(text, std::slice::from_ref(hunk), &exact);
            matches!(result.outcomes.first(), Some(Outcome::Applied { .. }))
        };
        !fits(first) && fits(&first.reversed())
    }

    fn apply(mut self, path: &Path, text: &[u8]) -> Result<u8, String> {
        let options = self.options;
        let creating = self
            .patch
            .hunks
            .first()
            .is_some_and(|hunk| hunk.old_start == 0 && hunk.old_lines().is_empty());
        let exists_already = creating && !text.is_empty();
        let mut mismatch = false;
        if options.merge.is_none()
            && !options.force
            && (exists_already || self.applied_before(text))
        {
            let turns = options.batch && self.applied_before(text);
            self.question(path, exists_already && !self.applied_before(text));
            if !turns {
                let hunks: Vec<&Hunk> = self.patch.hunks.iter().collect();
                for (index, hunk) in hunks.iter().enumerate() {
                    verbosely(options, || {
                        format!("Hunk #{} ignored at {}.", index + 1, hunk.old_start.max(1))
                    });
                }
                return self.reject(path, &hunks, "ignored");
            }
            self.reverse();
            mismatch = true;
        }
        let result = apply::apply(text, &self.patch.hunks, &self.rules());
        let (rejected, differs, status) = self.report(&result);
        mismatch |= differs;
        let all_failed = rejected.len() == self.patch.hunks.len() && !rejected.is_empty();
        let stores = !all_failed || options.output.is_some();
        if !options.dry_run && stores {
            self.store(path, &result, mismatch)?;
        } else if all_failed && !options.dry_run && options.backup_if_mismatch && path.exists() {
            self.keep(path)?;
        }
        if rejected.is_empty() {
            return Ok(status);
        }
        self.reject(path, &rejected, "FAILED")
    }

    /// Says that the patch seems to have been applied, and what becomes of it.
    fn question(&self, path: &Path, would_create: bool) {
        let options = self.options;
        let found = if would_create {
            let name = quoted(options, path);
            format!("The next patch would create the file {name},\nwhich already exists!")
        } else if options.reverse {
            "Unreversed patch detected!".to_owned()
        } else {
            "Reversed (or previously applied) patch detected!".to_owned()
        };
        let answer = match (options.forward, options.batch, options.reverse) {
            (true, ..) => "Skipping patch.",
            (_, true, true) => "Ignoring -R.",
            (_, true, false) => "Assuming -R.",
            (_, _, true) => "Ignore -R? [n] \nApply anyway? [n] \nSkipping patch.",
            (_, _, false) => "Assume -R? [n] \nApply anyway? [n] \nSkipping patch.",
        };
        tell(options, &format!("{found}  {answer}"));
    }

    /// Says what came of the hunks: those that did not fit, whether any was not as the patch says, and the status.
    fn report(&self, result: &apply::Result) -> (Vec<&Hunk>, bool, u8) {
        let options = self.options;
        let mut rejected = Vec::new();
        let mut mismatch = false;
        let mut status = 0;
        for (index, outcome) in result.outcomes.iter().enumerate() {
            let number = index + 1;
            match outcome {
                Outcome::Applied { line, offset, fuzz } => {
                    let exact = *offset == 0 && *fuzz == 0;
                    mismatch |= !exact;
                    if exact && options.verbosity != Verbosity::Verbose
                        || options.merge.is_some() && *fuzz == 0
                    {
                        continue;
                    }
                    let fuzz = if *fuzz > 0 {
                        format!(" with fuzz {fuzz}")
                    } else {
                        String::new()
                    };
                    let plural = if *offset == 1 { "line" } else { "lines" };
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
                Outcome::Merged { text, conflicts } => {
                    mismatch = true;
                    if *conflicts {
                        status = REJECTED;
                    }
                    if !text.is_empty() {
                        say(options, &format!("Hunk #{number} {text}."));
                    }
                }
            }
        }
        (rejected, mismatch, status)
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> String {
    format!(
        "Can't open file {} : {}",
        path.display(),
        message::reason(error)
    )
}

/// Whether a name leads out of the folder that is patched, which is said once of each.
fn is_dangerous(options: &Options, name: &[u8], told: &mut Vec<Vec<u8>>) -> bool {
    let leads_out =
        name.starts_with(b"/") || name.split(|&byte| byte == b'/').any(|part| part == b"..");
    if leads_out && !told.iter().any(|known| known == name) {
        let shown = quoted(options, bytes::path(name));
        tell(
            options,
            &format!("Ignoring potentially dangerous file name {shown}"),
        );
        told.push(name.to_vec());
    }
    leads_out
}
