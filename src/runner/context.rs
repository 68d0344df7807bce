//! Which runner this is, and what it says about the job.

use camino::Utf8PathBuf;

use crate::environment::Environment;

/// Who runs this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// GitHub's runner, for github.com or a tenant on ghe.com.
    GitHub,
    /// GitHub's runner, for a GitHub Enterprise Server.
    GitHubEnterprise,
    /// Forgejo's runner.
    Forgejo,
    /// Gitea's runner.
    Gitea,
    /// act, on somebody's own machine.
    Act,
    /// No runner: a person or a script.
    Local,
}

impl Runner {
    /// Reads who runs this process from variables alone, without asking a server.
    fn detect(environment: &Environment) -> Self {
        let is_true = |name| environment.get(name) == Some("true");
        if !is_true("GITHUB_ACTIONS") {
            return Self::Local;
        }
        // Forgejo also says that it is Gitea, and both say that they are act.
        if is_true("FORGEJO_ACTIONS") {
            return Self::Forgejo;
        }
        if is_true("GITEA_ACTIONS") {
            return Self::Gitea;
        }
        if is_true("ACT") {
            return Self::Act;
        }
        let api = environment.get("GITHUB_API_URL").unwrap_or_default();
        match api.trim_end_matches('/') {
            api if api.ends_with("/api/v1") => Self::Gitea,
            api if api.ends_with("/api/v3") => Self::GitHubEnterprise,
            _ => Self::GitHub,
        }
    }

    /// Whether it is GitHub's own runner, and not a descendant of act.
    pub fn is_github(self) -> bool {
        matches!(self, Self::GitHub | Self::GitHubEnterprise)
    }

    /// Whether its log folds groups.
    pub fn folds_groups(self) -> bool {
        !matches!(self, Self::Act | Self::Local)
    }
}

/// What the runner says about the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Who runs this process.
    pub runner: Runner,
    /// Root of the checked-out repository.
    pub workspace: Option<Utf8PathBuf>,
    /// `owner/name` of the repository.
    pub repository: Option<String>,
    /// What set off the workflow: `schedule`, `pull_request`.
    pub event: Option<String>,
    /// The JSON document that describes the event.
    pub event_file: Option<Utf8PathBuf>,
    /// The branch that a pull request is to be merged into.
    pub base_ref: Option<String>,
    /// The commit that set off the workflow. On a pull request this is a merge commit that nobody
    /// made on GitHub, and the head of the branch elsewhere.
    pub sha: Option<String>,
    /// The page of this workflow run, for people.
    pub run_url: Option<String>,
    /// Who set off the workflow.
    pub actor: Option<String>,
    /// Where outputs go.
    pub output_file: Option<Utf8PathBuf>,
    /// Where the job summary goes.
    pub summary_file: Option<Utf8PathBuf>,
    /// Whether people get to see the job summary. If not, print it.
    pub shows_summary: bool,
    /// Whether the job was started with debug logging.
    pub debug: bool,
}

impl Context {
    /// Reads the context from the variables that the runner sets.
    pub fn from_environment(environment: &Environment) -> Self {
        let runner = Runner::detect(environment);
        let text = |name| environment.get(name).map(str::to_owned);
        let path = |name| environment.get(name).map(Utf8PathBuf::from);
        Self {
            runner,
            workspace: path("GITHUB_WORKSPACE"),
            repository: text("GITHUB_REPOSITORY"),
            event: text("GITHUB_EVENT_NAME"),
            event_file: path("GITHUB_EVENT_PATH"),
            base_ref: text("GITHUB_BASE_REF"),
            sha: text("GITHUB_SHA"),
            run_url: run_url(runner, environment),
            actor: text("GITHUB_ACTOR"),
            output_file: path("GITHUB_OUTPUT"),
            summary_file: path("GITHUB_STEP_SUMMARY"),
            shows_summary: match runner {
                Runner::GitHub | Runner::GitHubEnterprise => true,
                // Servers before 1.27 take no summaries.
                Runner::Gitea => environment
                    .get("GITEA_ACTIONS_CAPABILITIES")
                    .is_some_and(|all| all.contains("job-summary")),
                Runner::Forgejo | Runner::Act | Runner::Local => false,
            },
            debug: environment.get("RUNNER_DEBUG") == Some("1"),
        }
    }
}

