//! `column`: lists in columns, and tables.

use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, columns_of, fail, flag, required};
use secure_exec_sys::tty;

use crate::input;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('t', "table"),
        required('s', "separator"),
        required('o', "output-separator"),
        required('N', "table-columns"),
        required('R', "table-right"),
        required('l', "table-columns-limit"),
        required('c', "output-width"),
        flag('x', "fillrows"),
        flag('d', "table-noheadings"),
        flag('L', "keep-empty-lines"),
        flag('e', "table-header-repeat"),
        required('n', "table-name"),
        flag('J', "json"),
        required('H', "table-hide"),
        required('O', "table-order"),
    ],
    usage: "[options] [<file>...]",
    usage_status: 1,
    operand_ends: false,
};

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let (text, failed) = input::joined(&args.name, &parsed.operands);
    let text = String::from_utf8_lossy(&text).into_owned();
    let keeps_empty = parsed.has("keep-empty-lines");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| keeps_empty || !line.trim().is_empty())
        .collect();
    let value = |name: &str| parsed.value(name).map(secure_exec_cli::Value::text);
    let number = |name: &str| match value(name) {
        Some(text) => text
            .parse::<usize>()
            .map(Some)
            .map_err(|_| fail(format!("invalid {name} argument: '{text}'"))),
        None => Ok(None),
    };
    let mut out = io::BufWriter::new(io::stdout());
    if parsed.has("json") && !parsed.has("table-columns") {
        return Err(fail("option --table-columns required for --json"));
    }
    let makes_table = ["table", "table-columns", "json"];
    if makes_table.iter().any(|name| parsed.has(name)) {
        let names = value("table-columns");
        let table = Table {
            separator: value("separator"),
            limit: number("table-columns-limit")?.unwrap_or(usize::MAX),
            between: value("output-separator").unwrap_or_else(|| "  ".to_owned()),
            right: value("table-right"),
            names: names
                .map(|names| names.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            shows_names: !parsed.has("table-noheadings"),
            hidden: value("table-hide"),
            order: value("table-order"),
        };
        if parsed.has("json") {
            let name = value("table-name").unwrap_or_else(|| "table".to_owned());
            table.write_json(&mut out, &name, &lines)?;
        } else {
            table.write(&mut out, &lines)?;
        }
    } else {
        let default = tty::winsize(1).map_or(80, |size| usize::from(size.columns));
        let from_environment = std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok());
        let width = number("output-width")?
            .or(from_environment)
            .unwrap_or(if default == 0 { 80 } else { default });
        fill(&mut out, &lines, width, parsed.has("fillrows"))?;
    }
    out.flush()?;
    Ok(i32::from(failed))
}

/// Columns that a text takes.
fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

struct Table {
    separator: Option<String>,
    limit: usize,
    between: String,
    right: Option<String>,
    names: Vec<String>,
    shows_names: bool,
    /// Columns that are left out, by number or name; `-` for those without a name.
    hidden: Option<String>,
    /// Columns that come first.
    order: Option<String>,
}

