//! A part of each target in every run of the tests, the same one each time. `npm run fuzz` is the long form.

use secure_exec_fuzz::runner::Until;
use secure_exec_fuzz::targets;

fn holds(name: &str, runs: u64) {
    let target = targets::find(name).expect("the target is there");
    let outcome = target.fuzz(1, Until::Runs(runs), |_| {});
    if let Some((run, failure)) = outcome.failure {
        panic!(
            "{name}, run {run} of seed 1: {}: {}\nagain, made small: npm run fuzz {name} -- --seed 1",
            failure.kind, failure.message
        );
    }
    assert_eq!(outcome.runs, runs);
}

#[test]
fn frames_decode_within_their_bounds() {
    holds("frames", 3000);
}

#[test]
fn messages_about_files_decode_and_lead_nowhere_else() {
    holds("files-messages", 5000);
}

#[test]
fn inputs_of_tools_are_checked_within_their_bounds() {
    holds("schemas", 500);
}

#[test]
fn command_lines_of_tools_are_read_within_their_bounds() {
    holds("tool-lines", 3000);
}

#[test]
fn system_calls_keep_their_limits_and_give_everything_back() {
    holds("syscalls", 2000);
}

#[test]
fn paths_resolve_as_the_model_says() {
    holds("path-walk", 2000);
}

#[test]
fn forged_filesystems_are_refused_or_within_limits() {
    holds("carried-files", 2000);
}

#[test]
fn vm_processes_that_say_anything_end_alone() {
    holds("broker", 150);
}

#[test]
fn scripts_are_parsed_alike_in_any_pieces() {
    holds("sh-parser", 1000);
}

#[test]
fn every_target_has_a_test() {
    let tests = include_str!("fixed_seeds.rs");
    for target in targets::ALL {
        assert!(
            tests.contains(&format!("holds(\"{}\"", target.name)),
            "{}",
            target.name
        );
    }
}
