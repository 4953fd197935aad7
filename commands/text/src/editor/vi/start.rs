//! The command line, and how the editors begin.

use std::ffi::OsString;
use std::io::Read;

use secure_exec_cli::{Failure, Outcome, bytes, fail};
use secure_exec_sys::{process, signal, tty};

use crate::editor::buffer::Buffer;
use crate::editor::ex::Editor;
use crate::editor::file::read_from;
use crate::editor::line::{Line, decode, shown};
use crate::editor::terminal::Terminal;

use super::{MOST_KEYS, Vi, keys_of, run_keys};

/// What the command line says.
#[derive(Default)]
struct Start {
    commands: Vec<Line>,
    files: Vec<OsString>,
    reads_only: bool,
    is_ex: bool,
    is_quiet: bool,
    /// Keys of a script, which come before those that are typed.
    keys: Line,
}

const USAGE: &str = "usage: vi [-R] [-e [-s]] [-c command | +command]... [file]...";

/// Options of vim that change nothing here, by their letters and their names.
const WITHOUT_EFFECT: &str = "bfnCEFNPXZyvopODl";
const NAMES_WITHOUT_EFFECT: &[&str] = &["clean", "noplugin", "not-a-term", "nofork", "ttyfail"];

fn start(name: &str, list: &[OsString]) -> Result<Option<Start>, Failure> {
    let mut start = Start {
        reads_only: name == "view",
        is_ex: name == "ex",
        ..Start::default()
    };
    let mut list = list.iter().map(bytes);
    let mut only_files = false;
    while let Some(word) = list.next() {
        match word {
            b"--" if !only_files => only_files = true,
            [b'-', b'-', option @ ..] if !only_files => {
                let option = String::from_utf8_lossy(option);
                match &*option {
                    "version" => {
                        println!("VI - {name} (secure-exec) {}", env!("CARGO_PKG_VERSION"));
                        return Ok(None);
                    }
                    "help" => {
                        println!("{USAGE}");
                        return Ok(None);
                    }
                    "cmd" => {
                        let command = list.next().ok_or_else(|| missing("--cmd"))?;
                        start.commands.push(decode(command));
                    }
                    option if NAMES_WITHOUT_EFFECT.contains(&option) => {}
                    _ => return Err(unknown(word)),
                }
            }
            [b'-', letters @ ..] if !only_files && !letters.is_empty() => {
                start.letters(letters, &mut list)?;
            }
            [b'+'] if !only_files => start.commands.push(vec!['$']),
            [b'+', command @ ..] if !only_files => start.commands.push(decode(command)),
            file => start.files.push(secure_exec_cli::os_string(file.to_vec())),
        }
    }
    Ok(Some(start))
}

fn missing(option: &str) -> Failure {
    fail(format!("Argument missing after: \"{option}\"\n{USAGE}"))
}

fn unknown(word: &[u8]) -> Failure {
    let option = String::from_utf8_lossy(word);
    fail(format!("Unknown option argument: \"{option}\"\n{USAGE}"))
}

impl Start {
    /// Options of one letter each, the last of which may have a value, in the same word or the next one.
    fn letters<'a>(
        &mut self,
        letters: &[u8],
        list: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Failure> {
        let mut rest = letters;
        while let Some((&letter, after)) = rest.split_first() {
            rest = after;
            match letter {
                b'R' | b'M' | b'm' => self.reads_only = true,
                b'e' | b'E' => self.is_ex = true,
                b's' if self.is_ex => self.is_quiet = true,
                b'c' | b'S' | b's' | b'u' | b'U' | b'i' | b'T' | b'w' | b'W' => {
                    let next = if after.is_empty() { list.next() } else { None };
                    let value = next.unwrap_or(after);
                    if value.is_empty() {
                        return Err(missing(&format!("-{}", char::from(letter))));
                    }
                    rest = &[];
                    match letter {
                        b'c' => self.commands.push(decode(value)),
                        b'S' => {
                            let mut command = decode(b"source ");
                            for c in decode(value) {
                                command.extend(Some('\\').filter(|_| "%#\\".contains(c)));
                                command.push(c);
                            }
                            self.commands.push(command);
                        }
                        b's' => {
                            let keys = std::fs::read(crate::bytes::path(value)).map_err(|_| {
                                let shown = String::from_utf8_lossy(value);
                                fail(format!("Cannot open for reading: \"{shown}\""))
                            })?;
                            self.keys = decode(&keys);
                        }
                        _ => {}
                    }
                }
                b'V' | b'0'..=b'9' => {}
                letter if WITHOUT_EFFECT.contains(char::from(letter)) => {}
                _ => return Err(unknown(&[b"-", letters].concat())),
            }
        }
        Ok(())
    }
}

