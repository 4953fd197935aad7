//! Extended regular expressions (XBD 9.4), with glibc's additions: back references, `\w`, `\s`, `\b`, `\<`, `\>`.
//!
//! A match is the leftmost one, and of those the longest. A pattern without back references takes time of the product
//! of the lengths of pattern and text, whatever it is.

mod compiler;
mod machine;

use super::bracket::{Bracket, Dialect, Parsed};
use compiler::Step;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is no regular expression.
    Invalid,
    /// It needs more time or memory than a match may take.
    TooLarge,
}

/// A regular expression made ready.
#[derive(Debug)]
pub struct Regex {
    steps: Vec<Step>,
    groups: usize,
    slots: usize,
    back: bool,
    fold: bool,
}

/// The text between two indices, of each group that took part; the whole match is group 0.
pub type Groups = Vec<Option<(usize, usize)>>;

/// Escapes what has a meaning in a regular expression.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if "\\^$.|?*+()[]{}".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Whether the text ends inside a bracket expression.
pub fn ends_in_bracket(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        at += 1;
        match c {
            '\\' => at += 1,
            '[' => match Bracket::parse(&chars, at, Dialect::Regex) {
                Parsed::Bracket(_, end) => at = end,
                Parsed::Open => return true,
                Parsed::Invalid => return false,
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Problem, Regex};

    fn groups(pattern: &str, text: &str) -> Option<Vec<String>> {
        let chars: Vec<char> = text.chars().collect();
        let regex = Regex::new(pattern, false).expect("a regular expression");
        let found = regex.find(&chars).expect("small enough")?;
        let part = |range: Option<(usize, usize)>| {
            range.map_or_else(|| "-".to_owned(), |(a, b)| chars[a..b].iter().collect())
        };
        Some(found.into_iter().map(part).collect())
    }

    #[test]
    fn the_leftmost_longest_match_is_found() {
        let one = |pattern, text| groups(pattern, text).map(|g| g[0].clone());
        assert_eq!(one("a|ab|abc", "xabcd").as_deref(), Some("abc"));
        assert_eq!(one("(a|ab)(c|bcd)(d*)", "abcd").as_deref(), Some("abcd"));
        assert_eq!(one("a.b", "a\nb").as_deref(), Some("a\nb"));
        assert_eq!(one("^a{,3}$", "aaa").as_deref(), Some("aaa"));
        assert_eq!(one("x*", "aaa").as_deref(), Some(""));
        assert_eq!(one("[[:alpha:]]+", "12École 3").as_deref(), Some("École"));
        assert_eq!(one("[^]a]", "]ab").as_deref(), Some("b"));
        let long = "a".repeat(3000);
        assert_eq!(groups("(a*)*b", &long), None);
        assert_eq!(one("a)", "a)").as_deref(), Some("a)"));
    }

    #[test]
    fn groups_and_back_references_are_told() {
        let some = |list: &[&str]| Some(list.iter().map(|s| (*s).to_owned()).collect());
        assert_eq!(groups("(a)|(b)", "b"), some(&["b", "-", "b"]));
        assert_eq!(groups("(.)(.)\\2\\1", "xabba"), some(&["abba", "a", "b"]));
        assert_eq!(groups("(a*)+", "b"), some(&["", ""]));
        assert_eq!(
            groups("(()|a)*\\1b", "aab").map(|g| g[0].clone()),
            Some("aab".into())
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for pattern in [
            "*a",
            "a|*b",
            "(",
            "a{x",
            "a{2",
            "a{2,1}",
            "[a",
            "[z-a]",
            "[[:foo:]]",
            "[a-c-e]",
            "(a)\\2",
            "a\\",
            "{1}",
            "^*",
            "a{32768}",
            "[[.xx.]]",
        ] {
            assert_eq!(
                Regex::new(pattern, false).err(),
                Some(Problem::Invalid),
                "{pattern}"
            );
        }
        let large = "(((a{999}){999}){999}){999}";
        assert_eq!(Regex::new(large, false).err(), Some(Problem::TooLarge));
    }
}
