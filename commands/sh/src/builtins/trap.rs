//! `trap`.

use secure_exec_sys as sys;

use crate::expand::escape;
use crate::shell::{Exec, Shell};
use crate::traps::PSEUDO;

/// A condition: a signal number (0: exit) or one of bash's own.
enum Condition {
    Signal(i32),
    Pseudo(String),
}

fn condition(shell: &Shell, word: &str) -> Option<Condition> {
    if let Ok(n) = word.parse::<i32>() {
        return (0..=sys::signal::MAX)
            .contains(&n)
            .then_some(Condition::Signal(n));
    }
    let upper = word.to_ascii_uppercase();
    if shell.dash && upper.starts_with("SIG") {
        return None;
    }
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    if shell.bash && PSEUDO.contains(&bare) {
        return Some(Condition::Pseudo(bare.to_owned()));
    }
    sys::signal::number(word).map(Condition::Signal)
}

fn condition_name(shell: &Shell, signal: i32) -> String {
    let name = sys::signal::name(signal).unwrap_or_else(|| signal.to_string());
    if shell.bash && signal != 0 && !shell.options.posix {
        format!("SIG{name}")
    } else {
        name
    }
}

fn list(shell: &mut Shell, only: &[String]) -> Exec {
    let quote = |shell: &Shell, text: &str| {
        if shell.bash && !text.contains('\n') {
            escape::bash_single_quote(text)
        } else {
            escape::single_quote(text)
        }
    };
    let actions = shell
        .traps
        .inherited
        .as_ref()
        .filter(|_| !shell.dash)
        .unwrap_or(&shell.traps.actions)
        .clone();
    let wanted: Vec<String> = only
        .iter()
        .filter_map(|w| condition(shell, w))
        .map(|c| match c {
            Condition::Signal(n) => condition_name(shell, n),
            Condition::Pseudo(name) => name,
        })
        .collect();
    let mut out = String::new();
    for (signal, action) in &actions {
        let name = condition_name(shell, *signal);
        if wanted.is_empty() || wanted.contains(&name) {
            out.push_str(&format!("trap -- {} {name}\n", quote(shell, action)));
        }
    }
    for (name, action) in &shell.traps.pseudo {
        if wanted.is_empty() || wanted.contains(name) {
            out.push_str(&format!("trap -- {} {name}\n", quote(shell, action)));
        }
    }
    Ok(shell.print("trap", &out))
}

pub fn trap(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    match rest.first().map(String::as_str) {
        Some("-l") => {
            let names: Vec<String> = (1..=31).filter_map(sys::signal::name).collect();
            let text: String = names
                .iter()
                .enumerate()
                .map(|(i, n)| format!("{:2}) SIG{n}\n", i + 1))
                .collect();
            return Ok(shell.print("trap", &text));
        }
        Some("-p") if !shell.dash => return list(shell, &rest[1..]),
        Some("--") => rest = &rest[1..],
        Some(option)
            if (shell.bash || shell.dash) && option.starts_with('-') && option.len() > 1 =>
        {
            return shell.misuse_special(&if shell.bash {
                format!("trap: {option}: invalid option")
            } else {
                format!("trap: Illegal option {option}")
            });
        }
        _ => {}
    }
    let Some((action, conditions)) = rest.split_first() else {
        return list(shell, &[]);
    };
    // A number first, or a single condition, resets.
    let numeric = action.bytes().all(|b| b.is_ascii_digit()) && !action.is_empty();
    let reset_all = numeric || conditions.is_empty() && condition(shell, action).is_some();
    let (action, conditions) = if reset_all {
        (None, rest)
    } else {
        (Some(action.clone()).filter(|a| a != "-"), conditions)
    };
    if conditions.is_empty() {
        if shell.bash {
            return shell.misuse_special("trap: usage: trap [-lp] [[arg] signal_spec ...]");
        }
        let word = rest[0].clone();
        shell.error(&format!("trap: {word}: bad trap"));
        return Ok(1);
    }
    let mut status = 0;
    for word in conditions {
        match condition(shell, word) {
            Some(Condition::Signal(signal)) => shell.set_trap(signal, action.clone()),
            Some(Condition::Pseudo(name)) => match &action {
                Some(action) => {
                    shell.traps.pseudo.insert(name, action.clone());
                }
                None => {
                    shell.traps.pseudo.remove(&name);
                }
            },
            None => {
                let message = if shell.bash {
                    format!("trap: {word}: invalid signal specification")
                } else {
                    format!("trap: {word}: bad trap")
                };
                shell.error(&message);
                status = 1;
            }
        }
    }
    Ok(status)
}
