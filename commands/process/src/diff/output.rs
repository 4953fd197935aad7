//! The formats in which changes are printed.

use std::io::{self, Write};
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Side;
use super::lines::{Change, Text};
use super::options::Options;

const NO_NEWLINE: &str = "\\ No newline at end of file";

/// Two files and how their lines differ.
pub struct Comparison<'a> {
    pub sides: [&'a Side; 2],
    pub texts: [&'a Text<'a>; 2],
    pub changes: &'a [Change],
}

/// Prints lines, each behind a prefix.
fn print(
    out: &mut impl Write,
    prefix: &str,
    text: &Text<'_>,
    lines: Range<usize>,
) -> io::Result<()> {
    for index in lines {
        out.write_all(prefix.as_bytes())?;
        out.write_all(text.bare(index))?;
        out.write_all(b"\n")?;
        if text.is_unended(index) {
            writeln!(out, "{NO_NEWLINE}")?;
        }
    }
    Ok(())
}

/// `3`, `3,5`, or for no line the number of the one before.
fn lines_text(range: &Range<usize>) -> String {
    match range.len() {
        0 => range.start.to_string(),
        1 => (range.start + 1).to_string(),
        _ => format!("{},{}", range.start + 1, range.end),
    }
}

/// The command of `ed` that makes the change.
fn letter(change: &Change) -> char {
    match (change.old.is_empty(), change.new.is_empty()) {
        (true, _) => 'a',
        (_, true) => 'd',
        _ => 'c',
    }
}

pub fn normal(
    out: &mut impl Write,
    old: &Text<'_>,
    new: &Text<'_>,
    changes: &[Change],
) -> io::Result<()> {
    for change in changes {
        let letter = letter(change);
        writeln!(
            out,
            "{}{letter}{}",
            lines_text(&change.old),
            lines_text(&change.new)
        )?;
        print(out, "< ", old, change.old.clone())?;
        if letter == 'c' {
            writeln!(out, "---")?;
        }
        print(out, "> ", new, change.new.clone())?;
    }
    Ok(())
}

/// Changes so near to each other that their contexts meet, with the lines to show of both texts.
fn groups<'a>(
    comparison: &Comparison<'a>,
    context: usize,
) -> impl Iterator<Item = (&'a [Change], [Range<usize>; 2])> {
    let lengths = comparison.texts.map(|text| text.lines.len());
    let groups = comparison
        .changes
        .chunk_by(move |a, b| b.old.start - a.old.end <= 2 * context);
    groups.map(move |group| (group, shown(group, context, lengths)))
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
    labels: &[String],
    format: &str,
) -> io::Result<()> {
    for (index, (mark, side)) in marks.into_iter().zip(sides).enumerate() {
        if let Some(label) = labels.get(index) {
            writeln!(out, "{mark} {label}")?;
            continue;
        }
        let time = side.modified.unwrap_or_default();
        let stamp = Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).unwrap_or(0))
            .unwrap_or_default();
        let zoned = stamp.to_zoned(TimeZone::system());
        let moment = jiff::fmt::strtime::format(format, &zoned).unwrap_or_default();
        writeln!(out, "{mark} {}\t{moment}", side.name)?;
    }
    Ok(())
}

pub fn unified(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    context: usize,
    options: &Options,
) -> io::Result<()> {
    const STAMP: &str = "%Y-%m-%d %H:%M:%S.%9f %z";
    let marks = ["---", "+++"];
    header(out, marks, comparison.sides, &options.labels, STAMP)?;
    let [old, new] = comparison.texts;
    for (group, [old_shown, new_shown]) in groups(comparison, context) {
        write!(
            out,
            "@@ -{} +{} @@",
            unified_range(&old_shown),
            unified_range(&new_shown)
        )?;
        function(out, old, old_shown.start, options)?;
        let mut at = old_shown.start;
        for change in group {
            print(out, " ", old, at..change.old.start)?;
            print(out, "-", old, change.old.clone())?;
            print(out, "+", new, change.new.clone())?;
            at = change.old.end;
        }
        print(out, " ", old, at..old_shown.end)?;
    }
    Ok(())
}

/// Ends the line above a change, with `-p` by the last line before it that begins as a function does.
fn function(
    out: &mut impl Write,
    text: &Text<'_>,
    before: usize,
    options: &Options,
) -> io::Result<()> {
    let begins = |line: &&&[u8]| {
        line.first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'))
    };
    if options.shows_function
        && let Some(line) = text.lines[..before].iter().rfind(begins)
    {
        // At most forty characters of it.
        let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned();
        let short: String = line.chars().take(40).collect();
        write!(out, " {}", short.trim_end())?;
    }
    writeln!(out)
}

