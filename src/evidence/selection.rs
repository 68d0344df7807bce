//! Which files of a system are looked at: the same for a disk, an archive, and a guest that is asked
//! to send them.

use std::collections::BTreeMap;

use crate::model::Scope;

/// Who the system is, and what it has installed. Paths of Trivy's readers (Trivy,
/// pkg/fanal/analyzer/{os,pkg}), and of package managers that it does not know.
const PACKAGES: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/debian_version",
    "etc/lsb-release",
    "etc/alpine-release",
    "etc/system-release",
    "etc/oracle-release",
    "etc/fedora-release",
    "etc/redhat-release",
    "etc/centos-release",
    "etc/rocky-release",
    "etc/almalinux-release",
    "etc/mariner-release",
    "etc/azurelinux-release",
    "etc/photon-release",
    "usr/lib/centos-release",
    "usr/lib/fedora-release",
    "usr/lib/redhat-release",
    "usr/lib/system-release",
    "etc/apk/repositories",
    "etc/apk/arch",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/*",
    "var/lib/dpkg/available",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "usr/share/rpm/Packages",
    "usr/share/rpm/Packages.db",
    "usr/share/rpm/rpmdb.sqlite",
    "var/lib/rpmmanifest/container-manifest-1",
    "var/lib/rpmmanifest/container-manifest-2",
    "root/buildinfo/content_manifests/*.json",
    "root/buildinfo/Dockerfile-*",
    "var/lib/ubuntu-advantage/status.json",
    "usr/share/bottlerocket/application-inventory.json",
    "var/lib/pacman/local/*/desc",
];

/// What the rules about generalization look at. Not `/etc/hostname`: the scanner would call the tree by
/// it, and its report could not be told from one about something else.
const FACTS: &[&str] = &[
    "etc/image-release",
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "etc/passwd",
    "etc/shadow",
    "etc/sudoers",
    "etc/sudoers.d/*",
    "etc/ssh/sshd_config",
    "etc/ssh/sshd_config.d/*",
    "usr/etc/ssh/sshd_config",
    "etc/ssh/*.pub",
    "root/.ssh/authorized_keys",
    "root/.ssh/authorized_keys2",
    "home/*/.ssh/authorized_keys",
    "home/*/.ssh/authorized_keys2",
    "var/roothome/.ssh/authorized_keys",
    "var/home/*/.ssh/authorized_keys",
    "etc/cloud/cloud.cfg",
    "etc/cloud/cloud.cfg.d/*",
    "etc/cloud/cloud-init.disabled",
    "etc/fstab",
    "etc/login.defs",
    "etc/issue",
];

/// What may hold secrets, of the system and of its users' homes. Only small files are taken of these.
const SECRETS: &[&str] = &[
    "etc/environment",
    "etc/profile",
    "etc/profile.d/*",
    "etc/default/*",
    "etc/sysconfig/*",
    "etc/apt/auth.conf",
    "etc/apt/auth.conf.d/*",
    "etc/apt/sources.list",
    "etc/apt/sources.list.d/*",
    "etc/apt/apt.conf.d/*",
    "etc/yum.repos.d/*",
    "etc/*.conf",
    "etc/*.env",
    "etc/*/*.conf",
    "etc/*/*.env",
    "etc/*/*.toml",
    "etc/*/*.yaml",
    "etc/*/*.yml",
    "etc/*/*.json",
    "etc/cloud/cloud.cfg.d/*",
    "etc/kubernetes/*.conf",
    "etc/rancher/*/*.yaml",
    "etc/systemd/system/*.service",
    "etc/systemd/system/*/*.conf",
    "preseed.cfg",
    ".env",
    "opt/.env",
    "opt/*/.env",
    "srv/*/.env",
    "tmp/*",
    "var/tmp/*",
    "var/lib/cloud/instances/*/user-data.txt",
    "var/lib/cloud/instances/*/vendor-data.txt",
    "var/lib/cloud/seed/*/user-data",
    "var/log/cloud-init.log",
    "var/log/cloud-init-output.log",
];
const SECRETS_OF_HOMES: &[&str] = &[
    "*_history",
    ".history",
    ".*rc",
    ".profile",
    ".*_profile",
    ".env",
    ".netrc",
    ".git-credentials",
    ".gitconfig",
    ".pgpass",
    ".my.cnf",
    ".pypirc",
    ".vault-token",
    "*.json",
    "*.cfg",
    "*.sh",
    ".aws/*",
    ".azure/*.json",
    ".cargo/credentials*",
    ".config/gcloud/*.json",
    ".config/gh/*.yml",
    ".config/pip/pip.conf",
    ".config/rclone/rclone.conf",
    ".docker/config.json",
    ".kube/config",
    ".m2/settings.xml",
    ".ssh/config",
    ".terraform.d/credentials.tfrc.json",
];
const HOMES: [&str; 4] = ["root", "home/*", "var/roothome", "var/home/*"];

