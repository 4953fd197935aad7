//! What is done again: the last change, and keys that were recorded.

use crate::editor::terminal::Key;

use super::{Done, Stop, Vi, character_of, keys_of};

impl Vi<'_> {
    /// `.`: the last change again, with another count if there is one.
    pub(super) fn again(&mut self, count: Option<usize>) -> Done {
        let kept = self.editor.again.dot.clone();
        if kept.is_empty() {
            return Err(Stop::Bell);
        }
        let mut keys = kept.clone();
        if let Some(count) = count {
            let digit = |key: &Key| matches!(key, Key::Char(c) if c.is_ascii_digit());
            // A count is before the command, or behind a register.
            let begin = if keys.first() == Some(&Key::Char('"')) {
                2.min(keys.len())
            } else {
                0
            };
            let end = begin + keys[begin..].iter().take_while(|key| digit(key)).count();
            let zero = keys.get(begin) == Some(&Key::Char('0'));
            let end = if zero { begin } else { end };
            keys.splice(begin..end, count.to_string().chars().map(Key::Char));
        }
        // In a step of its own: the keys are a command, and what remembers it.
        let recording = self.recording.take();
        self.feed(keys);
        let result = self.command();
        if count.is_none() {
            self.editor.again.dot = kept;
        }
        self.recording = recording;
        self.repeats = false;
        result
    }

    pub(super) fn record(&mut self) -> Done {
        if let Some((name, mut keys)) = self.recording.take() {
            // The key that ends it is none of it.
            keys.pop();
            let text = keys.into_iter().filter_map(character_of).collect();
            let register = crate::editor::ex::Register {
                lines: vec![text],
                is_linewise: false,
            };
            self.editor.registers.insert(name, register);
            return Ok(());
        }
        let name = self.character()?;
        if !name.is_ascii_alphanumeric() {
            return Err(Stop::Bell);
        }
        self.recording = Some((name.to_ascii_lowercase(), Vec::new()));
        Ok(())
    }

    pub(super) fn play(&mut self, times: usize) -> Done {
        let name = match self.character()? {
            '@' => self.editor.again.played.ok_or(Stop::Bell)?,
            name => name,
        };
        if name == ':' {
            let line = self.editor.again.line.clone();
            if line.is_empty() {
                self.editor.message = "E30: No previous command line".to_owned();
                return Err(Stop::Bell);
            }
            for _ in 0..times.min(1000) {
                self.ex(&line);
            }
            return Ok(());
        }
        let register = self.editor.register(Some(name)).ok_or(Stop::Bell)?;
        self.editor.again.played = Some(name);
        let mut text: Vec<char> = register.lines.join(&'\n');
        if register.is_linewise {
            text.push('\n');
        }
        let keys: Vec<Key> = keys_of(&text).into();
        if keys.len().saturating_mul(times) > super::MOST_KEYS {
            return Err(Stop::Bell);
        }
        for _ in 0..times {
            self.feed(keys.clone());
        }
        Ok(())
    }
}
