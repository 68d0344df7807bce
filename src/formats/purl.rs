//! Package URLs: `pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12`
//! (package-url/purl-spec, "How to parse a purl string to its components").

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::operating_system::of_distro;
use crate::model::OsIdentity;

/// Types whose packages belong to a package manager of the operating system.
const SYSTEM_TYPES: [&str; 10] =
    ["alpm", "apk", "bottlerocket", "coreos", "deb", "ebuild", "nix", "opkg", "qpkg", "rpm"];

/// A package URL, its parts decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageUrl {
    /// The type, in lower case: `deb`, `npm`.
    pub(crate) kind: String,
    /// What the name is unique in, its segments joined by slashes: `debian`, `org.apache`.
    pub(crate) namespace: Option<String>,
    /// The name; never empty.
    pub(crate) name: String,
    /// The version, if one is named.
    pub(crate) version: Option<String>,
    /// More, by key in lower case.
    pub(crate) qualifiers: BTreeMap<String, String>,
}

/// Why a text is no package URL. The fault of whoever made the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadPackageUrl {
    /// It starts otherwise.
    #[error("a package URL starts with `pkg:`")]
    Scheme,
    /// Nothing, or nothing that is a type, stands before the first slash.
    #[error("a package URL has a type after `pkg:`")]
    Type,
    /// Nothing stands where the name is.
    #[error("a package URL has a name")]
    Name,
    /// Something that is percent-encoded is not text.
    #[error("a package URL is UTF-8 when it is decoded")]
    Encoding,
}

impl FromStr for PackageUrl {
    type Err = BadPackageUrl;

    fn from_str(text: &str) -> Result<Self, BadPackageUrl> {
        let (scheme, rest) = text.split_once(':').ok_or(BadPackageUrl::Scheme)?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(BadPackageUrl::Scheme);
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, qualifiers) = rest.rsplit_once('?').unwrap_or((rest, ""));
        let (kind, rest) =
            rest.trim_start_matches('/').split_once('/').ok_or(BadPackageUrl::Type)?;
        let inside = |c: char| c.is_ascii_alphanumeric() || ".+-".contains(c);
        if kind.is_empty() || !kind.chars().all(inside) {
            return Err(BadPackageUrl::Type);
        }
        // `@` also starts namespaces of npm, and not every tool encodes that.
        let (rest, version) = match rest.rsplit_once('@') {
            Some((before, version)) if !before.is_empty() && !before.ends_with('/') => {
                (before, Some(version))
            }
            _ => (rest, None),
        };
        let rest = rest.trim_matches('/');
        let (namespace, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        let name = decoded(name)?;
        if name.is_empty() {
            return Err(BadPackageUrl::Name);
        }
        let namespace: Vec<Cow<'_, str>> = namespace
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decoded)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: (!namespace.is_empty()).then(|| namespace.join("/")),
            name: name.into_owned(),
            version: version
                .map(|version| decoded(version).map(Cow::into_owned))
                .transpose()?
                .filter(|version| !version.is_empty()),
            qualifiers: read_qualifiers(qualifiers)?,
        })
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, BadPackageUrl> {
    percent_decode_str(text).decode_utf8().map_err(|_| BadPackageUrl::Encoding)
}

fn read_qualifiers(text: &str) -> Result<BTreeMap<String, String>, BadPackageUrl> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| Ok((key.to_ascii_lowercase(), decoded(value)?.into_owned())))
        .collect()
}

impl PackageUrl {
    /// A qualifier: `arch`, `distro`.
    pub(crate) fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.get(key).map(String::as_str)
    }

    /// Whether a package manager of the operating system has installed it.
    pub(crate) fn is_of_system(&self) -> bool {
        SYSTEM_TYPES.contains(&self.kind.as_str())
    }

    /// The operating system that it was made for, as far as the qualifier `distro` tells.
    pub(crate) fn os(&self) -> Option<OsIdentity> {
        let distro = self.qualifier("distro").filter(|_| self.is_of_system())?;
        of_distro(distro, self.namespace.as_deref())
    }

    /// The version with the epoch, which is kept beside it: `stated` is what the document says
    /// outside of this URL, and goes first.
    pub(crate) fn full_version(&self, stated: Option<&str>) -> String {
        let stated = stated.filter(|version| !version.is_empty());
        let version = stated.or(self.version.as_deref()).unwrap_or_default();
        match self.qualifier("epoch") {
            Some(epoch) if epoch != "0" && !version.is_empty() && !has_epoch(version) => {
                format!("{epoch}:{version}")
            }
            _ => version.to_owned(),
        }
    }

    /// The name of the source package, as far as the qualifier `upstream` tells (Syft): `bash`,
    /// `bash@5.2` or `bash-5.2-1.el9.src.rpm`.
    pub(crate) fn source(&self) -> Option<&str> {
        let upstream = self.qualifier("upstream")?;
        let name = match source_of_rpm(upstream) {
            Some(name) => name,
            None => upstream.split('@').next().unwrap_or_default(),
        };
        Some(name).filter(|name| !name.is_empty())
    }
}

