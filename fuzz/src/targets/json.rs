//! Random JSON documents, JSON Schemas, and documents that a schema is made for.

use serde_json::{Map, Value, json};

use crate::Input;

/// Names of properties: few, so that schema and document meet.
pub const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "op",
    "left",
    "right",
    "__proto__",
    "no-a",
    "a.b",
    "é",
    "",
    "type",
];
const PATTERNS: &[&str] = &[
    "^a*$",
    "^(a+)+$",
    "(a|aa)*b",
    "(?=a)b",
    "\\p{L}+",
    "[",
    "(x+x+)+y",
    "^.{0,1000}$",
    "(?<n>a)\\k<n>",
];
const FORMATS: &[&str] = &[
    "date-time",
    "email",
    "ipv6",
    "uri",
    "regex",
    "hostname",
    "uuid",
    "json-pointer",
    "idn-email",
    "duration",
];
const TYPES: &[&str] = &[
    "object", "array", "string", "number", "integer", "boolean", "null",
];

/// A document that nests at most so deep.
pub fn document(input: &mut Input<'_>, depth: usize) -> Value {
    match input.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(input.once_in(2)),
        2 => number(input),
        3 | 4 => string(input),
        5 => (0..input.below(4))
            .map(|_| document(input, depth - 1))
            .collect(),
        _ => object(input, |input| document(input, depth - 1)),
    }
}

fn number(input: &mut Input<'_>) -> Value {
    match input.below(4) {
        0 => json!(input.number()),
        1 => json!(input.unsigned()),
        2 => json!(input.pick_of(&[0.1, -0.0, 1e308, 5e-324, 1.5, 9_007_199_254_740_993.0])),
        _ => json!(input.below(4)),
    }
}

fn string(input: &mut Input<'_>) -> Value {
    match input.below(5) {
        0 => json!("a".repeat(input.pick_of(&[1, 30, 2000]))),
        1 => json!(format!("{}!", "a".repeat(input.pick_of(&[20, 40, 5000])))),
        2 => json!(input.pick(FORMATS)),
        3 => json!("2024-02-30T25:00:00Z"),
        _ => json!(String::from_utf8_lossy(&input.bytes(12))),
    }
}

fn object(input: &mut Input<'_>, one: impl Fn(&mut Input<'_>) -> Value) -> Value {
    let mut map = Map::new();
    for _ in 0..input.below(4) {
        let name = input.pick(NAMES);
        map.insert(name.to_owned(), one(input));
    }
    Value::Object(map)
}

/// A schema with definitions that refer to one another, and to itself.
pub fn schema(input: &mut Input<'_>) -> Value {
    let mut top = keywords(input, 3);
    if let Value::Object(map) = &mut top {
        let definitions = (0..3).map(|at| (format!("d{at}"), keywords(input, 2)));
        map.insert("$defs".into(), definitions.collect());
        if input.once_in(3) {
            map.insert(
                "$schema".into(),
                json!(input.pick(&[
                    "http://json-schema.org/draft-07/schema#",
                    "https://json-schema.org/draft/2020-12/schema",
                    "http://json-schema.org/draft-04/schema#",
                ])),
            );
        }
    }
    top
}

fn reference(input: &mut Input<'_>) -> Value {
    json!({ "$ref": input.pick(&["#/$defs/d0", "#/$defs/d1", "#/$defs/d2", "#", "#/$defs/none", "http://a/b"]) })
}

fn keywords(input: &mut Input<'_>, depth: usize) -> Value {
    if depth == 0 || input.once_in(6) {
        return match input.below(4) {
            0 => json!(true),
            1 => json!(false),
            2 => json!({ "type": input.pick(TYPES) }),
            _ => reference(input),
        };
    }
    let mut map = Map::new();
    for _ in 0..=input.below(4) {
        let (name, value) = keyword(input, depth - 1);
        map.insert(name.into(), value);
    }
    Value::Object(map)
}

fn keyword(input: &mut Input<'_>, depth: usize) -> (&'static str, Value) {
    let list = |input: &mut Input<'_>| -> Value {
        (0..=input.below(3))
            .map(|_| keywords(input, depth))
            .collect()
    };
    match input.below(22) {
        0 => ("type", json!(input.pick(TYPES))),
        1 | 2 => ("properties", object(input, |input| keywords(input, depth))),
        3 => ("items", keywords(input, depth)),
        4 => ("oneOf", list(input)),
        5 => ("anyOf", list(input)),
        6 => ("allOf", list(input)),
        7 => ("not", keywords(input, depth)),
        8 => ("additionalProperties", keywords(input, depth)),
        9 => ("unevaluatedProperties", keywords(input, depth)),
        10 => ("pattern", json!(input.pick(PATTERNS))),
        11 => ("format", json!(input.pick(FORMATS))),
        12 => ("enum", (0..3).map(|_| document(input, 1)).collect()),
        13 => ("default", document(input, 2)),
        14 => ("multipleOf", number(input)),
        15 => ("minimum", number(input)),
        16 => ("required", json!([input.pick(NAMES)])),
        17 => ("uniqueItems", json!(true)),
        18 => ("maxLength", json!(input.unsigned())),
        19 => (
            "patternProperties",
            json!({ input.pick(PATTERNS): keywords(input, depth) }),
        ),
        20 => ("contains", keywords(input, depth)),
        _ => (
            "$ref",
            reference(input).get("$ref").cloned().unwrap_or_default(),
        ),
    }
}

/// A recursive schema as filter languages have it: each node is one of several that all go on.
pub fn expression_schema(input: &mut Input<'_>) -> Value {
    let branch = input.pick(&["oneOf", "anyOf", "allOf"]);
    let variants: Value = (0..=input.below(3))
        .map(|at| {
            json!({
                "type": "object",
                "properties": {
                    "op": { "const": format!("op{at}") },
                    "left": { "$ref": "#/$defs/node" },
                    "right": { "$ref": "#/$defs/node" },
                },
                "required": ["left"],
                "unevaluatedProperties": !input.once_in(3),
            })
        })
        .chain([json!({ "type": "number" })])
        .collect();
    json!({ "$defs": { "node": { branch: variants } }, "$ref": "#/$defs/node" })
}

/// An input for [`expression_schema`], as deep as asked, with a leaf that may be wrong.
pub fn expression(input: &mut Input<'_>, depth: usize) -> Value {
    let mut node = if input.once_in(2) {
        json!("x")
    } else {
        json!(1)
    };
    for _ in 0..depth {
        let side = input.pick(&["left", "right"]);
        node = json!({ "op": "op0", side: node });
    }
    node
}
