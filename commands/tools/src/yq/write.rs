//! Values written as YAML, in the style of mikefarah's yq: blocks, lists two columns further in.

use super::read::resolve;
use super::value::{Value, write_text};

/// Writes a document, with a newline at its end. A text alone is itself if it is `bare`.
pub fn write_yaml(value: &Value, indent: usize, bare: bool, out: &mut String) {
    match value {
        Value::Text(text) if bare => out.push_str(text),
        Value::List(list) if !list.is_empty() => return items(list, indent, 0, out),
        Value::Map(map) if !map.is_empty() => return pairs(map, indent, 0, out),
        value => scalar(value, indent, 0, Place::Value, out),
    }
    out.push('\n');
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Key,
    Value,
}

fn blanks(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// The lines of a list; the first one begins where the text ends.
fn items(list: &[Value], indent: usize, column: usize, out: &mut String) {
    for (at, each) in list.iter().enumerate() {
        if at > 0 {
            blanks(column, out);
        }
        out.push('-');
        match each {
            // What is inside begins in the same line, and goes on below itself.
            Value::List(list) if !list.is_empty() => {
                blanks(indent.max(2) - 1, out);
                items(list, indent, column + indent.max(2), out);
            }
            Value::Map(map) if !map.is_empty() => {
                blanks(indent.max(2) - 1, out);
                pairs(map, indent, column + indent.max(2), out);
            }
            value => {
                out.push(' ');
                scalar(value, indent, column, Place::Value, out);
                out.push('\n');
            }
        }
    }
}

fn pairs(map: &[(String, Value)], indent: usize, column: usize, out: &mut String) {
    for (at, (name, value)) in map.iter().enumerate() {
        if at > 0 {
            blanks(column, out);
        }
        text(name, indent, column, Place::Key, out);
        out.push(':');
        let inside = column + indent;
        match value {
            Value::List(list) if !list.is_empty() => {
                out.push('\n');
                blanks(inside, out);
                items(list, indent, inside, out);
            }
            Value::Map(map) if !map.is_empty() => {
                out.push('\n');
                blanks(inside, out);
                pairs(map, indent, inside, out);
            }
            value => {
                out.push(' ');
                scalar(value, indent, column, Place::Value, out);
                out.push('\n');
            }
        }
    }
}

fn scalar(value: &Value, indent: usize, column: usize, place: Place, out: &mut String) {
    match value {
        Value::Text(content) => text(content, indent, column, place, out),
        // Empty, or no text: as in JSON.
        value => value.write_json(0, out),
    }
}

fn text(content: &str, indent: usize, column: usize, place: Place, out: &mut String) {
    let printable =
        |c: char| !c.is_control() && !('\u{2028}'..='\u{2029}').contains(&c) && c != '\u{feff}';
    if place == Place::Value && content.contains('\n') && is_block(content, printable) {
        return block(content, indent, column, out);
    }
    let is_other = !matches!(resolve(content), Value::Text(_))
        || (place == Place::Value && is_old_bool(content));
    if is_other || !content.chars().all(printable) {
        write_text(content, out);
    } else if is_plain(content) {
        out.push_str(content);
    } else {
        out.push('\'');
        out.push_str(&content.replace('\'', "''"));
        out.push('\'');
    }
}

/// Whether a text can be shown line by line: its first line begins with no blank, and it has no odd characters.
fn is_block(content: &str, printable: impl Fn(char) -> bool) -> bool {
    let text = content.trim_start_matches('\n');
    !text.is_empty()
        && !text.starts_with([' ', '\t'])
        && !content.starts_with('\n')
        && content
            .chars()
            .all(|c| printable(c) || c == '\n' || c == '\t')
}

fn block(content: &str, indent: usize, column: usize, out: &mut String) {
    let body = content.strip_suffix('\n');
    out.push_str(match body {
        None => "|-",
        Some(body) if body.ends_with('\n') || body.is_empty() => "|+",
        Some(_) => "|",
    });
    for line in body.unwrap_or(content).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            blanks(column + indent, out);
            out.push_str(line);
        }
    }
}

/// What YAML 1.1 takes for a truth value, and other programs may.
fn is_old_bool(content: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off"].contains(&content.to_ascii_lowercase().as_str())
}

/// Whether a text stands for itself without quotes.
fn is_plain(content: &str) -> bool {
    let mut chars = content.chars();
    let first = chars.next();
    let second = chars.next();
    let starts = match first {
        None => false,
        // These are signs only before a blank.
        Some('-' | '?' | ':') => second.is_some_and(|c| c != ' ' && c != '\t'),
        Some(c) => !" \t,[]{}#&*!|>'\"%@`".contains(c),
    };
    starts
        && !content.ends_with([' ', '\t', ':'])
        && !content.contains(": ")
        && !content.contains(":\t")
        && !content.contains(" #")
        && !content.contains("\t#")
        && !content.starts_with("---")
        && !content.starts_with("...")
        && !["<<", "="].contains(&content)
}
