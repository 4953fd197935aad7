//! `make`, as POSIX and what scripts use of GNU make have it. Recipes run one after the other, whatever `-j` says.

mod expand;
mod function;
mod read;
mod rule;
mod run;
mod update;
mod variable;
mod word;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::rc::Rc;

use secure_exec_cli::{Args, Failure, Outcome, Parsed, Syntax, bytes, flag, optional, required};
use secure_exec_sys::errno;

use rule::{Pattern, Recipe, Target};
use update::State;
use variable::{Assignment, Origin, Scope, Variable, split_assignment};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "b"),
        flag('m', "m"),
        flag('B', "always-make"),
        required('C', "directory"),
        flag('e', "environment-overrides"),
        required('\0', "eval"),
        required('f', "file"),
        required('\0', "makefile"),
        flag('i', "ignore-errors"),
        required('I', "include-dir"),
        optional('j', "jobs"),
        flag('k', "keep-going"),
        optional('l', "load-average"),
        flag('L', "check-symlink-times"),
        flag('n', "just-print"),
        flag('\0', "dry-run"),
        flag('\0', "recon"),
        required('o', "old-file"),
        optional('O', "output-sync"),
        flag('q', "question"),
        flag('r', "no-builtin-rules"),
        flag('R', "no-builtin-variables"),
        flag('s', "silent"),
        flag('\0', "quiet"),
        flag('\0', "no-silent"),
        flag('S', "no-keep-going"),
        flag('t', "touch"),
        flag('v', "version"),
        flag('w', "print-directory"),
        flag('\0', "no-print-directory"),
        required('W', "what-if"),
        flag('\0', "warn-undefined-variables"),
    ],
    usage: "[options] [target] ...",
    usage_status: 2,
    operand_ends: false,
};

/// Makefiles that are looked for, and variables that are set without one.
const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];
const VARIABLES: &[(&str, &str)] = &[
    (".SHELLFLAGS", "-c"),
    (".LIBPATTERNS", "lib%.so lib%.a"),
    ("AR", "ar"),
    ("ARFLAGS", "rv"),
    ("AS", "as"),
    ("CC", "cc"),
    ("COMPILE.C", "$(COMPILE.cc)"),
    (
        "COMPILE.S",
        "$(CC) $(ASFLAGS) $(CPPFLAGS) $(TARGET_MACH) -c",
    ),
    ("COMPILE.c", "$(CC) $(CFLAGS) $(CPPFLAGS) $(TARGET_ARCH) -c"),
    (
        "COMPILE.cc",
        "$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(TARGET_ARCH) -c",
    ),
    ("COMPILE.cpp", "$(COMPILE.cc)"),
    ("COMPILE.s", "$(AS) $(ASFLAGS) $(TARGET_MACH)"),
    ("CPP", "$(CC) -E"),
    ("CXX", "g++"),
    ("FC", "f77"),
    ("LD", "ld"),
    ("LEX", "lex"),
    ("LEX.l", "$(LEX) $(LFLAGS) -t"),
    ("LINK.C", "$(LINK.cc)"),
    (
        "LINK.c",
        "$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(TARGET_ARCH)",
    ),
    (
        "LINK.cc",
        "$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(LDFLAGS) $(TARGET_ARCH)",
    ),
    ("LINK.cpp", "$(LINK.cc)"),
    ("LINK.o", "$(CC) $(LDFLAGS) $(TARGET_ARCH)"),
    ("MAKE", "$(MAKE_COMMAND)"),
    ("MAKEINFO", "makeinfo"),
    ("MAKE_VERSION", "4.3"),
    ("OUTPUT_OPTION", "-o $@"),
    ("RM", "rm -f"),
    ("TEX", "tex"),
    ("YACC", "yacc"),
    ("YACC.y", "$(YACC) $(YFLAGS)"),
];

/// What options say.
#[derive(Clone, Debug, Default)]
struct Settings {
    always_makes: bool,
    always_new: HashSet<String>,
    asks: bool,
    environment_overrides: bool,
    evals: Vec<String>,
    files: Vec<String>,
    ignores_errors: bool,
    include_dirs: Vec<String>,
    keeps_going: bool,
    no_builtin_rules: bool,
    no_builtin_variables: bool,
    only_prints: bool,
    prints_directory: Option<bool>,
    /// `--no-print-directory`, which goes down to makes that recipes run.
    quiet_directory: bool,
    silent: bool,
    touches: bool,
    warns_undefined: bool,
}