/// Files with the names that package managers of languages write (Trivy,
/// pkg/fanal/analyzer/language: what it reads in a root file system), wherever they lie.
const LIBRARIES: &[&str] = &[
    "package.json",
    "METADATA",
    "PKG-INFO",
    "egg-info",
    "installed.json",
    "Manifest.toml",
    "Gemfile.lock",
];
const LIBRARY_ENDINGS: &[&str] =
    &[".jar", ".war", ".ear", ".par", ".gemspec", ".egg", ".egg-info", ".deps.json"];

/// Files that say which files came with packages of the operating system: libraries among those are
/// not told twice.
const OWNERS: &[&str] = &["var/lib/dpkg/info/*.md5sums", "var/lib/dpkg/info/*.list"];

/// The files that are wanted, as patterns of paths without the slash at the beginning. `*` stands for
/// any text within one name; hidden names are meant too.
pub(super) fn patterns(scope: Scope) -> impl Iterator<Item = &'static str> {
    let owners = match scope {
        Scope::Os => &[],
        Scope::Full => OWNERS,
    };
    PACKAGES.iter().chain(FACTS).chain(owners).copied()
}

/// The patterns of what may hold secrets.
pub(super) fn secrets() -> impl Iterator<Item = String> {
    let of_homes =
        HOMES.iter().flat_map(|home| SECRETS_OF_HOMES.iter().map(move |it| format!("{home}/{it}")));
    SECRETS.iter().map(|pattern| (*pattern).to_owned()).chain(of_homes)
}

/// Whether a file is wanted for the libraries of languages: by its name, or since it is a program,
/// which may say what it was made of.
pub(super) fn may_hold_libraries(path: &[u8], mode: u32) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let ends = |end: &&str| name.ends_with(end.as_bytes());
    let conda = || path.windows(12).any(|part| part == b"/conda-meta/") && name.ends_with(b".json");
    mode & 0o111 != 0
        || LIBRARIES.iter().any(|known| name == known.as_bytes())
        || LIBRARY_ENDINGS.iter().any(ends)
        || conda()
}

/// The patterns of package databases, and of who the system is.
pub(super) fn databases() -> impl Iterator<Item = &'static str> {
    PACKAGES.iter().copied()
}

/// Patterns, sorted into a tree, so that most files are told apart by the first part of their paths.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Names as they are.
    names: BTreeMap<Vec<u8>, Selection>,
    /// Patterns of names.
    patterns: Vec<(Vec<u8>, Selection)>,
    /// Whether a path may end here.
    ends: bool,
}

impl Selection {
    /// Adds a pattern.
    pub(super) fn add(&mut self, pattern: &[u8]) {
        self.add_below(b"", pattern);
    }

    /// Adds a pattern below a folder. Whoever made that chose its path, in which `*` is a letter.
    pub(super) fn add_below(&mut self, folder: &[u8], pattern: &[u8]) {
        let mut at = self;
        for name in parts(folder) {
            at = at.names.entry(name.to_vec()).or_default();
        }
        for name in parts(pattern) {
            if !name.contains(&b'*') {
                at = at.names.entry(name.to_vec()).or_default();
                continue;
            }
            let known = at.patterns.iter().position(|(known, _)| known == name);
            let place = known.unwrap_or_else(|| {
                at.patterns.push((name.to_vec(), Self::default()));
                at.patterns.len() - 1
            });
            at = &mut at.patterns[place].1;
        }
        at.ends = true;
    }

