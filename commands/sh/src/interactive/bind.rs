//! `bind`, and the files of readline's that it reads.

use super::key_defaults::FUNCTIONS;
use super::keymap::{Bound, Keymaps, Mode, as_control, known, quote, unquote};
use crate::shell::{Exec, Shell};
use crate::text;

const USAGE: &str = "bind: usage: bind [-lpsvPSVX] [-m keymap] [-f filename] [-q name] [-u name] [-r keyseq] [-x keyseq:shell-command] [keyseq:readline-function or readline-command]\n";
/// The most keys of a function that `-P` and `-q` tell.
const TOLD: usize = 5;

/// Where what is asked for applies: a table, and what its sequences begin with.
#[derive(Clone, Copy)]
struct Place {
    mode: Mode,
    prefix: &'static [u8],
}

impl Shell {
    /// The tables of keys, which are made when they are first asked for.
    pub fn keymaps(&mut self) -> &mut Keymaps {
        self.editor.keymaps.get_or_insert_default()
    }

    /// Reads the user's file of readline's, once, for an interactive shell.
    pub fn begin_keymaps(&mut self) {
        if !self.bash || self.editor.keymaps.is_some() {
            return;
        }
        let named = self.var("INPUTRC").filter(|name| !name.is_empty());
        let home = self.var("HOME").unwrap_or_default();
        let file = named.unwrap_or_else(|| format!("{home}/.inputrc"));
        self.keymaps();
        if let Ok(bytes) = std::fs::read(text::path(&file)) {
            self.bind_lines(&text::decode(&bytes), self.place());
        }
    }

    /// The table that keys are bound in unless another is named.
    fn place(&self) -> Place {
        Place {
            mode: if self.options.vi {
                Mode::ViInsert
            } else {
                Mode::Emacs
            },
            prefix: b"",
        }
    }

    /// Lines of a file, with the conditions `$if`, `$else`, `$endif` and `$include`.
    fn bind_lines(&mut self, lines: &str, mut place: Place) {
        let mut conditions: Vec<bool> = Vec::new();
        for line in lines.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let applies = conditions.iter().all(|holds| *holds);
            let Some(directive) = line.strip_prefix('$') else {
                if applies && let Some(name) = line.strip_prefix("set keymap ") {
                    if let Some((mode, prefix)) = Mode::named(name.trim()) {
                        place = Place { mode, prefix };
                    }
                } else if applies {
                    self.bind_line(line, place);
                }
                continue;
            };
            let (word, rest) = directive.split_once(' ').unwrap_or((directive, ""));
            match word {
                "if" => {
                    let holds = self.readline_condition(rest.trim());
                    conditions.push(holds);
                }
                "else" => {
                    if let Some(last) = conditions.last_mut() {
                        *last = !*last;
                    }
                }
                "endif" => drop(conditions.pop()),
                "include" if applies => {
                    if let Ok(bytes) = std::fs::read(text::path(rest.trim())) {
                        self.bind_lines(&text::decode(&bytes), place);
                    }
                }
                _ => {}
            }
        }
    }

    fn readline_condition(&self, test: &str) -> bool {
        let vi = self.options.vi;
        match test.split_once('=').map(|(a, b)| (a.trim(), b.trim())) {
            Some(("mode", mode)) => mode == if vi { "vi" } else { "emacs" },
            Some(("term", term)) => self
                .var("TERM")
                .is_some_and(|t| t == term || t.split('-').next() == Some(term)),
            _ => test.eq_ignore_ascii_case("bash"),
        }
    }

    /// One binding or `set`; false when it is wrong, which is told as readline tells it.
    fn bind_line(&mut self, line: &str, place: Place) -> bool {
        if let Some(rest) = line.strip_prefix("set ") {
            self.set_readline_variable(rest.trim());
            return true;
        }
        let parsed = parse_binding(line);
        let (sequence, what) = match parsed {
            Ok(found) => found,
            Err(problem) => {
                self.print_error_raw(&format!("readline: {line}: {problem}\n"));
                return true;
            }
        };
        let quoted = what.len() > 1 && what.starts_with(['"', '\'']) && what.ends_with(&what[..1]);
        let bound = if quoted {
            Bound::Macro(unquote(&what[1..what.len() - 1]))
        } else if known(&what).is_empty() {
            self.error(&format!("bind: `{what}': unknown function name"));
            return true;
        } else {
            Bound::Function(known(&what))
        };
        self.put_binding(place, &sequence, bound);
        true
    }

    fn put_binding(&mut self, place: Place, sequence: &[u8], bound: Bound) {
        let keys = [place.prefix, sequence].concat();
        self.keymaps().map_mut(place.mode).insert(keys, bound);
    }

    fn set_readline_variable(&mut self, rest: &str) {
        let (name, value) = rest.split_once([' ', '\t']).unwrap_or((rest, "on"));
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        if name == "editing-mode" {
            self.options.vi = value == "vi";
            self.options.emacs = !self.options.vi;
        }
        let variables = &mut self.keymaps().variables;
        let found = variables.iter_mut().find(|(known, _)| **known == name);
        match found {
            Some((_, stored)) => value.clone_into(stored),
            None => self.print_error_raw(&format!("readline: {name}: unknown variable name\n")),
        }
    }
}

