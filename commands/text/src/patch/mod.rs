//! patch: applies diffs.

mod apply;
mod parse;

use crate::getopt::Argument::{No, Optional, Required};
use crate::getopt::{Grammar, Long};
use crate::{bytes, message};
use apply::Outcome;
use parse::{FilePatch, Hunk, Line, Reader};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const REJECTED: u8 = 1;
const TROUBLE: u8 = 2;

const LONG: &[Long] = &[
    ("strip", Required, 'p'),
    ("reverse", No, 'R'),
    ("input", Required, 'i'),
    ("output", Required, 'o'),
    ("directory", Required, 'd'),
    ("forward", No, 'N'),
    ("force", No, 'f'),
    ("batch", No, 't'),
    ("silent", No, 's'),
    ("quiet", No, 's'),
    ("backup", No, 'b'),
    ("suffix", Required, 'z'),
    ("remove-empty-files", No, 'E'),
    ("fuzz", Required, 'F'),
    ("ignore-whitespace", No, 'l'),
    ("dry-run", No, '\u{1}'),
    ("reject-file", Required, 'r'),
    ("no-backup-if-mismatch", No, '\u{2}'),
    ("backup-if-mismatch", No, '\u{3}'),
    ("unified", No, 'u'),
    ("context", No, 'c'),
    ("normal", No, 'n'),
    ("verbose", No, 'v'),
    ("binary", No, 'B'),
    ("posix", No, '\u{4}'),
    ("reject-format", Required, '\u{5}'),
    ("merge", Optional, '\u{6}'),
    ("help", No, 'h'),
    ("version", No, 'V'),
];

const GRAMMAR: Grammar = Grammar {
    short: "p:Ri:o:d:Nftsbz:EF:lr:ucnvV",
    long: LONG,
    in_order: false,
};

#[expect(clippy::struct_excessive_bools, reason = "each is an option of patch")]
struct Options {
    strip: Option<usize>,
    reverse: bool,
    input: Option<Vec<u8>>,
    output: Option<Vec<u8>>,
    directory: Option<Vec<u8>>,
    forward: bool,
    force: bool,
    silent: bool,
    backup: bool,
    backup_if_mismatch: bool,
    suffix: Vec<u8>,
    remove_empty: bool,
    fuzz: usize,
    ignore_blanks: bool,
    dry_run: bool,
    reject: Option<Vec<u8>>,
    file: Option<Vec<u8>>,
}

fn usage(text: &str) -> u8 {
    message::warn("patch", text);
    eprintln!("patch: Try 'patch --help' for more information.");
    TROUBLE
}

impl Options {
    fn parse(arguments: Vec<Vec<u8>>) -> Result<Self, u8> {
        let parsed = GRAMMAR.parse(arguments).map_err(|text| usage(&text))?;
        let mut options = Self {
            strip: None,
            reverse: false,
            input: None,
            output: None,
            directory: None,
            forward: false,
            force: false,
            silent: false,
            backup: false,
            backup_if_mismatch: true,
            suffix: b".orig".to_vec(),
            remove_empty: false,
            fuzz: 2,
            ignore_blanks: false,
            dry_run: false,
            reject: None,
            file: None,
        };
        for (letter, value) in parsed.options {
            let value = value.unwrap_or_default();
            let number = |what: &str| {
                std::str::from_utf8(&value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| {
                        usage(&format!(
                            "{what} {} is not a number",
                            String::from_utf8_lossy(&value)
                        ))
                    })
            };
            match letter {
                'p' => options.strip = Some(number("strip count")?),
                'F' => options.fuzz = number("fuzz factor")?,
                'R' => options.reverse = true,
                'i' => options.input = Some(value),
                'o' => options.output = Some(value),
                'd' => options.directory = Some(value),
                'N' => options.forward = true,
                'f' | 't' => options.force = true,
                's' => options.silent = true,
                'b' => options.backup = true,
                'z' => options.suffix = value,
                'E' => options.remove_empty = true,
                'l' => options.ignore_blanks = true,
                '\u{1}' => options.dry_run = true,
                '\u{2}' | '\u{4}' => options.backup_if_mismatch = false,
                '\u{3}' => options.backup_if_mismatch = true,
                'r' => options.reject = Some(value),
                '\u{6}' => return Err(usage("--merge is not supported")),
                'h' => {
                    println!("Usage: patch [OPTION]... [ORIGFILE [PATCHFILE]]");
                    return Err(0);
                }
                'V' => {
                    println!("patch (secure-exec) {}", env!("CARGO_PKG_VERSION"));
                    return Err(0);
                }
                _ => {}
            }
        }
        let mut operands = parsed.operands.into_iter();
        options.file = operands.next();
        if let Some(input) = operands.next() {
            options.input = Some(input);
        }
        if let Some(extra) = operands.next() {
            return Err(usage(&format!(
                "{}: extra operand",
                String::from_utf8_lossy(&extra)
            )));
        }
        Ok(options)
    }
}

