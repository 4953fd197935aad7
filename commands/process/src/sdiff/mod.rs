//! `sdiff`: two texts side by side, and (`-o`) a third one made of what is taken of either; with the options of the
//! GNU tool, as its [manual](https://www.gnu.org/software/diffutils/manual/html_node/Invoking-sdiff.html) describes them.

mod edit;
mod merge;

use std::ffi::OsString;

use secure_exec_cli::{Args, Failure, Outcome, Syntax, Value, fail, flag, quote, required};

use crate::diff::{self, TROUBLE};

const SYNTAX: Syntax = Syntax {
    options: &[
        required('o', "output"),
        flag('i', "ignore-case"),
        flag('E', "ignore-tab-expansion"),
        flag('Z', "ignore-trailing-space"),
        flag('b', "ignore-space-change"),
        flag('W', "ignore-all-space"),
        flag('B', "ignore-blank-lines"),
        required('I', "ignore-matching-lines"),
        flag('\0', "strip-trailing-cr"),
        flag('a', "text"),
        required('w', "width"),
        flag('l', "left-column"),
        flag('s', "suppress-common-lines"),
        flag('t', "expand-tabs"),
        required('\0', "tabsize"),
        flag('d', "minimal"),
        flag('H', "speed-large-files"),
        required('\0', "diff-program"),
        flag('v', "version"),
    ],
    usage: "[OPTION]... FILE1 FILE2",
    usage_status: TROUBLE,
    operand_ends: false,
};

fn trouble(message: impl Into<String>) -> Failure {
    Failure {
        status: TROUBLE,
        ..fail(message)
    }
}

pub fn main(args: &Args) -> Outcome {
    run(args).map_err(|failure| Failure {
        message: failure
            .message
            .replace("\nTry 'sdiff", "\nsdiff: Try 'sdiff"),
        ..failure
    })
}

fn run(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if parsed.has("version") {
        println!("sdiff (secure-exec) {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    let [left, right] = match parsed.operands.as_slice() {
        [left, right] => [left.clone(), right.clone()],
        [_, _, extra, ..] => {
            return Err(SYNTAX.wrong(args, &format!("extra operand {}", quote(extra))));
        }
        _ => {
            let last = args.list.last().map_or_else(
                || args.name.clone(),
                |last| last.to_string_lossy().into_owned(),
            );
            let message = format!("missing operand after {}", quote(&last));
            return Err(SYNTAX.wrong(args, &message));
        }
    };
    let mut list: Vec<OsString> = vec!["--side-by-side".into()];
    for (name, value) in &parsed.options {
        list.extend(for_diff(name, value));
    }
    list.push("--".into());
    if let Some(output) = parsed.value("output") {
        let names = merge::names([left, right])?;
        list.extend(names);
        return merge::run(&diff_args(list), &output.os());
    }
    list.extend([left, right]);
    let args = diff_args(list);
    let outcome = diff::main(&args);
    // What is wrong is said by the tool that does the comparison.
    outcome.map_err(|failure| {
        if failure.message.is_empty() {
            return failure;
        }
        secure_exec_cli::warn("diff", &failure.message);
        Failure::silent(failure.status)
    })
}

fn diff_args(list: Vec<OsString>) -> Args {
    Args {
        name: "diff".to_owned(),
        list,
    }
}

/// An option as `diff` has it. Its letters differ, its long names do not.
fn for_diff(name: &str, value: &Value) -> Option<OsString> {
    if matches!(name, "output" | "diff-program") {
        return None;
    }
    let mut option = OsString::from("--");
    option.push(name);
    if value.is_given() {
        option.push("=");
        option.push(value.os());
    }
    Some(option)
}