/// All of a run.
#[derive(Default)]
struct Make {
    /// `make`, or `make[1]` in a make that a recipe runs.
    name: String,
    level: usize,
    settings: Settings,
    variables: Scope,
    scopes: Vec<Scope>,
    /// Variables whose values are being expanded, and those that are being called.
    expanding: Vec<String>,
    /// How deep expansion and reading are in each other.
    depth: usize,
    calls: Vec<String>,
    exported: HashMap<String, bool>,
    exports_all: bool,
    target_variables: Vec<(String, Assignment)>,
    targets: HashMap<String, Target>,
    patterns: Vec<Pattern>,
    suffixes: Vec<String>,
    default_goal: Option<String>,
    default_recipe: Option<Rc<Recipe>>,
    phony: HashSet<String>,
    kept: HashSet<String>,
    keeps_all: bool,
    intermediate: HashSet<String>,
    ignored: HashSet<String>,
    silenced: HashSet<String>,
    deletes_on_error: bool,
    one_shell: bool,
    second_expansion: bool,
    vpaths: Vec<(String, Vec<String>)>,
    vpath_variable: String,
    /// Makefiles that were read or looked for, and those that were not found with the line that asks for them.
    makefiles: Vec<String>,
    missing: Vec<(String, (String, usize))>,
    /// The file and line that is read.
    place: (String, usize),
    goals: Vec<String>,
    mentioned: HashSet<String>,
    states: HashMap<String, State>,
    working: Vec<String>,
    in_search: RefCell<Vec<usize>>,
    made: Vec<String>,
    started: usize,
    would_run: bool,
}

pub fn main(args: &Args) -> Outcome {
    let level = std::env::var("MAKELEVEL")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let name = if level == 0 {
        args.name.clone()
    } else {
        format!("{}[{level}]", args.name)
    };
    let args = Args {
        name,
        list: with_flags(attached(&args.list)),
    };
    let parsed = SYNTAX.parse(&args)?;
    if parsed.has("version") {
        // The first line is what scripts look at: which makefiles are understood.
        let (own, version) = (env!("CARGO_PKG_VERSION"), "4.3");
        println!("GNU Make {version}");
        println!("Compatible with it: this is the make of secure-exec {own}, and no GNU program.");
        return Ok(0);
    }
    let settings = settings(&parsed, level);
    for (option, value) in &parsed.options {
        if *option == "directory" {
            std::env::set_current_dir(value.os()).map_err(|error| {
                let folder = value.text();
                Failure {
                    status: 2,
                    message: format!("*** {folder}: {}.  Stop.", errno::message(&error)),
                }
            })?;
        }
    }
    let words: Vec<String> = parsed
        .operands
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let (overrides, goals): (Vec<String>, Vec<String>) = words
        .into_iter()
        .partition(|word| split_assignment(word).is_some());
    let here = std::env::current_dir()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let prints = settings.prints_directory.unwrap_or(false);
    if prints {
        println!("{}: Entering directory '{here}'", args.name);
    }
    let outcome = run(&args.name, level, &settings, &overrides, &goals);
    if prints {
        println!("{}: Leaving directory '{here}'", args.name);
    }
    outcome
}

/// `-j 4` is one option.
fn attached(list: &[OsString]) -> Vec<OsString> {
    let mut out: Vec<OsString> = Vec::new();
    for word in list {
        let number = !word.is_empty() && bytes(word).iter().all(u8::is_ascii_digit);
        match out.last_mut() {
            Some(last) if number && (last == "-j" || last == "-l") => last.push(word),
            Some(last) if number && (last == "--jobs") => {
                last.push("=");
                last.push(word);
            }
            _ => out.push(word.clone()),
        }
    }
    out
}

/// The options and variables that the make above gave in `MAKEFLAGS` come first.
fn with_flags(list: Vec<OsString>) -> Vec<OsString> {
    let Ok(flags) = std::env::var("MAKEFLAGS") else {
        return list;
    };
    let mut words: Vec<OsString> = Vec::new();
    for (at, word) in flags.split_whitespace().enumerate() {
        match word {
            "--" => {}
            word if at == 0 && !word.starts_with('-') && !word.contains('=') => {
                words.push(format!("-{word}").into())
            }
            word => words.push(word.replace('\u{1}', " ").into()),
        }
    }
    words.extend(list);
    words
}

