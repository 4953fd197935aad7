//! Programs and documents, by words in them.

use regex::bytes::Regex;

use super::script::{Form, Kind};

/// How far texts are searched, in bytes.
const SEARCHED: usize = 8192;

/// What texts begin with that are called by a name alone.
const BEGINNINGS: &[(&str, &str, &str)] = &[
    (
        "-----BEGIN CERTIFICATE-----",
        "PEM certificate",
        "text/plain",
    ),
    (
        "-----BEGIN CERTIFICATE REQ",
        "PEM certificate request",
        "text/plain",
    ),
    (
        "-----BEGIN RSA PRIVATE",
        "PEM RSA private key",
        "text/plain",
    ),
    (
        "-----BEGIN DSA PRIVATE",
        "PEM DSA private key",
        "text/plain",
    ),
    ("-----BEGIN EC PRIVATE", "PEM EC private key", "text/plain"),
    (
        "-----BEGIN OPENSSH PRIVATE KEY",
        "OpenSSH private key",
        "text/plain",
    ),
    (
        "-----BEGIN PGP PUBLIC KEY BLOCK-",
        "PGP public key block",
        "application/pgp-keys",
    ),
    (
        "-----BEGIN PGP MESSAGE-",
        "PGP message",
        "application/pgp-encrypted",
    ),
    (
        "-----BEGIN PGP SIGNED MESSAGE-",
        "PGP signed message",
        "text/PGP",
    ),
    (
        "-----BEGIN PGP SIGNATURE-",
        "PGP signature",
        "application/pgp-signature",
    ),
    ("ssh-rsa ", "OpenSSH RSA public key", "text/plain"),
    ("ssh-dss ", "OpenSSH DSA public key", "text/plain"),
    ("ssh-ed25519 ", "OpenSSH ED25519 public key", "text/plain"),
    ("ecdsa-sha2-nistp", "OpenSSH ECDSA public key", "text/plain"),
    (
        "BEGIN:VCALENDAR",
        "vCalendar calendar file",
        "text/calendar",
    ),
    (
        "<svg",
        "SVG Scalable Vector Graphics image",
        "image/svg+xml",
    ),
    ("/* XPM */", "X pixmap image text", "image/x-xpixmap"),
];

/// Expressions, tried in order: what they find is called by the name, beside the characters.
const WORDS: &[(&str, &str, &str)] = &[
    // Documents.
    (r"(?i)\A<\?php\b|\A<\?\n", "PHP script", "text/x-php"),
    (
        r"(?i)\A\s*<!doctype html\b|<html\b[ >\n]|<html\z|<(head|title)>|<(head|title) |<(script|style)\b|<a href=|<table\b",
        "HTML document",
        "text/html",
    ),
    (
        r"(?i)\A\s*<!doctype svg",
        "SVG XML document",
        "image/svg+xml",
    ),
    (
        r"(?i)\A(<!doctype |<!--)",
        "exported SGML document",
        "text/plain",
    ),
    (r"(?m)^\\documentclass", "LaTeX 2e document", "text/x-tex"),
    (
        r"(?m)^\\(begin|section|chapter|documentstyle|setlength|subsection|contentsline)\b",
        "LaTeX document",
        "text/x-tex",
    ),
    (r"(?m)^\\relax\b", "LaTeX auxiliary file", "text/x-tex"),
    (r"(?m)^\\input\b", "TeX document", "text/x-tex"),
    (
        r"(?m)^@(article|book|inbook|incollection|inproceedings|manual|misc|phdthesis|techreport|unpublished)\{",
        "BibTeX text file",
        "text/plain",
    ),
    (
        r#"\A(\.[A-Za-z][A-Za-z]\b|\.\\"|'\\"|\.(SH|TH|de|so|if|ds|nr|ta)\b)"#,
        "troff or preprocessor input",
        "text/troff",
    ),
    (r"\A#EXTM3U", "M3U playlist", "text/plain"),
    (
        r"\A1\r?\n\d\d:\d\d:\d\d,\d{3} --> ",
        "SubRip",
        "application/x-subrip",
    ),
    // Differences.
    (
        r"\Adiff --git |\A--- [^\n]*\n\+\+\+ ",
        "unified diff output",
        "text/x-diff",
    ),
    (r"\A(diff |Only in )", "diff output", "text/x-diff"),
    (
        r"\A\*\*\* [^\n]*\n--- ",
        "context diff output",
        "text/x-diff",
    ),
    (r"\AIndex:", "RCS/CVS diff output", "text/x-diff"),
    (
        r"\A-----BEGIN NEW CERTIFICATE REQUEST-----",
        "RFC1421 Security Certificate Signing Request",
        "text/plain",
    ),
    // Mail and news.
    (r"\ARelay-Version: ", "old news", "message/rfc822"),
    (r"\A(From|To|Date): ", "news or mail", "message/rfc822"),
    (r"\AReceived: ", "RFC 822 mail", "message/rfc822"),
    (r"\AReturn-Path: ", "SMTP mail", "message/rfc822"),
    (r"\A(Path|Xref|Article): ", "news", "message/news"),
    (r"\AMIME-Version: ", "MIME entity", "text/plain"),
    // Programs.
    (
        r"(?m)^#import\b",
        "Objective-C source",
        "text/x-objective-c",
    ),
    (
        r#"(?m)^[ \t]*import [^\n]* from ['"]|^\s*import \{|^[ \t]*module\.exports\b|^[ \t]*(const|var|let) [^\n]*= *require\(['"]|^[ \t]*export (default|const|function|class|let|var|async)\b|\A['"]use strict['"]|\A;?\(function *\("#,
        "JavaScript source",
        "application/javascript",
    ),
    (
        r"(?m)^import [^\n]*;$|\bpublic static void main\(",
        "Java source",
        "text/x-java",
    ),
    (
        r"(?m)^[ \t]*template[ \t]*<[^\n]*>[ \t]*$|^[ \t]*virtual[ \t]|^[ \t]*(public|private|protected):|^(using )?namespace\b|^[ \t]*class[ \t]+[\w:]+[ \t]*\{(?s:.*)\};?\s*$|^using namespace",
        "C++ source",
        "text/x-c++",
    ),
    (
        r#"(?m)^#include\b|^#pragma\b|^extern\b|^(struct|union)[ \t]+|^#ifndef [^\n]*\n#define |main\([^\n]*\)\s*\{"#,
        "C source",
        "text/x-c",
    ),
    (
        r"(?m)^package[ \t]+[0-9A-Za-z_:]+[ \t]*;",
        "Perl5 module source",
        "text/plain",
    ),
    (
        r"(?m)^\s*(class|module)\s[A-Z][^\n]*\n(?s:.*)^\s*end\b|^\s*def [a-z]\w*\n(?s:.*)^\s*end\b",
        "Ruby script",
        "text/x-ruby",
    ),
    (
        r"(?m)^(all|CFLAGS|LDFLAGS)[ \t]*[:=]",
        "makefile script",
        "text/x-makefile",
    ),
    (
        r"(?i)\A@(echo |rem |set )",
        "DOS batch file",
        "text/x-msdos-batch",
    ),
    (
        r"\A\(?(setq|defvar|defparam|defun|autoload)\b|\A\((setq|defun|defvar|defparameter|autoload)\b|\n\((setq|defun|defvar)\b",
        "Lisp/Scheme program",
        "text/x-lisp",
    ),
    (
        r"(?m)\A\.text\b|\A\s*\.(file|text|globl|asciiz|byte|even|type)\b",
        "assembler source",
        "text/x-asm",
    ),
    (
        r"(?m)^\s{0,100}BEGIN\s{0,100}\{",
        "awk or perl script",
        "text/plain",
    ),
    (r"(?i)\A[c][ \t]", "FORTRAN program", "text/x-fortran"),
];

