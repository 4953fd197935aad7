//! WebCrypto's symmetric ciphers: `AESCipherJob` and `ChaCha20Poly1305CipherJob`. Follows Node's
//! `src/crypto/crypto_{aes,chacha20_poly1305}.cc`.

use super::cipher_ffi::{self, mode};
use super::error::{CryptoError, Result};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::owned_ffi::CipherCtx;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;

/// Declares the classes.
pub fn define(definition: &mut Definition) {
    job::declare(definition, "AESCipherJob", new_aes_cipher_job);
    job::declare(
        definition,
        "ChaCha20Poly1305CipherJob",
        new_chacha20_poly1305_job,
    );
}

const BLOCK: usize = 16;

fn failed() -> CryptoError {
    super::error::clear_errors();
    CryptoError::OpenSsl(Vec::new(), "Cipher job failed")
}

struct Task {
    name: String,
    decrypt: bool,
    key: Vec<u8>,
    iv: Vec<u8>,
    data: Vec<u8>,
    /// Of authenticated modes.
    tag_length: usize,
    additional: Option<Vec<u8>>,
}

/// OpenSSL's name of a `kKeyVariantAES_*`.
fn variant_name(variant: u32) -> Option<String> {
    let mode = match variant / 3 {
        0 => "ctr",
        1 => "cbc",
        2 => "gcm",
        3 => "wrap",
        4 => "ocb",
        _ => return None,
    };
    let bits = 128 + 64 * (variant % 3);
    Some(if mode == "wrap" {
        format!("id-aes{bits}-wrap")
    } else {
        format!("aes-{bits}-{mode}")
    })
}

/// `new AESCipherJob(mode, encrypt | decrypt, key, data, variant, iv, tagOrCounterLength, additionalData)`
fn new_aes_cipher_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let decrypt = attempt!(scope, input::uint32(scope, args.get(1), "cipherMode")) == 1;
    let key = attempt!(scope, input::secret(scope, args.get(2), "key"));
    let data = attempt!(scope, input::bytes(scope, args.get(3), "data"));
    let variant = attempt!(scope, input::uint32(scope, args.get(4), "variant"));
    let Some(name) = variant_name(variant) else {
        return input::invalid("variant", "an AES mode").throw(scope);
    };
    let iv = attempt!(scope, input::optional_bytes(scope, args.get(5), "iv")).unwrap_or_default();
    let number = match args.get(6) {
        number if number.is_undefined() => 0,
        number => attempt!(scope, input::length(scope, number, "length")),
    };
    let additional = attempt!(
        scope,
        input::optional_bytes(scope, args.get(7), "additionalData")
    );
    let task = Task {
        name,
        decrypt,
        key,
        iv,
        data,
        tag_length: number,
        additional,
    };
    job::create(scope, &args, mode, "CIPHERREQUEST", move || {
        let output = if variant / 3 == 0 {
            task.counter(number)
        } else {
            task.run()
        };
        output.map(Output::Bytes)
    });
}

/// `new ChaCha20Poly1305CipherJob(mode, encrypt | decrypt, key, data, iv, additionalData)`
fn new_chacha20_poly1305_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let decrypt = attempt!(scope, input::uint32(scope, args.get(1), "cipherMode")) == 1;
    let key = attempt!(scope, input::secret(scope, args.get(2), "key"));
    let data = attempt!(scope, input::bytes(scope, args.get(3), "data"));
    let iv = attempt!(scope, input::bytes(scope, args.get(4), "iv"));
    let additional = attempt!(
        scope,
        input::optional_bytes(scope, args.get(5), "additionalData")
    );
    let task = Task {
        name: "chacha20-poly1305".to_owned(),
        decrypt,
        key,
        iv,
        data,
        tag_length: BLOCK,
        additional,
    };
    job::create(scope, &args, mode, "CIPHERREQUEST", move || {
        task.run().map(Output::Bytes)
    });
}

