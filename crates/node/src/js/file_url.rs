//! URLs of files (`node::url::FromFilePath`).

use ada_url::Url;

/// The URL of the file at an absolute path; with the name of a host only for paths of Windows.
pub fn file_url(path: &str, windows: bool, hostname: Option<&str>) -> Option<Url> {
    let mut url = Url::parse("file://", None).ok()?;
    url.set_pathname(Some(&escape_path(path, windows))).ok()?;
    if let Some(hostname) = hostname.filter(|_| windows) {
        url.set_hostname(Some(hostname)).ok()?;
    }
    Some(url)
}

/// Escapes the characters of a path that the URL parser would drop or take for something else.
fn escape_path(path: &str, windows: bool) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        match character {
            '%' => escaped.push_str("%25"),
            '\\' if !windows => escaped.push_str("%5C"),
            '\n' => escaped.push_str("%0A"),
            '\r' => escaped.push_str("%0D"),
            '\t' => escaped.push_str("%09"),
            '?' => escaped.push_str("%3F"),
            '#' => escaped.push_str("%23"),
            other => escaped.push(other),
        }
    }
    escaped
}
