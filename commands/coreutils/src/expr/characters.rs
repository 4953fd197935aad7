//! What counts characters: `length`, `index`, `substr` and `:`. A character is a UTF-8 sequence, in the C locale a byte;
//! a byte that begins no sequence counts as one.

use secure_exec_cli::Failure;
use secure_exec_pattern::{Builder, Dialect, Syntax, Translation, bytes_locale, translate};

use super::invalid;
use super::value::Value;

/// The characters of a text, one after another.
fn characters(text: &[u8]) -> Vec<&[u8]> {
    if bytes_locale() || text.is_ascii() {
        return text.chunks(1).collect();
    }
    let mut found = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        found.extend(valid.char_indices().map(|(at, character)| {
            let end = at + character.len_utf8();
            &valid.as_bytes()[at..end]
        }));
        found.extend(chunk.invalid().chunks(1));
    }
    found
}

pub fn length(text: &[u8]) -> Value {
    if bytes_locale() {
        return Value::count(text.len());
    }
    let chunks = text.utf8_chunks();
    Value::count(
        chunks
            .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
            .sum(),
    )
}

/// The place of the first character of `text` that is among those of `wanted`, counted from 1; 0 if none is.
pub fn index(text: &[u8], wanted: &[u8]) -> Value {
    let wanted = characters(wanted);
    let found = characters(text)
        .iter()
        .position(|character| wanted.contains(character));
    Value::count(found.map_or(0, |at| at + 1))
}

pub fn substr(text: &[u8], place: &Value, length: &Value) -> Value {
    let (Some(place), Some(length)) = (place.size(), length.size()) else {
        return Value::Text(Vec::new());
    };
    let part = characters(text).into_iter().skip(place - 1).take(length);
    Value::Text(part.flatten().copied().collect())
}

/// Matches a basic expression with the start of a text: the first group's part, or how many characters match if there
/// are no groups.
///
/// # Errors
/// The expression is none.
pub fn matched(text: &[u8], pattern: &[u8]) -> Result<Value, Failure> {
    let unicode = !bytes_locale();
    let translation = match translate(pattern, Syntax::Basic, Dialect::grep(unicode), 0) {
        Ok(translation) => translation,
        // Such a range has no character in it: nothing matches.
        Err(error) if error.0 == "Invalid range end" => {
            let has_groups = pattern.windows(2).any(|pair| pair == br"\(");
            return Ok(if has_groups {
                Value::Text(Vec::new())
            } else {
                Value::count(0)
            });
        }
        Err(error) => return Err(invalid(message(pattern, error.0))),
    };
    let anchored = Translation {
        text: format!(r"\A(?:{})", translation.text),
        ..translation
    };
    let builder = Builder {
        unicode,
        ignore_case: false,
    };
    let compiled = builder.translated(&anchored).map_err(invalid)?;
    let mut spans = Vec::new();
    let is_match = compiled.captures_at(text, 0, &mut spans);
    if compiled.groups() > 0 {
        let group = spans.get(1).copied().flatten().filter(|_| is_match);
        let part = group.map_or(&[][..], |(start, end)| &text[start..end]);
        return Ok(Value::Text(part.to_vec()));
    }
    let end = spans.first().copied().flatten().filter(|_| is_match);
    Ok(length(&text[..end.map_or(0, |(_, end)| end)]))
}

/// The C library has no name for a bracket that is opened by the last character.
fn message<'a>(pattern: &[u8], message: &'a str) -> &'a str {
    if message.starts_with("Unmatched [") && pattern.ends_with(b"[") {
        return "Invalid regular expression";
    }
    message
}
