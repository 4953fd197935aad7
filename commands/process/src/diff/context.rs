//! The formats that show lines around changes.

use std::io::{self, Write};
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::lines::{Change, Text};
use super::names;
use super::options::Options;
use super::output::lines_text;
use super::style::Ink;
use super::{Comparison, Side};

/// Changes so near to each other that their contexts meet, with the lines to show of both texts. Groups of nothing but
/// ignored changes are left out.
fn groups<'a>(
    comparison: &Comparison<'a>,
    context: usize,
) -> impl Iterator<Item = (&'a [Change], [Range<usize>; 2])> {
    let lengths = comparison.texts.map(|text| text.lines.len());
    // An ignored change is shown only if it is within the context of one before it.
    let groups = comparison.changes.chunk_by(move |a, b| {
        let most = if b.ignored {
            context.saturating_sub(1)
        } else {
            2 * context
        };
        b.old.start - a.old.end <= most
    });
    groups
        .filter(|group| !group.iter().all(|change| change.ignored))
        .map(move |group| (group, shown(group, context, lengths)))
}

fn shown(group: &[Change], context: usize, lengths: [usize; 2]) -> [Range<usize>; 2] {
    let (first, last) = (&group[0], &group[group.len() - 1]);
    let before = context.min(first.old.start);
    let after = context.min(lengths[0] - last.old.end);
    [
        first.old.start - before..last.old.end + after,
        first.new.start - before.min(first.new.start)..(last.new.end + after).min(lengths[1]),
    ]
}

/// A line for each side: its mark and label, or its name and time in a format of `strftime(3)`.
fn header(
    out: &mut impl Write,
    marks: [&str; 2],
    sides: [&Side; 2],
    options: &Options,
    format: &str,
) -> io::Result<()> {
    for (index, (mark, side)) in marks.into_iter().zip(sides).enumerate() {
        let text = if let Some(label) = options.labels.get(index) {
            format!("{mark} {label}")
        } else {
            let time = side.modified.unwrap_or_default();
            let stamp = Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).unwrap_or(0))
                .unwrap_or_default();
            let zoned = stamp.to_zoned(TimeZone::system());
            let moment = jiff::fmt::strtime::format(format, &zoned).unwrap_or_default();
            format!("{mark} {}\t{moment}", names::in_header(&side.name))
        };
        options.style.colored(out, Ink::Header, &text)?;
        writeln!(out)?;
    }
    Ok(())
}

/// With parts of seconds and the zone.
const STAMP: &str = "%Y-%m-%d %H:%M:%S.%9f %z";

/// The last line that begins a function, as lines are passed by.
struct Functions<'a> {
    text: &'a Text<'a>,
    options: &'a Options,
    /// Lines before this one were looked at.
    seen: usize,
    last: Option<usize>,
}

impl<'a> Functions<'a> {
    fn new(text: &'a Text<'a>, options: &'a Options) -> Self {
        Self {
            text,
            options,
            seen: 0,
            last: None,
        }
    }

    /// What stands behind the line above a change, before line `before`: with `-p` and `-F` the beginning of the last
    /// line that matches, at most forty bytes of it.
    fn before(&mut self, before: usize) -> String {
        let patterns = &self.options.function;
        let matches = |&index: &usize| {
            let line = self.text.bare(index);
            patterns.iter().any(|pattern| pattern.is_match(line))
        };
        if !patterns.is_empty() && before > self.seen {
            self.last = (self.seen..before).rev().find(matches).or(self.last);
            self.seen = before;
        }
        let Some(index) = self.last else {
            return String::new();
        };
        let line = self.text.bare(index).trim_ascii_start();
        let short = line[..line.len().min(40)].trim_ascii_end();
        format!(" {}", String::from_utf8_lossy(short))
    }
}

pub fn unified(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    options: &Options,
) -> io::Result<()> {
    let style = &options.style;
    header(out, ["---", "+++"], comparison.sides, options, STAMP)?;
    let [old, new] = comparison.texts;
    let [stays, goes, comes] = style.tight_marks();
    let mut functions = Functions::new(old, options);
    for (group, [old_shown, new_shown]) in groups(comparison, options.context) {
        let (before, after) = (unified_range(&old_shown), unified_range(&new_shown));
        style.colored(out, Ink::Place, &format!("@@ -{before} +{after} @@"))?;
        writeln!(out, "{}", functions.before(old_shown.start))?;
        let mut at = old_shown.start;
        for change in group {
            for index in at..change.old.start {
                style.line(out, Ink::Plain, &stays, old, index)?;
            }
            for index in change.old.clone() {
                style.line(out, Ink::Deleted, &goes, old, index)?;
            }
            for index in change.new.clone() {
                style.line(out, Ink::Added, &comes, new, index)?;
            }
            at = change.old.end;
        }
        for index in at..old_shown.end {
            style.line(out, Ink::Plain, &stays, old, index)?;
        }
    }
    Ok(())
}

fn unified_range(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => (range.start + 1).to_string(),
        length => format!("{},{length}", range.start + 1),
    }
}

/// Whether the locale of times is that of C, where the format with context has the old form of them.
fn is_plain_locale() -> bool {
    ["LC_ALL", "LC_TIME", "LANG"]
        .iter()
        .filter_map(std::env::var_os)
        .find(|value| !value.is_empty())
        .is_none_or(|value| value == "C" || value == "POSIX")
}

pub fn context(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    options: &Options,
) -> io::Result<()> {
    let stamp = if is_plain_locale() {
        "%a %b %e %H:%M:%S %Y"
    } else {
        STAMP
    };
    header(out, ["***", "---"], comparison.sides, options, stamp)?;
    let [old, new] = comparison.texts;
    let mut functions = Functions::new(old, options);
    let style = &options.style;
    for (group, [old_shown, new_shown]) in groups(comparison, options.context) {
        writeln!(out, "***************{}", functions.before(old_shown.start))?;
        let title = format!("*** {} ****", lines_text(&old_shown, ','));
        style.colored(out, Ink::Place, &title)?;
        writeln!(out)?;
        let ranges = group.iter().map(|change| (&change.old, &change.new));
        context_side(out, old, &old_shown, ranges, ('-', Ink::Deleted), options)?;
        let title = format!("--- {} ----", lines_text(&new_shown, ','));
        style.colored(out, Ink::Place, &title)?;
        writeln!(out)?;
        let ranges = group.iter().map(|change| (&change.new, &change.old));
        context_side(out, new, &new_shown, ranges, ('+', Ink::Added), options)?;
    }
    Ok(())
}

/// One side, by its own ranges and the other's: changed lines have `!` where both sides have some, else the side's
/// own mark. A side without any is left out.
fn context_side<'a>(
    out: &mut impl Write,
    text: &Text<'_>,
    shown: &Range<usize>,
    ranges: impl Iterator<Item = (&'a Range<usize>, &'a Range<usize>)> + Clone,
    (mark, ink): (char, Ink),
    options: &Options,
) -> io::Result<()> {
    if ranges.clone().all(|(own, _)| own.is_empty()) {
        return Ok(());
    }
    let mut print = |mark: char, lines: Range<usize>| {
        let mark = options.style.mark(mark);
        lines
            .into_iter()
            .try_for_each(|index| options.style.line(out, ink, &mark, text, index))
    };
    let mut at = shown.start;
    for (own, other) in ranges {
        print(' ', at..own.start)?;
        print(if other.is_empty() { mark } else { '!' }, own.clone())?;
        at = own.end;
    }
    print(' ', at..shown.end)
}
