//! Scripts for `ed` that make the changes in the first text: from the end to the beginning, so that numbers stay right.

use std::io::{self, Write};

use super::blocks::{Block, Odd};
use super::{Choice, Comparison, Taken};

/// Writes the script; whether there were conflicts. `saves` has it end with the commands that write the text and quit.
pub fn write(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    choice: Choice,
    saves: bool,
) -> io::Result<bool> {
    let mut conflicts = false;
    for block in comparison.blocks.iter().rev() {
        match choice.of(block) {
            Taken::Not => {}
            Taken::Plain => plain(out, comparison, block)?,
            Taken::Bracketed => {
                conflicts = true;
                bracketed(out, comparison, block, choice)?;
            }
        }
    }
    if saves {
        out.write_all(b"w\nq\n")?;
    }
    Ok(conflicts)
}

/// The lines of the first text become those of the last.
fn plain(out: &mut impl Write, comparison: &Comparison<'_>, block: &Block) -> io::Result<()> {
    let range = &block.lines[0];
    let lines = comparison.lines(block, 2);
    let address = match range.len() {
        0 => range.start.to_string(),
        1 => range.end.to_string(),
        _ => format!("{},{}", range.start + 1, range.end),
    };
    if lines.is_empty() {
        return writeln!(out, "{address}d");
    }
    writeln!(out, "{address}{}", if range.is_empty() { 'a' } else { 'c' })?;
    let mut input = Input::default();
    input.lines(out, lines)?;
    input.end(out, range.start + 1, lines.len())
}

/// Marks are put around the lines of the first text, with those of the others behind them.
fn bracketed(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    block: &Block,
    choice: Choice,
) -> io::Result<()> {
    let range = &block.lines[0];
    let [my_name, old_name, your_name] = &comparison.names;
    let [old, yours] = [1, 2].map(|text| comparison.lines(block, text));
    writeln!(out, "{}a", range.end)?;
    let mut behind = Input::default();
    if block.odd == Odd::All {
        if choice.shows_old {
            writeln!(out, "||||||| {old_name}")?;
            behind.lines(out, old)?;
        }
        writeln!(out, "=======")?;
        behind.lines(out, yours)?;
    }
    writeln!(out, ">>>>>>> {your_name}")?;
    // As the GNU tool counts: from behind the first mark on, the old lines also where they are not shown.
    behind.end(out, range.end + 2, old.len() + 1 + yours.len())?;
    writeln!(out, "{}a", range.start)?;
    let mut before = Input::default();
    if block.odd == Odd::All {
        writeln!(out, "<<<<<<< {my_name}")?;
    } else {
        writeln!(out, "<<<<<<< {old_name}")?;
        before.lines(out, old)?;
        writeln!(out, "=======")?;
    }
    before.end(out, range.start + 2, old.len())
}

/// Lines that `ed` reads. One that begins with a period, which alone would end the input, has another in front until
/// all are read.
#[derive(Default)]
struct Input {
    has_periods: bool,
}

impl Input {
    fn lines(&mut self, out: &mut impl Write, lines: &[&[u8]]) -> io::Result<()> {
        for line in lines {
            if line.starts_with(b".") {
                self.has_periods = true;
                out.write_all(b".")?;
            }
            out.write_all(line)?;
            if !line.ends_with(b"\n") {
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Ends the input; so many lines from the first on are those that may have periods in front.
    fn end(&self, out: &mut impl Write, first: usize, count: usize) -> io::Result<()> {
        out.write_all(b".\n")?;
        match (self.has_periods, count) {
            (false, _) => Ok(()),
            (true, 1) => writeln!(out, "{first}s/^\\.//"),
            (true, _) => writeln!(out, "{first},{}s/^\\.//", first + count - 1),
        }
    }
}
