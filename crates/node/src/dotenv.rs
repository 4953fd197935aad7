//! The format of `.env` files. Follows what Node's `src/node_dotenv.cc` accepts.

use indexmap::IndexMap;

/// The variables that `content` assigns, in order; of several assignments to a name the last one counts.
#[must_use]
pub fn parse(content: &str) -> IndexMap<String, String> {
    let content = content.replace("\r\n", "\n").replace('\r', "\n");
    let mut variables = IndexMap::new();
    let mut rest = content.as_str();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return variables;
        }
        if rest.starts_with('#') {
            rest = after_line(rest);
            continue;
        }
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let Some(equals) = rest[..line_end].find('=') else {
            rest = after_line(rest);
            continue;
        };
        let name = rest[..equals].trim();
        let name = name.strip_prefix("export ").map_or(name, str::trim);
        rest = &rest[equals + 1..];
        if name.is_empty() {
            rest = after_line(rest);
            continue;
        }
        let (value, behind) = take_value(rest);
        variables.insert(name.to_owned(), value);
        rest = behind;
    }
}

fn after_line(text: &str) -> &str {
    text.find('\n').map_or("", |end| &text[end + 1..])
}

/// The value at the start of `text` and what follows its line. A quoted value may span lines.
fn take_value(text: &str) -> (String, &str) {
    let line_end = text.find('\n').unwrap_or(text.len());
    let lead = text[..line_end].len() - text[..line_end].trim_start().len();
    let value = &text[lead..];
    if let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'' | '`'))
        && let Some(length) = value[1..].find(quote)
    {
        let inner = &value[1..=length];
        let inner = if quote == '"' { inner.replace("\\n", "\n") } else { inner.to_owned() };
        return (inner, after_line(&value[length + 2..]));
    }
    let line = &text[..line_end];
    let line = line.find('#').map_or(line, |comment| &line[..comment]);
    (line.trim().to_owned(), after_line(text))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quotes_comments_and_exports_are_understood() {
        let parsed =
            parse("# c\nexport A = 1 # one\nB='x # y'\nC=\"l1\\nl2\"\nD=`a\nb`\n=lost\nE\nF=\n");
        let pairs: Vec<_> = parsed
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("A", "1"),
                ("B", "x # y"),
                ("C", "l1\nl2"),
                ("D", "a\nb"),
                ("F", "")
            ]
        );
    }
}
