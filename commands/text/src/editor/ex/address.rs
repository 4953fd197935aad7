//! Addresses of lines before a command.

use super::Editor;

/// Lines from one up to another, both included; both count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: usize,
    pub to: usize,
    /// How many addresses were given.
    pub given: usize,
    /// The last one was 0: before the first line.
    pub before_first: bool,
}

/// What is left of a command line.
pub struct Words<'a> {
    text: &'a [char],
}

impl<'a> Words<'a> {
    pub fn new(text: &'a [char]) -> Self {
        Self { text }
    }

    pub fn peek(&self) -> Option<char> {
        self.text.first().copied()
    }

    pub fn next(&mut self) -> Option<char> {
        let (&first, rest) = self.text.split_first()?;
        self.text = rest;
        Some(first)
    }

    pub fn takes(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.next();
        }
        found
    }

    pub fn blanks(&mut self) {
        while self.peek().is_some_and(|c| c == ' ' || c == '\t') {
            self.next();
        }
    }

    pub fn rest(&self) -> &'a [char] {
        self.text
    }

    /// Takes characters while they are of a kind.
    pub fn run(&mut self, of: impl Fn(char) -> bool) -> String {
        let mut found = String::new();
        while let Some(c) = self.peek().filter(|&c| of(c)) {
            found.push(c);
            self.next();
        }
        found
    }

    pub fn number(&mut self) -> Option<usize> {
        let digits = self.run(|c| c.is_ascii_digit());
        // What is too long for a number is behind every line.
        (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX / 2))
    }

    /// Text up to a delimiter, which is taken as well; one behind a backslash belongs to the text, without it.
    pub fn until(&mut self, delimiter: char) -> (Vec<char>, bool) {
        let mut text = Vec::new();
        let mut in_bracket = false;
        while let Some(c) = self.next() {
            match c {
                _ if c == delimiter && !in_bracket => return (text, true),
                '[' if self.rest().contains(&']') => in_bracket = true,
                ']' => in_bracket = false,
                '\\' if self.peek() == Some(delimiter) => {
                    self.next();
                    text.push(delimiter);
                    continue;
                }
                '\\' => {
                    text.push(c);
                    text.extend(self.next());
                    continue;
                }
                _ => {}
            }
            text.push(c);
        }
        (text, false)
    }
}

impl Editor {
    /// The lines that a command is for; the current one if none is given.
    ///
    /// # Errors
    /// A mark that is not set, an expression that is not found, a line that is not there.
    pub(super) fn range(&mut self, words: &mut Words) -> Result<Range, String> {
        let current = self.cursor.row;
        words.blanks();
        while words.takes(':') {
            words.blanks();
        }
        if words.takes('%') {
            return Ok(Range {
                from: 0,
                to: self.buffer.len() - 1,
                given: 2,
                before_first: false,
            });
        }
        // Lines count from 1 here, and 0 is before them.
        let mut found: Vec<usize> = Vec::new();
        loop {
            words.blanks();
            let address = self.address(words)?;
            let separator = words.peek().filter(|c| *c == ',' || *c == ';');
            match (address, separator, found.is_empty()) {
                (None, None, true) => break,
                (None, None, false) => found.push(self.cursor.row + 1),
                (address, _, _) => found.push(address.unwrap_or(self.cursor.row + 1)),
            }
            match separator {
                Some(';') => {
                    self.cursor.row = found
                        .last()
                        .copied()
                        .unwrap_or(1)
                        .saturating_sub(1)
                        .min(self.buffer.len() - 1);
                }
                Some(_) => {}
                None => break,
            }
            words.next();
        }
        let given = found.len().min(2);
        let last = found.last().copied().unwrap_or(current + 1);
        let first = if given == 2 {
            found[found.len() - 2]
        } else {
            last
        };
        if first > self.buffer.len() || last > self.buffer.len() {
            return Err("E16: Invalid range".to_owned());
        }
        if first > last {
            return Err("E493: Backwards range given".to_owned());
        }
        Ok(Range {
            from: first.saturating_sub(1),
            to: last.saturating_sub(1),
            given,
            before_first: last == 0,
        })
    }

    /// One address, counted from 1.
    pub(super) fn address(&mut self, words: &mut Words) -> Result<Option<usize>, String> {
        let mut line = match words.peek() {
            Some('.') => {
                words.next();
                Some(self.cursor.row + 1)
            }
            Some('$') => {
                words.next();
                Some(self.buffer.len())
            }
            Some('\'') => {
                words.next();
                let name = words.next().ok_or("E20: Mark not set")?;
                Some(self.mark(name)?.row + 1)
            }
            Some(delimiter @ ('/' | '?')) => {
                words.next();
                let (text, _) = words.until(delimiter);
                let search = self.compile(&text)?;
                let found = self.find_line(&search, self.cursor.row, delimiter == '/');
                let shown: String = text.iter().collect();
                Some(found.ok_or(format!("E486: Pattern not found: {shown}"))? + 1)
            }
            _ => words.number(),
        };
        loop {
            words.blanks();
            let up = match words.peek() {
                Some('+') => true,
                Some('-') => false,
                _ => return Ok(line),
            };
            words.next();
            let by = words.number().unwrap_or(1);
            let from = line.unwrap_or(self.cursor.row + 1);
            line = Some(if up {
                from.saturating_add(by)
            } else {
                from.checked_sub(by).ok_or("E16: Invalid range")?
            });
        }
    }

    /// The place of a mark.
    ///
    /// # Errors
    /// It is not set.
    pub fn mark(&self, name: char) -> Result<crate::editor::buffer::Place, String> {
        let name = if name == '`' { '\'' } else { name };
        let found = self.marks.get(&name).copied();
        found
            .filter(|place| place.row < self.buffer.len())
            .ok_or_else(|| "E20: Mark not set".to_owned())
    }
}
