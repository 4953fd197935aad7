//! [`Pattern`]: a compiled expression.

use super::translate::{Dialect, Syntax, Translation, translate};
use fancy_regex::BytesMode;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::meta;
use regex_automata::nfa::thompson::{self, pikevm::PikeVM};
use regex_automata::util::{captures::Captures, syntax};
use regex_automata::{Anchored, Input, MatchKind};
use std::cell::{OnceCell, RefCell};

/// Start and end of a match, in bytes.
pub type Span = (usize, usize);

/// The largest automaton that an expression may need.
const SIZE_LIMIT: usize = 64 << 20;

/// How to compile.
#[derive(Clone, Copy)]
pub struct Builder {
    pub unicode: bool,
    pub ignore_case: bool,
}

pub struct Pattern {
    kind: Kind,
    groups: usize,
}

enum Kind {
    Automaton(Box<Automaton>),
    Backtracking(Box<fancy_regex::Regex>),
}

struct Automaton {
    regex: meta::Regex,
    captures: RefCell<Captures>,
    longest: Option<Longest>,
    /// The expression in the syntax of the `regex` crates and how it is read, for what is built late.
    text: String,
    builder: Builder,
    /// The expression tied to the end of the text: finds the groups of a match of known length.
    whole: OnceCell<Option<meta::Regex>>,
}

/// Finds the end of the longest match from a known start.
struct Longest {
    dfa: DFA,
    cache: RefCell<regex_automata::hybrid::dfa::Cache>,
    /// For texts that the automaton gives up on: word boundaries beside letters that are not ASCII.
    fallback: OnceCell<PikeVM>,
}

impl Builder {
    fn syntax(self) -> syntax::Config {
        syntax::Config::new()
            .unicode(self.unicode)
            .utf8(false)
            .case_insensitive(self.ignore_case)
    }

    /// Compiles a POSIX expression.
    pub fn posix(
        self,
        pattern: &[u8],
        syntax: Syntax,
        dialect: Dialect,
    ) -> Result<Pattern, String> {
        let translation =
            translate(pattern, syntax, dialect, 0).map_err(|error| error.0.to_owned())?;
        self.translated(&translation)
    }

    /// Compiles what [`translate`] made.
    pub fn translated(self, translation: &Translation) -> Result<Pattern, String> {
        let kind = if translation.back_references {
            Kind::Backtracking(Box::new(self.backtracking(&translation.text, true)?))
        } else {
            Kind::Automaton(Box::new(
                self.automaton(&translation.text, translation.ambiguous)?,
            ))
        };
        Ok(Pattern {
            kind,
            groups: translation.groups,
        })
    }

    /// Compiles an expression in Perl's syntax; the first match counts, not the longest.
    pub fn perl(self, text: &str) -> Result<Pattern, String> {
        let regex = self.backtracking(text, false)?;
        let groups = regex.captures_len() - 1;
        Ok(Pattern {
            kind: Kind::Backtracking(Box::new(regex)),
            groups,
        })
    }

    fn backtracking(self, text: &str, longest: bool) -> Result<fancy_regex::Regex, String> {
        fancy_regex::RegexBuilder::new(text)
            .bytes_mode(if self.unicode {
                BytesMode::UnicodeBytes
            } else {
                BytesMode::Ascii
            })
            .case_insensitive(self.ignore_case)
            .leftmost_longest(longest)
            .backtrack_limit(50_000_000)
            .build()
            .map_err(|error| error.to_string())
    }

    fn meta(self, text: &str) -> Result<meta::Regex, String> {
        meta::Regex::builder()
            .syntax(self.syntax())
            .configure(
                meta::Config::new()
                    .utf8_empty(false)
                    .nfa_size_limit(Some(SIZE_LIMIT))
                    .hybrid_cache_capacity(8 << 20),
            )
            .build(text)
            .map_err(|error| match error.syntax_error() {
                Some(error) => error.to_string(),
                None => "Regular expression too big".to_owned(),
            })
    }

    fn automaton(self, text: &str, ambiguous: bool) -> Result<Automaton, String> {
        let regex = self.meta(text)?;
        let longest = if ambiguous { self.longest(text) } else { None };
        Ok(Automaton {
            captures: RefCell::new(regex.create_captures()),
            regex,
            longest,
            text: text.to_owned(),
            builder: self,
            whole: OnceCell::new(),
        })
    }

