//! Certificates.

use std::ffi::{CStr, CString, c_int, c_ulong};

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check, clear_errors};
use super::owned_ffi as ffi;
use super::owned_ffi::{BigNum, Bio, Pkey, X509};

/// Bytes for the text of an object identifier.
const OBJECT_TEXT: c_int = 128;

/// `ASN1_STRFLGS_ESC_2253 | ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT | XN_FLAG_SEP_MULTILINE | XN_FLAG_FN_SN`
const NAME_FLAGS: c_ulong = 1 | 2 | 0x10 | (4 << 16);

impl X509 {
    /// A certificate in PEM or DER.
    pub fn parse(bytes: &[u8]) -> Result<X509> {
        let bio = Bio::reading(bytes)?;
        // SAFETY: the stream is live; without a pass phrase callback an encrypted block fails.
        let pem = unsafe {
            let null = std::ptr::null_mut();
            X509::own(ossl::PEM_read_bio_X509(
                bio.as_ptr(),
                std::ptr::null_mut(),
                Some(no_password),
                null,
            ))
        };
        if let Some(certificate) = pem {
            return Ok(certificate);
        }
        let pem_error = CryptoError::capture("Failed to parse certificate");
        let mut pointer = bytes.as_ptr();
        let length = bytes
            .len()
            .try_into()
            .map_err(|_| CryptoError::out_of_memory())?;
        // SAFETY: pointer and length are those of the slice.
        let der = unsafe { X509::own(ossl::d2i_X509(std::ptr::null_mut(), &mut pointer, length)) };
        clear_errors();
        der.ok_or(pem_error)
    }

    /// DER.
    pub fn der(&self) -> Result<Vec<u8>> {
        let bio = Bio::memory()?;
        check(
            // SAFETY: both are live.
            unsafe { ossl::i2d_X509_bio(bio.as_ptr(), self.as_ptr()) },
            "Failed to encode certificate",
        )?;
        Ok(bio.contents())
    }

    /// PEM.
    pub fn pem(&self) -> Result<String> {
        let bio = Bio::memory()?;
        check(
            // SAFETY: both are live.
            unsafe { ossl::PEM_write_bio_X509(bio.as_ptr(), self.as_ptr()) },
            "Failed to encode certificate",
        )?;
        Ok(bio.text())
    }

    /// The subject, one part a line.
    pub fn subject(&self) -> Result<Option<String>> {
        // SAFETY: the name belongs to the certificate.
        name_text(unsafe { ossl::X509_get_subject_name(self.as_ptr()) })
    }

    /// The issuer, one part a line.
    pub fn issuer(&self) -> Result<Option<String>> {
        // SAFETY: the name belongs to the certificate.
        name_text(unsafe { ossl::X509_get_issuer_name(self.as_ptr()) })
    }

    /// An extension as OpenSSL prints it; `None` where the certificate lacks it.
    pub fn extension_text(&self, nid: c_int) -> Result<Option<String>> {
        let bio = Bio::memory()?;
        // SAFETY: the extension belongs to the certificate.
        unsafe {
            let index = ossl::X509_get_ext_by_NID(self.as_ptr(), nid, -1);
            if index < 0 {
                return Ok(None);
            }
            let extension = ossl::X509_get_ext(self.as_ptr(), index);
            if extension.is_null() || ossl::X509V3_EXT_print(bio.as_ptr(), extension, 0, 0) != 1 {
                clear_errors();
                return Ok(None);
            }
        }
        Ok(Some(bio.text()))
    }

    fn time_field(&self, end: bool) -> *const ossl::ASN1_TIME {
        // SAFETY: the time belongs to the certificate.
        unsafe {
            if end {
                ossl::X509_getm_notAfter(self.as_ptr())
            } else {
                ossl::X509_getm_notBefore(self.as_ptr())
            }
        }
    }

