//! Compiles filters, with what they may call.

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::v;
use jaq_core::{Compiler, DataT, Lut, compile};
use jaq_json::Val;
use jaq_std::input::{self, HasInputs, Inputs};
use std::cell::RefCell;
use std::path::PathBuf;

pub type Filter = jaq_core::Filter<Kind>;

/// The kind of data that filters run on.
pub struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = &'a Data<'a>;
}

pub struct Data<'a> {
    pub lut: &'a Lut<Kind>,
    pub inputs: Inputs<'a, Val>,
    /// The name of the file being read.
    pub name: &'a RefCell<String>,
}

impl<'a> jaq_core::data::HasLut<'a, Kind> for &'a Data<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

impl<'a> HasInputs<'a, Val> for &'a Data<'a> {
    fn inputs(&self) -> Inputs<'a, Val> {
        self.inputs
    }
}

/// What jq has and jaq has not, or has otherwise.
const DEFINITIONS: &str = r#"
def tojson: _tojson;
def @json: _tojson;
def tostring: if isstring then . else _tojson end;
def @text: tostring;
def todate: strftime("%Y-%m-%dT%H:%M:%SZ");
def input_line_number: 0;
def ascii: [.] | implode;
def halt_error($code): _halt_error, halt($code);
def halt_error: halt_error(5);
def abs: if isnumber and . < 0 then - . else . end;
def toarray: if isarray then . else [.] end;
def have_literal_numbers: true;
def have_decnum: false;
def pick(paths): . as $top | reduce path(paths) as $p (null; setpath($p; $top | getpath($p)));
def env: $ENV;
def @csv: if isarray then map(
    if isnumber then _tojson
    elif isboolean then tostring
    elif . == null then ""
    elif isstring then "\"" + gsub("\""; "\"\"") + "\""
    else error(type + " (" + _tojson + ") is not valid in a csv row") end) | join(",")
  else error(type + " (" + _tojson + ") cannot be csv-formatted, only an array can be") end;
def @tsv: if isarray then map(
    if isnumber then _tojson
    elif isboolean then tostring
    elif . == null then ""
    elif isstring then
      gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n") | gsub("\r"; "\\r")
    else error(type + " (" + _tojson + ") is not valid in a tsv row") end) | join("\t")
  else error(type + " (" + _tojson + ") cannot be tsv-formatted, only an array can be") end;
def leaf_paths: paths(scalars);
def recurse_down: recurse;
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; . + {($row | f | tostring): $row});
def INDEX(f): INDEX(.[]; f);
def GROUP_BY(f): group_by(f);
def ltrimstr($x): if isstring and ($x | isstring) and startswith($x) then .[($x | length):] else . end;
def rtrimstr($x): if isstring and ($x | isstring) and endswith($x) and ($x | length) > 0
  then .[:length - ($x | length)] else . end;
def _events: if (isarray or isobject) and length > 0
  then (keys_unsorted as $keys | ($keys[] as $k | .[$k] | _events | .[0] |= [$k] + .), [[$keys[-1]]])
  else [[], .] end;
def tostream: _events;
def _put($p; $v): if ($p | length) == 0 then $v
  else ($p[0] | isnumber) as $n
  | (if . == null then (if $n then [] else {} end) else . end)
  | if $n and $p[0] >= length then . + [(null | _put($p[1:]; $v))]
    elif $n then .[$p[0]] |= _put($p[1:]; $v)
    else . + {($p[0]): ((.[$p[0]]) | _put($p[1:]; $v))} end end;
def fromstream(f): {x: null, e: false} as $init
  | foreach f as $i ($init;
      if .e then $init else . end
      | if $i | length == 2
        then {x: (if ($i[0] | length) == 0 then $i[1] else .x | _put($i[0]; $i[1]) end), e: (($i[0] | length) == 0)}
        else {x: .x, e: (($i[0] | length) == 1)} end;
      if .e then .x else empty end);
def truncate_stream(stream): . as $n | stream
  | if (.[0] | length) > $n then .[0] |= .[$n:] else empty end;
def input: first(_input_or_none) | if . == null then error("No more inputs") else .[0] end;
"#;

