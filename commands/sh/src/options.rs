//! The options of `set` and `shopt`.

/// Every option; the field names are the long names.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub allexport: bool,
    pub notify: bool,
    pub noclobber: bool,
    pub errexit: bool,
    pub noglob: bool,
    pub hashall: bool,
    pub monitor: bool,
    pub noexec: bool,
    pub nounset: bool,
    pub verbose: bool,
    pub xtrace: bool,
    pub ignoreeof: bool,
    pub keyword: bool,
    pub pipefail: bool,
    pub errtrace: bool,
    pub functrace: bool,
    pub vi: bool,
    pub emacs: bool,
    pub posix: bool,
    pub physical: bool,
    pub braceexpand: bool,
    pub histexpand: bool,
    pub history: bool,
    pub onecmd: bool,
    pub privileged: bool,
    pub nolog: bool,
    pub interactive: bool,
    pub stdin: bool,
    pub extglob: bool,
    pub nullglob: bool,
    pub failglob: bool,
    pub globstar: bool,
    pub dotglob: bool,
    pub nocaseglob: bool,
    pub nocasematch: bool,
    pub lastpipe: bool,
    pub expand_aliases: bool,
    pub extdebug: bool,
    pub inherit_errexit: bool,
    pub xpg_echo: bool,
    pub checkwinsize: bool,
    pub histappend: bool,
    pub cmdhist: bool,
    pub sourcepath: bool,
    pub promptvars: bool,
    pub progcomp: bool,
    pub autocd: bool,
    pub cdable_vars: bool,
    pub cdspell: bool,
    pub globasciiranges: bool,
    pub extquote: bool,
    pub interactive_comments: bool,
    pub complete_fullquote: bool,
    pub hostcomplete: bool,
    pub force_fignore: bool,
    pub login_shell: bool,
    pub localvar_inherit: bool,
    pub huponexit: bool,
    pub globskipdots: bool,
    pub patsub_replacement: bool,
}

type Field = fn(&mut Options) -> &mut bool;

/// Options of `set`: letter (a space: none), long name, field.
pub const SET: [(char, &str, Field); 26] = [
    ('a', "allexport", |o| &mut o.allexport),
    ('B', "braceexpand", |o| &mut o.braceexpand),
    (' ', "emacs", |o| &mut o.emacs),
    ('e', "errexit", |o| &mut o.errexit),
    ('E', "errtrace", |o| &mut o.errtrace),
    ('T', "functrace", |o| &mut o.functrace),
    ('h', "hashall", |o| &mut o.hashall),
    ('H', "histexpand", |o| &mut o.histexpand),
    (' ', "history", |o| &mut o.history),
    (' ', "ignoreeof", |o| &mut o.ignoreeof),
    (' ', "interactive-comments", |o| &mut o.interactive_comments),
    ('k', "keyword", |o| &mut o.keyword),
    ('m', "monitor", |o| &mut o.monitor),
    ('C', "noclobber", |o| &mut o.noclobber),
    ('n', "noexec", |o| &mut o.noexec),
    ('f', "noglob", |o| &mut o.noglob),
    (' ', "nolog", |o| &mut o.nolog),
    ('b', "notify", |o| &mut o.notify),
    ('u', "nounset", |o| &mut o.nounset),
    ('t', "onecmd", |o| &mut o.onecmd),
    ('P', "physical", |o| &mut o.physical),
    (' ', "pipefail", |o| &mut o.pipefail),
    (' ', "posix", |o| &mut o.posix),
    ('p', "privileged", |o| &mut o.privileged),
    ('v', "verbose", |o| &mut o.verbose),
    ('x', "xtrace", |o| &mut o.xtrace),
];

/// `vi` comes after the others because its letter is none and `emacs` wins.
pub const EXTRA: [(char, &str, Field); 3] = [
    (' ', "vi", |o| &mut o.vi),
    ('i', "interactive", |o| &mut o.interactive),
    ('s', "stdin", |o| &mut o.stdin),
];

