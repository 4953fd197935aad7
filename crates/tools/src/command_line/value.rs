//! Text behind a flag as the JSON that the flag's schema has in mind.

use serde_json::Value;

use super::schema::{Alternative, Shape, Type};

/// Reads what was given for one flag, once or several times, as JSON.
///
/// The alternatives of the schema are tried in its own order, and the first that can take the text does: a string
/// that may be null stays a string, whatever it looks like. Numbers keep their digits: what a double cannot hold is
/// the host's to judge.
///
/// # Errors
/// What the flag wants, for people.
pub(super) fn read(shape: &Shape<'_>, flag: &str, texts: &[&str]) -> Result<String, String> {
    let telling = shape.telling();
    if let Some(json) = telling.iter().find_map(|one| one.read(shape, texts)) {
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
    fn read(&self, shape: &Shape<'_>, texts: &[&str]) -> Option<String> {
        let types = self.types();
        if let Some(values) = self.values() {
            let [text] = texts else { return None };
            return listed(&values, text);
        }
        let list = |kinds: &[Type]| kinds.contains(&Type::Array);
        match (texts, types) {
            ([text], None) => Some(json_or_string(text)),
            ([text], Some(kinds)) => kinds.iter().find_map(|kind| scalar(*kind, shape, text)),
            (texts, Some(kinds)) if list(&kinds) => elements(shape, texts),
            _ => None,
        }
    }
}

fn scalar(kind: Type, shape: &Shape<'_>, text: &str) -> Option<String> {
    if kind == Type::String {
        return Some(string(text));
    }
    if kind == Type::Array {
        return elements(shape, &[text]);
    }
    parsed(text)
        .filter(|value| kind.holds(value))
        .map(|_| text.trim().to_owned())
}

/// A list of what was given, element by element or as JSON arrays of elements.
fn elements(shape: &Shape<'_>, texts: &[&str]) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        match whole_array(shape, all.len(), text) {
            // The text inside the brackets, so that numbers keep their digits.
            Some(inner) if inner.is_empty() => {}
            Some(inner) => all.push(inner),
            None => all.push(read(&shape.element(all.len()), "", &[text]).ok()?),
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
