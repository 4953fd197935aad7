//! A command line of `date`.

use std::ffi::OsString;

use secure_exec_cli::{
    Args, Failure, Syntax, Value, bytes, fail, flag, optional, quote_text, required,
};

const SYNTAX: Syntax = Syntax {
    options: &[
        required('d', "date"),
        flag('\0', "debug"),
        required('f', "file"),
        optional('I', "iso-8601"),
        required('r', "reference"),
        flag('\0', "resolution"),
        flag('R', "rfc-email"),
        flag('\0', "rfc-822"),
        flag('\0', "rfc-2822"),
        required('\0', "rfc-3339"),
        required('s', "set"),
        flag('u', "utc"),
        flag('\0', "uct"),
        flag('\0', "universal"),
    ],
    usage: "[OPTION]... [+FORMAT]",
    usage_status: 1,
    operand_ends: false,
};

const DEFAULT: &[u8] = b"%a %b %e %H:%M:%S %Z %Y";
const EMAIL: &[u8] = b"%a, %d %b %Y %H:%M:%S %z";

/// What time is asked for.
pub enum Source {
    Now,
    /// How fine the clock is.
    Resolution,
    Text(OsString),
    /// That of a file's last change.
    File(OsString),
    /// Those of the lines of a file.
    Lines(OsString),
    /// To set the clock to what a text names, or to what digits name as POSIX has them.
    Setting(OsString),
    Digits(OsString),
}

pub struct Request {
    pub source: Source,
    pub utc: bool,
    pub debug: bool,
    pub format: Vec<u8>,
}

/// How exact a time is shown.
const PRECISIONS: [(&str, &str); 5] = [
    ("hours", "%H"),
    ("minutes", "%H:%M"),
    ("date", ""),
    ("seconds", "%H:%M:%S"),
    ("ns", "%H:%M:%S"),
];

/// The format of `-I`.
fn iso(value: &Value, args: &Args) -> Result<Vec<u8>, Failure> {
    let name = if value.is_given() {
        let all = ["hours", "minutes", "date", "seconds", "ns"];
        chosen(&value.os(), "--iso-8601", &all, args)?
    } else {
        "date"
    };
    Ok(stamp(name, 'T', ','))
}

fn stamp(precision: &str, between: char, comma: char) -> Vec<u8> {
    let found = PRECISIONS.iter().find(|(name, _)| *name == precision);
    let time = found.map_or("", |(_, time)| time);
    if time.is_empty() {
        return b"%Y-%m-%d".to_vec();
    }
    let fraction = if precision == "ns" {
        format!("{comma}%N")
    } else {
        String::new()
    };
    format!("%Y-%m-%d{between}{time}{fraction}%:z").into_bytes()
}

/// The word of a list that a value is or begins.
fn chosen<'a>(
    value: &OsString,
    option: &str,
    all: &[&'a str],
    args: &Args,
) -> Result<&'a str, Failure> {
    let given = bytes(value);
    let exact = all.iter().find(|word| word.as_bytes() == given);
    let begun: Vec<&&str> = all
        .iter()
        .filter(|word| word.as_bytes().starts_with(given))
        .collect();
    let what = match (exact, &begun[..]) {
        (Some(word), _) => return Ok(word),
        (None, [only]) => return Ok(only),
        (None, []) => "invalid",
        _ => "ambiguous",
    };
    let list: String = all.iter().map(|word| format!("\n  - '{word}'")).collect();
    Err(SYNTAX.wrong(
        args,
        &format!(
            "{what} argument {} for '{option}'\nValid arguments are:{list}",
            quote_text(given)
        ),
    ))
}

impl Request {
    /// # Errors
    /// Status 1: a wrong command line.
    pub fn parse(args: &Args) -> Result<Self, Failure> {
        let parsed = SYNTAX.parse(args)?;
        let mut format = None;
        let mut sources: Vec<(&str, Source)> = Vec::new();
        let mut setting = None;
        let (mut utc, mut debug) = (false, false);
        for (name, value) in &parsed.options {
            let mut source = |made: Source| {
                sources.retain(|(each, _)| each != name);
                sources.push((name, made));
            };
            match *name {
                "date" => source(Source::Text(value.os())),
                "file" => source(Source::Lines(value.os())),
                "reference" => source(Source::File(value.os())),
                "resolution" => source(Source::Resolution),
                "set" => setting = Some(value.os()),
                "debug" => debug = true,
                "iso-8601" => only(&mut format, iso(value, args)?)?,
                "rfc-3339" => {
                    let all = ["date", "seconds", "ns"];
                    let name = chosen(&value.os(), "--rfc-3339", &all, args)?;
                    only(&mut format, stamp(name, ' ', '.'))?;
                }
                "rfc-email" | "rfc-822" | "rfc-2822" => only(&mut format, EMAIL.to_vec())?,
                _ => utc = true,
            }
        }
        if sources.len() > 1 {
            let message = "the options to specify dates for printing are mutually exclusive";
            return Err(SYNTAX.wrong(args, message));
        }
        if setting.is_some() && !sources.is_empty() {
            let message = "the options to print and set the time may not be used together";
            return Err(SYNTAX.wrong(args, message));
        }
        let mut source = sources.pop().map(|(_, source)| source);
        if let Some(extra) = parsed.operands.get(1) {
            let message = format!("extra operand {}", quote_text(bytes(extra)));
            return Err(SYNTAX.wrong(args, &message));
        }
        if let Some(operand) = parsed.operands.first() {
            if let Some(text) = bytes(operand).strip_prefix(b"+") {
                only(&mut format, text.to_vec())?;
            } else if source.is_some() || setting.is_some() {
                let message = format!(
                    "the argument {} lacks a leading '+';\nwhen using an option to specify date(s), any \
                     non-option\nargument must be a format string beginning with '+'",
                    quote_text(bytes(operand))
                );
                return Err(SYNTAX.wrong(args, &message));
            } else {
                source = Some(Source::Digits(operand.clone()));
            }
        }
        let source = source
            .or_else(|| setting.map(Source::Setting))
            .unwrap_or(Source::Now);
        let unset = match source {
            Source::Resolution => b"%s.%N",
            _ => DEFAULT,
        };
        Ok(Self {
            source,
            utc,
            debug,
            format: format.unwrap_or_else(|| unset.to_vec()),
        })
    }
}

/// Takes a format if there is none yet.
fn only(format: &mut Option<Vec<u8>>, given: Vec<u8>) -> Result<(), Failure> {
    if format.is_some() {
        return Err(fail("multiple output formats specified"));
    }
    *format = Some(given);
    Ok(())
}
