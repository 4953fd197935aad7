//! What happens when code of ours panics, on whatever thread: the host hears where, and takes the VM out of use while
//! its files can still be saved.
//!
//! The hook runs before the panic unwinds, so it also tells of one that cannot unwind and aborts (`aborts.rs` then parks
//! the thread).

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::{Arc, OnceLock};

use crate::mailbox::{Mailbox, Notice};

/// The server of a process that is ours alone: every thread of it works for this one.
static SERVER: OnceLock<Arc<Mailbox>> = OnceLock::new();

/// Characters of a panic's own words that are told; they may be made of what a guest gave.
const MESSAGE_CHARACTERS: usize = 200;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Has the host hear of panics: of all in a process of ours (`whole`), otherwise of those on threads of guests and of the
/// server itself.
pub(crate) fn report(mailbox: &Arc<Mailbox>, whole: bool) {
    static INSTALLED: std::sync::Once = std::sync::Once::new();
    if whole {
        let _ = SERVER.set(mailbox.clone());
    }
    INSTALLED.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            usual(info);
            tell(info);
        }));
    });
}

/// Why the last panic of the calling thread was.
pub(crate) fn take_last() -> String {
    let last = LAST.with_borrow_mut(Option::take);
    last.unwrap_or_else(|| "internal error of secure-exec".into())
}

fn tell(info: &PanicHookInfo<'_>) {
    let message = describe(info);
    // A thread that is ending has no place of its own any more.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            last.get_or_insert_with(|| message.clone());
        }
    });
    if secure_exec_node::engine::tell_of_panic(&message) {
        return;
    }
    if let Some(mailbox) = SERVER.get() {
        let limit = None;
        mailbox.try_notify(0, Notice::Fatal { message, limit });
    }
}

/// `internal error of secure-exec (thread, file:line:column, words)`.
fn describe(info: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let place = info.location().map(ToString::to_string);
    let words = info.payload_as_str().unwrap_or_default();
    let words: String = words
        .chars()
        .take(MESSAGE_CHARACTERS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!(
        "internal error of secure-exec (thread {}, {}: {words})",
        thread.name().unwrap_or("without a name"),
        place.unwrap_or_default(),
    )
}
