//! Leases and claims: refs of their own, `refs/goldsmith/<branch>/runs/<run>` and
//! `…/claims/<run>`, each a commit without parents that holds the file as the layout names it.
//!
//! They are no branches: nobody clones them, no list of branches shows them, no workflow starts, and
//! what was there a minute ago is garbage to the server. One that is there already is not created
//! again, which is what makes a claim one.

use tokio::sync::MutexGuard;
use tokio::time::sleep;

use super::GitRegistry;
use super::cache::{ATTEMPTS, Draft, Expected, LEASES, pause};
use super::contents::Found;
use super::refusal::Refusal;
use super::state::State;
use crate::model::RunId;
use crate::registry::{RegistryError, format, layout};

impl GitRegistry {
    /// Where the refs of runs are on the server.
    fn lease_refs(&self) -> String {
        format!("refs/goldsmith/{}", self.cache.branch)
    }

    fn lease_ref(&self, run: &RunId) -> String {
        format!("{}/runs/{run}", self.lease_refs())
    }

    fn claim_ref(&self, run: &RunId) -> String {
        format!("{}/claims/{run}", self.lease_refs())
    }

    /// The refs of runs as they are now, or were a moment ago.
    async fn runs(&self, is_urgent: bool) -> Result<MutexGuard<'_, State>, RegistryError> {
        let mut state = self.state.lock().await;
        let is_old = state.leases_asked.is_none_or(|asked| asked.elapsed() >= self.fresh);
        if is_old || is_urgent {
            let lock = self.cache.lock().await?;
            self.cache.fetch_leases(&lock, &self.lease_refs()).await?;
            state.leases_asked = Some(std::time::Instant::now());
        }
        Ok(state)
    }

    /// The runs that have a lease.
    pub(super) async fn leased_runs(&self) -> Result<Vec<RunId>, RegistryError> {
        let _state = self.runs(false).await?;
        let prefix = format!("{LEASES}/runs/");
        let names = self.cache.refs(&prefix).await?;
        let names = names.iter().filter_map(|name| name.strip_prefix(&prefix));
        let mut runs: Vec<RunId> = names.filter_map(|name| name.parse().ok()).collect();
        runs.sort();
        Ok(runs)
    }

    pub(super) async fn read_lease(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        let _state = self.runs(false).await?;
        self.read_ref(&format!("{LEASES}/runs/{run}"), &layout::lease(run)).await
    }

    /// Asks the server in any case: a run whose lease was renewed may be claimed in that moment.
    pub(super) async fn read_claim(&self, run: &RunId) -> Result<Option<Vec<u8>>, RegistryError> {
        let _state = self.runs(true).await?;
        self.read_ref(&format!("{LEASES}/claims/{run}"), &layout::claim(run)).await
    }

    async fn read_ref(&self, name: &str, path: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let found =
            self.cache.contents(&[format!("{name}:{path}")], format::MAX_FILE, true).await?;
        match found.into_iter().next() {
            Some(Found::Content(content)) => Ok(Some(content)),
            Some(Found::TooLarge(size)) => {
                let why = format!("it has {size} bytes, which is too many");
                Err(RegistryError::damaged(self.place(path), why))
            }
            Some(Found::Missing | Found::NoFile) | None => Ok(None),
        }
    }

    pub(super) async fn push_lease(
        &self,
        run: &RunId,
        content: &[u8],
    ) -> Result<(), RegistryError> {
        let name = self.lease_ref(run);
        let file = (layout::lease(run), content.to_vec());
        self.push_ref(&name, Some((file, "at work")), Expected::Anything).await.map(drop)
    }

    pub(super) async fn drop_lease(&self, run: &RunId) -> Result<(), RegistryError> {
        self.push_ref(&self.lease_ref(run), None, Expected::Anything).await.map(drop)
    }

    pub(super) async fn push_claim(
        &self,
        run: &RunId,
        content: &[u8],
    ) -> Result<bool, RegistryError> {
        let name = self.claim_ref(run);
        let file = (layout::claim(run), content.to_vec());
        self.push_ref(&name, Some((file, "taken for dead")), Expected::Nothing).await
    }

    /// Has `name` hold `file`, or be gone. False if it was there although nothing was expected.
    async fn push_ref(
        &self,
        name: &str,
        file: Option<((String, Vec<u8>), &str)>,
        expected: Expected<'_>,
    ) -> Result<bool, RegistryError> {
        let mut state = self.state.lock().await;
        state.leases_asked = None;
        let lock = self.cache.lock().await?;
        let made = match &file {
            None => None,
            Some((file, message)) => {
                let files = std::slice::from_ref(file);
                let at = jiff::Timestamp::now().as_second().max(0);
                let draft = Draft { parent: None, message, at, files };
                Some(self.cache.commit(&lock, &draft).await?)
            }
        };
        let commit = made.as_ref().map(|made| &made.commit);
        for attempt in 1.. {
            match self.cache.push(&lock, commit, name, expected).await? {
                // The same commit twice is an answer that was lost.
                Ok(is_new) => return Ok(is_new || attempt > 1),
                Err(Refusal::Outrun) if matches!(expected, Expected::Nothing) => return Ok(false),
                Err(Refusal::Denied(said)) if file.is_none() && said.contains("not exist") => break,
                Err(Refusal::Unclear(said)) if file.is_none() && said.contains("not exist") => {
                    break;
                }
                Err(Refusal::Unclear(_) | Refusal::Outrun) if attempt < ATTEMPTS => {
                    sleep(pause(attempt)).await;
                }
                Err(refusal) => return Err(self.cache.refused("write", refusal)),
            }
        }
        Ok(true)
    }
}
