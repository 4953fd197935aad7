//! Command lines whose options do not go together (`CheckOptions` in Node's `src/node_options.cc`).

use super::{BadOption, INVALID_ARGUMENT_2, Options};

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
        &["warn-with-error-code", "throw", "strict", "warn", "none"],
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

/// Options that mean nothing without another one.
const DEPENDENT: [(&str, &str); 6] = [
    ("--cpu-prof-name", "--cpu-prof"),
    ("--cpu-prof-dir", "--cpu-prof"),
    ("--cpu-prof-interval", "--cpu-prof"),
    ("--heap-prof-name", "--heap-prof"),
    ("--heap-prof-dir", "--heap-prof"),
    ("--heap-prof-interval", "--heap-prof"),
];

/// Node's message for the first thing that is wrong.
pub(super) fn check(options: &Options) -> Result<(), BadOption> {
    for (name, choices, message) in CHOICES {
        let value = options.text(name).unwrap_or_default();
        if !value.is_empty() && !choices.contains(&value) {
            return Err(BadOption::from(message.to_owned()));
        }
    }
    // Without the test runner nobody looks at it.
    let isolation = options.text("--test-isolation").unwrap_or("process");
    if options.flag("--test") && !["process", "none"].contains(&isolation) {
        return Err(BadOption::from(
            "invalid value for --test-isolation".to_owned(),
        ));
    }
    if options.flag("--debug") || options.flag("--debug-brk") {
        return Err(BadOption::from(
            "[DEP0062]: `node --debug` and `node --debug-brk` are invalid. \
             Please use `node --inspect` and `node --inspect-brk` instead."
                .to_owned(),
        ));
    }
    percentage(options)?;
    proto_mode(options)?;
    for (name, needed) in DEPENDENT {
        if options.given(name).is_some() && !options.flag(needed) {
            return Err(BadOption::from(format!(
                "{name} must be used with {needed}"
            )));
        }
    }
    let given = |name: &str| match name {
        "--eval" => options.has_eval,
        _ => options.flag(name),
    };
    for (one, other) in EXCLUSIVE {
        if given(one) && given(other) {
            return Err(BadOption::from(format!(
                "either {one} or {other} can be used, not both"
            )));
        }
    }
    Ok(())
}

/// `--max-old-space-size-percentage`: more than nothing, at most everything.
fn percentage(options: &Options) -> Result<(), BadOption> {
    let name = "--max-old-space-size-percentage";
    let text = options.text(name).unwrap_or_default();
    if text.is_empty() || text.parse().is_ok_and(|part| 0.0 < part && part <= 100.0) {
        return Ok(());
    }
    Err(BadOption::from(format!(
        "{name} must be greater than 0 and up to 100. Got: {text}"
    )))
}

/// `--disable-proto`: what is to happen to `__proto__`.
fn proto_mode(options: &Options) -> Result<(), BadOption> {
    let mode = options.text("--disable-proto").unwrap_or_default();
    if ["", "delete", "throw"].contains(&mode) {
        return Ok(());
    }
    Err(BadOption {
        status: INVALID_ARGUMENT_2,
        ..BadOption::from("invalid mode passed to --disable-proto".to_owned())
    })
}
