//! Brings targets up to date: what must be made again, and in which order.

use std::collections::HashSet;
use std::fs;

use secure_exec_cli::Failure;
use secure_exec_sys::stat::Time;

use super::Make;
use super::rule::Rule;
use super::variable::{Origin, Scope, Variable};
use super::word;

/// How many targets may wait for each other's prerequisites: more would need more stack than there is.
const LONGEST_CHAIN: usize = 500;

/// When a file was changed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    Missing,
    At(Time),
    /// Newer than all: just made, or no file at all.
    New,
}

/// What is known of a target that had its turn.
#[derive(Clone, Copy, Debug)]
pub struct State {
    pub age: Age,
    pub failed: bool,
    /// Made again in this run.
    pub changed: bool,
}

pub fn age_of(name: &str) -> Age {
    secure_exec_sys::path::stat(name).map_or(Age::Missing, |found| Age::At(found.mtime))
}

impl Make {
    /// Makes the goals and says of each what came of it. Gives the exit status.
    pub fn make_goals(&mut self, goals: &[String]) -> Result<i32, Failure> {
        self.mentioned = self.targets.keys().cloned().collect();
        let prereqs = |rule: &Rule| -> Vec<String> {
            rule.prereqs
                .iter()
                .chain(&rule.order_only)
                .cloned()
                .collect()
        };
        let named: HashSet<String> = self
            .targets
            .values()
            .flat_map(|each| &each.rules)
            .flat_map(prereqs)
            .collect();
        self.mentioned.extend(named);
        self.vpath_variable = self.value_of("VPATH")?;
        let mut failed = false;
        for goal in goals {
            let before = self.started;
            let done = self.update(goal, None)?;
            if !done {
                failed = true;
                if !self.settings.keeps_going {
                    break;
                }
                continue;
            }
            if self.started == before && !self.settings.silent && !self.settings.asks {
                let has_recipe = self.recipe_of(goal);
                if self.phony.contains(goal) || !has_recipe {
                    println!("{}: Nothing to be done for '{goal}'.", self.name);
                } else {
                    println!("{}: '{goal}' is up to date.", self.name);
                }
            }
        }
        self.remove_intermediates();
        Ok(match (failed, self.settings.asks && self.would_run) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 0,
        })
    }

    fn recipe_of(&self, name: &str) -> bool {
        let explicit = self.targets.get(name);
        explicit.is_some_and(|each| each.rules.iter().any(|rule| rule.recipe.is_some()))
            || self
                .search_implicit(name, 0)
                .is_some_and(|rule| rule.recipe.is_some())
    }

    /// The rules that make a target; none if it is only a file.
    fn rules_for(&self, name: &str) -> Vec<Rule> {
        let explicit = self.targets.get(name);
        if let Some(target) = explicit
            && (target.double_colon || target.rules.iter().any(|rule| rule.recipe.is_some()))
        {
            return target.rules.clone();
        }
        let own = explicit.and_then(|target| target.rules.first()).cloned();
        if self.phony.contains(name) {
            return vec![own.unwrap_or_default()];
        }
        match (self.search_implicit(name, 0), own) {
            (Some(mut found), own) => {
                if let Some(own) = own {
                    found.prereqs.extend(own.prereqs);
                    found.order_only.extend(own.order_only);
                    found.deferred = found.deferred.or(own.deferred);
                }
                vec![found]
            }
            (None, Some(own)) => vec![own],
            (None, None) => Vec::new(),
        }
    }

    /// Brings a target up to date. `false`: that failed.
    pub fn update(&mut self, name: &str, needed_by: Option<&str>) -> Result<bool, Failure> {
        if let Some(state) = self.states.get(name) {
            return Ok(!state.failed);
        }
        let rules = self.rules_for(name);
        if rules.is_empty() && !self.phony.contains(name) {
            return self.without_rule(name, needed_by);
        }
        if self.working.len() >= LONGEST_CHAIN {
            return Err(self.stop(&format!("Prerequisites lead too deep at '{name}'")));
        }
        self.working.push(name.to_owned());
        self.scopes.push(Scope::new());
        self.set_target_variables(name)?;
        let mut ok = true;
        let mut changed = false;
        for rule in &rules {
            match self.follow(name, rule) {
                Ok(Some(made)) => changed |= made,
                Ok(None) => ok = false,
                Err(failure) => {
                    self.scopes.pop();
                    return Err(failure);
                }
            }
            if !ok && !self.settings.keeps_going {
                break;
            }
        }
        self.scopes.pop();
        self.working.pop();
        let phony = self.phony.contains(name);
        let located = self.locate(name).unwrap_or_else(|| name.to_owned());
        let mut age = if phony { Age::New } else { age_of(&located) };
        let has_recipe = rules.iter().any(|rule| rule.recipe.is_some());
        if age == Age::Missing
            || (changed && (!has_recipe || self.settings.only_prints || self.settings.asks))
        {
            age = Age::New;
        }
        self.states.insert(
            name.to_owned(),
            State {
                age,
                failed: !ok,
                changed,
            },
        );
        if changed && ok {
            let together = rules.iter().flat_map(|rule| rule.also.clone());
            for other in together.filter(|other| other != name) {
                let age = match age_of(&other) {
                    Age::Missing => Age::New,
                    age => age,
                };
                self.states.insert(
                    other,
                    State {
                        age,
                        failed: false,
                        changed: true,
                    },
                );
            }
        }
        Ok(ok)
    }

    /// What has no rule must be there, or `.DEFAULT` makes it.
    fn without_rule(&mut self, name: &str, needed_by: Option<&str>) -> Result<bool, Failure> {
        let found = self.locate(name);
        let state = |age, failed| State {
            age,
            failed,
            changed: false,
        };
        if let Some(path) = &found {
            let age = if self.settings.always_new.contains(name) {
                Age::New
            } else {
                age_of(path)
            };
            self.states.insert(name.to_owned(), state(age, false));
            return Ok(true);
        }
        if let Some(recipe) = self.default_recipe.clone() {
            let rule = Rule {
                recipe: Some(recipe),
                ..Rule::default()
            };
            let ok = self.follow(name, &rule)?.is_some();
            self.states.insert(name.to_owned(), state(Age::New, !ok));
            return Ok(ok);
        }
        let needed = needed_by
            .map(|by| format!(", needed by '{by}'"))
            .unwrap_or_default();
        let message = format!("No rule to make target '{name}'{needed}");
        self.states
            .insert(name.to_owned(), state(Age::Missing, true));
        if !self.settings.keeps_going {
            self.remove_intermediates();
            return Err(self.stop(&message));
        }
        eprintln!("{}: *** {message}.", self.name);
        Ok(false)
    }

    /// The variables that are set for a target and for patterns that it matches.
    fn set_target_variables(&mut self, name: &str) -> Result<(), Failure> {
        let all = self.target_variables.clone();
        let (by_pattern, by_name): (Vec<_>, Vec<_>) = all
            .iter()
            .filter(|(target, _)| {
                target == name || (target.contains('%') && word::stem(target, name).is_some())
            })
            .partition(|(target, _)| target.contains('%'));
        for (_, assignment) in by_pattern.into_iter().chain(by_name) {
            self.assign_here(assignment, Origin::File)?;
        }
        Ok(())
    }

    /// Follows one rule: prerequisites first, then the recipe if need be. `None`: failed; else whether it was made.
    fn follow(&mut self, name: &str, rule: &Rule) -> Result<Option<bool>, Failure> {
        let mut rule = rule.clone();
        self.expand_deferred(name, &mut rule)?;
        let phony = self.phony.contains(name);
        let age = if phony {
            Age::Missing
        } else {
            self.locate(name).map_or(Age::Missing, |path| age_of(&path))
        };
        let mut ok = true;
        let mut newer = Vec::new();
        let mut dropped = HashSet::new();
        let normal = rule.prereqs.len();
        let all: Vec<String> = rule
            .prereqs
            .iter()
            .chain(&rule.order_only)
            .cloned()
            .collect();
        for (at, prereq) in all.iter().enumerate() {
            if self.working.iter().any(|each| each == prereq) {
                eprintln!(
                    "{}: Circular {name} <- {prereq} dependency dropped.",
                    self.name
                );
                dropped.insert(prereq.clone());
                continue;
            }
            if at < normal && self.absent_intermediate_is_old(prereq, age, 0) {
                continue;
            }
            if !self.update(prereq, Some(name))? {
                ok = false;
                if !self.settings.keeps_going {
                    return Ok(None);
                }
                continue;
            }
            let state = self.states.get(prereq);
            if at < normal && state.is_some_and(|state| state.age > age || age == Age::Missing) {
                newer.push(prereq.clone());
            }
        }
        rule.prereqs.retain(|each| !dropped.contains(each));
        if !ok {
            eprintln!(
                "{}: Target '{name}' not remade because of errors.",
                self.name
            );
            return Ok(None);
        }
        let always = self.settings.always_makes && rule.recipe.is_some();
        let double_without =
            rule.prereqs.is_empty() && self.targets.get(name).is_some_and(|each| each.double_colon);
        if !(age == Age::Missing || always || double_without || !newer.is_empty()) {
            return Ok(Some(false));
        }
        let Some(recipe) = rule.recipe.clone() else {
            if age == Age::Missing && !phony && !self.targets.contains_key(name) {
                return Ok(None);
            }
            return Ok(Some(true));
        };
        let automatic = self.automatic(name, &rule, &newer);
        self.scopes.push(automatic);
        let ran = self.run_recipe(name, &recipe);
        self.scopes.pop();
        if age == Age::Missing && !self.mentioned.contains(name) && self.is_intermediate(name) {
            self.made.push(name.to_owned());
        }
        Ok(ran?.then_some(true))
    }

    fn is_intermediate(&self, name: &str) -> bool {
        let kept = self.keeps_all
            || self.kept.iter().any(|each| {
                each == name || (each.contains('%') && word::stem(each, name).is_some())
            });
        !kept
            && (self.intermediate.contains(name)
                || (!self.mentioned.contains(name) && !self.goals.iter().any(|goal| goal == name)))
    }

    /// Whether a file that only stands between others is not there and need not be: what it is made from is
    /// older than the target.
    fn absent_intermediate_is_old(&self, name: &str, target: Age, depth: usize) -> bool {
        if target == Age::Missing
            || depth > 8
            || !self.is_intermediate(name)
            || self.locate(name).is_some()
            || self.settings.always_makes
        {
            return false;
        }
        let Some(rule) = self
            .search_implicit(name, 0)
            .or_else(|| self.targets.get(name)?.rules.first().cloned())
        else {
            return false;
        };
        !rule.prereqs.is_empty()
            && rule.prereqs.iter().all(|each| match self.locate(each) {
                Some(path) => {
                    age_of(&path) <= target
                        && !self.phony.contains(each)
                        && !self.targets.contains_key(each)
                }
                None => self.absent_intermediate_is_old(each, target, depth + 1),
            })
    }

    fn remove_intermediates(&mut self) {
        let made = std::mem::take(&mut self.made);
        let there: Vec<String> = made
            .into_iter()
            .filter(|name| fs::metadata(name).is_ok())
            .collect();
        if there.is_empty() || self.settings.only_prints && !self.settings.silent {
            return;
        }
        if !self.settings.silent {
            println!("rm {}", there.join(" "));
        }
        for name in there {
            if let Err(error) = fs::remove_file(&name) {
                eprintln!(
                    "{}: unlink: {name}: {}",
                    self.name,
                    secure_exec_sys::errno::message(&error)
                );
            }
        }
    }

    fn expand_deferred(&mut self, name: &str, rule: &mut Rule) -> Result<(), Failure> {
        let Some(text) = rule.deferred.take() else {
            return Ok(());
        };
        let automatic = self.automatic(name, rule, &[]);
        self.scopes.push(automatic);
        let expanded = self.expand(&text);
        self.scopes.pop();
        let expanded = expanded?;
        let (normal, order_only) = expanded.split_once('|').unwrap_or((&expanded, ""));
        rule.prereqs
            .extend(normal.split_whitespace().map(str::to_owned));
        rule.order_only
            .extend(order_only.split_whitespace().map(str::to_owned));
        Ok(())
    }

    /// `$@`, `$<` and the others, with those for directories and names.
    fn automatic(&self, name: &str, rule: &Rule, newer: &[String]) -> Scope {
        let path = |each: &String| {
            if self.targets.contains_key(each) {
                each.clone()
            } else {
                self.locate(each).unwrap_or_else(|| each.clone())
            }
        };
        let mut unique = Vec::new();
        for each in rule.prereqs.iter().map(path) {
            if !unique.contains(&each) {
                unique.push(each);
            }
        }
        let order_only: Vec<String> = rule
            .order_only
            .iter()
            .filter(|each| !rule.prereqs.contains(each))
            .map(path)
            .collect();
        let mut newer_unique: Vec<String> = Vec::new();
        for each in newer.iter().map(path) {
            if !newer_unique.contains(&each) {
                newer_unique.push(each);
            }
        }
        let stem = rule.stem.clone().unwrap_or_else(|| {
            let known = self
                .suffixes
                .iter()
                .find(|suffix| name.ends_with(suffix.as_str()));
            known.map_or_else(String::new, |suffix| {
                name[..name.len() - suffix.len()].to_owned()
            })
        });
        let mut scope = Scope::new();
        let values = [
            ("@", name.to_owned()),
            ("<", rule.prereqs.first().map(path).unwrap_or_default()),
            ("^", unique.join(" ")),
            ("+", word::join(rule.prereqs.iter().map(path))),
            ("?", newer_unique.join(" ")),
            ("*", stem),
            ("|", order_only.join(" ")),
            ("%", String::new()),
        ];
        for (key, value) in values {
            let folders = word::join(value.split_whitespace().map(|each| match word::dir(each) {
                "/" => "/",
                folder => folder.trim_end_matches('/'),
            }));
            let names = word::join(value.split_whitespace().map(word::notdir));
            for (key, value) in [
                (key.to_owned(), value),
                (format!("{key}D"), folders),
                (format!("{key}F"), names),
            ] {
                scope.insert(
                    key,
                    Variable {
                        value,
                        recursive: false,
                        origin: Origin::Automatic,
                    },
                );
            }
        }
        scope
    }
}