    /// Whether a file at this path is wanted.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.step(&mut parts(path), &mut |left| left.ends)
    }

    /// The patterns, from here on, of what is wanted below the folder at this path: empty if nothing is.
    pub(super) fn below(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let mut rests = Vec::new();
        self.step(&mut parts(path), &mut |left| {
            left.rests(&mut Vec::new(), &mut rests);
            false
        });
        rests
    }

    fn step<'p>(
        &self,
        path: &mut (impl Iterator<Item = &'p [u8]> + Clone),
        found: &mut impl FnMut(&Self) -> bool,
    ) -> bool {
        let Some(name) = path.next() else {
            return found(self);
        };
        let fitting = self.patterns.iter().filter(|(pattern, _)| matches(pattern, name));
        let mut fitting = self.names.get(name).into_iter().chain(fitting.map(|(_, below)| below));
        fitting.any(|below| below.step(&mut path.clone(), found))
    }

    fn rests(&self, so_far: &mut Vec<u8>, rests: &mut Vec<Vec<u8>>) {
        let patterns = self.patterns.iter().map(|(pattern, below)| (pattern, below));
        for (name, below) in self.names.iter().chain(patterns) {
            let length = so_far.len();
            so_far.push(b'/');
            so_far.extend(name);
            if below.ends {
                rests.push(so_far.clone());
            }
            below.rests(so_far, rests);
            so_far.truncate(length);
        }
    }
}

/// The names in a path.
pub(super) fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

/// Whether a name fits a pattern with at most a few `*`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
        return pattern == name;
    };
    let (before, after) = (&pattern[..star], &pattern[star + 1..]);
    let Some(rest) = name.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|skipped| matches(after, &rest[skipped..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection() -> Selection {
        let mut selection = Selection::default();
        patterns(Scope::Os).for_each(|pattern| selection.add(pattern.as_bytes()));
        selection
    }

    #[test]
    fn files_are_wanted_by_their_paths() {
        let selection = selection();
        for (path, wanted) in [
            ("/etc/os-release", true),
            ("/var/lib/dpkg/status", true),
            ("/var/lib/dpkg/status.d/base", true),
            ("/var/lib/dpkg/status.d/base/more", false),
            ("/var/lib/dpkg", false),
            ("/var/lib/pacman/local/bash-5.2-1/desc", true),
            ("/home/.hidden/.ssh/authorized_keys", true),
            ("/home/.ssh/authorized_keys", false),
            ("/srv/etc/os-release", false),
        ] {
            assert_eq!(selection.has(path.as_bytes()), wanted, "{path}");
        }
    }

    #[test]
    fn what_is_wanted_below_a_folder_is_known_to_the_end() {
        let below = |path: &str| {
            let rests = selection().below(path.as_bytes());
            rests.into_iter().map(|rest| String::from_utf8(rest).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(below("/home"), ["/*/.ssh/authorized_keys", "/*/.ssh/authorized_keys2"]);
        assert_eq!(below("/lib"), ["/apk/db/installed"]);
        assert_eq!(below("/srv"), [""; 0]);
        assert!(below("/var/lib/rpm").contains(&"/rpmdb.sqlite".to_owned()));
    }

    #[test]
    fn a_folder_that_somebody_else_has_named_is_no_pattern() {
        let mut selection = Selection::default();
        let stars = "*a".repeat(30);
        selection.add_below(format!("/{stars}/*").as_bytes(), b"/*/x");
        // Would take for ever as a pattern.
        assert!(!selection.has(format!("/{}/b/c/x", "a".repeat(60)).as_bytes()));
        assert!(!selection.has(format!("/{stars}/b/c/x").as_bytes()));
        assert!(selection.has(format!("/{stars}/*/c/x").as_bytes()));
    }

    #[test]
    fn libraries_are_found_by_name_and_by_being_programs() {
        for (path, mode, wanted) in [
            ("/opt/x/node_modules/y/package.json", 0o644, true),
            ("/opt/x/app.jar", 0o644, true),
            ("/usr/lib/python3/dist-packages/x-1.dist-info/METADATA", 0o644, true),
            ("/opt/conda/conda-meta/x.json", 0o644, true),
            ("/usr/local/bin/tool", 0o755, true),
            ("/usr/share/doc/x/README", 0o644, false),
        ] {
            assert_eq!(may_hold_libraries(path.as_bytes(), mode), wanted, "{path}");
        }
    }
}
