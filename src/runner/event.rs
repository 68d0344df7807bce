//! What the document says that describes an event.

use serde::Deserialize;

/// Longest document that is read, in bytes.
pub const MAX_EVENT: u64 = 32 << 20;

#[derive(Deserialize)]
struct Event {
    pull_request: Option<PullRequest>,
}

#[derive(Deserialize)]
struct PullRequest {
    base: Option<Base>,
}

#[derive(Deserialize)]
struct Base {
    sha: Option<String>,
}

/// The commit of the base branch that a pull request is compared with, as all forges tell it in the
/// document `bytes`.
pub fn base_commit(bytes: &[u8]) -> Option<String> {
    let event: Event = serde_json::from_slice(bytes).ok()?;
    let sha = event.pull_request?.base?.sha?;
    // A word that is no digest could be an option of git, or a branch of somebody's choice.
    let digest = matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    digest.then_some(sha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_a_commit_or_nothing() {
        let sha = "5f3a9c5f3a9c5f3a9c5f3a9c5f3a9c5f3a9c5f3a";
        let of = |sha: &str| {
            base_commit(format!(r#"{{"number": 7, "pull_request": {{"base": {{"ref": "main", "sha": "{sha}"}}}}}}"#).as_bytes())
        };
        assert_eq!(of(sha).as_deref(), Some(sha));
        assert_eq!((of("main"), of("--output=x"), of("")), (None, None, None));
        assert_eq!(base_commit(br#"{"schedule": "0 2 * * *"}"#), None);
        assert_eq!(base_commit(b"{"), None);
    }
}
