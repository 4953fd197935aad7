//! Both texts side by side (`-y`).

use std::io::{self, Write};
use std::ops::Range;

use secure_exec_cli::columns_of;

use super::lines::{Change, Text};
use super::options::Options;
use super::style::Ink;

/// Columns between the two texts: a blank, the mark and a blank.
const GUTTER: usize = 3;

/// Where what stands on a line.
struct Layout {
    /// Columns that each text has.
    half: usize,
    /// The column that the right text begins at.
    right: usize,
    tab: usize,
    expands: bool,
}

impl Layout {
    /// The right text begins at the tab stop that is nearest to the middle of width and gutter; neither text is wider
    /// than the other one may be.
    fn new(options: &Options) -> Self {
        let stop = if options.style.expands {
            1
        } else {
            options.style.tab
        };
        let middle = (options.width + GUTTER + stop) / (2 * stop) * stop;
        let half = middle
            .saturating_sub(GUTTER)
            .min(options.width.saturating_sub(middle));
        Self {
            half,
            right: if half == 0 { options.width } else { middle },
            tab: options.style.tab,
            expands: options.style.expands,
        }
    }

    /// Moves from one column to another, with tabs as far as they lead.
    fn advance(&self, out: &mut impl Write, mut from: usize, to: usize) -> io::Result<()> {
        if !self.expands {
            while let stop = from + self.tab - from % self.tab
                && stop <= to
            {
                out.write_all(b"\t")?;
                from = stop;
            }
        }
        write!(out, "{:width$}", "", width = to.saturating_sub(from))
    }

    /// Writes what there is room for of a line that begins at a column, and gives the columns that took.
    fn cell(&self, out: &mut impl Write, line: &[u8], begin: usize) -> io::Result<usize> {
        // Where the line is by itself, and where the output is.
        let (mut place, mut column) = (0, 0);
        for chunk in line.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\t' => {
                        let spaces = self.tab - place % self.tab;
                        if place == column {
                            let stop = column + spaces;
                            if self.expands {
                                let stop = stop.min(self.half);
                                write!(out, "{:width$}", "", width = stop.saturating_sub(column))?;
                                column = column.max(stop);
                            } else if stop < self.half {
                                out.write_all(b"\t")?;
                                column = stop;
                            }
                        }
                        place += spaces;
                    }
                    '\r' => {
                        out.write_all(b"\r")?;
                        self.advance(out, 0, begin)?;
                        (place, column) = (0, 0);
                    }
                    '\u{8}' => {
                        if place > 0 {
                            place -= 1;
                            if place < self.half {
                                if place < column {
                                    out.write_all(b"\x08")?;
                                    column = place;
                                } else {
                                    write!(out, "{:width$}", "", width = place - column)?;
                                    column = place;
                                }
                            }
                        }
                    }
                    _ => {
                        place += if character.is_control() {
                            0
                        } else {
                            columns_of(character)
                        };
                        if place <= self.half {
                            column = place;
                            write!(out, "{character}")?;
                        }
                    }
                }
            }
            // What is no text takes no column.
            if place < self.half || !chunk.invalid().is_empty() && place <= self.half {
                out.write_all(chunk.invalid())?;
            }
        }
        Ok(column)
    }
}

/// Two texts that are written side by side.
pub struct Columns<'a, W> {
    out: &'a mut W,
    texts: [&'a Text<'a>; 2],
    options: &'a Options,
    layout: Layout,
    /// Lines that are the same are left out.
    pub suppress_common: bool,
}

impl<'a, W: Write> Columns<'a, W> {
    pub fn new(out: &'a mut W, texts: [&'a Text<'a>; 2], options: &'a Options) -> Self {
        Self {
            out,
            texts,
            options,
            layout: Layout::new(options),
            suppress_common: options.suppress_common,
        }
    }

    /// Writes what is asked for behind the lines so far, at once.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// A line of either side or both, with the mark between.
    fn row(&mut self, left: Option<usize>, mark: char, right: Option<usize>) -> io::Result<()> {
        let [old, new] = self.texts;
        let is_unended =
            |text: &Text<'_>, index: Option<usize>| index.map(|index| text.is_unended(index));
        let (left_open, right_open) = (is_unended(old, left), is_unended(new, right));
        let mark = match (mark, left_open, right_open) {
            ('|', Some(true), Some(false)) => '\\',
            ('|', Some(false), Some(true)) => '/',
            _ => mark,
        };
        let ink = match mark {
            '<' => Ink::Deleted,
            '>' => Ink::Added,
            _ => Ink::Plain,
        };
        let (layout, out) = (&self.layout, &mut *self.out);
        self.options.style.begin(out, ink)?;
        let mut column = 0;
        if let Some(index) = left {
            column = layout.cell(out, old.bare(index), 0)?;
        }
        if mark != ' ' {
            // In the middle of what is between the texts.
            let middle = (layout.half + layout.right).saturating_sub(1) / 2;
            layout.advance(out, column, middle)?;
            write!(out, "{mark}")?;
            column = middle + 1;
        }
        if let Some(index) = right {
            let line = new.bare(index);
            if !line.is_empty() {
                layout.advance(out, column, layout.right)?;
                layout.cell(out, line, layout.right)?;
            }
        }
        if left_open == Some(false) || right_open == Some(false) {
            writeln!(out)?;
        }
        self.options.style.end(out, ink)
    }

    /// Lines that are the same, or count as such; where changes between them are ignored, one side may have more.
    pub fn common(&mut self, mut old: Range<usize>, mut new: Range<usize>) -> io::Result<()> {
        if self.suppress_common {
            return Ok(());
        }
        if self.options.left_column {
            for index in old {
                new.next();
                self.row(Some(index), '(', None)?;
            }
        } else {
            while !old.is_empty() && !new.is_empty() {
                self.row(old.next(), ' ', new.next())?;
            }
            for index in old {
                self.row(Some(index), '(', None)?;
            }
        }
        for index in new {
            self.row(None, ')', Some(index))?;
        }
        Ok(())
    }

    /// Lines that differ.
    pub fn changed(&mut self, mut old: Range<usize>, mut new: Range<usize>) -> io::Result<()> {
        while !old.is_empty() && !new.is_empty() {
            self.row(old.next(), '|', new.next())?;
        }
        for index in old {
            self.row(Some(index), '<', None)?;
        }
        for index in new {
            self.row(None, '>', Some(index))?;
        }
        Ok(())
    }
}

pub fn side_by_side(
    out: &mut impl Write,
    old: &Text<'_>,
    new: &Text<'_>,
    changes: &[Change],
    options: &Options,
) -> io::Result<()> {
    let mut columns = Columns::new(out, [old, new], options);
    let (mut at, mut other) = (0, 0);
    for change in changes {
        columns.common(at..change.old.start, other..change.new.start)?;
        columns.changed(change.old.clone(), change.new.clone())?;
        (at, other) = (change.old.end, change.new.end);
    }
    columns.common(at..old.lines.len(), other..new.lines.len())
}
