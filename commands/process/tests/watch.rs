//! `watch` shows on a terminal what the host's shows there.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../../cli/tests/harness/skipped.rs"]
mod skipped;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROWS: usize = 8;
const COLUMNS: usize = 60;

/// Prints a counter that each run increments, and then `text`.
const COUNTER: &str = "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) >n; echo \"line $n\"";

/// The characters on a terminal after some output, and which are in reverse.
struct Terminal {
    cells: Vec<(char, bool)>,
    row: usize,
    column: usize,
    reverse: bool,
}

impl Terminal {
    fn after(output: &str) -> Self {
        let mut terminal = Self {
            cells: vec![(' ', false); ROWS * COLUMNS],
            row: 0,
            column: 0,
            reverse: false,
        };
        let mut letters = output.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\r' => terminal.column = 0,
                '\n' => terminal.row = ROWS.min(terminal.row + 2) - 1,
                '\x08' => terminal.column = terminal.column.saturating_sub(1),
                '\x1b' => terminal.sequence(&mut letters),
                letter if letter.is_control() => {}
                letter => terminal.put(letter),
            }
        }
        terminal
    }

    fn put(&mut self, letter: char) {
        if self.column == COLUMNS {
            self.column = 0;
            self.row = ROWS.min(self.row + 2) - 1;
        }
        self.cells[self.row * COLUMNS + self.column] = (letter, self.reverse);
        self.column += 1;
    }

    fn sequence(&mut self, letters: &mut std::str::Chars) {
        if letters.next() != Some('[') {
            return;
        }
        let mut text = String::new();
        let end = letters.by_ref().find(|letter| {
            text.push(*letter);
            ('@'..='~').contains(letter)
        });
        text.pop();
        let numbers: Vec<usize> = text
            .split(';')
            .map(|each| each.parse().unwrap_or(0))
            .collect();
        let first = numbers[0].max(1);
        let at = self.row * COLUMNS + self.column.min(COLUMNS - 1);
        let rest = (self.row + 1) * COLUMNS;
        match end {
            Some('H') => {
                self.row = first.min(ROWS) - 1;
                self.column = numbers.get(1).map_or(0, |column| column.saturating_sub(1));
            }
            Some('d') => self.row = first.min(ROWS) - 1,
            Some('G') => self.column = first.min(COLUMNS) - 1,
            Some('A') => self.row = self.row.saturating_sub(first),
            Some('B') => self.row = ROWS.min(self.row + first + 1) - 1,
            Some('C') => self.column = COLUMNS.min(self.column + first + 1) - 1,
            Some('D') => self.column = self.column.saturating_sub(first),
            Some('J') if numbers[0] == 2 => self.cells.fill((' ', false)),
            Some('J') => self.cells[at..].fill((' ', false)),
            Some('K') if numbers[0] == 1 => self.cells[rest - COLUMNS..=at].fill((' ', false)),
            Some('K') => self.cells[at..rest].fill((' ', false)),
            Some('X') => self.cells[at..rest.min(at + first)].fill((' ', false)),
            Some('@') => {
                self.cells.copy_within(at..rest - first, at + first);
                self.cells[at..at + first].fill((' ', false));
            }
            Some('P') => {
                self.cells.copy_within(at + first..rest, at);
                self.cells[rest - first..rest].fill((' ', false));
            }
            Some('b') => {
                let (letter, _) = self.cells[at - 1];
                (0..first).for_each(|_| self.put(letter));
            }
            Some('m') => {
                for number in numbers {
                    match number {
                        0 | 27 => self.reverse = false,
                        7 => self.reverse = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// The lines, with `{` and `}` around what is in reverse. The time goes.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for row in self.cells.chunks(COLUMNS) {
            let mut line = String::new();
            let mut before = false;
            for (letter, reverse) in row {
                if *reverse != before {
                    line.push(if *reverse { '{' } else { '}' });
                }
                before = *reverse;
                line.push(*letter);
            }
            lines.push(line.trim_end().to_owned());
        }
        if lines[0].ends_with(char::is_numeric) && lines[0].contains(": ") {
            let kept = lines[0].len() - " Dec  2 05:14:43 2026".len();
            lines[0].truncate(kept);
        }
        lines
    }
}

/// The screen after a command in a terminal, and its status.
fn run(folder: &Path, path: &str, line: &str) -> (Option<i32>, Vec<String>) {
    let _ = fs::remove_dir_all(folder.join("work"));
    fs::create_dir_all(folder.join("work")).unwrap();
    let script = format!("stty rows {ROWS} cols {COLUMNS}; exec {line}");
    let output = Command::new("script")
        .args(["-qec", &script, "/dev/null"])
        .current_dir(folder.join("work"))
        .env_clear()
        .envs([
            ("PATH", path),
            ("TERM", "ansi"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
            ("COUNTER", COUNTER),
        ])
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // What `script` shows for the end of its own input.
    let text = text.replace("^D\x08\x08", "");
    (output.status.code(), Terminal::after(&text).lines())
}

#[test]
fn it_shows_what_the_hosts_does() {
    let cases = [
        "watch -n 0.1 -g 'eval \"$COUNTER\"'",
        "watch -n 0.1 -g -t 'eval \"$COUNTER\"'",
        "watch -n 0.1 -d -g 'eval \"$COUNTER\"; echo same'",
        "watch -n 0.1 --differences=permanent -g 'eval \"$COUNTER\"'",
        "watch -n 0.1 -q 2 echo hi",
        "watch -n 0,1 --equexit=1 'echo hi; echo there >&2'",
        "watch -n 0.1 -q 1 'seq 20'",
        "watch -t -n 0.1 -q 1 'seq -s, 60; echo end'",
        "watch -n 0.1 -q 1 'printf \"a\\tb\\n\\n  c\\n\"'",
        "watch -n 0.1 -q 1 -x printf '%s\\n' 'a  b' '$HOME'",
        "watch -n 0.1 -q 1 -c 'printf \"\\033[31mred\\033[0m x\\n\"'",
        "watch -n 0.1 -b -q 1 'echo failed; false'",
        "watch -n 0.1 -p -q 1 echo precise",
        "watch -n 0.1 -q 1 nosuchcommand",
        "watch -n 0.1 -e 'exit 3'",
        "watch -n 0.1 -q 1 'echo a command that is longer than all the room in the title'",
        "WATCH_INTERVAL=0.1 watch -q 1 echo by the environment",
        "watch -n -1 -q 1 echo negative",
    ];
    let tools = ["watch", "script"];
    let host = "/usr/local/bin:/usr/bin:/bin";
    for tool in tools {
        if !host
            .split(':')
            .any(|folder| Path::new(folder).join(tool).exists())
        {
            return skipped::note(tool, cases.len());
        }
    }
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watch");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("own")).unwrap();
    symlink(env!("CARGO_BIN_EXE_process"), folder.join("own/watch")).unwrap();
    let own = format!("{}:{host}", folder.join("own").display());
    let mut failures = Vec::new();
    for case in cases {
        let case = case.replacen("WATCH_INTERVAL", "env WATCH_INTERVAL", 1);
        let (theirs, ours) = (run(&folder, host, &case), run(&folder, &own, &case));
        if theirs != ours {
            failures.push(format!("{case}\n  host {theirs:?}\n  ours {ours:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