impl Task {
    fn run(&self) -> Result<Vec<u8>> {
        let cipher = cipher_ffi::cipher(&self.name)?;
        let mut context = CipherCtx::new(&cipher, !self.decrypt)?;
        let authenticated = cipher.is_authenticated();
        let (mut data, mut tag) = (&self.data[..], &[][..]);
        if authenticated {
            if self.decrypt {
                let split = data.len().checked_sub(self.tag_length).ok_or_else(failed)?;
                (data, tag) = data.split_at(split);
            }
            if self.tag_length > BLOCK || !context.set_iv_length(self.iv.len()) {
                return Err(failed());
            }
            if cipher.mode() != mode::GCM && !context.set_tag_length(self.tag_length) {
                return Err(failed());
            }
        } else if self.iv.len() != cipher.iv_length() && cipher.mode() != mode::WRAP {
            return Err(failed());
        }
        let iv = (!self.iv.is_empty()).then_some(&self.iv[..]);
        context.set_key(&self.key, iv).map_err(|_| failed())?;
        if authenticated && self.decrypt && !context.set_tag(tag) {
            return Err(failed());
        }
        if let Some(additional) = self
            .additional
            .as_ref()
            .filter(|additional| !additional.is_empty())
            && !context.authenticate(additional)
        {
            return Err(failed());
        }
        let wraps = cipher.mode() == mode::WRAP;
        let mut output = if data.is_empty() && !wraps {
            Vec::new()
        } else {
            context.update(data, wraps)?.ok_or_else(failed)?
        };
        if !wraps {
            output.extend(context.finish().map_err(|_| failed())?);
        }
        if authenticated && !self.decrypt {
            output.extend(context.tag(self.tag_length).map_err(|_| failed())?);
        }
        Ok(output)
    }

    /// CTR with a counter of `bits` bits, which wraps around without touching the rest of the block.
    fn counter(&self, bits: usize) -> Result<Vec<u8>> {
        let iv: [u8; BLOCK] = self.iv.as_slice().try_into().map_err(|_| failed())?;
        if bits == 0 || bits > 128 {
            return Err(failed());
        }
        let blocks = self.data.len().div_ceil(BLOCK) as u128;
        let mask = if bits == 128 {
            u128::MAX
        } else {
            (1 << bits) - 1
        };
        let start = u128::from_be_bytes(iv);
        // More blocks than counter values would use one twice.
        if bits < 128 && blocks > mask + 1 {
            return Err(failed());
        }
        let before_wrap = (mask - (start & mask)).saturating_add(1);
        if blocks <= before_wrap {
            return self.with_counter(&iv, &self.data);
        }
        let split = usize::try_from(before_wrap).map_err(|_| failed())? * BLOCK;
        let (first, second) = self.data.split_at(split.min(self.data.len()));
        let mut output = self.with_counter(&iv, first)?;
        output.extend(self.with_counter(&(start & !mask).to_be_bytes(), second)?);
        Ok(output)
    }

    fn with_counter(&self, iv: &[u8], data: &[u8]) -> Result<Vec<u8>> {
        let cipher = cipher_ffi::cipher(&self.name)?;
        let mut context = CipherCtx::new(&cipher, true)?;
        context.set_key(&self.key, Some(iv)).map_err(|_| failed())?;
        if data.is_empty() {
            Ok(Vec::new())
        } else {
            context.update(data, false)?.ok_or_else(failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, variant_name};

    fn task(iv: [u8; 16], data: Vec<u8>) -> Task {
        let name = variant_name(0).unwrap();
        Task {
            name,
            decrypt: false,
            key: vec![7; 16],
            iv: iv.to_vec(),
            data,
            tag_length: 0,
            additional: None,
        }
    }

    #[test]
    fn a_short_counter_wraps_within_its_bits() {
        super::super::owned_ffi::init();
        let mut iv = [0; 16];
        iv[15] = 0xff;
        iv[14] = 9;
        let wrapped = task(iv, vec![0; 32]).counter(8).unwrap();
        iv[15] = 0;
        let restarted = task(iv, vec![0; 16]).counter(8).unwrap();
        assert_eq!(wrapped[16..], restarted[..]);
        assert!(task(iv, vec![0; 16 * 257]).counter(8).is_err());
    }
}
