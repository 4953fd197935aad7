//! The lines of a command as one entry of the history (`shopt -s cmdhist`), and the history of scripts.

use crate::shell::Shell;
use crate::syntax::Input;

/// Words behind which a command goes on, so that a `;` would be wrong.
const OPEN: [&str; 10] = [
    "then", "else", "elif", "do", "if", "while", "until", "in", "{", "!",
];

/// What the text so far is in the middle of.
#[derive(Default)]
struct Scan {
    quote: Option<char>,
    /// Words that end here-documents, with whether tabs before them go.
    documents: Vec<(String, bool)>,
}

impl Scan {
    /// Goes over one more line; true if its end is escaped.
    fn line(&mut self, line: &str) -> bool {
        if let Some((end, tabs)) = self.documents.first() {
            let text = if *tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if text == end {
                self.documents.remove(0);
            }
            return false;
        }
        let mut chars = line.chars().peekable();
        let mut before = ' ';
        while let Some(c) = chars.next() {
            match (self.quote, c) {
                (None | Some('"'), '\\') if chars.next().is_none() => return true,
                (Some(open), c) if c == open => self.quote = None,
                (None, '\'' | '"') => self.quote = Some(c),
                (None, '#') if before.is_whitespace() => return false,
                (None, '<') if chars.peek() == Some(&'<') => {
                    chars.next();
                    if chars.next_if_eq(&'<').is_none() {
                        let tabs = chars.next_if_eq(&'-').is_some();
                        while chars.next_if(|c| c.is_whitespace()).is_some() {}
                        let mut word = String::new();
                        while let Some(c) = chars.next_if(|c| !" \t;&|<>()".contains(*c)) {
                            if !"'\"\\".contains(c) {
                                word.push(c);
                            }
                        }
                        self.documents.push((word, tabs));
                    }
                }
                _ => {}
            }
            before = c;
        }
        false
    }
}

/// Whether nothing may come between a line and the next but a blank.
fn goes_on(line: &str) -> bool {
    let line = line.trim_end();
    let word = line
        .rsplit([' ', '\t', ';', '&', '|', '('])
        .next()
        .unwrap_or("");
    line.ends_with([';', '&', '|', '('])
        || line.ends_with("()")
        || OPEN.contains(&word)
        || line.ends_with(')') && line.trim_start().find([' ', '(']).is_none()
}

/// Lines of one command in one, as they may be typed again.
pub fn join(lines: &[String]) -> String {
    let mut out = String::new();
    let mut scan = Scan::default();
    let mut escaped = false;
    for (at, line) in lines.iter().enumerate() {
        let inside = scan.quote.is_some() || !scan.documents.is_empty();
        if at > 0 {
            if escaped {
                out.pop();
            } else if inside {
                out.push('\n');
            } else if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            } else if goes_on(&out) {
                out.push(' ');
            } else {
                out.push_str("; ");
            }
        }
        escaped = scan.line(line);
        out.push_str(line);
    }
    out
}

impl Shell {
    /// Whether lines are remembered: those of a user, and under `set -o history` those of a script.
    pub fn records(&self) -> bool {
        if self.bash {
            self.options.history
        } else {
            self.interactive
        }
    }

    /// Remembers a line that was typed: one that goes on with a command becomes part of its entry.
    pub fn remember_typed(&mut self, line: &str, continued: bool) {
        if !self.records() {
            return;
        }
        if !continued || !self.bash || !self.options.cmdhist {
            self.editor.command = vec![line.to_owned()];
            self.remember(line);
            return;
        }
        let before = join(&self.editor.command);
        self.editor.command.push(line.to_owned());
        // The beginning may have been kept out.
        if self.editor.history.last() == Some(&before) {
            self.editor.history.pop();
            let unsaved = self.editor.unsaved.saturating_sub(1);
            self.editor.unsaved = unsaved;
            let whole = join(&self.editor.command);
            self.remember(&whole);
        }
    }

    /// Remembers the lines of a script's command that has been read.
    pub fn remember_command(&mut self, text: &str) {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let plain = |line: &String| line.trim().is_empty() || line.trim_start().starts_with('#');
        while lines.first().is_some_and(plain) {
            let line = lines.remove(0);
            self.remember(&line);
        }
        if !lines.is_empty() {
            self.remember(&join(&lines));
        }
    }

    /// Expands `!!` and the like in the line of a script that is read next.
    pub fn expand_next_line(&mut self, input: &mut Input) {
        if !self.options.histexpand || !self.records() || self.interactive {
            return;
        }
        while let Some(line) = input.next_line() {
            if !line.contains(['!', '^']) {
                return;
            }
            let expanded = self.expand_history(line.clone());
            match expanded {
                Some(expanded) if expanded == line => return,
                Some(expanded) => return input.replace_line(&expanded),
                // It is not run.
                None => input.replace_line("\n"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::join;

    fn joined(text: &str) -> String {
        join(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn lines_become_one() {
        for (text, wanted) in [
            (
                "for i in 1 2; do\n  echo $i\ndone",
                "for i in 1 2; do   echo $i; done",
            ),
            ("f() {\n echo q\n}", "f() {  echo q; }"),
            ("echo 'a\nb'", "echo 'a\nb'"),
            ("echo a\\\nb", "echo ab"),
            ("cat <<X\n!! doc\nX", "cat <<X\n!! doc\nX"),
            ("cat <<X | sort\nb\nX\necho", "cat <<X | sort\nb\nX; echo"),
            ("a &&\nb", "a && b"),
            (
                "if true\nthen\n# note\necho y; fi",
                "if true; then echo y; fi",
            ),
        ] {
            assert_eq!(joined(text), wanted);
        }
    }
}
