//! Values as JSON has them, and JSON's text of them.

use std::fmt::Write;

/// How deep values may be nested: what reads and writes them calls itself.
pub const DEEPEST: usize = 512;

/// A value. Numbers are the digits that stood in the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    /// In the order of the text; of two equal names the last one counts.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Writes JSON: on one line where `indent` is 0, else with so many blanks for each level.
    pub fn write_json(&self, indent: usize, out: &mut String) {
        self.write_level(indent, 0, out);
    }

    fn write_level(&self, indent: usize, level: usize, out: &mut String) {
        let line = |level: usize, out: &mut String| {
            if indent > 0 {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent * level));
            }
        };
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(text, out),
            Self::List(list) if list.is_empty() => out.push_str("[]"),
            Self::Map(map) if map.is_empty() => out.push_str("{}"),
            Self::List(list) => {
                out.push('[');
                for (at, each) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    line(level + 1, out);
                    each.write_level(indent, level + 1, out);
                }
                line(level, out);
                out.push(']');
            }
            Self::Map(map) => {
                out.push('{');
                for (at, (name, each)) in map.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    line(level + 1, out);
                    write_text(name, out);
                    out.push_str(if indent > 0 { ": " } else { ":" });
                    each.write_level(indent, level + 1, out);
                }
                line(level, out);
                out.push('}');
            }
        }
    }
}

/// A text in double quotes, which JSON and YAML read alike.
pub fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || ('\u{2028}'..='\u{2029}').contains(&c) || c == '\u{feff}' => {
                // Writing to a text does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// All values of a text, one after the other.
///
/// # Errors
/// What is wrong, and in which line.
pub fn read_json(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader { text, at: 0 };
    let mut values = Vec::new();
    loop {
        reader.blanks();
        if reader.at == text.len() {
            return Ok(values);
        }
        values.push(reader.value(0)?);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        let line = 1 + self.text[..self.at].matches('\n').count();
        Err(format!("line {line}: {what}"))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEEPEST {
            return self.wrong("nested too deep");
        }
        self.blanks();
        match self.rest().bytes().next() {
            Some(b'{') => {
                self.at += 1;
                let mut map = Vec::new();
                self.blanks();
                while !self.takes("}") {
                    if !map.is_empty() && !self.takes(",") {
                        return self.wrong("',' or '}' is missing");
                    }
                    self.blanks();
                    let name = self.string()?;
                    self.blanks();
                    if !self.takes(":") {
                        return self.wrong("':' is missing");
                    }
                    map.push((name, self.value(depth + 1)?));
                    self.blanks();
                }
                Ok(Value::Map(map))
            }
            Some(b'[') => {
                self.at += 1;
                let mut list = Vec::new();
                self.blanks();
                while !self.takes("]") {
                    if !list.is_empty() && !self.takes(",") {
                        return self.wrong("',' or ']' is missing");
                    }
                    list.push(self.value(depth + 1)?);
                    self.blanks();
                }
                Ok(Value::List(list))
            }
            Some(b'"') => Ok(Value::Text(self.string()?)),
            _ if self.takes("null") => Ok(Value::Null),
            _ if self.takes("true") => Ok(Value::Bool(true)),
            _ if self.takes("false") => Ok(Value::Bool(false)),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        let digits = &rest[..end.unwrap_or(rest.len())];
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            || digits.parse::<f64>().is_err()
        {
            return self.wrong("no value");
        }
        self.at += digits.len();
        Ok(Value::Number(digits.to_owned()))
    }

    fn string(&mut self) -> Result<String, String> {
        if !self.takes("\"") {
            return self.wrong("'\"' is missing");
        }
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(['"', '\\']) else {
                return self.wrong("a text has no end");
            };
            out.push_str(&rest[..end]);
            self.at += end + 1;
            if rest[end..].starts_with('"') {
                return Ok(out);
            }
            let Some(escape) = self.rest().chars().next() else {
                return self.wrong("a text has no end");
            };
            self.at += escape.len_utf8();
            out.push(match escape {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => self.unicode()?,
                '"' | '\\' | '/' => escape,
                _ => return self.wrong("no such escape"),
            });
        }
    }

    fn unit(&mut self) -> Result<u32, String> {
        let digits = self.rest().get(..4);
        let Some(unit) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return self.wrong("\\u wants four digits");
        };
        self.at += 4;
        Ok(unit)
    }

    /// A character by its number, in two halves if it is above 0xffff. A half alone is no character.
    fn unicode(&mut self) -> Result<char, String> {
        let mut unit = self.unit()?;
        if (0xd800..0xdc00).contains(&unit) && self.rest().starts_with("\\u") {
            let before = self.at;
            self.at += 2;
            let low = self.unit()?;
            if (0xdc00..0xe000).contains(&low) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            } else {
                self.at = before;
            }
        }
        Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, read_json};

    #[test]
    fn json_is_read_and_written() {
        let text = r#"{"a":[1,-2.50e3,"x\"\\\n\u00e9\ud83d\ude00"],"b":{},"c":[null,true,false]}"#;
        let values = read_json(&format!("{text} [] 7")).expect("reads");
        let mut out = String::new();
        values[0].write_json(0, &mut out);
        assert_eq!(
            out,
            text.replace("\\u00e9\\ud83d\\ude00", "\u{e9}\u{1f600}")
        );
        assert_eq!(values.len(), 3);
        out.clear();
        read_json(r#"{"a":[1,{"b":[]}]}"#).expect("reads")[0].write_json(2, &mut out);
        assert_eq!(
            out,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}"
        );
    }

    #[test]
    fn what_is_wrong_is_told() {
        for text in [
            "{",
            "[1",
            "[1 2]",
            "{\"a\" 1}",
            "{a:1}",
            "\"x",
            "\"\\q\"",
            "\"\\u12\"",
            "nul",
            "-",
            "+1",
            "}",
        ] {
            assert!(read_json(text).is_err(), "{text}");
        }
        assert!(read_json(&"[".repeat(DEEPEST + 9)).is_err());
        assert!(read_json("\"\\ud83dx\"").is_ok());
    }
}
