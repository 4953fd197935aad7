//! How a session is made. Follows `Http2Options` of Node's `src/node_http2.cc`.

use libnghttp2_sys as ng;

use super::session_ffi::{Kind, SessionOptions};
use super::state::option;
use crate::env::{Aliased, Env, Slot};

/// Bytes that a session may hold, unless `maxSessionMemory` says otherwise.
const SESSION_MEMORY: u64 = 10_000_000;

/// What the unit of `maxSessionMemory` is in bytes.
const MEGABYTE: u64 = 1_000_000;

/// Headers of a message, pings and settings that may wait, unless an option says otherwise.
const HEADER_PAIRS: u32 = 128;
const OUTSTANDING: u32 = 10;

/// Streams that a peer may be assumed to allow until it says how many.
const PEER_STREAMS: u32 = 100;

/// Frames that are suspicious, at once and for each second, beyond which nghttp2 ends a session by itself. Ten times what it
/// has by default: the bound that a program sets (`maxSessionInvalidFrames`) is the one that is reached, and told.
const GLITCH_BURST: u64 = 10_000;
const GLITCH_RATE: u64 = 330;

/// How much padding frames get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Padding {
    /// None.
    None,
    /// So much that a frame ends at a multiple of eight bytes.
    Aligned,
    /// As much as there can be.
    Max,
}

/// The bounds of a session that are not nghttp2's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that it may hold.
    pub memory: u64,
    /// Headers of one message.
    pub header_pairs: usize,
    /// Pings without an answer.
    pub outstanding_pings: usize,
    /// Settings without an answer.
    pub outstanding_settings: usize,
    /// How much padding frames get.
    pub padding: Padding,
}

/// No limit is as large as that.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// `optionsBuffer`
struct Buffer(Aliased<u32>);

impl Buffer {
    /// An option, if it is set.
    fn get(&self, at: usize) -> Option<u32> {
        let is_set = self.0.get(option::FLAGS) & (1 << at) != 0;
        is_set.then(|| self.0.get(at))
    }
}

/// The options that the library has put into the shared array. `None` without memory.
pub fn read(env: &Env, kind: Kind) -> Option<(SessionOptions, Limits)> {
    let buffer = Buffer(env.aliased(Slot::Http2Options));
    let options = SessionOptions::new()?;
    apply(&buffer, &options, kind);
    Some((options, limits(&buffer, kind)))
}

fn apply(buffer: &Buffer, options: &SessionOptions, kind: Kind) {
    let raw = options.as_ptr();
    let peer_streams = buffer.get(option::PEER_MAX_CONCURRENT_STREAMS);
    // SAFETY: the options are ours; numbers are set.
    unsafe {
        // What is closed takes no memory.
        ng::nghttp2_option_set_no_closed_streams(raw, 1);
        // A peer may go on sending as the program takes what it sent.
        ng::nghttp2_option_set_no_auto_window_update(raw, 1);
        if kind == Kind::Client {
            for extension in [ng::NGHTTP2_ALTSVC, ng::NGHTTP2_ORIGIN] {
                let extension = u8::try_from(extension).unwrap_or(0);
                ng::nghttp2_option_set_builtin_recv_extension_type(raw, extension);
            }
        }
        if let Some(bytes) = buffer.get(option::MAX_DEFLATE_DYNAMIC_TABLE_SIZE) {
            ng::nghttp2_option_set_max_deflate_dynamic_table_size(raw, size(bytes));
        }
        if let Some(streams) = buffer.get(option::MAX_RESERVED_REMOTE_STREAMS) {
            ng::nghttp2_option_set_max_reserved_remote_streams(raw, streams);
        }
        if let Some(bytes) = buffer.get(option::MAX_SEND_HEADER_BLOCK_LENGTH) {
            ng::nghttp2_option_set_max_send_header_block_length(raw, size(bytes));
        }
        let peer_streams = peer_streams.unwrap_or(PEER_STREAMS);
        ng::nghttp2_option_set_peer_max_concurrent_streams(raw, peer_streams);
        if let Some(off) = buffer.get(option::NO_FIELD_WHITESPACE_VALIDATION) {
            ng::nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(
                raw,
                i32::from(off != 0),
            );
        }
        ng::nghttp2_option_set_glitch_rate_limit(raw, GLITCH_BURST, GLITCH_RATE);
        if let Some(settings) = buffer.get(option::MAX_SETTINGS) {
            ng::nghttp2_option_set_max_settings(raw, size(settings));
        }
        let burst = buffer.get(option::STREAM_RESET_BURST);
        if let Some((burst, rate)) = burst.zip(buffer.get(option::STREAM_RESET_RATE)) {
            ng::nghttp2_option_set_stream_reset_rate_limit(raw, burst.into(), rate.into());
        }
    }
}

fn limits(buffer: &Buffer, kind: Kind) -> Limits {
    /// A message has so many in any case: its pseudo headers.
    const SERVER_PAIRS: u32 = 4;
    const CLIENT_PAIRS: u32 = 1;
    let least = match kind {
        Kind::Server => SERVER_PAIRS,
        Kind::Client => CLIENT_PAIRS,
    };
    let pairs = buffer.get(option::MAX_HEADER_LIST_PAIRS);
    let number = |at| size(buffer.get(at).unwrap_or(OUTSTANDING));
    let memory = buffer.get(option::MAX_SESSION_MEMORY);
    Limits {
        memory: memory.map_or(SESSION_MEMORY, |megabytes| u64::from(megabytes) * MEGABYTE),
        header_pairs: size(pairs.unwrap_or(HEADER_PAIRS).max(least)),
        outstanding_pings: number(option::MAX_OUTSTANDING_PINGS),
        outstanding_settings: number(option::MAX_OUTSTANDING_SETTINGS),
        padding: match buffer.get(option::PADDING_STRATEGY) {
            Some(1) => Padding::Aligned,
            Some(2) => Padding::Max,
            _ => Padding::None,
        },
    }
}
