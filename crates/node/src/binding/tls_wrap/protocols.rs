//! The choice of a protocol (ALPN).

use std::ffi::{c_int, c_uchar, c_uint, c_void};

use openssl_sys as ossl;

use super::callbacks::{bytes, call, with_scope_of, wrap_of};
use super::connection::TlsWrap;
use crate::callback::contain_bare;
use crate::js::convert;

/// A server chooses among the client's protocols.
pub unsafe extern "C" fn select_protocol(
    ssl: *mut ossl::SSL,
    out: *mut *const c_uchar,
    out_length: *mut c_uchar,
    offered: *const c_uchar,
    length: c_uint,
    _argument: *mut c_void,
) -> c_int {
    contain_bare(|| {
        // SAFETY: OpenSSL passes a connection of ours that is in a call, and the client's list, which outlives it.
        unsafe {
            let wrap = wrap_of(ssl)?;
            let offered = bytes(offered, usize::try_from(length).ok()?);
            let chosen = if wrap.asks_for_protocol.get() {
                with_scope_of(ssl, |wrap, scope| ask_for_protocol(wrap, scope, offered))?
            } else {
                let own = wrap.protocols.borrow();
                if own.is_empty() {
                    return Some(ossl::SSL_TLSEXT_ERR_NOACK);
                }
                let offers = protocols(offered);
                protocols(&own)
                    .into_iter()
                    .find_map(|own| offers.iter().copied().find(|offer| *offer == own))
            };
            let Some(chosen) = chosen else {
                return Some(ossl::SSL_TLSEXT_ERR_ALERT_FATAL);
            };
            *out = chosen.as_ptr();
            *out_length = c_uchar::try_from(chosen.len()).ok()?;
            Some(ossl::SSL_TLSEXT_ERR_OK)
        }
    })
    .flatten()
    .unwrap_or(ossl::SSL_TLSEXT_ERR_ALERT_FATAL)
}

/// The protocols of a list in the form of the wire: each a length and so many bytes.
fn protocols(mut list: &[u8]) -> Vec<&[u8]> {
    let mut protocols = Vec::new();
    while let Some((length, rest)) = list.split_first() {
        let Some((protocol, rest)) = rest.split_at_checked(usize::from(*length)) else {
            break;
        };
        protocols.push(protocol);
        list = rest;
    }
    protocols
}

/// `ALPNCallback(list)`: the place of the chosen one in the list, or undefined.
fn ask_for_protocol<'a>(
    wrap: &TlsWrap,
    scope: &mut v8::PinScope<'_, '_>,
    offered: &'a [u8],
) -> Option<&'a [u8]> {
    let list = convert::buffer(scope, offered.to_vec());
    let place = call(wrap, scope, "ALPNCallback", &[list])?;
    let place = place.is_uint32().then(|| place.uint32_value(scope))??;
    let rest = offered.get(usize::try_from(place).ok()?..)?;
    let (length, rest) = rest.split_first()?;
    rest.get(..usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::protocols;

    #[test]
    fn a_list_that_is_cut_off_ends_before_the_cut() {
        assert_eq!(protocols(b"\x02h2\x08http/1.1"), [&b"h2"[..], b"http/1.1"]);
        assert_eq!(protocols(b"\x02h2\xff"), [&b"h2"[..]]);
        assert!(protocols(b"\x05h2").is_empty());
    }
}
