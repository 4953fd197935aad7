//! `alias` and `unalias`.

use crate::expand::escape;
use crate::shell::{Exec, Shell};

pub fn alias(shell: &mut Shell, words: &[String]) -> Exec {
    let line = |shell: &Shell, name: &str, value: &str| {
        if shell.bash {
            format!("alias {name}={}\n", escape::bash_single_quote(value))
        } else {
            format!("{name}={}\n", escape::single_quote(value))
        }
    };
    let rest: Vec<&String> = words[1..]
        .iter()
        .filter(|w| *w != "-p" && *w != "--")
        .collect();
    let mut out = String::new();
    if rest.is_empty() {
        for (name, value) in &shell.aliases {
            out.push_str(&line(shell, name, value));
        }
        return Ok(shell.print("alias", &out));
    }
    let mut status = 0;
    for word in rest {
        match word.split_once('=').filter(|(name, _)| !name.is_empty()) {
            Some((name, value)) => {
                shell.aliases.insert(name.to_owned(), value.to_owned());
            }
            None => match shell.aliases.get(word) {
                Some(value) => out.push_str(&line(shell, word, value)),
                None => {
                    shell.error(&format!("alias: {word}: not found"));
                    status = 1;
                }
            },
        }
    }
    shell.print("alias", &out);
    Ok(status)
}

pub fn unalias(shell: &mut Shell, words: &[String]) -> Exec {
    let mut status = 0;
    if words.len() < 2 && shell.bash {
        return Ok(shell.misuse("unalias: usage: unalias [-a] name [name ...]"));
    }
    let rest = words[1..].strip_prefix(&[String::from("--")]);
    for word in rest.unwrap_or(&words[1..]) {
        if word == "-a" {
            shell.aliases.clear();
        } else if shell.aliases.remove(word).is_none() {
            shell.error(&format!("unalias: {word}: not found"));
            status = 1;
        }
    }
    Ok(status)
}
