//! Text behind a flag as the JSON that the flag's schema has in mind.

use std::cell::OnceCell;

use serde_json::Value;

use super::schema::{Alternative, Shape, Type};

/// Lists in lists that one bare text is read as: a schema whose elements are lists of their own kind has no innermost.
const MOST_LISTS: usize = 4;

/// Reads what was given for one flag, once or several times, as JSON.
///
/// The alternatives of the schema are tried in its own order, and the first that can take the text does: a string
/// that may be null stays a string, whatever it looks like. Numbers keep their digits: what a double cannot hold is
/// the host's to judge.
///
/// # Errors
/// What the flag wants, for people.
pub(super) fn read(shape: &Shape<'_>, flag: &str, texts: &[&str]) -> Result<String, String> {
    read_nested(shape, flag, texts, MOST_LISTS)
}

fn read_nested(
    shape: &Shape<'_>,
    flag: &str,
    texts: &[&str],
    lists: usize,
) -> Result<String, String> {
    // The same for every alternative that is a list.
    let list = OnceCell::new();
    let as_list = || {
        let list = list.get_or_init(|| elements(shape, texts, lists));
        list.clone()
    };
    let telling = shape.telling();
    if let Some(json) = telling.iter().find_map(|one| one.read(texts, &as_list)) {
        return Ok(json);
    }
    match texts {
        [text] => Err(format!("--{flag} must be {}, not {text:?}", wanted(shape))),
        texts if shape.allows(Type::Array) => {
            let element = shape.element(0);
            let wrong = texts
                .iter()
                .find(|text| read(&element, flag, &[text]).is_err());
            let (wanted, text) = (wanted(&element), wrong.unwrap_or(&""));
            Err(format!("--{flag} must be {wanted} each time, not {text:?}"))
        }
        texts => Err(format!(
            "--{flag} takes one value, and it is given {} times",
            texts.len()
        )),
    }
}

impl Alternative<'_> {
    fn read(&self, texts: &[&str], as_list: &dyn Fn() -> Option<String>) -> Option<String> {
        let types = self.types();
        if let Some(values) = self.values() {
            let [text] = texts else { return None };
            return listed(&values, text);
        }
        let list = |kinds: &[Type]| kinds.contains(&Type::Array);
        match (texts, types) {
            ([text], None) => Some(json_or_string(text)),
            ([text], Some(kinds)) => kinds.iter().find_map(|kind| scalar(*kind, text, as_list)),
            (_, Some(kinds)) if list(&kinds) => as_list(),
            _ => None,
        }
    }
}

fn scalar(kind: Type, text: &str, as_list: &dyn Fn() -> Option<String>) -> Option<String> {
    if kind == Type::String {
        return Some(string(text));
    }
    if kind == Type::Array {
        return as_list();
    }
    parsed(text)
        .filter(|value| kind.holds(value))
        .map(|_| text.trim().to_owned())
}

/// A list of what was given, element by element or as JSON arrays of elements.
fn elements(shape: &Shape<'_>, texts: &[&str], lists: usize) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        match whole_array(shape, all.len(), text) {
            // The text inside the brackets, so that numbers keep their digits.
            Some(inner) if inner.is_empty() => {}
            Some(inner) => all.push(inner),
            None => {
                let lists = lists.checked_sub(1)?;
                let element = shape.element(all.len());
                all.push(read_nested(&element, "", &[text], lists).ok()?);
            }
        }
    }
    Some(format!("[{}]", all.join(",")))
}

/// What is inside of a JSON array whose elements all fit.
fn whole_array(shape: &Shape<'_>, from: usize, text: &str) -> Option<String> {
    let value = parsed(text)?;
    let mut elements = value.as_array()?.iter().enumerate();
    let fit = elements.all(|(index, value)| shape.element(from + index).fits(value));
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    fit.then(|| inner.trim().to_owned())
}

/// The listed value that the text names, itself or as JSON.
fn listed(values: &[&Value], text: &str) -> Option<String> {
    let strings = values.iter().find(|value| value.as_str() == Some(text));
    let other = || {
        let json = parsed(text)?;
        values.iter().find(|value| ***value == json)
    };
    strings.or_else(other).map(|value| value.to_string())
}

fn json_or_string(text: &str) -> String {
    parsed(text).map_or_else(|| string(text), |_| text.trim().to_owned())
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// A string as JSON.
pub(super) fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// What a flag wants, for people.
fn wanted(shape: &Shape<'_>) -> String {
    let mut all: Vec<String> = Vec::new();
    for alternative in shape.telling() {
        let mut named = |name: String| {
            if !all.contains(&name) {
                all.push(name);
            }
        };
        match alternative.values() {
            Some(values) => values.iter().for_each(|value| named(shown(value))),
            None => {
                let kinds = alternative.types().unwrap_or_default();
                kinds.iter().for_each(|kind| named(with_article(*kind)));
            }
        }
    }
    match all.as_slice() {
        [] => "something else".into(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

fn with_article(kind: Type) -> String {
    let text = match kind {
        Type::String => "a string",
        Type::Integer => "an integer",
        Type::Number => "a number",
        Type::Boolean => "true or false",
        Type::Null => "null",
        Type::Array => "a JSON array",
        Type::Object => "a JSON object",
    };
    text.into()
}

/// A value as one types it: strings without quotes.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