fn unified_range(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => (range.start + 1).to_string(),
        length => format!("{},{length}", range.start + 1),
    }
}

pub fn context(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    context: usize,
    options: &Options,
) -> io::Result<()> {
    const STAMP: &str = "%a %b %e %H:%M:%S %Y";
    let marks = ["***", "---"];
    header(out, marks, comparison.sides, &options.labels, STAMP)?;
    let [old, new] = comparison.texts;
    for (group, [old_shown, new_shown]) in groups(comparison, context) {
        write!(out, "***************")?;
        function(out, old, old_shown.start, options)?;
        writeln!(out, "*** {} ****", lines_text(&old_shown))?;
        let ranges = group.iter().map(|change| (&change.old, &change.new));
        context_side(out, old, &old_shown, ranges, "- ")?;
        writeln!(out, "--- {} ----", lines_text(&new_shown))?;
        let ranges = group.iter().map(|change| (&change.new, &change.old));
        context_side(out, new, &new_shown, ranges, "+ ")?;
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
    mark: &str,
) -> io::Result<()> {
    if ranges.clone().all(|(own, _)| own.is_empty()) {
        return Ok(());
    }
    let mut at = shown.start;
    for (own, other) in ranges {
        print(out, "  ", text, at..own.start)?;
        let mark = if other.is_empty() { mark } else { "! " };
        print(out, mark, text, own.clone())?;
        at = own.end;
    }
    print(out, "  ", text, at..shown.end)
}

/// A script for `ed`: from the end to the beginning, so that numbers stay right.
pub fn ed(out: &mut impl Write, new: &Text<'_>, changes: &[Change]) -> io::Result<()> {
    for change in changes.iter().rev() {
        let letter = letter(change);
        writeln!(out, "{}{letter}", lines_text(&change.old))?;
        if letter == 'd' {
            continue;
        }
        let mut is_open = true;
        for index in change.new.clone() {
            if !is_open {
                writeln!(out, "a")?;
                is_open = true;
            }
            // A lone period would end the input: write two and shorten the line after.
            if new.bare(index) == b"." {
                writeln!(out, "..\n.\ns/.//")?;
                is_open = false;
            } else {
                out.write_all(new.bare(index))?;
                writeln!(out)?;
            }
        }
        if is_open {
            writeln!(out, ".")?;
        }
    }
    Ok(())
}

/// A script as RCS keeps it: in order, with the numbers of the old text.
pub fn rcs(out: &mut impl Write, new: &Text<'_>, changes: &[Change]) -> io::Result<()> {
    for change in changes {
        if !change.old.is_empty() {
            writeln!(out, "d{} {}", change.old.start + 1, change.old.len())?;
        }
        if !change.new.is_empty() {
            writeln!(out, "a{} {}", change.old.end, change.new.len())?;
            for index in change.new.clone() {
                out.write_all(new.lines[index])?;
            }
        }
    }
    Ok(())
}

pub fn side_by_side(
    out: &mut impl Write,
    old: &Text<'_>,
    new: &Text<'_>,
    changes: &[Change],
    options: &Options,
) -> io::Result<()> {
    let half = (options.width.max(9) - 3) / 2;
    let mut row = |left: Option<usize>, mark: char, right: Option<usize>| -> io::Result<()> {
        if mark == ' ' && options.suppress_common {
            return Ok(());
        }
        let cell = |text: &Text<'_>, index: Option<usize>| {
            let text = index.map(|index| String::from_utf8_lossy(text.bare(index)).into_owned());
            text.unwrap_or_default()
                .replace('\t', "        ")
                .chars()
                .take(half)
                .collect::<String>()
        };
        let line = format!("{:<half$} {mark} {}", cell(old, left), cell(new, right));
        writeln!(out, "{}", line.trim_end())
    };
    let mut at = 0;
    let mut other = 0;
    for change in changes {
        for index in at..change.old.start {
            row(Some(index), ' ', Some(other + index - at))?;
        }
        let common = change.old.len().min(change.new.len());
        for step in 0..common {
            row(
                Some(change.old.start + step),
                '|',
                Some(change.new.start + step),
            )?;
        }
        for index in change.old.start + common..change.old.end {
            row(Some(index), '<', None)?;
        }
        for index in change.new.start + common..change.new.end {
            row(None, '>', Some(index))?;
        }
        (at, other) = (change.old.end, change.new.end);
    }
    for index in at..old.lines.len() {
        row(Some(index), ' ', Some(other + index - at))?;
    }
    Ok(())
}
