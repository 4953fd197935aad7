//! `CipherBase`. Follows the class of that name in Node's `src/crypto/crypto_cipher.cc`.

use std::cell::RefCell;

use super::cipher_ffi::{self, mode};
use super::error::{CryptoError, Result, clear_errors, take_errors};
use super::input::{self, attempt};
use super::owned_ffi::{Cipher, CipherCtx};
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::js::class::Definition;
use crate::js::{convert, exception, wrap};

/// Declares the class.
pub fn define(definition: &mut Definition) {
    definition
        .class("CipherBase", new_cipher)
        .method("update", update)
        .method("final", finish)
        .method("setAutoPadding", set_auto_padding)
        .method("getAuthTag", get_auth_tag)
        .method("setAuthTag", set_auth_tag)
        .method("setAAD", set_aad);
}

/// Where the tag that decryption is to find has got to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TagState {
    Unknown,
    Known,
    Passed,
}

struct State {
    encrypt: bool,
    mode: i32,
    authenticated: bool,
    chacha: bool,
    /// `None` after `final`.
    context: Option<CipherCtx>,
    tag_length: Option<usize>,
    tag: Vec<u8>,
    tag_state: TagState,
    max_message: usize,
    authentication_failed: bool,
}

struct CipherBase {
    state: RefCell<State>,
}

fn invalid_tag_length(length: usize) -> CryptoError {
    CryptoError::type_error(
        "ERR_CRYPTO_INVALID_AUTH_TAG",
        format!("Invalid authentication tag length: {length}"),
    )
}

fn is_gcm_tag_length(length: usize) -> bool {
    matches!(length, 4 | 8 | 12..=16)
}

/// `new CipherBase(encrypt, cipher, key, iv, authTagLength)`
fn new_cipher(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() {
        return exception::throw_invalid_argument(scope, "CipherBase is made with new");
    }
    let name = attempt!(scope, input::string(scope, args.get(1), "cipher"));
    let key = attempt!(scope, input::secret(scope, args.get(2), "key"));
    let iv = attempt!(scope, input::optional_bytes(scope, args.get(3), "iv"));
    let tag_length = attempt!(scope, tag_length(scope, args.get(4)));
    let state = attempt!(
        scope,
        State::new(
            args.get(0).is_true(),
            &name,
            &key,
            iv.as_deref(),
            tag_length
        )
    );
    wrap::wrap(
        scope,
        args.this(),
        CipherBase {
            state: RefCell::new(state),
        },
    );
}

