//! What `diff3` says without an option: every block, with what stands there in each text.

use std::io::{self, Write};

use super::Comparison;
use super::blocks::Odd;

/// Writes all blocks. Lines stand behind two blanks, or behind a tab (`-T`).
pub fn write(out: &mut impl Write, comparison: &Comparison<'_>, tab: bool) -> io::Result<()> {
    let margin = if tab { "\t" } else { "  " };
    for block in &comparison.blocks {
        // Of two texts that have the same there, the lines are written once: at the last of them.
        let (title, order, hidden) = match block.odd {
            Odd::First => ("====1", [0, 1, 2], Some(1)),
            Odd::Second => ("====2", [0, 2, 1], Some(0)),
            Odd::Third => ("====3", [0, 1, 2], Some(0)),
            Odd::All => ("====", [0, 1, 2], None),
        };
        writeln!(out, "{title}")?;
        for text in order {
            let range = &block.lines[text];
            let number = text + 1;
            match range.len() {
                0 => writeln!(out, "{number}:{}a", range.start)?,
                1 => writeln!(out, "{number}:{}c", range.end)?,
                _ => writeln!(out, "{number}:{},{}c", range.start + 1, range.end)?,
            }
            if hidden == Some(text) {
                continue;
            }
            for line in comparison.lines(block, text) {
                out.write_all(margin.as_bytes())?;
                out.write_all(line)?;
                if !line.ends_with(b"\n") {
                    out.write_all(b"\n\\ No newline at end of file\n")?;
                }
            }
        }
    }
    Ok(())
}
