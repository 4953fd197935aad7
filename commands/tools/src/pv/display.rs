//! The line that shows how far it is.

use std::io::{self, Write};
use std::time::Duration;

/// The columns of what replaces itself with each update, so that nothing of a longer one stays.
const NAME_COLUMNS: usize = 9;

/// Parts of the line, as `--format` names them.
pub struct Parts;

impl Parts {
    /// What is shown if nothing was chosen.
    pub fn all(named: bool) -> String {
        Self::some(&["bytes", "timer", "rate", "progress", "eta"], named)
    }

    /// Chosen parts, in the order in which they always stand.
    pub fn some(chosen: &[&str], named: bool) -> String {
        let mut parts = Vec::new();
        if named {
            parts.push("%N");
        }
        for each in chosen {
            parts.push(match *each {
                "bytes" => "%b",
                "timer" => "%t",
                "rate" => "%r",
                "average-rate" => "%a",
                "progress" => "%p",
                "eta" => "%e",
                _ => "%I",
            });
        }
        parts.join(" ")
    }
}

/// How far it is.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes or lines.
    pub count: u64,
    pub elapsed: Duration,
    pub ended: bool,
    /// What was there at the last update, for the rate.
    last: Option<(u64, Duration)>,
    updates: usize,
}

pub struct Display {
    pub format: String,
    /// Numbers instead, of the parts that were chosen.
    pub numeric: Option<Vec<String>>,
    pub name: String,
    pub width: usize,
    pub counts_lines: bool,
    pub size: Option<u64>,
}

impl Display {
    /// # Errors
    /// Standard error cannot be written.
    pub fn show(&self, progress: &mut Progress) -> io::Result<()> {
        let text = match &self.numeric {
            Some(parts) => format!("{}\n", self.numbers(parts, progress)),
            None => format!("{}\r", self.line(progress)),
        };
        progress.last = Some((progress.count, progress.elapsed));
        progress.updates += 1;
        io::stderr().write_all(text.as_bytes())
    }

    /// # Errors
    /// Standard error cannot be written.
    pub fn finish(&self) -> io::Result<()> {
        if self.numeric.is_none() {
            io::stderr().write_all(b"\n")?;
        }
        Ok(())
    }

    fn percent(&self, progress: &Progress) -> Option<u64> {
        let size = self.size?;
        Some(u64::try_from(u128::from(progress.count) * 100 / u128::from(size)).unwrap_or(u64::MAX))
    }

    fn numbers(&self, parts: &[String], progress: &Progress) -> String {
        let has = |name: &str| parts.iter().any(|part| part == name);
        let mut words = Vec::new();
        if has("timer") {
            words.push(format!("{:.4}", progress.elapsed.as_secs_f64()));
        }
        if has("bytes") {
            words.push(progress.count.to_string());
        }
        if words.is_empty() || has("progress") {
            words.push(self.percent(progress).unwrap_or(0).to_string());
        }
        words.join(" ")
    }

    fn line(&self, progress: &Progress) -> String {
        let mut before = String::new();
        let mut after = String::new();
        let mut has_bar = false;
        let mut letters = self.format.chars();
        while let Some(letter) = letters.next() {
            let part = if letter == '%' {
                match letters.next() {
                    Some('p') => {
                        has_bar = true;
                        continue;
                    }
                    Some('b') => self.quantity(progress.count as f64),
                    Some('t') => clock(progress.elapsed.as_secs()),
                    Some('r') => self.rate(progress, progress.last),
                    Some('a') => self.rate(progress, None),
                    Some('e') => self.rest(progress),
                    Some('I') => self.rest(progress).replace("ETA", "FIN"),
                    Some('N') => format!("{:>NAME_COLUMNS$}:", self.name),
                    Some(other) => other.to_string(),
                    None => "%".to_owned(),
                }
            } else {
                letter.to_string()
            };
            if has_bar { &mut after } else { &mut before }.push_str(&part);
        }
        if !has_bar {
            return before;
        }
        let percent = self.percent(progress);
        let mark = percent.map_or_else(String::new, |percent| format!(" {percent:>2}%"));
        let taken = before.chars().count() + after.chars().count() + mark.len() + 3;
        let bar = bar(self.width.saturating_sub(taken), percent, progress.updates);
        format!("{before}{bar}{mark}{after}")
    }