    fn longest(self, text: &str) -> Option<Longest> {
        let dfa = DFA::builder()
            .syntax(self.syntax())
            .thompson(thompson::Config::new().utf8(false))
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    .unicode_word_boundary(true)
                    .skip_cache_capacity_check(true)
                    .cache_capacity(8 << 20),
            )
            .build(text)
            .ok()?;
        let cache = RefCell::new(dfa.create_cache());
        Some(Longest {
            dfa,
            cache,
            fallback: OnceCell::new(),
        })
    }

    fn pike(self, text: &str) -> Option<PikeVM> {
        PikeVM::builder()
            .syntax(self.syntax())
            .thompson(thompson::Config::new().utf8(false))
            .configure(PikeVM::config().match_kind(MatchKind::All))
            .build(text)
            .ok()
    }
}

impl Automaton {
    /// The end of the longest match that starts at `start`; `end` is that of the first.
    fn longest_end(&self, text: &[u8], (start, end): Span) -> usize {
        let Some(longest) = &self.longest else {
            return end;
        };
        let input = Input::new(text)
            .span(start..text.len())
            .anchored(Anchored::Yes);
        let mut cache = longest.cache.borrow_mut();
        if let Ok(found) = longest.dfa.try_search_fwd(&mut cache, &input) {
            return found.map_or(end, |half| half.offset());
        }
        if longest.fallback.get().is_none()
            && let Some(pike) = self.builder.pike(&self.text)
        {
            let _ = longest.fallback.set(pike);
        }
        let Some(pike) = longest.fallback.get() else {
            return end;
        };
        let mut slots = [None, None];
        pike.search_slots(&mut pike.create_cache(), &input, &mut slots);
        slots[1].map_or(end, |slot| slot.get().max(end))
    }

    fn find(&self, text: &[u8], at: usize) -> Option<Span> {
        let found = self.regex.search(&Input::new(text).span(at..text.len()))?;
        Some((
            found.start(),
            self.longest_end(text, (found.start(), found.end())),
        ))
    }

    fn captures(&self, text: &[u8], at: usize, spans: &mut Vec<Option<Span>>) -> bool {
        let mut captures = self.captures.borrow_mut();
        self.regex
            .search_captures(&Input::new(text).span(at..text.len()), &mut captures);
        let Some(found) = captures.get_match() else {
            return false;
        };
        let end = self.longest_end(text, (found.start(), found.end()));
        if end != found.end() {
            let whole = self
                .whole
                .get_or_init(|| self.builder.meta(&format!(r"(?:{})\z", self.text)).ok());
            if let Some(whole) = whole {
                let input = Input::new(&text[..end])
                    .span(found.start()..end)
                    .anchored(Anchored::Yes);
                whole.search_captures(&input, &mut captures);
            }
        }
        spans.clear();
        spans.extend(
            captures
                .iter()
                .map(|span| span.map(|span| (span.start, span.end))),
        );
        if spans.first().is_none_or(Option::is_none) {
            // The context behind the match decides the groups; then only the match is known.
            spans.clear();
            spans.resize(captures.group_len(), None);
        }
        if let Some(first) = spans.first_mut() {
            *first = Some((found.start(), end));
        }
        true
    }
}

impl Pattern {
    /// Number of capturing groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    pub fn is_match(&self, text: &[u8]) -> bool {
        match &self.kind {
            Kind::Automaton(automaton) => automaton.regex.is_match(text),
            Kind::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// The leftmost longest match that starts at `at` or later. What precedes `at` is context.
    pub fn find_at(&self, text: &[u8], at: usize) -> Option<Span> {
        match &self.kind {
            Kind::Automaton(automaton) => automaton.find(text, at),
            Kind::Backtracking(regex) => {
                let found = regex.find_from_pos(text, at).ok()??;
                Some((found.start(), found.end()))
            }
        }
    }

    /// As [`Pattern::find_at`], with the groups; the first of `spans` is the whole match.
    pub fn captures_at(&self, text: &[u8], at: usize, spans: &mut Vec<Option<Span>>) -> bool {
        match &self.kind {
            Kind::Automaton(automaton) if self.groups == 0 => {
                spans.clear();
                spans.push(automaton.find(text, at));
                spans[0].is_some()
            }
            Kind::Automaton(automaton) => automaton.captures(text, at, spans),
            Kind::Backtracking(regex) => {
                let Ok(Some(captures)) = regex.captures_from_pos(text, at) else {
                    return false;
                };
                spans.clear();
                spans.extend(
                    (0..=self.groups)
                        .map(|group| captures.get(group).map(|span| (span.start(), span.end()))),
                );
                true
            }
        }
    }
}
