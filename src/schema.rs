//! JSON Schema, for the input of tools.

use jsonschema::Validator;
use napi::{Error, Result, Status};
use napi_derive::napi;
use serde_json::Value;

/// How many things that are wrong are told.
const MOST_ERRORS: usize = 5;

/// A compiled schema.
#[napi]
pub struct Schema {
    validator: Validator,
}

#[napi]
impl Schema {
    /// Compiles a schema given as JSON. References to other documents are refused: nothing is fetched.
    #[napi(constructor, catch_unwind)]
    pub fn new(json: String) -> Result<Schema> {
        let refused = |reason: String| Error::new(Status::InvalidArg, reason);
        let schema: Value =
            serde_json::from_str(&json).map_err(|error| refused(error.to_string()))?;
        let validator =
            jsonschema::validator_for(&schema).map_err(|error| refused(error.to_string()))?;
        Ok(Schema { validator })
    }

    /// What is wrong with a value given as JSON; nothing if it is valid.
    #[napi(catch_unwind)]
    pub fn validate(&self, json: String) -> Vec<String> {
        let value: Value = match serde_json::from_str(&json) {
            Ok(value) => value,
            Err(error) => return vec![format!("invalid JSON: {error}")],
        };
        let errors = self.validator.iter_errors(&value).take(MOST_ERRORS);
        let told = errors.map(|error| {
            let at = error.instance_path().to_string();
            if at.is_empty() {
                error.to_string()
            } else {
                format!("{at}: {error}")
            }
        });
        told.collect()
    }
}
