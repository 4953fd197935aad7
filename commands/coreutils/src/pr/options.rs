//! The command line of `pr`.

use std::ffi::{OsStr, OsString};

use secure_exec_cli::{
    Args, Failure, Parsed, Syntax, bytes, fail, flag, optional, os_string, quote, required,
};

use super::row::Tabs;
use crate::input::{self, OUT_OF_RANGE, TOO_LARGE};

const SYNTAX: Syntax = Syntax {
    options: &[
        required('\0', "columns"),
        required('\0', "pages"),
        flag('a', "across"),
        flag('c', "show-control-chars"),
        flag('d', "double-space"),
        required('D', "date-format"),
        optional('e', "expand-tabs"),
        flag('F', "form-feed"),
        flag('f', "f"),
        required('h', "header"),
        optional('i', "output-tabs"),
        flag('J', "join-lines"),
        required('l', "length"),
        flag('m', "merge"),
        optional('n', "number-lines"),
        required('N', "first-line-number"),
        required('o', "indent"),
        flag('r', "no-file-warnings"),
        optional('s', "separator"),
        optional('S', "sep-string"),
        flag('t', "omit-header"),
        flag('T', "omit-pagination"),
        flag('v', "show-nonprinting"),
        required('w', "width"),
        required('W', "page-width"),
        flag('0', "0"),
        flag('1', "1"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "9"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// Numbers before lines.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    pub separator: u8,
    pub digits: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Down,
    Across,
    /// Each column is a file.
    Merged,
}

pub struct Options {
    pub columns: usize,
    pub order: Order,
    pub pages: (u64, u64),
    pub double: bool,
    pub date: Option<OsString>,
    pub expand: Option<Tabs>,
    pub feeds: bool,
    pub header: Option<OsString>,
    pub tabs: Option<Tabs>,
    pub length: usize,
    pub numbers: Option<Numbers>,
    pub first_number: Option<i64>,
    pub indent: usize,
    pub silent: bool,
    /// Between columns; nothing: blanks up to the next one.
    pub separator: Option<Vec<u8>>,
    /// The separator comes from `-s`, which follows the text at once.
    pub uses_letter: bool,
    pub width: usize,
    /// Lines are cut off at the width.
    pub cuts: bool,
    /// No headers.
    pub bare: bool,
    /// Form feeds of the input are left out.
    pub drops_feeds: bool,
    pub escapes: bool,
    pub carets: bool,
    pub files: Vec<OsString>,
}

fn number(value: &OsStr, least: i64, what: &str) -> Result<i64, Failure> {
    input::integer(value, i64::MIN..=i64::MAX)
        .and_then(|number| match i32::try_from(number) {
            Err(_) => Err(TOO_LARGE),
            Ok(_) if number < least => Err(OUT_OF_RANGE),
            Ok(_) => Ok(number),
        })
        .map_err(|why| fail(format!("{what}: {}{why}", quote(value))))
}

fn count(value: &OsStr, least: i64, what: &str) -> Result<usize, Failure> {
    Ok(usize::try_from(number(value, least, what)?).unwrap_or(0))
}

impl Options {
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let (pages, args) = take_pages(args)?;
        let parsed = SYNTAX.parse(&args)?;
        let text = |name: &str| parsed.value(name).map(|value| value.os());
        let columns = columns(&parsed)?;
        let merges = parsed.has("merge");
        if merges && columns.is_some() {
            let text = "cannot specify number of columns when printing in parallel";
            return Err(fail(text));
        }
        if merges && parsed.has("across") {
            let text = "cannot specify both printing across and printing in parallel";
            return Err(fail(text));
        }
        let order = match (merges, parsed.has("across")) {
            (true, _) => Order::Merged,
            (_, true) => Order::Across,
            _ => Order::Down,
        };
        let length = match text("length") {
            Some(value) => count(&value, 1, "'-l PAGE_LENGTH' invalid number of lines")?,
            None => 66,
        };
        let width = match (text("page-width"), text("width")) {
            (Some(value), _) => count(&value, 1, "'-W PAGE_WIDTH' invalid number of characters")?,
            (None, Some(value)) => {
                count(&value, 1, "'-w PAGE_WIDTH' invalid number of characters")?
            }
            _ => 72,
        };
        let files = if parsed.operands.is_empty() {
            vec!["-".into()]
        } else {
            parsed.operands.clone()
        };
        let columns = if merges {
            files.len()
        } else {
            columns.unwrap_or(1)
        };
        let is_wide = columns > 1;
        let joins = parsed.has("join-lines");
        let separator = separator(&parsed, joins);
        let is_given = parsed.has("width") || parsed.has("page-width");
        let cuts = !joins
            && (parsed.has("page-width") || is_wide && (is_given || !parsed.has("separator")));
        let drops_feeds =
            parsed.has("omit-pagination") && !parsed.has("omit-header") && length > 10;
        let tabs = match parsed.value("output-tabs") {
            Some(_) => Some(tab_stops(&args, "-i", &last_given(&parsed, "output-tabs"))?),
            None if is_wide => Some(Tabs {
                letter: b'\t',
                width: 8,
            }),
            None => None,
        };
        let expand = match parsed.value("expand-tabs") {
            Some(_) => Some(tab_stops(&args, "-e", &last_given(&parsed, "expand-tabs"))?),
            None if is_wide && !joins => Some(Tabs {
                letter: b'\t',
                width: 8,
            }),
            None => None,
        };
        let numbers = match parsed.value("number-lines") {
            Some(_) => {
                let found =
                    char_and_number(&args, "-n", &last_given(&parsed, "number-lines"), b'\t', 5)?;
                Some(Numbers {
                    separator: found.letter,
                    digits: found.width,
                })
            }
            None => None,
        };
        let first_number = match text("first-line-number") {
            Some(value) => {
                let what = "'-N NUMBER' invalid starting line number";
                Some(number(&value, i64::from(i32::MIN), what)?)
            }
            None => None,
        };
        let indent = match text("indent") {
            Some(value) => count(&value, 0, "'-o MARGIN' invalid line offset")?,
            None => 0,
        };
        let pages = match text("pages") {
            Some(value) => page_range(bytes(&value))
                .ok_or_else(|| fail(format!("invalid page range {}", quote(&value))))?,
            None => pages.unwrap_or((1, u64::MAX)),
        };
        Ok(Self {
            columns,
            order,
            pages,
            double: parsed.has("double-space"),
            date: text("date-format"),
            expand,
            feeds: parsed.has("form-feed") || parsed.has("f"),
            header: text("header"),
            tabs,
            length,
            numbers,
            first_number,
            indent,
            silent: parsed.has("no-file-warnings"),
            separator,
            uses_letter: parsed.has("separator") && !parsed.has("sep-string"),
            width,
            cuts,
            bare: parsed.has("omit-header") || drops_feeds || length <= 10,
            drops_feeds,
            escapes: parsed.has("show-nonprinting"),
            carets: parsed.has("show-control-chars"),
            files,
        })
    }

    /// Whether blanks before a separator fill the column.
    pub fn separator_is_aligned(&self) -> bool {
        !self.uses_letter
    }

    pub fn is_wide(&self) -> bool {
        self.columns > 1
    }
}

/// Takes `+FIRST[:LAST]` out of the operands.
fn take_pages(args: &Args) -> Result<(Option<(u64, u64)>, Args), Failure> {
    let mut rest = args.clone();
    let at = rest
        .list
        .iter()
        .position(|word| bytes(word).starts_with(b"+"));
    let Some(at) = at else {
        return Ok((None, rest));
    };
    let word = rest.list.remove(at);
    let pages = page_range(&bytes(&word)[1..]).ok_or_else(|| {
        let text = quote(&os_string(&bytes(&word)[1..]));
        fail(format!("invalid + argument {text}"))
    })?;
    Ok((Some(pages), rest))
}

fn page_range(text: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(text).ok()?;
    let (first, last) = match text.split_once(':') {
        Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
        None => (text.parse().ok()?, u64::MAX),
    };
    (first > 0 && last >= first).then_some((first, last))
}

/// The columns that `--columns` or digits ask for.
fn columns(parsed: &Parsed) -> Result<Option<usize>, Failure> {
    let what = "invalid number of columns";
    // The last digits that stand together.
    let mut digits = String::new();
    let mut is_behind = false;
    for (name, _) in &parsed.options {
        let is_digit = name.len() == 1 && name.as_bytes()[0].is_ascii_digit();
        if is_digit {
            if !is_behind {
                digits.clear();
            }
            digits.push_str(name);
        }
        is_behind = is_digit;
    }
    if !digits.is_empty() {
        return count(OsStr::new(&digits), 1, what).map(Some);
    }
    match parsed.value("columns") {
        Some(value) => count(&value.os(), 1, what).map(Some),
        None => Ok(None),
    }
}

fn separator(parsed: &Parsed, joins: bool) -> Option<Vec<u8>> {
    if let Some(value) = parsed.value("sep-string") {
        return Some(bytes(&value.os()).to_vec());
    }
    if let Some(value) = parsed.value("separator") {
        let given = bytes(&value.os()).to_vec();
        return Some(if given.is_empty() {
            b"\t".to_vec()
        } else {
            given
        });
    }
    joins.then(|| b"\t".to_vec())
}

/// The last value of an option whose value may be left out; it stays then.
fn last_given(parsed: &Parsed, option: &str) -> OsString {
    let options = parsed.options.iter().rev();
    let mut values = options
        .filter(|(name, _)| *name == option)
        .map(|(_, value)| value);
    values
        .find(|value| value.is_given())
        .map(|value| value.os())
        .unwrap_or_default()
}

fn tab_stops(args: &Args, option: &str, value: &OsStr) -> Result<Tabs, Failure> {
    char_and_number(args, option, value, b'\t', 8)
}

/// Reads `[CHAR[NUMBER]]`.
fn char_and_number(
    args: &Args,
    option: &str,
    value: &OsStr,
    letter: u8,
    width: usize,
) -> Result<Tabs, Failure> {
    let text = bytes(value);
    let (letter, digits) = match text {
        [first, rest @ ..] if !first.is_ascii_digit() => (*first, rest),
        _ => (letter, text),
    };
    if digits.is_empty() {
        return Ok(Tabs { letter, width });
    }
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    match number.filter(|number| (1..=10_000).contains(number)) {
        Some(width) => Ok(Tabs { letter, width }),
        None => {
            let shown = quote(&os_string(digits));
            let text =
                format!("'{option}' extra characters or invalid number in the argument: {shown}");
            Err(SYNTAX.wrong(args, &text))
        }
    }
}