    /// The start or end of validity, printed.
    pub fn time_text(&self, end: bool) -> Result<String> {
        let bio = Bio::memory()?;
        check(
            // SAFETY: the time belongs to the certificate.
            unsafe { ossl::ASN1_TIME_print(bio.as_ptr(), self.time_field(end)) },
            "Invalid time",
        )?;
        Ok(bio.text())
    }

    /// The start or end of validity, seconds since the epoch.
    pub fn time(&self, end: bool) -> Result<i64> {
        // SAFETY: all zero is a valid `tm`; the time belongs to the certificate.
        let (status, mut tm) = unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            (ffi::ASN1_TIME_to_tm(self.time_field(end), &mut tm), tm)
        };
        check(status, "Invalid time")?;
        // SAFETY: the structure is initialised; no time zone is read.
        Ok(unsafe { libc::timegm(&mut tm) })
    }

    /// The serial number in hexadecimal digits.
    pub fn serial_number(&self) -> Result<String> {
        // SAFETY: the serial number belongs to the certificate; the converted one is ours.
        let number = unsafe {
            let serial = ossl::X509_get_serialNumber(self.as_ptr());
            BigNum::own(ossl::ASN1_INTEGER_to_BN(serial, std::ptr::null_mut()))
        };
        let bytes = number.ok_or_else(CryptoError::out_of_memory)?.to_bytes()?;
        Ok(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
    }

    /// The signature algorithm, by name or number; `None` where it has no name.
    pub fn signature_algorithm(&self, oid: bool) -> Option<String> {
        let mut text = [0u8; OBJECT_TEXT as usize];
        // SAFETY: the algorithm belongs to the certificate; the buffer has the length given.
        unsafe {
            let (mut algorithm, mut object) = (std::ptr::null(), std::ptr::null());
            ossl::X509_get0_signature(std::ptr::null_mut(), &mut algorithm, self.as_ptr());
            ossl::X509_ALGOR_get0(
                &mut object,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                algorithm,
            );
            if oid {
                ossl::OBJ_obj2txt(text.as_mut_ptr().cast(), OBJECT_TEXT, object, 1);
                return CStr::from_bytes_until_nul(&text)
                    .ok()
                    .map(|text| text.to_string_lossy().into_owned());
            }
            match ossl::OBJ_obj2nid(object) {
                0 => None,
                nid => Some(
                    CStr::from_ptr(ossl::OBJ_nid2ln(nid))
                        .to_string_lossy()
                        .into_owned(),
                ),
            }
        }
    }

    /// The object identifiers of the extended key usage; `None` where the certificate lacks it.
    pub fn extended_key_usage(&self) -> Option<Vec<String>> {
        // SAFETY: the list is ours and freed after its objects were printed; the buffer has the length given.
        unsafe {
            let null = std::ptr::null_mut();
            let list = ossl::X509_get_ext_d2i(self.as_ptr(), ossl::NID_ext_key_usage, null, null);
            if list.is_null() {
                clear_errors();
                return None;
            }
            let stack = list.cast::<ossl::OPENSSL_STACK>();
            let mut names = Vec::new();
            for index in 0..ossl::OPENSSL_sk_num(stack) {
                let object = ossl::OPENSSL_sk_value(stack, index).cast::<ossl::ASN1_OBJECT>();
                let mut text = [0u8; OBJECT_TEXT as usize];
                ossl::OBJ_obj2txt(text.as_mut_ptr().cast(), OBJECT_TEXT, object, 1);
                if let Ok(name) = CStr::from_bytes_until_nul(&text) {
                    names.push(name.to_string_lossy().into_owned());
                }
                ossl::ASN1_OBJECT_free(object);
            }
            ossl::OPENSSL_sk_free(stack);
            Some(names)
        }
    }

    /// The subject's key.
    pub fn public_key(&self) -> Result<Pkey> {
        // SAFETY: the key has its own reference.
        unsafe { Pkey::own(ossl::X509_get_pubkey(self.as_ptr())) }
            .ok_or_else(|| CryptoError::capture("Failed to get the public key"))
    }

    /// Whether it may sign others.
    pub fn is_ca(&self) -> bool {
        // SAFETY: the certificate is live.
        let ca = unsafe { ffi::X509_check_ca(self.as_ptr()) } == 1;
        clear_errors();
        ca
    }

    /// Whether `issuer` issued it, going by names and key identifiers.
    pub fn is_issued_by(&self, issuer: &X509) -> bool {
        // SAFETY: both are live.
        let issued = unsafe { ossl::X509_check_issued(issuer.as_ptr(), self.as_ptr()) } == 0;
        clear_errors();
        issued
    }

    /// Whether `key` is that of the subject.
    pub fn belongs_to(&self, key: &Pkey) -> bool {
        // SAFETY: both are live.
        let same = unsafe { ffi::X509_check_private_key(self.as_ptr(), key.as_ptr()) } == 1;
        clear_errors();
        same
    }

    /// Whether `key` made the signature.
    pub fn is_signed_by(&self, key: &Pkey) -> bool {
        // SAFETY: both are live.
        let signed = unsafe { ossl::X509_verify(self.as_ptr(), key.as_ptr()) } == 1;
        clear_errors();
        signed
    }

    /// The name in the certificate that matches the host `name`.
    pub fn check_host(&self, name: &str, flags: u32) -> Result<Option<String>> {
        let mut peer = std::ptr::null_mut();
        // SAFETY: pointer and length are those of the string; a found name is copied and freed.
        let (status, found) = unsafe {
            let (text, length) = (name.as_ptr().cast(), name.len());
            let status = ossl::X509_check_host(self.as_ptr(), text, length, flags, &mut peer);
            let found = if peer.is_null() {
                None
            } else {
                Some(CStr::from_ptr(peer).to_string_lossy().into_owned())
            };
            ossl::CRYPTO_free(peer.cast(), c"".as_ptr(), 0);
            (status, found)
        };
        matched(
            status,
            found.unwrap_or_else(|| name.to_owned()),
            "Invalid name",
        )
    }

    /// Whether the certificate is for the address `name`.
    pub fn check_email(&self, name: &str, flags: u32) -> Result<Option<String>> {
        // SAFETY: pointer and length are those of the string.
        let status = unsafe {
            ossl::X509_check_email(self.as_ptr(), name.as_ptr().cast(), name.len(), flags)
        };
        matched(status, name.to_owned(), "Invalid name")
    }

    /// Whether the certificate is for the IP address `name`.
    pub fn check_ip(&self, name: &str, flags: u32) -> Result<Option<String>> {
        let text = CString::new(name).map_err(|_| invalid("Invalid IP"))?;
        // SAFETY: the address is a C string.
        let status = unsafe { ossl::X509_check_ip_asc(self.as_ptr(), text.as_ptr(), flags) };
        matched(status, name.to_owned(), "Invalid IP")
    }
}

pub unsafe extern "C" fn no_password(
    _buffer: *mut std::ffi::c_char,
    _size: c_int,
    _writing: c_int,
    _user: *mut std::ffi::c_void,
) -> c_int {
    0
}

fn invalid(message: &str) -> CryptoError {
    CryptoError::type_error("ERR_INVALID_ARG_VALUE", message)
}

fn matched(status: c_int, name: String, message: &str) -> Result<Option<String>> {
    clear_errors();
    match status {
        1 => Ok(Some(name)),
        0 => Ok(None),
        -2 => Err(invalid(message)),
        _ => Err(CryptoError::operation_failed(
            "The certificate could not be checked",
        )),
    }
}

fn name_text(name: *const ossl::X509_NAME) -> Result<Option<String>> {
    if name.is_null() {
        return Ok(None);
    }
    let bio = Bio::memory()?;
    check(
        // SAFETY: the name belongs to a live certificate.
        unsafe { ffi::X509_NAME_print_ex(bio.as_ptr(), name, 0, NAME_FLAGS) },
        "Failed to print a name",
    )?;
    Ok(Some(bio.text()).filter(|text| !text.is_empty()))
}
