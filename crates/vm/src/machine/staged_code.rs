//! The code of programs that are about to be started, as it comes in pieces.

use std::collections::HashMap;

use secure_exec_protocol::CallId;

use crate::lockdown;

/// What has come so far, by call.
#[derive(Default)]
pub(crate) struct StagedCode {
    calls: HashMap<CallId, Staged>,
}

enum Staged {
    Pieces(Vec<u8>),
    /// There was no room for this many bytes.
    Refused(u64),
}

impl StagedCode {
    /// Takes a piece of a code of `size` bytes.
    pub(crate) fn add(&mut self, call: CallId, size: u64, data: &[u8]) {
        let staged = self.calls.entry(call).or_insert_with(|| reserve(size));
        if let Staged::Pieces(code) = staged {
            code.extend_from_slice(data);
        }
    }

    /// What came before the program, if something did.
    ///
    /// # Errors
    /// The size of what there was no room for.
    pub(crate) fn take(&mut self, call: CallId) -> Result<Option<Vec<u8>>, u64> {
        match self.calls.remove(&call) {
            Some(Staged::Pieces(code)) => Ok(Some(code)),
            Some(Staged::Refused(size)) => Err(size),
            None => Ok(None),
        }
    }
}

/// Room for all of it at once: what grows is copied, and for a moment there twice.
fn reserve(size: u64) -> Staged {
    let mut code = Vec::new();
    let mut reserve = |size| code.try_reserve_exact(size).is_ok();
    if lockdown::has_room(size) && usize::try_from(size).is_ok_and(&mut reserve) {
        Staged::Pieces(code)
    } else {
        Staged::Refused(size)
    }
}
