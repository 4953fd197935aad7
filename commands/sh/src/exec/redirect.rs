//! Redirections: made in this process, and undone.

use std::io;
use std::path::Path;

use secure_exec_sys as sys;
use sys::Fd;
use sys::errno;
use sys::fd::{Cloexec, O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};

use crate::shell::{Exec, Flow, Shell};
use crate::syntax::ast::{Redirect, RedirectFd, RedirectKind};
use crate::text;

/// Descriptors from here on are the shell's own.
pub const OWN: Fd = 10;
/// What a pipe holds: a longer here-document needs a writer.
const PIPE_SIZE: usize = 4096;

/// What redirections replaced: the descriptor, and a copy of what it was.
#[derive(Debug, Default)]
pub struct Saved {
    list: Vec<(Fd, Option<Fd>)>,
}

/// Why redirections failed; what had been done is undone.
#[derive(Debug)]
pub enum Failure {
    Reported,
    Flow(Flow),
}

impl From<Flow> for Failure {
    fn from(flow: Flow) -> Self {
        Self::Flow(flow)
    }
}

/// Moves a descriptor out of the way of scripts.
pub fn move_up(fd: Fd) -> io::Result<Fd> {
    if fd >= OWN {
        sys::fd::set_cloexec(fd, Cloexec::Set)?;
        return Ok(fd);
    }
    let moved = sys::fd::dup_from(fd, OWN, Cloexec::Set);
    sys::fd::close(fd)?;
    moved
}

/// A pipe whose ends are out of the way and close at exec.
pub fn own_pipe() -> io::Result<(Fd, Fd)> {
    let (read, write) = sys::fd::pipe(sys::fd::O_CLOEXEC)?;
    let read = move_up(read)?;
    Ok((read, move_up(write)?))
}

impl Shell {
    /// Makes redirections, in order.
    pub fn redirect(&mut self, redirects: &[Redirect]) -> Result<Saved, Failure> {
        let mut saved = Saved::default();
        for redirect in redirects {
            if let Err(failure) = self.redirect_one(redirect, &mut saved) {
                self.restore(saved);
                return Err(failure);
            }
        }
        Ok(saved)
    }

    /// The status of a simple command whose redirections failed.
    pub(super) fn redirect_status(&self, failure: Failure) -> Exec {
        match failure {
            // An error in an expansion does not give the line up here.
            Failure::Reported | Failure::Flow(Flow::Discard) => Ok(if self.bash { 1 } else { 2 }),
            Failure::Flow(flow) => Err(flow),
        }
    }

    /// Undoes redirections, last first.
    pub fn restore(&mut self, saved: Saved) {
        for (fd, copy) in saved.list.into_iter().rev() {
            match copy {
                Some(copy) => {
                    // Both are open: these cannot fail.
                    let _ = sys::fd::dup2(copy, fd);
                    let _ = sys::fd::close(copy);
                }
                None => drop(sys::fd::close(fd)),
            }
        }
    }

    /// Makes redirections permanent.
    pub fn keep(&mut self, saved: Saved) {
        for copy in saved.list.into_iter().filter_map(|(_, copy)| copy) {
            let _ = sys::fd::close(copy);
        }
    }

    /// Remembers what `fd` is before it is replaced.
    pub fn save(&mut self, fd: Fd, saved: &mut Saved) {
        let copy = sys::fd::dup_from(fd, OWN, Cloexec::Set).ok();
        saved.list.push((fd, copy));
    }

    fn report<T>(&mut self, message: &str) -> Result<T, Failure> {
        self.error(message);
        Err(Failure::Reported)
    }

