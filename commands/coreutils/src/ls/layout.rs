//! Short listings: one name a line, columns, and names separated by commas.

use std::io::{self, Write};

use secure_exec_cli::bytes;
use secure_exec_sys::stat::{S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, Stat};

use super::Entry;
use super::options::{Format, Indicator, Options, Quoting};

/// The space between columns.
const GAP: usize = 2;
/// A name of one character and what is behind it.
const NARROWEST: usize = GAP + 1;
const TAB: usize = 8;

/// A name with all that stands before and behind it.
pub struct Cell {
    text: Vec<u8>,
    width: usize,
}

impl Cell {
    pub fn new(entry: &Entry, all: &[Entry], options: &Options) -> Self {
        let mut prefix = String::new();
        if options.inodes {
            let inode =
                |entry: &Entry| entry.stat.map_or("?".into(), |found| found.ino.to_string());
            let width = column_width(all, options, inode);
            prefix += &format!("{:>width$} ", inode(entry));
        }
        if options.blocks {
            let blocks = |entry: &Entry| block_text(entry, options);
            let width = column_width(all, options, blocks);
            prefix += &format!("{:>width$} ", blocks(entry));
        }
        if options.contexts {
            prefix += "? ";
        }
        let mut cell = name_cell(entry, options);
        cell.width += prefix.len();
        cell.text.splice(0..0, prefix.into_bytes());
        cell
    }
}

/// In columns and lines, numbers stand below each other; between commas they do not.
fn column_width(all: &[Entry], options: &Options, text: impl Fn(&Entry) -> String) -> usize {
    if options.format == Format::Commas {
        return 0;
    }
    all.iter().map(|entry| text(entry).len()).max().unwrap_or(0)
}

pub fn block_text(entry: &Entry, options: &Options) -> String {
    entry
        .stat
        .map_or("?".into(), |found| options.block_count(found.blocks))
}

/// The name with its color and indicator.
pub fn name_cell(entry: &Entry, options: &Options) -> Cell {
    let raw = bytes(&entry.name);
    let shown = options.shown_name(raw);
    let width = display_width(&shown);
    let mut text = match &options.palette {
        Some(palette) => palette.paint(&shown, entry).into_bytes(),
        // Bytes that are not Unicode pass through.
        None if options.quoting == Quoting::Literal && !options.hides_control => raw.to_vec(),
        None => shown.into_bytes(),
    };
    let mut cell_width = width;
    if let Some(mark) = entry
        .stat
        .as_ref()
        .and_then(|found| indicator(found, options))
    {
        // A long listing marks what the link leads to.
        if options.format != Format::Long || entry.target.is_none() {
            text.push(mark);
            cell_width += 1;
        }
    }
    Cell {
        text,
        width: cell_width,
    }
}

impl Cell {
    pub fn into_text(self) -> Vec<u8> {
        self.text
    }
}

/// The character behind a name that tells what it is.
pub fn indicator(found: &Stat, options: &Options) -> Option<u8> {
    let kind = found.kind();
    match options.indicator {
        Indicator::None => None,
        Indicator::Slash => (kind == S_IFDIR).then_some(b'/'),
        Indicator::FileType | Indicator::Classify => match kind {
            S_IFDIR => Some(b'/'),
            S_IFLNK => Some(b'@'),
            S_IFIFO => Some(b'|'),
            S_IFSOCK => Some(b'='),
            S_IFREG if options.indicator == Indicator::Classify && found.mode & 0o111 != 0 => {
                Some(b'*')
            }
            _ => None,
        },
    }
}

/// Columns of a terminal that a text takes.
pub fn display_width(text: &str) -> usize {
    text.chars()
        .map(|character| if is_wide(character) { 2 } else { 1 })
        .sum()
}

/// East Asian wide characters and emoji, by their blocks.
fn is_wide(character: char) -> bool {
    matches!(u32::from(character),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd)
}

pub fn print(out: &mut impl Write, cells: Vec<Cell>, options: &Options) -> io::Result<()> {
    match options.format {
        Format::Columns => columns(out, &cells, options.width, Direction::Down),
        Format::Across => columns(out, &cells, options.width, Direction::Across),
        Format::Commas => commas(out, &cells, options.width),
        _ => {
            let end: &[u8] = if options.zero { b"\0" } else { b"\n" };
            for cell in &cells {
                out.write_all(&cell.text)?;
                out.write_all(end)?;
            }
            Ok(())
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Down,
    Across,
}

fn columns(
    out: &mut impl Write,
    cells: &[Cell],
    width: usize,
    direction: Direction,
) -> io::Result<()> {
    if cells.is_empty() {
        return Ok(());
    }
    let (rows, widths) = arrange(cells, width, direction);
    for row in 0..rows {
        let mut position = 0;
        let mut start = 0;
        for (column, column_width) in widths.iter().enumerate() {
            let index = match direction {
                Direction::Down => column * rows + row,
                Direction::Across => row * widths.len() + column,
            };
            let Some(cell) = cells.get(index) else { break };
            indent(out, position, start)?;
            out.write_all(&cell.text)?;
            position = start + cell.width;
            start += column_width;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Moves to a column, with tabs where they help, as terminals have them.
fn indent(out: &mut impl Write, mut from: usize, to: usize) -> io::Result<()> {
    while from < to {
        if to / TAB > (from + 1) / TAB {
            out.write_all(b"\t")?;
            from += TAB - from % TAB;
        } else {
            out.write_all(b" ")?;
            from += 1;
        }
    }
    Ok(())
}

/// The fewest rows whose columns fit, and the widths of these.
fn arrange(cells: &[Cell], width: usize, direction: Direction) -> (usize, Vec<usize>) {
    let most = width.div_ceil(NARROWEST).max(1).min(cells.len());
    for count in (1..=most).rev() {
        let rows = cells.len().div_ceil(count);
        let mut widths = vec![NARROWEST; count];
        let mut total = NARROWEST * count;
        let mut fits = true;
        let mut used = 0;
        for (index, cell) in cells.iter().enumerate() {
            let column = if direction == Direction::Down {
                index / rows
            } else {
                index % count
            };
            let is_last = column + 1 == count;
            used = used.max(column + 1);
            let wanted = cell.width + if is_last { 0 } else { GAP };
            if widths[column] < wanted {
                total += wanted - widths[column];
                widths[column] = wanted;
                // As GNU's has it, the width counts only where a name is wider than the narrowest column.
                fits = total < width;
            }
        }
        if fits && (used == count || direction == Direction::Across) || count == 1 {
            return (rows, widths);
        }
    }
    (cells.len(), vec![0])
}

fn commas(out: &mut impl Write, cells: &[Cell], width: usize) -> io::Result<()> {
    let mut position = 0;
    for (index, cell) in cells.iter().enumerate() {
        let is_last = index + 1 == cells.len();
        if index > 0 {
            // The comma behind this name must fit as well.
            if position + GAP + cell.width + usize::from(!is_last) > width {
                out.write_all(b",\n")?;
                position = 0;
            } else {
                out.write_all(b", ")?;
                position += GAP;
            }
        }
        out.write_all(&cell.text)?;
        position += cell.width;
    }
    if cells.is_empty() {
        Ok(())
    } else {
        writeln!(out)
    }
}
