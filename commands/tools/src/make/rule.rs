//! Rules: those of targets by name, those of patterns, and the search for the latter.

use std::rc::Rc;

use secure_exec_cli::Failure;

use super::Make;
use super::word;

/// Lines for the shell, not expanded, with their numbers.
#[derive(Debug)]
pub struct Recipe {
    pub lines: Vec<(String, usize)>,
    pub file: String,
}

impl Recipe {
    /// Whether there is anything to run.
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(|(line, _)| line.trim().is_empty())
    }
}

#[derive(Clone, Debug, Default)]
pub struct Rule {
    pub prereqs: Vec<String>,
    pub order_only: Vec<String>,
    pub recipe: Option<Rc<Recipe>>,
    pub stem: Option<String>,
    /// The targets that one run of the recipe makes together.
    pub also: Vec<String>,
    /// Prerequisites that are expanded when the target's turn comes.
    pub deferred: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Pattern {
    pub targets: Vec<String>,
    pub rule: Rule,
    /// Its prerequisites must be there or be named in a makefile.
    pub terminal: bool,
    pub built_in: bool,
}

/// All that makefiles say of one target.
#[derive(Clone, Debug, Default)]
pub struct Target {
    pub rules: Vec<Rule>,
    pub double_colon: bool,
}

/// How long a chain of implicit rules may be.
const LONGEST_CHAIN: usize = 8;

/// The suffixes that have meaning until `.SUFFIXES` says otherwise.
const SUFFIXES: &str = ".out .a .ln .o .c .cc .C .cpp .p .f .F .m .r .y .l .ym .yl .s .S .mod .sym .def .h .info .dvi .tex .texinfo .texi .txinfo .w .ch .web .sh .elc .el";

/// Rules that are there without a makefile: target, prerequisite, recipe.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("%.o", "%.c", "$(COMPILE.c) $(OUTPUT_OPTION) $<"),
    ("%.o", "%.cc", "$(COMPILE.cc) $(OUTPUT_OPTION) $<"),
    ("%.o", "%.C", "$(COMPILE.C) $(OUTPUT_OPTION) $<"),
    ("%.o", "%.cpp", "$(COMPILE.cpp) $(OUTPUT_OPTION) $<"),
    ("%.o", "%.s", "$(COMPILE.s) -o $@ $<"),
    ("%.o", "%.S", "$(COMPILE.S) -o $@ $<"),
    ("%.c", "%.y", "$(YACC.y) $<\nmv -f y.tab.c $@"),
    ("%.c", "%.l", "@$(RM) $@\n$(LEX.l) $< > $@"),
    ("%", "%.o", "$(LINK.o) $^ $(LOADLIBES) $(LDLIBS) -o $@"),
    ("%", "%.c", "$(LINK.c) $^ $(LOADLIBES) $(LDLIBS) -o $@"),
    ("%", "%.cc", "$(LINK.cc) $^ $(LOADLIBES) $(LDLIBS) -o $@"),
    ("%", "%.C", "$(LINK.C) $^ $(LOADLIBES) $(LDLIBS) -o $@"),
    ("%", "%.cpp", "$(LINK.cpp) $^ $(LOADLIBES) $(LDLIBS) -o $@"),
    ("%", "%.sh", "cat $< >$@ \nchmod a+x $@"),
];

impl Make {
    pub fn define_rules(&mut self) {
        self.suffixes = SUFFIXES.split(' ').map(str::to_owned).collect();
        if self.settings.no_builtin_rules {
            self.suffixes.clear();
            return;
        }
        for (target, prereq, recipe) in BUILT_IN {
            self.patterns.push(Pattern {
                targets: vec![(*target).to_owned()],
                rule: Rule {
                    prereqs: vec![(*prereq).to_owned()],
                    recipe: Some(Rc::new(Recipe {
                        lines: recipe.lines().map(|line| (line.to_owned(), 0)).collect(),
                        file: "<builtin>".to_owned(),
                    })),
                    ..Rule::default()
                },
                terminal: false,
                built_in: true,
            });
        }
    }

