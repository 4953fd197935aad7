//! Names of flags, derived from the names of properties.

/// The flag for a property: `maxItems` and `max_items` as `max-items`, `HTMLPage` as `html-page`, `userIDs` as
/// `user-ids`, `parseHTML2JSON` as `parse-html2-json`. What is no letter or digit becomes a dash, so that the flag
/// of `$filter` is `filter`; a name of such characters alone has none and gives "".
pub(super) fn derived(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut flag = String::new();
    for (at, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            dash(&mut flag);
            continue;
        }
        if begins_word(&letters, at) {
            dash(&mut flag);
        }
        flag.extend(letter.to_lowercase());
    }
    flag.truncate(flag.trim_end_matches('-').len());
    flag
}

fn dash(flag: &mut String) {
    if !flag.is_empty() && !flag.ends_with('-') {
        flag.push('-');
    }
}

/// Is there a capital that begins a word? One behind a small letter or a digit does, and the last of a row of
/// capitals if a word follows: the P of `HTMLPage`, but not the D of `userIDs`.
fn begins_word(letters: &[char], at: usize) -> bool {
    let get = |index: usize| letters.get(index).copied().unwrap_or(' ');
    if !get(at).is_uppercase() {
        return false;
    }
    let before = at.checked_sub(1).map_or(' ', get);
    if !before.is_uppercase() {
        return before.is_alphanumeric();
    }
    let plural = get(at + 1) == 's' && !get(at + 2).is_lowercase();
    get(at + 1).is_lowercase() && !plural
}

/// Letters and digits alone, in small letters: what names that are spelled in different ways have in common.
pub(super) fn squashed(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// How many letters must be added, removed or changed to make one name the other (the distance of Levenshtein).
pub(super) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().enumerate() {
        let mut diagonal = above;
        let mut last = above + 1;
        for (other, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            last = changed.min(diagonal + 1).min(last + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_spelling() {
        let cases = [
            ("city", "city"),
            ("maxItems", "max-items"),
            ("max_items", "max-items"),
            ("max-items", "max-items"),
            ("MaxItems", "max-items"),
            ("URL", "url"),
            ("HTMLPage", "html-page"),
            ("userID", "user-id"),
            ("userIDs", "user-ids"),
            ("URLsToFetch", "urls-to-fetch"),
            ("parseHTML2JSON", "parse-html2-json"),
            ("OAuth2Token", "o-auth2-token"),
            ("x509Cert", "x509-cert"),
            ("aB", "a-b"),
            ("SCREAMING_SNAKE", "screaming-snake"),
            ("__proto__", "proto"),
            ("$filter", "filter"),
            ("@type", "type"),
            ("a b/c", "a-b-c"),
            ("a.b", "a-b"),
            ("größeÄußern", "größe-äußern"),
            ("$$", ""),
            ("", ""),
        ];
        for (name, flag) in cases {
            assert_eq!(derived(name), flag, "{name}");
        }
    }

    #[test]
    fn distance_counts_changes() {
        assert_eq!(distance("city", "city"), 0);
        assert_eq!(distance("ciyt", "city"), 2);
        assert_eq!(distance("cit", "city"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