pub fn main(_: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    match run(&options) {
        Ok(status) => status,
        Err(text) => {
            message::warn("patch", &format!("**** {text}"));
            TROUBLE
        }
    }
}

fn read_patch(options: &Options) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    match &options.input {
        Some(name) if name != b"-" => fs::read(bytes::path(name)).map_err(|error| {
            let name = String::from_utf8_lossy(name);
            format!("Can't open patch file {name} : {}", message::reason(&error))
        }),
        _ => {
            io::stdin()
                .read_to_end(&mut text)
                .map_err(|error| message::reason(&error))?;
            Ok(text)
        }
    }
}

fn run(options: &Options) -> Result<u8, String> {
    if let Some(directory) = &options.directory {
        secure_exec_sys::path::chdir(bytes::path(directory)).map_err(|error| {
            let name = String::from_utf8_lossy(directory);
            format!(
                "Can't change to directory {name} : {}",
                message::reason(&error)
            )
        })?;
        secure_exec_sys::init();
    }
    let text = read_patch(options)?;
    let mut reader = Reader::new(&text);
    let mut any = false;
    let mut status = 0;
    loop {
        match reader.next_file() {
            Ok(Some(patch)) => {
                any = true;
                status = status.max(Patcher { options, patch }.file()?);
            }
            Ok(None) if any || text.is_empty() => return Ok(status),
            Ok(None) => return Err("Only garbage was found in the patch input.".to_owned()),
            Err(text) => return Err(text),
        }
    }
}

struct Patcher<'a> {
    options: &'a Options,
    patch: FilePatch,
}

fn say(options: &Options, text: &str) {
    if !options.silent {
        // Nobody reads it if this fails.
        let _ = writeln!(io::stdout(), "{text}");
    }
}

fn is_null(name: Option<&Vec<u8>>) -> bool {
    name.is_some_and(|name| name == b"/dev/null")
}

