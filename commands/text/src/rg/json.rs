//! The messages of `--json`, as the documentation of ripgrep's printer has them.

use crate::search::Finder;
use grep_matcher::{Captures, Matcher};
use grep_printer::Stats;
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink, SinkContext, SinkFinish, SinkMatch};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How far behind the end of a match over lines an expression may look, in bytes.
const LOOK_AHEAD: usize = 128;

/// Writes the messages about one file.
pub struct Json<'a> {
    out: &'a mut dyn Write,
    matcher: &'a RegexMatcher,
    replacement: Option<&'a [u8]>,
    path: String,
    since: Instant,
    begun: bool,
    matched: bool,
    printed: u64,
    pub stats: Stats,
}

/// Lines of a file that match, or that are around those.
struct Lines<'l> {
    /// What was read around the lines, and where they are in it.
    buffer: &'l [u8],
    range: std::ops::Range<usize>,
    number: Option<u64>,
    offset: u64,
}

/// Text in JSON, as `{"text":"..."}`, or base64 if it is not UTF-8.
fn text(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return format!("{{\"bytes\":\"{}\"}}", base64(bytes));
    };
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

/// A duration as its three fields.
fn time(time: Duration) -> [String; 3] {
    [
        format!("\"human\":\"{:.6}s\"", time.as_secs_f64()),
        format!("\"nanos\":{}", time.subsec_nanos()),
        format!("\"secs\":{}", time.as_secs()),
    ]
}

/// The last message: the sums of all files, after `elapsed`.
///
/// # Errors
/// Those of writing.
pub fn sums(out: &mut dyn Write, stats: &Stats, elapsed: Duration) -> io::Result<()> {
    writeln!(
        out,
        "{{\"data\":{{\"elapsed_total\":{{{}}},\"stats\":{{\"bytes_printed\":{},\"bytes_searched\":{},\
         \"elapsed\":{{{}}},\"matched_lines\":{},\"matches\":{},\"searches\":{},\"searches_with_match\":{}}}}},\
         \"type\":\"summary\"}}",
        time(elapsed).join(","),
        stats.bytes_printed(),
        stats.bytes_searched(),
        time(stats.elapsed()).join(","),
        stats.matched_lines(),
        stats.matches(),
        stats.searches(),
        stats.searches_with_match(),
    )
}

impl<'a> Json<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        matcher: &'a RegexMatcher,
        replacement: Option<&'a [u8]>,
        path: &Path,
    ) -> Self {
        Self {
            out,
            matcher,
            replacement,
            path: text(path.to_string_lossy().as_bytes()),
            since: Instant::now(),
            begun: false,
            matched: false,
            printed: 0,
            stats: Stats::new(),
        }
    }

    pub fn has_match(&self) -> bool {
        self.matched
    }

    fn message(&mut self, kind: &str, data: &str) -> io::Result<()> {
        let line = format!(
            "{{\"type\":\"{kind}\",\"data\":{{\"path\":{}{data}}}}}\n",
            self.path
        );
        self.printed += line.len() as u64;
        self.out.write_all(line.as_bytes())
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.message("begin", "")
    }

    /// The matches within lines, as a list, and their number.
    fn submatches(&self, searcher: &Searcher, lines: &Lines) -> io::Result<(String, u64)> {
        let range = lines.range.clone();
        let over_lines = searcher.multi_line_with_matcher(Finder::Regex(self.matcher));
        // An expression must not see the end of its only line.
        let end = if over_lines {
            lines.buffer.len().min(range.end + LOOK_AHEAD)
        } else {
            let line = &lines.buffer[..range.end];
            let terminator = searcher.line_terminator();
            let last = terminator.as_byte();
            let line = line.strip_suffix(&[last]).unwrap_or(line);
            let carriage = terminator.is_crlf() && line.ends_with(b"\r");
            line.len() - usize::from(carriage)
        };
        let buffer = &lines.buffer[..end.max(range.start)];
        let mut captures = self.matcher.new_captures().map_err(io::Error::other)?;
        let mut list = Vec::new();
        let found = self
            .matcher
            .captures_iter_at(buffer, range.start, &mut captures, |captures| {
                let Some(found) = captures.get(0).filter(|found| found.start() < range.end) else {
                    return false;
                };
                let (start, end) = (found.start() - range.start, found.end() - range.start);
                let matched = text(&buffer[found.start()..found.end()]);
                let replaced = self.replacement.map(|replacement| {
                    let mut replaced = Vec::new();
                    let index = |name: &str| self.matcher.capture_index(name);
                    captures.interpolate(index, buffer, replacement, &mut replaced);
                    format!("\"replacement\":{},", text(&replaced))
                });
                let replaced = replaced.unwrap_or_default();
                list.push(format!(
                    "{{\"match\":{matched},{replaced}\"start\":{start},\"end\":{end}}}"
                ));
                true
            });
        found.map_err(io::Error::other)?;
        Ok((list.join(","), list.len() as u64))
    }

    fn lines(&mut self, kind: &str, lines: &Lines, submatches: &str) -> io::Result<()> {
        let number = lines.number.map(|number| number.to_string());
        let data = format!(
            ",\"lines\":{},\"line_number\":{},\"absolute_offset\":{},\"submatches\":[{submatches}]",
            text(&lines.buffer[lines.range.clone()]),
            number.as_deref().unwrap_or("null"),
            lines.offset,
        );
        self.message(kind, &data)
    }
}

