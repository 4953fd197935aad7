//! `:set`.

use super::{Editor, Outcome};

/// What can be set and has an effect.
#[derive(Clone, Debug)]
pub struct Options {
    pub autoindent: bool,
    pub expandtab: bool,
    pub ignorecase: bool,
    pub list: bool,
    pub number: bool,
    pub paste: bool,
    pub smartcase: bool,
    pub wrapscan: bool,
    pub readonly: bool,
    pub shiftwidth: usize,
    pub tabstop: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            autoindent: false,
            expandtab: false,
            ignorecase: false,
            list: false,
            number: false,
            paste: false,
            smartcase: false,
            wrapscan: true,
            readonly: false,
            shiftwidth: 8,
            tabstop: 8,
        }
    }
}

/// Options of vi and vim that change what is typed or shown, and are not done.
const UNSUPPORTED: &[&str] = &[
    "hidden",
    "hid",
    "scroll",
    "scr",
    "smartindent",
    "si",
    "softtabstop",
    "sts",
    "textwidth",
    "tw",
    "wrap",
    "wrapmargin",
    "wm",
];

/// Options of vi and vim that this one takes without an effect, since they change only how something looks, or ask for what
/// is done anyway.
const WITHOUT_EFFECT: &[&str] = &[
    "backspace",
    "bs",
    "backup",
    "bk",
    "compatible",
    "cp",
    "encoding",
    "enc",
    "errorbells",
    "eb",
    "fileencoding",
    "fenc",
    "history",
    "hi",
    "hlsearch",
    "hls",
    "incsearch",
    "is",
    "laststatus",
    "ls",
    "lazyredraw",
    "lz",
    "modeline",
    "ml",
    "more",
    "mouse",
    "prompt",
    "report",
    "ruler",
    "ru",
    "scrolloff",
    "so",
    "showcmd",
    "sc",
    "showmatch",
    "sm",
    "showmode",
    "smd",
    "swapfile",
    "swf",
    "term",
    "terse",
    "undofile",
    "udf",
    "updatetime",
    "viminfo",
    "vi",
    "warn",
    "wildmenu",
    "wmnu",
    "writebackup",
    "wb",
];

/// The names of those that can be shown.
const NAMES: &[&str] = &[
    "autoindent",
    "expandtab",
    "fileformat",
    "ignorecase",
    "list",
    "number",
    "paste",
    "readonly",
    "shiftwidth",
    "smartcase",
    "tabstop",
    "wrapscan",
];

impl Options {
    /// Whether a new line begins with the blanks of the one before.
    pub fn indents(&self) -> bool {
        self.autoindent && !self.paste
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "autoindent" | "ai" => &mut self.autoindent,
            "expandtab" | "et" => &mut self.expandtab,
            "ignorecase" | "ic" => &mut self.ignorecase,
            "list" => &mut self.list,
            "number" | "nu" => &mut self.number,
            "paste" => &mut self.paste,
            "smartcase" | "scs" => &mut self.smartcase,
            "wrapscan" | "ws" => &mut self.wrapscan,
            "readonly" | "ro" => &mut self.readonly,
            _ => return None,
        })
    }

    fn number(&mut self, name: &str) -> Option<&mut usize> {
        Some(match name {
            "shiftwidth" | "sw" => &mut self.shiftwidth,
            "tabstop" | "ts" => &mut self.tabstop,
            _ => return None,
        })
    }
}

impl Editor {
    /// `:set`, with any number of options.
    pub(super) fn set(&mut self, text: &str) -> Outcome {
        for word in text.split_whitespace() {
            self.set_one(word)?;
        }
        Ok(())
    }

    fn set_one(&mut self, word: &str) -> Outcome {
        let bare = word.split(['=', ':', '?', '!']).next().unwrap_or_default();
        let bare = if self.options.flag(bare).is_some() {
            bare
        } else {
            bare.strip_prefix("no").unwrap_or(bare)
        };
        if UNSUPPORTED.contains(&bare) {
            return Err(format!("E519: Option not supported: {word}"));
        }
        let unknown = || format!("E518: Unknown option: {word}");
        if word == "all" {
            for name in NAMES {
                self.show_option(name);
            }
            return Ok(());
        }
        if let Some((name, value)) = word.split_once(['=', ':']) {
            if matches!(name, "fileformat" | "ff") {
                self.dos = match value {
                    "dos" => true,
                    "unix" => false,
                    _ => return Err(format!("E474: Invalid argument: {word}")),
                };
                return Ok(());
            }
            if let Some(number) = self.options.number(name) {
                let least = usize::from(!matches!(name, "shiftwidth" | "sw"));
                let value = value
                    .parse()
                    .ok()
                    .filter(|value| (least..=1000).contains(value));
                *number = value.ok_or(format!("E521: Number required after =: {word}"))?;
                return Ok(());
            }
            return if WITHOUT_EFFECT.contains(&name) {
                Ok(())
            } else {
                Err(unknown())
            };
        }
        if let Some(name) = word.strip_suffix('?') {
            return self.show_option(name).ok_or_else(unknown);
        }
        let (name, value) = match word.strip_prefix("no") {
            // `number` begins so as well.
            Some(rest) if self.options.flag(word).is_none() => (rest, Some(false)),
            _ => match word.strip_prefix("inv").or_else(|| word.strip_suffix('!')) {
                Some(rest) => (rest, None),
                None => (word, Some(true)),
            },
        };
        if let Some(flag) = self.options.flag(name) {
            *flag = value.unwrap_or(!*flag);
            return Ok(());
        }
        if WITHOUT_EFFECT.contains(&name) {
            return Ok(());
        }
        self.show_option(name).ok_or_else(unknown)
    }

    fn show_option(&mut self, name: &str) -> Option<()> {
        let text = if let Some(flag) = self.options.flag(name) {
            format!("{}{name}", if *flag { "  " } else { "no" })
        } else if matches!(name, "fileformat" | "ff") {
            format!("  {name}={}", if self.dos { "dos" } else { "unix" })
        } else {
            let number = self.options.number(name)?;
            format!("  {name}={number}")
        };
        self.print(text);
        Some(())
    }
}
