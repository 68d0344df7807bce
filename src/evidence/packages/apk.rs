//! apk's database: `installed` (Alpine Linux, "Apk spec", "Installed database V2").

use crate::model::Package;

/// Reads the paragraphs. What cannot be understood is passed over.
pub(super) fn read(text: &[u8]) -> Vec<Package> {
    let text = String::from_utf8_lossy(text);
    let mut packages: Vec<Package> = text.split("\n\n").filter_map(package).collect();
    packages.sort();
    packages.dedup();
    packages
}

fn package(paragraph: &str) -> Option<Package> {
    let value = |letter: &str| {
        paragraph.lines().find_map(|line| line.strip_prefix(letter)).map(str::to_owned)
    };
    let name = value("P:")?;
    Some(Package {
        version: value("V:")?,
        arch: value("A:").unwrap_or_default(),
        source: value("o:").unwrap_or_else(|| name.clone()),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_with_their_origin() {
        let text = b"C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\no:musl\n\nP:busybox-binsh\nV:1.36-r1\nA:x86_64\no:busybox\nF:bin\n\nV:1\n";
        let told: Vec<_> = read(text)
            .into_iter()
            .map(|it| format!("{} {} {}", it.name, it.version, it.source))
            .collect();
        assert_eq!(told, ["busybox-binsh 1.36-r1 busybox", "musl 1.2.5-r0 musl"]);
    }
}
