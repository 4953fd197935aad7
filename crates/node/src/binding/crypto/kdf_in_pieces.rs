//! PBKDF2 (RFC 8018) and scrypt (RFC 7914) for costs that take long. OpenSSL's own cannot be stopped in the middle; these
//! look now and then whether the program is being ended.

use std::ffi::c_uint;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check};
use super::input;
use super::owned_ffi::{Md, MdCtx};
use crate::threads::interruption;

const FAILED: &str = "Deriving bits failed";

/// Codes of PBKDF2 that OpenSSL makes in some tenths of a second.
const LONG_PBKDF2: u64 = 1 << 17;

/// Steps between two looks.
const STEPS: u32 = 1024;

/// Whether a PBKDF2 of these parameters takes long. Those that OpenSSL refuses do not.
pub fn takes_long(md: &Md, iterations: i32, length: usize) -> bool {
    let size = md.size();
    if size == 0 || md.is_xof() {
        return false;
    }
    let blocks = length.div_ceil(size) as u64;
    blocks.saturating_mul(u64::from(iterations.unsigned_abs())) > LONG_PBKDF2
}

/// Fails when the program is being ended: nobody sees what is returned.
fn go_on() -> Result<()> {
    if interruption::is_requested() {
        return Err(CryptoError::operation_failed(FAILED));
    }
    Ok(())
}

/// HMAC with one key for many short messages.
struct Hmac {
    inner: MdCtx,
    outer: MdCtx,
    scratch: MdCtx,
}

impl Hmac {
    fn new(md: &Md, key: &[u8]) -> Result<Hmac> {
        // SAFETY: the algorithm is live.
        let block = unsafe { ossl::EVP_MD_get_block_size(md.as_ptr()) };
        let block = usize::try_from(block).map_err(|_| CryptoError::capture(FAILED))?;
        let mut padded = input::buffer(block)?;
        if key.len() > block {
            let mut context = MdCtx::new(md)?;
            context.update(key)?;
            let short = context.finish(md, md.size())?;
            padded[..short.len()].copy_from_slice(&short);
        } else {
            padded[..key.len()].copy_from_slice(key);
        }
        let keyed = |pad: u8| -> Result<MdCtx> {
            let mut context = MdCtx::new(md)?;
            let bytes: Vec<u8> = padded.iter().map(|byte| byte ^ pad).collect();
            context.update(&bytes)?;
            Ok(context)
        };
        Ok(Hmac {
            inner: keyed(0x36)?,
            outer: keyed(0x5c)?,
            scratch: MdCtx::empty()?,
        })
    }

    /// Replaces `code` by the code of `message`.
    fn code(&mut self, message: &[&[u8]], code: &mut [u8]) -> Result<()> {
        self.digest(true, message, code)?;
        let inner = code.to_vec();
        self.digest(false, &[&inner], code)
    }

    fn digest(&mut self, inner: bool, parts: &[&[u8]], digest: &mut [u8]) -> Result<()> {
        let keyed = if inner { &self.inner } else { &self.outer };
        // SAFETY: both are live.
        let status = unsafe { ossl::EVP_MD_CTX_copy_ex(self.scratch.as_ptr(), keyed.as_ptr()) };
        check(status, FAILED)?;
        for part in parts {
            self.scratch.update(part)?;
        }
        let mut written: c_uint = 0;
        check(
            // SAFETY: the buffer has the size of the digest.
            unsafe {
                ossl::EVP_DigestFinal_ex(self.scratch.as_ptr(), digest.as_mut_ptr(), &mut written)
            },
            FAILED,
        )
    }
}

/// PBKDF2 with HMAC.
pub fn pbkdf2(
    md: &Md,
    password: &[u8],
    salt: &[u8],
    iterations: i32,
    key: &mut [u8],
) -> Result<()> {
    let mut hmac = Hmac::new(md, password)?;
    let size = md.size();
    let mut code = input::buffer(size)?;
    for (number, part) in (1_u32..).zip(key.chunks_mut(size)) {
        hmac.code(&[salt, &number.to_be_bytes()], &mut code)?;
        let mut block = code.clone();
        for step in 1..iterations.unsigned_abs() {
            if step % STEPS == 0 {
                go_on()?;
            }
            let last = code.clone();
            hmac.code(&[&last], &mut code)?;
            block
                .iter_mut()
                .zip(&code)
                .for_each(|(sum, byte)| *sum ^= byte);
        }
        go_on()?;
        part.copy_from_slice(&block[..part.len()]);
    }
    Ok(())
}

/// Words of one block of Salsa20.
const WORDS: usize = 16;

/// scrypt with the parameters N, r and p, which have been checked.
pub fn scrypt(
    password: &[u8],
    salt: &[u8],
    (n, r, p): (u64, u64, u64),
    key: &mut [u8],
) -> Result<()> {
    let too_large = |_| CryptoError::out_of_memory();
    let words = 2 * WORDS * usize::try_from(r).map_err(too_large)?;
    let rounds = usize::try_from(n).map_err(too_large)?;
    let lanes = usize::try_from(p).map_err(too_large)?;
    let sha256 = Md::named("SHA256")?;
    let mut bytes = input::buffer(4 * words * lanes)?;
    pbkdf2(&sha256, password, salt, 1, &mut bytes)?;
    let mut table = Vec::<u32>::new();
    table
        .try_reserve_exact(words * rounds)
        .map_err(|_| CryptoError::out_of_memory())?;
    for lane in bytes.chunks_exact_mut(4 * words) {
        mix(lane, rounds, &mut table)?;
    }
    pbkdf2(&sha256, password, &bytes, 1, key)
}

