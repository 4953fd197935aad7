//! Commands about the environment: `envsubst`, `locale` and `stdbuf`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, Syntax, bytes, fail, flag, os_string, required};
use secure_exec_sys::errno;
use secure_exec_sys::{child, process};

use crate::input;

const ENVSUBST: Syntax = Syntax {
    options: &[flag('v', "variables")],
    usage: "[OPTION] [SHELL-FORMAT]",
    usage_status: 1,
    operand_ends: false,
};

/// Where a variable stands in a text: from the dollar sign to behind it, and its name.
struct Reference<'a> {
    start: usize,
    end: usize,
    name: &'a [u8],
}

/// The references `$NAME` and `${NAME}` in a text.
fn references(text: &[u8]) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].iter().position(|&byte| byte == b'$') {
        let start = at + offset;
        let braced = text.get(start + 1) == Some(&b'{');
        let from = start + 1 + usize::from(braced);
        let first = text
            .get(from)
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
        let length = text[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let end = from + length + usize::from(braced);
        at = start + 1;
        if first && (!braced || text.get(from + length) == Some(&b'}')) {
            let name = &text[from..from + length];
            found.push(Reference { start, end, name });
            at = end;
        }
    }
    found
}

/// Puts the values of variables in the place of their names in standard input.
pub fn envsubst(args: &Args) -> Outcome {
    let parsed = ENVSUBST.parse(args)?;
    let format = parsed.operands.first();
    if let Some(_extra) = parsed.operands.get(1) {
        return Err(fail("too many arguments"));
    }
    let mut out = io::BufWriter::new(io::stdout());
    if parsed.has("variables") {
        let format = format.ok_or_else(|| fail("missing arguments"))?;
        for reference in references(bytes(format)) {
            out.write_all(reference.name)?;
            writeln!(out)?;
        }
        out.flush()?;
        return Ok(0);
    }
    let wanted: Option<BTreeSet<&[u8]>> = format.map(|format| {
        references(bytes(format))
            .iter()
            .map(|each| each.name)
            .collect()
    });
    let text = input::read("-".as_ref()).map_err(|error| fail(errno::message(&error)))?;
    let mut at = 0;
    for reference in references(&text) {
        if wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(reference.name))
        {
            continue;
        }
        out.write_all(&text[at..reference.start])?;
        let value = std::env::var_os(os_string(reference.name)).unwrap_or_default();
        out.write_all(bytes(&value))?;
        at = reference.end;
    }
    out.write_all(&text[at..])?;
    out.flush()?;
    Ok(0)
}

const LOCALE: Syntax = Syntax {
    options: &[
        flag('a', "all-locales"),
        flag('m', "charmaps"),
        flag('c', "category-name"),
        flag('k', "keyword-name"),
    ],
    usage: "[OPTION...] NAME",
    usage_status: 1,
    operand_ends: false,
};

const CATEGORIES: [&str; 12] = [
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_COLLATE",
    "LC_MONETARY",
    "LC_MESSAGES",
    "LC_PAPER",
    "LC_NAME",
    "LC_ADDRESS",
    "LC_TELEPHONE",
    "LC_MEASUREMENT",
    "LC_IDENTIFICATION",
];

/// Tells the locale: there are C, C.UTF-8 and POSIX.
pub fn locale(args: &Args) -> Outcome {
    let parsed = LOCALE.parse(args)?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if parsed.has("all-locales") {
        println!("C\nC.utf8\nPOSIX");
        return Ok(0);
    }
    if parsed.has("charmaps") {
        println!("ANSI_X3.4-1968\nUTF-8");
        return Ok(0);
    }
    let all = variable("LC_ALL");
    let language = variable("LANG");
    let of = |category: &str| {
        all.clone()
            .or_else(|| variable(category))
            .or_else(|| language.clone())
            .unwrap_or_else(|| "POSIX".to_owned())
    };
    if parsed.operands.is_empty() {
        println!(
            "LANG={}\nLANGUAGE={}",
            language.clone().unwrap_or_default(),
            variable("LANGUAGE").unwrap_or_default()
        );
        for category in CATEGORIES {
            match variable(category).filter(|_| all.is_none()) {
                Some(value) => println!("{category}={value}"),
                None => println!("{category}=\"{}\"", of(category)),
            }
        }
        println!("LC_ALL={}", all.clone().unwrap_or_default());
        return Ok(0);
    }
    let mut status = 0;
    for name in &parsed.operands {
        let name = name.to_string_lossy();
        let utf8 = of("LC_CTYPE")
            .to_ascii_lowercase()
            .replace('-', "")
            .ends_with("utf8");
        let value = match &*name {
            "charmap" => Some(if utf8 { "UTF-8" } else { "ANSI_X3.4-1968" }),
            "decimal_point" => Some("."),
            "thousands_sep" => Some(""),
            "yesexpr" => Some("^[yY]"),
            "noexpr" => Some("^[nN]"),
            "abday" => Some("Sun;Mon;Tue;Wed;Thu;Fri;Sat"),
            "d_fmt" => Some("%m/%d/%y"),
            "t_fmt" => Some("%H:%M:%S"),
            "d_t_fmt" => Some("%a %b %e %H:%M:%S %Y"),
            _ => None,
        };
        match value {
            Some(value) if parsed.has("keyword-name") => println!("{name}=\"{value}\""),
            Some(value) => println!("{value}"),
            None => {
                secure_exec_cli::warn(&args.name, format_args!("unknown name \"{name}\""));
                status = 1;
            }
        }
    }
    Ok(status)
}

const STDBUF: Syntax = Syntax {
    options: &[
        required('i', "input"),
        required('o', "output"),
        required('e', "error"),
    ],
    usage: "OPTION... COMMAND",
    usage_status: 125,
    operand_ends: true,
};

/// Becomes a command. How it buffers is its own matter: nothing of a C library can be told.
pub fn stdbuf(args: &Args) -> Outcome {
    let parsed = STDBUF.parse(args)?;
    for (name, value) in &parsed.options {
        let text = value.text();
        let is_mode = text == "L" || secure_exec_cli::parse_size(&text).is_some();
        if !is_mode || (*name == "input" && text == "L") {
            let message = if text == "L" {
                "line buffering stdin is meaningless".to_owned()
            } else {
                format!("invalid mode '{text}'")
            };
            return Err(STDBUF.wrong(args, &message));
        }
    }
    if parsed.operands.is_empty() {
        return Err(STDBUF.missing_operand(args));
    }
    if parsed.options.is_empty() {
        return Err(STDBUF.wrong(args, "you must specify a buffering mode option"));
    }
    let error = process::exec(&child::program(&parsed.operands));
    Err(Failure {
        status: if error.kind() == io::ErrorKind::NotFound {
            127
        } else {
            126
        },
        message: format!(
            "failed to run command '{}': {}",
            parsed.operands[0].to_string_lossy(),
            errno::message(&error)
        ),
    })
}
