//! The merged text (`-m`).

use std::io::{self, Write};

use super::blocks::Odd;
use super::{Choice, Comparison, Taken};

/// Writes the first text with the changes in it; whether there were conflicts.
pub fn write(
    out: &mut impl Write,
    comparison: &Comparison<'_>,
    choice: Choice,
) -> io::Result<bool> {
    let mut conflicts = false;
    let mine = comparison.texts[0];
    let [my_name, old_name, your_name] = &comparison.names;
    let mut at = 0;
    for block in &comparison.blocks {
        let taken = choice.of(block);
        if taken == Taken::Not {
            continue;
        }
        lines(out, &mine.lines[at..block.lines[0].start])?;
        at = block.lines[0].end;
        if taken == Taken::Plain {
            lines(out, comparison.lines(block, 2))?;
            continue;
        }
        conflicts = true;
        if block.odd == Odd::All {
            writeln!(out, "<<<<<<< {my_name}")?;
            lines(out, comparison.lines(block, 0))?;
        }
        if choice.shows_old {
            let mark = if block.odd == Odd::All {
                "|||||||"
            } else {
                "<<<<<<<"
            };
            writeln!(out, "{mark} {old_name}")?;
            lines(out, comparison.lines(block, 1))?;
        }
        writeln!(out, "=======")?;
        lines(out, comparison.lines(block, 2))?;
        writeln!(out, ">>>>>>> {your_name}")?;
    }
    lines(out, &mine.lines[at..])?;
    Ok(conflicts)
}

fn lines(out: &mut impl Write, lines: &[&[u8]]) -> io::Result<()> {
    lines.iter().try_for_each(|line| out.write_all(line))
}
