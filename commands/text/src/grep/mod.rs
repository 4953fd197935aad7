//! grep, egrep and fgrep: POSIX.1-2024's grep with the usual extensions. Lines are found by ripgrep's
//! searcher, which looks at whole buffers.

mod options;
mod patterns;
mod printer;
mod walk;

use crate::pattern::bytes_locale;
use crate::search::{Finder, search};
use crate::{bytes, message};
use grep_matcher::LineTerminator;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder};
use options::{Binary, Directories, Exit, Options, Output};
pub use patterns::LineMatcher;
use patterns::Patterns;
use printer::Printer;
use std::cell::Cell;
use std::io::{self, BufWriter, IsTerminal, Read};

const SELECTED: u8 = 0;
const NOT_SELECTED: u8 = 1;
const TROUBLE: u8 = 2;

pub fn main(name: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let mut options = match Options::parse(name, arguments) {
        Ok(options) => options,
        Err(Exit(status)) => return status,
    };
    let patterns = match Patterns::new(&options) {
        Ok(patterns) => patterns,
        Err(text) => {
            message::warn(name, &text);
            return TROUBLE;
        }
    };
    if options.max_count == Some(0) {
        return NOT_SELECTED;
    }
    if io::stdout().is_terminal() {
        options.line_buffered = true;
    }
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut run = Run {
        tool: name,
        patterns: &patterns,
        searcher: searcher(&options),
        selected: false,
        trouble: false,
        last: (0, 0),
        printer: Printer {
            out: &mut out,
            options: &options,
            pattern: &patterns.pattern,
            with_filename: false,
            wrote_group: false,
            terminator: if options.null_data { 0 } else { b'\n' },
            unicode: !bytes_locale(),
        },
    };
    let result = run.files().and_then(|()| run.printer.out.flush());
    let (selected, trouble) = (run.selected, run.trouble);
    if let Err(error) = result {
        if error.kind() != io::ErrorKind::BrokenPipe {
            message::warn(name, &format!("write error: {}", message::reason(&error)));
        }
        return TROUBLE;
    }
    match (selected, trouble) {
        (true, false) => SELECTED,
        (true, true) if options.output == Output::Nothing => SELECTED,
        (_, true) => TROUBLE,
        (false, false) => NOT_SELECTED,
    }
}

fn searcher(options: &Options) -> Searcher {
    let quiet = !matches!(options.output, Output::Lines | Output::Matches);
    let terminator = if options.null_data { 0 } else { b'\n' };
    SearcherBuilder::new()
        .line_terminator(LineTerminator::byte(terminator))
        .invert_match(options.invert)
        .line_number(options.line_numbers)
        .before_context(if quiet { 0 } else { options.before })
        .after_context(if quiet { 0 } else { options.after })
        .max_matches(options.max_count)
        .bom_sniffing(false)
        .binary_detection(BinaryDetection::none())
        .build()
}

/// One run over all files.
struct Run<'a> {
    tool: &'a str,
    patterns: &'a Patterns,
    searcher: Searcher,
    printer: Printer<'a>,
    selected: bool,
    trouble: bool,
    /// Of the last file: how many lines were selected, and where the last of them ends.
    last: (u64, u64),
}

/// Notes whether a NUL was read.
struct Watching<'a, R> {
    inner: R,
    saw_nul: &'a Cell<bool>,
    failure: &'a Cell<Option<io::Error>>,
}

impl<R: Read> Read for Watching<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match self.inner.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                // The end of the input, so that what was read before is still searched.
                self.failure.set(Some(error));
                0
            }
        };
        if !self.saw_nul.get() && memchr::memchr(0, &buffer[..length]).is_some() {
            self.saw_nul.set(true);
        }
        Ok(length)
    }
}

