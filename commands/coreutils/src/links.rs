//! `link` and `unlink`: the bare system calls, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/link.html).

use std::fs;

use secure_exec_cli::{Args, Failure, Outcome, Parsed, Syntax, fail, quote};
use secure_exec_sys::errno;

const LINK: Syntax = Syntax {
    options: &[],
    usage: "FILE1 FILE2",
    usage_status: 1,
    operand_ends: false,
};
const UNLINK: Syntax = Syntax {
    options: &[],
    usage: "FILE",
    usage_status: 1,
    operand_ends: false,
};

pub fn link(args: &Args) -> Outcome {
    let parsed = exactly(args, &LINK, 2)?;
    let [old, new] = [&parsed.operands[0], &parsed.operands[1]];
    fs::hard_link(old, new).map_err(|error| {
        fail(format!(
            "cannot create link {} to {}: {}",
            quote(new),
            quote(old),
            errno::message(&error)
        ))
    })?;
    Ok(0)
}

pub fn unlink(args: &Args) -> Outcome {
    let parsed = exactly(args, &UNLINK, 1)?;
    let path = &parsed.operands[0];
    fs::remove_file(path)
        .map_err(|error| fail(secure_exec_cli::report("cannot unlink", path, &error)))?;
    Ok(0)
}

fn exactly(args: &Args, syntax: &Syntax, count: usize) -> Result<Parsed, Failure> {
    let parsed = syntax.parse(args)?;
    match (parsed.operands.as_slice(), parsed.operands.get(count)) {
        (_, Some(extra)) => Err(syntax.wrong(args, &format!("extra operand {}", quote(extra)))),
        ([], _) => Err(syntax.missing_operand(args)),
        ([.., last], _) if parsed.operands.len() < count => {
            Err(syntax.wrong(args, &format!("missing operand after {}", quote(last))))
        }
        _ => Ok(parsed),
    }
}
