//! YAML 1.2 with the core schema, read into values: aliases and merge keys (`<<`) are replaced by what they name.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::value::{DEEPEST, Value};

/// The most values that aliases may make: ten lines can stand for billions.
const MOST: usize = 2_000_000;

/// A value that is being read.
enum Open {
    List(Vec<Value>),
    /// With the name whose value comes next.
    Map(Vec<(String, Value)>, Option<String>),
}

struct Frame {
    open: Open,
    anchor: usize,
    /// Values in it so far.
    count: usize,
}

/// What was read.
#[derive(Default)]
pub struct Documents {
    pub values: Vec<Value>,
    /// A tag that is none of the core schema's, and its line: it cannot be kept.
    pub tag: Option<(String, usize)>,
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Value, usize)>,
    copied: usize,
    root: Option<Value>,
    found: Documents,
}

/// All documents of a text.
///
/// # Errors
/// What is wrong, and where.
pub fn read_yaml(text: &str) -> Result<Documents, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let line = span.start.line();
        builder
            .take(event, line)
            .map_err(|what| format!("line {line}: {what}"))?;
    }
    Ok(builder.found)
}

impl Builder {
    fn take(&mut self, event: Event, line: usize) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) => {
                self.root = None;
                self.anchors.clear();
            }
            Event::DocumentEnd => {
                let root = self.root.take().unwrap_or(Value::Null);
                self.found.values.push(root);
            }
            Event::Alias(anchor) => {
                let (value, count) = self
                    .anchors
                    .get(&anchor)
                    .ok_or("an alias of what it is in")?;
                self.copied += count;
                if self.copied > MOST {
                    return Err(format!("aliases make more than {MOST} values"));
                }
                let (value, count) = (value.clone(), *count);
                return self.put(value, 0, count);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag, line)?;
                return self.put(value, anchor, 1);
            }
            Event::SequenceStart(anchor, tag) => {
                self.note(tag, line);
                return self.open(Open::List(Vec::new()), anchor);
            }
            Event::MappingStart(anchor, tag) => {
                self.note(tag, line);
                return self.open(Open::Map(Vec::new(), None), anchor);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.frames.pop() else {
                    return Ok(());
                };
                let value = match frame.open {
                    Open::List(list) => Value::List(list),
                    Open::Map(map, _) => Value::Map(merged(map)?),
                };
                return self.put(value, frame.anchor, frame.count + 1);
            }
            Event::StreamStart | Event::StreamEnd | Event::Nothing => {}
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize) -> Result<(), String> {
        if self.frames.len() >= DEEPEST {
            return Err("nested too deep".to_owned());
        }
        self.frames.push(Frame {
            open,
            anchor,
            count: 0,
        });
        Ok(())
    }

    fn put(&mut self, value: Value, anchor: usize, count: usize) -> Result<(), String> {
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), count));
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        frame.count += count;
        match &mut frame.open {
            Open::List(list) => list.push(value),
            Open::Map(map, name) => match name.take() {
                Some(name) => map.push((name, value)),
                None => *name = Some(key(value)?),
            },
        }
        Ok(())
    }

    fn note(&mut self, tag: Option<Cow<Tag>>, line: usize) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() && tag.suffix != "!") {
            let named = format!("{}{}", tag.handle, tag.suffix);
            self.found.tag.get_or_insert((named, line));
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<Cow<Tag>>,
        line: usize,
    ) -> Result<Value, String> {
        let Some(tag) = tag else {
            return Ok(match style {
                ScalarStyle::Plain => resolve(text),
                _ => Value::Text(text.to_owned()),
            });
        };
        if !tag.is_yaml_core_schema() {
            self.note(Some(tag), line);
            return Ok(Value::Text(text.to_owned()));
        }
        let resolved = resolve(text);
        match (tag.suffix.as_str(), &resolved) {
            ("int" | "float", Value::Number(_)) | ("bool", Value::Bool(_)) => Ok(resolved),
            ("null", _) => Ok(Value::Null),
            ("int" | "float" | "bool", _) => Err(format!("'{text}' is no !!{}", tag.suffix)),
            _ => Ok(Value::Text(text.to_owned())),
        }
    }
}

/// The name of a value in a mapping: JSON's are texts.
fn key(value: Value) -> Result<String, String> {
    match value {
        Value::Text(text) | Value::Number(text) => Ok(text),
        Value::Null => Ok("null".to_owned()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::List(_) | Value::Map(_) => Err("a key that is no scalar".to_owned()),
    }
}

/// A mapping with what its merge keys name: what stands there itself comes behind, and so counts.
fn merged(map: Vec<(String, Value)>) -> Result<Vec<(String, Value)>, String> {
    if !map.iter().any(|(name, _)| name == "<<") {
        return Ok(map);
    }
    let mut all = Vec::new();
    let mut own = Vec::new();
    for (name, value) in map {
        match (name.as_str(), value) {
            ("<<", Value::Map(more)) => all.extend(more),
            ("<<", Value::List(list)) => {
                // The first of them counts.
                for each in list.into_iter().rev() {
                    match each {
                        Value::Map(more) => all.extend(more),
                        _ => return Err("a merge of what is no mapping".to_owned()),
                    }
                }
            }
            ("<<", _) => return Err("a merge of what is no mapping".to_owned()),
            (_, value) => own.push((name, value)),
        }
    }
    all.extend(own);
    Ok(all)
}

/// What a plain scalar means in the [core schema](https://yaml.org/spec/1.2.2/#103-core-schema). Numbers with zeros in
/// front, which YAML 1.1 takes as octal, stay texts: `0644` is written as it was.
pub fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        // JSON has no such numbers: jq takes these for the largest, and for null.
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Number("1e1000".to_owned());
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Number("-1e1000".to_owned()),
        ".nan" | ".NaN" | ".NAN" => return Value::Null,
        _ => {}
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.starts_with(['+', '-'])
            && let Ok(number) = u64::from_str_radix(digits, radix)
        {
            return Value::Number(number.to_string());
        }
    }
    decimal(text).map_or_else(|| Value::Text(text.to_owned()), Value::Number)
}

/// JSON's text of `[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?`.
fn decimal(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    if !has_digits || !digits(whole) || !digits(fraction) {
        return None;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return None;
    }
    if let Some(exponent) = exponent {
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if power.is_empty() || !digits(power) {
            return None;
        }
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = match (mantissa.contains('.'), fraction) {
        (false, _) => String::new(),
        (true, "") => ".0".to_owned(),
        (true, fraction) => format!(".{fraction}"),
    };
    let exponent = exponent
        .map(|power| format!("e{power}"))
        .unwrap_or_default();
    Some(format!("{sign}{whole}{point}{exponent}"))
}
