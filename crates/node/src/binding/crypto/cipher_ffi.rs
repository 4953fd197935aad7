//! Cipher algorithms and their state.

use std::collections::BTreeSet;
use std::ffi::{CString, c_int, c_void};

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors};
use super::input;
use super::owned_ffi as ffi;
use super::owned_ffi::{Cipher, CipherCtx};

/// `EVP_CIPH_*_MODE`
pub mod mode {
    pub const STREAM: i32 = 0;
    pub const ECB: i32 = 1;
    pub const CBC: i32 = 2;
    pub const CFB: i32 = 3;
    pub const OFB: i32 = 4;
    pub const CTR: i32 = 5;
    pub const GCM: i32 = 6;
    pub const CCM: i32 = 7;
    pub const XTS: i32 = 0x10001;
    pub const WRAP: i32 = 0x10002;
    pub const OCB: i32 = 0x10003;
}

/// `EVP_CTRL_AEAD_SET_IVLEN`
const SET_IV_LENGTH: c_int = 0x9;
/// `EVP_CTRL_AEAD_GET_TAG`
const GET_TAG: c_int = 0x10;
/// `EVP_CTRL_AEAD_SET_TAG`
const SET_TAG: c_int = 0x11;
/// `EVP_CIPHER_CTX_FLAG_WRAP_ALLOW`
const WRAP_ALLOW: c_int = 1;

const UNKNOWN: &str = "Unknown cipher";
const INIT_FAILED: &str = "Failed to initialize cipher";

/// The algorithm `name`, of any spelling that OpenSSL knows.
pub fn cipher(name: &str) -> Result<Cipher> {
    let unknown = || CryptoError::error("ERR_CRYPTO_UNKNOWN_CIPHER", UNKNOWN);
    let name = CString::new(name).map_err(|_| unknown())?;
    // SAFETY: the name is a C string; null is the default context and no properties.
    unsafe {
        let cipher = Cipher::own(ossl::EVP_CIPHER_fetch(
            std::ptr::null_mut(),
            name.as_ptr(),
            std::ptr::null(),
        ));
        match cipher {
            Some(cipher) => Ok(cipher),
            None if ossl::EVP_get_cipherbyname(name.as_ptr()).is_null() => {
                clear_errors();
                Err(unknown())
            }
            // Known by name, but of those that OpenSSL keeps for old data only.
            None => Err(CryptoError::capture(INIT_FAILED).peeked()),
        }
    }
}

impl Cipher {
    /// The mode of operation.
    pub fn mode(&self) -> i32 {
        // SAFETY: the algorithm is live.
        unsafe { ffi::EVP_CIPHER_get_mode(self.as_ptr()) }
    }

    /// OpenSSL's number, 0 where it has none.
    pub fn nid(&self) -> i32 {
        // SAFETY: the algorithm is live.
        unsafe { ffi::EVP_CIPHER_get_nid(self.as_ptr()) }
    }

    /// Key length in bytes.
    pub fn key_length(&self) -> usize {
        // SAFETY: the algorithm is live.
        usize::try_from(unsafe { ossl::EVP_CIPHER_get_key_length(self.as_ptr()) }).unwrap_or(0)
    }

    /// Length of the initialization vector in bytes.
    pub fn iv_length(&self) -> usize {
        // SAFETY: the algorithm is live.
        usize::try_from(unsafe { ossl::EVP_CIPHER_get_iv_length(self.as_ptr()) }).unwrap_or(0)
    }

    /// Block size in bytes.
    pub fn block_size(&self) -> usize {
        // SAFETY: the algorithm is live.
        usize::try_from(unsafe { ossl::EVP_CIPHER_get_block_size(self.as_ptr()) }).unwrap_or(0)
    }

    /// Whether it is ChaCha20-Poly1305.
    pub fn is_chacha20_poly1305(&self) -> bool {
        self.nid() == ossl::NID_chacha20_poly1305
    }