/// What programs in Python have.
const PYTHON: &str = r#"(?m)^from\s+[\w.]+\s+import\b|^import\s+[\w.]+\s+as\b|^[ \t]{0,50}def {1,50}[a-zA-Z]\w{0,100} {0,50}\(([a-zA-Z_]|[*, ]){0,255}\):$|^class\s+[_[:alpha:]]+(\([^\n]*\))?\s*:|^if __name__ == |^[ \t]*try:(?s:.*)^[ \t]*(except[^\n]*|finally):"#;

/// Recognizes a text by its beginning.
pub fn recognize(text: &str) -> Option<Kind> {
    let mut end = text.len().min(SEARCHED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    let alone = |name: &str, media| {
        Some(Kind {
            name: name.to_owned(),
            media,
            form: Form::Alone,
        })
    };
    for (beginning, name, media) in BEGINNINGS {
        if head.starts_with(beginning) {
            return alone(name, media);
        }
    }
    if let Some(rest) = head.strip_prefix("BEGIN:VCARD") {
        return alone(&vcard(rest), "text/vcard");
    }
    let beside = |name: String, media| {
        Some(Kind {
            name,
            media,
            form: Form::Beside,
        })
    };
    if let Some(rest) = head.strip_prefix("<?xml") {
        if head.contains("<svg") || head.contains("<!DOCTYPE svg") {
            return alone("SVG Scalable Vector Graphics image", "image/svg+xml");
        }
        let version = rest
            .strip_prefix(" version=")
            .and_then(|rest| rest.strip_prefix(['"', '\'']))
            .map(|rest| rest.chars().take(3).collect::<String>());
        let name = version.map_or_else(
            || "XML document".to_owned(),
            |version| format!("XML {version} document"),
        );
        return beside(name, "text/xml");
    }
    if let Some(name) = head
        .strip_prefix("begin ")
        .and_then(|rest| rest.lines().next()?.get(4..))
    {
        let name = format!("uuencoded or xxencoded text, file name \"{name}\"");
        return beside(name, "text/plain");
    }
    // Words of ASCII are all that is looked for.
    let matches = |pattern: &str| {
        let pattern = format!("(?-u){pattern}");
        Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(head.as_bytes()))
    };
    for (pattern, name, media) in WORDS {
        if matches(pattern) {
            return beside((*name).to_owned(), media);
        }
        if *name == "MIME entity" && (matches(PYTHON) || head.starts_with("\"\"\"")) {
            return Some(Kind {
                name: "Python script".to_owned(),
                media: if matches(PYTHON) {
                    "text/x-script.python"
                } else {
                    "text/plain"
                },
                form: Form::Executable,
            });
        }
    }
    None
}

/// A card, and what is wrong with it.
fn vcard(rest: &str) -> String {
    let mut text = "vCard visiting card".to_owned();
    let lines = rest.trim_start_matches(['\r', '\n']);
    if let Some(version) = lines.strip_prefix("VERSION:") {
        let version: String = version.chars().take_while(|c| !c.is_whitespace()).collect();
        text.push_str(&format!(", version {version}"));
    }
    if !rest.starts_with("\r\n") {
        text.push_str(", 2nd line does not start with VERSION:, lines not separated by CRLF");
    }
    text
}
