//! The validators of a schema. What a pattern takes depends on the length of the input.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::counted::CountedJson;

/// Patterns that look around or refer back are tried at each place of a string, and go back; each time may take a pass over
/// the rest of the string. So the longer the input, the less often: some 20 million steps in all.
///
/// Longest input, and how often a pattern may go back on one string of it.
const BACKTRACKING: [(usize, usize); 4] = [
    (1 << 10, 20_000),
    (10 << 10, 2_000),
    (100 << 10, 200),
    (usize::MAX, 20),
];

/// Validators by the length of the input.
pub(super) struct Validators(Vec<(usize, Validator<CountedJson>)>);

impl Validators {
    /// # Errors
    /// What is wrong with the schema.
    pub(super) fn compile(schema: &Value) -> Result<Validators, String> {
        let options = || jsonschema::options_for::<CountedJson>().should_validate_formats(true);
        // Most schemas have no pattern that needs more than one pass.
        if let Ok(linear) = options()
            .with_pattern_options(PatternOptions::regex())
            .build(schema)
        {
            return Ok(Validators(vec![(usize::MAX, linear)]));
        }
        let validator = |(longest, limit)| {
            let patterns = PatternOptions::fancy_regex().backtrack_limit(limit);
            let built = options().with_pattern_options(patterns).build(schema);
            built
                .map(|validator| (longest, validator))
                .map_err(|error| error.to_string())
        };
        let all: Result<_, _> = BACKTRACKING.into_iter().map(validator).collect();
        all.map(Validators)
    }

    /// The one for inputs of so many bytes.
    pub(super) fn of(&self, length: usize) -> &Validator<CountedJson> {
        let fits = self.0.iter().find(|(longest, _)| length <= *longest);
        let (_, validator) = fits.expect("the last one is for any length");
        validator
    }
}
