//! What rg writes, by ripgrep's own printers.

use super::json::{self, Json};
use super::options::{Mode, Options};
use crate::search::{Finder, search};
use grep_printer::{
    ColorSpecs, PathPrinter, PathPrinterBuilder, Standard, StandardBuilder, Stats, Summary,
    SummaryBuilder, SummaryKind,
};
use grep_regex::RegexMatcher;
use grep_searcher::Searcher;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use termcolor::{Ansi, NoColor, WriteColor};

/// One type whatever is written to, so that the printers are compiled once.
type Out<'a> = Box<dyn WriteColor + 'a>;

enum Printer<'a> {
    Standard(Standard<Out<'a>>),
    Summary(Summary<Out<'a>>),
    Json {
        out: Out<'a>,
        replacement: Option<Vec<u8>>,
    },
    Paths(PathPrinter<Out<'a>>),
}

pub struct Report<'a> {
    printer: Printer<'a>,
    /// Counted for `--stats` and `--json` only.
    stats: Option<Stats>,
    since: Instant,
}

fn colors(options: &Options) -> ColorSpecs {
    let mut specs = grep_printer::default_color_specs();
    specs.extend(options.colors.iter().cloned());
    ColorSpecs::new(&specs)
}

fn standard<'a>(out: Out<'a>, options: &Options, with_filename: bool) -> Standard<Out<'a>> {
    // Between files: an empty line below headings, else what is between hunks of lines.
    let between = if options.heading {
        Some(Vec::new())
    } else if !options.passthru && (options.before > 0 || options.after > 0) {
        options.context_separator.clone()
    } else {
        None
    };
    StandardBuilder::new()
        .byte_offset(options.byte_offset)
        .color_specs(colors(options))
        .column(options.column)
        .heading(options.heading)
        .max_columns(options.max_columns)
        .max_columns_preview(options.max_columns_preview)
        .only_matching(options.only_matching)
        .path(with_filename)
        .path_terminator(options.null.then_some(0))
        .per_match(options.vimgrep)
        .per_match_one_line(true)
        .replacement(options.replace.clone())
        .separator_context(options.context_separator.clone())
        .separator_field_context(options.field_context_separator.clone())
        .separator_field_match(options.field_match_separator.clone())
        .separator_search(between)
        .stats(options.stats)
        .trim_ascii(options.trim)
        .build(out)
}

fn summary<'a>(
    out: Out<'a>,
    options: &Options,
    with_filename: bool,
    kind: SummaryKind,
) -> Summary<Out<'a>> {
    SummaryBuilder::new()
        .color_specs(colors(options))
        .exclude_zero(!options.include_zero)
        .kind(kind)
        .path(with_filename)
        .path_terminator(options.null.then_some(0))
        .stats(options.stats)
        .build(out)
}

/// What is told of each file instead of its lines, if that is so.
fn summary_kind(options: &Options) -> Option<SummaryKind> {
    Some(match options.mode {
        Mode::FilesWithout if options.quiet => SummaryKind::QuietWithoutMatch,
        _ if options.quiet => SummaryKind::QuietWithMatch,
        Mode::FilesWith => SummaryKind::PathWithMatch,
        Mode::FilesWithout => SummaryKind::PathWithoutMatch,
        Mode::Count => SummaryKind::Count,
        Mode::CountMatches => SummaryKind::CountMatches,
        Mode::Lines | Mode::Json | Mode::Files | Mode::Types => return None,
    })
}

impl<'a> Report<'a> {
    pub fn new(out: &'a mut dyn Write, options: &Options, with_filename: bool) -> Self {
        let out: Out<'a> = if options.color {
            Box::new(Ansi::new(out))
        } else {
            Box::new(NoColor::new(out))
        };
        let printer = if options.mode == Mode::Files {
            Printer::Paths(
                PathPrinterBuilder::new()
                    .color_specs(colors(options))
                    .terminator(if options.null { 0 } else { b'\n' })
                    .build(out),
            )
        } else if let Some(kind) = summary_kind(options) {
            Printer::Summary(summary(out, options, with_filename, kind))
        } else if options.mode == Mode::Json {
            Printer::Json {
                out,
                replacement: options.replace.clone(),
            }
        } else {
            Printer::Standard(standard(out, options, with_filename))
        };
        Self {
            printer,
            stats: (options.stats || options.mode == Mode::Json).then(Stats::new),
            since: Instant::now(),
        }
    }

    /// Writes the name of a file (`--files`).
    pub fn path_line(&mut self, path: &Path) -> io::Result<()> {
        match &mut self.printer {
            Printer::Paths(printer) => printer.write(path),
            _ => Ok(()),
        }
    }

    /// Searches `input`, which has the name `path`, and writes what is found. Whether it matched, in the sense of the
    /// mode.
    pub fn search(
        &mut self,
        searcher: &mut Searcher,
        matcher: &RegexMatcher,
        path: &Path,
        input: &mut dyn Read,
    ) -> io::Result<bool> {
        let finder = Finder::Regex(matcher);
        let (matched, found) = match &mut self.printer {
            Printer::Standard(printer) => {
                let mut sink = printer.sink_with_path(matcher, path);
                search(searcher, &finder, input, &mut sink)?;
                (sink.has_match(), sink.stats().cloned())
            }
            Printer::Summary(printer) => {
                let mut sink = printer.sink_with_path(matcher, path);
                search(searcher, &finder, input, &mut sink)?;
                (sink.has_match(), sink.stats().cloned())
            }
            Printer::Json { out, replacement } => {
                let mut sink = Json::new(out, matcher, replacement.as_deref(), path);
                search(searcher, &finder, input, &mut sink)?;
                (sink.has_match(), Some(sink.stats))
            }
            Printer::Paths(_) => (false, None),
        };
        if let (Some(stats), Some(found)) = (&mut self.stats, &found) {
            *stats += found;
        }
        Ok(matched)
    }

    /// Writes the sums of all files, if they were asked for.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(&mut self) -> io::Result<()> {
        let elapsed = self.since.elapsed();
        let (out, json) = match &mut self.printer {
            Printer::Standard(printer) => (printer.get_mut(), false),
            Printer::Summary(printer) => (printer.get_mut(), false),
            Printer::Json { out, .. } => (out, true),
            Printer::Paths(_) => return Ok(()),
        };
        match &self.stats {
            Some(stats) if json => json::sums(out, stats, elapsed)?,
            Some(stats) => sums(out, stats, elapsed)?,
            None => {}
        }
        out.flush()
    }
}

fn sums(out: &mut dyn Write, stats: &Stats, elapsed: Duration) -> io::Result<()> {
    writeln!(
        out,
        "\n{} matches\n{} matched lines\n{} files contained matches\n{} files searched\n{} bytes printed\n\
         {} bytes searched\n{:.6} seconds spent searching\n{:.6} seconds",
        stats.matches(),
        stats.matched_lines(),
        stats.searches_with_match(),
        stats.searches(),
        stats.bytes_printed(),
        stats.bytes_searched(),
        stats.elapsed().as_secs_f64(),
        elapsed.as_secs_f64(),
    )
}
