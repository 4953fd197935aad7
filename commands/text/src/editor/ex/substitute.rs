//! `:s`, `:&` and `:g`.

use std::rc::Rc;

use crate::editor::buffer::Place;
use crate::editor::line::{Line, decode, encode};
use crate::editor::pattern::{Search, Spans, length_at};

use super::address::{Range, Words};
use super::{Editor, Outcome};

/// The last substitution, which `&` does again.
#[derive(Clone)]
pub struct Substitution {
    search: Rc<Search>,
    shown: String,
    replacement: Vec<char>,
    all: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Upper,
    Lower,
}

impl Editor {
    /// `:s/expression/replacement/flags`, or `:s` and `:&` alone for the last one.
    pub(super) fn substitute(&mut self, mut range: Range, words: &mut Words) -> Outcome {
        let again = !words.peek().is_some_and(|c| {
            !c.is_alphanumeric() && !c.is_whitespace() && !['"', '|', '\\', '&'].contains(&c)
        });
        let mut substitution = if again {
            let last = self.substitution.clone();
            let last = last.ok_or("E35: No previous regular expression")?;
            Substitution { all: false, ..last }
        } else {
            let delimiter = words.next().unwrap_or('/');
            let (text, closed) = words.until(delimiter);
            let (mut replacement, _) = if closed {
                replacement(words, delimiter)
            } else {
                (Vec::new(), false)
            };
            if replacement == ['~'] {
                replacement = self
                    .substitution
                    .as_ref()
                    .map(|last| last.replacement.clone())
                    .unwrap_or_default();
            }
            Substitution {
                search: self.compile(&text)?,
                shown: text.iter().collect(),
                replacement,
                all: false,
            }
        };
        let mut quiet = false;
        let mut counts = false;
        let mut shows = None;
        while let Some(flag) = words.peek() {
            match flag {
                'g' => substitution.all = true,
                'e' => quiet = true,
                'n' => counts = true,
                'i' | 'I' => {
                    let text: Vec<char> = substitution.shown.chars().collect();
                    substitution.search = Rc::new(Search::new(&text, flag == 'i')?);
                }
                '&' => substitution.all = self.substitution.as_ref().is_some_and(|last| last.all),
                'p' | '#' | 'l' => shows = Some(flag),
                'r' => {}
                'c' => return Err("E488: the flag c of :s is not supported by this vi".to_owned()),
                _ => break,
            }
            words.next();
        }
        words.blanks();
        if let Some(count) = words.number() {
            range.from = range.to;
            range.to = (range.to + count.max(1) - 1).min(self.buffer.len() - 1);
        }
        words.blanks();
        if !words.rest().is_empty() {
            let rest: String = words.rest().iter().collect();
            return Err(format!("E488: Trailing characters: {rest}"));
        }
        self.substitution = Some(substitution.clone());
        self.substitute_lines(&substitution, range, counts, quiet, shows)
    }

    fn substitute_lines(
        &mut self,
        substitution: &Substitution,
        range: Range,
        counts: bool,
        quiet: bool,
        shows: Option<char>,
    ) -> Outcome {
        let (mut count, mut lines) = (0, 0);
        let mut row = range.from;
        let mut end = range.to;
        let mut last = None;
        while row <= end && row < self.buffer.len() {
            let line = self.buffer.line(row).to_vec();
            let (made, changes) = substituted(&line, substitution);
            if changes == 0 {
                row += 1;
                continue;
            }
            (count, lines) = (count + changes, lines + 1);
            let more = made.len();
            if !counts {
                self.replace(row, 1, made);
                end += more - 1;
                last = Some(row + more - 1);
                row += more;
            } else {
                row += 1;
            }
        }
        if count == 0 {
            if quiet || self.depth > 0 {
                return Ok(());
            }
            return Err(format!("E486: Pattern not found: {}", substitution.shown));
        }
        if counts {
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            self.print(format!(
                "{count} match{} on {lines} line{}",
                if count == 1 { "" } else { "es" },
                plural(lines)
            ));
            return Ok(());
        }
        if let Some(row) = last {
            self.go_to(row);
            if let Some(how) = shows {
                self.show_lines(row, row, how);
            }
        }
        if lines > 2 && self.depth == 0 && self.is_visual {
            self.message = format!("{count} substitutions on {lines} lines");
        }
        Ok(())
    }

    /// `:g/expression/command`, or `:v`.
    pub(super) fn global(&mut self, range: Range, words: &mut Words, matching: bool) -> Outcome {
        let delimiter = words
            .next()
            .ok_or("E148: Regular expression missing from global")?;
        let (text, _) = words.until(delimiter);
        let search = self.compile(&text)?;
        let command: Vec<char> = if words.rest().is_empty() {
            vec!['p']
        } else {
            words.rest().to_vec()
        };
        if self.depth > 0 {
            return Err("E147: Cannot do :global recursive".to_owned());
        }
        let range = if range.given == 0 { self.all() } else { range };
        let rows: Vec<usize> = (range.from..=range.to)
            .filter(|&row| search.is_match(self.buffer.line(row)) == matching)
            .collect();
        if rows.is_empty() {
            let shown: String = text.iter().collect();
            let what = if matching {
                "Pattern not found"
            } else {
                "Pattern found in every line"
            };
            return Err(format!("E486: {what}: {shown}"));
        }
        if command == ['d'] {
            self.delete_each(&rows);
            return Ok(());
        }
        // Lines move while commands run.
        self.buffer.flag(rows);
        let result = self.deeper(|editor| {
            while let Some(row) = editor.buffer.flagged() {
                editor.cursor = Place { row, column: 0 };
                editor.execute(&command)?;
                if editor.quit.is_some() {
                    break;
                }
            }
            Ok(())
        });
        self.buffer.forget_flags();
        result
    }
}

