//! Control characters in patterns. The crate's tokenizer leaves tabs and newlines out, and its parser of URLs drops what is
//! below a space at the beginning of a protocol; Ada, which Node.js has, does neither (`src/url_pattern_helpers.cpp`).

use urlpattern::UrlPatternInit;
use urlpattern::quirks::{self, StringOrInit};

/// The same pattern with its tabs and newlines where the tokenizer sees them: escaped, as characters that mean themselves.
pub fn escaped(input: StringOrInit<'_>) -> StringOrInit<'_> {
    let field = |text: Option<String>| text.map(|text| escape(&text));
    match input {
        StringOrInit::String(text) => StringOrInit::String(escape(&text).into()),
        StringOrInit::Init(init) => StringOrInit::Init(quirks::UrlPatternInit {
            protocol: field(init.protocol),
            username: field(init.username),
            password: field(init.password),
            hostname: field(init.hostname),
            port: field(init.port),
            pathname: field(init.pathname),
            search: field(init.search),
            hash: field(init.hash),
            base_url: init.base_url,
        }),
    }
}

/// A pattern, unless its protocol has a character that Ada refuses.
pub fn accepted(init: UrlPatternInit) -> Option<UrlPatternInit> {
    let protocol = init.protocol.as_deref().unwrap_or_default();
    let is_accepted =
        pieces(protocol).all(|piece| piece.place == Place::Group || !is_refused(piece.character));
    is_accepted.then_some(init)
}

/// Whether no protocol has it.
pub fn is_refused(character: char) -> bool {
    character <= ' '
}

fn escape(pattern: &str) -> String {
    let mut escaped = String::with_capacity(pattern.len());
    for Piece { character, place } in pieces(pattern) {
        if place == Place::Text && matches!(character, '\t' | '\n' | '\r') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

struct Piece {
    character: char,
    place: Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Text,
    /// Behind a backslash.
    Escaped,
    /// In a regular expression.
    Group,
}

fn pieces(pattern: &str) -> impl Iterator<Item = Piece> {
    let (mut depth, mut is_escaped) = (0_usize, false);
    pattern.chars().map(move |character| {
        let place = match (depth, is_escaped) {
            (0, false) => Place::Text,
            (0, true) => Place::Escaped,
            _ => Place::Group,
        };
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        Piece { character, place }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_and_newlines_are_escaped_outside_of_regular_expressions() {
        assert_eq!(escape("a\t(b\n(?:c)\n)\r"), "a\\\t(b\n(?:c)\n)\\\r");
    }

    #[test]
    fn what_is_escaped_stays_and_begins_no_regular_expression() {
        assert_eq!(escape("a\\\t\\(\n"), "a\\\t\\(\\\n");
    }
}
