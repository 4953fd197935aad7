//! Reading from a native stream without JavaScript in between (`consume`).

use std::rc::{Rc, Weak};

use super::parser::{Outcome, Parser};
use crate::stream::{Read, Stream, StreamListener};

/// A parser's place on a stream. The stream owns the listener, and so the parser; not the other way round.
pub struct Listening {
    stream: Weak<Stream>,
    listener: Weak<ParserListener>,
}

impl Listening {
    /// Puts `parser` on top of `stream`. While it is there, its object lives.
    pub fn begin(
        parser: &Rc<Parser>,
        object: v8::Global<v8::Object>,
        stream: &Rc<Stream>,
    ) -> Listening {
        let listener = Rc::new(ParserListener {
            parser: parser.clone(),
            _object: object,
        });
        stream.push_listener(listener.clone());
        Listening {
            stream: Rc::downgrade(stream),
            listener: Rc::downgrade(&listener),
        }
    }

    /// Takes the parser off the stream, if it is still there.
    pub fn end(self) {
        if let (Some(stream), Some(listener)) = (self.stream.upgrade(), self.listener.upgrade()) {
            let listener: Rc<dyn StreamListener> = listener;
            stream.remove_listener(&listener);
        }
    }
}

struct ParserListener {
    parser: Rc<Parser>,
    _object: v8::Global<v8::Object>,
}

impl StreamListener for ParserListener {
    fn on_read(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        stream: &Rc<Stream>,
        at: usize,
        read: Read,
    ) {
        let bytes = match read {
            Read::Data(bytes) => Rc::new(bytes),
            // The end is for whoever reads the stream otherwise: JavaScript calls `finish` then.
            end @ Read::End(_) => return stream.pass_read(scope, at, end),
        };
        v8::scope!(let scope, scope);
        match self.parser.execute(scope, Some(bytes.clone())) {
            // An exception was reported where it was thrown.
            None | Some(Outcome::Threw) => {}
            Some(outcome) => self.parser.report_execute(scope, bytes, &outcome),
        }
    }
}
