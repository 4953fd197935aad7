//! Texts: their characters, ends of lines, and what language they are in.

use super::characters::{self, Characters};
use super::data::{self, Json};
use super::script::{self, Form, Kind};
use super::{Answer, Tests, language};

/// What a text is; nothing if it is none.
pub fn recognize(content: &[u8], tests: Tests) -> Option<Answer> {
    // What an editor left behind the end is no part of it.
    let end = content.iter().rposition(|&byte| byte != 0)? + 1;
    // Characters of UTF-16 are of two bytes, of which one may be zero.
    let trimmed = &content[..content.len().min(end.next_multiple_of(2))];
    let found = characters::recognize(trimmed)?;
    // One character is too few to tell anything.
    if trimmed.len() < 2 || !tests.text {
        return None;
    }
    let text: String = found.text.iter().collect();
    let kind = tests.magic.then(|| {
        script::recognize(&text)
            .or_else(|| language::recognize(&text))
            .or_else(|| script::unknown(&text))
    });
    Some(answer(content, &found, kind.flatten()))
}

/// JSON and tables, which are looked for before everything else.
pub fn recognize_data(content: &[u8], tests: Tests) -> Option<Answer> {
    let answer = |text: &str, media: &str| {
        Some(Answer {
            charset: characters::charset(content),
            ..Answer::binary(text, media)
        })
    };
    if tests.json {
        match data::json(content) {
            Some(Json::Value) => return answer("JSON text data", "application/json"),
            Some(Json::Lines) => {
                return answer("New Line Delimited JSON text data", "application/x-ndjson");
            }
            None => {}
        }
    }
    let is_csv = tests.csv && characters::charset(content) != "binary" && data::is_csv(content);
    is_csv.then(|| answer("CSV text", "text/csv")).flatten()
}

fn answer(content: &[u8], found: &Characters, kind: Option<Kind>) -> Answer {
    let (characters, details) = (found.name, found.details());
    let (text, media) = match kind {
        None => (format!("{characters}{details}"), "text/plain"),
        Some(Kind { name, media, form }) => {
            let text = match form {
                Form::Alone => name,
                Form::Beside => format!("{name}, {characters}{details}"),
                Form::Executable => format!("{name}, {characters} executable{details}"),
            };
            (text, media)
        }
    };
    Answer {
        text,
        media: media.to_owned(),
        charset: characters::charset(content),
    }
}
