//! `yq`: YAML through jq. Options are those of [mikefarah's yq](https://mikefarah.gitbook.io/yq/), which programs and people
//! mean mostly, and of [kislyuk's](https://kislyuk.github.io/yq/), where these do not say other things: what comes out is
//! YAML, unless `-o json`, `-j` or `-c` asks for JSON. The language is jq's, and the machine's `jq` runs it.
//!
//! Comments, anchors and the styles of texts are not kept: a value of JSON has none.

mod filter;
mod read;
mod run;
mod value;
mod write;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, optional, required, warn,
};
use secure_exec_sys::errno;

use read::read_yaml;
use value::{Value, read_json};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('C', "colors"),
        flag('c', "compact-output"),
        flag('e', "exit-status"),
        required('f', "from-file"),
        required('\0', "expression"),
        required('I', "indent"),
        flag('i', "inplace"),
        flag('\0', "in-place"),
        required('p', "input-format"),
        flag('M', "no-colors"),
        flag('N', "no-doc"),
        flag('n', "null-input"),
        required('o', "output-format"),
        flag('P', "prettyPrint"),
        optional('\0', "raw-output"),
        flag('r', "r"),
        flag('s', "slurp"),
        flag('S', "sort-keys"),
        flag('j', "tojson"),
        optional('\0', "unwrapScalar"),
        flag('V', "version"),
        flag('y', "yaml-output"),
        flag('Y', "yaml-roundtrip"),
    ],
    usage: "[eval|eval-all] [OPTION]... [EXPRESSION] [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Yaml,
    Json,
}

struct Settings {
    input: Format,
    output: Format,
    indent: usize,
    /// Texts alone are written as they are.
    bare: bool,
    separates: bool,
    null_input: bool,
    slurp: bool,
    all: bool,
    sorts: bool,
    checks: bool,
    /// Options of jq's own: `--arg` and its kin.
    variables: Vec<OsString>,
}

pub fn main(args: &Args) -> Outcome {
    let mut list = args.list.clone();
    let variables = variables(&mut list)?;
    let all = match list.first().map(bytes) {
        Some(b"eval" | b"e") => {
            list.remove(0);
            false
        }
        Some(b"eval-all" | b"ea") => {
            list.remove(0);
            true
        }
        _ => false,
    };
    let args = Args {
        name: args.name.clone(),
        list,
    };
    let parsed = SYNTAX.parse(&args)?;
    if parsed.has("version") {
        println!(
            "yq (compatible with https://github.com/mikefarah/yq/) version v4 (secure-exec {})",
            env!("CARGO_PKG_VERSION")
        );
        return Ok(0);
    }
    let settings = settings(&args, &parsed, variables, all)?;
    let (expression, files) = operands(&parsed)?;
    let program = filter::program(&expression, all, settings.marks())
        .map_err(|what| fail(format!("Error: {what}")))?;
    if parsed.has("inplace") || parsed.has("in-place") {
        return in_place(&args, &settings, &program, &files);
    }
    let mut inputs = Vec::new();
    if !settings.null_input {
        for file in &files {
            let (values, tag) = documents(file, settings.input)?;
            if let Some((tag, line)) = tag {
                warn(
                    &args.name,
                    format_args!("{}: line {line}: the tag {tag} is not kept", shown(file)),
                );
            }
            inputs.extend(values);
        }
    }
    let results = run::jq(&settings.jq(&program), &inputs)?;
    io::stdout().write_all(settings.written(&results.documents).as_bytes())?;
    Ok(settings.status(&results))
}

/// Takes `--arg NAME VALUE` and its kin out of a command line: they have two values.
fn variables(list: &mut Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let mut taken = Vec::new();
    let mut at = 0;
    while at < list.len() && bytes(&list[at]) != b"--" {
        if [&b"--arg"[..], b"--argjson", b"--slurpfile", b"--rawfile"].contains(&bytes(&list[at])) {
            if list.len() < at + 3 {
                return Err(fail(format!(
                    "{} takes two parameters",
                    list[at].to_string_lossy()
                )));
            }
            taken.extend(list.drain(at..at + 3));
        } else {
            at += 1;
        }
    }
    Ok(taken)
}

