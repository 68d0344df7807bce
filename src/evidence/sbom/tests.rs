//! What each format says, and what is refused.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const TRIVY: &str = include_str!("../samples/trivy.cdx.json");
const SYFT: &str = include_str!("../samples/syft.cdx.json");
const TRIVY_SPDX: &str = include_str!("../samples/trivy.spdx.json");
const SYFT_SPDX: &str = include_str!("../samples/syft.spdx.json");

fn shown(text: &str) -> String {
    let sbom = match read(text) {
        Ok(sbom) => sbom,
        Err(error) => {
            let source = std::error::Error::source(&error);
            let source = source.map(|source| format!(": {source}")).unwrap_or_default();
            return format!("{error}{source}");
        }
    };
    let Sbom { format, os, packages, libraries, ecosystems } = sbom;
    let os = os.map(|os| os.to_string());
    let libraries = libraries.len();
    let mut text = format!("{format}, os {os:?}, {libraries} libraries, {ecosystems:?}\n");
    for Package { name, version, arch, source } in packages {
        let _ = writeln!(text, "{name} {version} {arch} ({source})");
    }
    text
}

#[test]
fn cyclonedx_of_trivy_is_read_as_ever() {
    insta::assert_snapshot!(shown(TRIVY), @r#"
    CycloneDX, os Some("debian 12.11"), 1 libraries, {"deb", "pypi"}
    bsdutils 1:2.38.1-5+deb12u3 amd64 (util-linux)
    libstdc++6 12.2.0-14 amd64 (gcc-12)
    "#);
}

#[test]
fn cyclonedx_of_syft_is_read() {
    insta::assert_snapshot!(shown(SYFT), @r#"
    CycloneDX, os Some("redhat 9.3"), 1 libraries, {"pypi", "rpm"}
    bash 5.1.8-6.el9_1 x86_64 (bash)
    openssl-libs 1:3.0.7-24.el9 x86_64 (openssl)
    "#);
}

#[test]
fn spdx_of_trivy_is_read() {
    insta::assert_snapshot!(shown(TRIVY_SPDX), @r#"
    SPDX, os Some("centos 7.6.1810"), 1 libraries, {"pypi", "rpm"}
    openssl-libs 1:1.0.2k-16.el7 x86_64 (openssl)
    "#);
}

#[test]
fn spdx_of_syft_is_read() {
    insta::assert_snapshot!(shown(SYFT_SPDX), @r#"
    SPDX, os Some("alpine 3.19.1"), 0 libraries, {"apk", "oci"}
    busybox 1.36.1-r15 x86_64 (busybox)
    libcrypto3 3.1.4-r5 x86_64 (openssl)
    "#);
}

#[test]
fn what_is_no_inventory_is_refused() {
    let bom = |rest: &str| format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6"{rest}}}"#);
    let spdx = |rest: &str| format!(r#"{{"spdxVersion":"SPDX-2.3"{rest}}}"#);
    let purl = |purl: &str| {
        format!(
            r#"{{"name":"a","externalRefs":[{{"referenceType":"purl","referenceLocator":"{purl}"}}]}}"#
        )
    };
    let os = |name: &str| format!(r#"{{"type":"operating-system","name":"{name}","version":"1"}}"#);
    let texts = [
        "\n".to_owned(),
        "{".to_owned(),
        "[{".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n".to_owned(),
        "SPDXID: SPDXRef-DOCUMENT\nspdxVersion: SPDX-2.3\n".to_owned(),
        r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>"#.to_owned(),
        "Package: bash\n".to_owned(),
        r#"{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}"#.to_owned(),
        r#"{"SchemaVersion":2}"#.to_owned(),
        r#"{"artifacts":[]}"#.to_owned(),
        r#"{"payload":"","payloadType":"application/vnd.in-toto+json"}"#.to_owned(),
        bom(""),
        bom(r#","components":[]"#),
        bom(r#","components":[{"type":"library"}]"#),
        bom(
            r#","components":[{"type":"library","name":"a","components":[{"type":"library","name":"b","purl":"b"}]}]"#,
        ),
        bom(&format!(r#","components":[{},{}]"#, os("debian"), os("alpine"))),
        r#"{"bomFormat":"CycloneDX","specVersion":"1.1"}"#.to_owned(),
        spdx(""),
        r#"{"spdxVersion":"SPDX-2.1","packages":[]}"#.to_owned(),
        spdx(&format!(r#","packages":[{}]"#, purl("pkg:deb/"))),
        spdx(&format!(
            r#","packages":[{},{}]"#,
            purl("pkg:deb/debian/a@1?distro=debian-12"),
            purl("pkg:deb/debian/b@1?distro=debian-13")
        )),
    ];
    insta::assert_snapshot!(texts.map(|text| shown(&text)).join("\n"), @"
    the inventory is empty
    the inventory is not readable: EOF while parsing an object at line 1 column 1
    the inventory is not readable: EOF while parsing an object at line 1 column 2
    the inventory is JSON of an unknown kind, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is JSON of an unknown kind, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is SPDX tag-value, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is SPDX YAML, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is CycloneDX XML, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is no JSON, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is SPDX 3 or other JSON-LD, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is a report of Trivy (`trivy --format cyclonedx` makes an inventory), expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is Syft's own JSON (`syft -o cyclonedx-json` is read), expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory is a signed statement, which has the inventory as its `predicate`, expected CycloneDX JSON or SPDX JSON (2.2 or 2.3)
    the inventory lists nothing: it has no `components`
    the inventory lists nothing: it has no `components`
    the inventory is not readable: missing field `name` at line 1 column 77
    `components[0].components[0].purl` of the inventory cannot be read: a package URL starts with `pkg:`
    the inventory is about two operating systems, debian 1 and alpine 1
    the inventory is CycloneDX 1.1, expected 1.2 or a later 1.x
    the inventory lists nothing: it has no `packages`
    the inventory is SPDX 2.1, expected 2.2 or 2.3
    `packages[0].externalRefs[0]` of the inventory cannot be read: a package URL has a name
    the inventory is about two operating systems, debian 12 and debian 13
    ");
}

proptest! {
    #[test]
    fn any_change_of_an_inventory_is_read_or_refused(
        sample in proptest::sample::select(&[TRIVY, SYFT, TRIVY_SPDX, SYFT_SPDX][..]),
        at in any::<proptest::sample::Index>(), cut in 0usize..60,
        text in r#"[{}\[\]",:a-z0-9@?&%-]{0,20}"#,
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, text.into_bytes());
        fuzz(&bytes);
    }

    #[test]
    fn no_part_of_an_inventory_is_taken_for_one(
        sample in proptest::sample::select(&[TRIVY, SYFT, TRIVY_SPDX, SYFT_SPDX][..]),
        at in any::<proptest::sample::Index>(),
    ) {
        let text = sample.trim_end();
        prop_assert!(read(&text[..text.floor_char_boundary(at.index(text.len()))]).is_err());
    }
}
