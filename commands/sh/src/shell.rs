//! The state of a shell: what a subshell gets a copy of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use secure_exec_sys as sys;
use sys::Pid;

use crate::jobs::Jobs;
use crate::options::Options;
use crate::syntax::ast::Function;
use crate::text;
use crate::traps::Traps;
use crate::variables::Variables;

/// Why a command did not simply end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Break(u32),
    Continue(u32),
    Return(i32),
    Exit(i32),
    /// An error that ends a shell that is not interactive; it was reported.
    Abort(i32),
    /// An error that gives the command line up in bash, which goes on with the next one; it was reported.
    Discard,
}

/// The exit status of a command.
pub type Exec = Result<i32, Flow>;

/// A function or sourced file being executed.
#[derive(Debug)]
pub struct Frame {
    pub name: String,
    /// Where it was called.
    pub line: u32,
    pub file: Rc<str>,
    pub is_function: bool,
    /// The options to put back at the end, after `local -`.
    pub options: Option<Options>,
}

#[derive(Debug)]
pub struct Shell {
    /// The features of bash are on.
    pub bash: bool,
    /// Called `dash`: what POSIX has taken up since dash was written is off.
    pub dash: bool,
    /// `$0`.
    pub name: String,
    /// What error messages begin with.
    pub label: String,
    pub options: Options,
    pub vars: Variables,
    pub functions: HashMap<String, Rc<Function>>,
    pub aliases: BTreeMap<String, String>,
    pub disabled_builtins: Vec<String>,
    pub positional: Vec<String>,
    pub status: i32,
    /// `$$`: of the shell, not of a subshell.
    pub pid: Pid,
    pub subshell: u32,
    /// This copy is a stage of a pipeline, which counts as a subshell when its words are expanded.
    pub counts_late: bool,
    pub jobs: Jobs,
    pub traps: Traps,
    pub line: u32,
    /// How many commands have been read, with the one that runs.
    pub commands: u32,
    pub loops: u32,
    /// What the loops end with that `break` leaves.
    pub break_status: i32,
    pub frames: Vec<Frame>,
    pub script: Rc<str>,
    /// The redirections of a compound command have failed, which `set -e` looks at.
    pub redirect_failed: bool,
    /// Above 0 where a failure does not end the shell under `set -e`.
    pub tested: u32,
    /// Collects what builtins write, instead of descriptor 1.
    pub capture: Option<Vec<u8>>,
    pub interactive: bool,
    pub paths: HashMap<String, (String, u32)>,
    /// `$BASH_COMMAND`.
    pub command_text: Rc<str>,
    pub readonly_functions: BTreeSet<String>,
    pub exported_functions: BTreeSet<String>,
    pub getopts_column: usize,
    /// Where `getopts` is, as dash counts: `OPTIND` is one further inside of an argument.
    pub getopts_index: Option<usize>,
    pub last_background: Option<Pid>,
    pub pipe_statuses: Vec<i32>,
    pub last_argument: String,
    /// Status of the last command substitution of the command being expanded.
    pub substitution_status: Option<i32>,
    /// Nesting of commands and functions.
    pub depth: u32,
    pub random: u32,
    pub started: std::time::Instant,
    pub seconds_base: i64,
    pub directories: Vec<String>,
    /// Processes and descriptors of process substitutions of the running command.
    pub substitutions: Vec<(i32, Pid)>,
    /// Processes of `>(...)` that may still run.
    pub filters: Vec<crate::exec::filters::Filter>,
    /// Arrays given to the declaration utility that runs next, by argument number.
    pub array_arguments: Vec<(usize, crate::exec::assign::ArrayValue)>,
    pub editor: crate::interactive::State,
    /// What completes the arguments of commands, in the order of `complete`.
    pub completions: Vec<(String, crate::builtins::completion::Spec)>,
    /// A function that completes a word is running.
    pub completing: bool,
    /// The script names `$BASHPID`: a subshell is a process of its own even where that could be saved.
    pub names_pid: bool,
    /// Commands are the argument of `-c`.
    pub command_string: bool,
    /// Commands come from the host, one after the other.
    pub session: Option<crate::session::Session>,
}

