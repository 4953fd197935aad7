//! `echo`: dash's with escapes, bash's with options.

use crate::expand::escape::{Style, unescape};
use crate::shell::{Exec, Shell};

pub fn echo(shell: &mut Shell, words: &[String]) -> Exec {
    let mut rest = &words[1..];
    let mut newline = true;
    let mut escapes = !shell.bash || shell.options.xpg_echo;
    if shell.bash {
        while let Some(word) = rest.first() {
            let letters = word.strip_prefix('-').unwrap_or("");
            if letters.is_empty() || !letters.chars().all(|c| "neE".contains(c)) {
                break;
            }
            for letter in letters.chars() {
                match letter {
                    'n' => newline = false,
                    letter => escapes = letter == 'e',
                }
            }
            rest = &rest[1..];
        }
    } else if rest.first().is_some_and(|w| w == "-n") {
        newline = false;
        rest = &rest[1..];
    }
    let mut text = rest.join(" ");
    if escapes && text.contains('\\') {
        let (unescaped, ended) = unescape(&text, Style::Echo, shell.bash);
        text = unescaped;
        newline &= !ended;
    }
    if newline {
        text.push('\n');
    }
    Ok(shell.print("echo", &text))
}
