//! The domain `Network`: what a program's library tells of its requests, and what was sent with them. Follows Node's
//! `src/inspector/network_agent.cc`.

use std::cell::{Cell, RefCell};

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::message::{self, Command};
use super::network_event::Event;
use super::session::Session;
use crate::js::string_bytes::base64;
use crate::memory::memory_guard;

/// Bytes of bodies that a session keeps, and of one of them, unless it asks for less (`maxTotalBufferSize` and
/// `maxResourceBufferSize` of `Network.enable`).
const MOST_KEPT: usize = 100 << 20;
const MOST_OF_ONE: usize = 5 << 20;

/// Requests that a session remembers. Node has no bound.
const MOST_REQUESTS: usize = 4096;

/// What is sent in one direction.
#[derive(Default)]
struct Body {
    is_text: bool,
    is_finished: bool,
    bytes: Vec<u8>,
}

/// A request and its response.
#[derive(Default)]
struct Exchange {
    request: Body,
    response: Body,
    /// Its data are told as they come.
    streams: bool,
}

#[derive(Default)]
struct Kept {
    exchanges: IndexMap<String, Exchange>,
    bytes: usize,
    most: usize,
    most_of_one: usize,
}

impl Kept {
    fn forget(&mut self, id: &str) {
        if let Some(exchange) = self.exchanges.shift_remove(id) {
            self.bytes -= exchange.request.bytes.len() + exchange.response.bytes.len();
        }
    }

    /// Makes room by what is oldest.
    fn trim(&mut self) {
        while self.bytes > self.most || self.exchanges.len() > MOST_REQUESTS {
            let Some((oldest, _)) = self.exchanges.first() else {
                return;
            };
            let oldest = oldest.clone();
            self.forget(&oldest);
        }
    }

    /// Keeps a piece of a body; what is too long is left out, as in Node.
    fn push(&mut self, id: &str, body: fn(&mut Exchange) -> &mut Body, data: &[u8]) {
        let Some(exchange) = self.exchanges.get_mut(id) else {
            return;
        };
        let body = body(exchange);
        let fits = body.bytes.len().saturating_add(data.len()) <= self.most_of_one;
        if fits && memory_guard::admit(data.len()) {
            body.bytes.extend_from_slice(data);
            self.bytes += data.len();
            self.trim();
        }
    }
}

/// What a session has of the domain.
#[derive(Default)]
pub(super) struct Network {
    enabled: Cell<bool>,
    kept: RefCell<Kept>,
}

impl Network {
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled.get()
    }

    fn enable(&self, params: &Value) {
        let bound = |name: &str, most: usize| {
            let wanted = params[name].as_u64();
            wanted.map_or(most, |wanted| {
                usize::try_from(wanted).map_or(most, |wanted| wanted.min(most))
            })
        };
        let mut kept = self.kept.borrow_mut();
        kept.most = bound("maxTotalBufferSize", MOST_KEPT);
        kept.most_of_one = bound("maxResourceBufferSize", MOST_OF_ONE);
        kept.trim();
        self.enabled.set(true);
    }

    /// Keeps what an event says. What the session is told.
    fn note(&self, event: &Event<'_>) -> Option<Value> {
        let mut kept = self.kept.borrow_mut();
        let id = event.params["requestId"].as_str().unwrap_or_default();
        let is_utf8 = |charset: &Value| charset == "utf-8";
        match event.name {
            "requestWillBeSent" => {
                let mut exchange = Exchange::default();
                exchange.request.is_text = is_utf8(&event.given["charset"]);
                exchange.request.is_finished = event.params["request"]["hasPostData"] != true;
                kept.forget(id);
                kept.exchanges.insert(id.to_owned(), exchange);
                kept.trim();
            }
            "responseReceived" => {
                if let Some(exchange) = kept.exchanges.get_mut(id) {
                    exchange.response.is_text = is_utf8(&event.params["response"]["charset"]);
                }
            }
            "loadingFailed" => kept.forget(id),
            "loadingFinished" => match kept.exchanges.get_mut(id) {
                Some(exchange) if exchange.streams => kept.forget(id),
                Some(exchange) => exchange.response.is_finished = true,
                None => {}
            },
            "dataSent" => {
                if event.given["finished"] != true {
                    let data = event.data.unwrap_or_default();
                    kept.push(id, |exchange| &mut exchange.request, data);
                } else if let Some(exchange) = kept.exchanges.get_mut(id) {
                    exchange.request.is_finished = true;
                }
                return None;
            }
            "dataReceived" => {
                let data = event.data.unwrap_or_default();
                if !kept.exchanges.get(id)?.streams {
                    kept.push(id, |exchange| &mut exchange.response, data);
                    return None;
                }
                let mut params = event.params.clone();
                params["data"] = json!(encoded(data));
                return Some(params);
            }
            _ => {}
        }
        Some(event.params.clone())
    }

    /// `getRequestPostData`, `getResponseBody` and `streamResourceContent`.
    fn body(&self, command: &str, id: &str) -> Result<Value, (i32, &'static str)> {
        let mut kept = self.kept.borrow_mut();
        let invalid = |message| Err((message::INVALID_PARAMS, message));
        let Some(exchange) = kept.exchanges.get_mut(id) else {
            return invalid("Request not found");
        };
        match command {
            "getRequestPostData" => {
                let body = &exchange.request;
                if !body.is_finished {
                    return invalid("Request data is not finished yet");
                }
                if !body.is_text {
                    return Err((
                        message::SERVER_ERROR,
                        "Unable to serialize binary request body",
                    ));
                }
                Ok(json!({ "postData": String::from_utf8_lossy(&body.bytes) }))
            }
            "getResponseBody" => {
                if exchange.streams {
                    return invalid("Response body of the request is been streamed");
                }
                let body = &exchange.response;
                if !body.is_finished {
                    return invalid("Response data is not finished yet");
                }
                let text = if body.is_text {
                    String::from_utf8_lossy(&body.bytes).into_owned()
                } else {
                    encoded(&body.bytes)
                };
                let answer = json!({ "body": text, "base64Encoded": !body.is_text });
                kept.forget(id);
                Ok(answer)
            }
            _ => {
                exchange.streams = true;
                let bytes = std::mem::take(&mut exchange.response.bytes);
                let is_over = exchange.response.is_finished;
                kept.bytes -= bytes.len();
                if is_over {
                    kept.forget(id);
                }
                Ok(json!({ "bufferedData": encoded(&bytes) }))
            }
        }
    }
}