    /// Those of makefiles come before those that are there anyway.
    pub fn add_pattern(&mut self, pattern: Pattern) {
        let same = |each: &Pattern| {
            each.targets == pattern.targets && each.rule.prereqs == pattern.rule.prereqs
        };
        self.patterns.retain(|each| !same(each));
        if pattern.rule.recipe.is_none() {
            return;
        }
        let at = self
            .patterns
            .iter()
            .position(|each| each.built_in)
            .unwrap_or(self.patterns.len());
        self.patterns.insert(at, pattern);
    }

    pub fn add_explicit(
        &mut self,
        name: &str,
        rule: Rule,
        double_colon: bool,
    ) -> Result<(), Failure> {
        if self.default_goal.is_none()
            && (!name.starts_with('.') || name.contains('/'))
            && !name.contains('%')
            && self.suffix_rule(name).is_none()
        {
            self.default_goal = Some(name.to_owned());
        }
        if let Some((target, prereq)) = self.suffix_rule(name)
            && rule.recipe.is_some()
        {
            let mut rule = rule.clone();
            rule.prereqs = vec![prereq];
            self.add_pattern(Pattern {
                targets: vec![target],
                rule,
                terminal: false,
                built_in: false,
            });
        }
        let place = self.place.clone();
        let target = self.targets.entry(name.to_owned()).or_default();
        if !target.rules.is_empty() && target.double_colon != double_colon {
            let message = format!("target file '{name}' has both : and :: entries");
            return Err(self.fatal(&message));
        }
        target.double_colon = double_colon;
        if double_colon || target.rules.is_empty() {
            target.rules.push(rule);
            return Ok(());
        }
        let merged = &mut target.rules[0];
        let mut warnings = Vec::new();
        if let Some(recipe) = rule.recipe {
            if let Some(old) = &merged.recipe {
                let line = |recipe: &Recipe| recipe.lines.first().map_or(0, |(_, number)| *number);
                warnings.push(format!(
                    "{}:{}: warning: overriding recipe for target '{name}'",
                    place.0,
                    line(&recipe)
                ));
                warnings.push(format!(
                    "{}:{}: warning: ignoring old recipe for target '{name}'",
                    old.file,
                    line(old)
                ));
            }
            merged.recipe = Some(recipe);
            merged.stem = rule.stem;
            merged.also = rule.also;
            let old = std::mem::replace(&mut merged.prereqs, rule.prereqs);
            merged.prereqs.extend(old);
        } else {
            merged.prereqs.extend(rule.prereqs);
        }
        merged.order_only.extend(rule.order_only);
        if rule.deferred.is_some() {
            merged.deferred = rule.deferred;
        }
        for warning in warnings {
            eprintln!("{warning}");
        }
        Ok(())
    }

    /// `.c.o` and `.c` as the pattern they mean: target and prerequisite.
    fn suffix_rule(&self, name: &str) -> Option<(String, String)> {
        if !name.starts_with('.') || name.contains('/') {
            return None;
        }
        let known = |suffix: &str| self.suffixes.iter().any(|each| each == suffix);
        if known(name) {
            return Some(("%".to_owned(), format!("%{name}")));
        }
        let at = name[1..].find('.')? + 1;
        (known(&name[..at]) && known(&name[at..]))
            .then(|| (format!("%{}", &name[at..]), format!("%{}", &name[..at])))
    }

    /// Targets with a meaning of their own. `true`: it is none to be made.
    pub fn special(&mut self, name: &str, rule: &Rule) -> bool {
        let prereqs = || rule.prereqs.iter().cloned();
        match name {
            ".PHONY" => self.phony.extend(prereqs()),
            ".SUFFIXES" if rule.prereqs.is_empty() => {
                self.suffixes.clear();
                self.patterns
                    .retain(|each| !each.built_in || self.settings.no_builtin_rules);
            }
            ".SUFFIXES" => self.suffixes.extend(prereqs()),
            ".PRECIOUS" | ".SECONDARY" => {
                self.keeps_all |= rule.prereqs.is_empty();
                self.kept.extend(prereqs());
            }
            ".INTERMEDIATE" => self.intermediate.extend(prereqs()),
            ".DELETE_ON_ERROR" => self.deletes_on_error = true,
            ".IGNORE" if rule.prereqs.is_empty() => self.settings.ignores_errors = true,
            ".SILENT" if rule.prereqs.is_empty() => self.settings.silent = true,
            ".IGNORE" => self.ignored.extend(prereqs()),
            ".SILENT" => self.silenced.extend(prereqs()),
            ".ONESHELL" => self.one_shell = true,
            ".EXPORT_ALL_VARIABLES" => self.exports_all = true,
            ".SECONDEXPANSION" => self.second_expansion = true,
            ".DEFAULT" => self.default_recipe.clone_from(&rule.recipe),
            ".POSIX" | ".NOTPARALLEL" | ".LOW_RESOLUTION_TIME" => {}
            _ => return false,
        }
        true
    }