    /// Whether it authenticates what it encrypts.
    pub fn is_authenticated(&self) -> bool {
        matches!(self.mode(), mode::GCM | mode::CCM | mode::OCB) || self.is_chacha20_poly1305()
    }
}

impl CipherCtx {
    /// A cipher without key.
    pub fn new(cipher: &Cipher, encrypt: bool) -> Result<CipherCtx> {
        // SAFETY: returns null or a new context; all pointers are live or null.
        unsafe {
            let context = CipherCtx::own(ossl::EVP_CIPHER_CTX_new())
                .ok_or_else(CryptoError::out_of_memory)?;
            if cipher.mode() == mode::WRAP {
                ossl::EVP_CIPHER_CTX_set_flags(context.as_ptr(), WRAP_ALLOW);
            }
            let null = std::ptr::null_mut();
            let status = ossl::EVP_CipherInit_ex(
                context.as_ptr(),
                cipher.as_ptr(),
                null,
                std::ptr::null(),
                std::ptr::null(),
                c_int::from(encrypt),
            );
            if status != 1 {
                return Err(CryptoError::capture(INIT_FAILED).peeked());
            }
            Ok(context)
        }
    }

    /// Sets the key, and the vector; their lengths have been set and checked.
    pub fn set_key(&mut self, key: &[u8], iv: Option<&[u8]>) -> Result<()> {
        // SAFETY: the context is live.
        let (key_length, iv_length) = unsafe {
            (
                ossl::EVP_CIPHER_CTX_get_key_length(self.as_ptr()),
                ossl::EVP_CIPHER_CTX_get_iv_length(self.as_ptr()),
            )
        };
        if usize::try_from(key_length).ok() != Some(key.len())
            || iv.is_some_and(|iv| {
                usize::try_from(iv_length)
                    .ok()
                    .is_none_or(|length| length > iv.len())
            })
        {
            return Err(CryptoError::range_error(
                "ERR_CRYPTO_INVALID_KEYLEN",
                "Invalid key length",
            ));
        }
        let iv = iv.map_or(std::ptr::null(), <[u8]>::as_ptr);
        // SAFETY: key and vector have the lengths that the context expects; -1 keeps the direction.
        let status = unsafe {
            ossl::EVP_CipherInit_ex(
                self.as_ptr(),
                std::ptr::null(),
                std::ptr::null_mut(),
                key.as_ptr(),
                iv,
                -1,
            )
        };
        if status == 1 {
            Ok(())
        } else {
            Err(CryptoError::capture(INIT_FAILED).peeked())
        }
    }

    fn control(&mut self, command: c_int, length: usize, data: *mut c_void) -> bool {
        let Some(length) = ffi::int(length) else {
            return false;
        };
        // SAFETY: callers pass null or a buffer of that length.
        let done = unsafe { ossl::EVP_CIPHER_CTX_ctrl(self.as_ptr(), command, length, data) } == 1;
        if !done {
            clear_errors();
        }
        done
    }

    /// Sets the length of the vector.
    pub fn set_iv_length(&mut self, length: usize) -> bool {
        self.control(SET_IV_LENGTH, length, std::ptr::null_mut())
    }

    /// Sets the length of the key.
    pub fn set_key_length(&mut self, length: usize) -> bool {
        let Some(length) = ffi::int(length) else {
            return false;
        };
        // SAFETY: the context is live.
        let done = unsafe { ossl::EVP_CIPHER_CTX_set_key_length(self.as_ptr(), length) } == 1;
        if !done {
            clear_errors();
        }
        done
    }

    /// Sets the length of the tag.
    pub fn set_tag_length(&mut self, length: usize) -> bool {
        self.control(SET_TAG, length, std::ptr::null_mut())
    }

    /// Sets the tag that decryption is to find.
    pub fn set_tag(&mut self, tag: &[u8]) -> bool {
        self.control(SET_TAG, tag.len(), tag.as_ptr().cast_mut().cast())
    }