/// scryptROMix.
fn mix(lane: &mut [u8], rounds: usize, table: &mut Vec<u32>) -> Result<()> {
    let mut block: Vec<u32> = lane
        .as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| u32::from_le_bytes(*bytes))
        .collect();
    let words = block.len();
    let mut other = vec![0; words];
    // Some hundred kilobytes between two looks.
    let steps = (1 << 17) / words + 1;
    table.clear();
    for step in 0..rounds {
        if step % steps == 0 {
            go_on()?;
        }
        table.extend_from_slice(&block);
        mix_block(&block, &mut other);
        std::mem::swap(&mut block, &mut other);
    }
    for step in 0..rounds {
        if step % steps == 0 {
            go_on()?;
        }
        // N is a power of two below 2^32, so the low word has the whole index.
        let index = block[words - WORDS] as usize & (rounds - 1);
        let row = &table[index * words..][..words];
        block
            .iter_mut()
            .zip(row)
            .for_each(|(word, entry)| *word ^= entry);
        mix_block(&block, &mut other);
        std::mem::swap(&mut block, &mut other);
    }
    for (bytes, word) in lane.as_chunks_mut::<4>().0.iter_mut().zip(&block) {
        *bytes = word.to_le_bytes();
    }
    Ok(())
}

/// scryptBlockMix.
fn mix_block(block: &[u32], mixed: &mut [u32]) {
    let (blocks, _) = block.as_chunks::<WORDS>();
    let half = blocks.len() / 2;
    let Some(mut state) = blocks.last().copied() else {
        return;
    };
    let (places, _) = mixed.as_chunks_mut::<WORDS>();
    for (at, words) in blocks.iter().enumerate() {
        state
            .iter_mut()
            .zip(words)
            .for_each(|(word, other)| *word ^= other);
        salsa20_8(&mut state);
        // The even ones come first.
        places[at / 2 + at % 2 * half] = state;
    }
}

/// The core of Salsa20 with eight rounds.
fn salsa20_8(state: &mut [u32; WORDS]) {
    fn quarter(x: &mut [u32; WORDS], a: usize, b: usize, c: usize, d: usize) {
        x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
        x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
        x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
        x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
    }
    let mut x = *state;
    for _ in 0..4 {
        quarter(&mut x, 0, 4, 8, 12);
        quarter(&mut x, 5, 9, 13, 1);
        quarter(&mut x, 10, 14, 2, 6);
        quarter(&mut x, 15, 3, 7, 11);
        quarter(&mut x, 0, 1, 2, 3);
        quarter(&mut x, 5, 6, 7, 4);
        quarter(&mut x, 10, 11, 8, 9);
        quarter(&mut x, 15, 12, 13, 14);
    }
    for (word, mixed) in state.iter_mut().zip(x) {
        *word = word.wrapping_add(mixed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::crypto::owned_ffi as ffi;
    use crate::event_loop::EventLoop;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn pbkdf2_known_answers() {
        ffi::init();
        let derive = |digest, password: &[u8], iterations, length| {
            let mut key = vec![0; length];
            let md = Md::fetch(digest).unwrap();
            pbkdf2(&md, password, b"salt", iterations, &mut key).unwrap();
            hex(&key)
        };
        // RFC 6070.
        assert_eq!(
            derive("sha1", b"password", 4096, 20),
            "4b007901b765489abead49d926f721d065a429c1"
        );
        let long = [7; 200];
        let (mut key, md) = (vec![0; 100], Md::fetch("sha512").unwrap());
        // SAFETY: all pointers come with the length of their slice.
        unsafe {
            ossl::PKCS5_PBKDF2_HMAC(
                long.as_ptr().cast(),
                200,
                b"salt".as_ptr(),
                4,
                1500,
                md.as_ptr(),
                100,
                key.as_mut_ptr(),
            )
        };
        assert_eq!(derive("sha512", &long, 1500, 100), hex(&key));
    }

    #[test]
    fn scrypt_known_answers() {
        ffi::init();
        // RFC 7914.
        let mut key = [0; 64];
        scrypt(b"", b"", (16, 1, 1), &mut key).unwrap();
        assert_eq!(&hex(&key)[..32], "77d6576238657b203b19ca42c18a0497");
        scrypt(b"password", b"NaCl", (1024, 8, 16), &mut key).unwrap();
        assert_eq!(&hex(&key)[..32], "fdbabe1c9d3472007856e7190d01e9fe");
    }

    #[test]
    fn both_end_with_their_program() {
        ffi::init();
        let program = EventLoop::default();
        program.handle().abort();
        let _entered = interruption::enter(program.handle());
        let md = Md::fetch("sha512").unwrap();
        assert!(pbkdf2(&md, b"a", b"b", i32::MAX, &mut [0; 64]).is_err());
        assert!(scrypt(b"a", b"b", (1 << 14, 8, 1 << 20), &mut [0; 64]).is_err());
    }
}