fn has_epoch(version: &str) -> bool {
    version
        .split_once(':')
        .is_some_and(|(epoch, _)| !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()))
}

/// The name in the file name of a source package: `bash` of `bash-5.2-1.el9.src.rpm`.
pub(crate) fn source_of_rpm(file: &str) -> Option<&str> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let name = stem.rsplitn(3, '-').nth(2)?;
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<PackageUrl>() {
            Err(error) => format!("{text}: {error}"),
            Ok(url) => {
                let PackageUrl { kind, namespace, name, version, qualifiers } = &url;
                let os = url.os().map(|os| os.to_string());
                format!(
                    "{kind} {namespace:?} {name} {version:?} {qualifiers:?} os={os:?} source={:?} version={}",
                    url.source(),
                    url.full_version(None)
                )
            }
        }
    }

    #[test]
    fn parts_are_found_and_decoded() {
        let urls = [
            "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12.5&epoch=1",
            "pkg:rpm/redhat/bash@5.1.8-6.el9?arch=x86_64&upstream=bash-5.1.8-6.el9.src.rpm&distro=rhel-9.3",
            "pkg:apk/alpine/libcrypto3@3.1.4-r5?upstream=openssl&distro=3.19.1",
            "pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64&distro=arch-rolling",
            "pkg:deb/debian/curl@7.50.3-1?distro=jessie",
            "PKG://npm/%40angular/core@1.0#sub/path",
            "pkg:npm/@angular/core",
            "pkg:golang/google.golang.org/genproto@abc?Type=",
            "pkg:deb",
            "pkg:/bash",
            "pkg:deb/debian/@1",
            "pkg:deb/%ff",
            "cpe:2.3:a",
        ];
        insta::assert_snapshot!(urls.map(shown).join("\n"), @r#"
        deb Some("debian") libstdc++6 Some("12.2.0-14") {"arch": "amd64", "distro": "debian-12.5", "epoch": "1"} os=Some("debian 12.5") source=None version=1:12.2.0-14
        rpm Some("redhat") bash Some("5.1.8-6.el9") {"arch": "x86_64", "distro": "rhel-9.3", "upstream": "bash-5.1.8-6.el9.src.rpm"} os=Some("redhat 9.3") source=Some("bash") version=5.1.8-6.el9
        apk Some("alpine") libcrypto3 Some("3.1.4-r5") {"distro": "3.19.1", "upstream": "openssl"} os=Some("alpine 3.19.1") source=Some("openssl") version=3.1.4-r5
        alpm Some("arch") pacman Some("6.0.1-1") {"arch": "x86_64", "distro": "arch-rolling"} os=Some("arch rolling") source=None version=6.0.1-1
        deb Some("debian") curl Some("7.50.3-1") {"distro": "jessie"} os=None source=None version=7.50.3-1
        npm Some("@angular") core Some("1.0") {} os=None source=None version=1.0
        npm Some("@angular") core None {} os=None source=None version=
        golang Some("google.golang.org") genproto Some("abc") {} os=None source=None version=abc
        pkg:deb: a package URL has a type after `pkg:`
        pkg:/bash: a package URL has a type after `pkg:`
        deb Some("debian") @1 None {} os=None source=None version=
        pkg:deb/%ff: a package URL is UTF-8 when it is decoded
        cpe:2.3:a: a package URL starts with `pkg:`
        "#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(pkg:)?[a-z/@?&=%#:+.0-9é-]{0,60}") {
            if let Ok(url) = text.parse::<PackageUrl>() {
                assert!(!url.name.is_empty() && !url.kind.is_empty());
                let parts = [Some(url.name.as_str()), url.version.as_deref(), url.source()];
                let total: usize = parts.into_iter().flatten().map(str::len).sum();
                assert!(total <= 2 * text.len());
            }
        }
    }
}
