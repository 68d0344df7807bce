//! Where registries and stores lie.

use std::fmt;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use super::as_text::serde_as_text;

/// Where a registry lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// A folder of this machine, absolute: `file://…`.
    Directory(Utf8PathBuf),
    /// A place in an object store: `s3://…`.
    Objects(ObjectsAddress),
    /// A branch of a git repository: `git`, `git+https://…`.
    Git(GitAddress),
}

impl Address {
    /// The folder, if it is one of this machine.
    pub fn folder(&self) -> Option<&Utf8Path> {
        match self {
            Self::Directory(folder) => Some(folder),
            Self::Objects(_) | Self::Git(_) => None,
        }
    }
}

/// Where the bytes of an image go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreAddress {
    /// A folder of this machine, absolute: `{ dir: { url: "file://…" } }`.
    Directory(Utf8PathBuf),
    /// A place in an object store: `{ object: { url: "s3://…" } }`.
    Objects(ObjectsAddress),
    /// Repositories of an OCI registry: `{ oci: { ref: … } }`.
    Oci(OciReference),
}

impl StoreAddress {
    /// Whether the store lies on this machine. Demonstration data goes nowhere else.
    pub fn is_local(&self) -> bool {
        self.folder().is_some()
    }

    /// The folder, if it is one of this machine.
    pub fn folder(&self) -> Option<&Utf8Path> {
        match self {
            Self::Directory(folder) => Some(folder),
            Self::Objects(_) | Self::Oci(_) => None,
        }
    }
}

/// Why a text is no address. It reads on after the text and a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct AddressError(&'static str);

impl AddressError {
    /// With this reason, as it reads on.
    pub fn new(why: &'static str) -> Self {
        Self(why)
    }

    /// The reason.
    pub fn why(self) -> &'static str {
        self.0
    }
}

/// A place in an object store: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
///
/// What stands in the query is how to reach it: `endpoint` (of a store that is not the vendor's own),
/// `region`, and `path_style=true` (the bucket in the path and not in the name of the host). Who may is
/// never in an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectsAddress(Url);

/// What may stand in the query of the address of an object store.
const QUERY: [&str; 3] = ["endpoint", "region", "path_style"];

impl ObjectsAddress {
    /// The schemes of object stores.
    pub const SCHEMES: [&str; 3] = ["s3", "gs", "az"];

