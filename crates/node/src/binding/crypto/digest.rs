//! Digest algorithms by name. Follows Node's `src/crypto/crypto_hash.cc`.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_int};

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors};
use super::input;
use super::owned_ffi as ffi;
use super::owned_ffi::{Md, MdCtx};
use crate::threads::interruption;

/// Bytes between two looks whether the program is being ended.
pub const PIECE: usize = 16 << 20;

/// `EVP_MD_FLAG_XOF`
const FLAG_XOF: u64 = 0x2;

impl Md {
    /// The algorithm `name`, of any spelling that OpenSSL knows.
    pub fn fetch(name: &str) -> Option<Md> {
        let name = CString::new(name).ok()?;
        // SAFETY: the names are C strings; null stands for the default library context and no properties.
        let md = unsafe {
            let fetch = |name| {
                Md::own(ossl::EVP_MD_fetch(
                    std::ptr::null_mut(),
                    name,
                    std::ptr::null(),
                ))
            };
            fetch(name.as_ptr()).or_else(|| {
                // A name of a signature algorithm stands for its digest: `RSA-SHA256`.
                let alias = ossl::EVP_get_digestbyname(name.as_ptr());
                if alias.is_null() {
                    None
                } else {
                    fetch(ffi::EVP_MD_get0_name(alias))
                }
            })
        };
        clear_errors();
        md
    }

    /// The algorithm `name`, or `ERR_CRYPTO_INVALID_DIGEST`.
    pub fn named(name: &str) -> Result<Md> {
        Md::fetch(name).ok_or_else(|| {
            CryptoError::type_error(
                "ERR_CRYPTO_INVALID_DIGEST",
                format!("Invalid digest: {name}"),
            )
        })
    }

    /// Whether the output may have any length.
    pub fn is_xof(&self) -> bool {
        // SAFETY: the algorithm is live.
        unsafe { ffi::EVP_MD_get_flags(self.as_ptr()) & FLAG_XOF != 0 }
    }

    /// Output length in bytes where none is asked for.
    pub fn size(&self) -> usize {
        // SAFETY: the algorithm is live; the names are C strings.
        unsafe {
            match usize::try_from(ossl::EVP_MD_get_size(self.as_ptr())) {
                Ok(size) if size > 0 => size,
                // OpenSSL gives SHAKE no length of its own; Node keeps the one it had.
                _ if ffi::EVP_MD_is_a(self.as_ptr(), c"SHAKE128".as_ptr()) == 1 => 16,
                _ if ffi::EVP_MD_is_a(self.as_ptr(), c"SHAKE256".as_ptr()) == 1 => 32,
                _ => 0,
            }
        }
    }

    /// OpenSSL's own name.
    pub fn name(&self) -> &CStr {
        // SAFETY: the name lives as long as the algorithm.
        unsafe { CStr::from_ptr(ffi::EVP_MD_get0_name(self.as_ptr())) }
    }
}

impl MdCtx {
    /// A digest in its initial state.
    pub fn new(md: &Md) -> Result<MdCtx> {
        let context = MdCtx::empty()?;
        // SAFETY: both are live; the context keeps its own reference to the algorithm.
        let status =
            unsafe { ossl::EVP_DigestInit_ex(context.as_ptr(), md.as_ptr(), std::ptr::null_mut()) };
        check(status, "Digest method not supported")?;
        Ok(context)
    }

    /// A context without an algorithm.
    pub fn empty() -> Result<MdCtx> {
        // SAFETY: returns null or a new context.
        unsafe { MdCtx::own(ossl::EVP_MD_CTX_new()) }.ok_or_else(CryptoError::out_of_memory)
    }

    /// A second digest in the same state.
    pub fn duplicate(&self) -> Result<MdCtx> {
        let copy = MdCtx::empty()?;
        check(
            // SAFETY: both are live.
            unsafe { ossl::EVP_MD_CTX_copy_ex(copy.as_ptr(), self.as_ptr()) },
            "Digest copy error",
        )?;
        Ok(copy)
    }