impl Editor {
    /// Takes some lines away: what `:g` does for the most part, of many lines, at once.
    fn delete_each(&mut self, rows: &[usize]) {
        let (Some(&first), Some(&last)) = (rows.first(), rows.last()) else {
            return;
        };
        self.yank_lines(last, last, None);
        let goes = |row: usize| rows.binary_search(&row).is_ok();
        let kept = (first..=last).filter(|&row| !goes(row));
        let kept = kept.map(|row| self.buffer.line(row).to_vec()).collect();
        self.marks.retain(|_, place| !goes(place.row));
        for place in self.marks.values_mut() {
            place.row -= rows.partition_point(|&row| row < place.row);
        }
        self.buffer.begin(self.cursor);
        self.buffer.replace(first, last - first + 1, kept);
        self.go_to(last + 1 - rows.len());
    }
}

/// The replacement up to the delimiter, with its backslashes, but for those before delimiters.
fn replacement(words: &mut Words, delimiter: char) -> (Vec<char>, bool) {
    let mut text = Vec::new();
    while let Some(c) = words.next() {
        if c == delimiter {
            return (text, true);
        }
        if c == '\\' {
            match words.next() {
                Some(next) if next == delimiter => text.push(next),
                Some(next) => text.extend([c, next]),
                None => text.push(c),
            }
            continue;
        }
        text.push(c);
    }
    (text, false)
}

/// A line with matches replaced, which may be several lines then, and how many were.
fn substituted(line: &[char], substitution: &Substitution) -> (Vec<Line>, usize) {
    let bytes = encode(line);
    let mut lines = vec![Line::new()];
    let mut spans = Spans::new();
    let (mut count, mut at, mut from) = (0, 0, 0);
    while let Some((begin, end)) = substitution.search.find_in(&bytes, from, &mut spans) {
        push(&mut lines, &bytes[at..begin]);
        // Right behind a match there is no empty one.
        if count == 0 || begin < end || begin > at {
            count += 1;
            insert(&mut lines, &substitution.replacement, &bytes, &spans);
        }
        (at, from) = (end, end);
        if begin == end && end < bytes.len() {
            // An empty match is not found again where it is.
            from = end + length_at(&bytes, end);
        }
        if !substitution.all || from >= bytes.len() {
            break;
        }
    }
    push(&mut lines, &bytes[at..]);
    (lines, count)
}

fn push(lines: &mut [Line], bytes: &[u8]) {
    if let Some(last) = lines.last_mut() {
        last.extend(decode(bytes));
    }
}

/// Inserts a replacement: `&` and `\1` are matches, `\u`, `\L` and their kin change letters.
fn insert(lines: &mut Vec<Line>, replacement: &[char], bytes: &[u8], spans: &Spans) {
    let mut run = Case::Kept;
    let mut once = Case::Kept;
    let put = |c: char, run: Case, once: &mut Case, lines: &mut Vec<Line>| {
        let case = std::mem::replace(once, Case::Kept);
        let case = if case == Case::Kept { run } else { case };
        let line = lines.last_mut();
        let Some(line) = line else { return };
        match case {
            Case::Kept => line.push(c),
            Case::Upper => line.extend(c.to_uppercase()),
            Case::Lower => line.extend(c.to_lowercase()),
        }
    };
    let group = |digit: u32| {
        let span = spans.get(digit as usize).copied().flatten();
        span.map_or_else(Line::new, |(begin, end)| decode(&bytes[begin..end]))
    };
    let mut at = 0;
    while at < replacement.len() {
        let c = replacement[at];
        at += 1;
        let text = match c {
            '&' => group(0),
            '\r' => {
                lines.push(Line::new());
                continue;
            }
            '\\' => {
                let escaped = replacement.get(at).copied().unwrap_or('\\');
                at += 1;
                match escaped {
                    '0'..='9' => group(escaped.to_digit(10).unwrap_or(0)),
                    'r' | 'n' | '\r' | '\n' => {
                        lines.push(Line::new());
                        continue;
                    }
                    't' => vec!['\t'],
                    'u' => {
                        once = Case::Upper;
                        continue;
                    }
                    'l' => {
                        once = Case::Lower;
                        continue;
                    }
                    'U' => {
                        run = Case::Upper;
                        continue;
                    }
                    'L' => {
                        run = Case::Lower;
                        continue;
                    }
                    'e' | 'E' => {
                        (run, once) = (Case::Kept, Case::Kept);
                        continue;
                    }
                    other => vec![other],
                }
            }
            c => vec![c],
        };
        for c in text {
            put(c, run, &mut once, lines);
        }
    }
}
