//! Keys that open a login (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::super::collector::Collected;
use super::super::source::printable;
use crate::model::{AuthorizedKey, Digest};

/// Keys that are told.
const KEYS: usize = 1000;

/// The keys of all users.
pub(super) fn authorized_keys(collected: &Collected) -> Vec<AuthorizedKey> {
    // One that is found under two names is one.
    let paths = collected.files.keys().filter(|path| !collected.is_alias(path)).filter(|path| {
        path.ends_with(b"/.ssh/authorized_keys") || path.ends_with(b"/.ssh/authorized_keys2")
    });
    let keys = paths.flat_map(|path| {
        let text = std::str::from_utf8(path).ok().and_then(|path| collected.text(path));
        keys(&printable(path), &text.unwrap_or_default())
    });
    keys.take(KEYS).collect()
}

fn keys(path: &str, text: &str) -> Vec<AuthorizedKey> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| key(path, line)).collect()
}

/// A line. Options may stand before the key; what is in there is no key.
fn key(path: &str, line: &str) -> Option<AuthorizedKey> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| is_kind(word))?;
    let blob = STANDARD.decode(words.get(at + 1)?).ok()?;
    Some(AuthorizedKey {
        path: path.to_owned(),
        kind: words[at].to_owned(),
        fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(Digest::of(&blob).bytes())),
        comment: printable(words[at + 2..].join(" ").as_bytes()),
    })
}

fn is_kind(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|kind| word.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_as_ssh_keygen_tells_them() {
        let text = "# a comment\n\
            ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJxzvNBTV4VFjBxBl7PB4vzsUYyXJTcVxGfYpT+JrJc packer\n\
            command=\"echo hello\",no-pty ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== \n\
            ssh-ed25519 not-base64\n";
        let keys = keys("/root/.ssh/authorized_keys", text);
        let told: Vec<_> = keys
            .iter()
            .map(|key| format!("{} {} {:?}", key.kind, key.fingerprint, key.comment))
            .collect();
        // ssh-keygen -l -f - <<< 'ssh-ed25519 …' (the second is too short for it to be a real key).
        insta::assert_snapshot!(told.join("\n"), @r#"
        ssh-ed25519 SHA256:iG650xaXEpnIh7QesbgfBl+9prheMISwsl+/FOd3/ds "packer"
        ssh-rsa SHA256:X4qf/devoYa7jOEV39scaU7z1pXieQL0QJ0NuBOfvBI ""
        "#);
    }
}
