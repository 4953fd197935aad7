//! Parameters of OpenSSL's operations by name.

use std::ffi::CStr;
use std::marker::PhantomData;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check};
use super::owned_ffi::{BigNum, ParamBuilder, Params};

const FAILED: &str = "Out of memory";

/// A list under construction. It refers to the byte strings it is given until it is built; big numbers it keeps.
pub struct ParamList<'a> {
    builder: ParamBuilder,
    numbers: Vec<BigNum>,
    strings: PhantomData<&'a [u8]>,
}

impl<'a> ParamList<'a> {
    /// An empty list.
    pub fn new() -> Result<ParamList<'a>> {
        // SAFETY: returns null or a new builder.
        let builder = unsafe { ParamBuilder::own(ossl::OSSL_PARAM_BLD_new()) };
        Ok(ParamList {
            builder: builder.ok_or_else(CryptoError::out_of_memory)?,
            numbers: Vec::new(),
            strings: PhantomData,
        })
    }

    /// Adds a string.
    pub fn utf8(&mut self, key: &'static CStr, value: &'a [u8]) -> Result<()> {
        let pointer = value.as_ptr().cast();
        // SAFETY: the length is that of the slice; a zero length means "find the NUL", hence the check before.
        let status = unsafe {
            if value.is_empty() {
                ossl::OSSL_PARAM_BLD_push_utf8_string(
                    self.builder.as_ptr(),
                    key.as_ptr(),
                    c"".as_ptr(),
                    0,
                )
            } else {
                ossl::OSSL_PARAM_BLD_push_utf8_string(
                    self.builder.as_ptr(),
                    key.as_ptr(),
                    pointer,
                    value.len(),
                )
            }
        };
        check(status, FAILED)
    }

    /// Adds bytes.
    pub fn octets(&mut self, key: &'static CStr, value: &'a [u8]) -> Result<()> {
        // The builder refuses null, which an empty slice's pointer is not.
        let pointer = value.as_ptr().cast();
        check(
            // SAFETY: pointer and length are those of the slice, whose content `build` copies.
            unsafe {
                ossl::OSSL_PARAM_BLD_push_octet_string(
                    self.builder.as_ptr(),
                    key.as_ptr(),
                    pointer,
                    value.len(),
                )
            },
            FAILED,
        )
    }

    /// Adds an `unsigned int`.
    pub fn uint(&mut self, key: &'static CStr, value: u32) -> Result<()> {
        check(
            // SAFETY: the builder and the key are live.
            unsafe { ossl::OSSL_PARAM_BLD_push_uint(self.builder.as_ptr(), key.as_ptr(), value) },
            FAILED,
        )
    }

    /// Adds a `size_t`.
    pub fn size(&mut self, key: &'static CStr, value: usize) -> Result<()> {
        check(
            // SAFETY: the builder and the key are live.
            unsafe { ossl::OSSL_PARAM_BLD_push_size_t(self.builder.as_ptr(), key.as_ptr(), value) },
            FAILED,
        )
    }

    /// Adds a big number.
    pub fn number(&mut self, key: &'static CStr, value: BigNum) -> Result<()> {
        // SAFETY: the number is kept until the list is built.
        let status = unsafe {
            ossl::OSSL_PARAM_BLD_push_BN(self.builder.as_ptr(), key.as_ptr(), value.as_ptr())
        };
        self.numbers.push(value);
        check(status, FAILED)
    }

    /// The list.
    pub fn build(self) -> Result<Params> {
        // SAFETY: the builder is live and so is all that it refers to.
        unsafe { Params::own(ossl::OSSL_PARAM_BLD_to_param(self.builder.as_ptr())) }
            .ok_or_else(|| CryptoError::capture(FAILED))
    }
}
