//! What templates download, as far as they say it without Packer.

use super::references;
use crate::model::{Checksum, Download, Image};
use crate::template::Build;

/// What the build of `image` downloads: disks and installation media of its source.
pub fn downloads(image: &Image) -> Vec<Download> {
    let template = references::read(image, true);
    let mut builds = template.builds.iter();
    let build = match &image.build {
        Some(name) => builds.find(|build| build.name == *name),
        None => builds.next(),
    };
    let of = |block: &str| {
        let build = build?;
        let urls = ["iso_url", "iso_urls"].map(|name| values(build, &format!("{block}{name}")));
        let urls = urls.concat().into_iter().filter(|url| is_remote(url)).collect::<Vec<_>>();
        let checksum = values(build, &format!("{block}iso_checksum"));
        let checksum = checksum.first().map_or(Checksum::Open, |text| checksum_of(text));
        (!urls.is_empty()).then_some(Download { urls, checksum })
    };
    ["", "boot_iso."].into_iter().filter_map(of).collect()
}

fn values(build: &Build, name: &str) -> Vec<String> {
    build.setting(name).and_then(|setting| setting.values.clone()).unwrap_or_default()
}

fn is_remote(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// What `iso_checksum` demands: `sha256:…`, the digits alone, or `file:` and where a list lies.
fn checksum_of(text: &str) -> Checksum {
    if let Some(listed) = text.strip_prefix("file:") {
        return if is_remote(listed) {
            Checksum::Listed(listed.to_owned())
        } else {
            Checksum::Open
        };
    }
    let digits = text.rsplit_once(':').map_or(text, |(_, digits)| digits);
    let known = matches!(digits.len(), 64 | 128) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if known { Checksum::Pinned(digits.to_ascii_lowercase()) } else { Checksum::Open }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;
    use crate::model::samples::image;

    #[test]
    fn what_a_source_downloads_is_told_with_the_values_of_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("a.pkr.hcl");
        let sum = "A".repeat(64);
        let template = format!(
            r#"
            variable "release" {{ default = "12" }}
            variable "secret" {{ type = string }}
            source "qemu" "a" {{
              iso_url      = "https://example.org/${{var.release}}/a.iso"
              iso_checksum = "sha256:{sum}"
            }}
            source "proxmox-iso" "b" {{
              boot_iso {{
                iso_urls     = ["http://example.org/b.iso", "local/b.iso"]
                iso_checksum = "file:https://example.org/SHA512SUMS"
              }}
            }}
            source "qemu" "c" {{ iso_url = "https://example.org/${{var.secret}}" }}
            source "qemu" "d" {{
              iso_url      = "https://example.org/d.iso"
              iso_checksum = "none"
            }}
            build {{ sources = ["qemu.a", "proxmox-iso.b", "qemu.c", "qemu.d"] }}
            "#
        );
        fs_err::write(&path, template).unwrap();
        let mut image = image("debian-13");
        (image.template, image.workdir) =
            (path, Utf8Path::from_path(folder.path()).unwrap().into());
        image.vars.insert("release".to_owned(), "13".into());
        let mut of = |build: &str| {
            image.build = Some(build.to_owned());
            downloads(&image)
        };
        let download =
            |url: &str, checksum| vec![Download { urls: vec![url.to_owned()], checksum }];
        let pinned = Checksum::Pinned("a".repeat(64));
        assert_eq!(of("qemu.a"), download("https://example.org/13/a.iso", pinned));
        let listed = Checksum::Listed("https://example.org/SHA512SUMS".to_owned());
        assert_eq!(of("proxmox-iso.b"), download("http://example.org/b.iso", listed));
        assert_eq!(of("qemu.c"), []);
        assert_eq!(of("qemu.d"), download("https://example.org/d.iso", Checksum::Open));
        assert_eq!(of("qemu.e"), []);
    }
}
