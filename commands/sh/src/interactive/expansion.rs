//! History expansion: `!!`, `!n`, `!-n`, `!text`, `!?text?`, words and modifiers of those, and `^old^new`.

/// A line after history expansion.
#[derive(Debug, PartialEq, Eq)]
pub struct Expanded {
    pub line: String,
    /// It is shown and remembered, and not run (`:p`).
    pub only_shown: bool,
}

/// Expands a line; nothing if there is nothing to expand. `Err` is the message.
///
/// # Errors
/// No line of the history fits, or a word or a modifier is wrong.
pub fn expand(line: &str, history: &[String]) -> Result<Option<Expanded>, String> {
    if let Some(rest) = line.strip_prefix('^') {
        return quick(line, rest, history).map(Some);
    }
    let mut out = String::new();
    let (mut changed, mut only_shown) = (false, false);
    let chars: Vec<char> = line.chars().collect();
    let (mut at, mut single, mut double) = (0, false, false);
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' if !single => {
                out.push(c);
                out.extend(chars.get(at + 1));
                at += 2;
                continue;
            }
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '!' if !single && begins(&chars[at + 1..], double, &chars[..at]) => {
                let mut event = Event {
                    chars: &chars,
                    at: at + 1,
                    before: &out,
                };
                let (text, shown) = event.read(history)?;
                at = event.at;
                out.push_str(&text);
                (changed, only_shown) = (true, only_shown | shown);
                continue;
            }
            _ => {}
        }
        out.push(c);
        at += 1;
    }
    Ok(changed.then_some(Expanded {
        line: out,
        only_shown,
    }))
}

/// Whether a `!` begins an expansion: not before a blank, `=` or `(`, nor as `$!` or in `[!...]`.
fn begins(after: &[char], double: bool, before: &[char]) -> bool {
    let Some(&next) = after.first() else {
        return false;
    };
    let plain = " \t\n=(;&|<>)".contains(next) || double && next == '"';
    let of_other = matches!(before.last(), Some('$' | '{' | '['));
    !plain && !of_other
}

/// `^old^new^`: the last line with one text replaced.
fn quick(line: &str, rest: &str, history: &[String]) -> Result<Expanded, String> {
    let mut parts = rest.trim_end_matches('\n').splitn(3, '^');
    let (old, new) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let tail = parts.next().unwrap_or("");
    let last = history.last().ok_or_else(|| missing(line))?;
    if old.is_empty() || !last.contains(old) {
        return Err(format!(":s{}: substitution failed", line.trim_end()));
    }
    let end = if line.ends_with('\n') { "\n" } else { "" };
    Ok(Expanded {
        line: format!("{}{tail}{end}", last.replacen(old, new, 1)),
        only_shown: false,
    })
}

fn missing(event: &str) -> String {
    format!("{}: event not found", event.trim_end())
}

/// One expansion being read.
struct Event<'a> {
    chars: &'a [char],
    at: usize,
    /// The line up to here, of which `!#` is made.
    before: &'a str,
}

