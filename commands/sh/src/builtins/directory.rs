//! `cd`, `pwd`, and the directory stack.

use secure_exec_sys as sys;

use crate::shell::{Exec, Shell};
use crate::text;

/// The path without `.`, `..` and double slashes, by its text.
fn canonical(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Shell {
    fn logical_cwd(&self) -> String {
        self.var("PWD")
            .filter(|p| p.starts_with('/'))
            .unwrap_or_else(|| physical_cwd().unwrap_or_else(|| "/".to_owned()))
    }

    /// Changes the directory and sets `PWD` and `OLDPWD`; the new directory, or the failure reported.
    fn change_directory(
        &mut self,
        builtin: &str,
        target: &str,
        physical: bool,
    ) -> Result<String, i32> {
        let old = self.logical_cwd();
        let joined = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("{old}/{target}")
        };
        let new = canonical(&joined);
        let dots = joined.split('/').any(|p| p == "..");
        // A logical `..` still needs what comes before it to be a directory.
        let missing = !physical
            && dots
            && joined.split("/..").next().is_some_and(|head| {
                !head.is_empty() && !sys::path::stat(text::path(head)).is_ok_and(|s| s.is_dir())
            });
        let place = if physical { target } else { &new };
        let result = if missing {
            Err(sys::errno::error(sys::errno::ENOENT))
        } else {
            sys::path::chdir(text::path(place))
        };
        if let Err(error) = result {
            let message = if self.bash {
                format!("{builtin}: {target}: {}", sys::errno::message(&error))
            } else {
                format!("{builtin}: can't cd to {target}")
            };
            self.error(&message);
            return Err(if self.bash { 1 } else { 2 });
        }
        let new = if physical {
            physical_cwd().unwrap_or(new)
        } else {
            new
        };
        self.force("OLDPWD", &old);
        self.force("PWD", &new);
        self.vars.entry("PWD").attributes.export = true;
        self.vars.entry("OLDPWD").attributes.export = true;
        Ok(new)
    }

    /// The stack as `dirs` lists it: the working directory first.
    pub fn directory_stack(&self) -> Vec<String> {
        std::iter::once(self.logical_cwd())
            .chain(self.directories.iter().rev().cloned())
            .collect()
    }

    fn print_stack(&mut self, builtin: &str) -> i32 {
        let home = self
            .var("HOME")
            .filter(|h| h.len() > 1)
            .unwrap_or_else(|| "\0".to_owned());
        let short: Vec<String> = self
            .directory_stack()
            .iter()
            .map(|d| match d.strip_prefix(&home) {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
                _ => d.clone(),
            })
            .collect();
        self.print(builtin, &(short.join(" ") + "\n"))
    }
}

fn physical_cwd() -> Option<String> {
    sys::path::getcwd()
        .ok()
        .map(|p| text::from_os(p.as_os_str()))
}

pub fn cd(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, rest) = match shell.letters(words, "LPe@") {
        Ok(found) => found,
        Err(message) => return Ok(shell.misuse(&message)),
    };
    if rest.len() > 1 && shell.bash {
        shell.error("cd: too many arguments");
        return Ok(1);
    }
    let physical = letters
        .chars()
        .rfind(|c| "LP".contains(*c))
        .map_or(shell.options.physical, |c| c == 'P');
    let mut show = false;
    let target = match rest.first().map(String::as_str) {
        None => match shell.var("HOME") {
            Some(home) => home,
            None if shell.bash => {
                shell.error("cd: HOME not set");
                return Ok(1);
            }
            None => return Ok(0),
        },
        Some("-") => {
            show = true;
            match shell.var("OLDPWD") {
                Some(old) => old,
                None if shell.bash => {
                    shell.error("cd: OLDPWD not set");
                    return Ok(1);
                }
                // dash stays where it is.
                None => {
                    let here = shell.logical_cwd();
                    return Ok(shell.print("cd", &format!("{here}\n")));
                }
            }
        }
        Some(target) => target.to_owned(),
    };
    if target.is_empty() {
        return Ok(0);
    }
    let searched =
        !target.starts_with('/') && !matches!(target.split('/').next(), Some("." | ".."));
    if let Some(path) = shell.var("CDPATH").filter(|_| searched) {
        for dir in path.split(':') {
            let candidate = if dir.is_empty() {
                format!("./{target}")
            } else {
                format!("{}/{target}", dir.trim_end_matches('/'))
            };
            if sys::path::stat(text::path(&candidate)).is_ok_and(|s| s.is_dir()) {
                return Ok(match shell.change_directory("cd", &candidate, physical) {
                    Ok(new) if !dir.is_empty() || show => shell.print("cd", &format!("{new}\n")),
                    Ok(_) => 0,
                    Err(status) => status,
                });
            }
        }
    }
    Ok(match shell.change_directory("cd", &target, physical) {
        Ok(new) if show => shell.print("cd", &format!("{new}\n")),
        Ok(_) => 0,
        Err(status) => status,
    })
}

