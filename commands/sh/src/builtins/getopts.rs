//! `getopts`.

use crate::shell::{Exec, Flow, Shell};
use crate::text;

pub fn getopts(shell: &mut Shell, words: &[String]) -> Exec {
    let [_, spec, name, rest @ ..] = words else {
        return Ok(shell.misuse(if shell.bash {
            "getopts: usage: getopts optstring name [arg ...]"
        } else {
            "getopts: Usage: getopts optstring var [arg]"
        }));
    };
    let arguments = if rest.is_empty() {
        shell.positional.clone()
    } else {
        rest.to_vec()
    };
    let told = shell.var("OPTIND").and_then(|v| v.parse().ok());
    let index: usize = shell.getopts_index.or(told).unwrap_or(1).max(1);
    let silent = spec.starts_with(':');
    // Where there are no more arguments, those are over.
    let mut index = (index - 1).min(arguments.len());
    let mut column = shell.getopts_column;
    if column == 0 {
        let word = arguments.get(index).map(String::as_str).unwrap_or_default();
        if !word.starts_with('-') || word == "-" || word == "--" {
            if word == "--" {
                index += 1;
            }
            shell.vars.remove("OPTARG");
            set(shell, name, "?".to_owned())?;
            return finish(shell, name, index, 0, 1);
        }
        column = 1;
    }
    let word: Vec<char> = arguments
        .get(index)
        .map(|w| w.chars().collect())
        .unwrap_or_default();
    let Some(&letter) = word.get(column) else {
        set(shell, name, "?".to_owned())?;
        return finish(shell, name, index + 1, 0, 1);
    };
    column += 1;
    let at_end = column >= word.len();
    let known: Vec<char> = spec.chars().collect();
    let position = known.iter().position(|c| *c == letter && letter != ':');
    let Some(position) = position else {
        if silent {
            shell.assign("OPTARG", letter.to_string())?;
        } else {
            report(
                shell,
                &format!("illegal option -- {letter}"),
                &format!("Illegal option -{letter}"),
            );
            shell.vars.remove("OPTARG");
        }
        set(shell, name, "?".to_owned())?;
        return if at_end {
            finish(shell, name, index + 1, 0, 0)
        } else {
            finish(shell, name, index, column, 0)
        };
    };
    if known.get(position + 1) != Some(&':') {
        shell.vars.remove("OPTARG");
        set(shell, name, letter.to_string())?;
        return if at_end {
            finish(shell, name, index + 1, 0, 0)
        } else {
            finish(shell, name, index, column, 0)
        };
    }
    if !at_end {
        let argument: String = word[column..].iter().collect();
        shell.assign("OPTARG", argument)?;
        set(shell, name, letter.to_string())?;
        return finish(shell, name, index + 1, 0, 0);
    }
    match arguments.get(index + 1) {
        Some(argument) => {
            shell.assign("OPTARG", argument.clone())?;
            set(shell, name, letter.to_string())?;
            finish(shell, name, index + 2, 0, 0)
        }
        None => {
            if silent {
                shell.assign("OPTARG", letter.to_string())?;
                set(shell, name, ":".to_owned())?;
            } else {
                report(
                    shell,
                    &format!("option requires an argument -- {letter}"),
                    &format!("No arg for -{letter} option"),
                );
                shell.vars.remove("OPTARG");
                set(shell, name, "?".to_owned())?;
            }
            finish(shell, name, index + 1, 0, 0)
        }
    }
}

fn report(shell: &mut Shell, bash: &str, dash: &str) {
    if shell.bash {
        if shell.var("OPTERR").as_deref() != Some("0") {
            let name = shell.name.clone();
            shell.print_error_raw(&format!("{name}: {bash}\n"));
        }
    } else {
        shell.print_error_raw(&format!("{dash}\n"));
    }
}

/// Sets the variable that is told the option; what is no name is told of when all is done.
fn set(shell: &mut Shell, name: &str, value: String) -> Result<(), Flow> {
    if text::is_name(name) {
        shell.assign(name, value)?;
    }
    Ok(())
}

fn finish(shell: &mut Shell, name: &str, index: usize, column: usize, status: i32) -> Exec {
    // In dash it is behind the argument from the first of its letters on.
    let inside = !shell.bash && column > 0;
    shell.assign("OPTIND", (index + 1 + usize::from(inside)).to_string())?;
    shell.getopts_column = column;
    shell.getopts_index = (!shell.bash).then_some(index + 1);
    if text::is_name(name) {
        return Ok(status);
    }
    if shell.bash {
        shell.error(&format!("getopts: `{name}': not a valid identifier"));
        return Ok(1);
    }
    Ok(shell.misuse(&format!("getopts: {name}: bad variable name")))
}