    fn redirect_one(&mut self, redirect: &Redirect, saved: &mut Saved) -> Result<(), Failure> {
        use RedirectKind as K;
        let fallback = match redirect.kind {
            K::Read | K::ReadWrite | K::DupIn | K::HereDocument | K::HereString => 0,
            _ => 1,
        };
        let target = match &redirect.fd {
            RedirectFd::Default => Some(fallback),
            RedirectFd::Number(n) => Some(*n),
            RedirectFd::Variable(_) => None,
        };
        let source = match redirect.kind {
            K::HereDocument => {
                let text = match redirect.body.as_ref().and_then(|b| b.get()) {
                    Some(word) => self.expand_single(word)?,
                    None => String::new(),
                };
                self.document(&text)?
            }
            K::HereString => {
                let text = self.expand_single(&redirect.target)? + "\n";
                self.document(&text)?
            }
            K::DupIn | K::DupOut => return self.duplicate(redirect, target, saved),
            kind => {
                let name = self.redirect_target(redirect)?;
                self.open_for(kind, &name)?
            }
        };
        match (&redirect.fd, target) {
            (RedirectFd::Variable(name), _) => {
                // Stays open: the script closes it.
                let _ = sys::fd::set_cloexec(source, Cloexec::Clear);
                self.assign(name, source.to_string())?;
            }
            (_, target) => {
                let target = target.unwrap_or(1);
                self.move_to(source, target, saved)?;
                if matches!(redirect.kind, K::BothWrite | K::BothAppend) {
                    self.put(1, 2, saved)?;
                }
            }
        }
        Ok(())
    }

    /// The file a redirection names; more than one field is an error in bash.
    fn redirect_target(&mut self, redirect: &Redirect) -> Result<String, Failure> {
        if !self.bash {
            return Ok(self.expand_single(&redirect.target)?);
        }
        let fields = self.expand_words(std::slice::from_ref(&redirect.target))?;
        match <[String; 1]>::try_from(fields) {
            Ok([name]) => Ok(name),
            Err(_) => {
                let text = redirect.target.literal().unwrap_or("").to_owned();
                self.report(&format!("{text}: ambiguous redirect"))
            }
        }
    }

    /// Makes a descriptor of the shell's own the `target`, which it may be already.
    fn move_to(&mut self, own: Fd, target: Fd, saved: &mut Saved) -> Result<(), Failure> {
        if own == target {
            // It was the lowest that was free, so nothing was there before.
            saved.list.push((target, None));
            let _ = sys::fd::set_cloexec(target, Cloexec::Clear);
            return Ok(());
        }
        let put = self.put(own, target, saved);
        let _ = sys::fd::close(own);
        put
    }

    fn put(&mut self, source: Fd, target: Fd, saved: &mut Saved) -> Result<(), Failure> {
        self.save(target, saved);
        match sys::fd::dup2(source, target) {
            Ok(()) => {
                // A duplicate does not close at exec.
                Ok(())
            }
            Err(error) => {
                let message = format!("{target}: {}", errno::message(&error));
                self.report(&message)
            }
        }
    }

    fn open_for(&mut self, kind: RedirectKind, name: &str) -> Result<Fd, Failure> {
        use RedirectKind as K;
        let flags = match kind {
            K::Read => O_RDONLY,
            K::ReadWrite => O_RDWR | O_CREAT,
            K::Append | K::BothAppend => O_WRONLY | O_CREAT | O_APPEND,
            K::Write | K::BothWrite if self.options.noclobber => return self.open_new(name),
            _ => O_WRONLY | O_CREAT | O_TRUNC,
        };
        match self.open(&text::path(name), flags).and_then(move_up) {
            Ok(fd) => Ok(fd),
            Err(error) => self.cannot_open(kind == K::Read, name, &error),
        }
    }

