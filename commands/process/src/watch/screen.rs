//! What a command printed as the cells of a screen.

use secure_exec_cli::columns_of;

/// One cell: a character with a mark above it, and its look as an index into [`Screen::styles`].
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// `\0` behind a character of two columns.
    letter: char,
    mark: Option<char>,
    style: usize,
    /// Differs from the last screen.
    changed: bool,
}

const BLANK: Cell = Cell {
    letter: ' ',
    mark: None,
    style: 0,
    changed: false,
};

pub struct Screen {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
    /// Parameters of sequences that set a look; the first is none.
    styles: Vec<String>,
}

/// Where the next character goes, and in what look.
struct Pen {
    row: usize,
    column: usize,
    style: usize,
}

impl Screen {
    /// Lays text out in so many rows and columns: lines that are too long are continued below, or cut off. Control
    /// characters are left out; sequences that set colors count with `colors`, and are left out otherwise.
    pub fn new(text: &str, (rows, columns): (usize, usize), wraps: bool, colors: bool) -> Self {
        let mut screen = Self {
            columns,
            rows,
            cells: vec![BLANK; rows * columns],
            styles: vec![String::new()],
        };
        let mut pen = Pen {
            row: 0,
            column: 0,
            style: 0,
        };
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if pen.row >= rows {
                break;
            }
            match letter {
                '\n' => {
                    pen.row += 1;
                    pen.column = 0;
                }
                '\t' => {
                    let next = (pen.column / 8 + 1) * 8;
                    while pen.column < next.min(columns) {
                        screen.put(&mut pen, ' ', 1);
                    }
                    pen.column = next;
                }
                '\x1b' => {
                    let set = sequence(&mut letters);
                    if let Some(parameters) = set.filter(|_| colors) {
                        pen.style = screen.style(pen.style, &parameters);
                    }
                }
                letter if letter.is_control() => {}
                letter => screen.letter(&mut pen, letter, wraps),
            }
        }
        screen
    }

    fn letter(&mut self, pen: &mut Pen, letter: char, wraps: bool) {
        let width = columns_of(letter);
        if width == 0 {
            let at = pen.row * self.columns + pen.column;
            if let Some(cell) = at.checked_sub(1).and_then(|at| self.cells.get_mut(at)) {
                cell.mark = Some(letter);
            }
            return;
        }
        if wraps && pen.column + width > self.columns {
            pen.row += 1;
            pen.column = 0;
        }
        self.put(pen, letter, width);
    }

    fn put(&mut self, pen: &mut Pen, letter: char, width: usize) {
        if pen.row < self.rows && pen.column + width <= self.columns {
            let at = pen.row * self.columns + pen.column;
            let cell = Cell {
                letter,
                style: pen.style,
                ..BLANK
            };
            self.cells[at] = cell;
            if width == 2 {
                self.cells[at + 1] = Cell {
                    letter: '\0',
                    ..cell
                };
            }
        }
        pen.column += width;
    }

    /// The look after a sequence with these parameters.
    fn style(&mut self, before: usize, parameters: &str) -> usize {
        let mut style = self.styles[before].clone();
        for each in parameters.split(';') {
            if each.is_empty() || each.bytes().all(|digit| digit == b'0') {
                style.clear();
            } else {
                style.push(';');
                style.push_str(each);
            }
        }
        self.styles
            .iter()
            .position(|known| *known == style)
            .unwrap_or_else(|| {
                self.styles.push(style);
                self.styles.len() - 1
            })
    }

    /// Marks the cells that differ from an earlier screen, or did in that one too, if changes stay. Whether any
    /// character differs.
    pub fn compare(&mut self, last: &Self, stays: bool) -> bool {
        if (self.rows, self.columns) != (last.rows, last.columns) {
            return false;
        }
        let mut differs = false;
        for (now, before) in self.cells.iter_mut().zip(&last.cells) {
            let changed = now.letter != before.letter;
            differs |= changed;
            now.changed = changed || (stays && before.changed);
        }
        differs
    }

    /// Writes the screen from row `top` of the terminal on. `marks`: what changed is in reverse.
    pub fn draw(&self, top: usize, marks: bool) -> String {
        let mut text = String::new();
        for (row, cells) in self.cells.chunks(self.columns.max(1)).enumerate() {
            text.push_str(&format!("\x1b[{};1H", top + row + 1));
            let used = cells
                .iter()
                .rposition(|cell| cell.letter != ' ' || cell.style > 0 || cell.changed)
                .map_or(0, |last| last + 1);
            let mut look = (0, false);
            for cell in cells[..used].iter().filter(|cell| cell.letter != '\0') {
                let next = (cell.style, marks && cell.changed);
                if next != look {
                    let reverse = if next.1 { ";7" } else { "" };
                    text.push_str(&format!("\x1b[0{}{reverse}m", self.styles[next.0]));
                    look = next;
                }
                text.push(cell.letter);
                text.extend(cell.mark);
            }
            if look != (0, false) {
                text.push_str("\x1b[m");
            }
            if used < self.columns {
                text.push_str("\x1b[K");
            }
        }
        text
    }
}

