//! The command line of a tool: flags derived from the JSON Schema of its input.

use secure_exec_protocol::Tool;
use serde_json::{Map, Value};

/// What a command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// The help text.
    Help,
    /// A call with this input.
    Input(String),
    /// A call with the JSON in a file.
    File(Vec<u8>),
    /// A call with the JSON on standard input.
    Stdin,
}

/// Reads the arguments behind the command's name.
///
/// # Errors
/// What is wrong with them, for people.
pub(crate) fn parse(tool: &Tool, name: &str, arguments: &[Vec<u8>]) -> Result<Line, String> {
    let mut words = Vec::new();
    for argument in arguments {
        let word = std::str::from_utf8(argument).map_err(|_| "an argument is not UTF-8")?;
        words.push(word);
    }
    if words
        .first()
        .is_some_and(|first| *first == name || *first == tool.name)
    {
        words.remove(0);
    }
    match words.as_slice() {
        [] => Ok(Line::Stdin),
        ["--help" | "-h"] => Ok(Line::Help),
        ["--json", json] => Ok(Line::Input((*json).to_owned())),
        ["--json-file", path] => Ok(Line::File(path.as_bytes().to_vec())),
        ["--json"] => Err("--json needs a value".into()),
        ["--json-file"] => Err("--json-file needs a path".into()),
        [first, ..] if *first == "--json" || *first == "--json-file" => {
            Err(format!("{first} takes one value and no other arguments"))
        }
        words => flags(tool, words),
    }
}

fn flags(tool: &Tool, words: &[&str]) -> Result<Line, String> {
    let schema: Value = serde_json::from_str(&tool.schema).unwrap_or(Value::Null);
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.unwrap_or(&empty);
    let mut input = Map::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some(flag) = word.strip_prefix("--") else {
            return Err(format!("unexpected argument {word:?}: flags begin with --"));
        };
        let (flag, attached) = match flag.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (flag, None),
        };
        let found = find(properties, flag);
        let negated = flag
            .strip_prefix("no-")
            .and_then(|flag| find(properties, flag));
        let (property, declared) = match (found, negated) {
            (Some(found), _) => found,
            (None, Some((property, declared))) if kind(declared) == Some("boolean") => {
                input.insert(property.clone(), Value::Bool(false));
                continue;
            }
            _ => return Err(format!("unknown flag --{flag}; {}", known(properties))),
        };
        if kind(declared) == Some("boolean") && attached.is_none() {
            input.insert(property.clone(), Value::Bool(true));
            continue;
        }
        let text = attached.or_else(|| rest.next().copied());
        let text = text.ok_or_else(|| format!("--{flag} needs a value"))?;
        if kind(declared) == Some("array") && !text.trim_start().starts_with('[') {
            let element = value(declared.get("items").unwrap_or(&Value::Null), flag, text)?;
            let list = input
                .entry(property.clone())
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = list {
                list.push(element);
            }
        } else {
            input.insert(property.clone(), value(declared, flag, text)?);
        }
    }
    Ok(Line::Input(Value::Object(input).to_string()))
}

/// Type that a schema names, if it names one.
fn kind(schema: &Value) -> Option<&str> {
    schema.get("type").and_then(Value::as_str)
}

/// The property that a flag means: by its name, or by its name with dashes.
fn find<'a>(properties: &'a Map<String, Value>, flag: &str) -> Option<(&'a String, &'a Value)> {
    properties
        .get_key_value(flag)
        .or_else(|| properties.iter().find(|(name, _)| dashed(name) == flag))
}

/// `maxItems` and `max_items` as `max-items`.
fn dashed(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(if letter == '_' {
            '-'
        } else {
            letter.to_ascii_lowercase()
        });
    }
    out
}

/// Text as the type that the schema names; without one as JSON if it is any.
fn value(schema: &Value, flag: &str, text: &str) -> Result<Value, String> {
    let json = || serde_json::from_str::<Value>(text);
    let is = |fits: fn(&Value) -> bool, what: &str| {
        json()
            .ok()
            .filter(fits)
            .ok_or_else(|| format!("--{flag} must be {what}, not {text:?}"))
    };
    match kind(schema) {
        Some("string") => Ok(Value::String(text.to_owned())),
        Some("number") => is(Value::is_number, "a number"),
        Some("integer") => is(|value| value.is_i64() || value.is_u64(), "an integer"),
        Some("boolean") => is(Value::is_boolean, "true or false"),
        Some("null") => is(Value::is_null, "null"),
        Some("array") => is(Value::is_array, "a JSON array"),
        Some("object") => is(Value::is_object, "a JSON object"),
        _ => Ok(json().unwrap_or_else(|_| Value::String(text.to_owned()))),
    }
}

