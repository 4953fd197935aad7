//! Command lines of tools, which guests type, against schemas of the host.

use std::time::Duration;

use secure_exec_protocol::{Tool, ToolExample};
use secure_exec_tools::command_line::{Line, parse};
use serde_json::Value;

use super::json;
use crate::allocations::peak_of;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "tool-lines",
    about: "command lines of tools: flags make JSON or an error, in bounded time and memory",
    longest: 500,
    most_cpu: Duration::from_secs(1),
    run,
};

const WORDS: &[&str] = &[
    "--help",
    "-h",
    "--json",
    "--json=",
    "--json={\"a\":1}",
    "--json-file",
    "--json-file=-",
    "--a",
    "--a=1",
    "--no-a",
    "--a.b",
    "--a.b=2",
    "--b",
    "true",
    "false",
    "1",
    "1e999",
    "-0",
    "null",
    "{}",
    "[1,2]",
    "{",
    "--",
    "-",
    "--=",
    "--op=x",
    "--left.right.left=1",
    "t",
    "--__proto__=1",
    "--é",
    "a,b",
    "99999999999999999999",
    "0x10",
    "NaN",
];

/// The most that reading a line holds.
const MOST_MEMORY: usize = 16 << 20;

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let schema = if input.once_in(4) {
        json::expression_schema(input)
    } else {
        json::schema(input)
    };
    let examples = (0..input.below(2)).map(|_| ToolExample {
        description: Some("x".into()),
        input: json::document(input, 2).to_string(),
    });
    let tool = Tool {
        name: "t".into(),
        description: "A tool.".into(),
        schema: schema.to_string(),
        aliases: Vec::new(),
        examples: examples.collect(),
        is_command: false,
    };
    let mut words: Vec<Vec<u8>> = Vec::new();
    for _ in 0..input.below(6) {
        words.push(match input.below(8) {
            0 => input.bytes(20),
            1 => format!("--{}={}", input.pick(json::NAMES), json::document(input, 2)).into_bytes(),
            _ => input.pick(WORDS).as_bytes().to_vec(),
        });
    }
    input.note(|| format!("schema {schema}"));
    let typed: Vec<_> = words
        .iter()
        .map(|word| String::from_utf8_lossy(word))
        .collect();
    input.note(|| format!("line {typed:?}"));
    let (line, peak) = peak_of(|| parse(&tool, "t", &words));
    input.note(|| format!("read as {line:?}"));
    if peak > MOST_MEMORY {
        return Err(format!("memory for a line: {peak} bytes"));
    }
    let whole = typed.iter().any(|word| word.starts_with("--json"));
    match line {
        Ok(Line::Input(text)) if !whole => match serde_json::from_str(&text) {
            Ok(Value::Object(_)) => Ok(()),
            other => Err(format!("flags do not make an object: {text} is {other:?}")),
        },
        Err(reason) if reason.is_empty() => Err("an error without text: ".into()),
        _ => Ok(()),
    }
}
