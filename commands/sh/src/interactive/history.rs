//! The history of lines, `history` and `fc`.

use crate::shell::{Exec, Shell};

const MAX_LINES: usize = 1000;

impl Shell {
    /// Adds a line to the history.
    pub fn remember(&mut self, line: &str) {
        if line.trim().is_empty() || self.editor.history.last().is_some_and(|last| last == line) {
            return;
        }
        let most = self
            .var("HISTSIZE")
            .and_then(|n| n.parse().ok())
            .unwrap_or(MAX_LINES)
            .min(MAX_LINES);
        self.editor.history.push(line.to_owned());
        while self.editor.history.len() > most {
            self.editor.history.remove(0);
            self.editor.dropped += 1;
        }
    }
}

pub fn history_builtin(shell: &mut Shell, words: &[String]) -> Exec {
    match words.get(1).map(String::as_str) {
        Some("-c") => {
            shell.editor.history.clear();
            Ok(0)
        }
        Some("-a" | "-r" | "-w" | "-n") => Ok(0),
        count => {
            let count = count.and_then(|c| c.parse().ok()).unwrap_or(usize::MAX);
            let skip = shell.editor.history.len().saturating_sub(count);
            let first = shell.editor.dropped + 1;
            let lines = shell.editor.history.iter().enumerate().skip(skip);
            let text: String = lines
                .map(|(i, line)| format!("{:5}  {line}\n", i + first))
                .collect();
            Ok(shell.print("history", &text))
        }
    }
}

/// `fc -l` lists and `fc -s` runs again; editing is refused, there is no editor to rely on.
pub fn fc(shell: &mut Shell, words: &[String]) -> Exec {
    match words.get(1).map(String::as_str) {
        Some("-l" | "-ln" | "-nl") => {
            let numbers = words[1] == "-l";
            let skip = shell.editor.history.len().saturating_sub(17);
            let first = shell.editor.dropped + 1;
            let lines = shell.editor.history.iter().enumerate().skip(skip);
            let text: String = lines
                .map(|(i, l)| {
                    if numbers {
                        format!("{}\t {l}\n", i + first)
                    } else {
                        format!("\t {l}\n")
                    }
                })
                .collect();
            Ok(shell.print("fc", &text))
        }
        Some("-s") => {
            let prefix = words.get(2).cloned().unwrap_or_default();
            // The last line is this `fc` itself.
            let found = shell
                .editor
                .history
                .iter()
                .rev()
                .skip(1)
                .find(|l| l.starts_with(&prefix))
                .cloned();
            match found {
                Some(line) => {
                    shell.print_error_raw(&format!("{line}\n"));
                    shell.eval_text(&line, 1)
                }
                None => {
                    shell.error("fc: no command found");
                    Ok(1)
                }
            }
        }
        _ => {
            shell.error("fc: editing is not supported");
            Ok(1)
        }
    }
}
