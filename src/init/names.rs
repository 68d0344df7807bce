//! Names for images.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::model::{ImageName, Os};

/// Words that tell nothing of an image.
const GENERIC: [&str; 32] = [
    "amd64",
    "base",
    "box",
    "build",
    "builds",
    "cloud",
    "cloudimg",
    "config",
    "default",
    "golden",
    "image",
    "images",
    "infra",
    "iso",
    "linux",
    "machine",
    "main",
    "os",
    "packer",
    "pkr",
    "proxmox",
    "qemu",
    "server",
    "source",
    "src",
    "template",
    "templates",
    "this",
    "vm",
    "vms",
    "vsphere",
    "x86",
];

/// Whether a name tells nothing.
pub(super) fn is_generic(name: &str) -> bool {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let mut words = words.filter(|word| !word.is_empty());
    words.all(|word| GENERIC.contains(&word.to_ascii_lowercase().as_str()))
}

/// What the place of a template in the repository calls it: `debian/12` is `debian-12`. Empty in the
/// root.
pub(super) fn of_place(place: &Utf8Path) -> String {
    let name = place.file_name().unwrap_or_default();
    let above = place.parent().and_then(Utf8Path::file_name);
    match above {
        Some(above) if name.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("{above}-{name}")
        }
        _ => name.to_owned(),
    }
}

/// What an operating system calls an image: `debian-12`, `ubuntu-2404`.
pub(super) fn of_os(os: &Os) -> String {
    match os.family.as_str() {
        "ubuntu" => format!("ubuntu-{}", os.release.replace('.', "")),
        family => format!("{family}-{}", os.release),
    }
}

/// The name of an image at `place` that `label` tells from others there.
pub(super) fn joined(place: &str, label: &str) -> String {
    if is_generic(place) || label.to_lowercase().contains(&place.to_lowercase()) {
        label.to_owned()
    } else {
        format!("{place}-{label}")
    }
}

/// A name that images can have, as near to `text` as possible, and none of those `taken`: there it
/// is added.
pub(super) fn unique(text: &str, taken: &mut BTreeSet<ImageName>) -> ImageName {
    let valid = valid(text);
    let mut name: ImageName = valid.parse().expect("made to be a name");
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{valid}-{number}").parse().expect("made to be a name");
        number += 1;
    }
    name
}

/// Longest name that is made: a number behind it still fits.
const MAX_LENGTH: usize = 80;

fn valid(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        let allowed = character.is_ascii_lowercase() || character.is_ascii_digit();
        let separator = if "._".contains(character) { character } else { '-' };
        if allowed {
            name.push(character);
        } else if name.ends_with(|last: char| last.is_ascii_alphanumeric()) {
            name.push(separator);
        }
        if name.len() == MAX_LENGTH {
            break;
        }
    }
    let name = name.trim_end_matches(|last: char| !last.is_ascii_alphanumeric());
    match name {
        "" => "image".to_owned(),
        // Stores have a folder of that name for what did not pass.
        "rejected" => "rejected-image".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_tell_images_apart() {
        assert_eq!(of_place("packer/debian/12".into()), "debian-12");
        assert_eq!(of_place("centos/8-stream".into()), "centos-8-stream");
        assert_eq!(of_place("packer".into()), "packer");
        assert_eq!(joined("ubuntu", "ubuntu-lvm"), "ubuntu-lvm");
        assert_eq!(joined("ubuntu", "lvm"), "ubuntu-lvm");
        assert_eq!(joined("packer", "debian"), "debian");
        assert_eq!(joined("debian-12", "qemu"), "debian-12-qemu");
        assert!(is_generic("packer_templates") && is_generic("") && !is_generic("debian-base"));
        let mut taken = BTreeSet::new();
        assert_eq!(unique("Debian 12 (Größe)", &mut taken).as_str(), "debian-12-gr-e");
        assert_eq!(unique("debian-12-gr.e", &mut taken).as_str(), "debian-12-gr.e");
        assert_eq!(unique("Debian 12 Gr-e", &mut taken).as_str(), "debian-12-gr-e-2");
        assert_eq!(unique("rejected", &mut taken).as_str(), "rejected-image");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_name(text in any::<String>()) {
            let mut taken = BTreeSet::new();
            let (one, other) = (unique(&text, &mut taken), unique(&text, &mut taken));
            prop_assert_ne!(one, other);
        }
    }
}
