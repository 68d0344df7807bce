//! From an address to a registry on a branch.

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::cache::Cache;
use super::credentials::{self, Header};
use super::program::{Call, Program, Supervised};
use super::remote::Remote;
use super::settings::{Identity, Settings};
use super::{FRESH, GitRegistry};
use crate::environment::Environment;
use crate::model::{Digest, GitAddress, GitRepository};
use crate::registry::{Reach, RegistryError};

/// How long git may take to tell what is configured.
const ASKING: Duration = Duration::from_mins(1);

impl GitRegistry {
    /// Opens the registry at `address`, and fetches the branch. Nothing is made on the server: that is
    /// for the first entry.
    pub async fn open(address: &GitAddress, reach: &Reach) -> Result<Self, RegistryError> {
        Self::open_as(address, reach, false).await
    }

    /// The same, for consumers: what another process of this machine has just fetched will do.
    pub async fn glance(address: &GitAddress, reach: &Reach) -> Result<Self, RegistryError> {
        Self::open_as(address, reach, true).await
    }

    async fn open_as(
        address: &GitAddress,
        reach: &Reach,
        glance: bool,
    ) -> Result<Self, RegistryError> {
        let git = reach.environment.find_program("git").ok_or(RegistryError::NoGit)?;
        let program = Arc::new(Supervised { git, launcher: reach.launcher.clone() });
        let state = reach.state.as_ref().ok_or_else(|| RegistryError::Unusable {
            location: address.to_string(),
            said: "there is no folder for what is fetched of it: `HOME` is not set".to_owned(),
        })?;
        Self::open_with(address, program, &reach.environment, state, (FRESH, glance)).await
    }

    /// The same, by a `program` that starts git. What is fetched counts as fresh for so long, and what
    /// others have fetched as well if that will do.
    pub(super) async fn open_with(
        address: &GitAddress,
        program: Arc<dyn Program>,
        environment: &Environment,
        state: &Utf8Path,
        (fresh, glance): (Duration, bool),
    ) -> Result<Self, RegistryError> {
        let unusable = |said| RegistryError::Unusable { location: address.to_string(), said };
        let (remote, surroundings) = match &address.repository {
            GitRepository::Url(url) => {
                (Remote::parse(url, "/".into()).map_err(unusable)?, Surroundings::default())
            }
            GitRepository::Surrounding(folder) => {
                let asking = Asking { program: &*program, environment, folder };
                let (url, root) = asking.origin().await.map_err(unusable)?;
                let remote = Remote::parse(&url, &root).map_err(unusable)?;
                let surroundings = asking.surroundings(&remote).await;
                (remote, surroundings)
            }
        };
        let headers = credentials::headers(&remote, environment, surroundings.headers);
        let identity = Identity::of(environment);
        let branch = address.branch.clone();
        let key = Digest::of(format!("{}\0{branch}", remote.url).as_bytes());
        let ssh = surroundings.ssh.as_deref();
        let repository = GitRepository::Url(remote.url.clone());
        let cache = Cache {
            program,
            folder: state.join("registries").join(&key.hex()[..16]),
            reaching: Settings::reaching(environment, &remote, &headers, ssh),
            local: Settings::local(environment),
            signing: Settings::local(environment).signing(environment, &identity),
            identity,
            location: GitAddress { repository, branch: branch.clone() }.to_string(),
            branch,
        };
        Self::begin(cache, fresh, glance).await
    }
}

/// What the configuration of a surrounding repository says of reaching its servers.
#[derive(Default)]
struct Surroundings {
    headers: Vec<Header>,
    ssh: Option<String>,
}

/// Asks git about the repository that a folder lies in, and changes nothing there.
struct Asking<'a> {
    program: &'a dyn Program,
    environment: &'a Environment,
    folder: &'a Utf8Path,
}

impl Asking<'_> {
    /// Where its `origin` is, and the folder from which that is told.
    async fn origin(&self) -> Result<(String, Utf8PathBuf), String> {
        let folder = self.folder;
        let root = folder.ancestors().find(|root| root.join(".git").symlink_metadata().is_ok());
        let Some(root) = root else {
            return Err(format!(
                "`{folder}` is in no git repository, whose `origin` it would be in"
            ));
        };
        match self.answer(&["remote", "get-url", "origin"]).await {
            Ok(url) => Ok((url.trim_end_matches('\n').to_owned(), root.to_owned())),
            Err(why) => Err(format!("the `origin` of `{root}` cannot be told: {why}")),
        }
    }

    /// What `actions/checkout` and people have left there to reach `remote` with.
    async fn surroundings(&self, remote: &Remote) -> Surroundings {
        let pattern = r"^(http\..*\.extraheader|core\.sshcommand)$";
        let question = ["config", "-z", "--includes", "--get-regexp", pattern];
        // That nothing is configured is an error to git.
        let shown = self.answer(&question).await.unwrap_or_default();
        let ssh = shown.split('\0').find_map(|entry| entry.strip_prefix("core.sshcommand\n"));
        Surroundings {
            headers: credentials::of_configuration(&shown, remote),
            ssh: ssh.map(str::to_owned),
        }
    }

    async fn answer(&self, question: &[&str]) -> Result<String, String> {
        let mut settings = Settings::local(self.environment);
        if self.environment.get("GITHUB_ACTIONS") == Some("true") {
            // A forge's runner hands the work tree to a container as another user's.
            settings.trust_everything();
        }
        let folder = ["-C", self.folder.as_str()];
        let call = Call {
            purpose: "ask git about the repository",
            arguments: folder.iter().chain(question).map(|&word| word.to_owned()).collect(),
            environment: settings.anywhere(),
            input: None,
            timeout: ASKING,
            redaction: settings.redaction.clone(),
        };
        let mut said = Vec::new();
        let ended = self.program.run(call, &mut |piece| said.extend(piece)).await;
        let ended = ended.map_err(|why| why.to_string())?;
        if !ended.succeeded {
            let line = ended.stderr.lines().next().unwrap_or("git said nothing");
            return Err(line
                .trim_start_matches("error: ")
                .trim_start_matches("fatal: ")
                .to_owned());
        }
        Ok(String::from_utf8_lossy(&said).into_owned())
    }
}