/// Options of `shopt`.
pub const SHOPT: [(&str, Field); 32] = [
    ("autocd", |o| &mut o.autocd),
    ("cdable_vars", |o| &mut o.cdable_vars),
    ("cdspell", |o| &mut o.cdspell),
    ("checkwinsize", |o| &mut o.checkwinsize),
    ("cmdhist", |o| &mut o.cmdhist),
    ("complete_fullquote", |o| &mut o.complete_fullquote),
    ("dotglob", |o| &mut o.dotglob),
    ("expand_aliases", |o| &mut o.expand_aliases),
    ("extdebug", |o| &mut o.extdebug),
    ("extglob", |o| &mut o.extglob),
    ("extquote", |o| &mut o.extquote),
    ("failglob", |o| &mut o.failglob),
    ("force_fignore", |o| &mut o.force_fignore),
    ("globasciiranges", |o| &mut o.globasciiranges),
    ("globskipdots", |o| &mut o.globskipdots),
    ("globstar", |o| &mut o.globstar),
    ("histappend", |o| &mut o.histappend),
    ("hostcomplete", |o| &mut o.hostcomplete),
    ("huponexit", |o| &mut o.huponexit),
    ("inherit_errexit", |o| &mut o.inherit_errexit),
    ("interactive_comments", |o| &mut o.interactive_comments),
    ("lastpipe", |o| &mut o.lastpipe),
    ("localvar_inherit", |o| &mut o.localvar_inherit),
    ("login_shell", |o| &mut o.login_shell),
    ("nocaseglob", |o| &mut o.nocaseglob),
    ("nocasematch", |o| &mut o.nocasematch),
    ("nullglob", |o| &mut o.nullglob),
    ("patsub_replacement", |o| &mut o.patsub_replacement),
    ("progcomp", |o| &mut o.progcomp),
    ("promptvars", |o| &mut o.promptvars),
    ("sourcepath", |o| &mut o.sourcepath),
    ("xpg_echo", |o| &mut o.xpg_echo),
];

impl Options {
    pub fn new(bash: bool) -> Self {
        Self {
            hashall: bash,
            braceexpand: bash,
            interactive_comments: bash,
            sourcepath: bash,
            promptvars: bash,
            progcomp: bash,
            globasciiranges: bash,
            extquote: bash,
            cmdhist: bash,
            checkwinsize: bash,
            complete_fullquote: bash,
            hostcomplete: bash,
            force_fignore: bash,
            globskipdots: bash,
            patsub_replacement: bash,
            ..Self::default()
        }
    }

    /// Takes the options of `set` from others.
    pub fn copy_set(&mut self, mut from: Self) {
        for (_, _, field) in SET.iter().chain(&EXTRA) {
            *field(self) = *field(&mut from);
        }
    }

    /// The option of this letter.
    pub fn by_letter(&mut self, letter: char) -> Option<&mut bool> {
        let found = SET
            .iter()
            .chain(&EXTRA)
            .find(|(l, ..)| *l == letter && letter != ' ')?;
        Some(found.2(self))
    }

    /// The option of this long name.
    pub fn by_name(&mut self, name: &str) -> Option<&mut bool> {
        let found = SET.iter().chain(&EXTRA).find(|(_, n, _)| *n == name)?;
        Some(found.2(self))
    }

    pub fn by_shopt(&mut self, name: &str) -> Option<&mut bool> {
        let found = SHOPT.iter().find(|(n, _)| *n == name)?;
        Some(found.1(self))
    }

    /// The letters that are on, as `$-` has them.
    pub fn letters(&self) -> String {
        let mut copy = self.clone();
        let all = SET.iter().chain(&EXTRA);
        let mut letters: Vec<char> = all
            .filter(|(l, _, field)| *l != ' ' && *field(&mut copy))
            .map(|(l, ..)| *l)
            .collect();
        letters.sort_by_key(|l| (*l == 's', l.is_ascii_uppercase(), *l));
        letters.into_iter().collect()
    }
}
