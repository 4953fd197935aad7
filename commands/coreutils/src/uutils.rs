//! The tools that come from the uutils project.

use std::ffi::OsString;

use secure_exec_sys::process::umask;

use crate::{head, printf, touch};

macro_rules! tools {
    ($($name:literal => $krate:ident),* $(,)?) => {
        /// Their names.
        pub const NAMES: &[&str] = &[$($name),*];

        fn call(name: &str, list: Vec<OsString>) -> i32 {
            match name {
                $($name => $krate::uumain(list.into_iter()),)*
                _ => 127,
            }
        }
    };
}

tools! {
    "b2sum" => uu_b2sum,
    "base32" => uu_base32,
    "base64" => uu_base64,
    "basename" => uu_basename,
    "basenc" => uu_basenc,
    "cksum" => uu_cksum,
    "comm" => uu_comm,
    "cut" => uu_cut,
    "dircolors" => uu_dircolors,
    "dirname" => uu_dirname,
    "echo" => uu_echo,
    "expand" => uu_expand,
    "factor" => uu_factor,
    "false" => uu_false,
    "fmt" => uu_fmt,
    "fold" => uu_fold,
    "head" => uu_head,
    "hostid" => uu_hostid,
    "join" => uu_join,
    "ln" => uu_ln,
    "md5sum" => uu_md5sum,
    "mktemp" => uu_mktemp,
    "numfmt" => uu_numfmt,
    "od" => uu_od,
    "paste" => uu_paste,
    "pathchk" => uu_pathchk,
    "printenv" => uu_printenv,
    "printf" => uu_printf,
    "ptx" => uu_ptx,
    "pwd" => uu_pwd,
    "readlink" => uu_readlink,
    "realpath" => uu_realpath,
    "rmdir" => uu_rmdir,
    "seq" => uu_seq,
    "sha1sum" => uu_sha1sum,
    "sha224sum" => uu_sha224sum,
    "sha256sum" => uu_sha256sum,
    "sha384sum" => uu_sha384sum,
    "sha512sum" => uu_sha512sum,
    "shred" => uu_shred,
    "shuf" => uu_shuf,
    "sleep" => uu_sleep,
    "sum" => uu_sum,
    "tail" => uu_tail,
    "tee" => uu_tee,
    "touch" => uu_touch,
    "tr" => uu_tr,
    "true" => uu_true,
    "truncate" => uu_truncate,
    "tsort" => uu_tsort,
    "unexpand" => uu_unexpand,
    "uniq" => uu_uniq,
    "wc" => uu_wc,
    "yes" => uu_yes,
}

/// Runs a tool.
pub fn run(name: &str, mut list: Vec<OsString>) -> i32 {
    if name == "mktemp" {
        // What it makes is for the user alone, and WASI's open takes no mode.
        let _ = umask(0o077);
        if std::env::var_os("TMPDIR").is_some_and(|value| value.is_empty()) {
            // SAFETY: there is one thread. An empty name is as none.
            unsafe { std::env::remove_var("TMPDIR") };
        }
    }
    if name == "od" {
        name_octal_shorts(&mut list);
    }
    if name == "touch" {
        name_standard_output(&mut list);
        touch::put_dates_into_utc(&mut list);
    }
    let malformed = (name == "printf").then(|| printf::cut_at_malformed(&mut list));
    if let Err(error) = uucore::locale::setup_localization(name) {
        eprintln!("{name}: {error}");
    }
    if name == "head" {
        return head::main(list, |list| call("head", list));
    }
    let status = call(name, list);
    match malformed.flatten() {
        Some(message) => {
            eprintln!("printf: {message}");
            1
        }
        None => status,
    }
}

/// Names the file that is standard output for the operand `-` of touch, which uutils refuses on WASI.
fn name_standard_output(list: &mut [OsString]) {
    let mut is_value = false;
    for word in list.iter_mut().skip(1) {
        if !is_value && word == "-" {
            *word = "/dev/stdout".into();
        }
        let text = word.to_string_lossy();
        let is_short = text.starts_with('-') && !text.starts_with("--");
        is_value = match &*text {
            "--date" | "--reference" | "--time" => true,
            // A cluster of options whose last one takes a value.
            _ => {
                is_short
                    && text
                        .find(['d', 'r', 't'])
                        .is_some_and(|at| at + 1 == text.len())
            }
        };
    }
}

/// Writes `-o` for `-B` of `od`, the same in its old form, which uutils does not know.
fn name_octal_shorts(list: &mut [OsString]) {
    let operands = list.iter().position(|word| word == "--");
    let end = operands.unwrap_or(list.len());
    for word in list.iter_mut().take(end).skip(1) {
        let text = word.to_string_lossy();
        if !text.starts_with('-') || text.starts_with("--") {
            continue;
        }
        // What is behind a letter that takes a value is that value.
        let valued = text.find(['A', 'j', 'N', 'S', 't', 'w']);
        let (letters, value) = text.split_at(valued.unwrap_or(text.len()));
        if letters.contains('B') {
            *word = format!("{}{value}", letters.replace('B', "o")).into();
        }
    }
}