pub fn compile(code: &str, names: &[String], library: &[PathBuf]) -> Result<Filter, String> {
    let own = load::parse(DEFINITIONS, |parser| parser.defs()).unwrap_or_default();
    let definitions = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .chain(own);
    let native = jaq_core::native::run::<Kind>;
    let inputs = input::funs::<Kind>().into_vec().into_iter().map(native);
    let own = [
        native(("input_filename", v(0), |cv| {
            let name = cv.0.data().name.borrow();
            let known = !name.is_empty() && *name != "<stdin>";
            let name = if known {
                Val::from(name.clone())
            } else {
                Val::Null
            };
            Box::new(std::iter::once(Ok(name)))
        })),
        native(("_input_or_none", v(0), |cv| {
            let mut inputs = cv.0.data().inputs;
            let next = inputs.next();
            let value = match next {
                None => Ok(Val::Null),
                Some(Ok(value)) => Ok(std::iter::once(value).collect()),
                Some(Err(text)) => Err(jaq_core::Error::str(text).into()),
            };
            Box::new(std::iter::once(value))
        })),
        native(("_tojson", v(0), |cv| {
            let mut text = Vec::new();
            super::write::compact(&mut text, &cv.1);
            Box::new(std::iter::once(Ok(Val::utf8_str(text))))
        })),
        native(("_halt_error", v(0), |cv| {
            match &cv.1 {
                Val::TStr(text) => eprint!("{}", String::from_utf8_lossy(text)),
                other => {
                    let mut text = Vec::new();
                    super::write::compact(&mut text, other);
                    eprintln!("{}", String::from_utf8_lossy(&text));
                }
            }
            Box::new(std::iter::empty())
        })),
    ];
    let functions = jaq_core::funs::<Kind>()
        .chain(jaq_std::funs::<Kind>())
        .chain(jaq_json::funs::<Kind>())
        .chain(inputs)
        .chain(own);
    let arena = Arena::default();
    let code = &joined_surrogates(code);
    let file = File {
        code: code.as_str(),
        path: PathBuf::from("."),
    };
    let modules = Loader::new(definitions)
        .with_std_read(library)
        .load(&arena, file)
        .map_err(|errors| load_message(&errors))?;
    Compiler::default()
        .with_funs(functions)
        .with_global_vars(names.iter().map(String::as_str))
        .compile(modules)
        .map_err(|errors| compile_message(&errors))
}

/// Replaces escapes of surrogate pairs, which jaq does not read, by the characters they are.
fn joined_surrogates(code: &str) -> String {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut joined = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find('\\') {
        joined.push_str(&rest[..at]);
        rest = &rest[at..];
        let pair = unit(rest).zip(rest.get(6..).and_then(unit));
        let character = pair.and_then(|(high, low)| {
            let decoded = char::decode_utf16([high, low]).next()?.ok()?;
            (decoded.len_utf16() == 2).then_some(decoded)
        });
        let escape = if let Some(character) = character {
            joined.push(character);
            12
        } else {
            // A backslash and what it quotes.
            let quoted = rest[1..].chars().next().map_or(0, char::len_utf8);
            joined.push_str(&rest[..=quoted]);
            1 + quoted
        };
        rest = &rest[escape..];
    }
    joined.push_str(rest);
    joined
}

fn load_message<P>(errors: &load::Errors<&str, P>) -> String {
    let mut messages = Vec::new();
    for (_, error) in errors {
        match error {
            load::Error::Io(errors) => {
                messages.extend(
                    errors
                        .iter()
                        .map(|(path, error)| format!("{path}: {error}")),
                );
            }
            load::Error::Lex(errors) => {
                messages.extend(errors.iter().map(|(expected, rest)| {
                    format!("syntax error, expected {} at: {rest}", expected.as_str())
                }));
            }
            load::Error::Parse(errors) => {
                messages.extend(errors.iter().map(|(expected, found)| {
                    let found = if found.is_empty() {
                        "end of program"
                    } else {
                        found
                    };
                    format!(
                        "syntax error, unexpected {found}, expected {}",
                        expected.as_str()
                    )
                }));
            }
        }
    }
    messages.join("\n")
}

fn compile_message<P>(errors: &compile::Errors<&str, P>) -> String {
    let mut messages = Vec::new();
    for (_, errors) in errors {
        for (name, kind) in errors {
            messages.push(match kind {
                compile::Undefined::Filter(arity) => {
                    format!("{name}/{arity} is not defined at <top-level>")
                }
                other => format!("{} {name} is not defined at <top-level>", other.as_str()),
            });
        }
    }
    messages.join("\n")
}

/// `debug`, `stderr` and the like write through the `log` crate.
struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() == log::Level::Debug {
            eprintln!("[\"DEBUG:\",{}]", record.args());
        } else {
            eprint!("{}", record.args());
        }
    }

    fn flush(&self) {}
}

pub fn log_to_stderr() {
    static LOGGER: Stderr = Stderr;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}
