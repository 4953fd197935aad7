//! The command line of a tool: flags derived from the JSON Schema of its input.

mod flag;
mod help;
mod name;
mod schema;
mod value;

use secure_exec_protocol::Tool;
use serde_json::Value;

use schema::{Shape, Type};

/// What a command line asks for.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// Prints the help text.
    Help(String),
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
pub fn parse(tool: &Tool, name: &str, arguments: &[Vec<u8>]) -> Result<Line, String> {
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
    let Some(first) = words.first() else {
        return Ok(Line::Stdin);
    };
    let (flag, attached) = split(first);
    let whole = match flag {
        "--json" => |text: &str| Line::Input(text.to_owned()),
        "--json-file" => |path: &str| match path {
            "-" => Line::Stdin,
            path => Line::File(path.as_bytes().to_vec()),
        },
        _ => return flags(tool, name, &words),
    };
    match (attached, words.get(1), words.len()) {
        (Some(text), None, _) => Ok(whole(text)),
        (None, Some(text), 2) => Ok(whole(text)),
        (None, None, _) => Err(format!("{flag} needs a value")),
        _ => Err(format!("{flag} takes one value and no other arguments")),
    }
}

/// A word at its equals sign.
fn split(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((flag, value)) => (flag, Some(value)),
        None => (word, None),
    }
}

/// What was given for one property.
struct Given<'a, 'w> {
    path: Vec<String>,
    shape: Shape<'a>,
    /// The flag as it was typed.
    flag: &'w str,
    texts: Vec<&'w str>,
}

fn flags(tool: &Tool, name: &str, words: &[&str]) -> Result<Line, String> {
    let schema: Value = serde_json::from_str(&tool.schema).unwrap_or(Value::Null);
    let shape = Shape::of(&schema);
    let mut all: Vec<Given<'_, '_>> = Vec::new();
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        if word == "--help" || word == "-h" {
            return Ok(Line::Help(help::help(tool, name)));
        }
        let (flag, attached) = split(word);
        let Some(flag) = flag.strip_prefix("--").filter(|flag| !flag.is_empty()) else {
            return Err(format!("unexpected argument {word:?}: flags begin with --"));
        };
        if flag == "json" || flag == "json-file" {
            return Err(format!("--{flag} takes one value and no other arguments"));
        }
        let meant = flag::find(&shape, flag)?;
        let text = match (meant.negated, attached) {
            (true, Some(_)) => return Err(format!("--{flag} takes no value")),
            (true, None) => "false",
            (false, Some(text)) => text,
            (false, None) if stands_alone(&meant.shape, rest.peek().copied()) => "true",
            (false, None) => rest
                .next()
                .ok_or_else(|| format!("--{flag} needs a value"))?,
        };
        match all.iter_mut().find(|given| given.path == meant.path) {
            Some(given) => given.texts.push(text),
            None => all.push(Given {
                path: meant.path,
                shape: meant.shape,
                flag,
                texts: vec![text],
            }),
        }
    }
    let mut input = Object::default();
    for given in all {
        let json = value::read(&given.shape, given.flag, &given.texts)?;
        input
            .insert(&given.path, json)
            .map_err(|()| format!("--{} is given as a whole and in parts", given.flag))?;
    }
    Ok(Line::Input(input.json()))
}

/// Is that a flag without a value, which means true? One that can also be something else takes the next word
/// unless that is a flag.
fn stands_alone(shape: &Shape<'_>, next: Option<&str>) -> bool {
    if !shape.allows(Type::Boolean) {
        return false;
    }
    let others = |kind: &Type| !matches!(kind, Type::Boolean | Type::Null);
    match next {
        None => true,
        Some("true" | "false") => false,
        Some(word) => word.starts_with("--") || !shape.kinds().iter().any(others),
    }
}

/// An input that is put together from flags. Values are JSON.
#[derive(Default)]
struct Object(Vec<(String, Part)>);

enum Part {
    Json(String),
    Object(Object),
}

impl Object {
    /// Sets a property, in objects that are made on the way.
    ///
    /// # Errors
    /// There is something already: what is given as a whole is not given in parts.
    fn insert(&mut self, path: &[String], json: String) -> Result<(), ()> {
        let Some((name, inner)) = path.split_first() else {
            return Err(());
        };
        let found = self.0.iter_mut().find(|(other, _)| other == name);
        match found {
            Some((_, Part::Object(object))) if !inner.is_empty() => object.insert(inner, json),
            Some(_) => Err(()),
            None if inner.is_empty() => {
                self.0.push((name.clone(), Part::Json(json)));
                Ok(())
            }
            None => {
                let mut object = Object::default();
                object.insert(inner, json)?;
                self.0.push((name.clone(), Part::Object(object)));
                Ok(())
            }
        }
    }

    fn json(&self) -> String {
        let member = |(name, part): &(String, Part)| {
            let json = match part {
                Part::Json(json) => json.clone(),
                Part::Object(object) => object.json(),
            };
            format!("{}:{json}", value::string(name))
        };
        let members: Vec<String> = self.0.iter().map(member).collect();
        format!("{{{}}}", members.join(","))
    }
}

#[cfg(test)]
mod tests;