fn settings(parsed: &Parsed, level: usize) -> Settings {
    let values = |names: &[&str]| -> Vec<String> {
        parsed
            .options
            .iter()
            .filter(|(name, _)| names.contains(name))
            .map(|(_, value)| value.text())
            .collect()
    };
    let has = |names: &[&str]| names.iter().any(|name| parsed.has(name));
    let silent = parsed
        .last_of(&["silent", "quiet", "no-silent"])
        .is_some_and(|name| name != "no-silent");
    let goes_down = level > 0 || parsed.has("directory");
    Settings {
        always_makes: has(&["always-make"]),
        always_new: values(&["what-if"]).into_iter().collect(),
        asks: has(&["question"]),
        environment_overrides: has(&["environment-overrides"]),
        evals: values(&["eval"]),
        files: values(&["file", "makefile"]),
        ignores_errors: has(&["ignore-errors"]),
        include_dirs: values(&["include-dir"]),
        keeps_going: parsed.last_of(&["keep-going", "no-keep-going"]) == Some("keep-going"),
        no_builtin_rules: has(&["no-builtin-rules", "no-builtin-variables"]),
        no_builtin_variables: has(&["no-builtin-variables"]),
        only_prints: has(&["just-print", "dry-run", "recon"]),
        prints_directory: match parsed.last_of(&["print-directory", "no-print-directory"]) {
            Some(name) => Some(name == "print-directory"),
            None => Some(goes_down && !silent),
        },
        quiet_directory: parsed.last_of(&["print-directory", "no-print-directory"])
            == Some("no-print-directory"),
        silent,
        touches: has(&["touch"]),
        warns_undefined: has(&["warn-undefined-variables"]),
    }
}

/// Reads the makefiles, again as long as one of them is made, and then makes the goals.
fn run(
    name: &str,
    level: usize,
    settings: &Settings,
    overrides: &[String],
    goals: &[String],
) -> Outcome {
    for _ in 0..10 {
        let mut make = Make {
            name: name.to_owned(),
            level,
            settings: settings.clone(),
            ..Make::default()
        };
        make.prepare(overrides, goals)?;
        make.read_all()?;
        if make.remake_makefiles()? {
            continue;
        }
        let goals = if goals.is_empty() {
            make.default_goals()?
        } else {
            goals.to_vec()
        };
        make.goals.clone_from(&goals);
        make.states.clear();
        return make.make_goals(&goals);
    }
    Err(Failure {
        status: 2,
        message: "*** makefiles change whenever they are made.  Stop.".to_owned(),
    })
}

impl Make {
    fn set(&mut self, name: &str, value: &str, origin: Origin) {
        let recursive = origin == Origin::Default;
        self.variables.insert(
            name.to_owned(),
            Variable {
                value: value.to_owned(),
                recursive,
                origin,
            },
        );
    }

    /// The variables that there are before a makefile is read.
    fn prepare(&mut self, overrides: &[String], goals: &[String]) -> Result<(), Failure> {
        if !self.settings.no_builtin_variables {
            for (name, value) in VARIABLES {
                self.set(name, value, Origin::Default);
            }
        }
        for (name, value) in std::env::vars_os() {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            if name != "SHELL" && name != "MAKEFLAGS" {
                let variable = Variable {
                    value: value.into_owned(),
                    recursive: true,
                    origin: Origin::Environment,
                };
                self.variables.insert(name.into_owned(), variable);
            }
        }
        let here = std::env::current_dir()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        self.set("SHELL", "/bin/sh", Origin::Default);
        self.set(
            "MAKE_COMMAND",
            self.name.clone().split('[').next().unwrap_or("make"),
            Origin::Default,
        );
        self.set("CURDIR", &here, Origin::File);
        self.set("MAKELEVEL", &self.level.to_string(), Origin::Environment);
        self.set("MAKECMDGOALS", &goals.join(" "), Origin::Automatic);
        if goals.is_empty() {
            self.variables.remove("MAKECMDGOALS");
        }
        self.set("MAKEFLAGS", &self.flags(overrides), Origin::File);
        for text in overrides {
            if let Some((name, operator, value)) = split_assignment(text) {
                let assignment = Assignment {
                    name: name.to_owned(),
                    operator,
                    value: value.to_owned(),
                    is_override: false,
                };
                self.assign(&assignment, Origin::CommandLine)?;
            }
        }
        self.define_rules();
        Ok(())
    }

