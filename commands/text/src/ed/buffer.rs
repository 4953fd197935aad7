//! The lines that are edited, the marks, and what an undo brings back.

use std::collections::HashMap;
use std::rc::Rc;

/// A line without its newline. A mark knows it wherever it moves.
pub type Line = Rc<Vec<u8>>;

#[derive(Clone, Default)]
pub struct Buffer {
    pub lines: Vec<Line>,
    /// The current line, from 1; 0 before the first.
    pub dot: usize,
    pub marks: HashMap<u8, Line>,
}

impl Buffer {
    pub fn last(&self) -> usize {
        self.lines.len()
    }

    /// Puts lines behind that of a number, and makes the last of them the current one.
    pub fn insert(&mut self, behind: usize, lines: Vec<Line>) {
        self.dot = behind + lines.len();
        self.lines.splice(behind..behind, lines);
    }

    pub fn delete(&mut self, from: usize, to: usize) {
        self.lines.drain(from - 1..to);
        self.dot = from.min(self.last());
    }

    /// Where a marked line is now.
    pub fn marked(&self, name: u8) -> Option<usize> {
        let line = self.marks.get(&name)?;
        self.lines
            .iter()
            .position(|each| Rc::ptr_eq(each, line))
            .map(|at| at + 1)
    }

    pub fn number_of(&self, line: &Line) -> Option<usize> {
        self.lines
            .iter()
            .position(|each| Rc::ptr_eq(each, line))
            .map(|at| at + 1)
    }
}