fn settings(
    args: &Args,
    parsed: &Parsed,
    variables: Vec<OsString>,
    all: bool,
) -> Result<Settings, Failure> {
    let format = |option: &str, default: Format| -> Result<Format, Failure> {
        let Some(value) = parsed.value(option) else {
            return Ok(default);
        };
        // `-o=json` is written as well: the sign belongs to the letter then.
        match value.text().trim_start_matches('=') {
            "yaml" | "y" | "yml" | "auto" | "a" => Ok(Format::Yaml),
            "json" | "j" | "ndjson" => Ok(Format::Json),
            other => Err(fail(format!(
                "Error: the format '{other}' is not supported by this yq: only yaml and json are"
            ))),
        }
    };
    let last = parsed.last_of(&[
        "compact-output",
        "output-format",
        "tojson",
        "yaml-output",
        "yaml-roundtrip",
    ]);
    let output = match last {
        Some("compact-output" | "tojson") => Format::Json,
        Some("output-format") => format("output-format", Format::Yaml)?,
        _ => Format::Yaml,
    };
    let switch = |value: &str| !matches!(value, "=false" | "false" | "0");
    let raw = match parsed.last_of(&["raw-output", "unwrapScalar", "r"]) {
        Some("r") => Some(true),
        Some(name) => Some(parsed.value(name).is_none_or(|value| switch(&value.text()))),
        None => None,
    };
    let indent = match parsed.value("indent") {
        _ if parsed.has("compact-output") => 0,
        None => 2,
        Some(value) => value
            .text()
            .trim_start_matches('=')
            .parse()
            .ok()
            .filter(|indent| *indent <= 16)
            .ok_or_else(|| SYNTAX.wrong(args, "the indent must be a number up to 16"))?,
    };
    Ok(Settings {
        input: format("input-format", Format::Yaml)?,
        output,
        indent,
        bare: raw.unwrap_or(output == Format::Yaml),
        separates: !parsed.has("no-doc"),
        null_input: parsed.has("null-input"),
        slurp: parsed.has("slurp"),
        all,
        sorts: parsed.has("sort-keys"),
        checks: parsed.has("exit-status"),
        variables,
    })
}

/// The expression and the files; `-` is standard input.
fn operands(parsed: &Parsed) -> Result<(String, Vec<OsString>), Failure> {
    let mut operands = parsed.operands.clone();
    let is_file = |name: &OsString| {
        bytes(name) == b"-" || fs::metadata(name).is_ok_and(|found| found.is_file())
    };
    let expression = if let Some(file) = parsed.value("from-file") {
        let text = fs::read(file.os()).map_err(|error| cannot(&file.os(), &error))?;
        String::from_utf8_lossy(&text).into_owned()
    } else if let Some(expression) = parsed.value("expression") {
        expression.text()
    } else if operands.is_empty() || (operands.len() == 1 && is_file(&operands[0])) {
        // A file alone is shown.
        ".".to_owned()
    } else {
        operands.remove(0).to_string_lossy().into_owned()
    };
    if operands.is_empty() {
        operands.push("-".into());
    }
    Ok((expression, operands))
}

fn shown(file: &OsString) -> String {
    file.to_string_lossy().into_owned()
}

fn cannot(file: &OsString, error: &io::Error) -> Failure {
    fail(format!(
        "Error: open {}: {}",
        shown(file),
        errno::message(error)
    ))
}

/// Documents, and a tag in them that is not kept, with its line.
type Found = (Vec<Value>, Option<(String, usize)>);

