//! Command lines whose options do not go together (`CheckOptions` in Node's `src/node_options.cc`).

use crate::options::Options;

/// Options that take one of a few words.
const CHOICES: [(&str, &[&str], &str); 3] = [
    (
        "--input-type",
        &[
            "module",
            "commonjs",
            "module-typescript",
            "commonjs-typescript",
        ],
        "--input-type must be \"module\",\"commonjs\", \"module-typescript\" or \"commonjs-typescript\"",
    ),
    (
        "--unhandled-rejections",
        &["warn-with-error-codes", "throw", "strict", "warn", "none"],
        "invalid value for --unhandled-rejections",
    ),
    (
        "--trace-require-module",
        &["all", "no-node-modules"],
        "invalid value for --trace-require-module",
    ),
];

/// Ways to run that exclude each other.
const EXCLUSIVE: [(&str, &str); 9] = [
    ("--check", "--eval"),
    ("--test", "--check"),
    ("--test", "--eval"),
    ("--test", "--interactive"),
    ("--watch", "--check"),
    ("--watch", "--eval"),
    ("--watch", "--interactive"),
    ("--tls-min-v1.3", "--tls-max-v1.2"),
    ("--use-openssl-ca", "--use-bundled-ca"),
];

/// Node's message for the first thing that is wrong.
pub(crate) fn check(options: &Options) -> Result<(), String> {
    for (name, choices, message) in CHOICES {
        let value = options.text(name).unwrap_or_default();
        if !value.is_empty() && !choices.contains(&value) {
            return Err(message.to_owned());
        }
    }
    // Without the test runner nobody looks at it.
    let isolation = options.text("--test-isolation").unwrap_or("process");
    if options.flag("--test") && !["process", "none"].contains(&isolation) {
        return Err("invalid value for --test-isolation".to_owned());
    }
    let given = |name: &str| match name {
        "--eval" => options.has_eval,
        _ => options.flag(name),
    };
    for (one, other) in EXCLUSIVE {
        if given(one) && given(other) {
            return Err(format!("either {one} or {other} can be used, not both"));
        }
    }
    Ok(())
}
