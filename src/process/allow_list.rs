//! The environment that children get: made from an allow-list, never inherited.

use std::collections::BTreeMap;
use std::fmt;

use crate::environment::Environment;

/// What every child may see of goldsmith's environment, and why. A trailing `*` stands for any
/// rest of the name.
///
/// Everything else stays behind: the forge's tokens and files above all, but also what would make
/// a build depend on the shell that started it.
pub const ALLOWED: &[(&str, &str)] = &[
    ("PATH", "programs that tools call: qemu, xorriso, ssh, diff"),
    ("HOME", "configuration and caches; Packer refuses to run without it"),
    ("USER", "who builds, as ssh and some templates ask"),
    ("LOGNAME", "the same, by its POSIX name"),
    ("LANG", "the language and character set of messages"),
    ("LANGUAGE", "the languages after that one"),
    ("LC_*", "the parts of the locale"),
    ("TZ", "the time zone of logs"),
    ("TMPDIR", "where temporary files may lie; /tmp is often too small for disks"),
    ("XDG_*", "configuration, cache and runtime folders, where they are not below HOME"),
    ("SSL_CERT_FILE", "the certificate authorities of a company network"),
    ("SSL_CERT_DIR", "the same, as a folder"),
    ("http_proxy", "the way out of a company network"),
    ("https_proxy", "the same for TLS"),
    ("no_proxy", "what is reached without it"),
    ("all_proxy", "the same for other protocols"),
    ("HTTP_PROXY", "some tools read only the upper-case name"),
    ("HTTPS_PROXY", "the same"),
    ("NO_PROXY", "the same"),
    ("ALL_PROXY", "the same"),
];

/// Prefixes of variables that belong to the forge's runner. No child gets them, also not by name:
/// a template of a pull request could otherwise ask for the credentials of the run.
const RESERVED: &[&str] = &["ACTIONS_", "FORGEJO_", "GITEA_", "GITHUB_", "INPUT_", "RUNNER_"];

/// Whether the variable belongs to the forge's runner and is kept from children.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.iter().any(|(pattern, _)| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    })
}

/// The whole environment of one child. Its values are not printed: some are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChildEnvironment(BTreeMap<String, String>);

impl ChildEnvironment {
    /// What of `parent` every child may see.
    pub fn allowed(parent: &Environment) -> Self {
        parent
            .iter()
            .filter(|(name, _)| is_allowed(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Adds the variables of `parent` that are called `names`; unset ones and those of the forge's
    /// runner are left out.
    #[must_use]
    pub fn pass(
        mut self,
        parent: &Environment,
        names: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        for name in names {
            let name = name.as_ref();
            if let Some(value) = parent.get(name).filter(|_| !is_reserved(name)) {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
        self
    }

    /// Sets one variable.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for ChildEnvironment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for ChildEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_get_the_allow_list_and_what_was_named_but_nothing_of_the_runner() {
        let parent: Environment = [
            "PATH",
            "HOME",
            "LC_ALL",
            "XDG_CACHE_HOME",
            "https_proxy",
            "NO_PROXY",
            "GITHUB_TOKEN",
            "ACTIONS_RUNTIME_TOKEN",
            "INPUT_TOKEN",
            "RUNNER_TEMP",
            "MY_TOKEN",
            "PROXMOX_TOKEN",
            "PACKER_LOG",
            "LD_PRELOAD",
            "SHELL",
        ]
        .into_iter()
        .map(|name| (name.to_owned(), format!("value of {name}")))
        .collect();

        let child = ChildEnvironment::allowed(&parent)
            .pass(&parent, ["PROXMOX_TOKEN", "GITHUB_TOKEN", "ABSENT"])
            .set("CHECKPOINT_DISABLE", "1");

        insta::assert_snapshot!(format!("{child:?}"), @r#"{"CHECKPOINT_DISABLE", "HOME", "LC_ALL", "NO_PROXY", "PATH", "PROXMOX_TOKEN", "XDG_CACHE_HOME", "https_proxy"}"#);
    }
}