fn quoted(name: &Path) -> String {
    let text = name.display().to_string();
    if text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+,=@%:".contains(c))
    {
        text
    } else {
        format!("'{text}'")
    }
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

    fn file(mut self) -> Result<u8, String> {
        let options = self.options;
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
        let shown = format!("{} (renamed from {})", quoted(&to), quoted(&from));
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
            fs::rename(&from, &to).map_err(failed)?;
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
                "Unreversed (or previously reversed)"
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

    fn make_parent(&self, path: &Path) -> Result<(), String> {
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                fs::create_dir_all(parent).map_err(|error| {
                    format!(
                        "Can't create directory {} : {}",
                        parent.display(),
                        message::reason(&error)
                    )
                })
            }
            _ => Ok(()),
        }
    }

    /// Copies the original aside.
    fn keep(&self, path: &Path) -> Result<(), String> {
        let mut name = path.as_os_str().to_owned();
        name.push(bytes::os(&self.options.suffix));
        let name = PathBuf::from(name);
        let failed = |error: io::Error| {
            format!(
                "Can't create file {} : {}",
                name.display(),
                message::reason(&error)
            )
        };
        if path.exists() {
            fs::copy(path, &name).map_err(failed)?;
        } else {
            fs::write(&name, b"").map_err(failed)?;
        }
        Ok(())
    }

    fn store(&self, path: &Path, result: &apply::Result, mismatch: bool) -> Result<(), String> {
        let options = self.options;
        let text = joined(result);
        if let Some(output) = &options.output {
            if output == b"-" {
                return io::stdout()
                    .write_all(&text)
                    .map_err(|error| message::reason(&error));
            }
            return fs::write(bytes::path(output), text).map_err(|error| message::reason(&error));
        }
        let failed = |error: io::Error| {
            format!(
                "Can't write file {} : {}",
                path.display(),
                message::reason(&error)
            )
        };
        if options.backup || (mismatch && options.backup_if_mismatch) {
            self.keep(path)?;
        }
        let deletes =
            is_null(self.patch.new_name.as_ref()) || self.patch.delete || options.remove_empty;
        if deletes && text.is_empty() {
            fs::remove_file(path).map_err(failed)?;
            let mut parent = path.parent();
            while let Some(directory) = parent.filter(|parent| !parent.as_os_str().is_empty()) {
                // Directories that are empty now go too.
                if fs::remove_dir(directory).is_err() {
                    break;
                }
                parent = directory.parent();
            }
            return Ok(());
        }
        self.make_parent(path)?;
        let mode = secure_exec_sys::path::stat(path)
            .ok()
            .map(|stat| stat.permissions());
        if mode.is_some() {
            // A new file, so that other names of the old one keep its text.
            fs::remove_file(path).map_err(failed)?;
        }
        fs::write(path, text).map_err(failed)?;
        let mode = self.patch.mode.map(|mode| mode & 0o777).or(mode);
        if let Some(mode) = mode {
            secure_exec_sys::path::chmod(path, mode).map_err(failed)?;
        }
        Ok(())
    }

    /// Saves the hunks that did not fit.
    fn reject(&self, path: &Path, hunks: &[&Hunk], verb: &str) -> Result<u8, String> {
        let count = hunks.len();
        let total = self.patch.hunks.len();
        let plural = if total == 1 { "hunk" } else { "hunks" };
        let mut name = self.options.output.as_ref().map_or_else(
            || path.as_os_str().to_owned(),
            |output| bytes::os(output).to_owned(),
        );
        name.push(".rej");
        let name = self.options.reject.as_ref().map_or_else(
            || PathBuf::from(name),
            |reject| bytes::path(reject).to_owned(),
        );
        if self.options.dry_run {
            say(
                self.options,
                &format!("{count} out of {total} {plural} {verb}"),
            );
            return Ok(REJECTED);
        }
        let shown = quoted(&name);
        say(
            self.options,
            &format!("{count} out of {total} {plural} {verb} -- saving rejects to file {shown}"),
        );
        fs::write(&name, self.rejects(hunks))
            .map_err(|error| format!("Can't create file {shown} : {}", message::reason(&error)))?;
        Ok(REJECTED)
    }

    fn rejects(&self, hunks: &[&Hunk]) -> Vec<u8> {
        let mut out = Vec::new();
        for (mark, name) in [("---", &self.patch.old_name), ("+++", &self.patch.new_name)] {
            out.extend_from_slice(mark.as_bytes());
            out.push(b' ');
            out.extend_from_slice(name.as_deref().unwrap_or_default());
            out.push(b'\n');
        }
        let side = |start: usize, count: usize| {
            if count == 1 {
                start.to_string()
            } else {
                format!("{start},{count}")
            }
        };
        for hunk in hunks {
            let old = side(hunk.old_start, hunk.old_lines().len());
            let new = side(hunk.new_start, hunk.new_count());
            out.extend_from_slice(format!("@@ -{old} +{new} @@\n").as_bytes());
            for line in &hunk.lines {
                let (mark, text) = match line {
                    Line::Context(text) => (b' ', text),
                    Line::Remove(text) => (b'-', text),
                    Line::Add(text) => (b'+', text),
                };
                out.push(mark);
                out.extend_from_slice(text);
                out.push(b'\n');
            }
        }
        out
    }
}

fn joined(result: &apply::Result) -> Vec<u8> {
    let mut text = Vec::new();
    for line in &result.lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    if !result.terminated {
        text.pop();
    }
    text
}
