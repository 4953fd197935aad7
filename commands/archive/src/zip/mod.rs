//! zip: makes and changes zip archives.

mod found;
mod lines;
mod options;
mod update;

use crate::zipfile::{Archive, NotZip};
use found::Finder;
use options::{Action, Options};
use secure_exec_cli::{Args, Failure, Outcome};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;
use std::fs::File;
use std::io;
use std::path::Path;

const BAD_ARCHIVE: i32 = 3;
const NOTHING_TO_DO: i32 = 12;
const CANNOT_CREATE: i32 = 15;
const CANNOT_OPEN: i32 = 18;

fn warn(text: &str) {
    println!("\tzip warning: {text}");
}

fn nothing_to_do(path: &Path) -> Outcome {
    println!("\nzip error: Nothing to do! ({})", path.display());
    Ok(NOTHING_TO_DO)
}

pub fn main(args: Args) -> Outcome {
    let options = Options::parse(&args)?;
    let Some(path) = options.archive.clone() else {
        return to_stdout(&options);
    };
    let old = open_old(&path)?;
    if old.is_none() && !matches!(options.action, Action::Add | Action::Sync) {
        if matches!(options.action, Action::Delete | Action::Copy) {
            return nothing_to_do(&path);
        }
        warn(&format!("{} not found or empty", path.display()));
    }
    if options.output.is_some() && old.is_none() {
        println!("zip I/O error: No such file or directory");
        println!(
            "zip error: File not found or no read permission ({})",
            path.display()
        );
        return Ok(CANNOT_OPEN);
    }
    if options.test && options.names.is_empty() && options.action == Action::Add && old.is_some() {
        return Ok(if update::test(&options, &path)? {
            0
        } else {
            update::TEST_FAILED
        });
    }
    if matches!(options.action, Action::Delete | Action::Copy) {
        return update::select(&options, &path, old);
    }
    let mut finder = Finder::new(&options);
    let mut names = options.names.clone();
    if names.is_empty()
        && matches!(options.action, Action::Freshen | Action::Update)
        && let Some(old) = &old
    {
        names = old
            .entries
            .iter()
            .filter(|entry| stat(secure_exec_cli::os_string(entry.name.as_slice())).is_ok())
            .map(|entry| entry.name.clone())
            .collect();
    }
    finder.all(&names)?;
    // The archive itself is not put into it.
    if let Ok(archive) = stat(&path) {
        finder.found.retain(|found| !found.stat.same_file(&archive));
    }
    for name in &finder.missing {
        let shown = String::from_utf8_lossy(name);
        // A member may be named that is no file any more.
        if !options.quiet
            && !old
                .as_ref()
                .is_some_and(|old| old.entries.iter().any(|entry| entry.name == *name))
        {
            warn(&format!("name not matched: {shown}"));
        }
    }
    if options.must_match && !finder.missing.is_empty() {
        println!("\nzip error: Could not open a specified file");
        return Ok(CANNOT_OPEN);
    }
    repeated(&finder)?;
    if options.show_files {
        update::show(&finder.found);
        return Ok(0);
    }
    update::update(&options, &path, old, finder.found)
}

/// Two files would have one name in the archive.
fn repeated(finder: &Finder<'_>) -> Result<(), Failure> {
    let mut seen = std::collections::HashMap::new();
    for found in &finder.found {
        if let Some(first) = seen.insert(&found.name, &found.path)
            && first != &found.path
        {
            let (first, second) = (first.display(), found.path.display());
            let name = String::from_utf8_lossy(&found.name);
            warn(&format!("  first full name: {first}"));
            println!("                      second full name: {second}");
            println!("                     name in zip file repeated: {name}");
            println!("                     this may be a result of using -j");
            return Err(options::wrong("cannot repeat names in zip file"));
        }
    }
    Ok(())
}

fn to_stdout(options: &Options) -> Outcome {
    let mut finder = Finder::new(options);
    finder.all(&options.names)?;
    for name in &finder.missing {
        eprintln!(
            "\tzip warning: name not matched: {}",
            String::from_utf8_lossy(name)
        );
    }
    if finder.found.is_empty() {
        eprintln!("\nzip error: Nothing to do! (-)");
        return Ok(NOTHING_TO_DO);
    }
    update::stream(options, &finder.found)
}

fn open_old(path: &Path) -> Result<Option<Archive<File>>, Failure> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure {
                status: CANNOT_OPEN,
                message: format!("error: {}: {}", path.display(), errno::message(&error)),
            });
        }
    };
    if file.metadata().is_ok_and(|found| found.len() == 0) {
        return Ok(None);
    }
    Archive::open(file).map(Some).map_err(|error| {
        if matches!(error, NotZip::NoEnd) {
            warn("missing end signature--probably not a zip file (did you");
            warn("remember to use binary mode when you transferred it?)");
            warn("(if you are trying to read a damaged archive try -F)");
        }
        let shown = path.display();
        println!("\nzip error: Zip file structure invalid ({shown})");
        Failure::silent(BAD_ARCHIVE)
    })
}
