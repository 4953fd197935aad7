//! The alternative names of a certificate's subject, printed so that no name looks like several. Follows Node's
//! `src/crypto/crypto_x509.cc` (`PrintGeneralName`).

use std::ffi::{c_int, c_void};

use openssl_sys as ossl;

use super::error::{Result, clear_errors};
use super::owned_ffi::{Bio, X509};

unsafe extern "C" {
    fn GENERAL_NAME_print(out: *mut ossl::BIO, name: *const ossl::GENERAL_NAME) -> c_int;
}

impl X509 {
    /// `DNS:one.example, IP Address:127.0.0.1`; `None` where the certificate has none.
    pub fn alternative_names(&self) -> Result<Option<String>> {
        // SAFETY: the list is ours and freed with its names, which were printed before.
        unsafe {
            let null = std::ptr::null_mut();
            let nid = ossl::NID_subject_alt_name;
            let list = ossl::X509_get_ext_d2i(self.as_ptr(), nid, null, null);
            if list.is_null() {
                clear_errors();
                return Ok(None);
            }
            let stack = list.cast::<ossl::OPENSSL_STACK>();
            let names: Result<Vec<String>> = (0..ossl::OPENSSL_sk_num(stack))
                .map(|index| print(ossl::OPENSSL_sk_value(stack, index).cast()))
                .collect();
            ossl::OPENSSL_sk_pop_free(stack, Some(free));
            clear_errors();
            Ok(Some(names?.join(", ")))
        }
    }
}

unsafe extern "C" fn free(name: *mut c_void) {
    // SAFETY: the list owned its names.
    unsafe { ossl::GENERAL_NAME_free(name.cast()) };
}

/// # Safety
/// `name` is live.
unsafe fn print(name: *const ossl::GENERAL_NAME) -> Result<String> {
    // SAFETY: by the contract; names of these types are strings of ASN.1.
    unsafe {
        let prefix = match (*name).type_ {
            ossl::GEN_EMAIL => "email:",
            ossl::GEN_DNS => "DNS:",
            ossl::GEN_URI => "URI:",
            _ => {
                let bio = Bio::memory()?;
                GENERAL_NAME_print(bio.as_ptr(), name);
                return Ok(bio.text());
            }
        };
        let string = (*name).d.cast::<ossl::ASN1_STRING>();
        let length = usize::try_from(ossl::ASN1_STRING_length(string)).unwrap_or(0);
        let data = ossl::ASN1_STRING_get0_data(string);
        let bytes = if data.is_null() {
            &[]
        } else {
            std::slice::from_raw_parts(data, length)
        };
        Ok(format!("{prefix}{}", quoted(bytes)))
    }
}

/// A name as it is, or as a string of JSON where it could be taken for something else.
fn quoted(name: &[u8]) -> String {
    let plain =
        |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b',' | b'\'');
    if name.iter().all(plain) {
        return String::from_utf8_lossy(name).into_owned();
    }
    let mut text = String::from("\"");
    for byte in name {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'"' => text.push_str("\\\""),
            b' '..=b'~' if *byte != b',' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\u{byte:04x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_name_that_could_be_several_is_quoted() {
        assert_eq!(quoted(b"one.example"), "one.example");
        assert_eq!(quoted(b"a\0b"), "\"a\\u0000b\"");
        assert_eq!(quoted(b"a, DNS:b"), "\"a\\u002c DNS:b\"");
        assert_eq!(quoted(b"\"\\"), "\"\\\"\\\\\"");
    }
}
