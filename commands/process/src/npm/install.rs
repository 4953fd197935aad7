//! `npm install` where nothing can be downloaded: what is there is enough, or the packages that are missing are named.

use std::ffi::OsString;
use std::fs;
use std::time::Instant;

use secure_exec_cli::{Failure, Outcome, fail, report};

use super::package::Package;
use super::{Invocation, run_step};

/// Scripts that run at an installation, in this order.
const SCRIPTS: [&str; 7] = [
    "preinstall",
    "install",
    "postinstall",
    "prepublish",
    "preprepare",
    "prepare",
    "postprepare",
];

/// As many missing packages are named.
const MOST_NAMED: usize = 20;

/// Which kind of installation it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Install,
    /// `npm ci`: from a lock.
    Clean,
}

pub fn install(invocation: &Invocation, kind: Kind, wanted: &[OsString]) -> Outcome {
    let begun = Instant::now();
    let package = Package::nearest().unwrap_or_default();
    let lock = package.directory.join("package-lock.json");
    if kind == Kind::Clean && !lock.exists() {
        return Err(fail(
            "ci: there is no package-lock.json to install from: npm install makes one",
        ));
    }
    let mut missing: Vec<String> = wanted
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    missing.extend(package.missing(invocation.omits_dev));
    if !missing.is_empty() {
        return Err(cannot_download(&missing));
    }
    if !invocation.ignores_scripts {
        for name in SCRIPTS {
            let Some(command) = package.script(name) else {
                continue;
            };
            let status = run_step(invocation, &package, name, &command, &[])?;
            if status != 0 {
                return Ok(status);
            }
        }
    }
    let is_package = !package.directory.as_os_str().is_empty();
    if is_package && package.dependencies.is_empty() && !lock.exists() {
        fs::write(&lock, package.lock())
            .map_err(|error| fail(report("cannot write", &lock, &error)))?;
    }
    if !invocation.silent {
        println!("\nup to date in {}ms", begun.elapsed().as_millis().max(1));
    }
    Ok(0)
}

fn cannot_download(missing: &[String]) -> Failure {
    let mut names = missing[..missing.len().min(MOST_NAMED)].join(", ");
    if missing.len() > MOST_NAMED {
        names += ", ...";
    }
    fail(format!(
        "packages cannot be downloaded: this machine has no network beyond itself\n\
         missing here: {names}\n\
         packages of the host's are there with the option nodeModules of NodeRuntime.create"
    ))
}
