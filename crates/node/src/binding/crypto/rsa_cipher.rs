//! `publicEncrypt` and its three companions, and `RSACipherJob`. Follows Node's `src/crypto/crypto_{cipher,rsa}.cc`.

use std::ffi::c_int;

use openssl_sys as ossl;

use super::error::{CryptoError, Result, check};
use super::input::{self, attempt};
use super::job::{self, Output};
use super::keys::{KeyData, KeyObjectHandle, Pkey, argument};
use super::owned_ffi::{Md, PkeyCtx};
use super::params_ffi::ParamList;
use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::{convert, wrap};

/// Declares the class and functions.
pub fn define(definition: &mut Definition) {
    definition
        .function("publicEncrypt", public_encrypt)
        .function("publicDecrypt", public_decrypt)
        .function("privateEncrypt", private_encrypt)
        .function("privateDecrypt", private_decrypt);
    job::declare(definition, "RSACipherJob", new_rsa_cipher_job);
}

/// `RSA_PKCS1_OAEP_PADDING`
const OAEP: c_int = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    PublicEncrypt,
    PublicDecrypt,
    PrivateEncrypt,
    PrivateDecrypt,
}

/// Padding and what goes with it.
struct Padding {
    number: c_int,
    md: Option<Md>,
    label: Option<Vec<u8>>,
}

type Init = unsafe extern "C" fn(*mut ossl::EVP_PKEY_CTX) -> c_int;
type Run =
    unsafe extern "C" fn(*mut ossl::EVP_PKEY_CTX, *mut u8, *mut usize, *const u8, usize) -> c_int;

impl Operation {
    fn functions(self) -> (Init, Run) {
        match self {
            Operation::PublicEncrypt => (ossl::EVP_PKEY_encrypt_init, ossl::EVP_PKEY_encrypt),
            Operation::PublicDecrypt => (
                ossl::EVP_PKEY_verify_recover_init,
                ossl::EVP_PKEY_verify_recover,
            ),
            Operation::PrivateEncrypt => (ossl::EVP_PKEY_sign_init, ossl::EVP_PKEY_sign),
            Operation::PrivateDecrypt => (ossl::EVP_PKEY_decrypt_init, ossl::EVP_PKEY_decrypt),
        }
    }

    fn run(self, key: &Pkey, padding: &Padding, data: &[u8]) -> Result<Vec<u8>> {
        const FAILED: &str = "Cipher job failed";
        let (init, run) = self.functions();
        let context = PkeyCtx::new(key)?;
        let ctx = context.as_ptr();
        let mut length = 0;
        // SAFETY: the context is live; a null buffer asks for the length, then the buffer has that length.
        unsafe {
            check(init(ctx), FAILED)?;
            check(
                ossl::EVP_PKEY_CTX_set_rsa_padding(ctx, padding.number),
                FAILED,
            )?;
            let mut params = ParamList::new()?;
            if padding.number == OAEP {
                if let Some(md) = &padding.md {
                    params.utf8(c"digest", md.name().to_bytes())?;
                }
                if let Some(label) = padding.label.as_ref().filter(|label| !label.is_empty()) {
                    params.octets(c"oaep-label", label)?;
                }
            }
            let params = params.build()?;
            check(ossl::EVP_PKEY_CTX_set_params(ctx, params.as_ptr()), FAILED)?;
            check(
                run(
                    ctx,
                    std::ptr::null_mut(),
                    &mut length,
                    data.as_ptr(),
                    data.len(),
                ),
                FAILED,
            )?;
            let mut output = input::buffer(length)?;
            check(
                run(
                    ctx,
                    output.as_mut_ptr(),
                    &mut length,
                    data.as_ptr(),
                    data.len(),
                ),
                FAILED,
            )?;
            output.truncate(length);
            Ok(output)
        }
    }
}

fn call(scope: Scope, args: &Args, rv: &mut Return, operation: Operation) {
    let index = argument::COUNT;
    let data = attempt!(scope, input::bytes(scope, args.get(index), "buffer"));
    let number = attempt!(scope, input::int32(scope, args.get(index + 1), "padding"));
    let name = attempt!(
        scope,
        input::optional_string(scope, args.get(index + 2), "oaepHash")
    );
    let label = attempt!(
        scope,
        input::optional_bytes(scope, args.get(index + 3), "oaepLabel")
    );
    let invalid = || CryptoError::error("ERR_OSSL_EVP_INVALID_DIGEST", "Invalid digest used");
    let md = attempt!(
        scope,
        name.map(|name| Md::fetch(&name).ok_or_else(invalid))
            .transpose()
    );
    let key = match operation {
        Operation::PublicEncrypt | Operation::PublicDecrypt => {
            attempt!(scope, argument::any(scope, args, 0))
        }
        _ => attempt!(scope, argument::private(scope, args, 0)),
    };
    let output = attempt!(
        scope,
        operation.run(&key, &Padding { number, md, label }, &data)
    );
    rv.set(convert::buffer(scope, output));
}

fn public_encrypt(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, Operation::PublicEncrypt);
}

fn public_decrypt(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, Operation::PublicDecrypt);
}

fn private_encrypt(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, Operation::PrivateEncrypt);
}

fn private_decrypt(scope: Scope, args: Args, mut rv: Return) {
    call(scope, &args, &mut rv, Operation::PrivateDecrypt);
}

/// `new RSACipherJob(mode, encrypt | decrypt, key, data, variant, digest, label)`
fn new_rsa_cipher_job(scope: Scope, args: Args, _rv: Return) {
    let mode = attempt!(scope, job::mode(scope, args.get(0)));
    let decrypt = attempt!(scope, input::uint32(scope, args.get(1), "cipherMode")) == 1;
    let handle =
        wrap::unwrap::<KeyObjectHandle>(scope, args.get(2)).and_then(|handle| handle.data());
    let (key, operation) = match (handle, decrypt) {
        (Some(KeyData::Private(key)), true) => (key, Operation::PrivateDecrypt),
        (Some(KeyData::Private(key) | KeyData::Public(key)), false) => {
            (key, Operation::PublicEncrypt)
        }
        _ => return input::invalid("key", "a key for the operation").throw(scope),
    };
    let data = attempt!(scope, input::bytes(scope, args.get(3), "data"));
    let name = attempt!(scope, input::string(scope, args.get(5), "digest"));
    let md = attempt!(scope, Md::named(&name));
    let label = attempt!(scope, input::optional_bytes(scope, args.get(6), "label"));
    let padding = Padding {
        number: OAEP,
        md: Some(md),
        label,
    };
    job::create(scope, &args, mode, "CIPHERREQUEST", move || {
        operation.run(&key, &padding, &data).map(Output::Bytes)
    });
}
