//! ripgrep's searcher, for grep and rg. It is large and generic, so it is compiled once: whatever is read, looked for
//! and written to comes as an object.

use crate::grep::LineMatcher;
use grep_matcher::{ByteSet, LineMatchKind, LineTerminator, Match, Matcher, NoCaptures, NoError};
use grep_regex::RegexMatcher;
use grep_searcher::{Searcher, Sink};
use std::io::{self, Read};

/// What is looked for.
pub enum Finder<'a> {
    Regex(&'a RegexMatcher),
    Line(LineMatcher<'a>),
}

impl Matcher for Finder<'_> {
    type Captures = NoCaptures;
    type Error = NoError;

    fn find_at(&self, text: &[u8], at: usize) -> Result<Option<Match>, NoError> {
        match self {
            Finder::Regex(matcher) => matcher.find_at(text, at),
            Finder::Line(matcher) => matcher.find_at(text, at),
        }
    }

    fn new_captures(&self) -> Result<NoCaptures, NoError> {
        Ok(NoCaptures::new())
    }

    fn is_match_at(&self, text: &[u8], at: usize) -> Result<bool, NoError> {
        match self {
            Finder::Regex(matcher) => matcher.is_match_at(text, at),
            Finder::Line(matcher) => matcher.is_match_at(text, at),
        }
    }

    fn shortest_match_at(&self, text: &[u8], at: usize) -> Result<Option<usize>, NoError> {
        match self {
            Finder::Regex(matcher) => matcher.shortest_match_at(text, at),
            Finder::Line(matcher) => matcher.shortest_match_at(text, at),
        }
    }

    fn non_matching_bytes(&self) -> Option<&ByteSet> {
        match self {
            Finder::Regex(matcher) => matcher.non_matching_bytes(),
            Finder::Line(matcher) => matcher.non_matching_bytes(),
        }
    }

    fn line_terminator(&self) -> Option<LineTerminator> {
        match self {
            Finder::Regex(matcher) => matcher.line_terminator(),
            Finder::Line(matcher) => matcher.line_terminator(),
        }
    }

    fn find_candidate_line(&self, text: &[u8]) -> Result<Option<LineMatchKind>, NoError> {
        match self {
            Finder::Regex(matcher) => matcher.find_candidate_line(text),
            Finder::Line(matcher) => matcher.find_candidate_line(text),
        }
    }
}

/// Searches `input` for what `finder` finds and tells `sink`.
///
/// # Errors
/// Those of reading, and of `sink`.
pub fn search<'s>(
    searcher: &mut Searcher,
    finder: &Finder,
    mut input: impl Read,
    sink: impl Sink<Error = io::Error> + 's,
) -> io::Result<()> {
    let input: &mut dyn Read = &mut input;
    let sink: Box<dyn Sink<Error = io::Error> + 's> = Box::new(sink);
    searcher.search_reader(finder, input, sink)
}