pub fn pwd(shell: &mut Shell, words: &[String]) -> Exec {
    let (letters, _) = match shell.letters(words, "LP") {
        Ok(found) => found,
        Err(message) => return Ok(shell.misuse(&message)),
    };
    let physical = letters
        .chars()
        .last()
        .map_or(shell.options.physical, |c| c == 'P');
    let dir = if physical {
        physical_cwd()
    } else {
        Some(shell.logical_cwd())
    };
    match dir {
        Some(dir) => Ok(shell.print("pwd", &format!("{dir}\n"))),
        None => {
            shell.error("pwd: cannot find the working directory");
            Ok(1)
        }
    }
}

/// Position of `+n` or `-n` in a stack of this size.
fn stack_index(word: &str, size: usize) -> Option<usize> {
    let n: usize = word.get(1..)?.parse().ok()?;
    match word.as_bytes()[0] {
        b'+' if n < size => Some(n),
        b'-' if n < size => Some(size - 1 - n),
        _ => None,
    }
}

/// The operand of `pushd` and `popd`; `Err` is the status of wrong use, reported.
fn stack_operand(shell: &mut Shell, words: &[String], any: bool) -> Result<Option<String>, i32> {
    let name = &words[0];
    let (ended, rest) = match words.get(1).map(String::as_str) {
        Some("--") => (true, &words[2..]),
        _ => (false, &words[1..]),
    };
    if rest.len() > 1 {
        shell.error(&format!("{name}: too many arguments"));
        return Err(1);
    }
    let Some(word) = rest.first() else {
        return Ok(None);
    };
    let number = word.len() > 1 && word[1..].bytes().all(|b| b.is_ascii_digit());
    if !ended && word.starts_with(['+', '-']) && word.len() > 1 && !number {
        return Err(shell.misuse(&format!("{name}: {word}: invalid number")));
    }
    let indexed = word.starts_with(['+', '-']) && number;
    if !any && !indexed {
        return Err(shell.misuse(&format!("{name}: {word}: invalid argument")));
    }
    Ok(Some(word.clone()))
}

pub fn pushd(shell: &mut Shell, words: &[String]) -> Exec {
    let operand = match stack_operand(shell, words, true) {
        Ok(operand) => operand,
        Err(status) => return Ok(status),
    };
    let old = shell.logical_cwd();
    let size = shell.directories.len() + 1;
    match operand.as_deref() {
        None => {
            let Some(top) = shell.directories.pop() else {
                shell.error("pushd: no other directory");
                return Ok(1);
            };
            if let Err(status) = shell.change_directory("pushd", &top, false) {
                shell.directories.push(top);
                return Ok(status);
            }
            shell.directories.push(old);
        }
        Some(word) if word.len() > 1 && word.starts_with(['+', '-']) => {
            let Some(at) = stack_index(word, size) else {
                shell.error(&format!(
                    "pushd: {word}: directory stack index out of range"
                ));
                return Ok(1);
            };
            let mut stack = shell.directory_stack();
            stack.rotate_left(at);
            let top = stack.remove(0);
            if let Err(status) = shell.change_directory("pushd", &top, false) {
                return Ok(status);
            }
            stack.reverse();
            shell.directories = stack;
        }
        Some(target) => {
            if let Err(status) = shell.change_directory("pushd", target, false) {
                return Ok(status);
            }
            shell.directories.push(old);
        }
    }
    Ok(shell.print_stack("pushd"))
}

pub fn popd(shell: &mut Shell, words: &[String]) -> Exec {
    let operand = match stack_operand(shell, words, false) {
        Ok(operand) => operand,
        Err(status) => return Ok(status),
    };
    let size = shell.directories.len() + 1;
    if size == 1 {
        shell.error("popd: directory stack empty");
        return Ok(1);
    }
    let at = match &operand {
        None => 0,
        Some(word) => match stack_index(word, size) {
            Some(at) => at,
            None => {
                shell.error(&format!("popd: {word}: directory stack index out of range"));
                return Ok(1);
            }
        },
    };
    if at == 0 {
        let top = shell.directories.pop().unwrap_or_default();
        if let Err(status) = shell.change_directory("popd", &top, false) {
            return Ok(status);
        }
    } else {
        shell.directories.remove(size - 1 - at);
    }
    Ok(shell.print_stack("popd"))
}

pub fn dirs(shell: &mut Shell, words: &[String]) -> Exec {
    if words.len() > 2 {
        return Ok(shell.misuse(&format!("dirs: {}: invalid option", words[2])));
    }
    match words.get(1).map(String::as_str) {
        Some("-c") => {
            shell.directories.clear();
            Ok(0)
        }
        Some(flag @ ("-p" | "-v" | "-l")) => {
            let stack = shell.directory_stack();
            let text: String = match flag {
                "-v" => stack
                    .iter()
                    .enumerate()
                    .map(|(i, d)| format!("{i:2}  {d}\n"))
                    .collect(),
                "-p" => stack.iter().map(|d| format!("{d}\n")).collect(),
                _ => stack.join(" ") + "\n",
            };
            Ok(shell.print("dirs", &text))
        }
        None => Ok(shell.print_stack("dirs")),
        Some(word) => match stack_index(word, shell.directories.len() + 1) {
            Some(at) => {
                let text = shell.directory_stack()[at].clone() + "\n";
                Ok(shell.print("dirs", &text))
            }
            None if word.starts_with('+') => {
                shell.error("dirs: directory stack index out of range");
                Ok(1)
            }
            None => Ok(shell.misuse(&format!("dirs: {word}: invalid option"))),
        },
    }
}
