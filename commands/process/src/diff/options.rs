//! What `diff` was asked for.

use std::ffi::OsString;

use super::formats::Formats;
use secure_exec_cli::{Args, Failure, Syntax, Value, bytes, flag, optional, quote, required};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Normal,
    Unified(usize),
    Context(usize),
    Ed,
    /// That of RCS (`-n`).
    Rcs,
    SideBySide,
    /// The forms of [`Formats`].
    Own,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub format: Format,
    pub formats: Formats,
    /// The line of the function around a change is shown (`-p`).
    pub shows_function: bool,
    pub suppress_common: bool,
    pub brief: bool,
    pub reports_identical: bool,
    pub recursive: bool,
    pub absent_is_empty: bool,
    pub as_text: bool,
    pub ignore_case: bool,
    pub ignore_space_change: bool,
    pub ignore_all_space: bool,
    pub ignore_trailing_space: bool,
    pub ignore_blank_lines: bool,
    pub strip_carriage_return: bool,
    pub labels: Vec<String>,
    pub excluded: Vec<String>,
    pub width: usize,
    /// The options as they are repeated in front of each pair of a tree.
    pub repeated: String,
}

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "text"),
        flag('b', "ignore-space-change"),
        flag('B', "ignore-blank-lines"),
        flag('c', "c"),
        required('C', "C"),
        optional('\0', "context"),
        optional('\0', "color"),
        flag('d', "minimal"),
        flag('e', "ed"),
        flag('i', "ignore-case"),
        required('\0', "label"),
        required('L', "L"),
        flag('N', "new-file"),
        flag('\0', "normal"),
        flag('p', "show-c-function"),
        flag('q', "brief"),
        flag('r', "recursive"),
        flag('s', "report-identical-files"),
        flag('\0', "strip-trailing-cr"),
        flag('t', "expand-tabs"),
        flag('u', "u"),
        required('U', "U"),
        optional('\0', "unified"),
        flag('w', "ignore-all-space"),
        required('W', "width"),
        required('x', "exclude"),
        flag('y', "side-by-side"),
        flag('Z', "ignore-trailing-space"),
        flag('\0', "no-dereference"),
        flag('n', "rcs"),
        flag('\0', "suppress-common-lines"),
        required('D', "ifdef"),
        required('\0', "line-format"),
        required('\0', "old-line-format"),
        required('\0', "new-line-format"),
        required('\0', "unchanged-line-format"),
        required('\0', "old-group-format"),
        required('\0', "new-group-format"),
        required('\0', "changed-group-format"),
        required('\0', "unchanged-group-format"),
        required('\0', "from-file"),
        required('\0', "to-file"),
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
    usage: "[OPTION]... FILE1 FILE2",
    usage_status: 2,
    operand_ends: false,
};

const CONTEXT: usize = 3;

/// Reads the command line.
pub fn parse(args: &Args) -> Result<(Options, Vec<[OsString; 2]>), Failure> {
    let parsed = SYNTAX.parse(args)?;
    let from = parsed.value("from-file").map(Value::os);
    let to = parsed.value("to-file").map(Value::os);
    let pairs = match parsed.operands.as_slice() {
        each if !each.is_empty() && (from.is_some() || to.is_some()) => each
            .iter()
            .map(|operand| match (&from, &to) {
                (Some(from), _) => [from.clone(), operand.clone()],
                (None, to) => [operand.clone(), to.clone().unwrap_or_default()],
            })
            .collect(),
        [left, right] => vec![[left.clone(), right.clone()]],
        [] => {
            return Err(SYNTAX.wrong(
                args,
                &format!("missing operand after {}", quote(&args.name)),
            ));
        }
        [only] => return Err(SYNTAX.wrong(args, &format!("missing operand after {}", quote(only)))),
        [_, _, extra, ..] => {
            return Err(SYNTAX.wrong(args, &format!("extra operand {}", quote(extra))));
        }
    };
    let mut format = Format::Normal;
    let mut options = Options {
        format,
        formats: Formats::default(),
        shows_function: parsed.has("show-c-function"),
        suppress_common: parsed.has("suppress-common-lines"),
        brief: parsed.has("brief"),
        reports_identical: parsed.has("report-identical-files"),
        recursive: parsed.has("recursive"),
        absent_is_empty: parsed.has("new-file"),
        as_text: parsed.has("text"),
        ignore_case: parsed.has("ignore-case"),
        ignore_space_change: parsed.has("ignore-space-change"),
        ignore_all_space: parsed.has("ignore-all-space"),
        ignore_trailing_space: parsed.has("ignore-trailing-space"),
        ignore_blank_lines: parsed.has("ignore-blank-lines"),
        strip_carriage_return: parsed.has("strip-trailing-cr"),
        labels: Vec::new(),
        excluded: Vec::new(),
        width: 130,
        repeated: repeated(args, &parsed.operands),
    };
    // The old form of a context: `-u1`, `-c -2`.
    let mut digits = String::new();
    for (name, value) in &parsed.options {
        if options.formats.set(name, bytes(&value.os()).to_vec()) {
            format = Format::Own;
            continue;
        }
        match *name {
            "rcs" => format = Format::Rcs,
            digit if digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit() => {
                digits.push_str(digit);
            }
            "normal" => format = Format::Normal,
            "ed" => format = Format::Ed,
            "side-by-side" => format = Format::SideBySide,
            "u" => format = Format::Unified(CONTEXT),
            "c" => format = Format::Context(CONTEXT),
            "U" | "unified" => format = Format::Unified(context(args, value)?),
            "C" | "context" => format = Format::Context(context(args, value)?),
            "label" | "L" => options.labels.push(value.text()),
            "exclude" => options.excluded.push(value.text()),
            "width" => options.width = value.text().parse().unwrap_or(130),
            _ => {}
        }
    }
    if options.shows_function && format == Format::Normal {
        format = Format::Context(CONTEXT);
    }
    if let Ok(lines) = digits.parse() {
        format = match format {
            Format::Context(_) => Format::Context(lines),
            Format::Unified(_) => Format::Unified(lines),
            other => other,
        };
    }
    options.format = format;
    Ok((options, pairs))
}

fn context(args: &Args, value: &Value) -> Result<usize, Failure> {
    if !value.is_given() {
        return Ok(CONTEXT);
    }
    let text = value.text();
    text.parse()
        .map_err(|_| SYNTAX.wrong(args, &format!("invalid context length {}", quote(&text))))
}

/// The command line without the operands.
fn repeated(args: &Args, operands: &[OsString]) -> String {
    let count = args.list.len() - operands.len().min(args.list.len());
    let mut left = operands.to_vec();
    let mut words = Vec::with_capacity(count);
    for arg in &args.list {
        match left.iter().position(|operand| operand == arg) {
            Some(at) => drop(left.remove(at)),
            None => words.push(arg.to_string_lossy().into_owned()),
        }
    }
    words.iter().map(|word| format!(" {word}")).collect()
}
