//! The same operations on host Linux and in the kernel: every result must be the same.
//!
//! Host operations run on a thread of their own, in a temporary directory, with its own working
//! directory and umask. When the test runs as root, the guest is root too, and the scripts about
//! permissions run on a host thread that has become uid 1000.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of the test's own are small"
)]

#[path = "../common/mod.rs"]
mod common;
mod fifos;
mod fuzz;
mod guest;
mod guest_sockets;
mod host;
mod host_network;
mod host_sockets;
mod inet;
mod inet_fuzz;
mod script;
mod scripts;
mod socket_fuzz;
mod socket_script;
mod sockets;
mod terminals;

use guest::Guest;
use host::Host;
use script::run;

/// Runs a script on both sides and compares line by line. What the host says of its terminals counts once it had
/// the time for it: on a busy machine that may be more than usual.
fn compare(name: &str, lines: &[String], drop_privileges: bool) {
    let guest = run(&mut Guest::new(drop_privileges), lines);
    let on_host = |patience| {
        let owned = lines.to_vec();
        host::on_own_thread(drop_privileges, move |dir| {
            run(&mut Host::with_patience(dir, patience), &owned)
        })
    };
    let mut host = on_host(host::PATIENCE);
    if host != guest && lines.iter().any(|line| line.starts_with("openpty")) {
        host = on_host(20 * host::PATIENCE);
    }
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

/// Runs scripts on both sides, the host's in a network of its own, and compares line by line.
#[expect(clippy::print_stderr, reason = "nobody shall take it for a comparison")]
fn compare_inet(scripts: Vec<(String, Vec<String>)>) {
    let owned = scripts.clone();
    let host = host::on_own_thread(false, move |dir| {
        if !host_network::enter() {
            return None;
        }
        let in_vain: Vec<_> = IN_VAIN.iter().map(|line| (*line).to_owned()).collect();
        let told = run(&mut Host::new(dir.clone()), &in_vain);
        let is_newer = told.last().is_some_and(|outcome| outcome == "EINVAL");
        let run = |(_, lines): &(String, Vec<String>)| run(&mut Host::new(dir.clone()), lines);
        Some((owned.iter().map(run).collect::<Vec<_>>(), is_newer))
    });
    let Some((host, is_newer)) = host else {
        eprintln!("not compared: this user may not make a network namespace");
        return;
    };
    let mut differing = Vec::new();
    for ((name, lines), host) in scripts.iter().zip(host) {
        let guest = run(&mut Guest::new(false), lines);
        let same = host
            .iter()
            .zip(&guest)
            .take_while(|(host, guest)| host == guest);
        let index = same.count();
        if index < lines.len() && !(is_newer && is_of_newer_linux(&lines[..=index], &host[index])) {
            let (host, guest) = (&host[index], &guest[index]);
            let history = lines[..=index].join("\n  ");
            differing.push(format!(
                "{name}: kernel {guest}, Linux {host}, after\n  {history}"
            ));
        }
    }
    let count = differing.len();
    differing.truncate(3);
    assert!(count == 0, "{count} differ:\n{}", differing.join("\n"));
}

/// A socket that has tried to connect in vain, as it should listen.
const IN_VAIN: &[&str] = &[
    "inet a tcp4",
    "connect a 127.0.0.1:9100",
    "poll a 8197",
    "getsockopt a error",
    "listen a 1",
];

/// Whether the last line differs because the host's Linux is newer than what guests have: such a socket can neither listen nor
/// connect any more (`EINVAL`; seen in 6.18), nor one connect that has listened, where they could. What comes behind such a line is
/// not compared.
fn is_of_newer_linux(lines: &[String], host: &str) -> bool {
    let Some((last, before)) = lines.split_last() else {
        return false;
    };
    let mut words = last.split(' ');
    let (Some("listen" | "connect"), Some(socket)) = (words.next(), words.next()) else {
        return false;
    };
    let tried = ["connect", "listen"].map(|word| format!("{word} {socket} "));
    let made = format!("inet {socket} ");
    let has_tried = |line: &String| tried.iter().any(|word| line.starts_with(word));
    host == "EINVAL"
        && before
            .iter()
            .rev()
            .take_while(|line| !line.starts_with(&made))
            .any(has_tried)
}

fn compare_inet_scripts(scripts: &[(&str, &str)]) {
    let lines = |text: &str| {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    compare_inet(
        scripts
            .iter()
            .map(|(name, text)| ((*name).to_owned(), lines(text)))
            .collect(),
    );
}

#[test]
fn tcp_behaves_as_on_linux() {
    compare_inet_scripts(inet::TCP);
}

#[test]
fn udp_behaves_as_on_linux() {
    compare_inet_scripts(inet::UDP);
}

#[test]
fn options_of_the_internet_behave_as_on_linux() {
    compare_inet_scripts(inet::OPTIONS);
}

#[test]
fn random_operations_on_tcp_behave_as_on_linux() {
    let script = |seed| (format!("tcp seed {seed}"), inet_fuzz::tcp(seed));
    compare_inet((0..inet_fuzz::seeds()).map(script).collect());
}

#[test]
fn random_operations_on_udp_behave_as_on_linux() {
    let script = |seed| (format!("udp seed {seed}"), inet_fuzz::udp(seed));
    compare_inet((0..inet_fuzz::seeds()).map(script).collect());
}
