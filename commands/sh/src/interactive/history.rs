//! The history of lines, `history` and its file.

use crate::expand::pattern::Pattern;
use crate::shell::{Exec, Shell};
use crate::text;

const MAX_LINES: usize = 1000;

impl Shell {
    /// Adds a line to the history, unless `HISTCONTROL` or `HISTIGNORE` keeps it out.
    pub fn remember(&mut self, line: &str) {
        let control = self.var("HISTCONTROL").unwrap_or_default();
        let has = |name: &str| {
            control
                .split(':')
                .any(|word| word == name || word == "ignoreboth")
        };
        let dup = self.editor.history.last().is_some_and(|last| last == line);
        // dash's editor, too, keeps no line twice in a row.
        if line.trim().is_empty() || dup && (!self.bash || has("ignoredups")) {
            return;
        }
        if self.bash && line.starts_with(' ') && has("ignorespace") || self.ignores(line) {
            return;
        }
        if control.split(':').any(|word| word == "erasedups") {
            self.editor.history.retain(|known| known != line);
            self.editor.unsaved = self.editor.unsaved.min(self.editor.history.len());
        }
        self.append_line(line);
        self.editor.unsaved += 1;
    }

    fn append_line(&mut self, line: &str) {
        self.editor.history.push(line.to_owned());
        self.shrink_history();
    }

    /// Whether a pattern of `HISTIGNORE` fits the whole line.
    fn ignores(&self, line: &str) -> bool {
        let Some(ignored) = self.var("HISTIGNORE").filter(|_| self.bash) else {
            return false;
        };
        ignored
            .split(':')
            .filter(|pattern| !pattern.is_empty())
            .any(|pattern| {
                let before = self.editor.history.last();
                let pattern = pattern.replace('&', before.map_or("", String::as_str));
                Pattern::new(&pattern, true, false).matches(line)
            })
    }

    /// Keeps as many lines as `HISTSIZE` says.
    pub fn shrink_history(&mut self) {
        let given = self.var("HISTSIZE").and_then(|n| n.parse::<usize>().ok());
        let most = given.unwrap_or(MAX_LINES).min(MAX_LINES);
        let over = self.editor.history.len().saturating_sub(most);
        self.editor.history.drain(..over);
        self.editor.dropped += over;
        let lines = self.editor.history.len();
        self.editor.unsaved = self.editor.unsaved.min(lines);
        self.editor.in_file = self.editor.in_file.min(MAX_LINES);
    }

    /// Reads the history of earlier shells, when a user begins one.
    pub fn begin_history(&mut self) {
        if !self.bash {
            return;
        }
        if self.vars.find("HISTFILE").is_none() {
            let home = self.var("HOME").unwrap_or_default();
            self.force("HISTFILE", &format!("{home}/.bash_history"));
        }
        if self.command_string {
            return;
        }
        if let Some(file) = self.history_file(None) {
            // The first shell has none.
            let _ = self.read_history(&file, 0);
        }
        self.editor.unsaved = 0;
    }

    /// Adds the lines of this shell to the file, at its end.
    pub fn end_history(&mut self) {
        if !self.bash || self.command_string || self.editor.unsaved == 0 {
            return;
        }
        if let Some(file) = self.history_file(None) {
            // There is nobody left to tell that it cannot be written.
            let _ = self.append_history(&file);
        }
    }

    fn history_file(&self, given: Option<&String>) -> Option<String> {
        let file = given.cloned().or_else(|| self.var("HISTFILE"));
        file.filter(|name| !name.is_empty())
    }

    /// Reads the lines of a file behind the first `skip`.
    fn read_history(&mut self, file: &str, skip: usize) -> std::io::Result<()> {
        let bytes = std::fs::read(text::path(file))?;
        let content = text::decode(&bytes);
        let lines: Vec<&str> = content.lines().collect();
        self.editor.in_file = lines.len();
        for line in lines.iter().skip(skip).filter(|line| !line.is_empty()) {
            self.append_line(line);
        }
        Ok(())
    }

    fn append_history(&mut self, file: &str) -> std::io::Result<()> {
        let from = self
            .editor
            .history
            .len()
            .saturating_sub(self.editor.unsaved);
        let old = std::fs::read(text::path(file)).unwrap_or_default();
        let mut lines: Vec<String> = text::decode(&old).lines().map(str::to_owned).collect();
        lines.extend(self.editor.history[from..].iter().cloned());
        self.editor.unsaved = 0;
        self.write_lines(file, &lines)
    }

    /// Writes a file of no more lines than `HISTFILESIZE`.
    fn write_lines(&mut self, file: &str, lines: &[String]) -> std::io::Result<()> {
        let given = self.var("HISTFILESIZE").and_then(|n| n.parse().ok());
        let most = given.unwrap_or(MAX_LINES);
        let kept = &lines[lines.len().saturating_sub(most)..];
        self.editor.in_file = kept.len();
        let content: String = kept.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(text::path(file), &*text::encode(&content))
    }

