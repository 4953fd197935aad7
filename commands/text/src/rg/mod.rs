//! rg: ripgrep's common options on ripgrep's own libraries, without threads.

mod grammar;
mod json;
mod options;
mod report;

use crate::{bytes, message};
use grep_regex::RegexMatcher;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use ignore::types::TypesBuilder;
use options::{Mode, Options};
use report::Report;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

const MATCHED: u8 = 0;
const NOT_MATCHED: u8 = 1;
const TROUBLE: u8 = 2;

pub fn main(_: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = run(&options, &mut out);
    let flushed = out.flush();
    match result {
        Ok(status) => match flushed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                message::warn("rg", &message::reason(&error));
                TROUBLE
            }
            _ => status,
        },
        Err(text) => {
            message::warn("rg", &text);
            TROUBLE
        }
    }
}

fn types(options: &Options) -> Result<ignore::types::Types, String> {
    let mut builder = TypesBuilder::new();
    builder.add_defaults();
    for definition in &options.type_add {
        builder
            .add_def(definition)
            .map_err(|error| error.to_string())?;
    }
    for name in &options.types {
        builder.select(name);
    }
    for name in &options.types_not {
        builder.negate(name);
    }
    builder.build().map_err(|error| error.to_string())
}

fn walk(options: &Options, paths: &[PathBuf]) -> Result<ignore::Walk, String> {
    let mut overrides = OverrideBuilder::new(".");
    for glob in &options.globs {
        overrides.add(glob).map_err(|error| error.to_string())?;
    }
    overrides
        .case_insensitive(options.glob_ignore_case)
        .map_err(|error| error.to_string())?;
    let overrides = overrides.build().map_err(|error| error.to_string())?;
    let mut builder = WalkBuilder::new(&paths[0]);
    for path in &paths[1..] {
        builder.add(path);
    }
    for file in &options.ignore_files {
        if let Some(error) = builder.add_ignore(file) {
            message::warn("rg", &error.to_string());
        }
    }
    builder
        // Links are followed by `Search::link`: the crate compares files only where it knows how.
        .follow_links(false)
        .max_depth(options.max_depth)
        .types(types(options)?)
        .overrides(overrides)
        .hidden(!options.hidden)
        .parents(!options.no_ignore)
        .ignore(!options.no_ignore)
        .git_global(!options.no_ignore && !options.no_ignore_vcs)
        .git_ignore(!options.no_ignore && !options.no_ignore_vcs)
        .git_exclude(!options.no_ignore && !options.no_ignore_vcs)
        .require_git(!options.no_require_git)
        .sort_by_file_path(Path::cmp);
    if !options.no_ignore {
        builder.add_custom_ignore_filename(".rgignore");
    }
    Ok(builder.build())
}

/// Whether the input is searched if no path is given: when it is a pipe or a file.
fn reads_stdin() -> bool {
    !io::stdin().is_terminal()
        && secure_exec_sys::fd::stat(0)
            .is_ok_and(|found| matches!(found.kind(), 0o010_000 | 0o100_000 | 0o140_000))
}

fn run(options: &Options, out: &mut dyn Write) -> Result<u8, String> {
    let mut paths: Vec<PathBuf> = options
        .paths
        .iter()
        .map(|path| bytes::path(path).to_owned())
        .collect();
    let implicit = paths.is_empty();
    if implicit {
        let stdin = options.mode != Mode::Files && reads_stdin();
        paths.push(if stdin { "-".into() } else { "./".into() });
    }
    if options.mode == Mode::Types {
        return list_types(options, out);
    }
    let one_file = paths.len() == 1 && (paths[0] == Path::new("-") || paths[0].is_file());
    let matcher = if options.mode == Mode::Files {
        None
    } else {
        Some(options.matcher()?)
    };
    let mut search = Search {
        options,
        searcher: searcher(options),
        matcher,
        report: Report::new(out, options, options.with_filename.unwrap_or(!one_file)),
        matched: false,
        trouble: false,
        implicit,
    };
    search.walk(&paths)?;
    let (matched, trouble) = (search.matched, search.trouble);
    search
        .report
        .finish()
        .map_err(|error| message::reason(&error))?;
    Ok(match (matched, trouble) {
        (true, true) if !options.quiet => TROUBLE,
        (true, _) => MATCHED,
        (false, true) => TROUBLE,
        (false, false) => NOT_MATCHED,
    })
}

fn list_types(options: &Options, out: &mut dyn Write) -> Result<u8, String> {
    for definition in types(options)?.definitions() {
        let globs = definition.globs().join(", ");
        writeln!(out, "{}: {globs}", definition.name()).map_err(|error| message::reason(&error))?;
    }
    Ok(MATCHED)
}

