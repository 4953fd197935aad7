//! Frames, as nghttp2's callbacks get them.

use libnghttp2_sys as ng;

/// What every frame has.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The stream that it belongs to; 0 for the connection.
    pub stream: i32,
    /// The stream that it is about: of a promise, the promised one.
    pub id: i32,
    /// Its type, `NGHTTP2_DATA` and so on.
    pub kind: u32,
    /// Its flags.
    pub flags: u8,
    /// Length of its payload.
    pub length: usize,
    /// Of HEADERS: what they are for.
    pub category: u32,
}

impl Head {
    /// That of a frame.
    ///
    /// # Safety
    /// `frame` is the argument of a callback that is going on.
    pub unsafe fn read(frame: *const ng::nghttp2_frame) -> Head {
        // SAFETY: by the contract; all members begin with the head, and the type says which one is there.
        unsafe {
            let head = (*frame).hd;
            let kind = u32::from(head.type_);
            Head {
                stream: head.stream_id,
                id: match kind {
                    ng::NGHTTP2_PUSH_PROMISE => (*frame).push_promise.promised_stream_id,
                    _ => head.stream_id,
                },
                kind,
                flags: head.flags,
                length: head.length,
                category: match kind {
                    ng::NGHTTP2_HEADERS => (*frame).headers.cat,
                    // What `nghttp2_frame.headers.cat` reads of a promise is no category of its own.
                    _ => ng::NGHTTP2_HCAT_HEADERS,
                },
            }
        }
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: ng::nghttp2_flag) -> bool {
        u32::from(self.flags) & flag != 0
    }
}

/// What a frame that has arrived says.
pub enum Payload<'a> {
    /// DATA is over.
    Data,
    /// HEADERS, or a promise.
    Headers,
    /// SETTINGS: what was set.
    Settings(&'a [ng::nghttp2_settings_entry]),
    /// PRIORITY
    Priority(ng::nghttp2_priority_spec),
    /// GOAWAY: the code, the last stream, and more.
    Goaway(u32, i32, &'a [u8]),
    /// PING
    Ping([u8; 8]),
    /// ALTSVC: origin and value.
    AltSvc(&'a [u8], &'a [u8]),
    /// ORIGIN
    Origin(Vec<&'a [u8]>),
    /// Nobody is told.
    Other,
}

/// A slice of nghttp2's, of which a null pointer is an empty one.
///
/// # Safety
/// `pointer` is null or valid for `length` elements as long as `'a`.
pub unsafe fn slice<'a, T>(pointer: *const T, length: usize) -> &'a [T] {
    if pointer.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: by the contract.
    unsafe { std::slice::from_raw_parts(pointer, length) }
}

impl<'a> Payload<'a> {
    /// That of a frame.
    ///
    /// # Safety
    /// `frame` is the argument of `on_frame_recv_callback`, and the result is not used beyond that.
    pub unsafe fn read(frame: *const ng::nghttp2_frame) -> Payload<'a> {
        // SAFETY: by the contract; the type says which member is there. ALTSVC and ORIGIN are built in.
        unsafe {
            match u32::from((*frame).hd.type_) {
                ng::NGHTTP2_DATA => Payload::Data,
                ng::NGHTTP2_HEADERS | ng::NGHTTP2_PUSH_PROMISE => Payload::Headers,
                ng::NGHTTP2_SETTINGS => {
                    let settings = (*frame).settings;
                    Payload::Settings(slice(settings.iv, settings.niv))
                }
                ng::NGHTTP2_PRIORITY => Payload::Priority((*frame).priority.pri_spec),
                ng::NGHTTP2_GOAWAY => {
                    let goaway = (*frame).goaway;
                    let data = slice(goaway.opaque_data, goaway.opaque_data_len);
                    Payload::Goaway(goaway.error_code, goaway.last_stream_id, data)
                }
                ng::NGHTTP2_PING => Payload::Ping((*frame).ping.opaque_data),
                ng::NGHTTP2_ALTSVC => alternative_service((*frame).ext.payload.cast()),
                ng::NGHTTP2_ORIGIN => origins((*frame).ext.payload.cast()),
                _ => Payload::Other,
            }
        }
    }
}

/// # Safety
/// As [`Payload::read`], of ALTSVC.
unsafe fn alternative_service<'a>(payload: *const ng::nghttp2_ext_altsvc) -> Payload<'a> {
    // SAFETY: by the contract.
    unsafe {
        let Some(payload) = payload.as_ref() else {
            return Payload::Other;
        };
        let origin = slice(payload.origin, payload.origin_len);
        Payload::AltSvc(origin, slice(payload.field_value, payload.field_value_len))
    }
}

/// # Safety
/// As [`Payload::read`], of ORIGIN.
unsafe fn origins<'a>(payload: *const ng::nghttp2_ext_origin) -> Payload<'a> {
    // SAFETY: by the contract.
    unsafe {
        let Some(payload) = payload.as_ref() else {
            return Payload::Other;
        };
        let entries = slice(payload.ov, payload.nov).iter();
        Payload::Origin(
            entries
                .map(|entry| slice(entry.origin, entry.origin_len))
                .collect(),
        )
    }
}
