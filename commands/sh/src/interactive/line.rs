//! The text being edited: inserting, killing, words, undoing.

use super::keymap::Mode;

/// A line and where the cursor is in it.
#[derive(Debug, Default)]
pub struct Text {
    pub chars: Vec<char>,
    pub cursor: usize,
    /// What was before each change.
    pub undone: Vec<(Vec<char>, usize)>,
}

/// What ends a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Letters and digits.
    Alphanumeric,
    /// Anything but blanks.
    Blank,
    /// vi's: letters, digits and `_`, or a run of others.
    Vi,
}

impl Word {
    /// Characters of the same class are in one word; blanks are in none.
    fn class(self, c: char) -> u8 {
        match self {
            Self::Blank => u8::from(!c.is_whitespace()),
            Self::Alphanumeric => u8::from(c.is_alphanumeric()),
            Self::Vi if c.is_whitespace() => 0,
            Self::Vi if c.is_alphanumeric() || c == '_' => 1,
            Self::Vi => 2,
        }
    }
}

impl Text {
    /// Remembers how it is now, to come back to it.
    pub fn remember(&mut self) {
        if self
            .undone
            .last()
            .is_none_or(|(chars, _)| *chars != self.chars)
        {
            self.undone.push((self.chars.clone(), self.cursor));
        }
    }

    /// Goes back by one change; false if there is none.
    pub fn undo(&mut self) -> bool {
        while let Some((chars, cursor)) = self.undone.pop() {
            if chars != self.chars {
                (self.chars, self.cursor) = (chars, cursor);
                return true;
            }
        }
        false
    }

    pub fn insert(&mut self, chars: &[char]) {
        let at = self.cursor.min(self.chars.len());
        self.chars.splice(at..at, chars.iter().copied());
        self.cursor = at + chars.len();
    }

    /// Takes a stretch out.
    pub fn cut(&mut self, from: usize, to: usize) -> Vec<char> {
        let to = to.min(self.chars.len());
        if from >= to {
            return Vec::new();
        }
        let cut = self.chars.drain(from..to).collect();
        self.cursor = from;
        cut
    }

    fn class(&self, at: usize, word: Word) -> u8 {
        self.chars.get(at).map_or(0, |c| word.class(*c))
    }

    /// Where the word before the cursor begins.
    pub fn word_start(&self, word: Word) -> usize {
        let mut at = self.cursor;
        while at > 0 && self.class(at - 1, word) == 0 {
            at -= 1;
        }
        let class = if at > 0 { self.class(at - 1, word) } else { 0 };
        while at > 0 && self.class(at - 1, word) == class {
            at -= 1;
        }
        at
    }

    /// Behind the end of the word at the cursor or after it.
    pub fn word_end(&self, word: Word) -> usize {
        let mut at = self.cursor;
        while at < self.chars.len() && self.class(at, word) == 0 {
            at += 1;
        }
        let class = self.class(at, word);
        while at < self.chars.len() && self.class(at, word) == class {
            at += 1;
        }
        at
    }

    /// Where the next word begins.
    pub fn next_word(&self, word: Word) -> usize {
        let mut at = self.cursor;
        let class = self.class(at, word);
        while at < self.chars.len() && class != 0 && self.class(at, word) == class {
            at += 1;
        }
        while at < self.chars.len() && self.class(at, word) == 0 {
            at += 1;
        }
        at
    }

    /// Changes the case of the word at the cursor, which ends up behind it.
    pub fn change_word(&mut self, first: fn(char) -> char, others: fn(char) -> char) {
        let end = self.word_end(Word::Alphanumeric);
        let mut begun = false;
        for c in &mut self.chars[self.cursor..end] {
            if c.is_alphanumeric() {
                *c = if begun { others(*c) } else { first(*c) };
                begun = true;
            }
        }
        self.cursor = end;
    }

    /// Swaps the words around the cursor.
    pub fn transpose_words(&mut self) {
        let word = Word::Alphanumeric;
        let end = self.word_end(word);
        let kept = self.cursor;
        self.cursor = end;
        let second = self.word_start(word);
        self.cursor = second;
        let first = self.word_start(word);
        self.cursor = first;
        let first_end = self.word_end(word);
        if first_end > second || first == second {
            self.cursor = kept;
            return;
        }
        let mut swapped = self.chars[second..end].to_vec();
        swapped.extend_from_slice(&self.chars[first_end..second]);
        swapped.extend_from_slice(&self.chars[first..first_end]);
        self.chars.splice(first..end, swapped);
        self.cursor = end;
    }

    /// Keeps the cursor on a character where it may not be behind the last.
    pub fn keep_inside(&mut self, mode: Mode) {
        let last = match mode {
            Mode::ViCommand => self.chars.len().saturating_sub(1),
            _ => self.chars.len(),
        };
        self.cursor = self.cursor.min(last);
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, Word};

    fn text(chars: &str, cursor: usize) -> Text {
        Text {
            chars: chars.chars().collect(),
            cursor,
            ..Text::default()
        }
    }

    #[test]
    fn words_of_each_kind() {
        let at = |cursor| text("ls -la /tmp/a.txt", cursor);
        assert_eq!(at(0).next_word(Word::Vi), 3);
        assert_eq!(at(3).next_word(Word::Vi), 4);
        assert_eq!(at(7).next_word(Word::Blank), 17);
        assert_eq!(at(17).word_start(Word::Blank), 7);
        assert_eq!(at(17).word_start(Word::Alphanumeric), 14);
        assert_eq!(at(2).word_end(Word::Alphanumeric), 6);
    }

    #[test]
    fn words_are_swapped() {
        let mut line = text("one two  three", 9);
        line.transpose_words();
        assert_eq!(line.chars.iter().collect::<String>(), "one three  two");
        assert_eq!(line.cursor, 14);
    }
}