    /// Whether a name is a target or a prerequisite of some rule, or a file.
    fn ought_to_exist(&self, name: &str) -> bool {
        self.mentioned.contains(name) || self.locate(name).is_some()
    }

    /// The implicit rule for a target, with the stem put in; the shortest stem first.
    pub fn search_implicit(&self, name: &str, depth: usize) -> Option<Rule> {
        let mut candidates = Vec::new();
        for (at, pattern) in self.patterns.iter().enumerate() {
            for target in &pattern.targets {
                // A pattern without a slash is for the name, and the directory goes in front of what it gives.
                let folder = if target.contains('/') {
                    ""
                } else {
                    &name[..name.len() - word::notdir(name).len()]
                };
                let Some(stem) = word::stem(target, &name[folder.len()..]) else {
                    continue;
                };
                if stem.is_empty() || (target == "%" && depth > 0 && !pattern.terminal) {
                    continue;
                }
                candidates.push((stem.len(), at, stem, folder, target));
            }
        }
        if candidates.iter().any(|(.., target)| *target != "%") {
            let built_in_any =
                |at: usize| self.patterns[at].built_in && self.patterns[at].targets[0] == "%";
            candidates.retain(|(_, at, ..)| !built_in_any(*at));
        }
        candidates.sort_by_key(|(length, at, ..)| (*length, *at));
        for chained in [false, true] {
            for (_, at, stem, folder, target) in &candidates {
                let pattern = &self.patterns[*at];
                if chained
                    && (pattern.terminal
                        || depth >= LONGEST_CHAIN
                        || self.in_search.borrow().contains(at))
                {
                    continue;
                }
                let fill = |text: &String| {
                    if text.contains('%') {
                        format!("{folder}{}", text.replacen('%', stem, 1))
                    } else {
                        text.clone()
                    }
                };
                let prereqs: Vec<String> = pattern.rule.prereqs.iter().map(fill).collect();
                let order_only: Vec<String> = pattern.rule.order_only.iter().map(fill).collect();
                self.in_search.borrow_mut().push(*at);
                let possible = prereqs.iter().chain(&order_only).all(|each| {
                    self.ought_to_exist(each)
                        || (chained && self.search_implicit(each, depth + 1).is_some())
                });
                self.in_search.borrow_mut().pop();
                if possible {
                    let others = pattern.targets.iter().filter(|_| pattern.targets.len() > 1);
                    return Some(Rule {
                        prereqs,
                        order_only,
                        recipe: pattern.rule.recipe.clone(),
                        stem: Some(if target.contains('/') || folder.is_empty() {
                            (*stem).to_owned()
                        } else {
                            format!("{folder}{stem}")
                        }),
                        also: others.map(fill).collect(),
                        deferred: pattern
                            .rule
                            .deferred
                            .as_ref()
                            .map(|text| text.replace('%', stem)),
                    });
                }
            }
        }
        None
    }

    /// Where a file is: by its name or in a directory of `VPATH` or `vpath`.
    pub fn locate(&self, name: &str) -> Option<String> {
        if std::fs::metadata(name).is_ok() {
            return Some(name.to_owned());
        }
        if name.starts_with('/') {
            return None;
        }
        let by_pattern = self
            .vpaths
            .iter()
            .filter(|(pattern, _)| word::stem(pattern, name).is_some());
        let general = self
            .vpath_variable
            .split([':', ' '])
            .filter(|folder| !folder.is_empty());
        by_pattern
            .flat_map(|(_, folders)| folders.iter().map(String::as_str))
            .chain(general)
            .map(|folder| format!("{}/{name}", folder.trim_end_matches('/')))
            .find(|path| std::fs::metadata(path).is_ok())
    }
}
