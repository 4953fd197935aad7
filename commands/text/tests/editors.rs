//! `vi` and `ex` do to a text what the host's vim does.

#[path = "../../cli/tests/harness/mod.rs"]
mod harness;

use harness::{Harness, assert_manifest_names_all};

const PROGRAM: &str = env!("CARGO_BIN_EXE_text");

const SETUP: &str = r#"
cat >text <<'END'
first line of the text
  second line, with some (more) words
third_line: a.b-c  end

{ call(fox, [1, 2], {x}) }
say "some words" and 41 more
last line
END
printf 'other\nfile\n' >other
printf '1,2d\na\nnew text\nand more\n.\n$s/last/LAST/\nw\nq\n' >in1
printf '1c\nchanged\n.\n2i\nbefore\n.\n/third/,$d\nx\n' >in2
cat >v <<'END'
run() {
    cp text copy
    LC_ALL=C.UTF-8 ex -u NONE -i NONE -N -s -c 1 "$@" -c w -c 'q!' copy
    status=$?
    cat copy
    echo "-- $status"
}
v() {
    keys=$(printf '%bx' "$1")
    run -c "normal! ${keys%x}"
}
e() {
    for command; do
        set -- "$@" -c "$command"
        shift
    done
    run "$@"
}
END
"#;

#[test]
fn vi_and_ex_do_what_vim_does() {
    Harness::new(PROGRAM).compare(include_str!("cases/vi.txt"), SETUP);
}

#[test]
fn the_manifest_names_all_commands() {
    assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}
