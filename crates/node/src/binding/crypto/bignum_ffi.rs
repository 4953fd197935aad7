//! Big numbers.

use std::cmp::Ordering;
use std::ffi::c_int;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check};
use super::input;
use super::owned_ffi as ffi;
use super::owned_ffi::{BigNum, BigNumCtx, Progress};
use crate::callback::contain_bare;
use crate::threads::interruption;

impl BigNum {
    /// Zero.
    pub fn zero() -> Result<BigNum> {
        // SAFETY: returns null or a new number.
        unsafe { BigNum::own(ossl::BN_new()) }.ok_or_else(CryptoError::out_of_memory)
    }

    /// A small number.
    pub fn from_u32(value: u32) -> Result<BigNum> {
        BigNum::from_bytes(&value.to_be_bytes())
    }

    /// A number from big-endian bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<BigNum> {
        let length = ffi::int(bytes.len()).ok_or_else(CryptoError::out_of_memory)?;
        // SAFETY: pointer and length are those of the slice; null asks for a new number.
        unsafe {
            BigNum::own(ossl::BN_bin2bn(
                bytes.as_ptr(),
                length,
                std::ptr::null_mut(),
            ))
        }
        .ok_or_else(|| CryptoError::capture("The number is too big"))
    }

    /// A copy of a number that OpenSSL owns.
    ///
    /// # Safety
    /// `number` is null or valid.
    pub unsafe fn copy_of(number: *const ossl::BIGNUM) -> Option<BigNum> {
        // SAFETY: by the contract; null yields null.
        unsafe {
            if number.is_null() {
                None
            } else {
                BigNum::own(ossl::BN_dup(number))
            }
        }
    }

    /// Number of significant bits.
    pub fn bits(&self) -> i32 {
        // SAFETY: the number is live.
        unsafe { ossl::BN_num_bits(self.as_ptr()) }
    }

    /// Number of significant bytes.
    pub fn byte_length(&self) -> usize {
        usize::try_from(self.bits()).unwrap_or(0).div_ceil(8)
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.bits() == 0
    }

    /// Big-endian bytes without leading zeros.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.to_padded_bytes(self.byte_length())
    }

    /// Big-endian bytes, padded with zeros to `length`.
    pub fn to_padded_bytes(&self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = input::buffer(length)?;
        let room = ffi::int(length).ok_or_else(CryptoError::out_of_memory)?;
        // SAFETY: the buffer has the length given.
        let written = unsafe { ossl::BN_bn2binpad(self.as_ptr(), bytes.as_mut_ptr(), room) };
        if written < 0 {
            Err(CryptoError::capture("The number is too big"))
        } else {
            Ok(bytes)
        }
    }

    /// Order.
    pub fn compare(&self, other: &BigNum) -> Ordering {
        // SAFETY: both are live.
        unsafe { ossl::BN_cmp(self.as_ptr(), other.as_ptr()) }.cmp(&0)
    }

    /// A random prime of `bits` bits, congruent to `rem` modulo `add`.
    pub fn generate_prime(
        bits: i32,
        safe: bool,
        add: Option<&BigNum>,
        rem: Option<&BigNum>,
    ) -> Result<BigNum> {
        let prime = BigNum::zero()?;
        let context = BigNumCtx::new()?;
        let pointer = |number: Option<&BigNum>| number.map_or(std::ptr::null_mut(), BigNum::as_ptr);
        let progress = Progress::new()?;
        // SAFETY: all numbers are live or null; the callback outlives the call.
        let status = unsafe {
            ffi::BN_generate_prime_ex2(
                prime.as_ptr(),
                bits,
                i32::from(safe),
                pointer(add),
                pointer(rem),
                progress.as_ptr(),
                context.as_ptr(),
            )
        };
        check(status, "Prime generation failed")?;
        Ok(prime)
    }

    /// Whether it is prime, by `checks` rounds of Miller-Rabin; 0 lets OpenSSL choose.
    pub fn is_prime(&self, checks: i32) -> Result<bool> {
        let context = BigNumCtx::new()?;
        let progress = Progress::new()?;
        // SAFETY: both are live; the callback outlives the call.
        match unsafe {
            ffi::BN_is_prime_ex(self.as_ptr(), checks, context.as_ptr(), progress.as_ptr())
        } {
            1 => Ok(true),
            0 => Ok(false),
            _ => Err(CryptoError::capture("Prime check failed")),
        }
    }
}

impl Progress {
    /// Has a search give up when the program is ended.
    pub fn new() -> Result<Progress> {
        unsafe extern "C" fn goes_on(
            _step: c_int,
            _number: c_int,
            _: *mut ossl::BN_GENCB,
        ) -> c_int {
            contain_bare(interruption::is_requested).map_or(0, |ends| c_int::from(!ends))
        }
        // SAFETY: returns null or a new object, which is nobody else's; the callback needs no argument.
        unsafe {
            let progress =
                Progress::own(ffi::BN_GENCB_new()).ok_or_else(CryptoError::out_of_memory)?;
            ffi::BN_GENCB_set(progress.as_ptr(), goes_on, std::ptr::null_mut());
            Ok(progress)
        }
    }
}

impl BigNumCtx {
    /// New scratch space.
    pub fn new() -> Result<BigNumCtx> {
        // SAFETY: returns null or a new context.
        unsafe { BigNumCtx::own(ossl::BN_CTX_new()) }.ok_or_else(CryptoError::out_of_memory)
    }
}

#[cfg(test)]
mod tests {
    use super::BigNum;

    #[test]
    fn bytes_round_trip_and_pad() {
        let number = BigNum::from_bytes(&[0, 1, 2]).unwrap();
        assert_eq!(number.to_bytes().unwrap(), [1, 2]);
        assert_eq!(number.to_padded_bytes(4).unwrap(), [0, 0, 1, 2]);
        assert!(number.to_padded_bytes(1).is_err());
    }

    #[test]
    fn primes_are_found() {
        let prime = BigNum::generate_prime(64, false, None, None).unwrap();
        assert_eq!(prime.bits(), 64);
        assert!(prime.is_prime(0).unwrap());
        assert!(!BigNum::from_u32(221).unwrap().is_prime(10).unwrap());
    }
}