/// `"sequence": what` or `Control-a: what`.
fn parse_binding(line: &str) -> Result<(Vec<u8>, String), &'static str> {
    if let Some(rest) = line.strip_prefix('"') {
        let mut end = None;
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            match c {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => {
                    end = Some(at);
                    break;
                }
                _ => escaped = false,
            }
        }
        let end = end.ok_or("no closing `\"' in key binding")?;
        let after = rest[end + 1..].trim_start();
        let what = after
            .strip_prefix(':')
            .ok_or("no key sequence terminator")?;
        return Ok((unquote(&rest[..end]), what.trim().to_owned()));
    }
    let (key, what) = line.split_once(':').ok_or("no key sequence terminator")?;
    Ok((key_name(key.trim()), what.trim().to_owned()))
}

/// The bytes of a key by its name: `Control-u`, `Meta-Rubout`, `Return`.
fn key_name(name: &str) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    let control = lower.contains("control-") || lower.contains("ctrl-") || lower.contains("c-");
    let meta = lower.contains("meta-") || lower.contains("m-");
    let last = name.rsplit('-').next().unwrap_or(name);
    let key = match last.to_ascii_lowercase().as_str() {
        "del" | "rubout" => 127,
        "esc" | "escape" => 27,
        "lfd" | "newline" => 10,
        "ret" | "return" => 13,
        "space" | "spc" => 32,
        "tab" => 9,
        _ => last.bytes().next().unwrap_or(b'-'),
    };
    let key = if control { as_control(key) } else { key };
    let mut keys = Vec::new();
    if meta {
        keys.push(27);
    }
    keys.push(key);
    keys
}

/// What `bind` is asked for by one option.
fn listing(shell: &mut Shell, letter: char, place: Place) -> String {
    let mut out = String::new();
    let maps = shell.keymaps();
    let rows = maps.map(place.mode).iter();
    match letter {
        'l' => FUNCTIONS.iter().for_each(|name| {
            out.push_str(name);
            out.push('\n');
        }),
        'p' | 'P' => {
            out.push('\n');
            for name in FUNCTIONS {
                let keys = maps.keys_of(place.mode, name);
                out.push_str(&match letter {
                    'p' if keys.is_empty() => format!("# {name} (not bound)\n"),
                    'p' => keys
                        .iter()
                        .map(|key| format!("\"{key}\": {name}\n"))
                        .collect(),
                    _ if keys.is_empty() => format!("{name} is not bound to any keys\n"),
                    _ => format!("{name} can be found on {}\n", told(&keys)),
                });
            }
        }
        's' | 'S' | 'X' => {
            for (sequence, bound) in rows {
                let keys = quote(sequence);
                match (letter, bound) {
                    ('s', Bound::Macro(what)) => {
                        out.push_str(&format!("\"{keys}\": \"{}\"\n", quote(what)));
                    }
                    ('S', Bound::Macro(what)) => {
                        out.push_str(&format!("{keys} outputs {}\n", quote(what)));
                    }
                    ('X', Bound::Command(command)) => {
                        let command = command.replace('\\', "\\\\").replace('"', "\\\"");
                        out.push_str(&format!("\"{keys}\": \"{command}\"\n"));
                    }
                    _ => {}
                }
            }
        }
        _ => {
            for (name, value) in &maps.variables {
                out.push_str(&match letter {
                    'v' => format!("set {name} {value}\n"),
                    _ => format!("{name} is set to `{value}'\n"),
                });
            }
        }
    }
    out
}

