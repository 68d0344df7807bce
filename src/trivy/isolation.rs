//! No network for the scanner: it reads what strangers have built, and needs nothing from outside but
//! its database.

use tokio::sync::OnceCell;

use crate::process::{Cancellation, ChildEnvironment, Command, Launcher};

/// Where util-linux lies.
const UNSHARE: [&str; 2] = ["/usr/bin/unshare", "/bin/unshare"];
/// How a network of its own is asked for, with nothing in it: as root, and as anybody else.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// Said in a log in whose scans Trivy has a network.
pub(super) const NO_ISOLATION: &str = "goldsmith: Trivy runs with a network: `unshare --net` (util-linux) is not there, or not allowed";

/// A way to start a program without a network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Isolation {
    unshare: &'static str,
    way: &'static [&'static str],
}

/// The machine does not change its mind while goldsmith runs.
static FOUND: OnceCell<Option<Isolation>> = OnceCell::const_new();

impl Isolation {
    /// The first way that works on this machine; none if it has none.
    pub(super) async fn find(launcher: &Launcher, cancellation: &Cancellation) -> Option<Self> {
        *FOUND.get_or_init(|| Self::probe(launcher, cancellation)).await
    }

    async fn probe(launcher: &Launcher, cancellation: &Cancellation) -> Option<Self> {
        for unshare in UNSHARE.into_iter().filter(|path| std::path::Path::new(path).exists()) {
            for way in WAYS {
                let isolation = Self { unshare, way };
                let command = isolation
                    .command("/bin/true", "ask for a network name space")
                    .environment(ChildEnvironment::default());
                let tried = launcher.run(&command, cancellation, |_| {}).await;
                if tried.is_ok_and(|finished| finished.succeeded()) {
                    return Some(isolation);
                }
            }
        }
        None
    }

    /// Runs `program` without a network: the same process, once it has given its own up.
    pub(super) fn command(self, program: &str, purpose: &str) -> Command {
        let arguments = self.way.iter().copied().chain(["--", program]);
        Command::new(self.unshare, purpose).arguments(arguments)
    }
}
