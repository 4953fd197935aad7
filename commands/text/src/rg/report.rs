//! What rg writes.

use super::options::{Mode, Options};
use grep_matcher::Matcher;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkContext, SinkFinish, SinkMatch};
use std::io::{self, Write};
use std::path::Path;

pub struct Report<'a> {
    out: &'a mut dyn Write,
    options: &'a Options,
    with_filename: bool,
    /// Something was written, so that a separator is due before the next file.
    wrote: bool,
    totals: Totals,
}

#[derive(Default)]
struct Totals {
    searches: u64,
    with_match: u64,
    matched_lines: u64,
    matches: u64,
}

/// The search of one file.
pub struct File<'r, 'a> {
    report: &'r mut Report<'a>,
    matcher: &'r RegexMatcher,
    path: &'r Path,
    lines: u64,
    matches: u64,
    started: bool,
    binary_at: Option<u64>,
}

struct Line<'l> {
    bytes: &'l [u8],
    number: Option<u64>,
    offset: u64,
    separator: u8,
}

/// Text in JSON, as `{"text":"..."}`, or base64 if it is not UTF-8.
fn json_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let mut quoted = String::with_capacity(text.len() + 2);
            for character in text.chars() {
                match character {
                    '"' => quoted.push_str("\\\""),
                    '\\' => quoted.push_str("\\\\"),
                    '\n' => quoted.push_str("\\n"),
                    '\r' => quoted.push_str("\\r"),
                    '\t' => quoted.push_str("\\t"),
                    '\x08' => quoted.push_str("\\b"),
                    '\x0c' => quoted.push_str("\\f"),
                    '\0'..='\x1f' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
                    _ => quoted.push(character),
                }
            }
            format!("{{\"text\":\"{quoted}\"}}")
        }
        Err(_) => format!("{{\"bytes\":\"{}\"}}", base64(bytes)),
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            if index <= chunk.len() {
                let digit = (group >> (18 - 6 * index)) & 63;
                text.push(char::from(DIGITS[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

impl<'a> Report<'a> {
    pub fn new(out: &'a mut dyn Write, options: &'a Options, with_filename: bool) -> Self {
        Self {
            out,
            options,
            with_filename,
            wrote: false,
            totals: Totals::default(),
        }
    }

    pub fn file<'r>(&'r mut self, path: &'r Path, matcher: &'r RegexMatcher) -> File<'r, 'a> {
        let mut file = File {
            report: self,
            matcher,
            path,
            lines: 0,
            matches: 0,
            started: false,
            binary_at: None,
        };
        file.report.totals.searches += 1;
        file.started = false;
        file
    }

    fn colored(&mut self, code: &str, text: &[u8]) -> io::Result<()> {
        if self.options.color {
            write!(self.out, "\x1b[0m{code}")?;
            self.out.write_all(text)?;
            self.out.write_all(b"\x1b[0m")
        } else {
            self.out.write_all(text)
        }
    }

    fn path(&mut self, path: &Path) -> io::Result<()> {
        let text = path.to_string_lossy().into_owned();
        self.colored("\x1b[35m", text.as_bytes())
    }

    pub fn path_line(&mut self, path: &Path) -> io::Result<()> {
        if self.options.quiet {
            return Ok(());
        }
        self.path(path)?;
        self.out
            .write_all(if self.options.null { b"\0" } else { b"\n" })
    }

    pub fn finish(&mut self) -> io::Result<()> {
        if self.options.mode == Mode::Json {
            let totals = &self.totals;
            let time = "{\"human\":\"0.000000s\",\"nanos\":0,\"secs\":0}";
            writeln!(
                self.out,
                "{{\"data\":{{\"elapsed_total\":{time},\"stats\":{{\"bytes_printed\":0,\
                 \"bytes_searched\":0,\"elapsed\":{time},\"matched_lines\":{},\"matches\":{},\
                 \"searches\":{},\"searches_with_match\":{}}}}},\"type\":\"summary\"}}",
                totals.matched_lines, totals.matches, totals.searches, totals.with_match
            )?;
        }
        self.out.flush()
    }
}

impl File<'_, '_> {
    /// Writes what is due at the end of a file. Whether it matched, in the sense of the mode.
    pub fn finish(&mut self) -> io::Result<bool> {
        let options = self.report.options;
        let matched = self.lines > 0;
        self.report.totals.matched_lines += self.lines;
        self.report.totals.matches += self.matches;
        self.report.totals.with_match += u64::from(matched);
        if options.quiet {
            return Ok(if options.mode == Mode::FilesWithout {
                !matched
            } else {
                matched
            });
        }
        match options.mode {
            Mode::Count | Mode::CountMatches => {
                let count = if options.mode == Mode::Count && !options.only_matching {
                    self.lines
                } else {
                    self.matches
                };
                if count > 0 || options.include_zero {
                    if self.report.with_filename {
                        self.report.path(self.path)?;
                        self.report
                            .out
                            .write_all(if options.null { b"\0" } else { b":" })?;
                    }
                    writeln!(self.report.out, "{count}")?;
                }
            }
            Mode::FilesWith if matched => self.report.path_line(self.path)?,
            Mode::FilesWithout => {
                if !matched {
                    self.report.path_line(self.path)?;
                }
                return Ok(!matched);
            }
            Mode::Json if matched => {
                let path = json_text(self.path.to_string_lossy().as_bytes());
                writeln!(
                    self.report.out,
                    "{{\"type\":\"end\",\"data\":{{\"path\":{path},\"binary_offset\":null,\"stats\":{{\
                     \"elapsed\":{{\"secs\":0,\"nanos\":0,\"human\":\"0.000000s\"}},\"searches\":1,\
                     \"searches_with_match\":1,\"bytes_searched\":0,\"bytes_printed\":0,\
                     \"matched_lines\":{},\"matches\":{}}}}}}}",
                    self.lines, self.matches
                )?;
            }
            _ => {}
        }
        Ok(matched)
    }

    fn spans(&self, line: &[u8]) -> Vec<(usize, usize)> {
        let mut spans = Vec::new();
        if self.report.options.invert {
            return spans;
        }
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let found = self.matcher.find_iter(body, |found| {
            spans.push((found.start(), found.end()));
            true
        });
        debug_assert!(found.is_ok());
        spans
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        let options = self.report.options;
        let heading = options.heading && self.report.with_filename && !options.vimgrep;
        if options.mode == Mode::Json {
            let path = json_text(self.path.to_string_lossy().as_bytes());
            writeln!(
                self.report.out,
                "{{\"type\":\"begin\",\"data\":{{\"path\":{path}}}}}"
            )?;
        } else if heading {
            if self.report.wrote {
                self.report.out.write_all(b"\n")?;
            }
            self.report.path(self.path)?;
            self.report.out.write_all(b"\n")?;
        } else if self.report.wrote && (options.before > 0 || options.after > 0) {
            self.separator()?;
        }
        self.report.wrote = true;
        Ok(())
    }

    fn separator(&mut self) -> io::Result<()> {
        if let Some(separator) = &self.report.options.context_separator {
            self.report.out.write_all(separator)?;
            self.report.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn prefix(&mut self, line: &Line, column: Option<usize>) -> io::Result<()> {
        let options = self.report.options;
        let separator = [line.separator];
        let heading = options.heading && !options.vimgrep;
        if self.report.with_filename && !heading {
            self.report.path(self.path)?;
            self.report
                .out
                .write_all(if options.null { b"\0" } else { &separator })?;
        }
        if let Some(number) = line.number {
            self.report
                .colored("\x1b[32m", number.to_string().as_bytes())?;
            self.report.out.write_all(&separator)?;
        }
        if let Some(column) = column.filter(|_| options.column) {
            write!(self.report.out, "{column}")?;
            self.report.out.write_all(&separator)?;
        }
        if options.byte_offset {
            write!(self.report.out, "{}", line.offset)?;
            self.report.out.write_all(&separator)?;
        }
        Ok(())
    }

    fn body(&mut self, bytes: &[u8], spans: &[(usize, usize)]) -> io::Result<()> {
        let options = self.report.options;
        let mut body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut skipped = 0;
        if options.trim {
            let trimmed = body.trim_ascii_start();
            skipped = body.len() - trimmed.len();
            body = trimmed;
        }
        let mut written = 0;
        if options.color || options.replace.is_some() {
            for &(start, end) in spans {
                let (Some(start), Some(end)) =
                    (start.checked_sub(skipped), end.checked_sub(skipped))
                else {
                    continue;
                };
                self.report.out.write_all(&body[written..start])?;
                self.found(&body[start..end])?;
                written = end;
            }
        }
        self.report.out.write_all(&body[written..])?;
        self.report.out.write_all(b"\n")
    }

    /// Writes a match, or what replaces it.
    fn found(&mut self, text: &[u8]) -> io::Result<()> {
        let code = "\x1b[1m\x1b[31m";
        let Some(replacement) = &self.report.options.replace else {
            return self.report.colored(code, text);
        };
        let mut captures = self.matcher.new_captures().map_err(io::Error::other)?;
        let mut replaced = Vec::new();
        if self
            .matcher
            .captures(text, &mut captures)
            .map_err(io::Error::other)?
        {
            use grep_matcher::Captures;
            let index = |name: &str| self.matcher.capture_index(name);
            captures.interpolate(index, text, replacement, &mut replaced);
        } else {
            replaced.clone_from(replacement);
        }
        self.report.colored(code, &replaced)
    }

    fn json_line(&mut self, kind: &str, line: &Line, spans: &[(usize, usize)]) -> io::Result<()> {
        let path = json_text(self.path.to_string_lossy().as_bytes());
        let number = line
            .number
            .map_or("null".to_owned(), |number| number.to_string());
        let matches: Vec<String> = spans
            .iter()
            .map(|&(start, end)| {
                let text = json_text(&line.bytes[start..end]);
                format!("{{\"match\":{text},\"start\":{start},\"end\":{end}}}")
            })
            .collect();
        writeln!(
            self.report.out,
            "{{\"type\":\"{kind}\",\"data\":{{\"path\":{path},\"lines\":{},\"line_number\":{number},\
             \"absolute_offset\":{},\"submatches\":[{}]}}}}",
            json_text(line.bytes),
            line.offset,
            matches.join(",")
        )
    }
}

impl Sink for File<'_, '_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        let options = self.report.options;
        self.lines += found.lines().count().max(1) as u64;
        if options.quiet || matches!(options.mode, Mode::FilesWith | Mode::FilesWithout) {
            return Ok(false);
        }
        let plain_count = options.mode == Mode::Count && !options.only_matching;
        let spans = if plain_count {
            Vec::new()
        } else {
            self.spans(found.bytes())
        };
        self.matches += spans.len() as u64;
        if matches!(options.mode, Mode::Count | Mode::CountMatches) {
            return Ok(true);
        }
        if self.binary_at.is_some() {
            return Ok(false);
        }
        self.begin()?;
        let line = Line {
            bytes: found.bytes(),
            number: found.line_number(),
            offset: found.absolute_byte_offset(),
            separator: b':',
        };
        if options.mode == Mode::Json {
            self.json_line("match", &line, &spans)?;
        } else if options.only_matching && !options.invert {
            for &(start, end) in &spans {
                let part = Line {
                    offset: line.offset + start as u64,
                    ..line
                };
                self.prefix(&part, Some(start + 1))?;
                self.found(&found.bytes()[start..end])?;
                self.report.out.write_all(b"\n")?;
            }
        } else if options.vimgrep {
            for &(start, _) in &spans {
                self.prefix(&line, Some(start + 1))?;
                self.body(line.bytes, &spans)?;
            }
        } else {
            for (index, bytes) in found.lines().enumerate() {
                let number = line.number.map(|number| number + index as u64);
                let column = spans.first().map_or(1, |span| span.0 + 1);
                let here = Line {
                    bytes,
                    number,
                    ..line
                };
                self.prefix(&here, Some(column))?;
                self.body(bytes, if index == 0 { &spans } else { &[] })?;
            }
        }
        Ok(true)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        if self.report.options.quiet {
            return Ok(true);
        }
        self.begin()?;
        let line = Line {
            bytes: context.bytes(),
            number: context.line_number(),
            offset: context.absolute_byte_offset(),
            separator: b'-',
        };
        if self.report.options.mode == Mode::Json {
            self.json_line("context", &line, &[])?;
        } else if self.report.options.mode == Mode::Lines {
            self.prefix(&line, None)?;
            self.body(line.bytes, &[])?;
        }
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> io::Result<bool> {
        if self.report.options.mode == Mode::Lines {
            self.separator()?;
        }
        Ok(true)
    }

    fn binary_data(&mut self, searcher: &Searcher, offset: u64) -> io::Result<bool> {
        if searcher.binary_detection().convert_byte().is_some() {
            self.binary_at.get_or_insert(offset);
        }
        Ok(true)
    }

    fn finish(&mut self, searcher: &Searcher, finish: &SinkFinish) -> io::Result<()> {
        let at = finish.binary_byte_offset().or(self.binary_at);
        let Some(at) = at.filter(|_| self.lines > 0) else {
            return Ok(());
        };
        if searcher.binary_detection().quit_byte().is_some() {
            // An implicit file that turns out to be binary counts as one without matches.
            if self.report.options.mode != Mode::Lines {
                self.lines = 0;
            }
            return Ok(());
        }
        if self.report.options.mode == Mode::Lines && !self.report.options.quiet {
            self.begin()?;
            if self.report.with_filename {
                self.report.path(self.path)?;
                self.report.out.write_all(b": ")?;
            }
            writeln!(
                self.report.out,
                "binary file matches (found \"\\0\" byte around offset {at})"
            )?;
        }
        Ok(())
    }
}