fn known(properties: &Map<String, Value>) -> String {
    if properties.is_empty() {
        return "the tool has no flags but --json, --json-file and --help".into();
    }
    let names: Vec<String> = properties
        .keys()
        .map(|name| format!("--{}", dashed(name)))
        .collect();
    format!("the flags are {}", names.join(", "))
}

/// The help text.
pub(crate) fn help(tool: &Tool, name: &str) -> String {
    let schema: Value = serde_json::from_str(&tool.schema).unwrap_or(Value::Null);
    let mut text = format!(
        "{}\n\nUsage: {name} [flags]\n       {name} --json '{{...}}'\n       {name} --json-file <path>\n       \
         ... | {name}\n",
        tool.description
    );
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|other| other.as_str() == Some(name)))
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        text.push_str("\nFlags:\n");
        for (name, declared) in properties {
            let what = declared
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or("");
            let value = match kind(declared) {
                Some("boolean") => String::new(),
                kind => format!(" <{}>", kind.unwrap_or("value")),
            };
            let needed = if is_required(name) { " (required)" } else { "" };
            let line = format!("  --{}{value}  {what}{needed}", dashed(name));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    for (index, example) in tool.examples.iter().enumerate() {
        if index == 0 {
            text.push_str("\nExamples:\n");
        }
        text.push_str(&format!(
            "  {name} --json '{}'\n",
            example.replace('\'', "'\\''")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> Tool {
        let schema = r#"{"type":"object","required":["city"],"properties":{"city":{"type":"string","description":"Where"},
            "days":{"type":"integer"},"maxItems":{"type":"number"},"verbose":{"type":"boolean"},
            "tags":{"type":"array","items":{"type":"string"}},"near":{"type":"object"},"any":{},"__proto__":{"type":"string"}}}"#;
        Tool {
            name: "weather".into(),
            description: "Tells the weather.".into(),
            schema: schema.into(),
            examples: vec![r#"{"city":"Paris"}"#.into()],
            ..Tool::default()
        }
    }

    fn line(words: &[&str]) -> Result<Line, String> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        parse(&tool(), "weather", &words)
    }

    fn input(words: &[&str]) -> Value {
        match line(words) {
            Ok(Line::Input(json)) => serde_json::from_str(&json).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_have_the_types_of_the_schema() {
        let words = [
            "--city",
            "42",
            "--days=3",
            "--max-items",
            "1.5",
            "--verbose",
            "--tags",
            "a",
            "--tags",
            "b",
            "--near",
            r#"{"x":1}"#,
            "--any",
            "[1]",
        ];
        let expected = r#"{"city":"42","days":3,"maxItems":1.5,"verbose":true,"tags":["a","b"],"near":{"x":1},"any":[1]}"#;
        assert_eq!(
            input(&words),
            serde_json::from_str::<Value>(expected).unwrap()
        );
        assert_eq!(
            input(&["--no-verbose"]),
            serde_json::json!({ "verbose": false })
        );
        assert_eq!(
            input(&["--any", "plain"]),
            serde_json::json!({ "any": "plain" })
        );
    }

    #[test]
    fn prototype_is_a_key_like_any_other() {
        assert_eq!(
            line(&["--__proto__", "x"]),
            Ok(Line::Input(r#"{"__proto__":"x"}"#.into()))
        );
    }

    #[test]
    fn repeated_name_json_and_stdin() {
        let json = Ok(Line::Input("{}".into()));
        assert_eq!(line(&["weather", "--json", "{}"]), json);
        assert_eq!(
            line(&["--json-file", "in.json"]),
            Ok(Line::File(b"in.json".to_vec()))
        );
        assert_eq!(line(&[]), Ok(Line::Stdin));
        assert_eq!(line(&["weather", "--help"]), Ok(Line::Help));
    }

    #[test]
    fn mistakes_are_told() {
        let told = |words: &[&str]| line(words).unwrap_err();
        assert!(told(&["--nope", "1"]).starts_with("unknown flag --nope; the flags are --"));
        assert_eq!(
            told(&["--days", "x"]),
            r#"--days must be an integer, not "x""#
        );
        assert_eq!(told(&["--days"]), "--days needs a value");
        assert!(told(&["stray"]).starts_with("unexpected argument"));
        assert!(told(&["--json", "{}", "more"]).starts_with("--json takes one value"));
    }

    #[test]
    fn help_lists_flags_and_examples() {
        let help = help(&tool(), "weather");
        assert!(help.starts_with("Tells the weather.\n\nUsage: weather [flags]\n"));
        assert!(help.contains("  --city <string>  Where (required)\n"));
        assert!(help.contains("  --verbose\n"));
        assert!(help.ends_with("Examples:\n  weather --json '{\"city\":\"Paris\"}'\n"));
    }
}
