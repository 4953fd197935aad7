//! Pages: which lines are in the rows of one, and how a row is written.

use std::io::Write;

use secure_exec_cli::{Failure, fail, visible};

use super::header::Header;
use super::input::Input;
use super::options::{Options, Order};
use super::row::Row;

/// Lines above and below the text.
const MARGIN: usize = 5;

pub struct Printer<'a> {
    options: &'a Options,
    /// Rows of a page.
    rows: usize,
    /// Columns of the page that a column has.
    width: usize,
    /// Columns that a number has.
    number_width: usize,
    number: i64,
    page: u64,
}

/// What is in a row: the number of the first line and the lines; nothing where a column has none.
type Cells = Vec<Option<(i64, Vec<u8>)>>;

impl<'a> Printer<'a> {
    pub fn new(options: &'a Options) -> Result<Self, Failure> {
        let body = if options.bare {
            options.length
        } else {
            options.length - 2 * MARGIN
        };
        let rows = if options.double {
            (body / 2).max(1)
        } else {
            body
        };
        let number_width = options.numbers.map_or(0, |numbers| {
            let separator = if numbers.separator == b'\t' {
                8 - numbers.digits % 8
            } else {
                1
            };
            numbers.digits + separator
        });
        let separator = options.separator.as_ref().map_or(1, Vec::len);
        let once = if options.order == Order::Merged {
            number_width
        } else {
            0
        };
        let between = separator * (options.columns - 1) + once;
        let width = options.width.saturating_sub(between) / options.columns;
        if options.cuts && options.is_wide() && width == 0 {
            return Err(fail("page width too narrow"));
        }
        Ok(Self {
            options,
            rows,
            width,
            number_width,
            number: options.first_number.unwrap_or(1),
            page: 1,
        })
    }

    /// Prints files: one, or those that are columns.
    pub fn print(&mut self, inputs: &mut [Input], out: &mut impl Write) -> Result<(), Failure> {
        let header = Header::new(self.options, inputs)?;
        let (first, last) = self.options.pages;
        while inputs.iter().any(|input| !input.is_done()) {
            if self.page > last {
                return Ok(());
            }
            let rows = self.rows_of_page(inputs);
            if self.page >= first {
                self.put_page(&header, &rows, inputs, out)?;
            }
            for input in inputs.iter_mut() {
                input.is_fed = false;
            }
            self.page += 1;
        }
        if self.page <= first && first > 1 {
            let count = (self.page - 1).max(1);
            out.flush()?;
            secure_exec_cli::warn(
                "pr",
                format_args!("starting page number {first} exceeds page count {count}"),
            );
        }
        Ok(())
    }

    fn rows_of_page(&mut self, inputs: &mut [Input]) -> Vec<Cells> {
        match self.options.order {
            Order::Merged => self.merged(inputs),
            Order::Across | Order::Down => {
                let lines = self.lines(&mut inputs[0]);
                self.arranged(lines)
            }
        }
    }

    fn merged(&mut self, inputs: &mut [Input]) -> Vec<Cells> {
        let mut rows: Vec<Cells> = Vec::new();
        while rows.len() < self.rows {
            let number = self.number;
            let mut cells = Cells::new();
            for column in 0..inputs.len() {
                let line = inputs[column].line();
                let is_end = line.is_some()
                    && inputs[column].is_fed
                    && inputs.iter().all(|input| input.is_fed || input.is_done());
                cells.push(line.map(|line| (number, line)));
                // Nothing fills the columns behind the last line of a page that a form feed ends.
                if is_end {
                    break;
                }
            }
            if cells.iter().all(Option::is_none) {
                break;
            }
            self.number += 1;
            rows.push(cells);
        }
        if rows.len() == self.rows {
            inputs.iter_mut().for_each(Input::skip_feed);
        }
        rows
    }

    fn lines(&mut self, input: &mut Input) -> Vec<(i64, Vec<u8>)> {
        let mut lines = Vec::new();
        while lines.len() < self.rows.saturating_mul(self.options.columns) {
            let Some(line) = input.line() else {
                break;
            };
            lines.push((self.number, line));
            self.number += 1;
        }
        if lines.len() == self.rows.saturating_mul(self.options.columns) {
            input.skip_feed();
        }
        lines
    }

    /// Puts lines into rows. Columns that go down are equally long, the first ones by one line longer.
    fn arranged(&self, lines: Vec<(i64, Vec<u8>)>) -> Vec<Cells> {
        let columns = self.options.columns;
        let count = lines.len().div_ceil(columns);
        let mut rows: Vec<Cells> = vec![Vec::new(); count];
        let (short, longer) = (lines.len() / columns, lines.len() % columns);
        let mut lines = lines.into_iter();
        if self.options.order == Order::Across {
            for row in &mut rows {
                row.extend(lines.by_ref().take(columns).map(Some));
            }
        } else {
            for column in 0..columns {
                let length = short + usize::from(column < longer);
                for row in rows.iter_mut().take(length) {
                    row.extend(lines.next().map(Some));
                }
            }
        }
        rows
    }

