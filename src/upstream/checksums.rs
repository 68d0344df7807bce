//! Lists of checksums: `SHA256SUMS` and the like. Pure.

/// The checksum of the file `name` in `list`, in lower-case hexadecimal digits, if it is one of
/// `digits` digits: 64 of SHA-256, 128 of SHA-512. A list with nothing but a checksum is of that
/// file.
///
/// Reads what `sha256sum` writes, with a name after two characters, and what BSD writes:
/// `SHA256 (name) = …`.
pub(super) fn find(list: &str, name: &str, digits: usize) -> Option<String> {
    let mut lines = list.lines().map(str::trim).filter(|line| !line.is_empty());
    let found = lines.clone().find_map(|line| {
        let (checksum, named) = entry(line)?;
        // Some lists name files with the folders that they lie in.
        let last = named.rsplit('/').next().unwrap_or(named);
        (last == name && is_checksum(checksum, digits)).then_some(checksum)
    });
    let alone = || {
        let first = lines.next()?;
        (lines.next().is_none() && is_checksum(first, digits)).then_some(first)
    };
    found.or_else(alone).map(str::to_ascii_lowercase)
}

fn entry(line: &str) -> Option<(&str, &str)> {
    if let Some((head, checksum)) = line.rsplit_once(") = ") {
        return head.split_once(" (").map(|(_, name)| (checksum, name));
    }
    let (checksum, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    Some((checksum, rest.strip_prefix('*').unwrap_or(rest)))
}

/// Whether `text` is a checksum of so many digits.
fn is_checksum(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_usual_form_is_read() {
        let (a, b) = ("a".repeat(64), "B".repeat(64));
        let cases = [
            (format!("{a}  other.iso\n{b}  disk.iso\n"), true),
            (format!("{a} *other.iso\r\n{b} *disk.iso\r\n"), true),
            (format!("{b}  ./images/disk.iso"), true),
            (
                format!("# disk.iso: 7 bytes\nSHA256 (other.iso) = {a}\nSHA256 (disk.iso) = {b}"),
                true,
            ),
            (format!("\n{b}\n"), true),
            (format!("{a}\n{b}\n"), false),
            (format!("{b}{b}  disk.iso"), false),
            (format!("{b}  disk.iso.asc\n{b}  old-disk.iso"), false),
            ("<html>disk.iso</html>".to_owned(), false),
            (String::new(), false),
        ];
        for (list, known) in cases {
            let expected = known.then(|| b.to_lowercase());
            assert_eq!(find(&list, "disk.iso", 64), expected, "{list}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_list_says_only_a_checksum_comes_of_it(
            list in "[a-f0-9 ()=*/\\n.é-]{0,200}", name in "[a-z.]{0,8}",
        ) {
            if let Some(found) = find(&list, &name, 64) {
                prop_assert!(is_checksum(&found, 64));
            }
        }
    }
}
