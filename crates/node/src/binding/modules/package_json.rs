//! `package.json` files: read once per process, parsed no further than the loaders need.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::binding::fs::read_file;
use crate::env::Env;

/// What the loaders want to know of a `package.json`.
#[derive(Debug, PartialEq, Eq)]
pub struct PackageConfig {
    /// `name`
    pub name: Option<String>,
    /// `main`, if it is a string.
    pub main: Option<String>,
    /// `type`: `commonjs`, `module` or `none`.
    pub kind: &'static str,
    /// `imports`: the text of an object or array, or a string.
    pub imports: Option<String>,
    /// `exports`: the text of an object or array, or a string.
    pub exports: Option<String>,
    /// Where the file is.
    pub path: Vec<u8>,
}

/// The file is not a valid package configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Invalid;

/// The files read so far, by path.
#[derive(Default)]
pub struct PackageConfigs {
    configs: RefCell<HashMap<Vec<u8>, Rc<PackageConfig>>>,
}

impl PackageConfigs {
    /// The configuration in the file at `path`; `None` where it cannot be read.
    pub fn read(&self, env: &Env, path: &[u8]) -> Result<Option<Rc<PackageConfig>>, Invalid> {
        if let Some(config) = self.configs.borrow().get(path) {
            return Ok(Some(config.clone()));
        }
        let Some(process) = env.try_process() else {
            return Ok(None);
        };
        if path.contains(&0) {
            return Ok(None);
        }
        let Ok(text) = read_file(env, &process, path) else {
            return Ok(None);
        };
        let config = Rc::new(parse(&text, path)?);
        self.configs
            .borrow_mut()
            .insert(path.to_vec(), config.clone());
        Ok(Some(config))
    }
}

fn parse(text: &[u8], path: &[u8]) -> Result<PackageConfig, Invalid> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let text = std::str::from_utf8(text).map_err(|_| Invalid)?;
    let mut config = PackageConfig {
        name: None,
        main: None,
        kind: "none",
        imports: None,
        exports: None,
        path: path.to_vec(),
    };
    let mut members = Members::new(text)?;
    while let Some((key, value)) = members.next()? {
        match key.as_str() {
            "name" => config.name = Some(string(value).ok_or(Invalid)?),
            "main" => config.main = string(value).or(config.main),
            "type" => match string(value).ok_or(Invalid)?.as_str() {
                "commonjs" => config.kind = "commonjs",
                "module" => config.kind = "module",
                _ => {}
            },
            "imports" => config.imports = target(value)?.or(config.imports),
            "exports" => config.exports = target(value)?.or(config.exports),
            _ => {}
        }
    }
    Ok(config)
}

fn string(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// The text of an object or array as it stands, since the order of its keys matters; the contents of a string.
fn target(value: &str) -> Result<Option<String>, Invalid> {
    match value.as_bytes().first() {
        Some(b'{' | b'[') => Ok(Some(value.to_owned())),
        Some(b'"') => string(value).map(Some).ok_or(Invalid),
        _ => Ok(None),
    }
}

/// The members of the one object in a JSON text, values as text. Values that nobody asks for are skipped, not checked:
/// Node reads such files too.
struct Members<'a> {
    text: &'a str,
    position: usize,
    first: bool,
}

impl<'a> Members<'a> {
    fn new(text: &'a str) -> Result<Members<'a>, Invalid> {
        let mut members = Members {
            text,
            position: 0,
            first: true,
        };
        members.expect(b'{')?;
        Ok(members)
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = bytes.get(self.position) {
            self.position += 1;
        }
        bytes.get(self.position).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Invalid> {
        if self.peek() == Some(byte) {
            self.position += 1;
            return Ok(());
        }
        Err(Invalid)
    }

    fn next(&mut self) -> Result<Option<(String, &'a str)>, Invalid> {
        if self.peek() == Some(b'}') {
            self.position += 1;
            return if self.peek().is_none() {
                Ok(None)
            } else {
                Err(Invalid)
            };
        }
        if !self.first {
            self.expect(b',')?;
        }
        self.first = false;
        if self.peek() != Some(b'"') {
            return Err(Invalid);
        }
        let key = string(self.value()?).ok_or(Invalid)?;
        self.expect(b':')?;
        self.peek();
        let value = self.value()?;
        Ok(Some((key, value)))
    }

    /// Passes over one value by its brackets and strings.
    fn value(&mut self) -> Result<&'a str, Invalid> {
        let bytes = self.text.as_bytes();
        let start = self.position;
        let mut depth = 0usize;
        loop {
            match bytes.get(self.position) {
                None => return Err(Invalid),
                Some(b'"') => self.pass_string()?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.position += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.position += 1;
                }
                Some(b',' | b'}' | b']' | b':') if depth == 0 => break,
                Some(_) => self.position += 1,
            }
            let complete = matches!(bytes[self.position - 1], b'"' | b'}' | b']');
            if depth == 0 && complete {
                break;
            }
        }
        let value = self.text[start..self.position].trim_end();
        if value.is_empty() {
            Err(Invalid)
        } else {
            Ok(value)
        }
    }

    fn pass_string(&mut self) -> Result<(), Invalid> {
        let bytes = self.text.as_bytes();
        self.position += 1;
        loop {
            match bytes.get(self.position) {
                None => return Err(Invalid),
                Some(b'\\') => self.position += 2,
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(_) => self.position += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Invalid, PackageConfig, parse};

    fn read(text: &str) -> Result<PackageConfig, Invalid> {
        parse(text.as_bytes(), b"/p")
    }

    #[test]
    fn exports_keep_their_text_and_strings_lose_their_quotes() {
        let config =
            read(r#"{"exports":{"b":1,"a":"}" },"imports":"./x","main":3,"type":"module"}"#)
                .unwrap();
        assert_eq!(config.exports.as_deref(), Some(r#"{"b":1,"a":"}" }"#));
        assert_eq!(config.imports.as_deref(), Some("./x"));
        assert_eq!(config.main, None);
        assert_eq!(config.kind, "module");
    }

    #[test]
    fn escapes_and_a_byte_order_mark_are_understood() {
        assert_eq!(
            read("\u{feff}{ \"n\\u0061me\" : \"\\u0041\\\"\" }")
                .unwrap()
                .name
                .as_deref(),
            Some("A\"")
        );
    }

    #[test]
    fn values_that_nobody_asks_for_are_not_checked() {
        assert_eq!(read(r#"{"a":tru,"x":{bad}}"#).unwrap().kind, "none");
    }

    #[test]
    fn what_is_no_object_or_has_something_behind_it_is_invalid() {
        for text in [
            "",
            "[]",
            "{",
            "\"x\"",
            "{} x",
            "{\"name\":1}",
            "{\"type\":1}",
            "{\"name\":null}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\" 1}",
        ] {
            assert_eq!(read(text), Err(Invalid), "{text}");
        }
    }
}
