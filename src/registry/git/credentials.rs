//! What git shows a server, from goldsmith's own environment into git's, and to no other place:
//! not on a command line, not in a file.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use secrecy::SecretString;

use super::remote::{Remote, origin};
use crate::environment::Environment;

/// A header that git sends, and nothing but that.
#[derive(Clone)]
pub(super) struct Header {
    /// The beginning of the URLs that it is sent to.
    pub(super) scope: String,
    /// The whole line.
    pub(super) line: String,
}

/// Variables with a forge's token, and those that say which forge it belongs to. The first is for
/// wherever the registry is.
const TOKENS: [(&str, &[&str]); 3] = [
    ("FORGEJO_TOKEN", &["FORGEJO_SERVER_URL", "GITHUB_SERVER_URL"]),
    ("GITEA_TOKEN", &["GITEA_SERVER_URL", "GITHUB_SERVER_URL"]),
    ("GITHUB_TOKEN", &["GITHUB_SERVER_URL"]),
];

/// The variable whose token is meant for the registry and nothing else.
pub const OWN_TOKEN: &str = "GOLDSMITH_GIT_TOKEN";

/// What `remote` is shown: the registry's own token, else what is `configured` for the surrounding
/// repository, else the token of the forge, else what its address says; nothing if there is nothing.
///
/// A token goes to the host that it is for. In clear text it goes over the network only where the
/// forge itself is spoken to in clear text.
pub(super) fn headers(
    remote: &Remote,
    environment: &Environment,
    configured: Vec<Header>,
) -> Vec<Header> {
    let Some(scope) = remote.origin() else { return Vec::new() };
    let servers = |names: &[&str]| -> Vec<String> {
        let named = names.iter().filter_map(|name| environment.get(name));
        named.filter_map(origin).collect()
    };
    let all = ["GITHUB_SERVER_URL", "FORGEJO_SERVER_URL", "GITEA_SERVER_URL"];
    let may_be_sent = remote.is_private() || servers(&all).contains(&scope);
    // Every forge takes a token as the password of any user; GitHub has a name for that user.
    let token =
        |token: &str| vec![Header::basic(scope.clone(), &format!("x-access-token:{token}"))];
    if let Some(own) = environment.get(OWN_TOKEN).filter(|_| may_be_sent) {
        return token(own);
    }
    if !configured.is_empty() {
        return configured;
    }
    let is_the_forge = |names: &[&str]| {
        let servers = servers(names);
        // Outside of a runner, this token is for the forge that it is named after.
        let github = servers.is_empty() && names == ["GITHUB_SERVER_URL"];
        servers.contains(&scope) || (github && scope == "https://github.com/")
    };
    let of_forge = TOKENS
        .iter()
        .find_map(|(name, servers)| environment.get(name).filter(|_| is_the_forge(servers)));
    match (of_forge, &remote.user_info) {
        (Some(of_forge), _) => token(of_forge),
        (None, Some(user_info)) => vec![Header::basic(scope, user_info)],
        (None, None) => Vec::new(),
    }
}

impl Header {
    fn basic(scope: String, user_info: &str) -> Self {
        let line = format!("Authorization: basic {}", BASE64_STANDARD.encode(user_info));
        Self { scope, line }
    }

    /// What must not be seen of it.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let word = self.line.rsplit(' ').next().unwrap_or_default();
        let decoded = BASE64_STANDARD.decode(word).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let password = decoded.as_deref().and_then(|text| text.split_once(':')).map(|(_, it)| it);
        [Some(word), password].into_iter().flatten().map(SecretString::from).collect()
    }
}

/// What `git config -z --get-regexp` shows of the headers that somebody has set for the surrounding
/// repository, as `actions/checkout` does, as far as they are for `remote`.
pub(super) fn of_configuration(shown: &str, remote: &Remote) -> Vec<Header> {
    let Some(own) = remote.origin() else { return Vec::new() };
    let entries = shown.split('\0').filter_map(|entry| entry.split_once('\n'));
    let headers = entries.filter_map(|(key, line)| {
        let scope = key.strip_prefix("http.")?.strip_suffix(".extraheader")?;
        let is_ours = origin(scope).is_some_and(|scope| scope == own);
        (is_ours && !line.is_empty())
            .then(|| Header { scope: scope.to_owned(), line: line.to_owned() })
    });
    headers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(url: &str, variables: &[(&str, &str)]) -> String {
        let remote = Remote::parse(url, "/".into()).unwrap();
        let environment: Environment = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let headers = headers(&remote, &environment, Vec::new());
        headers.first().map_or_else(
            || "nothing".to_owned(),
            |header| {
                let secrets = header.secrets();
                let password = secrets.last().map(secrecy::ExposeSecret::expose_secret);
                format!("{} to {}", password.unwrap_or_default(), header.scope)
            },
        )
    }

    #[test]
    fn a_token_goes_to_the_host_that_it_is_for_and_to_no_other() {
        let github = ("GITHUB_TOKEN", "gh");
        let server = ("GITHUB_SERVER_URL", "http://gitea.lan:3000");
        let own = (OWN_TOKEN, "own");
        let told = [
            sent("https://github.com/o/r", &[github]),
            sent("https://github.com.evil.example/o/r", &[github]),
            sent("http://github.com/o/r", &[github]),
            sent("https://github.com/o/r", &[github, server]),
            sent("http://gitea.lan:3000/o/r", &[github, server]),
            sent("http://gitea.lan:3000/o/r", &[("GITEA_TOKEN", "gt"), github, server]),
            sent("https://forge.example/o/r", &[("FORGEJO_TOKEN", "fj"), server]),
            sent("https://forge.example/o/r", &[own, github]),
            sent("http://forge.example/o/r", &[own]),
            sent("http://gitea.lan:3000/o/r", &[own, server]),
            sent("http://127.0.0.1:3000/o/r", &[own]),
            sent("https://me:pass@forge.example/o/r", &[github]),
            sent("ssh://git@forge.example/o/r", &[own]),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        gh to https://github.com/
        nothing
        nothing
        nothing
        gh to http://gitea.lan:3000/
        gt to http://gitea.lan:3000/
        nothing
        own to https://forge.example/
        nothing
        own to http://gitea.lan:3000/
        own to http://127.0.0.1:3000/
        pass to https://forge.example/
        nothing
        ");
    }

    #[test]
    fn what_checkout_has_left_is_used_for_its_own_host() {
        let remote = Remote::parse("https://forge.example/o/r", "/".into()).unwrap();
        let shown = "http.https://forge.example/.extraheader\nAUTHORIZATION: basic eDp0b2tlbg==\0\
            http.https://other.example/.extraheader\nAUTHORIZATION: basic b3RoZXI=\0\
            http.extraheader\nX: everywhere\0http.https://forge.example/.extraheader\n\0";
        let configured = of_configuration(shown, &remote);
        let headers = headers(&remote, &Environment::default(), configured);
        let told: Vec<_> =
            headers.iter().map(|header| format!("{} {}", header.scope, header.line)).collect();
        assert_eq!(told, ["https://forge.example/ AUTHORIZATION: basic eDp0b2tlbg=="]);
        assert_eq!(headers[0].secrets().len(), 2);
    }
}
