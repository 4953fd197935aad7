//! `secure-exec-fuzz`: lists targets, runs one, or runs one once over a given input. `npm run fuzz` drives it.
//!
//! What it finds is told as one line of JSON; the status is 0 if nothing failed and 1 if something did.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::time::Duration;

use secure_exec_fuzz::runner::{Failure, Target, Until};
use secure_exec_fuzz::targets;
use serde_json::{Value, json};

const USAGE: &str =
    "usage: secure-exec-fuzz [TARGET [--seed N] [--runs N | --seconds N] [--progress FILE]]
       secure-exec-fuzz TARGET --input HEX
       secure-exec-fuzz TARGET --seed N --bytes-of RUN";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(report) => {
            let failed = report
                .get("failure")
                .is_some_and(|failure| !failure.is_null());
            let _ = writeln!(io::stdout(), "{report}");
            ExitCode::from(u8::from(failed))
        }
        Err(reason) => {
            let _ = writeln!(io::stderr(), "{reason}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<Value, String> {
    let Some((name, options)) = arguments.split_first() else {
        let list = targets::ALL.iter();
        return Ok(list
            .map(|target| json!({ "name": target.name, "about": target.about }))
            .collect());
    };
    let target = targets::find(name).ok_or(format!("there is no target {name}"))?;
    let mut seed = 1;
    let mut until = Until::Runs(1000);
    let mut progress = None;
    for pair in options.chunks(2) {
        let [option, value] = pair else {
            return Err("each option takes a value".into());
        };
        let number = || {
            value
                .parse::<u64>()
                .map_err(|error| format!("{option}: {error}"))
        };
        match option.as_str() {
            "--seed" => seed = number()?,
            "--runs" => until = Until::Runs(number()?),
            "--seconds" => until = Until::Elapsed(Duration::from_secs(number()?)),
            "--progress" => {
                progress = Some(File::create(value).map_err(|error| error.to_string())?)
            }
            "--input" => return once(target, value),
            "--bytes-of" => return Ok(json!({ "input": hex(&target.input(seed, number()?)) })),
            _ => return Err(format!("there is no option {option}")),
        }
    }
    let outcome = target.fuzz(seed, until, |run| {
        if let Some(file) = &progress {
            // Without it only the report of a run that kills the process lacks its number.
            let _ = file.write_at(&run.to_le_bytes(), 0);
        }
    });
    Ok(json!({
        "runs": outcome.runs,
        "run": outcome.failure.as_ref().map(|(run, _)| run),
        "failure": outcome.failure.as_ref().map(|(_, failure)| told(failure)),
    }))
}

fn once(target: &Target, digits: &str) -> Result<Value, String> {
    let bytes = unhex(digits).ok_or("the input is no string of hexadecimal digits")?;
    let failure = target.attempt(&bytes, true).err();
    Ok(json!({ "runs": 1, "failure": failure.as_ref().map(told) }))
}

fn told(failure: &Failure) -> Value {
    json!({
        "kind": failure.kind,
        "message": failure.message,
        "input": hex(&failure.input),
        "notes": failure.notes,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