/// -1 stands for none.
fn tag_length(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Option<usize>> {
    if value.is_undefined() || (value.is_int32() && value.int32_value(scope) == Some(-1)) {
        return Ok(None);
    }
    input::uint32(scope, value, "authTagLength").map(|length| Some(length as usize))
}

impl State {
    fn new(
        encrypt: bool,
        name: &str,
        key: &[u8],
        iv: Option<&[u8]>,
        tag_length: Option<usize>,
    ) -> Result<State> {
        let invalid_iv =
            || CryptoError::type_error("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector");
        let cipher = cipher_ffi::cipher(name)?;
        let authenticated = cipher.is_authenticated();
        let iv = iv.filter(|iv| !iv.is_empty());
        match iv {
            None if cipher.iv_length() != 0 => return Err(invalid_iv()),
            Some(iv) if !authenticated && iv.len() != cipher.iv_length() => {
                return Err(invalid_iv());
            }
            // OpenSSL would take more and use the first twelve.
            Some(iv) if cipher.is_chacha20_poly1305() && iv.len() > 12 => return Err(invalid_iv()),
            _ => {}
        }
        let mut state = State {
            encrypt,
            mode: cipher.mode(),
            authenticated,
            chacha: cipher.is_chacha20_poly1305(),
            context: None,
            tag_length: None,
            tag: Vec::new(),
            tag_state: TagState::Unknown,
            max_message: i32::MAX.unsigned_abs() as usize,
            authentication_failed: false,
        };
        let mut context = CipherCtx::new(&cipher, encrypt)?;
        if authenticated {
            let iv_length = iv.map_or(0, <[u8]>::len);
            if !context.set_iv_length(iv_length) {
                return Err(invalid_iv());
            }
            state.set_tag_length(&cipher, &mut context, name, iv_length, tag_length)?;
        }
        if !context.set_key_length(key.len()) {
            return Err(CryptoError::range_error(
                "ERR_CRYPTO_INVALID_KEYLEN",
                "Invalid key length",
            ));
        }
        context.set_key(key, iv)?;
        state.context = Some(context);
        Ok(state)
    }

    fn set_tag_length(
        &mut self,
        cipher: &Cipher,
        context: &mut CipherCtx,
        name: &str,
        iv_length: usize,
        length: Option<usize>,
    ) -> Result<()> {
        if cipher.mode() == mode::GCM {
            if let Some(length) = length.filter(|length| !is_gcm_tag_length(*length)) {
                return Err(invalid_tag_length(length));
            }
            self.tag_length = length;
            return Ok(());
        }
        let length = match length {
            Some(length) => length,
            None if self.chacha => 16,
            None => {
                let message = format!("authTagLength required for {name}");
                return Err(CryptoError::type_error(
                    "ERR_CRYPTO_INVALID_AUTH_TAG",
                    message,
                ));
            }
        };
        if !context.set_tag_length(length) {
            return Err(invalid_tag_length(length));
        }
        self.tag_length = Some(length);
        if cipher.mode() == mode::CCM {
            // The counter takes what the nonce leaves of 15 bytes.
            match iv_length {
                12 => self.max_message = 0xff_ffff,
                13 => self.max_message = 0xffff,
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives OpenSSL the tag, once it is known.
    fn pass_tag(&mut self) {
        if self.encrypt || !self.authenticated || self.tag_state != TagState::Known {
            return;
        }
        if let Some(context) = &mut self.context
            && context.set_tag(&self.tag)
        {
            self.tag_state = TagState::Passed;
        }
    }

    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let too_long =
            || CryptoError::range_error("ERR_CRYPTO_INVALID_MESSAGELEN", "Invalid message length");
        if self.mode == mode::CCM && data.len() > self.max_message {
            return Err(too_long());
        }
        self.pass_tag();
        let refused =
            |codes| CryptoError::OpenSsl(codes, "Trying to add data in unsupported state").peeked();
        let wraps = self.mode == mode::WRAP;
        let Some(context) = &mut self.context else {
            return Err(refused(Vec::new()));
        };
        match context.update(data, wraps)? {
            Some(output) => Ok(output),
            None if !self.encrypt && self.mode == mode::CCM => {
                // CCM checks the tag here; `final` reports it.
                clear_errors();
                self.authentication_failed = true;
                Ok(Vec::new())
            }
            None => Err(refused(take_errors())),
        }
    }

    fn finish(&mut self) -> Result<Vec<u8>> {
        let invalid_state = || CryptoError::error("ERR_CRYPTO_INVALID_STATE", "Unsupported state");
        self.pass_tag();
        let mut context = self.context.take().ok_or_else(invalid_state)?;
        let unauthentic =
            |codes| CryptoError::OpenSsl(codes, "Unsupported state or unable to authenticate data");
        if !self.encrypt && self.chacha && self.tag_state != TagState::Passed {
            return Err(unauthentic(Vec::new()));
        }
        let output = if self.mode == mode::CCM {
            if self.authentication_failed {
                return Err(unauthentic(Vec::new()));
            }
            Vec::new()
        } else {
            context.finish().map_err(|error| match error {
                CryptoError::OpenSsl(codes, _) if self.authenticated => unauthentic(codes).peeked(),
                other => other.peeked(),
            })?
        };
        if self.encrypt && self.authenticated {
            let length = *self.tag_length.get_or_insert(16);
            self.tag = context.tag(length)?;
        }
        Ok(output)
    }
}

fn unwrap(scope: Scope, args: &Args) -> Result<std::rc::Rc<CipherBase>> {
    wrap::unwrap::<CipherBase>(scope, args.this().into())
        .ok_or_else(|| input::invalid("this", "a cipher"))
}

/// `update(data, encoding)`
fn update(scope: Scope, args: Args, mut rv: Return) {
    let cipher = attempt!(scope, unwrap(scope, &args));
    let output =
        match convert::with_bytes(args.get(0), |data| cipher.state.borrow_mut().update(data)) {
            Some(output) => output,
            None => {
                let data = attempt!(scope, input::data(scope, args.get(0), args.get(1)));
                cipher.state.borrow_mut().update(&data)
            }
        };
    let output = attempt!(scope, output);
    rv.set(convert::buffer(scope, output));
}

fn finish(scope: Scope, args: Args, mut rv: Return) {
    let cipher = attempt!(scope, unwrap(scope, &args));
    let output = cipher.state.borrow_mut().finish();
    let output = attempt!(scope, output);
    rv.set(convert::buffer(scope, output));
}

fn set_auto_padding(scope: Scope, args: Args, mut rv: Return) {
    let cipher = attempt!(scope, unwrap(scope, &args));
    let padding = args.length() < 1 || args.get(0).is_true();
    let set = cipher
        .state
        .borrow_mut()
        .context
        .as_mut()
        .is_some_and(|context| context.set_padding(padding));
    rv.set_bool(set);
}

/// Undefined before the end, and for decryption.
fn get_auth_tag(scope: Scope, args: Args, mut rv: Return) {
    let cipher = attempt!(scope, unwrap(scope, &args));
    let tag = {
        let state = cipher.state.borrow();
        (state.context.is_none() && state.encrypt && !state.tag.is_empty())
            .then(|| state.tag.clone())
    };
    if let Some(tag) = tag {
        rv.set(convert::buffer(scope, tag));
    }
}

fn set_auth_tag(scope: Scope, args: Args, mut rv: Return) {
    let cipher = attempt!(scope, unwrap(scope, &args));
    let tag = attempt!(scope, input::bytes(scope, args.get(0), "tag"));
    if cipher.state.borrow().takes_short_tag(tag.len()) {
        warn_of_short_tag(scope);
    }
    let mut state = cipher.state.borrow_mut();
    if state.context.is_none()
        || state.encrypt
        || !state.authenticated
        || state.tag_state != TagState::Unknown
    {
        return rv.set_bool(false);
    }
    let valid = match state.tag_length {
        Some(length) => length == tag.len(),
        None => state.mode == mode::GCM,
    } && (state.mode != mode::GCM || is_gcm_tag_length(tag.len()));
    if !valid {
        drop(state);
        return invalid_tag_length(tag.len()).throw(scope);
    }
    state.tag_length = Some(tag.len());
    state.tag = tag;
    state.tag_state = TagState::Known;
    rv.set_bool(true);
}

/// Node's deprecation DEP0182. Emitting it may run guest code.
fn warn_of_short_tag(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    let emit = convert::get(scope, process, "emitWarning")
        .and_then(|f| v8::Local::<v8::Function>::try_from(f).ok());
    let Some(emit) = emit else { return };
    let message = "Using AES-GCM authentication tags of less than 128 bits without specifying the authTagLength \
                   option when initializing decryption is deprecated.";
    let arguments = [message, "DeprecationWarning", "DEP0182"]
        .map(|text| exception::string(scope, text).into());
    emit.call(scope, process.into(), &arguments);
}

/// `setAAD(data, plaintextLength)`; -1 stands for no length.
fn set_aad(scope: Scope, args: Args, mut rv: Return) {
    let cipher = attempt!(scope, unwrap(scope, &args));
    let data = attempt!(scope, input::bytes(scope, args.get(0), "aadbuf"));
    let length = attempt!(scope, tag_length(scope, args.get(1)));
    let result = cipher.state.borrow_mut().add_authenticated(&data, length);
    let added = attempt!(scope, result);
    rv.set_bool(added);
}

impl State {
    /// Whether a tag of `length` is one of GCM that is short without having been asked for.
    fn takes_short_tag(&self, length: usize) -> bool {
        self.mode == mode::GCM
            && !self.encrypt
            && self.tag_length.is_none()
            && self.tag_state == TagState::Unknown
            && length != 16
            && is_gcm_tag_length(length)
    }

    fn add_authenticated(&mut self, data: &[u8], message_length: Option<usize>) -> Result<bool> {
        if self.context.is_none() || !self.authenticated {
            return Ok(false);
        }
        if self.mode == mode::CCM {
            let Some(length) = message_length else {
                let message = "options.plaintextLength required for CCM mode with AAD";
                return Err(CryptoError::type_error("ERR_MISSING_ARGS", message));
            };
            if length > self.max_message {
                return Err(CryptoError::range_error(
                    "ERR_CRYPTO_INVALID_MESSAGELEN",
                    "Invalid message length",
                ));
            }
            self.pass_tag();
            if !self
                .context
                .as_mut()
                .is_some_and(|context| context.set_message_length(length))
            {
                clear_errors();
                return Ok(false);
            }
        }
        let added = self
            .context
            .as_mut()
            .is_some_and(|context| context.authenticate(data));
        if !added {
            clear_errors();
        }
        Ok(added)
    }
}
