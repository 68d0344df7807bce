//! Runs on other machines, known by their leases in the registry.

use super::chores::{Unsettled, Upload};
use super::settle::settle;
use super::{folder_of, is_alive};
use crate::model::StoreAddress;
use crate::publish::Surroundings;
use crate::registry::{self, Author, Held, Lease, Registry, RegistryError};
use crate::report::Reaped;

/// Cleans up after all runs whose lease in `registry` has expired: what they left there and in
/// stores that this machine can reach. What they left on their own machine is for a run there.
pub async fn reap_leases(
    registry: &dyn Registry,
    here: Surroundings<'_>,
    author: &Author,
) -> Result<(Vec<Reaped>, Vec<RegistryError>), RegistryError> {
    let now = author.clock.now();
    let (mut reaped, mut unreadable) = (Vec::new(), Vec::new());
    for lease in registry::leases(registry).await? {
        let lease = match lease {
            Ok(lease) => lease,
            Err(error) => {
                unreadable.push(error);
                continue;
            }
        };
        // Its clock, or ours, is wrong: it is here, and it lives.
        if !lease.has_expired(now) || is_alive(&folder_of(here.state, &lease.run)) {
            continue;
        }
        if registry::claim(registry, &lease, &author.run, now).await? {
            reaped.push(after(registry, author, lease, here).await);
        }
    }
    Ok((reaped, unreadable))
}

/// Cleans up after a run that is claimed.
async fn after(
    registry: &dyn Registry,
    author: &Author,
    lease: Lease,
    here: Surroundings<'_>,
) -> Reaped {
    let host = Some(lease.host).filter(|host| !host.is_empty());
    let mut told = Reaped { run: lease.run, host, done: Vec::new(), left: Vec::new() };
    for held in lease.holds {
        let outcome = settle(registry, author, &told.run, &unsettled(held), here).await;
        told.done.extend(outcome.done);
        told.left.extend(outcome.left);
    }
    if told.left.is_empty()
        && let Err(error) = registry.remove_lease(&told.run).await
    {
        told.left.push(format!("its lease: {}", error.failure().reason));
    }
    told
}

/// Whatever may be left of an image: where the run was with it, its lease does not say.
fn unsettled(held: Held) -> Unsettled {
    let upload = |store: &StoreAddress, rejected| Upload {
        store: store.clone(),
        version: None,
        digest: None,
        rejected,
    };
    let uploads = held.stores.iter().flat_map(|store| [upload(store, false), upload(store, true)]);
    Unsettled { uploads: uploads.collect(), image: held.image, record: Some((None, held.channel)) }
}