    /// The tag of what was encrypted.
    pub fn tag(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut tag = vec![0; length];
        let room = ffi::int(length).ok_or_else(CryptoError::out_of_memory)?;
        // SAFETY: the buffer has the length given.
        let status = unsafe {
            ossl::EVP_CIPHER_CTX_ctrl(self.as_ptr(), GET_TAG, room, tag.as_mut_ptr().cast())
        };
        check(status, "Unsupported state or unable to authenticate data")
            .map_err(CryptoError::peeked)?;
        Ok(tag)
    }

    /// Sets whether blocks are padded.
    pub fn set_padding(&mut self, padding: bool) -> bool {
        // SAFETY: the context is live.
        unsafe { ossl::EVP_CIPHER_CTX_set_padding(self.as_ptr(), c_int::from(padding)) == 1 }
    }

    /// Tells CCM how long the message will be.
    pub fn set_message_length(&mut self, length: usize) -> bool {
        let Some(length) = ffi::int(length) else {
            return false;
        };
        let mut written = 0;
        // SAFETY: without buffers only the length is taken.
        unsafe {
            ossl::EVP_CipherUpdate(
                self.as_ptr(),
                std::ptr::null_mut(),
                &mut written,
                std::ptr::null(),
                length,
            ) == 1
        }
    }

    /// Adds data that are authenticated only.
    pub fn authenticate(&mut self, data: &[u8]) -> bool {
        let Some(length) = ffi::int(data.len()) else {
            return false;
        };
        let mut written = 0;
        // SAFETY: pointer and length are those of the slice; without an output the data are authenticated only.
        unsafe {
            ossl::EVP_CipherUpdate(
                self.as_ptr(),
                std::ptr::null_mut(),
                &mut written,
                data.as_ptr(),
                length,
            ) == 1
        }
    }

    /// Encrypts or decrypts `data`; `None` where OpenSSL refuses.
    pub fn update(&mut self, data: &[u8], wraps: bool) -> Result<Option<Vec<u8>>> {
        let Some(length) = ffi::int(data.len()) else {
            return Ok(None);
        };
        // SAFETY: the context is live.
        let block = usize::try_from(unsafe { ossl::EVP_CIPHER_CTX_get_block_size(self.as_ptr()) })
            .unwrap_or(0);
        // Key wrapping writes up to two blocks of eight more than it reads.
        let room = data.len() + block + if wraps { 16 } else { 0 };
        if ffi::int(room).is_none() {
            return Ok(None);
        }
        let mut output = input::buffer(room)?;
        let mut written = 0;
        // SAFETY: the output holds the data and one block more, what an update writes at most.
        let status = unsafe {
            ossl::EVP_CipherUpdate(
                self.as_ptr(),
                output.as_mut_ptr(),
                &mut written,
                data.as_ptr(),
                length,
            )
        };
        if status != 1 {
            return Ok(None);
        }
        output.truncate(usize::try_from(written).unwrap_or(0));
        Ok(Some(output))
    }

    /// Ends the message.
    pub fn finish(&mut self) -> Result<Vec<u8>> {
        let mut output = vec![0; 64];
        let mut written = 0;
        // SAFETY: the output holds the largest block there is (`EVP_MAX_BLOCK_LENGTH` is 32).
        let status =
            unsafe { ossl::EVP_CipherFinal(self.as_ptr(), output.as_mut_ptr(), &mut written) };
        check(status, "Unsupported state")?;
        output.truncate(usize::try_from(written).unwrap_or(0));
        Ok(output)
    }
}

/// Names of the ciphers that can be used, sorted (`crypto.getCiphers()`).
pub fn names() -> Vec<String> {
    // SAFETY: the function of OpenSSL that lists them.
    let names = unsafe { ffi::algorithm_names(ffi::EVP_CIPHER_do_all_sorted) };
    let usable: BTreeSet<String> = names
        .into_iter()
        // Upper-case names are doubles of those in lower case.
        .filter(|name| !name.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|name| cipher(name).is_ok())
        .collect();
    usable.into_iter().collect()
}