fn searcher(options: &Options) -> Searcher {
    let mut builder = SearcherBuilder::new();
    builder
        .line_terminator(options.line_terminator())
        .invert_match(options.invert)
        .line_number(options.line_numbers)
        .multi_line(options.multi_line)
        .stop_on_nonmatch(options.stop_on_nonmatch)
        .max_matches(options.max_count);
    if options.passthru {
        builder.passthru(true);
    } else {
        builder
            .before_context(options.before)
            .after_context(options.after);
    }
    builder.build()
}

struct Search<'a> {
    options: &'a Options,
    searcher: Searcher,
    matcher: Option<RegexMatcher>,
    report: Report<'a>,
    matched: bool,
    trouble: bool,
    /// No path was given: names are shown without `./`.
    implicit: bool,
}

impl Search<'_> {
    fn complain(&mut self, text: &str) {
        self.trouble = true;
        if !self.options.no_messages {
            message::warn("rg", text);
        }
    }

    fn walk(&mut self, paths: &[PathBuf]) -> Result<(), String> {
        for entry in walk(self.options, paths)? {
            if self.options.quiet && self.matched && !self.options.stats {
                return Ok(());
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let text = error.to_string();
                    let end = text.find(" (os error").unwrap_or(text.len());
                    self.complain(&text[..end]);
                    continue;
                }
            };
            if entry.is_stdin() {
                self.stdin()?;
                continue;
            }
            let explicit = entry.depth() == 0;
            if self.options.follow && !explicit && entry.path_is_symlink() {
                self.link(entry.path())?;
                continue;
            }
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            if !is_file && (!explicit || entry.path().is_dir()) {
                continue;
            }
            self.found(entry.path(), explicit)?;
        }
        Ok(())
    }

    /// Searches a file of the walk, or names it.
    fn found(&mut self, path: &Path, explicit: bool) -> Result<(), String> {
        let shown = if self.implicit {
            path.strip_prefix("./").unwrap_or(path)
        } else {
            path
        };
        if self.options.mode == Mode::Files {
            self.matched = true;
            if self.options.quiet {
                return Ok(());
            }
            return self
                .report
                .path_line(shown)
                .map_err(|error| message::reason(&error));
        }
        self.file(path, shown, explicit)
    }

    /// Goes on behind a symbolic link (`-L`), unless that leads to a directory above it.
    fn link(&mut self, path: &Path) -> Result<(), String> {
        let found = match secure_exec_sys::path::stat(path) {
            Ok(found) => found,
            Err(error) => {
                self.complain(&format!("{}: {}", path.display(), message::reason(&error)));
                return Ok(());
            }
        };
        if found.is_file() {
            return self.found(path, false);
        }
        if !found.is_dir() {
            return Ok(());
        }
        let above = path.ancestors().skip(1).find(|above| {
            let above = if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            };
            secure_exec_sys::path::stat(above).is_ok_and(|above| above.same_file(&found))
        });
        if let Some(above) = above {
            let (path, above) = (path.display(), above.display());
            self.complain(&format!(
                "File system loop found: {path} points to an ancestor {above}"
            ));
            return Ok(());
        }
        self.walk(&[path.to_owned()])
    }

    fn binary(&self, explicit: bool) -> BinaryDetection {
        if self.options.text {
            BinaryDetection::none()
        } else if explicit || self.options.search_binary {
            BinaryDetection::convert(0)
        } else {
            BinaryDetection::quit(0)
        }
    }

    fn stdin(&mut self) -> Result<(), String> {
        let detection = self.binary(true);
        self.searcher.set_binary_detection(detection);
        let Some(matcher) = &self.matcher else {
            return Ok(());
        };
        let path = Path::new("<stdin>");
        let input = &mut io::stdin().lock();
        let result = self.report.search(&mut self.searcher, matcher, path, input);
        self.settle(result, path)
    }

    fn file(&mut self, path: &Path, shown: &Path, explicit: bool) -> Result<(), String> {
        let detection = self.binary(explicit);
        self.searcher.set_binary_detection(detection);
        let Some(matcher) = &self.matcher else {
            return Ok(());
        };
        let result = File::open(path).and_then(|mut file| {
            if let Some(most) = self.options.max_filesize
                && !explicit
                && file.metadata()?.len() > most
            {
                return Ok(false);
            }
            self.report
                .search(&mut self.searcher, matcher, shown, &mut file)
        });
        self.settle(result, shown)
    }

    fn settle(&mut self, result: io::Result<bool>, path: &Path) -> Result<(), String> {
        match result {
            Ok(matched) => self.matched |= matched,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err("Broken pipe".to_owned());
            }
            Err(error) => {
                let text = format!("{}: {}", path.display(), message::reason(&error));
                self.complain(&text);
            }
        }
        Ok(())
    }
}
