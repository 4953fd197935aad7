//! The formats without context: the standard's, scripts for `ed` and for RCS.

use std::io::{self, Write};
use std::ops::Range;

use super::lines::{Change, Text};
use super::style::{Ink, Style};

/// `3`, `3,5`, or for no line the number of the one before.
pub fn lines_text(range: &Range<usize>, between: char) -> String {
    match range.len() {
        0 => range.start.to_string(),
        1 => (range.start + 1).to_string(),
        _ => format!("{}{between}{}", range.start + 1, range.end),
    }
}

/// The command of `ed` that makes the change.
pub fn letter(change: &Change) -> char {
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
    style: &Style,
) -> io::Result<()> {
    let (old_mark, new_mark) = (style.mark('<'), style.mark('>'));
    for change in changes {
        let letter = letter(change);
        let (before, after) = (lines_text(&change.old, ','), lines_text(&change.new, ','));
        style.colored(out, Ink::Place, &format!("{before}{letter}{after}"))?;
        writeln!(out)?;
        for index in change.old.clone() {
            style.line(out, Ink::Deleted, &old_mark, old, index)?;
        }
        if letter == 'c' {
            writeln!(out, "---")?;
        }
        for index in change.new.clone() {
            style.line(out, Ink::Added, &new_mark, new, index)?;
        }
    }
    Ok(())
}

/// A script for `ed`: from the end to the beginning, so that numbers stay right.
pub fn ed(
    out: &mut impl Write,
    new: &Text<'_>,
    changes: &[Change],
    style: &Style,
) -> io::Result<()> {
    for change in changes.iter().rev() {
        let letter = letter(change);
        writeln!(out, "{}{letter}", lines_text(&change.old, ','))?;
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
                style.body(out, new.bare(index))?;
                writeln!(out)?;
            }
        }
        if is_open {
            writeln!(out, ".")?;
        }
    }
    Ok(())
}

/// As [`ed`], in order: nothing can run that, people read it.
pub fn forward_ed(
    out: &mut impl Write,
    new: &Text<'_>,
    changes: &[Change],
    style: &Style,
) -> io::Result<()> {
    for change in changes {
        let letter = letter(change);
        writeln!(out, "{letter}{}", lines_text(&change.old, ' '))?;
        if letter == 'd' {
            continue;
        }
        for index in change.new.clone() {
            style.body(out, new.bare(index))?;
            writeln!(out)?;
        }
        writeln!(out, ".")?;
    }
    Ok(())
}

/// A script as RCS keeps it: in order, with the numbers of the old text.
pub fn rcs(
    out: &mut impl Write,
    new: &Text<'_>,
    changes: &[Change],
    style: &Style,
) -> io::Result<()> {
    for change in changes {
        if !change.old.is_empty() {
            writeln!(out, "d{} {}", change.old.start + 1, change.old.len())?;
        }
        if !change.new.is_empty() {
            writeln!(out, "a{} {}", change.old.end, change.new.len())?;
            for index in change.new.clone() {
                style.body(out, new.lines[index])?;
            }
        }
    }
    Ok(())
}
