//! Events that a program tells of in the domain `Network`: their members, and what is taken of what was given. Follows
//! Node's `src/inspector/network_agent.cc`.

use serde_json::{Map, Value, json};

/// What a member of an event is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Headers,
    Object,
    /// A text that may be missing.
    Words,
    /// A boolean that may be missing.
    Flag,
}

/// The members of each event, in the order in which they are looked at. What follows an object is in it.
const EVENTS: [(&str, &[(&str, Kind)]); 9] = [
    (
        "requestWillBeSent",
        &[
            ("requestId", Kind::Text),
            ("timestamp", Kind::Number),
            ("wallTime", Kind::Number),
            ("request", Kind::Object),
            ("url", Kind::Text),
            ("method", Kind::Text),
            ("headers", Kind::Headers),
            ("hasPostData", Kind::Flag),
        ],
    ),
    (
        "responseReceived",
        &[
            ("requestId", Kind::Text),
            ("timestamp", Kind::Number),
            ("type", Kind::Text),
            ("response", Kind::Object),
            ("url", Kind::Text),
            ("status", Kind::Number),
            ("statusText", Kind::Text),
            ("headers", Kind::Headers),
            ("mimeType", Kind::Words),
            ("charset", Kind::Words),
        ],
    ),
    (
        "loadingFinished",
        &[("requestId", Kind::Text), ("timestamp", Kind::Number)],
    ),
    (
        "loadingFailed",
        &[
            ("requestId", Kind::Text),
            ("timestamp", Kind::Number),
            ("type", Kind::Text),
            ("errorText", Kind::Text),
        ],
    ),
    (
        "dataSent",
        &[
            ("requestId", Kind::Text),
            ("timestamp", Kind::Number),
            ("dataLength", Kind::Number),
        ],
    ),
    (
        "dataReceived",
        &[
            ("requestId", Kind::Text),
            ("timestamp", Kind::Number),
            ("dataLength", Kind::Number),
            ("encodedDataLength", Kind::Number),
        ],
    ),
    (
        "webSocketCreated",
        &[("requestId", Kind::Text), ("url", Kind::Text)],
    ),
    (
        "webSocketClosed",
        &[("requestId", Kind::Text), ("timestamp", Kind::Number)],
    ),
    (
        "webSocketHandshakeResponseReceived",
        &[
            ("requestId", Kind::Text),
            ("timestamp", Kind::Number),
            ("response", Kind::Object),
            ("status", Kind::Number),
            ("statusText", Kind::Text),
            ("headers", Kind::Headers),
        ],
    ),
];

/// Whether bytes come with an event (`data`).
#[must_use]
pub fn has_data(event: &str) -> bool {
    matches!(event, "Network.dataSent" | "Network.dataReceived")
}

/// An event that a program tells of.
pub(super) struct Event<'a> {
    pub(super) name: &'static str,
    pub(super) given: &'a Value,
    /// The members that it has, and no others.
    pub(super) params: Value,
    pub(super) data: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    /// Reads `params`. None where there is no such event.
    ///
    /// # Errors
    /// What is not as it must be, in Node's words.
    pub(super) fn read(
        event: &str,
        given: &'a Value,
        data: Option<&'a [u8]>,
    ) -> Option<Result<Event<'a>, String>> {
        let (domain, name) = event.split_once('.')?;
        let known = EVENTS.iter().find(|(known, _)| *known == name)?;
        if domain != "Network" {
            return None;
        }
        // The end of what is sent says nothing else.
        let is_end = known.0 == "dataSent" && given["finished"] == true;
        let members = if is_end { &known.1[..1] } else { known.1 };
        let needs_data = has_data(event) && !is_end;
        let params = read_members(members, given).and_then(|params| {
            if needs_data && data.is_none() {
                return Err("Missing data in event".to_owned());
            }
            Ok(params)
        });
        Some(params.map(|params| Event {
            name: known.0,
            given,
            params,
            data,
        }))
    }
}

fn read_members(members: &[(&str, Kind)], given: &Value) -> Result<Value, String> {
    let mut params = Map::new();
    let mut inner: Option<(&str, Map<String, Value>)> = None;
    for (name, kind) in members {
        let (from, path) = match &inner {
            Some((outer, _)) => (&given[*outer], format!("{outer}.{name}")),
            None => (given, (*name).to_owned()),
        };
        let value = &from[*name];
        let is_fine = match kind {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
            Kind::Headers | Kind::Object => value.is_object(),
            Kind::Words | Kind::Flag => true,
        };
        if !is_fine {
            return Err(format!("Missing {path} in event"));
        }
        let value = match kind {
            Kind::Object => {
                inner = Some((name, Map::new()));
                continue;
            }
            Kind::Headers if !has_texts(value) => {
                return Err("Invalid header value in event".to_owned());
            }
            Kind::Words => json!(value.as_str().unwrap_or_default()),
            Kind::Flag => json!(value.as_bool().unwrap_or_default()),
            _ => value.clone(),
        };
        let target = inner.as_mut().map_or(&mut params, |(_, inner)| inner);
        target.insert((*name).to_owned(), value);
    }
    if let Some((outer, inner)) = inner {
        params.insert(outer.to_owned(), Value::Object(inner));
    }
    Ok(Value::Object(params))
}

fn has_texts(headers: &Value) -> bool {
    headers
        .as_object()
        .is_some_and(|headers| headers.values().all(Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_members_and_no_others() {
        let error = |given: &Value| {
            let event = Event::read("Network.requestWillBeSent", given, None).unwrap();
            event.err().unwrap()
        };
        assert_eq!(error(&json!({})), "Missing requestId in event");
        let mut given = json!({ "requestId": "1", "timestamp": 1, "wallTime": 2 });
        assert_eq!(error(&given), "Missing request in event");
        given["request"] = json!({ "url": "u", "method": "GET" });
        assert_eq!(error(&given), "Missing request.headers in event");
        given["request"]["headers"] = json!({ "a": 1 });
        assert_eq!(error(&given), "Invalid header value in event");
        given["request"]["headers"] = json!({ "a": "b" });
        given["more"] = json!(1);
        given["request"]["more"] = json!(1);
        let event = Event::read("Network.requestWillBeSent", &given, None);
        let params = event.unwrap().ok().unwrap().params;
        assert_eq!(
            params,
            json!({
                "requestId": "1",
                "timestamp": 1,
                "wallTime": 2,
                "request": { "url": "u", "method": "GET", "headers": { "a": "b" }, "hasPostData": false },
            })
        );
        assert!(Event::read("Network.noSuch", &given, None).is_none());
        assert!(Event::read("Other.dataSent", &given, None).is_none());
    }
}
