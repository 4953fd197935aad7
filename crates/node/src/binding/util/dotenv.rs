//! `.env` files. Follows the rules of Node's `src/node_dotenv.cc`.

use crate::exception::{string, throw_invalid_argument};

/// `parseEnv(content)`: an object of the variables.
pub fn parse_env(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    if !args.get(0).is_string() {
        throw_invalid_argument(scope, "The \"content\" argument must be of type string");
        return;
    }
    let content = args.get(0).to_rust_string_lossy(scope);
    let object = v8::Object::new(scope);
    for (key, value) in parse(&content) {
        let key = string(scope, &key);
        let value = string(scope, &value);
        object.create_data_property(scope, key.into(), value.into());
    }
    rv.set(object.into());
}

/// The variables of a `.env` file in order of first appearance; a later value replaces an earlier one.
pub fn parse(content: &str) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let content = content.replace('\r', "");
    let mut rest = content.trim();
    while !rest.is_empty() {
        let first = rest.as_bytes()[0];
        if first == b'\n' || first == b'#' {
            rest = after_line(rest);
            continue;
        }
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let Some(equals) = rest.find('=').filter(|equals| *equals < line_end) else {
            // No assignment on this line.
            rest = after_line(rest).trim_start();
            continue;
        };
        let key = rest[..equals].trim();
        rest = &rest[equals + 1..];
        if key.is_empty() {
            rest = after_line(rest);
            continue;
        }
        let key = key.strip_prefix("export ").unwrap_or(key).trim().to_owned();
        let (value, remaining) = value(rest);
        rest = remaining;
        match variables.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => variables.push((key, value)),
        }
    }
    variables
}

fn after_line(text: &str) -> &str {
    text.find('\n').map_or("", |end| &text[end + 1..])
}

/// The value at the head of `text`, just behind the equals sign, and what follows its line.
fn value(text: &str) -> (String, &str) {
    if text.is_empty() || text.starts_with('\n') {
        return (String::new(), text.strip_prefix('\n').unwrap_or(text));
    }
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() && c != '\n');
    if let Some(quoted) = text.strip_prefix('"')
        && let Some(end) = quoted.find('"')
    {
        return (
            quoted[..end].replace("\\n", "\n"),
            after_line(&quoted[end + 1..]),
        );
    }
    for quote in ['\'', '`'] {
        if let Some(quoted) = text.strip_prefix(quote)
            && let Some(end) = quoted.find(quote)
        {
            return (quoted[..end].to_owned(), after_line(&quoted[end + 1..]));
        }
    }
    let line = &text[..text.find('\n').unwrap_or(text.len())];
    let line = line.split('#').next().unwrap_or_default();
    (line.trim().to_owned(), after_line(text))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn pairs(content: &str) -> Vec<(String, String)> {
        parse(content)
    }

    #[test]
    fn plain_quoted_and_commented_values() {
        let parsed =
            pairs("# top\nA=1\nexport B = two # why\nC=\"x\\ny\" # z\nD='a # b'\nE=\n\nF=`q\"`\n");
        let expected = [
            ("A", "1"),
            ("B", "two"),
            ("C", "x\ny"),
            ("D", "a # b"),
            ("E", ""),
            ("F", "q\""),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(parsed, expected);
    }

    #[test]
    fn quoted_value_spans_lines() {
        assert_eq!(
            pairs("A=\"1\n2\"\nB=3"),
            [("A".into(), "1\n2".into()), ("B".into(), "3".into())]
        );
    }

    #[test]
    fn line_without_assignment_is_skipped() {
        assert_eq!(pairs("nothing\nA=1"), [("A".into(), "1".into())]);
    }
}
