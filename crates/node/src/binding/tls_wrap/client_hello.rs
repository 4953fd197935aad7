//! A client's first message, which may wait for the program's store of sessions.

use std::ffi::{c_int, c_uint, c_void};

use openssl_sys as ossl;

use super::callbacks::{bytes, call, with_scope_of};
use super::connection::Hello;
use crate::callback::contain_bare;
use crate::js::{convert, exception};

/// Type numbers of a client's extensions.
const SERVER_NAME: c_uint = 0;
const SESSION_TICKET: c_uint = 35;

/// `onclienthello(hello)`; the handshake waits for `endParser`.
pub unsafe extern "C" fn client_hello(
    ssl: *mut ossl::SSL,
    _alert: *mut c_int,
    _argument: *mut c_void,
) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call.
        unsafe {
            with_scope_of(ssl, |wrap, scope| {
                if wrap.hello.get() == Hello::Expected {
                    wrap.hello.set(Hello::Asked);
                    let hello = describe_hello(ssl, scope);
                    call(wrap, scope, "onclienthello", &[hello.into()]);
                }
                if wrap.hello.get() == Hello::Ended {
                    ossl::SSL_CLIENT_HELLO_SUCCESS
                } else {
                    ossl::SSL_CLIENT_HELLO_RETRY
                }
            })
        }
    })
    .flatten()
    .unwrap_or(ossl::SSL_CLIENT_HELLO_ERROR)
}

/// # Safety
/// `ssl` is live and in its callback for a client's first message.
unsafe fn describe_hello<'s>(
    ssl: *mut ossl::SSL,
    scope: &mut v8::PinScope<'s, '_>,
) -> v8::Local<'s, v8::Object> {
    let mut id = std::ptr::null();
    // SAFETY: by the contract; the bytes belong to the message, which outlives this function.
    let (id, name, ticket) = unsafe {
        let length = ossl::SSL_client_hello_get0_session_id(ssl, &mut id);
        (
            bytes(id, length).to_vec(),
            host_name(extension(ssl, SERVER_NAME)),
            !extension(ssl, SESSION_TICKET).is_empty(),
        )
    };
    let hello = v8::Object::new(scope);
    let id = convert::buffer(scope, id);
    convert::set(scope, hello, "sessionId", id);
    let name = exception::string(scope, &name).into();
    convert::set(scope, hello, "servername", name);
    let ticket = v8::Boolean::new(scope, ticket).into();
    convert::set(scope, hello, "tlsTicket", ticket);
    hello
}

/// # Safety
/// As for [`describe_hello`].
unsafe fn extension<'a>(ssl: *mut ossl::SSL, kind: c_uint) -> &'a [u8] {
    let (mut data, mut length) = (std::ptr::null(), 0);
    // SAFETY: by the contract.
    unsafe {
        if ossl::SSL_client_hello_get0_ext(ssl, kind, &mut data, &mut length) != 1 {
            return &[];
        }
        bytes(data, length)
    }
}

/// The first host of an extension with names: length of the list, then type, length and bytes of each.
fn host_name(extension: &[u8]) -> String {
    match extension {
        [_, _, 0, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let name = rest.get(..length).unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::host_name;

    #[test]
    fn the_name_of_a_hostile_client_is_only_read_within_bounds() {
        assert_eq!(
            host_name(&[0, 8, 0, 0, 5, b'h', b'e', b'l', b'l', b'o']),
            "hello"
        );
        assert_eq!(host_name(&[0, 8, 0, 0, 9, b'h']), "");
        assert_eq!(host_name(&[0, 8, 1, 0, 1, b'h']), "");
        assert_eq!(host_name(&[0]), "");
    }
}
