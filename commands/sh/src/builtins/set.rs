//! `set` and `shopt`.

use crate::expand::escape;
use crate::options::{EXTRA, SET, SHOPT};
use crate::shell::{Exec, Shell};
use crate::variables::Value;

/// The options dash lists, in its order.
const DASH_ORDER: [&str; 16] = [
    "errexit",
    "noglob",
    "ignoreeof",
    "interactive",
    "monitor",
    "noexec",
    "stdin",
    "xtrace",
    "verbose",
    "vi",
    "emacs",
    "noclobber",
    "allexport",
    "notify",
    "nounset",
    "nolog",
];

pub fn set(shell: &mut Shell, words: &[String]) -> Exec {
    if words.len() == 1 {
        return list_variables(shell);
    }
    let mut at = 1;
    while let Some(word) = words.get(at) {
        if word == "--" {
            shell.positional = words[at + 1..].to_vec();
            begin_again(shell);
            return Ok(0);
        }
        if word == "-" {
            shell.options.xtrace = false;
            shell.options.verbose = false;
            if at + 1 < words.len() {
                shell.positional = words[at + 1..].to_vec();
            }
            return Ok(0);
        }
        let Some(on) = word
            .strip_prefix('-')
            .map(|_| true)
            .or_else(|| word.strip_prefix('+').map(|_| false))
        else {
            break;
        };
        for letter in word[1..].chars() {
            if letter == 'o' {
                let Some(name) = words.get(at + 1) else {
                    return list_options(shell, on);
                };
                at += 1;
                if !set_named(shell, name, on) {
                    let message = if shell.bash {
                        format!("set: {name}: invalid option name")
                    } else {
                        format!("set: Illegal option {}o {name}", &word[..1])
                    };
                    return shell.misuse_special(&message);
                }
                continue;
            }
            match shell
                .options
                .by_letter(letter)
                .filter(|_| letter != 'i' && letter != 's')
            {
                Some(option) => *option = on,
                None => {
                    let message = if shell.bash {
                        format!("set: {word}: invalid option")
                    } else {
                        format!("set: Illegal option -{letter}")
                    };
                    return shell.misuse_special(&message);
                }
            }
            changed(shell, letter);
        }
        at += 1;
    }
    if at < words.len() {
        shell.positional = words[at..].to_vec();
        begin_again(shell);
    }
    Ok(0)
}

/// New parameters are parsed from the first one on, as in dash.
fn begin_again(shell: &mut Shell) {
    if !shell.bash {
        shell.getopts_index = Some(1);
        shell.getopts_column = 0;
    }
}

/// Sets an option by its long name; false when there is none.
pub fn set_named(shell: &mut Shell, name: &str, on: bool) -> bool {
    if shell.dash && !DASH_ORDER.contains(&name) {
        return false;
    }
    match shell.options.by_name(name) {
        Some(option) => *option = on,
        None => return false,
    }
    match name {
        "monitor" => changed(shell, 'm'),
        "emacs" if on => shell.options.vi = false,
        "vi" if on => shell.options.emacs = false,
        _ => {}
    }
    true
}

fn changed(shell: &mut Shell, letter: char) {
    if letter == 'm' && shell.interactive {
        shell.interactive_signals();
    }
}

fn list_options(shell: &mut Shell, table: bool) -> Exec {
    let mut options = shell.options.clone();
    let all: Vec<_> = SET.iter().chain(&EXTRA).collect();
    let rows: Vec<(&str, bool)> = if shell.bash {
        let mut rows: Vec<(&str, bool)> = all
            .iter()
            .filter(|(_, n, _)| !["interactive", "stdin"].contains(n))
            .map(|(_, n, field)| (*n, *field(&mut options)))
            .collect();
        rows.sort_unstable();
        rows
    } else {
        DASH_ORDER
            .iter()
            .filter_map(|n| all.iter().find(|(_, name, _)| name == n))
            .map(|(_, n, field)| (*n, *field(&mut options)))
            .collect()
    };
    let mut out = String::new();
    if table && !shell.bash {
        out.push_str("Current option settings\n");
    }
    for (name, on) in rows {
        if table {
            let width = if shell.bash { 15 } else { 16 };
            let tab = if shell.bash { "\t" } else { "" };
            out.push_str(&format!(
                "{name:width$}{tab}{}\n",
                if on { "on" } else { "off" }
            ));
        } else {
            out.push_str(&format!("set {}o {name}\n", if on { '-' } else { '+' }));
        }
    }
    Ok(shell.print("set", &out))
}