impl Shell {
    pub fn new(bash: bool, name: &str) -> Self {
        let base = name
            .rsplit('/')
            .next()
            .unwrap_or(name)
            .trim_start_matches('-')
            .to_owned();
        let pid = sys::process::getpid();
        let mut shell = Self {
            bash,
            dash: base == "dash",
            name: name.to_owned(),
            label: base,
            options: Options::new(bash),
            vars: Variables::default(),
            functions: HashMap::new(),
            aliases: BTreeMap::new(),
            disabled_builtins: Vec::new(),
            positional: Vec::new(),
            status: 0,
            pid,
            subshell: 0,
            counts_late: false,
            jobs: Jobs::default(),
            traps: Traps::default(),
            line: 0,
            commands: 1,
            loops: 0,
            break_status: 0,
            frames: Vec::new(),
            script: "".into(),
            redirect_failed: false,
            tested: 0,
            capture: None,
            interactive: false,
            paths: HashMap::new(),
            command_text: "".into(),
            readonly_functions: BTreeSet::new(),
            exported_functions: BTreeSet::new(),
            getopts_column: 0,
            getopts_index: None,
            last_background: None,
            pipe_statuses: Vec::new(),
            last_argument: String::new(),
            substitution_status: None,
            depth: 0,
            random: pid.unsigned_abs().wrapping_mul(2_654_435_761) | 1,
            started: std::time::Instant::now(),
            seconds_base: 0,
            directories: Vec::new(),
            substitutions: Vec::new(),
            filters: Vec::new(),
            array_arguments: Vec::new(),
            editor: crate::interactive::State::default(),
            completions: Vec::new(),
            completing: false,
            names_pid: false,
            command_string: false,
            session: None,
        };
        shell.import_environment();
        shell
    }

    fn import_environment(&mut self) {
        let mut functions = Vec::new();
        for (name, value) in std::env::vars_os() {
            let name = text::from_os(&name);
            if self.bash
                && let Some(function) = name
                    .strip_prefix("BASH_FUNC_")
                    .and_then(|n| n.strip_suffix("%%"))
            {
                functions.push((function.to_owned(), text::from_os(&value)));
                continue;
            }
            if text::is_name(&name) {
                let variable = self.vars.entry(&name);
                variable.value = crate::variables::Value::Scalar(text::from_os(&value));
                variable.attributes.export = true;
            }
        }
        for (name, value) in [("IFS", " \t\n"), ("OPTIND", "1")] {
            self.force(name, value);
        }
        self.vars.entry("IFS").attributes.export = false;
        if self.var("PS4").is_none() {
            self.force("PS4", "+ ");
        }
        let ppid = sys::process::getppid().to_string();
        self.force("PPID", &ppid);
        if self.bash {
            self.import_for_bash();
        } else if self.vars.find("PATH").is_none() {
            self.force("PATH", crate::exec::lookup::DEFAULT_PATH);
        }
        for (name, body) in functions {
            self.import_function(&name, &body);
        }
        self.import_pwd();
    }

    /// Takes a function that another bash has exported; what is no more than one function is left out.
    fn import_function(&mut self, name: &str, body: &str) {
        let source = format!("{name} {body}\n");
        let mut input = crate::syntax::Input::text(&source, 1);
        let parsed = crate::syntax::Parser::new(&mut input, self).only_function();
        match parsed {
            Some((found, function)) if found == name && body.starts_with("() {") => {
                self.functions.insert(found.clone(), function);
                self.exported_functions.insert(found);
            }
            _ => self.error(&format!("error importing function definition for `{name}'")),
        }
    }

    fn import_for_bash(&mut self) {
        let level = self
            .var("SHLVL")
            .and_then(|l| l.parse::<i64>().ok())
            .unwrap_or(0)
            + 1;
        self.force("SHLVL", &level.to_string());
        self.vars.entry("SHLVL").attributes.export = true;
        for (name, value) in [
            ("BASH", "/bin/bash"),
            ("BASH_VERSION", "5.2.15(1)-release"),
            ("OPTERR", "1"),
        ] {
            self.force(name, value);
        }
        for (name, value) in [
            ("HOSTTYPE", "x86_64"),
            ("MACHTYPE", "x86_64-pc-linux-gnu"),
            ("OSTYPE", "linux-gnu"),
            ("PATH", crate::exec::lookup::DEFAULT_PATH),
        ] {
            if self.vars.find(name).is_none() {
                self.force(name, value);
            }
        }
        if self.vars.find("SHELL").is_none() {
            let uid = sys::process::ids().map_or(0, |ids| ids.uid);
            let shell = sys::users::user_by_uid(uid).map(|user| user.shell);
            self.force("SHELL", shell.as_deref().unwrap_or("/bin/sh"));
        }
        for name in ["UID", "EUID", "PPID"] {
            let value = self.var(name).unwrap_or_default();
            self.force(name, &value);
            let attributes = &mut self.vars.entry(name).attributes;
            (attributes.readonly, attributes.integer, attributes.export) = (true, true, false);
        }
        self.import_option_names();
        let parts = ["5", "2", "15", "1", "release", "x86_64-pc-linux-gnu"];
        let map = (0..).zip(parts.iter().map(|p| (*p).to_owned())).collect();
        let variable = self.vars.entry("BASH_VERSINFO");
        variable.value = crate::variables::Value::Array(map);
        variable.attributes.readonly = true;
    }

