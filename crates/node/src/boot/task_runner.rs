//! `node --run`: a script of `package.json`.

use crate::env::{Env, Slot};
use crate::js::exception::string;

const SOURCE: &str = include_str!("task_runner.js");
const PARAMETERS: [&str; 4] = ["process", "require", "name", "positional"];

/// Runs the script `name` with `arguments` behind its command. The main script of such a process.
pub(crate) fn run<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    arguments: &[String],
) -> Option<v8::Local<'s, v8::Value>> {
    let env = Env::of(scope);
    let text = string(scope, SOURCE);
    let mut source = v8::script_compiler::Source::new(text, None);
    let parameters = PARAMETERS.map(|parameter| string(scope, parameter));
    let function = v8::script_compiler::compile_function(
        scope,
        &mut source,
        &parameters,
        &[],
        v8::script_compiler::CompileOptions::NoCompileOptions,
        v8::script_compiler::NoCacheReason::NoReason,
    )?;
    let process = env.slot(scope, Slot::Process)?;
    let require = env.slot(scope, Slot::RequireBuiltin)?;
    let name = string(scope, name).into();
    let arguments: Vec<v8::Local<v8::Value>> = arguments
        .iter()
        .map(|argument| string(scope, argument).into())
        .collect();
    let arguments = v8::Array::new_with_elements(scope, &arguments).into();
    let receiver = v8::undefined(scope).into();
    function.call(scope, receiver, &[process, require, name, arguments])
}

/// What follows the first `--` of a command line (`GetPositionalArgs`).
pub(crate) fn positional(arguments: &[String]) -> Vec<String> {
    let behind = arguments.iter().skip_while(|argument| *argument != "--");
    behind.skip(1).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::positional;

    #[test]
    fn arguments_of_the_script_stand_behind_two_dashes() {
        let words = ["--run", "x", "y", "--", "a", "--", "b"].map(str::to_owned);
        assert_eq!(positional(&words), ["a", "--", "b"]);
        assert!(positional(&words[..3]).is_empty());
    }
}
