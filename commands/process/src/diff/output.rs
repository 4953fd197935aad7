//! The formats in which changes are printed.

use std::io::{self, Write};
use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Side;
use super::lines::{Change, Text};
use super::options::Options;

const NO_NEWLINE: &str = "\\ No newline at end of file";

fn line(out: &mut impl Write, prefix: &str, text: &Text<'_>, index: usize) -> io::Result<()> {
    out.write_all(prefix.as_bytes())?;
    out.write_all(text.bare(index))?;
    out.write_all(b"\n")?;
    if text.is_unended(index) {
        writeln!(out, "{NO_NEWLINE}")?;
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

pub fn normal(
    out: &mut impl Write,
    old: &Text<'_>,
    new: &Text<'_>,
    changes: &[Change],
) -> io::Result<()> {
    for change in changes {
        let letter = match (change.old.is_empty(), change.new.is_empty()) {
            (true, _) => 'a',
            (_, true) => 'd',
            _ => 'c',
        };
        writeln!(
            out,
            "{}{letter}{}",
            lines_text(&change.old),
            lines_text(&change.new)
        )?;
        for index in change.old.clone() {
            line(out, "< ", old, index)?;
        }
        if letter == 'c' {
            writeln!(out, "---")?;
        }
        for index in change.new.clone() {
            line(out, "> ", new, index)?;
        }
    }
    Ok(())
}

/// Changes so near to each other that their contexts meet, with the lines to show.
fn groups(changes: &[Change], context: usize) -> Vec<&[Change]> {
    changes
        .chunk_by(|a, b| b.old.start - a.old.end <= 2 * context)
        .collect()
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

fn header(mark: &str, side: &Side, label: Option<&String>, format: &str) -> String {
    if let Some(label) = label {
        return format!("{mark} {label}");
    }
    let time = side.modified.unwrap_or_default();
    let stamp = Timestamp::new(time.seconds, i32::try_from(time.nanoseconds).unwrap_or(0))
        .unwrap_or_default();
    let zoned = stamp.to_zoned(TimeZone::system());
    let moment = jiff::fmt::strtime::format(format, &zoned).unwrap_or_default();
    format!("{mark} {}\t{moment}", side.name)
}

pub fn unified(
    out: &mut impl Write,
    sides: [&Side; 2],
    [old, new]: [&Text<'_>; 2],
    changes: &[Change],
    context: usize,
    options: &Options,
) -> io::Result<()> {
    const STAMP: &str = "%Y-%m-%d %H:%M:%S.%9f %z";
    writeln!(
        out,
        "{}",
        header("---", sides[0], options.labels.first(), STAMP)
    )?;
    writeln!(
        out,
        "{}",
        header("+++", sides[1], options.labels.get(1), STAMP)
    )?;
    for group in groups(changes, context) {
        let [old_shown, new_shown] = shown(group, context, [old.lines.len(), new.lines.len()]);
        writeln!(
            out,
            "@@ -{} +{} @@",
            unified_range(&old_shown),
            unified_range(&new_shown)
        )?;
        let mut at = old_shown.start;
        for change in group {
            for index in at..change.old.start {
                line(out, " ", old, index)?;
            }
            for index in change.old.clone() {
                line(out, "-", old, index)?;
            }
            for index in change.new.clone() {
                line(out, "+", new, index)?;
            }
            at = change.old.end;
        }
        for index in at..old_shown.end {
            line(out, " ", old, index)?;
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

pub fn context(
    out: &mut impl Write,
    sides: [&Side; 2],
    [old, new]: [&Text<'_>; 2],
    changes: &[Change],
    context: usize,
    options: &Options,
) -> io::Result<()> {
    const STAMP: &str = "%a %b %e %H:%M:%S %Y";
    writeln!(
        out,
        "{}",
        header("***", sides[0], options.labels.first(), STAMP)
    )?;
    writeln!(
        out,
        "{}",
        header("---", sides[1], options.labels.get(1), STAMP)
    )?;
    for group in groups(changes, context) {
        let [old_shown, new_shown] = shown(group, context, [old.lines.len(), new.lines.len()]);
        writeln!(
            out,
            "***************\n*** {} ****",
            context_range(&old_shown)
        )?;
        if group.iter().any(|change| !change.old.is_empty()) {
            let ranges = group
                .iter()
                .map(|change| (change.old.clone(), !change.new.is_empty()));
            context_side(out, old, &old_shown, ranges, "- ")?;
        }
        writeln!(out, "--- {} ----", context_range(&new_shown))?;
        if group.iter().any(|change| !change.new.is_empty()) {
            let ranges = group
                .iter()
                .map(|change| (change.new.clone(), !change.old.is_empty()));
            context_side(out, new, &new_shown, ranges, "+ ")?;
        }
    }
    Ok(())
}

/// One side: changed lines have `!` where both sides have some, else the side's own mark.
fn context_side(
    out: &mut impl Write,
    text: &Text<'_>,
    shown: &Range<usize>,
    ranges: impl Iterator<Item = (Range<usize>, bool)>,
    mark: &str,
) -> io::Result<()> {
    let mut at = shown.start;
    for (range, both) in ranges {
        for index in at..range.start {
            line(out, "  ", text, index)?;
        }
        for index in range.clone() {
            line(out, if both { "! " } else { mark }, text, index)?;
        }
        at = range.end;
    }
    for index in at..shown.end {
        line(out, "  ", text, index)?;
    }
    Ok(())
}

fn context_range(range: &Range<usize>) -> String {
    match range.len() {
        0 => range.start.to_string(),
        1 => (range.start + 1).to_string(),
        _ => format!("{},{}", range.start + 1, range.end),
    }
}

/// A script for `ed`: from the end to the beginning, so that numbers stay right.
pub fn ed(out: &mut impl Write, new: &Text<'_>, changes: &[Change]) -> io::Result<()> {
    for change in changes.iter().rev() {
        let letter = match (change.old.is_empty(), change.new.is_empty()) {
            (true, _) => 'a',
            (_, true) => 'd',
            _ => 'c',
        };
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

pub fn side_by_side(
    out: &mut impl Write,
    old: &Text<'_>,
    new: &Text<'_>,
    changes: &[Change],
    options: &Options,
) -> io::Result<()> {
    let half = (options.width.max(9) - 3) / 2;
    let mut row = |left: Option<usize>, mark: char, right: Option<usize>| -> io::Result<()> {
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
