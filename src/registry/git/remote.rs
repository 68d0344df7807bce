//! Where the repository of a registry is, as git is told: an address without secrets, and what may
//! be used to reach it.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

/// The address of a repository.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// As git takes it, without user name and password where those are secret.
    pub(super) url: String,
    /// How it is reached.
    pub(super) transport: Transport,
    /// What stood before the host, `user:password`, if it did.
    pub(super) user_info: Option<String>,
}

/// A way to reach a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Https,
    Http,
    Ssh,
    File,
}

impl Transport {
    /// What git may use. Where the user's configuration has another address for a server, by which
    /// it is asked by Ssh for one, that is as safe.
    pub(super) fn allowed(self) -> &'static str {
        match self {
            Self::Https => "https:ssh",
            Self::Http => "http:https",
            Self::Ssh => "ssh:https",
            Self::File => "file",
        }
    }
}

impl Remote {
    /// The repository that `text` names: a URL, what `git remote` shows for a path, or
    /// `git@host:path`. Paths are taken from `base`. An error says what is wrong with it, and never
    /// what its secrets are.
    pub(super) fn parse(text: &str, base: &Utf8Path) -> Result<Self, String> {
        let remote = |url, transport| Self { url, transport, user_info: None };
        if let Some((scheme, _)) = text.split_once("://") {
            let transport = match scheme {
                "https" => Transport::Https,
                "http" => Transport::Http,
                "ssh" => Transport::Ssh,
                "file" => return Ok(remote(text.to_owned(), Transport::File)),
                _ => return Err(refused(scheme)),
            };
            let mut url = Url::parse(text).map_err(|why| why.to_string())?;
            if transport == Transport::Ssh {
                // The user is who the key belongs to, and no secret. ssh takes no password from here.
                let _ = url.set_password(None);
                return Ok(remote(url.into(), transport));
            }
            let decoded = |text: &str| {
                percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
            };
            let (user, password) = (decoded(url.username()), url.password().map(decoded));
            let user_info = (!user.is_empty() || password.is_some())
                .then(|| format!("{user}:{}", password.unwrap_or_default()));
            let _ = url.set_username("");
            let _ = url.set_password(None);
            return Ok(Self { url: url.into(), transport, user_info });
        }
        if text.contains("::") {
            return Err(refused(text.split("::").next().unwrap_or_default()));
        }
        let before_path = text.split('/').next().unwrap_or_default();
        if text.starts_with('-') || text.is_empty() {
            return Err("it is no address".to_owned());
        }
        if before_path.contains(':') {
            return Ok(remote(text.to_owned(), Transport::Ssh));
        }
        let path: Utf8PathBuf = base.join(text);
        Ok(remote(path.into(), Transport::File))
    }

    /// What an `http.<url>.extraHeader` is set for: this host and nothing that it leads to.
    pub(super) fn origin(&self) -> Option<String> {
        if !matches!(self.transport, Transport::Https | Transport::Http) {
            return None;
        }
        origin(&self.url)
    }

    /// Whether what is sent there can be read by nobody on the way.
    pub(super) fn is_private(&self) -> bool {
        let host = Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        let is_here =
            host.is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&&*host));
        self.transport != Transport::Http || is_here
    }
}

/// Scheme, host and port of a URL, with a slash at the end.
pub(super) fn origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}/", url.scheme(), url.host_str()?))
}

fn refused(scheme: &str) -> String {
    format!("`{scheme}` is not among what a registry is reached by: https, ssh, file")
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = if self.user_info.is_some() { " with a secret" } else { "" };
        write!(f, "{} by {:?}{secret}", self.url, self.transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_secrets_and_odd_transports_are_refused() {
        let told = |text: &str| match Remote::parse(text, "/srv/repo".into()) {
            Ok(remote) => format!("{remote:?} {:?}", remote.origin()),
            Err(why) => format!("refused: {why}"),
        };
        let texts = [
            "https://forge.example/team/images.git",
            "https://me:s3cr%21t@forge.example:8443/team/images",
            "https://s3cret@forge.example/team/images",
            "http://localhost:3000/team/images",
            "ssh://git:s3cret@forge.example:2222/team/images",
            "git@forge.example:team/images.git",
            "file:///srv/git/images.git",
            "/srv/git/images.git",
            "../images.git",
            "git://forge.example/images",
            "ext::sh -c 'touch /tmp/x'",
            "ext::sh -c 'touch ://x'",
            "--upload-pack=touch",
            "",
        ];
        let told: String = texts.iter().map(|text| told(text) + "\n").collect();
        insta::assert_snapshot!(told, @r#"
        https://forge.example/team/images.git by Https Some("https://forge.example/")
        https://forge.example:8443/team/images by Https with a secret Some("https://forge.example:8443/")
        https://forge.example/team/images by Https with a secret Some("https://forge.example/")
        http://localhost:3000/team/images by Http Some("http://localhost:3000/")
        ssh://git@forge.example:2222/team/images by Ssh None
        git@forge.example:team/images.git by Ssh None
        file:///srv/git/images.git by File None
        /srv/git/images.git by File None
        /srv/repo/../images.git by File None
        refused: `git` is not among what a registry is reached by: https, ssh, file
        refused: `ext` is not among what a registry is reached by: https, ssh, file
        refused: `ext::sh -c 'touch ` is not among what a registry is reached by: https, ssh, file
        refused: it is no address
        refused: it is no address
        "#);
        let remote = Remote::parse("https://me:s3cr%21t@h/x", "/".into()).unwrap();
        assert_eq!(remote.user_info.as_deref(), Some("me:s3cr!t"));
    }
}