impl Context {
    /// Whether a pull request set off the workflow.
    pub fn is_pull_request(&self) -> bool {
        let event = self.event.as_deref().unwrap_or_default();
        self.runner != Runner::Local && event.starts_with("pull_request")
    }
}

/// The page of the workflow run. Forgejo counts runs within the repository there; GitHub, and Gitea
/// from 1.26 on, number them over the whole server.
fn run_url(runner: Runner, environment: &Environment) -> Option<String> {
    let number = match runner {
        Runner::GitHub | Runner::GitHubEnterprise | Runner::Gitea => "GITHUB_RUN_ID",
        Runner::Forgejo => "GITHUB_RUN_NUMBER",
        // act makes up a number, and there is no page.
        Runner::Act | Runner::Local => return None,
    };
    let server = environment.get("GITHUB_SERVER_URL")?.trim_end_matches('/');
    let repository = environment.get("GITHUB_REPOSITORY")?;
    let number = environment.get(number)?;
    Some(format!("{server}/{repository}/actions/runs/{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(variables: &str) -> Context {
        let common = "GITHUB_REPOSITORY=ann/images GITHUB_RUN_ID=9001 GITHUB_RUN_NUMBER=7 CI=true";
        let environment = format!("{common} {variables}")
            .split(' ')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Context::from_environment(&environment)
    }

    #[test]
    fn each_runner_is_recognised_and_its_runs_are_linked_as_it_numbers_them() {
        let table: Vec<_> = [
            "GITHUB_ACTIONS=true GITHUB_API_URL=https://api.github.com GITHUB_SERVER_URL=https://github.com",
            "GITHUB_ACTIONS=true GITHUB_API_URL=https://api.acme.ghe.com GITHUB_SERVER_URL=https://acme.ghe.com",
            "GITHUB_ACTIONS=true GITHUB_API_URL=https://git.acme.example/api/v3 GITHUB_SERVER_URL=https://git.acme.example",
            "GITHUB_ACTIONS=true ACT=true GITEA_ACTIONS=true FORGEJO_ACTIONS=true GITHUB_SERVER_URL=http://forgejo:3000/",
            "GITHUB_ACTIONS=true ACT=true GITEA_ACTIONS=true GITHUB_SERVER_URL=https://gitea.example/git/",
            "GITHUB_ACTIONS=true GITHUB_API_URL=https://gitea.example/api/v1 GITHUB_SERVER_URL=https://gitea.example",
            "GITHUB_ACTIONS=true ACT=true GITHUB_API_URL=https://api.github.com GITHUB_SERVER_URL=https://github.com",
            "GITHUB_SERVER_URL=https://github.com",
        ]
        .into_iter()
        .map(|variables| {
            let context = context(variables);
            let url = context.run_url.as_deref().unwrap_or("-");
            format!("{:16} {url}", format!("{:?}", context.runner))
        })
        .collect();
        insta::assert_snapshot!(table.join("\n"), @r"
        GitHub           https://github.com/ann/images/actions/runs/9001
        GitHub           https://acme.ghe.com/ann/images/actions/runs/9001
        GitHubEnterprise https://git.acme.example/ann/images/actions/runs/9001
        Forgejo          http://forgejo:3000/ann/images/actions/runs/7
        Gitea            https://gitea.example/git/ann/images/actions/runs/9001
        Gitea            https://gitea.example/ann/images/actions/runs/9001
        Act              -
        Local            -
        ");
    }

    #[test]
    fn summaries_are_for_people_only_where_the_forge_shows_them() {
        let shows = |variables| context(variables).shows_summary;
        assert!(shows("GITHUB_ACTIONS=true"));
        assert!(!shows("GITHUB_ACTIONS=true FORGEJO_ACTIONS=true"));
        assert!(!shows("GITHUB_ACTIONS=true GITEA_ACTIONS=true"));
        assert!(shows(
            "GITHUB_ACTIONS=true GITEA_ACTIONS=true GITEA_ACTIONS_CAPABILITIES=job-summary"
        ));
        assert!(!shows(""));
    }
}