fn encoded(bytes: &[u8]) -> String {
    String::from_utf8(base64::encode(bytes, false)).unwrap_or_default()
}

impl Session {
    pub(super) fn wants_network(&self) -> bool {
        self.domains.network.is_enabled()
    }

    /// The answer to a command of the domain; None where there is none of that name.
    pub(super) fn network_command(
        &self,
        id: i64,
        name: &str,
        command: &Command<'_>,
    ) -> Option<String> {
        let network = &self.domains.network;
        let params = command.object().unwrap_or_default();
        let answer = match name {
            "enable" => {
                network.enable(&params);
                Ok(json!({}))
            }
            "disable" => {
                network.enabled.set(false);
                Ok(json!({}))
            }
            "getRequestPostData" | "getResponseBody" | "streamResourceContent" => {
                match params["requestId"].as_str() {
                    Some(request) => network.body(name, request),
                    None => Err((message::INVALID_PARAMS, "Invalid parameters")),
                }
            }
            "loadNetworkResource" => Err((
                message::SERVER_ERROR,
                "Network resource loading is not enabled. This feature is experimental and requires \
                 --experimental-inspector-network-resource flag to be set.",
            )),
            _ => return None,
        };
        Some(message::answer(id, answer))
    }

    /// Tells of an event of the program's own (`EmitProtocolEvent`).
    pub(super) fn tell(&self, scope: &mut v8::PinScope<'_, '_>, event: &Event<'_>) {
        if !self.wants_network() {
            return;
        }
        if let Some(params) = self.domains.network.note(event) {
            let method = format!("Network.{}", event.name);
            self.deliver(scope, message::notification(&method, &params));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(most: usize, most_of_one: usize) -> Network {
        let network = Network::default();
        network.enable(&json!({
            "maxTotalBufferSize": most,
            "maxResourceBufferSize": most_of_one,
        }));
        network
    }

    fn tell(network: &Network, name: &str, given: &Value, data: Option<&[u8]>) -> Option<Value> {
        let event = Event::read(&format!("Network.{name}"), given, data).unwrap();
        network.note(&event.unwrap())
    }

    fn request(network: &Network, id: &str) {
        let request = json!({ "url": "u", "method": "GET", "headers": {} });
        let given = json!({ "requestId": id, "timestamp": 1, "wallTime": 1, "request": request });
        tell(network, "requestWillBeSent", &given, None).unwrap();
    }

    fn receive(network: &Network, id: &str, data: &[u8]) -> Option<Value> {
        let given =
            json!({ "requestId": id, "timestamp": 1, "dataLength": 1, "encodedDataLength": 1 });
        tell(network, "dataReceived", &given, Some(data))
    }

    fn finish(network: &Network, id: &str) {
        let given = json!({ "requestId": id, "timestamp": 1 });
        tell(network, "loadingFinished", &given, None).unwrap();
    }

    #[test]
    fn bodies_are_bounded_each_and_together() {
        let network = network(10, 4);
        for id in ["a", "b", "c"] {
            request(&network, id);
            for piece in [&b"123"[..], b"456", b"7"] {
                assert_eq!(receive(&network, id, piece), None);
            }
            finish(&network, id);
        }
        assert_eq!(network.kept.borrow().bytes, 8);
        assert!(network.body("getResponseBody", "a").is_err());
        let body = network.body("getResponseBody", "b").unwrap();
        assert_eq!(body, json!({ "body": "MTIzNw==", "base64Encoded": true }));
        assert!(network.body("getResponseBody", "b").is_err());
        assert_eq!(network.kept.borrow().bytes, 4);
    }

    #[test]
    fn requests_are_forgotten_when_there_are_too_many() {
        let network = network(10, 4);
        for id in 0..=MOST_REQUESTS {
            request(&network, &id.to_string());
        }
        assert_eq!(network.kept.borrow().exchanges.len(), MOST_REQUESTS);
        assert!(network.kept.borrow().exchanges.get("0").is_none());
    }

    #[test]
    fn data_are_told_once_they_are_asked_for() {
        let network = network(10, 4);
        request(&network, "a");
        assert_eq!(receive(&network, "a", b"x"), None);
        let buffered = network.body("streamResourceContent", "a").unwrap();
        assert_eq!(buffered, json!({ "bufferedData": "eA==" }));
        assert_eq!(receive(&network, "a", b"y").unwrap()["data"], "eQ==");
        finish(&network, "a");
        assert_eq!(network.kept.borrow().bytes, 0);
        assert!(network.kept.borrow().exchanges.is_empty());
    }
}
