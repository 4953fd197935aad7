//! One line of output: blanks are held back until something follows them, and become tabs where that is asked for.

/// How blanks are written.
#[derive(Clone, Copy, Debug)]
pub struct Tabs {
    pub letter: u8,
    pub width: usize,
}

pub struct Row {
    pub text: Vec<u8>,
    tabs: Option<Tabs>,
    /// The column behind what was written.
    at: usize,
    /// The column behind the blanks that are held back.
    pub column: usize,
}

impl Row {
    pub fn new(tabs: Option<Tabs>, indent: usize) -> Self {
        let at = if tabs.is_some() { 0 } else { indent };
        Self {
            text: vec![b' '; at],
            tabs,
            at,
            column: indent,
        }
    }

    /// Blanks up to a column.
    pub fn pad_to(&mut self, column: usize) {
        self.column = self.column.max(column);
    }

    /// Writes the blanks that are held back.
    pub fn flush(&mut self) {
        if let Some(tabs) = self.tabs {
            while self.column - self.at > 1 {
                let stop = (self.at / tabs.width + 1) * tabs.width;
                if stop > self.column {
                    break;
                }
                self.text.push(tabs.letter);
                self.at = stop;
            }
        }
        self.text
            .extend(std::iter::repeat_n(b' ', self.column - self.at));
        self.at = self.column;
    }

    /// Writes a character of some columns; a blank is held back.
    pub fn put(&mut self, character: &[u8], columns: usize) {
        if character == b" " && self.tabs.is_some() {
            self.column += 1;
            return;
        }
        self.flush();
        self.text.extend(character);
        self.column += columns;
        self.at = self.column;
    }
}