impl Table {
    fn cells<'a>(&self, line: &'a str) -> Vec<&'a str> {
        let Some(separators) = &self.separator else {
            if self.limit == usize::MAX {
                return line.split_ascii_whitespace().collect();
            }
            let mut cells = Vec::new();
            let mut rest = line.trim_start();
            while !rest.is_empty() {
                if cells.len() + 1 >= self.limit {
                    cells.push(rest);
                    break;
                }
                let end = rest.find([' ', '\t']).unwrap_or(rest.len());
                cells.push(&rest[..end]);
                // What is behind the last column that is wanted stays as it is.
                rest = match cells.len() + 1 >= self.limit {
                    true => rest.get(end + 1..).unwrap_or_default(),
                    false => rest[end..].trim_start(),
                };
            }
            return cells;
        };
        line.splitn(self.limit, |c| separators.contains(c))
            .collect()
    }

    /// Whether a column is set to the right, by its number, its name or `-` for the last.
    fn is_right(&self, index: usize, last: usize) -> bool {
        self.right
            .iter()
            .flat_map(|list| list.split(','))
            .any(|name| {
                name == "0"
                    || name.parse() == Ok(index + 1)
                    || (name == "-1" && index == last)
                    || self.names.get(index).is_some_and(|known| known == name)
            })
    }

    /// The columns of a list, by numbers and names.
    fn listed(&self, list: &str, count: usize) -> Result<Vec<usize>, Failure> {
        let mut columns = Vec::new();
        for name in list.split(',').filter(|name| !name.is_empty()) {
            if name == "-" {
                columns.extend(self.names.len()..count);
                continue;
            }
            let named = self.names.iter().position(|known| known == name);
            let numbered = || name.parse::<usize>().ok()?.checked_sub(1);
            let unknown = || fail(format!("undefined column name '{name}'"));
            columns.push(named.or_else(numbered).ok_or_else(unknown)?);
        }
        columns.retain(|&column| column < count);
        Ok(columns)
    }

    /// The columns to show, in order.
    fn shown(&self, count: usize) -> Result<Vec<usize>, Failure> {
        let mut shown = self.listed(self.order.as_deref().unwrap_or_default(), count)?;
        for column in 0..count {
            if !shown.contains(&column) {
                shown.push(column);
            }
        }
        let hidden = self.listed(self.hidden.as_deref().unwrap_or_default(), count)?;
        shown.retain(|column| !hidden.contains(column));
        Ok(shown)
    }

    /// Writes an object for each line, with the names of the columns in small letters.
    fn write_json(&self, out: &mut impl Write, name: &str, lines: &[&str]) -> Result<(), Failure> {
        let shown = self.shown(self.names.len())?;
        let too_long = |line: &&str| self.cells(line).len() > self.names.len();
        if let Some(number) = lines.iter().position(too_long) {
            // The names count as a line.
            return Err(fail(format!(
                "line {}: for JSON the name of the column {} is required",
                number + 2,
                self.names.len() + 1
            )));
        }
        write!(out, "{{\n   {}: [", quoted(name))?;
        for (number, line) in lines.iter().enumerate() {
            let cells = self.cells(line);
            let between = if number == 0 { "\n      " } else { "," };
            writeln!(out, "{between}{{")?;
            for (at, &column) in shown.iter().enumerate() {
                let key = quoted(&self.names[column].to_lowercase());
                let cell = cells.get(column).filter(|cell| !cell.is_empty());
                let value = cell.map_or_else(|| "null".to_owned(), |cell| quoted(cell));
                let end = if at + 1 < shown.len() { "," } else { "" };
                writeln!(out, "         {key}: {value}{end}")?;
            }
            write!(out, "      }}")?;
        }
        writeln!(out, "\n   ]\n}}")?;
        Ok(())
    }

    fn write(&self, out: &mut impl Write, lines: &[&str]) -> Result<(), Failure> {
        let mut rows: Vec<Vec<&str>> = Vec::new();
        if self.shows_names && !self.names.is_empty() {
            rows.push(self.names.iter().map(String::as_str).collect());
        }
        rows.extend(lines.iter().map(|line| self.cells(line)));
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        let shown = self.shown(count)?;
        let widths: Vec<usize> = (0..count)
            .map(|column| {
                rows.iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| width(cell))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in &rows {
            if row.is_empty() {
                writeln!(out)?;
                continue;
            }
            for (at, &column) in shown.iter().enumerate() {
                let cell = row.get(column).copied().unwrap_or_default();
                let room = " ".repeat(widths[column].saturating_sub(width(cell)));
                let is_last = at + 1 == shown.len();
                if self.is_right(column, count.saturating_sub(1)) {
                    write!(out, "{room}{cell}")?;
                } else if is_last {
                    write!(out, "{cell}")?;
                } else {
                    write!(out, "{cell}{room}")?;
                }
                if !is_last {
                    write!(out, "{}", self.between)?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A string of JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            _ if letter.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Entries in as many columns as fit, with tabs between; down the columns first unless rows are wanted.
fn fill(out: &mut impl Write, entries: &[&str], total: usize, by_rows: bool) -> io::Result<()> {
    let longest = entries.iter().map(|entry| width(entry)).max().unwrap_or(0);
    let cell = (longest / 8 + 1) * 8;
    let columns = (total / cell).max(1);
    if longest >= total || columns == 1 {
        return entries
            .iter()
            .try_for_each(|entry| writeln!(out, "{entry}"));
    }
    let rows = entries.len().div_ceil(columns);
    for row in 0..rows {
        let mut line: Vec<&str> = Vec::new();
        for column in 0..columns {
            let at = if by_rows {
                row * columns + column
            } else {
                column * rows + row
            };
            line.extend(entries.get(at));
        }
        for (index, entry) in line.iter().enumerate() {
            write!(out, "{entry}")?;
            if index + 1 < line.len() {
                let mut at = width(entry);
                while at < cell {
                    write!(out, "\t")?;
                    at = (at / 8 + 1) * 8;
                }
            }
        }
        writeln!(out)?;
    }
    Ok(())
}
