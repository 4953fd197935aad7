//! What the binding shares with the library: arrays of numbers, and the functions that it calls. Follows Node's
//! `src/node_http2_state.h`.

use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::convert;

/// Indices of `optionsBuffer`; the last one says which are set.
pub mod option {
    /// `maxDeflateDynamicTableSize`
    pub const MAX_DEFLATE_DYNAMIC_TABLE_SIZE: usize = 0;
    /// `maxReservedRemoteStreams`
    pub const MAX_RESERVED_REMOTE_STREAMS: usize = 1;
    /// `maxSendHeaderBlockLength`
    pub const MAX_SEND_HEADER_BLOCK_LENGTH: usize = 2;
    /// `peerMaxConcurrentStreams`
    pub const PEER_MAX_CONCURRENT_STREAMS: usize = 3;
    /// `paddingStrategy`
    pub const PADDING_STRATEGY: usize = 4;
    /// `maxHeaderListPairs`
    pub const MAX_HEADER_LIST_PAIRS: usize = 5;
    /// `maxOutstandingPings`
    pub const MAX_OUTSTANDING_PINGS: usize = 6;
    /// `maxOutstandingSettings`
    pub const MAX_OUTSTANDING_SETTINGS: usize = 7;
    /// `maxSessionMemory`
    pub const MAX_SESSION_MEMORY: usize = 8;
    /// `maxSettings`
    pub const MAX_SETTINGS: usize = 9;
    /// `streamResetRate`
    pub const STREAM_RESET_RATE: usize = 10;
    /// `streamResetBurst`
    pub const STREAM_RESET_BURST: usize = 11;
    /// `strictFieldWhitespaceValidation`, turned around
    pub const NO_FIELD_WHITESPACE_VALIDATION: usize = 12;
    /// Which are set, a bit each.
    pub const FLAGS: usize = 13;
    /// How many there are.
    pub const COUNT: usize = 14;
}

/// Elements of `sessionState`, in the order of [`super::session_ffi::Library::session_state`].
pub const SESSION_STATE: usize = 9;

/// Elements of `streamState`, in the order of [`super::session_ffi::Library::stream_state`].
pub const STREAM_STATE: usize = 6;

/// `streamStats` and `sessionStats`, which the library does not read any more.
const STREAM_STATS: usize = 6;
const SESSION_STATS: usize = 9;

/// Indices of a session's `fields`, bytes.
pub mod field {
    /// Bits of [`super::bit`].
    pub const BITFIELD: usize = 0;
    /// How many listen to `priority`.
    pub const PRIORITY_LISTENERS: usize = 1;
    /// How many invalid frames a peer may send.
    pub const MAX_INVALID_FRAMES: usize = 4;
    /// How many streams of a peer are rejected before the session ends.
    pub const MAX_REJECTED_STREAMS: usize = 8;
    /// How many bytes there are.
    pub const COUNT: usize = 12;
}

/// Bits of a session's bitfield.
pub mod bit {
    /// Somebody listens to `remoteSettings`.
    pub const HAS_REMOTE_SETTINGS_LISTENERS: u8 = 1;
    /// What the library knows of the peer's settings is true.
    pub const REMOTE_SETTINGS_UP_TO_DATE: u8 = 1 << 1;
    /// Somebody listens to `ping`.
    pub const HAS_PING_LISTENERS: u8 = 1 << 2;
    /// Somebody listens to `altsvc`.
    pub const HAS_ALTSVC_LISTENERS: u8 = 1 << 3;
}

/// Constants that the library uses and programs do not see listed.
const HIDDEN: [(&str, i32); 13] = [
    ("NGHTTP2_HCAT_REQUEST", 0),
    ("NGHTTP2_HCAT_RESPONSE", 1),
    ("NGHTTP2_HCAT_PUSH_RESPONSE", 2),
    ("NGHTTP2_HCAT_HEADERS", 3),
    ("NGHTTP2_NV_FLAG_NONE", 0),
    ("NGHTTP2_NV_FLAG_NO_INDEX", 1),
    ("NGHTTP2_ERR_DEFERRED", -508),
    ("NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE", -509),
    ("NGHTTP2_ERR_INVALID_ARGUMENT", -501),
    ("NGHTTP2_ERR_STREAM_CLOSED", -510),
    ("NGHTTP2_ERR_NOMEM", -901),
    ("STREAM_OPTION_EMPTY_PAYLOAD", 1),
    ("STREAM_OPTION_GET_TRAILERS", 2),
];

/// A function of the library's, in the order of `setCallbackFunctions`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Callback {
    /// `onSessionInternalError(code, customCode)`
    Error = 0,
    /// `onPriority(id, parent, weight, exclusive)`
    Priority = 1,
    /// `onSettings()`
    Settings = 2,
    /// `onPing(payload)`
    Ping = 3,
    /// `onSessionHeaders(handle, id, category, flags, headers, sensitiveHeaders)`
    Headers = 4,
    /// `onFrameError(id, type, code)`
    FrameError = 5,
    /// `onGoawayData(code, lastStreamID, data)`
    Goaway = 6,
    /// `onAltSvc(stream, origin, value)`
    AltSvc = 7,
    /// `onOrigin(origins)`
    Origin = 8,
    /// `onStreamTrailers()`
    StreamTrailers = 9,
    /// `onStreamClose(code)`
    StreamClose = 10,
}

