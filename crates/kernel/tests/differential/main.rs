//! The same operations on host Linux and in the kernel: every result must be the same.
//!
//! Host operations run on a thread of their own, in a temporary directory, with its own working
//! directory and umask. When the test runs as root, the guest is root too, and the scripts about
//! permissions run on a host thread that has become uid 1000.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod fifos;
mod fuzz;
mod guest;
mod guest_sockets;
mod host;
mod host_sockets;
mod script;
mod scripts;
mod socket_fuzz;
mod socket_script;
mod sockets;
mod terminals;

use guest::Guest;
use host::Host;
use script::run;

/// Runs a script on both sides and compares line by line.
fn compare(name: &str, lines: &[String], drop_privileges: bool) {
    let owned = lines.to_vec();
    let host = host::on_own_thread(drop_privileges, move |dir| run(&mut Host::new(dir), &owned));
    let guest = run(&mut Guest::new(drop_privileges), lines);
    for (index, (line, (host, guest))) in lines.iter().zip(host.iter().zip(&guest)).enumerate() {
        let history = || lines[..=index].join("\n  ");
        assert_eq!(
            guest,
            host,
            "{name}, `{line}`: guest left, host right, after\n  {}",
            history()
        );
    }
    assert_eq!(host.len(), guest.len());
}

fn compare_scripts(scripts: &[(&str, &str)], drop_privileges: bool) {
    for (name, text) in scripts {
        let lines: Vec<String> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        compare(name, &lines, drop_privileges);
    }
}

#[test]
fn files_behave_as_on_linux() {
    compare_scripts(scripts::FILES, false);
}

#[test]
fn paths_behave_as_on_linux() {
    compare_scripts(scripts::PATHS, false);
}

#[test]
fn links_and_renames_behave_as_on_linux() {
    compare_scripts(scripts::LINKS, false);
}

#[test]
fn pipes_behave_as_on_linux() {
    compare_scripts(scripts::PIPES, false);
}

#[test]
fn fifos_behave_as_on_linux() {
    compare_scripts(fifos::FIFOS, false);
}

#[test]
fn sockets_behave_as_on_linux() {
    compare_scripts(sockets::STREAMS, false);
}

#[test]
fn datagrams_behave_as_on_linux() {
    compare_scripts(sockets::DATAGRAMS, false);
}

#[test]
fn names_of_sockets_behave_as_on_linux() {
    compare_scripts(sockets::NAMES, false);
}

#[test]
fn options_of_sockets_behave_as_on_linux() {
    compare_scripts(sockets::OPTIONS, false);
}

#[test]
fn descriptors_travel_as_on_linux() {
    compare_scripts(sockets::RIGHTS, false);
}

#[test]
fn watches_behave_as_on_linux() {
    compare_scripts(scripts::WATCHES, false);
}

#[test]
fn permissions_behave_as_on_linux() {
    compare_scripts(scripts::PERMISSIONS, true);
}

#[test]
fn terminals_behave_as_on_linux() {
    compare_scripts(terminals::TERMINALS, false);
}

#[test]
fn random_typing_behaves_as_on_linux() {
    for seed in 0..terminals::SEEDS {
        let script = terminals::random(seed);
        compare(&format!("typing seed {seed}"), &script, false);
    }
}

#[test]
fn random_operations_behave_as_on_linux() {
    for seed in 0..fuzz::SEEDS {
        compare(&format!("seed {seed}"), &fuzz::script(seed), false);
    }
}

#[test]
fn random_operations_of_a_user_behave_as_on_linux() {
    for seed in 0..fuzz::SEEDS {
        compare(
            &format!("user seed {seed}"),
            &fuzz::script(1_000_000 + seed),
            true,
        );
    }
}

#[test]
fn random_operations_on_sockets_behave_as_on_linux() {
    for seed in 0..socket_fuzz::SEEDS {
        let script = socket_fuzz::script(seed);
        compare(&format!("socket seed {seed}"), &script, false);
    }
}