    /// Adds data. Stops in the middle when the program is being ended.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        for piece in data.chunks(PIECE) {
            check(
                // SAFETY: pointer and length are those of a slice.
                unsafe {
                    ossl::EVP_DigestUpdate(self.as_ptr(), piece.as_ptr().cast(), piece.len())
                },
                "Digest update failed",
            )?;
            if interruption::is_requested() {
                break;
            }
        }
        Ok(())
    }

    /// Ends the digest; `length` is what [`output_length`] allowed.
    pub fn finish(&mut self, md: &Md, length: usize) -> Result<Vec<u8>> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let mut output = input::buffer(length)?;
        let status = if md.is_xof() {
            // SAFETY: the buffer has the length given.
            unsafe { ossl::EVP_DigestFinalXOF(self.as_ptr(), output.as_mut_ptr(), output.len()) }
        } else {
            let mut written = 0;
            debug_assert!(
                length == md.size(),
                "only an extendable output has another length"
            );
            // SAFETY: the buffer has the size of the digest.
            unsafe { ossl::EVP_DigestFinal_ex(self.as_ptr(), output.as_mut_ptr(), &mut written) }
        };
        check(status, "Digest failed")?;
        Ok(output)
    }
}

/// The output length for `wanted`; only an extendable-output function has a choice.
pub fn output_length(md: &Md, wanted: Option<usize>) -> Result<usize> {
    match wanted {
        Some(length) if length != md.size() && !md.is_xof() => {
            /// `EVP_R_NOT_XOF_OR_INVALID_LENGTH`
            const NOT_XOF: u64 = super::error::pack(6, 178);
            Err(CryptoError::OpenSsl(
                vec![NOT_XOF],
                "Unsupported state or unable to create digest",
            ))
        }
        Some(length) => Ok(length),
        None => Ok(md.size()),
    }
}

/// The digest of `data` in one step.
pub fn digest(md: &Md, data: &[u8], length: usize) -> Result<Vec<u8>> {
    let mut context = MdCtx::new(md)?;
    context.update(data)?;
    context.finish(md, length)
}

/// Names of the digests that can be used, sorted (`crypto.getHashes()`).
pub fn names() -> Vec<String> {
    // SAFETY: the function of OpenSSL that lists them.
    let names = unsafe { ffi::algorithm_names(ffi::EVP_MD_do_all_sorted) };
    let usable: BTreeSet<String> = names
        .into_iter()
        // Upper-case names are doubles of those in lower case.
        .filter(|name| {
            !name.starts_with(|c: char| c.is_ascii_uppercase()) || name.starts_with("RSA-")
        })
        .filter(|name| Md::fetch(name).is_some())
        .collect();
    usable.into_iter().collect()
}

/// Constant-time comparison of equally long byte strings.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    // SAFETY: both have the length given.
    a.len() == b.len()
        && unsafe {
            ossl::CRYPTO_memcmp(a.as_ptr().cast(), b.as_ptr().cast(), a.len()) as c_int == 0
        }
}

#[cfg(test)]
mod tests {
    use super::{Md, digest, names, output_length};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn known_answers() {
        super::ffi::init();
        let md = Md::fetch("sha256").unwrap();
        assert_eq!(
            hex(&digest(&md, b"abc", md.size()).unwrap()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let md = Md::fetch("RSA-MD5").unwrap();
        assert_eq!(
            hex(&digest(&md, b"", md.size()).unwrap()),
            "d41d8cd98f00b204e9800998ecf8427e"
        );
    }

    #[test]
    fn only_extendable_outputs_have_a_choice_of_length() {
        super::ffi::init();
        assert!(output_length(&Md::fetch("sha256").unwrap(), Some(5)).is_err());
        assert_eq!(
            output_length(&Md::fetch("shake128").unwrap(), Some(5)).unwrap(),
            5
        );
        assert_eq!(
            output_length(&Md::fetch("shake128").unwrap(), None).unwrap(),
            16
        );
    }

    #[test]
    fn a_name_with_nul_is_unknown() {
        super::ffi::init();
        assert!(Md::fetch("sha256\0").is_none());
    }

    #[test]
    fn usual_names_are_listed() {
        super::ffi::init();
        let names = names();
        for name in ["sha256", "RSA-SHA1", "shake256", "sha3-512"] {
            assert!(
                names.iter().any(|n| n == name),
                "{name} is missing from {names:?}"
            );
        }
    }
}