impl Event<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn taken(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| fits(*c)) {
            text.push(c);
            self.at += 1;
        }
        text
    }

    fn read(&mut self, history: &[String]) -> Result<(String, bool), String> {
        let line = self.event(history)?;
        let text = self.words(&line)?;
        self.modifiers(text)
    }

    /// The line that is meant.
    fn event(&mut self, history: &[String]) -> Result<String, String> {
        let start = self.at;
        let last = |back: usize| {
            let at = history.len().checked_sub(back)?;
            history.get(at).filter(|_| back > 0).cloned()
        };
        let found = match self.peek() {
            Some('!') => {
                self.at += 1;
                last(1)
            }
            Some('#') => {
                self.at += 1;
                Some(self.before.to_owned())
            }
            Some('$' | '^' | '*' | ':') => last(1),
            Some('-')
                if self
                    .chars
                    .get(self.at + 1)
                    .is_some_and(char::is_ascii_digit) =>
            {
                self.at += 1;
                let back = self.taken(|c| c.is_ascii_digit());
                last(back.parse().unwrap_or(0))
            }
            Some(c) if c.is_ascii_digit() => {
                let number = self.taken(|c| c.is_ascii_digit());
                let at = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                at.and_then(|at| history.get(at)).cloned()
            }
            Some('?') => {
                self.at += 1;
                let wanted = self.taken(|c| c != '?' && c != '\n');
                if self.peek() == Some('?') {
                    self.at += 1;
                }
                history
                    .iter()
                    .rev()
                    .find(|line| line.contains(&wanted))
                    .cloned()
            }
            _ => {
                let wanted = self.taken(|c| !" \t\n:;&|()<>\"'".contains(c));
                let mut lines = history.iter().rev();
                lines.find(|line| line.starts_with(&wanted)).cloned()
            }
        };
        let named = || self.chars[start..self.at].iter().collect::<String>();
        found.ok_or_else(|| missing(&format!("!{}", named())))
    }

    /// The words of the line that are meant, which may be all.
    fn words(&mut self, line: &str) -> Result<String, String> {
        let words = split(line);
        let last = words.len().saturating_sub(1);
        let start = self.at;
        if self.peek() == Some(':') {
            let next = self.chars.get(self.at + 1).copied().unwrap_or(' ');
            if !next.is_ascii_digit() && !"$^*-%".contains(next) {
                return Ok(line.to_owned());
            }
            self.at += 1;
        } else if !self.peek().is_some_and(|c| "$^*".contains(c)) {
            return Ok(line.to_owned());
        }
        let chosen = match self.peek() {
            Some('$') => {
                self.at += 1;
                last..last + 1
            }
            Some('*') => {
                self.at += 1;
                1..last + 1
            }
            Some('^') => {
                self.at += 1;
                1..2
            }
            _ => {
                let from = self.taken(|c| c.is_ascii_digit()).parse().unwrap_or(0);
                match self.peek() {
                    Some('*') => {
                        self.at += 1;
                        from..last + 1
                    }
                    Some('-') => {
                        self.at += 1;
                        let to = self.taken(|c| c.is_ascii_digit());
                        if self.peek() == Some('$') {
                            self.at += 1;
                            from..last + 1
                        } else {
                            from..to.parse::<usize>().map_or(last, |to| to + 1)
                        }
                    }
                    _ => from..from + 1,
                }
            }
        };
        match words.get(chosen) {
            Some(words) => Ok(words.join(" ")),
            None => {
                let named: String = self.chars[start..self.at].iter().collect();
                Err(format!("{named}: bad word specifier"))
            }
        }
    }

    /// `:h`, `:t`, `:r`, `:e`, `:p`, `:q`, `:s/old/new/`, `:gs/old/new/`.
    fn modifiers(&mut self, mut text: String) -> Result<(String, bool), String> {
        let mut only_shown = false;
        while self.peek() == Some(':') {
            let Some(mut letter) = self.chars.get(self.at + 1).copied() else {
                break;
            };
            self.at += 2;
            let all = letter == 'g' || letter == 'a';
            if all {
                letter = self.peek().unwrap_or(' ');
                self.at += 1;
            }
            text = match letter {
                'h' => text
                    .rsplit_once('/')
                    .map_or(text.clone(), |(head, _)| head.to_owned()),
                't' => text.rsplit('/').next().unwrap_or(&text).to_owned(),
                'r' => text
                    .rsplit_once('.')
                    .map_or(text.clone(), |(root, _)| root.to_owned()),
                'e' => text
                    .rfind('.')
                    .map_or(text.clone(), |at| text[at..].to_owned()),
                'q' => crate::expand::escape::bash_single_quote(&text),
                'p' => {
                    only_shown = true;
                    text
                }
                's' => {
                    let mark = self.peek().unwrap_or('/');
                    self.at += 1;
                    let old = self.taken(|c| c != mark && c != '\n');
                    self.at += 1;
                    let new = self.taken(|c| c != mark && c != '\n');
                    if self.peek() == Some(mark) {
                        self.at += 1;
                    }
                    if old.is_empty() || !text.contains(&old) {
                        return Err(format!(":s{mark}{old}{mark}{new}: substitution failed"));
                    }
                    text.replacen(&old, &new, if all { usize::MAX } else { 1 })
                }
                other => return Err(format!("{other}: unrecognized history modifier")),
            };
        }
        Ok((text, only_shown))
    }
}

/// A line in words, as the shell would part it; quotes stay.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(chars.next());
            }
            (c, Some(open)) => {
                word.push(c);
                if c == open {
                    quote = None;
                }
            }
            ('\'' | '"', None) => {
                quote = Some(c);
                word.push(c);
            }
            (' ' | '\t' | '\n', None) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, None) => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::expand;

    fn expanded(line: &str) -> String {
        let history = ["echo one two", "ls -l /tmp/a.txt", "git commit -m 'a b'"].map(String::from);
        match expand(line, &history) {
            Ok(Some(found)) => found.line,
            Ok(None) => line.to_owned(),
            Err(message) => format!("! {message}"),
        }
    }

    #[test]
    fn events_words_and_modifiers() {
        for (line, wanted) in [
            ("!!", "git commit -m 'a b'"),
            ("sudo !!", "sudo git commit -m 'a b'"),
            ("!1", "echo one two"),
            ("!-2", "ls -l /tmp/a.txt"),
            ("!ec", "echo one two"),
            ("!?tmp?", "ls -l /tmp/a.txt"),
            ("cat !$", "cat 'a b'"),
            ("!1:0 x", "echo x"),
            ("!1:1-2", "one two"),
            ("x !1*", "x one two"),
            ("!ls:$:h", "/tmp"),
            ("!ls:$:t:r", "a"),
            ("!1:s/one/1/", "echo 1 two"),
            ("^commit^push", "git push -m 'a b'"),
            ("!nope", "! !nope: event not found"),
            ("!9", "! !9: event not found"),
        ] {
            assert_eq!(expanded(line), wanted, "{line}");
        }
    }

    #[test]
    fn what_is_no_event_stays() {
        for line in [
            "echo !",
            "! true",
            "a != b",
            "echo '!!'",
            "echo \\!\\!",
            "echo $!",
            "[[ ! a ]]",
            "echo \"hi!\"",
        ] {
            assert_eq!(expanded(line), line);
        }
    }
}
