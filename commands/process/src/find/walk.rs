//! Goes through the trees.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use secure_exec_cli::{Outcome, quote, warn};
use secure_exec_sys::errno;
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;

use super::execute::Batches;
use super::parse::{Command, Follow};

/// A file that was found.
pub struct Found<'a> {
    pub path: &'a Path,
    /// The path under which the search began.
    pub start: &'a Path,
    pub depth: usize,
    pub stat: Stat,
}

pub struct Search<'a> {
    pub name: &'a str,
    pub command: Command,
    pub now: i64,
    pub out: io::BufWriter<io::Stdout>,
    pub batches: Batches,
    pub status: i32,
    /// `-prune` was evaluated for the file at hand.
    pub pruned: bool,
    /// `-quit` was evaluated.
    pub over: bool,
}

pub fn run(name: &str, command: Command) -> Outcome {
    let batches = Batches::new(command.batches);
    let paths = command.paths.clone();
    let mut search = Search {
        name,
        command,
        now: crate::clock::now(),
        out: io::BufWriter::new(io::stdout()),
        batches,
        status: 0,
        pruned: false,
        over: false,
    };
    for path in &paths {
        if search.over {
            break;
        }
        let follows = search.command.follow != Follow::Never;
        match look(path, follows) {
            Ok(found) => search.visit(path, path, 0, found, &mut Vec::new())?,
            Err(error) => search.complain(path, &error),
        }
    }
    search.finish_batches()?;
    search.out.flush()?;
    Ok(search.status)
}

/// A link that leads nowhere is looked at itself, but not one that leads to itself.
fn look(path: &Path, follows: bool) -> io::Result<Stat> {
    if follows {
        match stat(path) {
            Err(error) if !errno::is(&error, errno::ELOOP) => {}
            told => return told,
        }
    }
    lstat(path)
}

impl Search<'_> {
    pub fn complain(&mut self, path: &Path, error: &io::Error) {
        self.status = 1;
        let _ = self.out.flush();
        warn(
            self.name,
            format_args!("{}: {}", quote(path), errno::message(error)),
        );
    }

    /// `above` are the directories on the way here, to notice a loop.
    fn visit(
        &mut self,
        path: &Path,
        start: &Path,
        depth: usize,
        found: Stat,
        above: &mut Vec<(u64, u64)>,
    ) -> io::Result<()> {
        let identity = (found.dev, found.ino);
        if self.command.follow == Follow::Always && found.is_dir() && above.contains(&identity) {
            self.status = 1;
            self.out.flush()?;
            warn(
                self.name,
                format_args!(
                    "File system loop detected; {} is part of the same file system loop.",
                    quote(path)
                ),
            );
            return Ok(());
        }
        let is_deep_enough = depth >= self.command.min_depth;
        self.pruned = false;
        let this = Found {
            path,
            start,
            depth,
            stat: found,
        };
        if is_deep_enough && !self.command.depth_first {
            self.evaluate(&this)?;
        }
        let descends =
            found.is_dir() && depth < self.command.max_depth && !self.pruned && !self.over;
        if descends
            && (!self.command.one_filesystem || depth == 0 || self.same_filesystem(start, &found))
        {
            above.push(identity);
            self.enter(path, start, depth, above)?;
            above.pop();
        }
        if is_deep_enough && self.command.depth_first && !self.over {
            self.evaluate(&this)?;
        }
        Ok(())
    }

    fn same_filesystem(&self, start: &Path, found: &Stat) -> bool {
        stat(start).is_ok_and(|first| first.dev == found.dev)
    }

    fn enter(
        &mut self,
        path: &Path,
        start: &Path,
        depth: usize,
        above: &mut Vec<(u64, u64)>,
    ) -> io::Result<()> {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                self.complain(path, &error);
                return Ok(());
            }
        };
        let mut names: Vec<OsString> = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push(entry.file_name()),
                Err(error) => self.complain(path, &error),
            }
        }
        for name in names {
            if self.over {
                break;
            }
            let inner = path.join(&name);
            match look(&inner, self.command.follow == Follow::Always) {
                Ok(found) => self.visit(&inner, start, depth + 1, found, above)?,
                Err(error) => self.complain(&inner, &error),
            }
        }
        Ok(())
    }
}