fn list_variables(shell: &mut Shell) -> Exec {
    let mut out = String::new();
    shell.refresh_option_names();
    for (name, variable) in shell.vars.iter() {
        match &variable.value {
            Value::Unset => {}
            Value::Scalar(text) if shell.bash => {
                out.push_str(&format!("{name}={}\n", escape::bash_quote_if_needed(text)))
            }
            Value::Scalar(text) => {
                out.push_str(&format!("{name}={}\n", escape::single_quote(text)))
            }
            _ => {
                let declaration = variable.declaration(name);
                let start = declaration.find(name.as_str()).unwrap_or(0);
                out.push_str(&format!("{}\n", &declaration[start..]));
            }
        }
    }
    if shell.bash && !shell.options.posix {
        let mut functions: Vec<_> = shell.functions.iter().collect();
        functions.sort_by_key(|(name, _)| (*name).clone());
        for (_, function) in functions {
            out.push_str(&format!("{}\n", function.text));
        }
    }
    Ok(shell.print("set", &out))
}

pub fn shopt(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, names) = match shell.letters(words, "psuqo") {
        Ok(found) => found,
        Err(message) => return Ok(shell.misuse(&message)),
    };
    let names = names.to_vec();
    let change = letters
        .chars()
        .find(|c| *c == 's' || *c == 'u')
        .map(|c| c == 's');
    let mut status = 0;
    let mut out = String::new();
    let mut options = shell.options.clone();
    let listed: Vec<String> = if names.is_empty() {
        let all: Vec<(&str, bool)> = if letters.contains('o') {
            let mut all: Vec<_> = SET
                .iter()
                .chain(EXTRA.iter().filter(|(_, name, _)| *name == "vi"))
                .map(|(_, n, f)| (*n, *f(&mut options)))
                .collect();
            all.sort_unstable();
            all
        } else {
            SHOPT.iter().map(|(n, f)| (*n, *f(&mut options))).collect()
        };
        all.into_iter()
            .filter(|(_, on)| change.is_none_or(|c| c == *on))
            .map(|(n, _)| n.to_owned())
            .collect()
    } else {
        names.clone()
    };
    for name in listed {
        let option = if letters.contains('o') {
            shell.options.by_name(&name)
        } else {
            shell.options.by_shopt(&name)
        };
        let Some(option) = option else {
            shell.error(&format!("shopt: {name}: invalid shell option name"));
            status = 1;
            continue;
        };
        if let (Some(on), false) = (change, names.is_empty()) {
            *option = on;
            if name == "extdebug" {
                // Debuggers see what functions and subshells do.
                shell.options.functrace = on;
                shell.options.errtrace = on;
            }
            continue;
        }
        let on = *option;
        if !on && !names.is_empty() {
            status = 1;
        }
        if letters.contains('q') {
            continue;
        }
        if letters.contains('p') && letters.contains('o') {
            out.push_str(&format!("set {}o {name}\n", if on { '-' } else { '+' }));
        } else if letters.contains('p') {
            out.push_str(&format!("shopt -{} {name}\n", if on { 's' } else { 'u' }));
        } else {
            out.push_str(&format!("{name:15}\t{}\n", if on { "on" } else { "off" }));
        }
    }
    shell.print("shopt", &out);
    Ok(status)
}