    /// Takes `PWD` from the environment when it names the working directory, as POSIX says.
    fn import_pwd(&mut self) {
        let given = self.var("PWD").filter(|pwd| pwd.starts_with('/'));
        let dots = |p: &str| p.split('/').any(|c| c == "." || c == "..");
        let same = given.as_deref().is_some_and(|pwd| {
            !dots(pwd)
                && match (sys::path::stat(text::path(pwd)), sys::path::stat(".")) {
                    (Ok(a), Ok(b)) => a.same_file(&b),
                    _ => false,
                }
        });
        if !same && let Ok(cwd) = sys::path::getcwd() {
            let cwd = text::from_os(cwd.as_os_str());
            self.force("PWD", &cwd);
        }
        self.vars.entry("PWD").attributes.export = true;
        if self.bash {
            self.vars.entry("OLDPWD").attributes.export = true;
        }
    }

    /// The zone that an exported `TZ` names.
    pub fn time_zone(&self) -> secure_exec_cli::Zone {
        let exported = self.vars.find("TZ").is_some_and(|v| v.attributes.export);
        let name = self.var("TZ").filter(|_| exported);
        secure_exec_cli::Zone::named(name.as_deref())
    }

    /// Sets a variable whatever its attributes say.
    pub fn force(&mut self, name: &str, value: &str) {
        let variable = self.vars.entry(name);
        variable.value = crate::variables::Value::Scalar(value.to_owned());
    }

    /// The name of the file being executed, for `BASH_SOURCE`.
    pub fn source_name(&self) -> Rc<str> {
        self.frames
            .last()
            .map_or_else(|| Rc::clone(&self.script), |frame| Rc::clone(&frame.file))
    }

    /// The name of the running function.
    pub fn function_name(&self) -> Option<&str> {
        self.frames
            .iter()
            .rev()
            .find(|f| f.is_function)
            .map(|f| f.name.as_str())
    }

    pub fn expands_aliases(&self) -> bool {
        !self.bash || self.interactive || self.options.expand_aliases || self.options.posix
    }

    /// Writes to standard output, or into the capture.
    pub fn out(&mut self, text: &str) -> std::io::Result<()> {
        let bytes = text::encode(text);
        match self.capture.as_mut() {
            Some(capture) => {
                capture.extend_from_slice(&bytes);
                Ok(())
            }
            None => sys::fd::write_all(1, &bytes),
        }
    }

    /// Writes to standard output and reports a failure; gives the status.
    pub fn print(&mut self, builtin: &str, text: &str) -> i32 {
        match self.out(text) {
            Ok(()) => 0,
            Err(error) => {
                let message = if self.bash {
                    format!("{builtin}: write error: {}", sys::errno::message(&error))
                } else {
                    format!("{builtin}: I/O error")
                };
                self.error(&message);
                1
            }
        }
    }

    pub fn print_error_raw(&self, text: &str) {
        // There is nobody left to tell when standard error fails.
        let _ = sys::fd::write_all(2, &text::encode(text));
    }

    /// Reports an error with the shell's name and the line.
    pub fn error(&self, message: &str) {
        self.error_at(message, self.line);
    }

    pub fn error_at(&self, message: &str, line: u32) {
        let label = if self.bash && !self.script.is_empty() {
            &*self.script
        } else {
            &self.label
        };
        let text = if self.interactive {
            format!("{label}: {message}\n")
        } else if self.bash {
            format!("{label}: line {line}: {message}\n")
        } else {
            format!("{label}: {line}: {message}\n")
        };
        self.print_error_raw(&text);
    }

    /// Reports an error that ends the shell unless it is interactive; in bash, the command line.
    pub fn fatal<T>(&self, message: &str) -> Result<T, Flow> {
        self.error(message);
        Err(match (self.bash, self.options.posix) {
            (true, false) => Flow::Discard,
            (true, true) => Flow::Abort(1),
            (false, _) => Flow::Abort(2),
        })
    }

    /// The same where `set -e` looks at it: a failed assignment, a pattern without a match under `failglob`.
    pub fn fatal_failure<T>(&self, message: &str) -> Result<T, Flow> {
        let given_up = self.fatal(message);
        if matches!(given_up, Err(Flow::Discard)) && self.options.errexit && self.tested == 0 {
            return Err(Flow::Exit(1));
        }
        given_up
    }

    /// A number for `SRANDOM`, of the system's.
    pub fn strong_random(&self) -> u32 {
        use std::hash::{BuildHasher, Hasher};
        // The standard library keys its hashes from the system's random numbers.
        let hash = std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish();
        u32::try_from(hash & 0xffff_ffff).unwrap_or(0)
    }

    /// A number for `RANDOM`: xorshift, seeded by the pid or by assignment.
    pub fn next_random(&mut self) -> u32 {
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random = x;
        (x >> 8) & 0x7fff
    }
}