/// How many there are.
const CALLBACKS: i32 = 11;

/// Makes the shared arrays, and hides what is to be hidden.
pub fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let settings = super::settings::BUFFER;
    let arrays = [
        (
            "sessionState",
            env.aliased_array::<f64>(scope, Slot::Http2SessionState, SESSION_STATE),
        ),
        (
            "streamState",
            env.aliased_array::<f64>(scope, Slot::Http2StreamState, STREAM_STATE),
        ),
        (
            "settingsBuffer",
            env.aliased_array::<u32>(scope, Slot::Http2Settings, settings),
        ),
        (
            "optionsBuffer",
            env.aliased_array::<u32>(scope, Slot::Http2Options, option::COUNT),
        ),
        (
            "streamStats",
            env.aliased_array::<f64>(scope, Slot::Http2StreamStats, STREAM_STATS),
        ),
        (
            "sessionStats",
            env.aliased_array::<f64>(scope, Slot::Http2SessionStats, SESSION_STATS),
        ),
    ];
    for (name, array) in arrays {
        convert::set(scope, binding, name, array);
    }
    let Some(constants) =
        convert::get(scope, binding, "constants").and_then(|constants| constants.to_object(scope))
    else {
        return;
    };
    for (name, value) in HIDDEN {
        let key = env.name(scope, name);
        let value = v8::Integer::new(scope, value).into();
        let hidden = v8::PropertyAttribute::READ_ONLY
            | v8::PropertyAttribute::DONT_ENUM
            | v8::PropertyAttribute::DONT_DELETE;
        constants.define_own_property(scope, key.into(), value, hidden);
    }
}

/// `setCallbackFunctions(…)`
pub fn set_callback_functions(scope: Scope, args: Args, _rv: Return) {
    let functions: Vec<v8::Local<v8::Value>> = (0..CALLBACKS).map(|at| args.get(at)).collect();
    let functions = v8::Array::new_with_elements(scope, &functions);
    Env::of(scope).set_slot(scope, Slot::Http2Callbacks, functions.into());
}

/// The library's function.
pub fn function<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    callback: Callback,
) -> Option<v8::Local<'s, v8::Function>> {
    let functions = Env::of(scope).object(scope, Slot::Http2Callbacks)?;
    functions.get_index(scope, callback as u32)?.try_cast().ok()
}

/// The numbers of a session that the library reads and writes as it likes.
pub struct Fields(v8::SharedRef<v8::BackingStore>);

impl Fields {
    /// Makes them, and `object.fields`.
    pub fn create(
        scope: &mut v8::PinScope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
    ) -> Option<Fields> {
        const MAX_INVALID_FRAMES: u32 = 1000;
        const MAX_REJECTED_STREAMS: u32 = 100;
        let buffer = v8::ArrayBuffer::new(scope, field::COUNT);
        let array = v8::Uint8Array::new(scope, buffer, 0, field::COUNT)?;
        convert::set(scope, object, "fields", array.into());
        let fields = Fields(buffer.get_backing_store());
        for (at, value) in [
            (field::MAX_INVALID_FRAMES, MAX_INVALID_FRAMES),
            (field::MAX_REJECTED_STREAMS, MAX_REJECTED_STREAMS),
        ] {
            for (place, byte) in (at..).zip(value.to_ne_bytes()) {
                fields.set(place, byte);
            }
        }
        Some(fields)
    }

    fn set(&self, at: usize, value: u8) {
        if let Some(place) = self.0.get(at) {
            place.set(value);
        }
    }

    fn get(&self, at: usize) -> u8 {
        self.0.get(at).map_or(0, std::cell::Cell::get)
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_ne_bytes(std::array::from_fn(|place| self.get(at + place)))
    }

    /// Whether a bit of the bitfield is set.
    pub fn has(&self, bit: u8) -> bool {
        self.get(field::BITFIELD) & bit != 0
    }

    /// Clears a bit of the bitfield.
    pub fn clear(&self, bit: u8) {
        self.set(field::BITFIELD, self.get(field::BITFIELD) & !bit);
    }

    /// Whether anybody listens to `priority`.
    pub fn has_priority_listeners(&self) -> bool {
        self.get(field::PRIORITY_LISTENERS) != 0
    }

    /// How many invalid frames a peer may send.
    pub fn max_invalid_frames(&self) -> u32 {
        self.number(field::MAX_INVALID_FRAMES)
    }

    /// How many streams of a peer are rejected before the session ends.
    pub fn max_rejected_streams(&self) -> u32 {
        self.number(field::MAX_REJECTED_STREAMS)
    }
}