    /// Whether `text` is to be the address of an object store, right or wrong.
    pub fn claims(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| Self::SCHEMES.contains(&scheme))
    }

    /// The kind of store: `s3`, `gs` or `az`.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The bucket, which is called a container in Azure.
    pub fn bucket(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// What all paths in there begin with: no slash at either end, empty for the bucket itself.
    pub fn prefix(&self) -> &str {
        self.0.path().trim_matches('/')
    }

    /// Another endpoint than the vendor's own.
    pub fn endpoint(&self) -> Option<String> {
        self.query("endpoint")
    }

    /// The region, where that matters.
    pub fn region(&self) -> Option<String> {
        self.query("region")
    }

    /// Whether the bucket is in the path of a request.
    pub fn path_style(&self) -> bool {
        self.query("path_style").is_some_and(|value| value == "true")
    }

    /// The address without how to reach it: what people and records are told.
    pub fn location(&self) -> String {
        let (scheme, bucket, prefix) = (self.scheme(), self.bucket(), self.prefix());
        if prefix.is_empty() {
            format!("{scheme}://{bucket}")
        } else {
            format!("{scheme}://{bucket}/{prefix}")
        }
    }

    fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl FromStr for ObjectsAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        const FORM: &str = "expected `s3://`, `gs://` or `az://`, a bucket, and perhaps a path";
        if !Self::claims(text) {
            return Err(AddressError(FORM));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(AddressError("it holds a blank or a control character"));
        }
        // The parser would take them away.
        if text.split(['/', '?']).any(|part| matches!(part, "." | "..")) {
            return Err(AddressError("it has a `.` or `..` as a part of its path"));
        }
        let mut url = Url::parse(text).map_err(|_| AddressError(FORM))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError("who may is told by the environment, not in the address"));
        }
        if url.port().is_some() {
            return Err(AddressError("a bucket has no port: write `?endpoint=http://host:port`"));
        }
        if url.fragment().is_some() {
            return Err(AddressError("it has a `#`"));
        }
        let bucket = url.host_str().unwrap_or_default();
        let of_bucket = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.is_empty() || !bucket.chars().all(of_bucket) {
            return Err(AddressError(FORM));
        }
        let of_path = |c: char| of_bucket(c) || matches!(c, '=' | '+' | '@' | '~');
        let path = url.path().strip_prefix('/').unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        let is_part = |part: &str| !part.is_empty() && part.chars().all(of_path);
        if !path.is_empty() && !path.split('/').all(is_part) {
            return Err(AddressError("its path has more than letters, digits and `-._=+@~`"));
        }
        let mut seen = Vec::new();
        for (key, value) in url.query_pairs() {
            let Some(known) = QUERY.iter().find(|known| **known == key) else {
                return Err(AddressError(
                    "after `?`, `endpoint`, `region` and `path_style` are known",
                ));
            };
            if seen.contains(known) {
                return Err(AddressError("it says one thing twice after `?`"));
            }
            seen.push(known);
            let is_right = match *known {
                "endpoint" => Url::parse(&value).is_ok_and(|url| {
                    matches!(url.scheme(), "http" | "https")
                        && url.username().is_empty()
                        && url.password().is_none()
                }),
                "path_style" => matches!(value.as_ref(), "true" | "false"),
                _ => !value.is_empty() && value.chars().all(of_bucket),
            };
            if !is_right {
                return Err(AddressError(match *known {
                    "endpoint" => "`endpoint` is `https://host` or `http://host:port`",
                    "path_style" => "`path_style` is `true` or `false`",
                    _ => "`region` is a word",
                }));
            }
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }
}

impl fmt::Display for ObjectsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

serde_as_text!(ObjectsAddress);

/// A branch that a registry lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitAddress {
    /// The repository.
    pub repository: GitRepository,
    /// The branch, which has no common past with the others.
    pub branch: String,
}

/// The repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GitRepository {
    /// What the repository that this folder lies in calls `origin`.
    Surrounding(Utf8PathBuf),
    /// An address as git takes it: `https://…`, `ssh://…` or `file://…`, without a name or a password
    /// (but for the name in one by `ssh`).
    Url(String),
}

impl GitAddress {
    /// The branch, where none is named.
    pub const BRANCH: &'static str = "goldsmith-registry";

    /// The branch [`Self::BRANCH`] of the repository that `folder` lies in.
    pub fn surrounding(folder: &Utf8Path) -> Self {
        let repository = GitRepository::Surrounding(folder.to_owned());
        Self { repository, branch: Self::BRANCH.to_owned() }
    }

    /// Whether `text` is to be the address of a repository, right or wrong.
    pub fn claims(text: &str) -> bool {
        text.starts_with("git+")
    }
}

impl FromStr for GitAddress {
    type Err = AddressError;

    /// Reads `git+https://host/repository`, and a branch after `#`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        const FORM: &str =
            "expected `git+https://`, `git+ssh://` or `git+file:///`, and a repository";
        let (address, branch) = match text.split_once('#') {
            Some((address, branch)) => (address, branch),
            None => (text, Self::BRANCH),
        };
        let address = address.strip_prefix("git+").ok_or(AddressError(FORM))?;
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(AddressError("it holds a blank or a control character"));
        }
        let url = Url::parse(address).map_err(|_| AddressError(FORM))?;
        let is_known = matches!(url.scheme(), "https" | "http" | "ssh" | "file");
        if !is_known || url.path().len() < 2 {
            return Err(AddressError(FORM));
        }
        let has_host = url.host_str().is_some_and(|host| !host.is_empty());
        if has_host == (url.scheme() == "file") {
            return Err(AddressError(FORM));
        }
        if url.password().is_some() || (!url.username().is_empty() && url.scheme() != "ssh") {
            return Err(AddressError("who may is told by the environment, not in the address"));
        }
        if url.query().is_some() {
            return Err(AddressError("it has a `?`"));
        }
        if !is_branch(branch) {
            return Err(AddressError("what stands after `#` is no name of a branch"));
        }
        let repository = GitRepository::Url(url.into());
        Ok(Self { repository, branch: branch.to_owned() })
    }
}