    /// What a make that a recipe runs is to be told.
    fn flags(&self, overrides: &[String]) -> String {
        let all = [
            ('B', self.settings.always_makes),
            ('e', self.settings.environment_overrides),
            ('i', self.settings.ignores_errors),
            ('k', self.settings.keeps_going),
            ('n', self.settings.only_prints),
            ('q', self.settings.asks),
            ('r', self.settings.no_builtin_rules),
            ('R', self.settings.no_builtin_variables),
            ('s', self.settings.silent),
            ('t', self.settings.touches),
        ];
        let mut flags: String = all
            .iter()
            .filter(|(_, set)| *set)
            .map(|(letter, _)| *letter)
            .collect();
        if self.settings.prints_directory == Some(true) {
            flags.push('w');
        }
        if self.settings.quiet_directory {
            flags.push_str(" --no-print-directory");
        }
        if !overrides.is_empty() {
            flags.push_str(" --");
            for text in overrides {
                flags.push(' ');
                flags.push_str(&text.replace(' ', "\u{1}"));
            }
        }
        flags
    }

    fn read_all(&mut self) -> Result<(), Failure> {
        for text in self.settings.evals.clone() {
            self.read_text(&text, "command line", 1, true)?;
        }
        let given = self.settings.files.clone();
        for name in &given {
            if self.read_file(name)? {
                self.makefiles.push(name.clone());
                continue;
            }
            eprintln!("{}: {name}: No such file or directory", self.name);
            return Err(self.stop(&format!("No rule to make target '{name}'")));
        }
        if given.is_empty()
            && let Some(name) = MAKEFILES
                .into_iter()
                .find(|name| fs::metadata(name).is_ok())
        {
            self.read_file(name)?;
            self.makefiles.push(name.to_owned());
        }
        Ok(())
    }

    /// Makes the makefiles that have rules. Whether one of them changed, so that all must be read again.
    fn remake_makefiles(&mut self) -> Result<bool, Failure> {
        self.mentioned = self.targets.keys().cloned().collect();
        let (printing, asking, touching) = (
            self.settings.only_prints,
            self.settings.asks,
            self.settings.touches,
        );
        (
            self.settings.only_prints,
            self.settings.asks,
            self.settings.touches,
        ) = (false, false, false);
        let mut changed = false;
        for name in self.makefiles.clone() {
            let has_rule = self.targets.get(&name).is_some_and(|target| {
                target
                    .rules
                    .iter()
                    .any(|rule| rule.recipe.is_some() || !rule.prereqs.is_empty())
            }) || self.missing.iter().any(|(each, _)| *each == name)
                && self.search_implicit(&name, 0).is_some();
            if !has_rule || self.phony.contains(&name) {
                continue;
            }
            if !self.update(&name, None)? {
                return Err(Failure::silent(2));
            }
            changed |= self.states.get(&name).is_some_and(|state| state.changed)
                && fs::metadata(&name).is_ok();
        }
        (
            self.settings.only_prints,
            self.settings.asks,
            self.settings.touches,
        ) = (printing, asking, touching);
        if !changed
            && let Some((name, (file, line))) = self
                .missing
                .iter()
                .find(|(name, _)| fs::metadata(name).is_err())
                .cloned()
        {
            eprintln!("{file}:{line}: {name}: No such file or directory");
            return Err(self.stop(&format!("No rule to make target '{name}'")));
        }
        Ok(changed)
    }

    fn default_goals(&mut self) -> Result<Vec<String>, Failure> {
        let set = self.value_of(".DEFAULT_GOAL")?;
        let goal = if set.trim().is_empty() {
            self.default_goal.clone()
        } else {
            Some(set.trim().to_owned())
        };
        match goal {
            Some(goal) => Ok(vec![goal]),
            None if self.makefiles.is_empty() => {
                Err(self.stop("No targets specified and no makefile found"))
            }
            None => Err(self.stop("No targets")),
        }
    }

    /// A failure that ends the run, without a place.
    fn stop(&self, message: &str) -> Failure {
        eprintln!("{}: *** {message}.  Stop.", self.name);
        Failure::silent(2)
    }

    /// A failure at the line that is read, or that of the recipe.
    fn fatal(&self, message: &str) -> Failure {
        if self.place.0.is_empty() {
            return self.stop(message);
        }
        eprintln!("{}:{}: *** {message}.  Stop.", self.place.0, self.place.1);
        Failure::silent(2)
    }

    fn warn_here(&self, message: &str) {
        eprintln!("{}:{}: {message}", self.place.0, self.place.1);
    }
}
