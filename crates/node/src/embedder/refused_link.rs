//! Symbolic links that lead out of a mount and were not followed, for the errors of what was looked for behind them.
//!
//! A module or file behind such a link is missing, and nothing of its own tells why. Each thread keeps the last few.

use std::cell::RefCell;
use std::collections::VecDeque;

/// Links that a thread keeps.
const MOST: usize = 32;

struct Refused {
    link: String,
    /// Its text, where it tells nothing of the embedder's.
    target: Option<String>,
}

thread_local! {
    static REFUSED: RefCell<VecDeque<Refused>> = const { RefCell::new(VecDeque::new()) };
}

/// A link was not followed.
pub fn note(link: &[u8], target: Option<&[u8]>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let refused = Refused {
        link: text(link),
        target: target.map(text),
    };
    REFUSED.with_borrow_mut(|kept| {
        kept.retain(|other| other.link != refused.link);
        kept.push_back(refused);
        if kept.len() > MOST {
            kept.pop_front();
        }
    });
}

/// What there is to say, behind the message, of a module or a path that is missing: nothing where no link was in the way.
pub fn explain(wanted: &str) -> String {
    REFUSED.with_borrow(|kept| {
        let concerns = |refused: &&Refused| is_behind(wanted, &refused.link);
        let Some(Refused { link, target }) = kept.iter().rev().find(concerns) else {
            return String::new();
        };
        let target = target.as_deref().unwrap_or("a place of the host");
        format!(". The link {link} leads to {target}, which is outside of its mount: followOutside can allow it")
    })
}

/// Whether what is wanted, a path or the name of a package, lies behind a link.
fn is_behind(wanted: &str, link: &str) -> bool {
    let below = |whole: &str, begin: &str| {
        whole
            .strip_prefix(begin)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if wanted.starts_with('/') {
        return below(wanted, link);
    }
    let package = link.rsplit_once("node_modules/").map(|(_, name)| name);
    package.is_some_and(|package| !package.is_empty() && below(wanted, package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_module_is_explained_by_its_link() {
        note(b"/node_modules/@scope/one", Some(b"../../packages/one"));
        note(b"/m/absolute", None);
        let one = explain("@scope/one/lib/x.js");
        assert!(one.contains("/node_modules/@scope/one leads to ../../packages/one,"));
        assert!(explain("/node_modules/@scope/one/x").contains("packages/one"));
        assert!(explain("/m/absolute").contains("leads to a place of the host"));
        assert_eq!(explain("/m/absolutely"), "");
        assert_eq!(explain("one"), "");
    }
}
