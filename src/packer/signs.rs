//! What errors of builders are signs of, and what people do about them.

use crate::model::FailureClass;

/// An error that is known.
pub(super) struct Sign {
    /// What the error contains.
    text: &'static str,
    /// What kind of failure it is.
    pub(super) class: FailureClass,
    /// What to do about it.
    pub(super) step: &'static str,
}

/// The first one that is found counts: what is more certain comes first.
const SIGNS: [Sign; 20] = [
    sign(
        "o space left on device",
        FailureClass::DiskFull,
        "free some space, or point `GOLDSMITH_STATE_DIR` and `PACKER_CACHE_DIR` to a larger disk",
    ),
    sign(
        "hecksums did not match",
        FailureClass::ChecksumMismatch,
        "the download is not what the template expects: if the publisher changed it, change \
         `iso_checksum`",
    ),
    sign("bad response code: 404", FailureClass::SourceGone, GONE),
    sign("bad response code: 410", FailureClass::SourceGone, GONE),
    sign("bad response code: 429", FailureClass::RateLimited, LIMITED),
    sign("rate limited", FailureClass::RateLimited, LIMITED),
    sign("API rate limit exceeded", FailureClass::RateLimited, LIMITED),
    sign("toomanyrequests", FailureClass::RateLimited, LIMITED),
    sign(
        "Timeout waiting for SSH",
        FailureClass::GuestSilent,
        "the guest did not answer: look at its console, check user, password or key of the \
         communicator, and that sshd starts at boot; `ssh_timeout` says how long Packer waits",
    ),
    sign(
        "Timeout waiting for WinRM",
        FailureClass::GuestSilent,
        "the guest did not answer: look at its console, and that WinRM is set up at first boot; \
         `winrm_timeout` says how long Packer waits",
    ),
    sign("bad response code: 50", FailureClass::Network, NETWORK),
    sign("connection reset by peer", FailureClass::Network, NETWORK),
    sign("connection refused", FailureClass::Network, NETWORK),
    sign("i/o timeout", FailureClass::Network, NETWORK),
    sign("TLS handshake timeout", FailureClass::Network, NETWORK),
    sign("emporary failure in name resolution", FailureClass::Network, NETWORK),
    sign("no such host", FailureClass::Network, NETWORK),
    sign(
        "source path error",
        FailureClass::Build,
        "a file that the template names is not there: did `prepare` make it?",
    ),
    sign(
        "Could not access KVM",
        FailureClass::Build,
        "give this user access to /dev/kvm, or set `accelerator = \"tcg\"`",
    ),
    sign(
        LOST,
        FailureClass::Killed,
        "a plugin of Packer died: look for the out-of-memory killer in the kernel log, `dmesg` or \
         `journalctl -k`",
    ),
];

/// What Packer says of a plugin that is not there any more.
const LOST: &str = "unexpected EOF";

const GONE: &str = "the address that the template names is gone: look for a newer one";
const LIMITED: &str = "the server wants fewer requests: wait, or use a mirror; for plugins from \
                       GitHub, `PACKER_GITHUB_API_TOKEN`";
const NETWORK: &str = "the network or a server did not play its part: try again later, and look at \
                       proxies and name resolution";

const fn sign(text: &'static str, class: FailureClass, step: &'static str) -> Sign {
    Sign { text, class, step }
}

/// What `error` is a sign of.
pub(super) fn of(error: &str) -> Option<&'static Sign> {
    SIGNS.iter().find(|sign| error.contains(sign.text))
}

/// What `error` of a post-processor is a sign of. Such errors are the post-processor's own words, and it
/// may well have read a file to an unexpected end: only if that is all there is, Packer has said it.
pub(super) fn of_post_processor(error: &str) -> Option<&'static Sign> {
    of(error).filter(|sign| sign.class == FailureClass::Killed && error.trim() == LOST)
}
