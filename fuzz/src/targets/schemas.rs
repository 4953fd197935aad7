//! Inputs of tools against schemas: bounded work whatever both say.

use std::time::Duration;

use secure_exec_tools::input::{Schema, Verdict};
use serde_json::Value;

use super::json;
use crate::allocations::peak_of;
use crate::{Input, Target};

pub const TARGET: Target = Target {
    name: "schemas",
    about: "tool inputs against schemas: bounded time and memory, the same verdict again, defaults are valid",
    longest: 800,
    // Some 200,000 steps three times over, and the compilation.
    most_cpu: Duration::from_secs(2),
    run,
};

/// The most that a check holds.
const MOST_MEMORY: usize = 48 << 20;

fn run(input: &mut Input<'_>) -> Result<(), String> {
    let (schema, value) = if input.once_in(3) {
        let schema = json::expression_schema(input);
        let depth = input.pick_of(&[1, 4, 12, 18, 24, 40, 100, 200]);
        (schema, json::expression(input, depth))
    } else {
        (json::schema(input), json::document(input, 5))
    };
    input.note(|| format!("schema {schema}"));
    let Ok(compiled) = Schema::compile(&schema.to_string()) else {
        return Ok(());
    };
    let mut text = value.to_string();
    if input.once_in(8) {
        let at = text.floor_char_boundary(input.below(text.len() + 1));
        text.insert_str(
            at,
            input.pick(&["{", "[[[[", "1e999", "\\", "\"", "00", ","]),
        );
    }
    input.note(|| format!("input {text}"));
    let (verdict, peak) = peak_of(|| compiled.check(&text));
    input.note(|| format!("verdict {verdict:?}, {peak} bytes"));
    if peak > MOST_MEMORY {
        return Err(format!(
            "memory of a check: {peak} bytes for {} of input",
            text.len()
        ));
    }
    if compiled.check(&text) != verdict {
        return Err(format!("a second check says something else: {verdict:?}"));
    }
    if let Verdict::Invalid(reasons) = &verdict
        && (reasons.is_empty() || reasons.iter().any(|reason| reason.len() > 2000))
    {
        return Err(format!("reasons are missing or too long: {reasons:?}"));
    }
    if let Verdict::Valid(Some(defaults)) = &verdict
        && !matches!(serde_json::from_str(defaults), Ok(Value::Array(_)))
    {
        return Err(format!("the defaults are no list: {defaults}"));
    }
    Ok(())
}
