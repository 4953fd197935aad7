//! Messages of the protocol, as far as they are read and written here: V8 reads most of them itself.
//!
//! Numbers, texts and nesting beyond the envelope are left as they are ([`RawValue`]), so that V8 sees what was sent. What is
//! no JSON by the letter of RFC 8259 is refused: V8's own reader takes more, and would see other messages than are looked
//! at here.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// `crdtp::DispatchCode`.
pub const PARSE_ERROR: i32 = -32700;
/// As above.
pub const INVALID_PARAMS: i32 = -32602;

/// As above.
pub const SERVER_ERROR: i32 = -32000;

/// The envelope of a command.
#[derive(Deserialize)]
pub struct Command<'a> {
    /// Names the answer.
    #[serde(default)]
    pub id: Option<i64>,
    /// `Domain.name`.
    #[serde(borrow, default)]
    pub method: Cow<'a, str>,
    /// What it works on.
    #[serde(borrow, default)]
    pub params: Option<&'a RawValue>,
}

/// The members of an object, each as it was written.
pub type Members = BTreeMap<String, Box<RawValue>>;

impl<'a> Command<'a> {
    /// Reads `text`.
    ///
    /// # Errors
    /// It is no JSON, or no command.
    pub fn read(text: &'a str) -> Result<Command<'a>, serde_json::Error> {
        // An array would be taken for the members in their order.
        if !text.trim_start().starts_with('{') {
            return Err(serde::de::Error::custom("no object"));
        }
        serde_json::from_str(text)
    }

    /// The parameters, for commands that are answered here. Without any it is an empty object.
    ///
    /// # Errors
    /// They are no object.
    pub fn object(&self) -> Result<Value, serde_json::Error> {
        let Some(params) = self.params else {
            return Ok(json!({}));
        };
        let value: Value = serde_json::from_str(params.get())?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(serde::de::Error::custom("no object"))
        }
    }

    /// The parameters by name.
    ///
    /// # Errors
    /// They are no object.
    pub fn members(&self) -> Result<Members, serde_json::Error> {
        match self.params {
            Some(params) => serde_json::from_str(params.get()),
            None => Ok(Members::new()),
        }
    }

    /// The command with other parameters.
    #[must_use]
    pub fn with(&self, members: &Members) -> String {
        let mut text = String::from("{");
        if let Some(id) = self.id {
            text.push_str(&format!("\"id\":{id},"));
        }
        text.push_str(&format!(
            "\"method\":{},\"params\":{{",
            quoted(&self.method)
        ));
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(&format!("{}:{}", quoted(name), value.get()));
        }
        text.push_str("}}");
        text
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The answer to command `id`.
#[must_use]
pub fn response(id: i64, result: &Value) -> String {
    json!({ "id": id, "result": result }).to_string()
}

/// The answer to command `id`, which is a result or, with its code, why there is none.
#[must_use]
pub fn answer(id: i64, answer: Result<Value, (i32, &str)>) -> String {
    match answer {
        Ok(result) => response(id, &result),
        Err((code, text)) => failure(Some(id), code, text),
    }
}

/// The refusal of command `id`; without one it is a notification.
#[must_use]
pub fn failure(id: Option<i64>, code: i32, message: &str) -> String {
    let error = json!({ "code": code, "message": message });
    match id {
        Some(id) => json!({ "id": id, "error": error }),
        None => json!({ "error": error }),
    }
    .to_string()
}

/// An event.
#[must_use]
pub fn notification(method: &str, params: &Value) -> String {
    json!({ "method": method, "params": params }).to_string()
}

/// V8 asks its embedder for the time and gets 0, for which its interface of Rust has no way. The member is found in the text:
/// within strings its quotes would be escaped.
const NO_TIME: &str = ",\"timestamp\":0";

/// How the two notifications that have it start.
const CONSOLE: &str = "{\"method\":\"Runtime.consoleAPICalled\"";
const EXCEPTION: &str = "{\"method\":\"Runtime.exceptionThrown\",\"params\":{\"timestamp\":0,";

/// Puts the time, in milliseconds since the epoch, into a notification of V8's.
#[must_use]
pub fn with_time(text: String, now: impl FnOnce() -> f64) -> String {
    if let Some(rest) = text.strip_prefix(EXCEPTION) {
        let start = EXCEPTION.trim_end_matches("0,");
        return format!("{start}{},{rest}", now());
    }
    if !text.starts_with(CONSOLE) {
        return text;
    }
    match text.rfind(NO_TIME) {
        Some(at) => {
            let (before, rest) = text.split_at(at);
            let rest = rest.trim_start_matches(NO_TIME);
            format!("{before},\"timestamp\":{}{rest}", now())
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_keeps_what_is_not_changed() {
        let text = r#"{"id":7,"method":"Runtime.evaluate","params":{"timeout":5,"expression":"\ud800 1e400","x":1e999}}"#;
        let command = Command::read(text).unwrap();
        assert_eq!(
            (command.id, &*command.method),
            (Some(7), "Runtime.evaluate")
        );
        let mut members = command.members().unwrap();
        assert_eq!(members.remove("timeout").unwrap().get(), "5");
        assert_eq!(
            command.with(&members),
            r#"{"id":7,"method":"Runtime.evaluate","params":{"expression":"\ud800 1e400","x":1e999}}"#
        );
    }

    #[test]
    fn names_may_be_written_with_escapes_and_twice_is_refused_or_one() {
        let command =
            Command::read(r#"{"id":1,"method":"a","params":{"timeo\u0075t":5}}"#).unwrap();
        assert!(command.members().unwrap().contains_key("timeout"));
        assert!(Command::read(r#"{"id":1,"id":2,"method":"a"}"#).is_err());
        assert!(Command::read(r#"{"id":1,"method":"a"/**/}"#).is_err());
        assert!(Command::read("").is_err());
        assert!(Command::read("[1]").is_err());
    }

    #[test]
    fn the_time_replaces_nothing_within_texts() {
        let text = r#"{"method":"Runtime.consoleAPICalled","params":{"args":[{"value":"\",\"timestamp\":0"}],"executionContextId":1,"timestamp":0,"stackTrace":{}}}"#;
        let timed = with_time(text.to_owned(), || 12.5);
        assert!(timed.ends_with(r#""executionContextId":1,"timestamp":12.5,"stackTrace":{}}}"#));
        assert!(timed.contains(r#"\"timestamp\":0"#));
        let text = r#"{"method":"Runtime.exceptionThrown","params":{"timestamp":0,"exceptionDetails":{}}}"#;
        assert!(with_time(text.to_owned(), || 3.0).contains("\"timestamp\":3,"));
        let other = r#"{"method":"Debugger.paused","params":{"a":1,"timestamp":0}}"#;
        assert_eq!(with_time(other.to_owned(), || 3.0), other);
    }
}