/// Takes a sequence of control characters off a text. Its parameters, if it sets colors.
fn sequence(letters: &mut std::str::Chars) -> Option<String> {
    let mut ahead = letters.clone();
    if ahead.next() != Some('[') {
        return None;
    }
    let mut parameters = String::new();
    for letter in ahead.by_ref() {
        match letter {
            '0'..='9' | ';' => parameters.push(letter),
            ':' => parameters.push(';'),
            '\x40'..='\x7e' => {
                *letters = ahead;
                return (letter == 'm').then_some(parameters);
            }
            '\x20'..='\x3f' => {}
            // No sequence: what follows is text.
            _ => return None,
        }
    }
    *letters = ahead;
    None
}

#[cfg(test)]
mod tests {
    use super::Screen;

    fn lines(text: &str, size: (usize, usize), wraps: bool) -> Vec<String> {
        let drawn = Screen::new(text, size, wraps, false).draw(0, false);
        drawn
            .split("\x1b[")
            .filter_map(|part| part.split_once('H'))
            .map(|(_, line)| line.to_owned())
            .collect()
    }

    #[test]
    fn long_lines_go_on_below_or_are_cut_off() {
        let text = "abcdef\n\x07x\t\nlast\nmore";
        assert_eq!(lines(text, (4, 4), true), ["abcd", "ef", "x", "last"]);
        assert_eq!(lines(text, (3, 4), false), ["abcd", "x", "last"]);
        assert_eq!(
            lines("a\u{4e2d}\u{4e2d}e\u{301}", (2, 4), true)[0],
            "a\u{4e2d}"
        );
    }

    #[test]
    fn differences_are_in_reverse_and_may_stay() {
        let size = (1, 8);
        let first = Screen::new("a1 b", size, true, false);
        let mut second = Screen::new("a2 b", size, true, false);
        assert!(second.compare(&first, true));
        assert!(second.draw(0, true).contains("a\x1b[0;7m2\x1b[0m b"));
        let mut third = Screen::new("a2 b", size, true, false);
        assert!(!third.compare(&second, true));
        assert!(third.draw(0, true).contains("\x1b[0;7m2"));
        assert!(!third.compare(&second, false));
        assert!(!third.draw(0, true).contains("\x1b[0;7m2"));
    }

    #[test]
    fn colors_are_kept_where_they_are_wanted() {
        let text = "\x1b[1;31mred\x1b[0m x";
        let drawn = Screen::new(text, (1, 8), true, true).draw(0, false);
        assert!(drawn.contains("\x1b[0;1;31mred\x1b[0m x"), "{drawn:?}");
        let drawn = Screen::new(text, (1, 8), true, false).draw(0, false);
        assert!(drawn.contains("Hred x"), "{drawn:?}");
    }
}
