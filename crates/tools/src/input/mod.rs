//! Inputs of tools against their JSON Schemas, in a bounded number of steps.

mod counted;
mod defaults;
mod number;
mod validators;

use jsonschema::Validator;
use serde_json::Value;

use counted::{Counted, CountedJson, within};
use validators::Validators;

/// Steps that any input may take.
const FEWEST_STEPS: u64 = 100_000;
/// Further steps for each byte of an input.
const STEPS_PER_BYTE: u64 = 16;
/// Steps for finding out what is wrong with an input. Each may be an error that is kept, with its path: up to a kilobyte.
const STEPS_FOR_ERRORS: u64 = 20_000;
/// How many things that are wrong are told.
const MOST_ERRORS: usize = 5;
/// Longest text of one thing that is wrong, in bytes.
const LONGEST_ERROR: usize = 500;

/// A compiled schema.
pub struct Schema {
    validators: Validators,
    /// The schema, if it has defaults.
    defaults: Option<Value>,
}

/// What is to be said of an input.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is valid with these defaults: a JSON list of paths and values, if there are any.
    Valid(Option<String>),
    /// What is wrong with it.
    Invalid(Vec<String>),
    /// Nothing of its kind is let through, whatever the schema says.
    Refused(String),
}

impl Schema {
    /// Compiles a schema given as JSON. References to other documents are refused: nothing is fetched.
    ///
    /// # Errors
    /// What is wrong with the schema, for people.
    pub fn compile(json: &str) -> Result<Schema, String> {
        let schema: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let validators = Validators::compile(&schema).map_err(|error| clipped(&error))?;
        let defaults = defaults::has_any(&schema).then_some(schema);
        let compiled = Schema {
            validators,
            defaults,
        };
        if compiled
            .fill(&mut Value::Object(serde_json::Map::new()), FEWEST_STEPS)
            .is_err()
        {
            return Err("its defaults have no end".into());
        }
        Ok(compiled)
    }

    /// Checks an input given as JSON. Takes at most some 16 steps for each of its bytes.
    #[must_use]
    pub fn check(&self, json: &str) -> Verdict {
        let mut value: Value = match serde_json::from_str(json) {
            Ok(value) => value,
            Err(error) => return Verdict::Refused(format!("it is no JSON: {error}")),
        };
        if let Err(reason) = number::scan(json) {
            return Verdict::Refused(reason);
        }
        let steps = FEWEST_STEPS + STEPS_PER_BYTE * json.len() as u64;
        let complex = || Verdict::Refused("it is too complex for the schema of the tool".into());
        let Ok(filled) = self.fill(&mut value, steps) else {
            return complex();
        };
        let validator = self.validators.of(json.len());
        match within(steps, || validator.is_valid(Counted(&value))) {
            Ok(true) => Verdict::Valid(filled),
            Ok(false) => Verdict::Invalid(wrong(validator, &value)),
            Err(()) => complex(),
        }
    }

    /// Puts the defaults in, and says which as JSON.
    fn fill(&self, value: &mut Value, steps: u64) -> Result<Option<String>, ()> {
        let Some(schema) = &self.defaults else {
            return Ok(None);
        };
        let filled = within(steps, || defaults::fill(schema, value))?;
        let pairs = filled.into_iter();
        let pairs: Vec<Value> = pairs
            .map(|one| Value::Array(vec![Value::Array(one.path), one.value]))
            .collect();
        Ok((!pairs.is_empty()).then(|| Value::Array(pairs).to_string()))
    }
}

/// What is wrong with a value that is not valid: several things if that takes few steps, else the first.
fn wrong(validator: &Validator<CountedJson>, value: &Value) -> Vec<String> {
    let all = within(STEPS_FOR_ERRORS, || {
        let errors = validator.iter_errors(Counted(value));
        errors.take(MOST_ERRORS).map(|error| told(&error)).collect()
    });
    let first = || {
        within(STEPS_FOR_ERRORS, || {
            let checked = validator.validate(Counted(value));
            checked.map_err(|error| told(&error)).err()
        })
    };
    match all {
        Ok(all) => all,
        Err(()) => match first() {
            Ok(first) => first.into_iter().collect(),
            Err(()) => vec!["it does not match the schema of the tool".into()],
        },
    }
}

fn told(error: &jsonschema::ValidationError<'_>) -> String {
    let at = error.instance_path().to_string();
    let text = clipped(&error.to_string());
    if at.is_empty() {
        text
    } else {
        format!("{}: {text}", clipped(&at))
    }
}

fn clipped(text: &str) -> String {
    if text.len() <= LONGEST_ERROR {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(LONGEST_ERROR);
    format!("{}...", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests;