    /// Opens a file. A trap runs after the command, so a signal does not end the wait for a FIFO's other end;
    /// Ctrl-C does.
    pub(super) fn open(&mut self, path: &Path, flags: i32) -> io::Result<Fd> {
        loop {
            match sys::fd::open(path, flags, 0o666) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.collect_signals();
                    if self.traps.interrupted || self.gives_up() {
                        return Err(error);
                    }
                }
                opened => return opened,
            }
        }
    }

    /// `>` under `set -C`: only what is no regular file may exist.
    fn open_new(&mut self, name: &str) -> Result<Fd, Failure> {
        let path = text::path(name);
        let special = sys::path::stat(&path).is_ok_and(|s| !s.is_file());
        let flags = if special {
            O_WRONLY
        } else {
            O_WRONLY | O_CREAT | O_EXCL
        };
        match self.open(&path, flags).and_then(move_up) {
            Ok(fd) => Ok(fd),
            Err(error) if self.bash && errno::is(&error, errno::EEXIST) => {
                self.report(&format!("{name}: cannot overwrite existing file"))
            }
            Err(error) => self.cannot_open(false, name, &error),
        }
    }

    fn cannot_open<T>(&mut self, read: bool, name: &str, error: &io::Error) -> Result<T, Failure> {
        let reason = errno::message(error);
        if self.bash {
            return self.report(&format!("{name}: {reason}"));
        }
        let missing = errno::is(error, errno::ENOENT);
        let reason = match (read, missing) {
            (true, true) => "No such file".to_owned(),
            (false, true) => "Directory nonexistent".to_owned(),
            _ => reason,
        };
        self.report(&format!(
            "cannot {} {name}: {reason}",
            if read { "open" } else { "create" }
        ))
    }

    /// `n<&m`, `n>&m`, `n>&-`, and `>&file` in bash.
    fn duplicate(
        &mut self,
        redirect: &Redirect,
        target: Option<Fd>,
        saved: &mut Saved,
    ) -> Result<(), Failure> {
        let word = self.redirect_target(redirect)?;
        if word == "-" {
            let fd = match &redirect.fd {
                RedirectFd::Variable(name) => {
                    let value = match crate::text::split_element(name) {
                        Some((base, index)) => self.element(base, index)?,
                        None => self.var(name),
                    };
                    value.and_then(|v| v.parse().ok())
                }
                _ => target,
            };
            if let Some(fd) = fd {
                self.save(fd, saved);
                // Closing what is not open is no error.
                let _ = sys::fd::close(fd);
            }
            return Ok(());
        }
        let (digits, moves) = match word.strip_suffix('-') {
            Some(rest) if self.bash => (rest, true),
            _ => (word.as_str(), false),
        };
        if let Ok(source) = digits.parse::<Fd>() {
            if Some(source) == target && !moves {
                // It stays what it is, open or not.
                return Ok(());
            }
            let copied = sys::fd::dup_from(source, OWN, Cloexec::Set);
            let Ok(copy) = copied else {
                return self.report(&format!("{source}: Bad file descriptor"));
            };
            match (&redirect.fd, target) {
                (RedirectFd::Variable(name), _) => {
                    let _ = sys::fd::set_cloexec(copy, Cloexec::Clear);
                    self.assign(name, copy.to_string())?;
                }
                (_, target) => {
                    self.move_to(copy, target.unwrap_or(1), saved)?;
                }
            }
            if moves && Some(source) != target {
                self.save(source, saved);
                let _ = sys::fd::close(source);
            }
            return Ok(());
        }
        if self.bash
            && redirect.kind == RedirectKind::DupOut
            && matches!(redirect.fd, RedirectFd::Default | RedirectFd::Number(1))
        {
            let fd = self.open_for(RedirectKind::BothWrite, &word)?;
            self.move_to(fd, 1, saved)?;
            return self.put(1, 2, saved);
        }
        if self.bash {
            self.report(&format!("{word}: ambiguous redirect"))
        } else {
            self.bad_fd(&word)
        }
    }

    fn bad_fd<T>(&mut self, word: &str) -> Result<T, Failure> {
        self.error(&format!("Syntax error: Bad fd number: {word}"));
        Err(Failure::Flow(Flow::Abort(2)))
    }

    /// A descriptor that reads `text`.
    fn document(&mut self, text: &str) -> Result<Fd, Failure> {
        self.document_of(text::encode(text).into_owned())
    }

    /// A descriptor that reads these bytes.
    pub fn document_of(&mut self, bytes: Vec<u8>) -> Result<Fd, Failure> {
        let piped = own_pipe().and_then(|(read, write)| {
            if bytes.len() <= PIPE_SIZE {
                sys::fd::write_all(write, &bytes)?;
            } else {
                // Too much for the pipe: a child writes it while the command reads.
                sys::process::fork_call(|| {
                    let _ = sys::fd::close(read);
                    i32::from(sys::fd::write_all(write, &bytes).is_err())
                })?;
            }
            sys::fd::close(write)?;
            Ok(read)
        });
        match piped {
            Ok(fd) => Ok(fd),
            Err(error) => self.report(&format!(
                "cannot create here-document: {}",
                errno::message(&error)
            )),
        }
    }
}