/// Whether git takes `name` for a branch (git-check-ref-format), less what nobody needs.
fn is_branch(name: &str) -> bool {
    let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && Utf8Path::new(part).extension() != Some("lock")
    };
    name.chars().all(of_name) && !name.contains("..") && name.split('/').all(is_part)
}

impl fmt::Display for GitAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repository {
            GitRepository::Surrounding(_) => f.write_str("git")?,
            GitRepository::Url(url) => write!(f, "git+{url}")?,
        }
        if self.branch == Self::BRANCH { Ok(()) } else { write!(f, "#{}", self.branch) }
    }
}

/// Repositories of an OCI registry: `registry.example.org/team/images`. Below it, each image has a
/// repository, in which versions are tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OciReference {
    host: String,
    repository: String,
}

impl OciReference {
    /// The host, with a port if one is written.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What the names of all repositories begin with.
    pub fn repository(&self) -> &str {
        &self.repository
    }
}

impl FromStr for OciReference {
    type Err = AddressError;

    /// Reads a name as in the OCI distribution specification 1.1, "Pulling manifests", with a host
    /// before it.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        const FORM: &str = "expected `registry.example.org/team/images`, without a tag";
        let error = AddressError(FORM);
        let (host, repository) = text.split_once('/').ok_or(error)?;
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        };
        let of_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let is_host = !name.is_empty()
            && name.chars().all(of_host)
            && (name.contains('.') || name == "localhost" || port.is_some());
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if !is_host || !is_port {
            return Err(AddressError("it begins with the host of a registry, such as `ghcr.io`"));
        }
        if text.contains('@') || repository.contains(':') {
            return Err(AddressError("a version is the tag: none is written here"));
        }
        if repository.len() > 128 || !repository.split('/').all(is_component) {
            return Err(AddressError(
                "names in a registry are lowercase letters and digits, with `.`, `_`, `__` or `-` between",
            ));
        }
        Ok(Self { host: host.to_ascii_lowercase(), repository: repository.to_owned() })
    }
}

/// Whether `text` is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_word).filter(|it| !it.is_empty());
    let are_right = |it: &str| matches!(it, "." | "_" | "__") || it.chars().all(|c| c == '-');
    text.starts_with(is_word) && text.ends_with(is_word) && separators.into_iter().all(are_right)
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)
    }
}

serde_as_text!(OciReference);

#[cfg(test)]
mod tests {
    use super::*;

