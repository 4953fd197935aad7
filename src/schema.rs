//! JSON Schema, for the input of tools.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Error, Result, Status, Task};
use napi_derive::napi;
use secure_exec_tools::input::{self, Verdict};

/// A compiled schema.
#[napi]
pub struct Schema {
    compiled: Arc<input::Schema>,
}

#[napi]
impl Schema {
    /// Compiles a schema given as JSON. References to other documents are refused: nothing is fetched.
    #[napi(constructor, catch_unwind)]
    pub fn new(json: String) -> Result<Schema> {
        let compiled = input::Schema::compile(&json);
        let compiled = compiled.map_err(|reason| Error::new(Status::InvalidArg, reason))?;
        Ok(Schema {
            compiled: Arc::new(compiled),
        })
    }

    /// Checks an input given as JSON, on a thread of the pool and within a bound of steps.
    #[napi(catch_unwind, ts_return_type = "Promise<CheckedInput>")]
    pub fn check(&self, json: String) -> AsyncTask<Check> {
        AsyncTask::new(Check {
            schema: self.compiled.clone(),
            json,
        })
    }
}

/// What is to be said of an input; nothing if it is valid as it is.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct CheckedInput {
    /// Why it cannot be checked, whatever the schema says.
    pub refused: Option<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// Defaults that belong into it: a JSON list of paths and values.
    pub defaults: Option<String>,
}

/// An input that is being checked.
pub struct Check {
    schema: Arc<input::Schema>,
    json: String,
}

impl Task for Check {
    type Output = Verdict;
    type JsValue = CheckedInput;

    fn compute(&mut self) -> Result<Verdict> {
        let check = AssertUnwindSafe(|| self.schema.check(&self.json));
        catch_unwind(check)
            .map_err(|_| Error::new(Status::GenericFailure, "the check of an input failed"))
    }

    fn resolve(&mut self, _env: Env, verdict: Verdict) -> Result<CheckedInput> {
        let empty = CheckedInput::default();
        Ok(match verdict {
            Verdict::Valid(defaults) => CheckedInput { defaults, ..empty },
            Verdict::Invalid(errors) => CheckedInput { errors, ..empty },
            Verdict::Refused(reason) => CheckedInput {
                refused: Some(reason),
                ..empty
            },
        })
    }
}