    fn quantity(&self, count: f64) -> String {
        let (number, unit) = scaled(count, self.counts_lines);
        format!("{number}{unit}")
    }

    fn rate(&self, progress: &Progress, since: Option<(u64, Duration)>) -> String {
        // An update at the end, right behind another, says nothing: all of the time counts then.
        let (count, from) = since.filter(|_| !progress.ended).unwrap_or_default();
        let time = progress.elapsed.saturating_sub(from).as_secs_f64();
        let rate = if time > 0.0 {
            (progress.count - count) as f64 / time
        } else {
            0.0
        };
        let (number, unit) = scaled(rate, self.counts_lines);
        format!("{:<9}", format!("[{number}{}/s]", unit.trim_end()))
    }

    fn rest(&self, progress: &Progress) -> String {
        let empty = || " ".repeat("ETA 0:00:00".len());
        match self.size {
            Some(size) if progress.count > 0 && progress.count < size => {
                let share = (size - progress.count) as f64 / progress.count as f64;
                let rest = progress.elapsed.as_secs_f64() * share;
                // Longer than anybody waits is shown as that.
                format!("ETA {}", clock(rest.min(3.6e8) as u64))
            }
            _ => empty(),
        }
    }
}

/// Three digits and a unit: binary ones for bytes, decimal ones for lines.
fn scaled(count: f64, lines: bool) -> (String, &'static str) {
    let (factor, units) = if lines {
        (1000.0, ["", "k", "M", "G", "T", "P"])
    } else {
        (1024.0, [" B ", "KiB", "MiB", "GiB", "TiB", "PiB"])
    };
    let mut value = count;
    let mut at = 0;
    while value >= 1000.0 && at + 1 < units.len() {
        value /= factor;
        at += 1;
    }
    let number = if value >= 99.95 {
        format!("{value:4.0}")
    } else if value >= 9.995 {
        format!("{value:4.1}")
    } else {
        format!("{value:4.2}")
    };
    (number, units[at])
}

fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours >= 24 {
        return format!("{}:{:02}:{minutes:02}:{seconds:02}", hours / 24, hours % 24);
    }
    format!("{hours}:{minutes:02}:{seconds:02}")
}

/// A bar of so many columns between brackets; where the end is not known, something that moves.
fn bar(columns: usize, percent: Option<u64>, updates: usize) -> String {
    let columns = columns.min(1000);
    let Some(percent) = percent else {
        let room = columns.saturating_sub(3);
        // There and back.
        let at = if room == 0 { 0 } else { updates % (2 * room) };
        let at = if at > room { 2 * room - at } else { at };
        return format!("[{}<=>{}]", " ".repeat(at), " ".repeat(room - at));
    };
    let share = usize::try_from(percent.min(100)).unwrap_or(100);
    let full = (columns * share / 100).min(columns.saturating_sub(1));
    let rest = columns.saturating_sub(full + 1);
    format!("[{}>{}]", "=".repeat(full), " ".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::{Display, Parts, Progress, bar, clock, scaled};
    use std::time::Duration;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(scaled(6.0, false), ("6.00".to_owned(), " B "));
        assert_eq!(scaled(3893.0, false), ("3.80".to_owned(), "KiB"));
        assert_eq!(
            scaled(123.0 * 1_048_576.0, false),
            (" 123".to_owned(), "MiB")
        );
        assert_eq!(scaled(1000.0, true), ("1.00".to_owned(), "k"));
        assert_eq!(clock(90_061), "1:01:01:01");
    }

    #[test]
    fn bars_fill_the_line() {
        assert_eq!(bar(10, Some(50), 0), "[=====>    ]");
        assert_eq!(bar(10, Some(100), 0), "[=========>]");
        assert_eq!(bar(5, None, 1), "[ <=> ]");
        assert_eq!(bar(0, None, 7), "[<=>]");
        let display = Display {
            format: Parts::all(true),
            numeric: None,
            name: "x".to_owned(),
            width: 60,
            counts_lines: false,
            size: Some(4096),
        };
        let mut progress = Progress {
            count: 1024,
            elapsed: Duration::from_secs(2),
            ..Progress::default()
        };
        let line = display.line(&progress);
        assert_eq!(
            line,
            "        x: 1.00KiB 0:00:02 [ 512 B/s] [>  ] 25% ETA 0:00:06"
        );
        progress.count = 4096;
        assert!(display.line(&progress).contains("100%"));
    }
}