    /// What each text is read as, or why it is not.
    fn read<T: FromStr<Err = AddressError> + fmt::Display>(texts: &[&str]) -> String {
        let line = |text: &&str| match text.parse::<T>() {
            Ok(address) => format!("{text} -> {address}"),
            Err(why) => format!("{text}: {why}"),
        };
        texts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn addresses_of_object_stores() {
        insta::assert_snapshot!(read::<ObjectsAddress>(&[
            "s3://golden/images/",
            "s3://golden?endpoint=http://localhost:9000&region=eu-west-1&path_style=true",
            "gs://golden/a/b",
            "s3://key:secret@golden/images",
            "s3://golden/../x",
            "s3://golden/a//b",
            "s3:///images",
            "s3://golden:9000/images",
            "s3://golden?endpoint=ftp://host",
            "s3://golden?endpoint=http://me:pw@host",
            "s3://golden?acl=public",
            "s3://golden#x",
            "s3://golden/a b",
            "https://golden/images",
        ]), @"
        s3://golden/images/ -> s3://golden/images
        s3://golden?endpoint=http://localhost:9000&region=eu-west-1&path_style=true -> s3://golden?endpoint=http://localhost:9000&region=eu-west-1&path_style=true
        gs://golden/a/b -> gs://golden/a/b
        s3://key:secret@golden/images: who may is told by the environment, not in the address
        s3://golden/../x: it has a `.` or `..` as a part of its path
        s3://golden/a//b: its path has more than letters, digits and `-._=+@~`
        s3:///images: expected `s3://`, `gs://` or `az://`, a bucket, and perhaps a path
        s3://golden:9000/images: a bucket has no port: write `?endpoint=http://host:port`
        s3://golden?endpoint=ftp://host: `endpoint` is `https://host` or `http://host:port`
        s3://golden?endpoint=http://me:pw@host: `endpoint` is `https://host` or `http://host:port`
        s3://golden?acl=public: after `?`, `endpoint`, `region` and `path_style` are known
        s3://golden#x: it has a `#`
        s3://golden/a b: it holds a blank or a control character
        https://golden/images: expected `s3://`, `gs://` or `az://`, a bucket, and perhaps a path
        ");
    }

    #[test]
    fn addresses_of_repositories() {
        insta::assert_snapshot!(read::<GitAddress>(&[
            "git+https://git.example.org/team/images.git",
            "git+ssh://git@git.example.org/team/images.git#registry/of-images",
            "git+file:///srv/registry.git",
            "git+https://me:token@git.example.org/x",
            "git+https://git.example.org",
            "git+file://host/x",
            "git+ext://sh",
            "git+https://git.example.org/x?y",
            "git+https://git.example.org/x#--upload-pack=x",
            "git+https://git.example.org/x#a..b",
            "git+https://git.example.org/x#a.lock",
        ]), @"
        git+https://git.example.org/team/images.git -> git+https://git.example.org/team/images.git
        git+ssh://git@git.example.org/team/images.git#registry/of-images -> git+ssh://git@git.example.org/team/images.git#registry/of-images
        git+file:///srv/registry.git -> git+file:///srv/registry.git
        git+https://me:token@git.example.org/x: who may is told by the environment, not in the address
        git+https://git.example.org: expected `git+https://`, `git+ssh://` or `git+file:///`, and a repository
        git+file://host/x: expected `git+https://`, `git+ssh://` or `git+file:///`, and a repository
        git+ext://sh: expected `git+https://`, `git+ssh://` or `git+file:///`, and a repository
        git+https://git.example.org/x?y: it has a `?`
        git+https://git.example.org/x#--upload-pack=x: what stands after `#` is no name of a branch
        git+https://git.example.org/x#a..b: what stands after `#` is no name of a branch
        git+https://git.example.org/x#a.lock: what stands after `#` is no name of a branch
        ");
    }

    #[test]
    fn references_of_oci_registries() {
        insta::assert_snapshot!(read::<OciReference>(&[
            "registry.example.org/team/images",
            "localhost:5000/images",
            "ghcr.io/Team/images",
            "images",
            "team/images",
            "registry.example.org/images:1.0",
            "registry.example.org/images@sha256:0",
            "registry.example.org/a//b",
            "registry.example.org/a___b",
            "registry.example.org:0/a",
            "https://registry.example.org/a",
        ]), @"
        registry.example.org/team/images -> registry.example.org/team/images
        localhost:5000/images -> localhost:5000/images
        ghcr.io/Team/images: names in a registry are lowercase letters and digits, with `.`, `_`, `__` or `-` between
        images: expected `registry.example.org/team/images`, without a tag
        team/images: it begins with the host of a registry, such as `ghcr.io`
        registry.example.org/images:1.0: a version is the tag: none is written here
        registry.example.org/images@sha256:0: a version is the tag: none is written here
        registry.example.org/a//b: names in a registry are lowercase letters and digits, with `.`, `_`, `__` or `-` between
        registry.example.org/a___b: names in a registry are lowercase letters and digits, with `.`, `_`, `__` or `-` between
        registry.example.org:0/a: it begins with the host of a registry, such as `ghcr.io`
        https://registry.example.org/a: it begins with the host of a registry, such as `ghcr.io`
        ");
    }
}