/// The text of standard input, for the file `-`.
fn from_input(editor: &mut Editor) -> Outcome {
    let content = read_from(std::io::stdin().lock())?;
    editor.buffer = Buffer::new(content.lines);
    editor.buffer.set_modified();
    Ok(0)
}

fn opened(editor: &mut Editor, start: &Start) -> Outcome {
    editor.options.readonly = start.reads_only;
    if start.files.first().is_some_and(|file| bytes(file) == b"-") {
        from_input(editor)?;
    } else if let Err(message) = editor.open(start.files.clone()) {
        if start.is_ex {
            return Err(fail(message));
        }
        editor.message = message;
        editor.failed = true;
    }
    Ok(0)
}

/// Runs the commands of the command line.
fn first_commands(editor: &mut Editor, start: &Start) {
    for command in &start.commands {
        if editor.quit.is_some() {
            break;
        }
        editor.run(command);
    }
}

/// `ex`, and `vi -e`.
pub fn run_ex(name: &str, list: &[OsString]) -> Outcome {
    let Some(mut start) = start(name, list)? else {
        return Ok(0);
    };
    start.is_ex = true;
    let mut editor = Editor::new(run_keys);
    // What a file is is of no interest to a script.
    editor.is_visual = start.is_quiet;
    opened(&mut editor, &start)?;
    editor.is_visual = false;
    editor.set_quiet(start.is_quiet);
    // Commands begin at the last line.
    editor.cursor.row = editor.buffer.len() - 1;
    first_commands(&mut editor, &start);
    if let Some(status) = editor.quit {
        return Ok(if editor.failed && start.is_quiet {
            1
        } else {
            status
        });
    }
    let row = editor.cursor.row;
    Ok(editor.batch(row))
}

/// `vi` and `view`.
pub fn run_vi(name: &str, list: &[OsString]) -> Outcome {
    let Some(start) = start(name, list)? else {
        return Ok(0);
    };
    if start.is_ex {
        return run_ex(name, list);
    }
    let mut editor = Editor::new(run_keys);
    editor.is_visual = true;
    let has_terminal = tty::isatty(0) && tty::isatty(1);
    opened(&mut editor, &start)?;
    if !has_terminal {
        return without_terminal(&mut editor, &start);
    }
    let terminal = Terminal::new(false)?;
    let mut vi = Vi::new(&mut editor, Some(terminal));
    vi.queue = keys_of(&start.keys);
    for command in &start.commands {
        if vi.editor.quit.is_none() {
            vi.ex(command);
        }
    }
    let ended = vi.run();
    let terminal = vi.terminal.take();
    if let Some(terminal) = terminal {
        let left = terminal.leave();
        if ended.is_ok() {
            left?;
        }
    }
    match ended {
        Ok(status) => Ok(status),
        Err(number) => {
            editor.rescue();
            if let Some(number) = number {
                signal::action(number, signal::Disposition::Default)?;
                process::kill(process::getpid(), number)?;
            }
            Ok(1)
        }
    }
}

/// Commands of the command line, and keys from standard input.
fn without_terminal(editor: &mut Editor, start: &Start) -> Outcome {
    first_commands(editor, start);
    let mut keys = keys_of(&start.keys);
    let from_file = start.files.first().is_some_and(|file| bytes(file) == b"-");
    if editor.quit.is_none() && !from_file && !tty::isatty(0) {
        let mut text = Vec::new();
        let most = MOST_KEYS as u64 * 4;
        std::io::stdin().lock().take(most).read_to_end(&mut text)?;
        keys.extend(keys_of(&decode(&text)));
        let mut vi = Vi::new(editor, None);
        vi.queue = keys;
        vi.run_queue();
    }
    for line in std::mem::take(&mut editor.printed) {
        println!("{}", shown(&line.chars().collect::<Line>(), 8));
    }
    if let Some(status) = editor.quit {
        if editor.failed && !editor.message.is_empty() {
            eprintln!("{}", shown(&editor.message.chars().collect::<Line>(), 8));
        }
        return Ok(status);
    }
    let why = if editor.failed && !editor.message.is_empty() {
        &editor.message
    } else {
        "there is no terminal"
    };
    let lost = if editor.buffer.is_modified() {
        ": what was changed is not written"
    } else {
        ""
    };
    Err(fail(format!("{why}{lost}")))
}
