//! `env`: runs a program in a changed environment, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/env.html), with the GNU options.

use std::ffi::OsString;
use std::io::{self, Write};

use secure_exec_cli::{
    Args, Failure, Outcome, Syntax, bytes, fail, flag, optional, os_string, quote, required,
};
use secure_exec_sys::path::chdir;
use secure_exec_sys::signal::{self, Disposition};

use crate::launch::replace;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('i', "ignore-environment"),
        flag('0', "null"),
        required('u', "unset"),
        required('C', "chdir"),
        required('S', "split-string"),
        required('a', "argv0"),
        optional('\0', "ignore-signal"),
        optional('\0', "default-signal"),
        flag('v', "debug"),
    ],
    usage: "[OPTION]... [-] [NAME=VALUE]... [COMMAND [ARG]...]",
    usage_status: 125,
    operand_ends: true,
};

fn trouble(message: impl Into<String>) -> Failure {
    Failure {
        status: 125,
        message: message.into(),
    }
}

pub fn main(args: &Args) -> Outcome {
    let args = split_strings(args)?;
    let parsed = SYNTAX.parse(&args)?;
    let mut operands = parsed.operands.clone();
    let mut clears = parsed.has("ignore-environment");
    if operands.first().is_some_and(|first| first == "-") {
        operands.remove(0);
        clears = true;
    }
    let mut variables: Vec<(OsString, OsString)> = if clears {
        Vec::new()
    } else {
        std::env::vars_os().collect()
    };
    for (name, value) in &parsed.options {
        if *name == "unset" {
            let unset = value.os();
            if unset.is_empty() || bytes(&unset).contains(&b'=') {
                return Err(trouble(format!(
                    "cannot unset {}: Invalid argument",
                    quote(&unset)
                )));
            }
            variables.retain(|(name, _)| *name != unset);
        }
    }
    let assignments = operands
        .iter()
        .take_while(|operand| bytes(*operand).contains(&b'='))
        .count();
    for assignment in operands.drain(..assignments) {
        assign(&mut variables, &assignment)?;
    }
    if operands.is_empty() {
        return print(&variables, parsed.has("null"));
    }
    if parsed.has("null") {
        return Err(SYNTAX.wrong(&args, "cannot specify --null (-0) with command"));
    }
    if let Some(directory) = parsed.value("chdir") {
        let directory = directory.os();
        chdir(&directory).map_err(|error| {
            let why = secure_exec_sys::errno::message(&error);
            trouble(format!(
                "cannot change directory to {}: {why}",
                quote(&directory)
            ))
        })?;
    }
    for (name, value) in &parsed.options {
        match *name {
            "ignore-signal" => dispose(&value.text(), Disposition::Ignore)?,
            "default-signal" => dispose(&value.text(), Disposition::Default)?,
            _ => {}
        }
    }
    let name = parsed.value("argv0").map(secure_exec_cli::Value::os);
    replace(&args, operands, variables, name)
}

fn assign(variables: &mut Vec<(OsString, OsString)>, assignment: &OsString) -> Result<(), Failure> {
    let raw = bytes(assignment);
    let at = raw
        .iter()
        .position(|&byte| byte == b'=')
        .unwrap_or(raw.len());
    let (name, value) = (os_string(&raw[..at]), os_string(&raw[at + 1..]));
    if name.is_empty() {
        return Err(trouble(format!(
            "cannot set {}: Invalid argument",
            quote(assignment)
        )));
    }
    match variables.iter_mut().find(|(each, _)| *each == name) {
        Some((_, old)) => *old = value,
        None => variables.push((name, value)),
    }
    Ok(())
}

fn print(variables: &[(OsString, OsString)], null: bool) -> Outcome {
    let mut out = io::stdout().lock();
    for (name, value) in variables {
        out.write_all(bytes(name))?;
        out.write_all(b"=")?;
        out.write_all(bytes(value))?;
        out.write_all(if null { b"\0" } else { b"\n" })?;
    }
    Ok(0)
}

/// Sets a list of signals, or all, to a disposition that the program inherits.
fn dispose(list: &str, disposition: Disposition) -> Result<(), Failure> {
    if list.is_empty() {
        // Those that cannot be changed stay as they are.
        (1..=31).for_each(|number| drop(signal::action(number, disposition)));
        return Ok(());
    }
    for name in list.split(',') {
        let number = name.parse().ok().or_else(|| signal::number(name));
        let number = number.ok_or_else(|| trouble(format!("{}: invalid signal", quote(name))))?;
        signal::action(number, disposition).map_err(|_| {
            trouble(format!(
                "failed to set signal action for signal {number}: Invalid argument"
            ))
        })?;
    }
    Ok(())
}

/// Replaces `-S STRING` by the words of the string, as lines with `#!` need it.
fn split_strings(args: &Args) -> Result<Args, Failure> {
    let mut list = Vec::new();
    let mut rest = args.list.iter();
    while let Some(arg) = rest.next() {
        let raw = bytes(arg);
        let inline = raw
            .strip_prefix(b"-S")
            .or_else(|| raw.strip_prefix(b"--split-string="));
        let text = match inline {
            Some(b"") => rest.next().map(|next| bytes(next).to_vec()),
            Some(text) => Some(text.to_vec()),
            None if raw == b"--split-string" => rest.next().map(|next| bytes(next).to_vec()),
            None => {
                list.push(arg.clone());
                if !raw.starts_with(b"-") {
                    break;
                }
                continue;
            }
        };
        let text = text.ok_or_else(|| SYNTAX.wrong(args, "option requires an argument -- 'S'"))?;
        list.extend(words(&text)?.into_iter().map(os_string));
        break;
    }
    list.extend(rest.cloned());
    Ok(Args {
        name: args.name.clone(),
        list,
    })
}

fn words(text: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote_mark = None;
    let mut characters = text.iter().copied();
    while let Some(byte) = characters.next() {
        match (quote_mark, byte) {
            (Some(mark), byte) if byte == mark => quote_mark = None,
            (None, b'"' | b'\'') => {
                quote_mark = Some(byte);
                word.get_or_insert_default();
            }
            (None, b' ' | b'\t' | b'\n') => words.extend(word.take()),
            (None, b'#') if word.is_none() => break,
            (Some(b'"') | None, b'$') => {
                let rest: Vec<u8> = characters.clone().collect();
                let (value, length) = variable(&rest)?;
                word.get_or_insert_default().extend(value);
                characters.by_ref().take(length).for_each(drop);
            }
            (Some(b'"') | None, b'\\') => {
                let next = characters
                    .next()
                    .ok_or_else(|| fail("invalid backslash at end of string in -S"))?;
                let escaped = match next {
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'r' => b'\r',
                    b'_' => b' ',
                    other => other,
                };
                word.get_or_insert_default().push(escaped);
            }
            (_, byte) => word.get_or_insert_default().push(byte),
        }
    }
    if quote_mark.is_some() {
        return Err(trouble("no terminating quote in -S string"));
    }
    words.extend(word);
    Ok(words)
}

/// The value of `{NAME}` and its length.
fn variable(rest: &[u8]) -> Result<(Vec<u8>, usize), Failure> {
    let end = rest
        .iter()
        .position(|&byte| byte == b'}')
        .filter(|_| rest.first() == Some(&b'{'));
    let Some(end) = end else {
        let rest = String::from_utf8_lossy(rest);
        return Err(trouble(format!(
            "only ${{VARNAME}} expansion is supported, error at: ${rest}"
        )));
    };
    let value = std::env::var_os(os_string(&rest[1..end])).unwrap_or_default();
    Ok((bytes(&value).to_vec(), end + 1))
}
