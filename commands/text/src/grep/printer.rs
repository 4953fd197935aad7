//! What grep writes for the lines of one file.

use super::options::{Binary, Options, Output};
use crate::pattern::Pattern;
use grep_searcher::{Searcher, Sink, SinkContext, SinkContextKind, SinkMatch};
use std::cell::Cell;
use std::io::{self, Write};

/// The output of the whole run.
pub struct Printer<'a> {
    pub out: &'a mut dyn Write,
    pub options: &'a Options,
    pub pattern: &'a Pattern,
    pub with_filename: bool,
    /// Whether lines were written, so that a separator goes before the next group.
    pub wrote_group: bool,
    pub terminator: u8,
    pub unicode: bool,
}

/// The search of one file.
pub struct File<'a, 'b> {
    pub printer: &'a mut Printer<'b>,
    pub name: &'a [u8],
    /// Set by the reader when a NUL went by.
    pub saw_nul: &'a Cell<bool>,
    pub selected: u64,
    /// Where the last selected line ends, in bytes from the start of the search.
    pub end: u64,
    pub binary: bool,
    started: bool,
}

struct Line<'a> {
    bytes: &'a [u8],
    number: Option<u64>,
    offset: u64,
    separator: u8,
}

impl Printer<'_> {
    fn colored(&mut self, code: &str, text: &[u8]) -> io::Result<()> {
        if self.options.color {
            write!(self.out, "\x1b[{code}m\x1b[K")?;
            self.out.write_all(text)?;
            self.out.write_all(b"\x1b[m\x1b[K")
        } else {
            self.out.write_all(text)
        }
    }

    /// Writes the file name alone on a line, for `-l` and `-L`.
    pub fn name_line(&mut self, name: &[u8]) -> io::Result<()> {
        self.colored("35", name)?;
        self.out.write_all(if self.options.null_after_name {
            b"\0"
        } else {
            b"\n"
        })
    }

    pub fn count(&mut self, name: &[u8], count: u64) -> io::Result<()> {
        if self.with_filename {
            self.name(name, b':')?;
        }
        writeln!(self.out, "{count}")
    }

    fn name(&mut self, name: &[u8], separator: u8) -> io::Result<()> {
        self.colored("35", name)?;
        if self.options.null_after_name {
            self.out.write_all(b"\0")
        } else {
            self.colored("36", &[separator])
        }
    }

    fn prefix(&mut self, name: &[u8], line: &Line) -> io::Result<()> {
        let separator = line.separator;
        if self.with_filename {
            self.name(name, separator)?;
        }
        let width = usize::from(self.options.initial_tab) * 4;
        if let Some(number) = line.number {
            self.colored("32", format!("{number:width$}").as_bytes())?;
            self.colored("36", &[separator])?;
        }
        if self.options.byte_offset {
            self.colored("32", line.offset.to_string().as_bytes())?;
            self.colored("36", &[separator])?;
        }
        let prefixed = self.with_filename || line.number.is_some() || self.options.byte_offset;
        if self.options.initial_tab && prefixed {
            self.out.write_all(b"\t")?;
        }
        Ok(())
    }

    fn line(&mut self, name: &[u8], line: &Line, highlight: bool) -> io::Result<()> {
        self.prefix(name, line)?;
        let body = line
            .bytes
            .strip_suffix(&[self.terminator])
            .unwrap_or(line.bytes);
        if highlight && self.options.color {
            let mut written = 0;
            for (start, end) in (Matches {
                pattern: self.pattern,
                text: body,
                at: 0,
            }) {
                self.out.write_all(&body[written..start])?;
                self.colored("01;31", &body[start..end])?;
                written = end;
            }
            self.out.write_all(&body[written..])?;
        } else {
            self.out.write_all(body)?;
        }
        self.end_line()
    }

    fn matches(&mut self, name: &[u8], line: &Line) -> io::Result<()> {
        let body = line
            .bytes
            .strip_suffix(&[self.terminator])
            .unwrap_or(line.bytes);
        for (start, end) in (Matches {
            pattern: self.pattern,
            text: body,
            at: 0,
        }) {
            let part = Line {
                offset: line.offset + start as u64,
                ..*line
            };
            self.prefix(name, &part)?;
            self.colored("01;31", &body[start..end])?;
            self.end_line()?;
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.out.write_all(&[self.terminator])?;
        if self.options.line_buffered {
            self.out.flush()
        } else {
            Ok(())
        }
    }

    fn separator(&mut self) -> io::Result<()> {
        if (self.options.output == Output::Lines || self.options.output == Output::Matches)
            && let Some(separator) = &self.options.group_separator
        {
            self.colored("36", separator)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// The matches within a line that are not empty.
struct Matches<'a> {
    pattern: &'a Pattern,
    text: &'a [u8],
    at: usize,
}

impl Iterator for Matches<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        while self.at <= self.text.len() {
            let (start, end) = self.pattern.find_at(self.text, self.at)?;
            if end > start {
                self.at = end;
                return Some((start, end));
            }
            self.at = start + 1;
        }
        None
    }
}

impl<'a, 'b> File<'a, 'b> {
    pub fn new(printer: &'a mut Printer<'b>, name: &'a [u8], saw_nul: &'a Cell<bool>) -> Self {
        Self {
            printer,
            name,
            saw_nul,
            selected: 0,
            end: 0,
            binary: false,
            started: false,
        }
    }

    fn is_binary(&self, line: &[u8]) -> bool {
        self.printer.options.binary != Binary::Text
            && ((self.saw_nul.get() && self.printer.terminator != 0)
                || (self.printer.unicode && std::str::from_utf8(line).is_err()))
    }

    fn begin_group(&mut self) -> io::Result<()> {
        let options = self.printer.options;
        if !self.started && self.printer.wrote_group && (options.before > 0 || options.after > 0) {
            self.printer.separator()?;
        }
        self.started = true;
        self.printer.wrote_group = true;
        Ok(())
    }
}

impl Sink for File<'_, '_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        let options = self.printer.options;
        if options.binary == Binary::Skip && self.saw_nul.get() {
            return Ok(false);
        }
        self.selected += 1;
        self.end = found.absolute_byte_offset() + found.bytes().len() as u64;
        match options.output {
            Output::Nothing | Output::FilesWith | Output::FilesWithout => return Ok(false),
            Output::Count => return Ok(true),
            Output::Lines | Output::Matches => {}
        }
        if self.is_binary(found.bytes()) {
            self.binary = true;
            return Ok(false);
        }
        self.begin_group()?;
        let line = Line {
            bytes: found.bytes(),
            number: found.line_number(),
            offset: found.absolute_byte_offset(),
            separator: b':',
        };
        if options.output == Output::Lines {
            self.printer.line(self.name, &line, !options.invert)?;
        } else if !options.invert {
            self.printer.matches(self.name, &line)?;
        }
        Ok(true)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        if self.printer.options.output != Output::Lines {
            return Ok(true);
        }
        if self.is_binary(context.bytes()) {
            self.binary = true;
            return Ok(false);
        }
        if *context.kind() == SinkContextKind::Before {
            self.begin_group()?;
        }
        let line = Line {
            bytes: context.bytes(),
            number: context.line_number(),
            offset: context.absolute_byte_offset(),
            separator: b'-',
        };
        let highlight = self.printer.options.invert;
        self.printer.line(self.name, &line, highlight)?;
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> io::Result<bool> {
        self.printer.separator()?;
        Ok(true)
    }
}