fn told(keys: &[String]) -> String {
    let some: Vec<String> = keys
        .iter()
        .take(TOLD)
        .map(|key| format!("\"{key}\""))
        .collect();
    let more = if keys.len() > TOLD { ", ..." } else { "." };
    some.join(", ") + more
}

pub fn bind(shell: &mut Shell, words: &[String]) -> Exec {
    if !shell.interactive {
        shell.error("bind: warning: line editing not enabled");
    }
    let mut place = shell.place();
    let mut at = 1;
    let mut status = 0;
    let mut out = String::new();
    while let Some(word) = words.get(at) {
        let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) else {
            break;
        };
        at += 1;
        if letters == "-" {
            break;
        }
        for (index, letter) in letters.char_indices() {
            if "lpPsSvVX".contains(letter) {
                out.push_str(&listing(shell, letter, place));
                continue;
            }
            if !"mfqurx".contains(letter) {
                shell.error(&format!("bind: -{letter}: invalid option"));
                shell.print_error_raw(USAGE);
                return Ok(2);
            }
            // Its argument is the rest of the word, or the next one.
            let rest = &letters[index + 1..];
            let argument = if rest.is_empty() {
                at += 1;
                words.get(at - 1).cloned()
            } else {
                Some(rest.to_owned())
            };
            let Some(argument) = argument else {
                shell.error(&format!("bind: -{letter}: option requires an argument"));
                shell.print_error_raw(USAGE);
                return Ok(2);
            };
            if letter == 'm' {
                let Some((mode, prefix)) = Mode::named(&argument) else {
                    shell.error(&format!("bind: `{argument}': invalid keymap name"));
                    return Ok(1);
                };
                place = Place { mode, prefix };
            } else if !with_argument(shell, letter, &argument, place, &mut out) {
                status = 1;
            }
            break;
        }
    }
    let printed = shell.print("bind", &out);
    for word in words.get(at..).unwrap_or_default() {
        if !shell.bind_line(word.trim(), place) {
            status = 1;
        }
    }
    Ok(status.max(printed))
}

/// An option with an argument; false when it fails.
fn with_argument(
    shell: &mut Shell,
    letter: char,
    argument: &str,
    place: Place,
    out: &mut String,
) -> bool {
    match letter {
        'f' => {
            return match std::fs::read(text::path(argument)) {
                Ok(bytes) => {
                    shell.bind_lines(&text::decode(&bytes), place);
                    true
                }
                Err(error) => {
                    let reason = secure_exec_sys::errno::message(&error);
                    shell.error(&format!("bind: {argument}: cannot read: {reason}"));
                    false
                }
            };
        }
        'q' | 'u' if known(argument).is_empty() => {
            shell.error(&format!("bind: `{argument}': unknown function name"));
            return false;
        }
        'q' => {
            let keys = shell.keymaps().keys_of(place.mode, argument);
            let bound = !keys.is_empty();
            out.push_str(&match bound {
                true => format!("{argument} can be invoked via {}\n", told(&keys)),
                false => format!("{argument} is not bound to any keys.\n"),
            });
            return bound;
        }
        'u' => {
            let gone = Bound::Function(known(argument));
            let map = shell.keymaps().map_mut(place.mode);
            map.retain(|_, bound| *bound != gone);
        }
        'r' => {
            let keys = [place.prefix, &unquote(argument.trim_matches('"'))].concat();
            shell.keymaps().map_mut(place.mode).remove(&keys);
        }
        _ => match parse_binding(argument) {
            Ok((sequence, command)) => {
                let plain = command
                    .strip_prefix('"')
                    .and_then(|c| c.strip_suffix('"'))
                    .map_or(command.clone(), |c| c.replace("\\\"", "\""));
                shell.put_binding(place, &sequence, Bound::Command(plain));
            }
            Err(problem) => {
                shell.error(&format!("bind: {argument}: {problem}"));
                return false;
            }
        },
    }
    true
}
