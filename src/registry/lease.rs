//! Leases: who is at work on which images, for those who cannot see whether he is alive.
//!
//! A run writes `runs/<id>.json` before it touches anything, and again every minute. When it has not
//! done so for ten minutes, somebody else may take it for dead: he claims it by creating
//! `runs/<id>.claimed.json`, which can be done once, and cleans up.
//!
//! Clocks go wrong and machines sleep, so that a living run may be claimed. It then finds the claim
//! and stops. Nothing depends on that it does so in time: whoever cleans up first gives up the run's
//! versions in the logs ([`abandon`](super::abandon)), after which nobody can publish them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{ChannelName, ImageName, RunId, SCHEMA, StoreAddress};

use super::{Registry, RegistryError, format, layout};

/// How often a run says that it is alive.
pub const HEARTBEAT: std::time::Duration = std::time::Duration::from_mins(1);

/// How long a run counts as alive after it has said so.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// How long whoever has claimed a run has to clean up. Then somebody else does: cleaning up twice
/// does no harm.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// `runs/<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Version of the format.
    pub schema: u32,
    /// The run.
    pub run: RunId,
    /// Where it can be looked at, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// The machine that it runs on, as it calls itself.
    pub host: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was alive last.
    pub renewed_at: Timestamp,
    /// When it may be taken for dead.
    pub expires_at: Timestamp,
    /// What it works on.
    pub holds: Vec<Held>,
}

/// An image that a run works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The image. Which version of it the run has reserved is in its log.
    pub image: ImageName,
    /// The channel that the version enters.
    pub channel: ChannelName,
    /// The stores that it is brought to.
    pub stores: Vec<StoreAddress>,
}

/// `runs/<id>.claimed.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    schema: u32,
    /// The run that cleans up.
    by: RunId,
    at: Timestamp,
}

impl Lease {
    /// A lease for a run that begins `now`.
    pub fn new(
        run: RunId,
        run_url: Option<String>,
        host: String,
        now: Timestamp,
        holds: Vec<Held>,
    ) -> Self {
        let (renewed_at, expires_at) = (now, expiry(now));
        Self { schema: SCHEMA, run, run_url, host, started_at: now, renewed_at, expires_at, holds }
    }

    /// Whether it may be taken for dead.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    now.saturating_add(LIFETIME).unwrap_or(now)
}

/// Says that the run of `lease` is alive. False if somebody has taken it for dead: it has to stop.
pub async fn renew(
    registry: &dyn Registry,
    lease: &mut Lease,
    now: Timestamp,
) -> Result<bool, RegistryError> {
    lease.renewed_at = now;
    lease.expires_at = expiry(now);
    registry.write_lease(&lease.run, &format::json(lease)).await?;
    still_ours(registry, &lease.run).await
}

/// Whether nobody has taken `run` for dead.
pub async fn still_ours(registry: &dyn Registry, run: &RunId) -> Result<bool, RegistryError> {
    Ok(registry.claim(run).await?.is_none())
}

/// The leases of all runs that are at work or died, in their order. One that cannot be read is an
/// error of its own: its run cleans up itself, or somebody has to look.
pub async fn leases(
    registry: &dyn Registry,
) -> Result<Vec<Result<Lease, RegistryError>>, RegistryError> {
    let mut leases = Vec::new();
    for run in registry.leases().await? {
        match read(registry, &run).await {
            Ok(None) => {}
            Ok(Some(lease)) => leases.push(Ok(lease)),
            Err(error) => leases.push(Err(error)),
        }
    }
    Ok(leases)
}

async fn read(registry: &dyn Registry, run: &RunId) -> Result<Option<Lease>, RegistryError> {
    let Some(bytes) = registry.lease(run).await? else {
        return Ok(None);
    };
    let path = layout::place(registry.location(), &layout::lease(run));
    format::check_schema(&bytes, &path)?;
    let lease: Lease =
        serde_json::from_slice(&bytes).map_err(|why| RegistryError::damaged(&path, why))?;
    if lease.run != *run {
        let claim = format!("the lease of `{}`", lease.run);
        return Err(RegistryError::Misplaced { path, claim });
    }
    Ok(Some(lease))
}

/// Claims the run of an expired lease for cleaning up. False if it is alive after all, or somebody
/// else is at it.
pub async fn claim(
    registry: &dyn Registry,
    lease: &Lease,
    by: &RunId,
    now: Timestamp,
) -> Result<bool, RegistryError> {
    // It may have been renewed since it was read.
    match read(registry, &lease.run).await? {
        Some(lease) if lease.has_expired(now) => {}
        _ => return Ok(false),
    }
    let claim = format::json(&Claim { schema: SCHEMA, by: by.clone(), at: now });
    if registry.create_claim(&lease.run, &claim).await? {
        return Ok(true);
    }
    let Some(bytes) = registry.claim(&lease.run).await? else {
        return Ok(false);
    };
    let path = layout::place(registry.location(), &layout::claim(&lease.run));
    let other: Claim =
        serde_json::from_slice(&bytes).map_err(|why| RegistryError::damaged(path, why))?;
    Ok(now.duration_since(other.at) > PATIENCE)
}
