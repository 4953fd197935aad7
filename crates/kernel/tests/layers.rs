//! Modules use those of their own layer and of lower ones.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[test]
fn no_module_uses_one_of_a_higher_layer() {
    let found = secure_exec_layers::faults(env!("CARGO_MANIFEST_DIR")).unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn only_the_kernel_and_its_processes_use_each_other() {
    let found = secure_exec_layers::circles_of_modules(env!("CARGO_MANIFEST_DIR")).unwrap();
    assert_eq!(found, [["kernel", "process"]]);
}
