//! What git means by what it says.

/// Why something did not work between git and a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Somebody else was faster.
    Outrun,
    /// The server has no such branch.
    NoBranch,
    /// The server knows us, or does not, and will not have it. Trying again is no use.
    Denied(String),
    /// Nobody can say what became of it: the network, or a server that is not well.
    Unclear(String),
}

/// What servers and transports say when they do not let somebody in.
const DENIALS: [&str; 14] = [
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "authentication failed",
    "could not read username",
    "could not read password",
    "permission denied",
    "permission to",
    "write access",
    "access denied",
    "repository not found",
    "does not appear to be a git repository",
    "insufficient permission",
    "host key verification failed",
];

/// What a push answers when the branch is not where it was thought to be.
const OUTRUN: [&str; 8] = [
    "stale info",
    "fetch first",
    "non-fast-forward",
    "needs force",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value",
    "reference already exists",
];

impl Refusal {
    /// What it means that git ended with this on its standard error.
    pub(super) fn of_complaint(stderr: &str) -> Self {
        if stderr.contains("couldn't find remote ref") {
            return Self::NoBranch;
        }
        let is_denial = |line: &&str| {
            let line = line.to_lowercase();
            DENIALS.iter().any(|denial| line.contains(denial))
        };
        match stderr.lines().find(is_denial) {
            // Git would ask somebody now, and there is nobody.
            Some(line) if line.contains("could not read Username") => {
                Self::Denied("it knows no token, or not the one that it is shown".to_owned())
            }
            Some(line) => Self::Denied(sentence(line)),
            None => Self::Unclear(sentence(stderr)),
        }
    }

    /// What `git push --porcelain` says of a ref that it did not bring along, in `answer`; else what
    /// `stderr` means.
    pub(super) fn of_push(answer: &str, stderr: &str) -> Self {
        let refused = answer.lines().find_map(|line| line.strip_prefix("!\t"));
        let Some(reason) = refused.and_then(|line| line.rsplit('\t').next()) else {
            return Self::of_complaint(stderr);
        };
        let lower = reason.to_lowercase();
        if OUTRUN.iter().any(|outrun| lower.contains(outrun)) {
            return Self::Outrun;
        }
        let reason = reason.trim_start_matches("[remote rejected]").trim();
        let reason = reason.trim_start_matches('(').trim_end_matches(')');
        // What a forge says of its own accord is clearer than the name of its hook.
        Self::Denied(match remarks(stderr) {
            Some(remarks) => format!("{reason}: {remarks}"),
            None => reason.to_owned(),
        })
    }
}

/// Longest that is told of what a server says, in characters.
const TOLD: usize = 300;

/// What the server itself has said, without the frames that forges draw.
fn remarks(stderr: &str) -> Option<String> {
    let lines = stderr.lines().filter_map(|line| line.strip_prefix("remote:")).map(str::trim);
    let lines = lines.map(|line| line.trim_start_matches("error: "));
    let lines: Vec<&str> = lines.filter(|line| line.chars().any(char::is_alphanumeric)).collect();
    (!lines.is_empty()).then(|| lines.join(", ").chars().take(TOLD).collect())
}

/// The line that says it.
fn sentence(stderr: &str) -> String {
    let line = ["fatal: ", "error: ", "remote: "]
        .into_iter()
        .find_map(|mark| stderr.lines().find_map(|line| line.strip_prefix(mark)))
        .or_else(|| stderr.lines().map(str::trim).find(|line| !line.is_empty()))
        .unwrap_or("git said nothing");
    line.trim().chars().take(TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_is_understood() {
        let forbidden = "remote: Write access to repository not granted.\n\
            fatal: unable to access 'https://github.com/o/r/': The requested URL returned error: 403\n";
        let protected = "remote: error: GH006: Protected branch update failed for refs/heads/r.        \n\
            remote: \nremote: - Changes must be made through a pull request.        \n\
            error: failed to push some refs to 'https://github.com/o/r'\n";
        let push = |reason: &str, stderr: &str| {
            let answer = format!("To https://forge/o/r\n!\t1:refs/heads/r\t{reason}\nDone\n");
            Refusal::of_push(&answer, stderr)
        };
        let told = [
            push("[rejected] (stale info)", ""),
            push("[remote rejected] (cannot lock ref 'refs/heads/r': is at 1 but expected 2)", ""),
            push("[remote rejected] (protected branch hook declined)", protected),
            push("[remote rejected] (pre-receive hook declined)", ""),
            Refusal::of_push("", forbidden),
            Refusal::of_push("", "fatal: the remote end hung up unexpectedly\n"),
            Refusal::of_complaint("fatal: couldn't find remote ref refs/heads/r\n"),
            Refusal::of_complaint(
                "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
            ),
            Refusal::of_complaint(
                "fatal: unable to access 'https://x/': Could not resolve host: x\n",
            ),
            Refusal::of_complaint(
                "fatal: could not read Username for 'https://x': terminal prompts disabled\n",
            ),
            Refusal::of_complaint(""),
        ];
        let told: Vec<_> = told.iter().map(|refusal| format!("{refusal:?}")).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        Outrun
        Outrun
        Denied("protected branch hook declined: GH006: Protected branch update failed for refs/heads/r., - Changes must be made through a pull request.")
        Denied("pre-receive hook declined")
        Denied("Write access to repository not granted.")
        Unclear("the remote end hung up unexpectedly")
        NoBranch
        Denied("git@github.com: Permission denied (publickey).")
        Unclear("unable to access 'https://x/': Could not resolve host: x")
        Denied("it knows no token, or not the one that it is shown")
        Unclear("git said nothing")
        "#);
    }
}