impl Sink for Json<'_> {
    type Error = io::Error;

    fn matched(&mut self, searcher: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        self.begin()?;
        self.matched = true;
        let lines = Lines {
            buffer: found.buffer(),
            range: found.bytes_range_in_buffer(),
            number: found.line_number(),
            offset: found.absolute_byte_offset(),
        };
        let (submatches, count) = self.submatches(searcher, &lines)?;
        self.stats.add_matches(count);
        self.stats.add_matched_lines(found.lines().count() as u64);
        self.lines("match", &lines, &submatches)?;
        Ok(true)
    }

    fn context(&mut self, searcher: &Searcher, context: &SinkContext<'_>) -> io::Result<bool> {
        self.begin()?;
        let lines = Lines {
            buffer: context.bytes(),
            range: 0..context.bytes().len(),
            number: context.line_number(),
            offset: context.absolute_byte_offset(),
        };
        // With `-v` the matches are around what is reported.
        let submatches = if searcher.invert_match() {
            self.submatches(searcher, &lines)?.0
        } else {
            String::new()
        };
        self.lines("context", &lines, &submatches)?;
        Ok(true)
    }

    fn finish(&mut self, _: &Searcher, finish: &SinkFinish) -> io::Result<()> {
        self.stats.add_elapsed(self.since.elapsed());
        self.stats.add_searches(1);
        self.stats.add_searches_with_match(u64::from(self.matched));
        self.stats.add_bytes_searched(finish.byte_count());
        self.stats.add_bytes_printed(self.printed);
        if !self.begun {
            return Ok(());
        }
        let stats = &self.stats;
        let [human, nanos, seconds] = time(stats.elapsed());
        let binary = finish.binary_byte_offset().map(|offset| offset.to_string());
        let data = format!(
            ",\"binary_offset\":{},\"stats\":{{\"elapsed\":{{{seconds},{nanos},{human}}},\"searches\":1,\
             \"searches_with_match\":{},\"bytes_searched\":{},\"bytes_printed\":{},\"matched_lines\":{},\
             \"matches\":{}}}",
            binary.as_deref().unwrap_or("null"),
            stats.searches_with_match(),
            stats.bytes_searched(),
            stats.bytes_printed(),
            stats.matched_lines(),
            stats.matches(),
        );
        self.message("end", &data)
    }
}