    /// Setting `HISTFILESIZE` makes the file shorter at once.
    pub fn shrink_history_file(&mut self, most: &str) {
        let (Ok(most), Some(file)) = (most.parse::<usize>(), self.history_file(None)) else {
            return;
        };
        let Ok(bytes) = std::fs::read(text::path(&file)) else {
            return;
        };
        let lines: Vec<String> = text::decode(&bytes).lines().map(str::to_owned).collect();
        if lines.len() > most {
            // The file stays as it is where it cannot be written.
            let _ = self.write_lines(&file, &lines[lines.len() - most..]);
        }
    }

    /// The place in the list that a number of `history -d` means, counted from the end if negative.
    fn history_place(&self, word: &str) -> Option<usize> {
        let lines = self.editor.history.len();
        let number = word.parse::<i64>().ok()?;
        let at = if number < 0 {
            i64::try_from(lines).ok()? + number
        } else {
            number - 1 - i64::try_from(self.editor.dropped).ok()?
        };
        usize::try_from(at).ok().filter(|at| *at < lines)
    }
}

pub fn history_builtin(shell: &mut Shell, words: &[String]) -> Exec {
    let Some(first) = words.get(1) else {
        return Ok(list(shell, usize::MAX));
    };
    let Some(letters) = first.strip_prefix('-').filter(|l| !l.is_empty()) else {
        return Ok(numbered(shell, first, words.len()));
    };
    let rest = &words[2..];
    let mut status = 0;
    for letter in letters.chars() {
        status = match letter {
            'c' => {
                shell.editor.history.clear();
                shell.editor.dropped = 0;
                shell.editor.unsaved = 0;
                0
            }
            'd' => delete(shell, rest),
            'a' | 'n' | 'r' | 'w' => return Ok(file(shell, letter, rest.first())),
            's' => {
                // Instead of the line with this command.
                if shell.records() && shell.editor.history.pop().is_some() {
                    shell.editor.unsaved = shell.editor.unsaved.saturating_sub(1);
                }
                shell.remember(&rest.join(" "));
                return Ok(0);
            }
            'p' => return Ok(print_expanded(shell, rest)),
            '-' => 0,
            _ => shell.misuse(&format!("history: {first}: invalid option")),
        };
    }
    Ok(status)
}

fn numbered(shell: &mut Shell, word: &str, words: usize) -> i32 {
    let Ok(count) = word.trim_start_matches('+').parse::<usize>() else {
        shell.error(&format!("history: {word}: numeric argument required"));
        return 1;
    };
    if words > 2 {
        shell.error("history: too many arguments");
        return 1;
    }
    list(shell, count)
}

fn list(shell: &mut Shell, count: usize) -> i32 {
    shell.shrink_history();
    let skip = shell.editor.history.len().saturating_sub(count);
    let first = shell.editor.dropped + 1;
    let lines = shell.editor.history.iter().enumerate().skip(skip);
    let text: String = lines
        .map(|(i, line)| format!("{:5}  {line}\n", i + first))
        .collect();
    shell.print("history", &text)
}

fn delete(shell: &mut Shell, rest: &[String]) -> i32 {
    let word = rest.first().cloned().unwrap_or_default();
    let (from, to) = match word.get(1..).and_then(|tail| tail.find('-')) {
        Some(at) => (word[..at + 1].to_owned(), word[at + 2..].to_owned()),
        None => (word.clone(), word.clone()),
    };
    match (shell.history_place(&from), shell.history_place(&to)) {
        (Some(from), Some(to)) if from <= to => {
            shell.editor.history.drain(from..=to);
            shell.editor.unsaved = shell.editor.unsaved.min(shell.editor.history.len());
            0
        }
        _ => {
            shell.error(&format!("history: {word}: history position out of range"));
            1
        }
    }
}

fn file(shell: &mut Shell, letter: char, given: Option<&String>) -> i32 {
    let Some(name) = shell.history_file(given) else {
        return 1;
    };
    let done = match letter {
        'a' => shell.append_history(&name),
        'w' => {
            let lines = shell.editor.history.clone();
            shell.editor.unsaved = 0;
            shell.write_lines(&name, &lines)
        }
        'n' => shell.read_history(&name, shell.editor.in_file),
        _ => shell.read_history(&name, 0),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            let reason = secure_exec_sys::errno::message(&error);
            shell.error(&format!("history: {name}: {reason}"));
            1
        }
    }
}

fn print_expanded(shell: &mut Shell, rest: &[String]) -> i32 {
    let mut out = String::new();
    // The line with this command is none that it means.
    if shell.records() && shell.editor.history.pop().is_some() {
        shell.editor.unsaved = shell.editor.unsaved.saturating_sub(1);
    }
    for word in rest {
        match super::expansion::expand(word, &shell.editor.history) {
            Ok(found) => out.push_str(&format!(
                "{}\n",
                found.map_or_else(|| word.clone(), |f| f.line)
            )),
            Err(message) => {
                shell.error(&format!("history: {message}"));
                return 1;
            }
        }
    }
    shell.print("history", &out)
}
