//! Expressions of mikefarah's yq in jq's words: most are both.

use super::load;
use super::read::resolve;
use super::value::Value;

/// What mikefarah's yq has under other names.
pub const PRELUDE: &str = r#"def downcase: ascii_downcase; def upcase: ascii_upcase;
def sort_keys(f): f |= (if type == "object" then to_entries | sort_by(.key) | from_entries else . end);
def sortKeys(f): sort_keys(f); def explode(f): .; def split_doc: .; def splitDoc: .;
def tag: {null: "!!null", boolean: "!!bool", string: "!!str", array: "!!seq", object: "!!map"}[type] // (if . == floor then "!!int" else "!!float" end);
def kind: {array: "seq", object: "map"}[type] // "scalar";
def to_json: tojson; def from_json: fromjson;
"#;

/// The documents of `eval-all`.
const DOCUMENTS: &str = "$__documents";

/// What stands behind the results of a document: no text of YAML has these characters.
pub const MARK: &str = "\0yq\0";

/// The whole program, which prints [`MARK`] behind each document if it `marks`. That of `eval-all` gets a list of them.
pub fn program(expression: &str, all: bool, marks: bool) -> Result<String, String> {
    let expression = translated(expression)?;
    let expression = if expression.trim().is_empty() {
        "."
    } else {
        &expression
    };
    let mark = if marks { ", \"\\u0000yq\\u0000\"" } else { "" };
    // A line ends before the parenthesis: a comment may be last.
    let body = match (all, expression.contains(DOCUMENTS)) {
        (true, true) => format!(". as {DOCUMENTS} | ({expression}\n)"),
        (true, false) => format!(".[] | (({expression}\n){mark})"),
        (false, true) => format!("([.] as {DOCUMENTS} | ({expression}\n)){mark}"),
        (false, false) => format!("({expression}\n){mark}"),
    };
    Ok(format!("{PRELUDE}{body}"))
}

/// An expression with what jq has not in jq's words; texts and comments stay.
fn translated(expression: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = expression;
    let mut in_word = false;
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let length = text_length(rest);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            in_word = false;
            continue;
        }
        if c == '#' {
            let length = rest.find('\n').unwrap_or(rest.len());
            rest = &rest[length..];
            continue;
        }
        if (!in_word || c == '.')
            && let Some((length, text)) = special(rest)?
        {
            out.push_str(&text);
            rest = &rest[length..];
            in_word = false;
            continue;
        }
        in_word = c.is_alphanumeric() || c == '_' || c == '$';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    Ok(out)
}

/// The length of a text in quotes, with its quotes.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// What stands at the beginning and is none of jq's: its length, and jq's words for it.
fn special(rest: &str) -> Result<Option<(usize, String)>, String> {
    if let Some(found) = hyphenated(rest) {
        return Ok(Some(found));
    }
    if let Some((length, name)) = called(rest, "strenv") {
        let value = std::env::var(name).unwrap_or_default();
        return Ok(Some((length, json(&Value::Text(value)))));
    }
    // jq has `env` as well, without an argument.
    if let Some((length, name)) = called(rest, "env") {
        let value = std::env::var(name)
            .map_err(|_| format!("value for env variable '{name}' not provided in env()"))?;
        return Ok(Some((length, json(&resolve(&value)))));
    }
    if let Some((length, name)) = called(rest, "load") {
        let name = name.trim_matches('"');
        let value = load(name)?;
        return Ok(Some((length, json(&value))));
    }
    if let Some((length, condition)) = called(rest, "select") {
        let compact: String = condition.chars().filter(|c| !c.is_whitespace()).collect();
        let index = ["fileIndex==", "fi==", "documentIndex==", "di=="]
            .iter()
            .find_map(|prefix| compact.strip_prefix(prefix)?.parse::<usize>().ok());
        if let Some(index) = index {
            return Ok(Some((length, format!("{DOCUMENTS}[{index}]"))));
        }
    }
    if let Some(after) = rest.strip_prefix("... comments=\"\"") {
        return Ok(Some((rest.len() - after.len(), ".".to_owned())));
    }
    Ok(reduced(rest))
}

fn json(value: &Value) -> String {
    let mut out = String::new();
    value.write_json(0, &mut out);
    // In parentheses: a number may be below 0.
    format!("({out})")
}

/// `.some-name`, which jq would take for a difference.
fn hyphenated(rest: &str) -> Option<(usize, String)> {
    let name = rest.strip_prefix('.')?;
    let end = name
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(name.len());
    let name = &name[..end];
    let parts: Vec<&str> = name.split('-').collect();
    let is_name = |part: &&str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (parts.len() > 1 && parts.iter().all(is_name)).then(|| (1 + end, format!(".\"{name}\"")))
}

/// `name(argument)`, where the argument is one word or one text.
fn called<'a>(rest: &'a str, name: &str) -> Option<(usize, &'a str)> {
    let after = rest.strip_prefix(name)?;
    let inside = after.strip_prefix('(')?;
    let end = inside.find(')')?;
    let argument = inside[..end].trim();
    (!argument.contains('(')).then_some((rest.len() - inside.len() + end + 1, argument))
}

/// `. as $item ireduce (start; step)`: jq's `reduce`.
fn reduced(rest: &str) -> Option<(usize, String)> {
    let after = rest
        .strip_prefix('.')?
        .trim_start()
        .strip_prefix("as")?
        .trim_start();
    let name = after.strip_prefix('$')?;
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let after = name[end..].trim_start().strip_prefix("ireduce")?;
    let variable = &name[..end];
    Some((
        rest.len() - after.len(),
        format!("reduce {DOCUMENTS}[] as ${variable} "),
    ))
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn what_jq_has_not_is_said_in_its_words() {
        for (expression, wanted) in [
            (".a.b-c | .d", ".a.\"b-c\" | .d"),
            (".a-1", ".a-1"),
            (".a - .b", ".a - .b"),
            ("\".a-b\" # .c-d", "\".a-b\" "),
            (
                "select(fi == 0) * select(fileIndex == 1)",
                "$__documents[0] * $__documents[1]",
            ),
            (
                ". as $item ireduce ({}; . * $item)",
                "reduce $__documents[] as $item  ({}; . * $item)",
            ),
            (". as $x | $x", ". as $x | $x"),
            ("select(.a == 1)", "select(.a == 1)"),
            ("strenv(SECURE_EXEC_NOT_SET)", "(\"\")"),
        ] {
            assert_eq!(
                translated(expression).as_deref(),
                Ok(wanted),
                "{expression}"
            );
        }
    }
}
