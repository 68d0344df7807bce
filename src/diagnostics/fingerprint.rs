//! Fingerprints of lines, by which code scanning knows a problem again when the lines before it
//! have changed: `primaryLocationLineHash` of GitHub's `codeql-action`, which complains about others.

use std::collections::HashMap;

/// Characters that decide the hash of a line: those from its start, also beyond its end.
const LENGTH: usize = 100;
/// The base of the hash.
const BASE: u64 = 37;
/// What stands for the end of the file.
const END: u16 = u16::MAX;

/// The fingerprint of every line of `text`, in order: a hash, and the how many-th line with it.
///
/// Blanks do not count, all line ends are the same, characters are units of UTF-16.
pub(super) fn fingerprints(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let blank = |c: &char| matches!(c, ' ' | '\t');
    let mut units: Vec<u16> = Vec::new();
    for c in text.chars().filter(|c| !blank(c)) {
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    units.push(END);
    let starts = std::iter::once(0).chain(
        units
            .iter()
            .enumerate()
            .filter(|(_, unit)| **unit == u16::from(b'\n'))
            .map(|(at, _)| at + 1),
    );
    let starts: Vec<usize> = starts.collect();
    units.resize(units.len() + LENGTH, 0);

    // Hashes of all beginnings of the text: each part of it is a difference of two.
    let mut beginnings = vec![0_u64];
    let mut hash = 0_u64;
    for unit in units {
        hash = hash.wrapping_mul(BASE).wrapping_add(u64::from(unit));
        beginnings.push(hash);
    }
    let shift = (0..LENGTH).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let line = |start: usize| {
        let before = beginnings[start].wrapping_mul(shift);
        let hash = beginnings[start + LENGTH].wrapping_sub(before);
        let count = seen.entry(hash).or_default();
        *count += 1;
        format!("{hash:x}:{count}")
    };
    starts.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_fingerprints_that_code_scanning_gives_them() {
        assert_eq!(fingerprints(""), ["c129715d7a2bc9a3:1"]);
        assert_eq!(
            fingerprints(" a\nb\n  \t\tc\n d"),
            ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]
        );
        for text in [
            " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n",
            " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n",
            " hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n",
        ] {
            assert_eq!(
                fingerprints(text),
                [
                    "e9496ae3ebfced30:1",
                    "fb7c023a8b9ccb3f:1",
                    "ce8ba1a563dcdaca:1",
                    "e20e36e16fcb0cc8:1",
                    "b3edc88f2938467e:1",
                    "c8e28b0b4002a3a0:1",
                    "c129715d7a2bc9a3:1",
                ],
                "{text:?}"
            );
        }
        let repeated = fingerprints(&"Lorem ipsum dolor sit amet.\n".repeat(10));
        assert_eq!(repeated[0], "a7f2ff13bc495cf2:1");
        assert_eq!(repeated[5], "a7f2ff13bc495cf2:6");
        assert_eq!(repeated[6], "a7f2ff1481e87703:1", "the end of the file comes near");
    }
}
