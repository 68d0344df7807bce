//! What git is told for every call: by its environment alone, so that nothing of it stands on a
//! command line or in a file.

use camino::Utf8Path;

use super::credentials::Header;
use super::remote::Remote;
use crate::environment::Environment;
use crate::process::{ChildEnvironment, Redaction};

/// What the remote is called. Its address is in nobody's configuration.
pub(super) const REMOTE: &str = "registry";

/// What git must not do, whatever the user's or the machine's configuration says. Proxies,
/// certificates, helpers with passwords and other addresses are theirs to choose.
const SETTINGS: [(&str, &str); 16] = [
    // What is here is a cache: it is the server that has to keep it.
    ("core.fsync", "none"),
    ("core.hooksPath", "/dev/null"),
    ("core.logAllRefUpdates", "false"),
    ("credential.interactive", "never"),
    ("fetch.recurseSubmodules", "no"),
    ("fetch.writeCommitGraph", "false"),
    // Tidied up when it is time, and not while somebody waits.
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("gc.packRefs", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("maintenance.auto", "false"),
    ("push.gpgSign", "false"),
    ("push.negotiate", "false"),
    ("push.recurseSubmodules", "no"),
    ("submodule.recurse", "false"),
];

/// Who makes the commits, and whether they are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// The name.
    pub(super) name: String,
    /// The address.
    pub(super) email: String,
    /// Whether commits are signed.
    pub(super) signs: bool,
    /// With which key, if not with the one of git's configuration: the file of an SSH key, or the
    /// name of one that OpenPGP knows.
    pub(super) key: Option<String>,
}

impl Identity {
    /// A bot, unless the environment says otherwise: not whoever happens to have configured git.
    pub(super) fn of(environment: &Environment) -> Self {
        // What would end a name in a commit.
        let clean = |text: &str| -> String {
            text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect()
        };
        let get = |name, otherwise: &str| clean(environment.get(name).unwrap_or(otherwise));
        let signs = environment.get("GOLDSMITH_GIT_SIGN");
        Self {
            name: get("GOLDSMITH_GIT_NAME", "goldsmith"),
            email: get("GOLDSMITH_GIT_EMAIL", "goldsmith@localhost"),
            signs: signs.is_some_and(|word| !["0", "false", "no"].contains(&word)),
            key: environment.get("GOLDSMITH_GIT_SIGNING_KEY").map(str::to_owned),
        }
    }
}

/// The environments of git's calls.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    base: ChildEnvironment,
    configuration: Vec<(String, String)>,
    /// What is taken out of what git says.
    pub(super) redaction: Redaction,
}

impl Settings {
    /// For calls that reach no server.
    pub(super) fn local(environment: &Environment) -> Self {
        let base = ChildEnvironment::allowed(environment)
            .set("LC_ALL", "C")
            .set("GIT_TERMINAL_PROMPT", "0")
            // Empty: there is nobody to ask.
            .set("GIT_ASKPASS", "")
            .set("GIT_OPTIONAL_LOCKS", "0")
            .set("GIT_NO_REPLACE_OBJECTS", "1")
            .set("GIT_ALLOW_PROTOCOL", "none");
        let settings = SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self { base, configuration: settings.to_vec(), redaction: Redaction::default() }
    }

    /// For calls that reach `remote`, to which `headers` are shown. `ssh` is how ssh is called there
    /// if not by its name.
    pub(super) fn reaching(
        environment: &Environment,
        remote: &Remote,
        headers: &[Header],
        ssh: Option<&str>,
    ) -> Self {
        let mut settings = Self::local(environment);
        let ssh = environment.get("GIT_SSH_COMMAND").or(ssh).unwrap_or("ssh");
        settings.base = settings
            .base
            .pass(environment, ["SSH_AUTH_SOCK"])
            .set("GIT_ALLOW_PROTOCOL", remote.transport.allowed())
            .set("GIT_SSH_COMMAND", format!("{ssh} -o BatchMode=yes -o ConnectTimeout=30"));
        settings.add(format!("remote.{REMOTE}.url"), &remote.url);
        for header in headers {
            let key = format!("http.{}.extraHeader", header.scope);
            // An empty one takes back those of other configurations: forges refuse two.
            settings.add(&key, "");
            settings.add(key, &header.line);
        }
        let secrets: Vec<_> = headers.iter().flat_map(Header::secrets).collect();
        settings.redaction = Redaction::of(&secrets);
        settings
    }

    /// For calls that sign as `identity`.
    pub(super) fn signing(mut self, environment: &Environment, identity: &Identity) -> Self {
        self.base = self.base.pass(environment, ["SSH_AUTH_SOCK", "GNUPGHOME"]);
        if let Some(key) = &identity.key {
            if Utf8Path::new(key).is_absolute() {
                self.add("gpg.format", "ssh");
            }
            self.add("user.signingKey", key);
        }
        self
    }

    /// Takes repositories of other users for ours.
    pub(super) fn trust_everything(&mut self) {
        self.add("safe.directory", "*");
    }

    fn add(&mut self, key: impl Into<String>, value: &str) {
        self.configuration.push((key.into(), value.to_owned()));
    }

    /// The environment of a call in the repository at `folder`.
    pub(super) fn within(&self, folder: &Utf8Path) -> ChildEnvironment {
        self.anywhere().set("GIT_DIR", folder.as_str())
    }

    /// The environment of a call that finds its repository itself.
    pub(super) fn anywhere(&self) -> ChildEnvironment {
        let count = self.configuration.len().to_string();
        let environment = self.base.clone().set("GIT_CONFIG_COUNT", count);
        self.configuration.iter().enumerate().fold(environment, |environment, (number, pair)| {
            environment
                .set(format!("GIT_CONFIG_KEY_{number}"), &pair.0)
                .set(format!("GIT_CONFIG_VALUE_{number}"), &pair.1)
        })
    }
}