/// The documents of a file, and a tag in it that is not kept.
fn documents(file: &OsString, format: Format) -> Result<Found, Failure> {
    let mut text = Vec::new();
    let read = if bytes(file) == b"-" {
        io::stdin().lock().read_to_end(&mut text).map(drop)
    } else {
        fs::read(file).map(|content| text = content)
    };
    read.map_err(|error| cannot(file, &error))?;
    let wrong = |what: String| fail(format!("Error: bad file '{}': {what}", shown(file)));
    let text = String::from_utf8(text).map_err(|_| wrong("it is not UTF-8".to_owned()))?;
    match format {
        Format::Json => Ok((read_json(&text).map_err(wrong)?, None)),
        Format::Yaml => {
            let found = read_yaml(&text).map_err(wrong)?;
            Ok((found.values, found.tag))
        }
    }
}

/// The first document of a file, for `load`.
fn load(name: &str) -> Result<Value, String> {
    let (values, _) = documents(&name.into(), Format::Yaml).map_err(|failure| failure.message)?;
    Ok(values.into_iter().next().unwrap_or(Value::Null))
}

/// Replaces what is in files by what the expression makes of it. A file stays as it is if that fails.
fn in_place(args: &Args, settings: &Settings, program: &str, files: &[OsString]) -> Outcome {
    let mut status = 0;
    let groups: Vec<&[OsString]> = if settings.all {
        // All are read, the first is written.
        vec![files]
    } else {
        files.chunks(1).collect()
    };
    for group in groups {
        let mut inputs = Vec::new();
        for file in group {
            if bytes(file) == b"-" {
                return Err(SYNTAX.wrong(args, "write inplace flag only applicable when giving an expression and at least one file"));
            }
            let (values, tag) = documents(file, settings.input)?;
            if let Some((tag, line)) = tag {
                return Err(fail(format!(
                    "Error: {}: line {line}: the tag {tag} would be lost: the file is left as it is",
                    shown(file)
                )));
            }
            inputs.extend(values);
        }
        let results = run::jq(&settings.jq(program), &inputs)?;
        if results.status != 0 {
            return Ok(results.status);
        }
        fs::write(&group[0], settings.written(&results.documents))
            .map_err(|error| cannot(&group[0], &error))?;
        status = settings.status(&results);
    }
    Ok(status)
}

impl Settings {
    /// Whether documents are told apart in what jq prints.
    fn marks(&self) -> bool {
        self.all || !(self.null_input || self.slurp)
    }

    fn jq(&self, program: &str) -> Vec<OsString> {
        let mut list: Vec<OsString> = vec!["-c".into()];
        if self.null_input {
            list.push("-n".into());
        }
        if self.slurp || self.all {
            list.push("-s".into());
        }
        if self.sorts {
            list.push("-S".into());
        }
        list.extend(self.variables.iter().cloned());
        list.push(program.into());
        list
    }

    fn written(&self, documents: &[Vec<Value>]) -> String {
        let mut out = String::new();
        let mut first = true;
        for values in documents.iter().filter(|values| !values.is_empty()) {
            if !first && self.separates && self.output == Format::Yaml {
                out.push_str("---\n");
            }
            first = false;
            for value in values {
                match (self.output, value) {
                    (Format::Yaml, value) => {
                        write::write_yaml(value, self.indent.max(1), self.bare, &mut out)
                    }
                    (Format::Json, Value::Text(text)) if self.bare => {
                        out.push_str(text);
                        out.push('\n');
                    }
                    (Format::Json, value) => {
                        value.write_json(self.indent, &mut out);
                        out.push('\n');
                    }
                }
            }
        }
        out
    }

    /// With `-e`, whether the last value says yes.
    fn status(&self, results: &run::Results) -> i32 {
        let last = results.documents.iter().flatten().last();
        let says_no = matches!(last, None | Some(Value::Null | Value::Bool(false)));
        if results.status == 0 && self.checks && says_no {
            return 1;
        }
        results.status
    }
}