impl Run<'_> {
    fn files(&mut self) -> io::Result<()> {
        let options = self.printer.options;
        let recursive = matches!(
            options.directories,
            Directories::Recurse | Directories::RecurseFollowing
        );
        let mut files = options.files.clone();
        let from_current = files.is_empty() && recursive;
        if files.is_empty() {
            files.push(if recursive {
                b".".to_vec()
            } else {
                b"-".to_vec()
            });
        }
        self.printer.with_filename = options
            .with_filename
            .unwrap_or_else(|| files.len() > 1 || (recursive && is_directory(&files[0])));
        let walk = walk::Walk::new(options);
        for file in &files {
            if options.output == Output::Nothing && self.selected {
                break;
            }
            if file == b"-" {
                let label = options
                    .label
                    .clone()
                    .unwrap_or(b"(standard input)".to_vec());
                self.standard_input(&label)?;
                continue;
            }
            let mut step = |found: walk::Found| match found {
                walk::Found::File(name) => {
                    let shown = if from_current {
                        name.strip_prefix(b"./").unwrap_or(name)
                    } else {
                        name
                    };
                    self.open(name, shown)
                }
                walk::Found::Failure(name, error) => {
                    self.complain(name, &error);
                    Ok(())
                }
                walk::Found::Loop(name) => {
                    let name = String::from_utf8_lossy(name);
                    let text = format!("{name}: warning: recursive directory loop");
                    message::warn(self.tool, &text);
                    Ok(())
                }
            };
            walk.each(file, &mut step)?;
        }
        Ok(())
    }

    fn complain(&mut self, name: &[u8], error: &io::Error) {
        self.trouble = true;
        if !self.printer.options.no_messages {
            message::warn_file(self.tool, name, error);
        }
    }

    fn open(&mut self, name: &[u8], shown: &[u8]) -> io::Result<()> {
        if self.printer.options.output == Output::Nothing && self.selected {
            return Ok(());
        }
        match std::fs::File::open(crate::bytes::path(name)) {
            Ok(file) => self.search(shown, file),
            Err(error) => {
                self.complain(shown, &error);
                Ok(())
            }
        }
    }

    /// Searches standard input. Where that is a file and `-m` ended the search, the next reader goes on behind the last
    /// selected line.
    fn standard_input(&mut self, label: &[u8]) -> io::Result<()> {
        use secure_exec_sys::fd;
        let start = fd::seek_by(0, 0);
        self.search(label, io::stdin().lock())?;
        if let Ok(start) = start
            && self.printer.options.max_count == Some(self.last.0)
            && fd::stat(0).is_ok_and(|found| found.is_file())
        {
            let now = fd::seek_by(0, 0)?;
            let distance = i128::from(start + self.last.1) - i128::from(now);
            fd::seek_by(0, i64::try_from(distance).unwrap_or(0))?;
        }
        Ok(())
    }

    fn search(&mut self, name: &[u8], input: impl Read) -> io::Result<()> {
        let saw_nul = Cell::new(false);
        let failure = Cell::new(None);
        let reader = Watching {
            inner: input,
            saw_nul: &saw_nul,
            failure: &failure,
        };
        let mut file = printer::File::new(&mut self.printer, name, &saw_nul);
        let finder = match &self.patterns.fast {
            Some(matcher) => Finder::Regex(matcher),
            None => Finder::Line(LineMatcher(&self.patterns.pattern)),
        };
        search(&mut self.searcher, &finder, reader, &mut file)?;
        let (mut selected, binary) = (file.selected, file.binary);
        self.last = (file.selected, file.end);
        let options = self.printer.options;
        if options.binary == Binary::Skip && saw_nul.get() {
            selected = 0;
        }
        if selected > 0 {
            self.selected = true;
        }
        match options.output {
            Output::Count => self.printer.count(name, selected)?,
            Output::FilesWith if selected > 0 => self.printer.name_line(name)?,
            Output::FilesWithout if selected == 0 => self.printer.name_line(name)?,
            _ => {}
        }
        if binary && options.binary == Binary::Report {
            self.printer.out.flush()?;
            let name = String::from_utf8_lossy(name);
            message::warn(self.tool, &format!("{name}: binary file matches"));
        }
        if let Some(error) = failure.take() {
            self.complain(name, &error);
        }
        Ok(())
    }
}

fn is_directory(name: &[u8]) -> bool {
    std::fs::metadata(bytes::path(name)).is_ok_and(|metadata| metadata.is_dir())
}
