//! Settings of either end. Follows `Http2Settings` of Node's `src/node_http2.cc`.

use libnghttp2_sys as ng;

use super::session_ffi::{self, Library};
use crate::callback::{Args, Return, Scope};
use crate::env::{Aliased, Env, Slot};
use crate::js::convert;

/// How many settings there may be that the library has no names for.
const MAX_CUSTOM: usize = 10;

/// The settings with names, in the order in which they are sent: identifier, index in `settingsBuffer`, and the value that
/// a new session begins with.
const KNOWN: [(ng::nghttp2_settings_id, usize, u32); 7] = [
    (ng::NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0, 4096),
    (ng::NGHTTP2_SETTINGS_ENABLE_PUSH, 1, 1),
    (ng::NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 4, u32::MAX),
    (ng::NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 2, 65_535),
    (ng::NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 3, 16_384),
    (ng::NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 5, 65_535),
    (ng::NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 6, 0),
];

/// Index of the bits that say which are set, of the number of custom ones, and of the first of those.
const FLAGS: usize = KNOWN.len();
const CUSTOM_COUNT: usize = FLAGS + 1;
const CUSTOM: usize = CUSTOM_COUNT + 1;

/// Elements of `settingsBuffer`.
pub const BUFFER: usize = CUSTOM + 2 * MAX_CUSTOM;

/// Settings to be sent.
pub type Entries = Vec<ng::nghttp2_settings_entry>;

fn buffer(env: &Env) -> Aliased<u32> {
    env.aliased(Slot::Http2Settings)
}

fn entry(id: u32, value: u32) -> ng::nghttp2_settings_entry {
    ng::nghttp2_settings_entry {
        settings_id: i32::try_from(id).unwrap_or(0),
        value,
    }
}

/// The custom settings of the shared array.
fn custom(buffer: &Aliased<u32>) -> impl Iterator<Item = (u32, u32)> + '_ {
    let count = usize::try_from(buffer.get(CUSTOM_COUNT)).unwrap_or(0);
    (0..count.min(MAX_CUSTOM)).map(|index| {
        let at = CUSTOM + 2 * index;
        (buffer.get(at), buffer.get(at + 1))
    })
}

/// What the shared array says is set.
pub fn read(env: &Env) -> Entries {
    let buffer = buffer(env);
    let flags = buffer.get(FLAGS);
    let known = KNOWN.iter().filter(|(_, at, _)| flags & (1 << at) != 0);
    let known = known.map(|(id, at, _)| entry(*id, buffer.get(*at)));
    known
        .chain(custom(&buffer).map(|(id, value)| entry(id, value)))
        .collect()
}

/// `refreshDefaultSettings()`: puts what a session begins with into the shared array.
pub fn refresh_defaults(scope: Scope, _args: Args, _rv: Return) {
    let buffer = buffer(&Env::of(scope));
    let mut flags = 0;
    for (_, at, value) in KNOWN {
        buffer.set(at, value);
        flags |= 1 << at;
    }
    buffer.set(FLAGS, flags);
    buffer.set(CUSTOM_COUNT, 0);
}

/// `packSettings()`: the payload of a frame with what the shared array holds; `undefined` where that cannot be.
pub fn pack(scope: Scope, _args: Args, mut rv: Return) {
    let entries = read(&Env::of(scope));
    if let Some(bytes) = session_ffi::pack_settings(&entries) {
        rv.set(convert::buffer(scope, bytes));
    }
}

/// Which end's settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// Those of this end.
    Local,
    /// Those of the peer.
    Remote,
}

/// Puts the settings of a session into the shared array.
pub fn refresh(env: &Env, library: &Library, whose: Whose, custom: &CustomSettings) {
    let buffer = buffer(env);
    for (id, at, _) in KNOWN {
        let value = match whose {
            Whose::Local => library.local_setting(id),
            Whose::Remote => library.remote_setting(id),
        };
        buffer.set(at, value);
    }
    let mut count = 0;
    for (id, value) in &custom.0 {
        if let Some(value) = value {
            buffer.set(CUSTOM + 2 * count, *id);
            buffer.set(CUSTOM + 2 * count + 1, *value);
            count += 1;
        }
    }
    buffer.set(CUSTOM_COUNT, u32::try_from(count).unwrap_or(0));
}

/// The settings without names of one end: identifier, and the value once there is one.
#[derive(Default)]
pub struct CustomSettings(Vec<(u32, Option<u32>)>);

impl CustomSettings {
    /// Those of a peer that the program wants to know of (`remoteCustomSettings`), by the shared array.
    pub fn expected(env: &Env) -> CustomSettings {
        /// Identifiers are no larger.
        const ID: u32 = 0xffff;
        let buffer = buffer(env);
        CustomSettings(custom(&buffer).map(|(id, _)| (id & ID, None)).collect())
    }

    /// Notes what this end sends.
    pub fn send(&mut self, entries: &[ng::nghttp2_settings_entry]) {
        for sent in entries {
            let id = u32::try_from(sent.settings_id).unwrap_or(0);
            // As in Node: the identifiers from the number of names on count as custom.
            if usize::try_from(id).unwrap_or(0) < KNOWN.len() {
                continue;
            }
            if let Some((_, value)) = self.0.iter_mut().find(|(known, _)| *known == id) {
                *value = Some(sent.value);
            } else if self.0.len() < MAX_CUSTOM {
                self.0.push((id, Some(sent.value)));
            }
        }
    }

    /// Notes what the peer has sent, if it is expected.
    pub fn receive(&mut self, entries: &[ng::nghttp2_settings_entry]) {
        for received in entries {
            let id = u32::try_from(received.settings_id).unwrap_or(0);
            if usize::try_from(id).unwrap_or(0) < KNOWN.len() {
                continue;
            }
            if let Some((_, value)) = self.0.iter_mut().find(|(known, _)| *known == id) {
                *value = Some(received.value);
            }
        }
    }
}
