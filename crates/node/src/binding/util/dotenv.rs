//! `.env` files. Follows the rules of Node's `src/node_dotenv.cc`.

use std::collections::BTreeMap;

use crate::callback::{Args, Return, Scope};
use crate::js::exception::{string, throw_invalid_argument};

/// `parseEnv(content)`: an object of the variables.
pub fn parse_env(scope: Scope, args: Args, mut rv: Return) {
    if !args.get(0).is_string() {
        throw_invalid_argument(scope, "The \"content\" argument must be of type string");
        return;
    }
    let content = crate::js::convert::text(scope, args.get(0));
    let object = v8::Object::new(scope);
    for (key, value) in parse(&content) {
        let key = string(scope, &key);
        let value = string(scope, &value);
        object.create_data_property(scope, key.into(), value.into());
    }
    rv.set(object.into());
}

/// What Node takes for white space here; others are part of a name or a value.
const SPACES: [char; 3] = [' ', '\t', '\n'];

/// The variables of a `.env` file, sorted by name; a later value replaces an earlier one.
pub fn parse(content: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let content = content.replace('\r', "");
    let mut rest = content.trim_matches(SPACES);
    while !rest.is_empty() {
        if rest.starts_with(['\n', '#']) {
            rest = after_line(rest);
            continue;
        }
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let Some(equals) = rest.find('=').filter(|equals| *equals < line_end) else {
            // No assignment on this line.
            rest = after_line(rest).trim_start_matches(SPACES);
            continue;
        };
        let key = rest[..equals].trim_matches(SPACES);
        rest = &rest[equals + 1..];
        let has_value = !rest.is_empty() && !rest.starts_with('\n');
        // What is behind the sign is looked at as if it began a line.
        if key.is_empty() && has_value {
            rest = rest.trim_start_matches(SPACES);
            continue;
        }
        // Without a value Node does not look for the word.
        let exported = key.strip_prefix("export ").filter(|_| has_value);
        let key = exported.unwrap_or(key);
        let (value, remaining) = value(rest);
        rest = if has_value {
            remaining.trim_start_matches(SPACES)
        } else {
            remaining
        };
        variables.insert(key.trim_matches(SPACES).to_owned(), value);
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
    let text = text.trim_start_matches(SPACES);
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
    if line.starts_with(['"', '\'', '`']) {
        // A quote that is never closed is part of the value, and so is all behind it.
        return (line.to_owned(), after_line(text));
    }
    let line = line.split('#').next().unwrap_or_default();
    (line.trim_matches(SPACES).to_owned(), after_line(text))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn pairs(content: &str) -> Vec<(String, String)> {
        parse(content).into_iter().collect()
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
    fn odd_lines_are_read_as_node_reads_them() {
        let read = |content| {
            let pairs = pairs(content).into_iter();
            let pairs = pairs.map(|(key, value)| format!("{key}|{value}"));
            pairs.collect::<Vec<_>>().join(";")
        };
        // What Node 24.21 says.
        for (content, expected) in [
            ("=", "|"),
            ("=a\nb=1", "b|1"),
            ("=\"=A", "\"|A"),
            ("==A", ""),
            ("=x=y=z\nq=1", "q|1;x|y=z"),
            ("b=1\na=2\nB=3", "B|3;a|2;b|1"),
            ("A= \n1", "A|1"),
            ("\u{b}A=\u{a0}1", "\u{b}A|\u{a0}1"),
            ("export\tA=1", "export\tA|1"),
            ("export =1", "export|1"),
            ("export A=", "export A|"),
            ("A='a #b \nB=1", "A|'a #b ;B|1"),
        ] {
            assert_eq!(read(content), expected, "{content:?}");
        }
    }

    #[test]
    fn line_without_assignment_is_skipped() {
        assert_eq!(pairs("nothing\nA=1"), [("A".into(), "1".into())]);
    }
}
