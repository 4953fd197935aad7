//! The patterns of a command line as one matcher.

use super::options::{Kind, Options};
use crate::pattern::{Builder, Dialect, Pattern, Syntax, Translation, bytes_locale, translate};
use grep_matcher::{Match, Matcher, NoCaptures, NoError};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};

pub struct Patterns {
    /// Finds matches within a line.
    pub pattern: Pattern,
    /// Finds lines in a whole buffer, for expressions that an automaton can match.
    pub fast: Option<RegexMatcher>,
}

/// [`Pattern`] as the searcher wants it.
pub struct LineMatcher<'a>(pub &'a Pattern);

impl Matcher for LineMatcher<'_> {
    type Captures = NoCaptures;
    type Error = NoError;

    fn find_at(&self, text: &[u8], at: usize) -> Result<Option<Match>, NoError> {
        Ok(self
            .0
            .find_at(text, at)
            .map(|(start, end)| Match::new(start, end)))
    }

    fn new_captures(&self) -> Result<NoCaptures, NoError> {
        Ok(NoCaptures::new())
    }

    fn shortest_match_at(&self, text: &[u8], at: usize) -> Result<Option<usize>, NoError> {
        if at == 0 {
            return Ok(self.0.is_match(text).then_some(0));
        }
        Ok(self.0.find_at(text, at).map(|(_, end)| end))
    }
}

impl Patterns {
    pub fn new(options: &Options) -> Result<Self, String> {
        let unicode = !bytes_locale();
        let builder = Builder {
            unicode,
            ignore_case: options.ignore_case,
        };
        let perl = options.kind == Kind::Perl;
        let translation = if perl {
            perl_text(options)?
        } else {
            join(options, unicode)?
        };
        let pattern = if perl {
            builder.perl(&wrap(options, &translation.text, true))?
        } else {
            let text = wrap(options, &translation.text, translation.back_references);
            builder.translated(&Translation {
                text,
                ..translation
            })?
        };
        let fast = (!translation.back_references && !perl && !options.null_data)
            .then(|| {
                RegexMatcherBuilder::new()
                    .case_insensitive(options.ignore_case)
                    .unicode(unicode)
                    .multi_line(true)
                    .line_terminator(Some(b'\n'))
                    .size_limit(64 << 20)
                    .build(&wrap(options, &translation.text, false))
                    .ok()
            })
            .flatten();
        Ok(Self { pattern, fast })
    }
}

/// The alternation of all patterns.
fn join(options: &Options, unicode: bool) -> Result<Translation, String> {
    let syntax = if options.kind == Kind::Basic {
        Syntax::Basic
    } else {
        Syntax::Extended
    };
    let dialect = Dialect::grep(unicode);
    let mut joined = Translation {
        text: String::new(),
        groups: 0,
        back_references: false,
        ambiguous: options.patterns.len() > 1,
    };
    for (index, pattern) in options.patterns.iter().enumerate() {
        let quoted;
        let pattern = if options.kind == Kind::Fixed {
            quoted = quote(pattern);
            &quoted
        } else {
            pattern
        };
        let one = translate(pattern, syntax, dialect, joined.groups)
            .map_err(|error| error.0.to_owned())?;
        if index > 0 {
            joined.text.push('|');
        }
        joined.text.push_str(&format!("(?:{})", one.text));
        joined.groups += one.groups;
        joined.back_references |= one.back_references;
        joined.ambiguous |= one.ambiguous;
    }
    if options.patterns.is_empty() {
        // An empty pattern file: nothing matches.
        joined.text.push_str(r"[^\s\S]");
    }
    Ok(joined)
}

fn quote(pattern: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(pattern.len() + 8);
    for &byte in pattern {
        if br".[]\*^$+?(){}|".contains(&byte) {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted
}

fn perl_text(options: &Options) -> Result<Translation, String> {
    if options.patterns.len() > 1 {
        return Err("the -P option only supports a single pattern".to_owned());
    }
    let text = options
        .patterns
        .first()
        .map(|text| String::from_utf8_lossy(text).into_owned());
    Ok(Translation {
        text: text.unwrap_or_default(),
        groups: 0,
        back_references: false,
        ambiguous: false,
    })
}

/// Adds what `-w` and `-x` ask for; `lookaround` in the syntax of the backtracking matcher.
fn wrap(options: &Options, text: &str, lookaround: bool) -> String {
    if options.line {
        format!("^(?:{text})$")
    } else if options.word && lookaround {
        format!(r"(?<!\w)(?:{text})(?!\w)")
    } else if options.word {
        format!(r"\b{{start-half}}(?:{text})\b{{end-half}}")
    } else {
        text.to_owned()
    }
}
