//! Commands that run in the shell itself.

mod alias;
mod compgen;
pub mod completion;
mod control;
mod declare;
mod directory;
mod echo;
mod getopts;
mod job_control;
mod mapfile;
mod names;
mod printf;
mod read;
pub mod set;
pub mod system;
pub mod test;
mod trap;
mod variables;

pub use variables::base_name;

use crate::shell::{Exec, Shell};

/// A builtin: gets all words with its name first.
pub type Builtin = fn(&mut Shell, &[String]) -> Exec;

/// Special builtins of XCU 2.15, and those of bash that are treated alike.
const SPECIAL: [(&str, Builtin); 15] = [
    (".", control::dot),
    (":", control::colon),
    ("break", control::break_loop),
    ("continue", control::continue_loop),
    ("eval", control::eval),
    ("exec", control::exec),
    ("exit", control::exit),
    ("export", variables::export),
    ("readonly", variables::readonly),
    ("return", control::return_from),
    ("set", set::set),
    ("shift", variables::shift),
    ("times", system::times),
    ("trap", trap::trap),
    ("unset", variables::unset),
];

const PLAIN: [(&str, Builtin); 28] = [
    ("[", test::test),
    ("alias", alias::alias),
    ("bg", job_control::bg),
    ("cd", directory::cd),
    ("chdir", directory::cd),
    ("command", names::command),
    ("echo", echo::echo),
    ("false", control::false_),
    ("fc", crate::interactive::fc),
    ("fg", job_control::fg),
    ("getopts", getopts::getopts),
    ("hash", names::hash),
    ("jobs", job_control::jobs),
    ("kill", job_control::kill),
    ("local", declare::local),
    ("printf", printf::printf),
    ("pwd", directory::pwd),
    ("read", read::read),
    ("test", test::test),
    ("true", control::colon),
    ("type", names::type_),
    ("ulimit", system::ulimit),
    ("umask", system::umask),
    ("unalias", alias::unalias),
    ("wait", job_control::wait),
    ("history", crate::interactive::history_builtin),
    ("let", variables::let_),
    ("suspend", job_control::suspend),
];

/// Only in bash.
const BASH: [(&str, Builtin); 19] = [
    ("bind", crate::interactive::bind),
    ("builtin", names::builtin),
    ("caller", names::caller),
    ("compgen", compgen::compgen),
    ("complete", completion::complete),
    ("compopt", completion::compopt),
    ("declare", declare::declare),
    ("dirs", directory::dirs),
    ("disown", job_control::disown),
    ("enable", names::enable),
    ("help", names::help),
    ("logout", control::exit),
    ("mapfile", mapfile::mapfile),
    ("popd", directory::popd),
    ("pushd", directory::pushd),
    ("readarray", mapfile::mapfile),
    ("shopt", set::shopt),
    ("source", control::dot),
    ("typeset", declare::declare),
];

/// Not in dash: `sh` leaves the names to programs and functions.
const NOT_IN_SH: [&str; 3] = ["history", "let", "suspend"];

/// The builtin of this name, and whether it is special.
pub fn find(name: &str, bash: bool) -> Option<(Builtin, bool)> {
    if let Some((_, run)) = SPECIAL.iter().find(|(n, _)| *n == name) {
        return Some((*run, true));
    }
    if let Some((_, run)) = PLAIN.iter().find(|(n, _)| *n == name) {
        if !bash && NOT_IN_SH.contains(&name) || bash && name == "chdir" {
            return None;
        }
        return Some((*run, false));
    }
    if !bash {
        return None;
    }
    let (name, run) = BASH.iter().find(|(n, _)| *n == name)?;
    Some((*run, *name == "source"))
}

/// The names of all builtins.
pub fn all(bash: bool) -> Vec<&'static str> {
    let tables = SPECIAL
        .iter()
        .chain(&PLAIN)
        .chain(BASH.iter().filter(|_| bash));
    let mut names: Vec<_> = tables
        .map(|(n, _)| *n)
        .filter(|n| find(n, bash).is_some())
        .collect();
    names.sort_unstable();
    names
}

impl Shell {
    /// Reports wrong use of a builtin; gives status 2.
    pub(crate) fn misuse(&mut self, message: &str) -> i32 {
        self.error(message);
        2
    }

    /// Reports wrong use of a special builtin, which ends a shell that is not interactive.
    pub(crate) fn misuse_special(&mut self, message: &str) -> Exec {
        self.error(message);
        if self.bash && !self.options.posix {
            Ok(2)
        } else {
            Err(crate::shell::Flow::Abort(2))
        }
    }

    /// Takes options off the front: the letters found, and the operands. `Err` is the wrong letter.
    pub(crate) fn letters<'a>(
        &self,
        words: &'a [String],
        allowed: &str,
    ) -> Result<(String, &'a [String]), String> {
        let mut found = String::new();
        let mut rest = words.get(1..).unwrap_or_default();
        while let Some(word) = rest.first() {
            if word == "--" {
                return Ok((found, &rest[1..]));
            }
            let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) else {
                break;
            };
            for letter in letters.chars() {
                if !allowed.contains(letter) {
                    let message = if self.bash {
                        format!("{}: -{letter}: invalid option", words[0])
                    } else {
                        format!("{}: Illegal option -{letter}", words[0])
                    };
                    return Err(message);
                }
                found.push(letter);
            }
            rest = &rest[1..];
        }
        Ok((found, rest))
    }
}
