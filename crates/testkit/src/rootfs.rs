//! A root file system that is just enough for a scanner: who it is and what is installed.

use std::fmt::Write as _;
use std::io;

use camino::Utf8Path;

/// The operating system that a root file system says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `ID` of os-release: `debian`.
    pub id: String,
    /// `VERSION_ID` of os-release, and the content of `debian_version`: `12.13`.
    pub version: String,
}

impl Default for Release {
    /// Debian 12.
    fn default() -> Self {
        Self { id: "debian".to_owned(), version: "12.13".to_owned() }
    }
}

/// An installed Debian package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The source package, where it is called otherwise.
    pub source: Option<String>,
    /// Who packaged it. Trivy passes over packages of some third parties.
    pub maintainer: String,
}

impl Package {
    /// A package by Debian, from the source package of the same name.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            source: None,
            maintainer: "Debian Maintainers <packages@debian.example>".to_owned(),
        }
    }

    /// The same package, built from `source`.
    #[must_use]
    pub fn from_source(mut self, source: &str) -> Self {
        self.source = Some(source.to_owned());
        self
    }

    /// The package's entry in dpkg's status file.
    fn status(&self) -> String {
        let Self { name, version, source, maintainer } = self;
        let mut entry = format!(
            "Package: {name}\nStatus: install ok installed\nMaintainer: {maintainer}\n\
             Architecture: amd64\n"
        );
        if let Some(source) = source {
            writeln!(entry, "Source: {source}").expect("a string takes everything");
        }
        entry + &format!("Version: {version}\nDescription: a package\n\n")
    }
}

/// Packages of a Debian 12 at version 12.13: name, version, source.
///
/// The demo's advisories have findings for them, none of which is both fixable and bad.
const DEBIAN_PACKAGES: &[(&str, &str, &str)] = &[
    ("apt", "2.6.1", "apt"),
    ("base-files", "12.4+deb12u13", "base-files"),
    ("bash", "5.2.15-2+b10", "bash (5.2.15-2)"),
    ("coreutils", "9.1-1", "coreutils"),
    ("dpkg", "1.21.22", "dpkg"),
    ("libc-bin", "2.36-9+deb12u14", "glibc"),
    ("libc6", "2.36-9+deb12u14", "glibc"),
    ("libgcc-s1", "12.2.0-14+deb12u1", "gcc-12"),
    ("libncursesw6", "6.4-4", "ncurses"),
    ("libpam0g", "1.5.2-6+deb12u2", "pam"),
    ("libssl3", "3.0.22-1~deb12u2", "openssl"),
    ("libsystemd0", "252.39-1~deb12u1", "systemd"),
    ("openssh-server", "1:9.2p1-2+deb12u9", "openssh"),
    ("openssl", "3.0.22-1~deb12u2", "openssl"),
    ("passwd", "1:4.13+dfsg1-1+deb12u2", "shadow"),
    ("perl-base", "5.36.0-7+deb12u3", "perl"),
    ("procps", "2:4.0.2-3", "procps"),
    ("sudo", "1.9.13p3-1+deb12u3", "sudo"),
    ("systemd", "252.39-1~deb12u1", "systemd"),
    ("tar", "1.34+dfsg-1.2+deb12u1", "tar"),
    ("util-linux", "2.38.1-5+deb12u3", "util-linux"),
];

/// As many packages of a Debian 12 as asked for: some real ones first, made-up ones after them.
pub fn debian_packages(count: usize) -> Vec<Package> {
    let real = DEBIAN_PACKAGES
        .iter()
        .map(|(name, version, source)| Package::new(name, version).from_source(source));
    let made_up = (1..).map(|number| Package::new(&format!("made-up-{number:03}"), "1.0-1"));
    real.chain(made_up).take(count).collect()
}

/// Writes a root file system into a folder.
pub fn write(root: &Utf8Path, release: &Release, packages: &[Package]) -> io::Result<()> {
    let Release { id, version } = release;
    for folder in ["etc", "var/lib/dpkg"] {
        fs_err::create_dir_all(root.join(folder))?;
    }
    let major = version.split('.').next().unwrap_or_default();
    fs_err::write(
        root.join("etc/os-release"),
        format!("PRETTY_NAME=\"{id} {major}\"\nID={id}\nVERSION_ID=\"{major}\"\n"),
    )?;
    if id == "debian" {
        fs_err::write(root.join("etc/debian_version"), format!("{version}\n"))?;
    }
    let status: String = packages.iter().map(Package::status).collect();
    fs_err::write(root.join("var/lib/dpkg/status"), status)
}
