//! What `diff` was asked for.

use std::ffi::OsString;

use secure_exec_cli::{Args, Failure, Syntax, Value, flag, optional, quote, required};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Normal,
    Unified(usize),
    Context(usize),
    Ed,
    SideBySide,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub format: Format,
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
    ],
    usage: "[OPTION]... FILE1 FILE2",
    usage_status: 2,
    operand_ends: false,
};

const CONTEXT: usize = 3;

/// Reads the command line.
pub fn parse(args: &Args) -> Result<(Options, [OsString; 2]), Failure> {
    let parsed = SYNTAX.parse(args)?;
    let operands = match parsed.operands.as_slice() {
        [left, right] => [left.clone(), right.clone()],
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
    for (name, value) in &parsed.options {
        match *name {
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
    options.format = format;
    Ok((options, operands))
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