    fn put_page(
        &self,
        header: &Header,
        rows: &[Cells],
        inputs: &[Input],
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let options = self.options;
        let indent = " ".repeat(options.indent);
        if !options.bare {
            write!(out, "{indent}\n\n{indent}")?;
            out.write_all(&header.line(self.page))?;
            out.write_all(b"\n\n\n")?;
        }
        let mut written = 0;
        let is_fed = inputs.iter().any(|input| input.is_fed);
        // The last row of columns, and of a page that a form feed ends, has no empty line behind it.
        let is_end = is_fed || options.is_wide() && inputs.iter().all(Input::is_done);
        for (at, cells) in rows.iter().enumerate() {
            out.write_all(&self.row(cells))?;
            out.write_all(b"\n")?;
            written += 1;
            if options.double && !(is_end && at + 1 == rows.len()) {
                out.write_all(b"\n")?;
                written += 1;
            }
        }
        if rows.is_empty() && !options.bare {
            out.write_all(b"\n")?;
            written += 1;
        }
        if options.bare {
            if is_fed && !options.drops_feeds {
                out.write_all(b"\x0c")?;
            }
        } else if options.feeds {
            out.write_all(b"\x0c")?;
        } else {
            let body = self.rows * if options.double { 2 } else { 1 };
            let empty = body.saturating_sub(written) + MARGIN;
            for _ in 0..empty {
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn row(&self, cells: &Cells) -> Vec<u8> {
        let options = self.options;
        let mut row = Row::new(options.tabs, options.indent);
        if options.is_wide() {
            row.flush();
        }
        if options.order == Order::Merged && options.numbers.is_some() {
            let number = cells
                .iter()
                .flatten()
                .next()
                .map_or(0, |(number, _)| *number);
            self.put_number(&mut row, number);
        }
        let start = row.column;
        for (column, cell) in cells.iter().enumerate() {
            if column > 0 {
                self.put_separator(&mut row, start, column);
            }
            if let Some((number, line)) = cell {
                let at = row.column;
                if options.order != Order::Merged && options.numbers.is_some() {
                    self.put_number(&mut row, *number);
                }
                let width = if options.is_wide() {
                    self.width
                } else {
                    options.width
                };
                let limit = if options.cuts { at + width } else { usize::MAX };
                let text = row.column;
                self.put_line(&mut row, text, limit, line);
            }
        }
        row.text
    }

    /// What is before a column but the first.
    fn put_separator(&self, row: &mut Row, start: usize, column: usize) {
        let options = self.options;
        let separator = options.separator.as_deref().unwrap_or(b" ");
        if options.cuts && options.separator_is_aligned() {
            let length = separator.len();
            row.pad_to(start + column * (self.width + length) - length);
        }
        for byte in separator {
            if *byte == b' ' {
                row.pad_to(row.column + 1);
            } else {
                row.put(&[*byte], 1);
            }
        }
        row.flush();
    }

    fn put_number(&self, row: &mut Row, number: i64) {
        let Some(numbers) = self.options.numbers else {
            return;
        };
        let text = number.to_string();
        let text = &text[text.len().saturating_sub(numbers.digits)..];
        let start = row.column;
        row.pad_to(start + numbers.digits - text.len());
        for byte in text.bytes() {
            row.put(&[byte], 1);
        }
        if numbers.separator == b'\t' && self.options.is_wide() && self.options.tabs.is_some() {
            row.pad_to(start + self.number_width);
        } else if numbers.separator == b'\t' {
            row.put(b"\t", self.number_width - numbers.digits);
        } else {
            row.put(&[numbers.separator], 1);
        }
    }

    /// Writes a line from column `start` up to a limit.
    fn put_line(&self, row: &mut Row, start: usize, limit: usize, line: &[u8]) {
        for &byte in line {
            if let Some(tabs) = self.options.expand.filter(|tabs| tabs.letter == byte) {
                let stop = ((row.column - start) / tabs.width + 1) * tabs.width;
                for _ in row.column..(start + stop).min(limit) {
                    row.put(b" ", 1);
                }
                continue;
            }
            let (shown, columns) = self.shown(byte, row.column - start);
            if row.column + columns > limit {
                break;
            }
            row.put(&shown, columns);
        }
    }

    fn shown(&self, byte: u8, at: usize) -> (Vec<u8>, usize) {
        let options = self.options;
        let is_plain = byte == b' ' || byte.is_ascii_graphic();
        if is_plain {
            return (vec![byte], 1);
        }
        if options.escapes && byte != b'\t' {
            let text = format!("\\{byte:03o}").into_bytes();
            return (text, 4);
        }
        if options.carets && byte != b'\t' {
            let text = if byte < 0x80 {
                visible(byte).into_bytes()
            } else {
                format!("\\{byte:03o}").into_bytes()
            };
            let columns = text.len();
            return (text, columns);
        }
        match byte {
            b'\t' => (vec![byte], 8 - at % 8),
            0x80..=0xbf => (vec![byte], 0),
            0xc0.. => (vec![byte], 1),
            _ => (vec![byte], 0),
        }
    }
}
