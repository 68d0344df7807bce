//! `goldsmith plan`: what would be built, and why.

use std::collections::{BTreeSet, HashSet};

use super::planning::{self, Planning, Wanted};
use super::run::given_database;
use super::session::Session;
use crate::cli;
use crate::inputs;
use crate::model::{
    Catalog, Failure, FailureClass, Image, ImageName, NotDue, Plan, UpstreamChange,
};
use crate::upstream::{self, Limits};

/// Makes the plan.
pub(super) async fn run(
    session: &Session,
    arguments: &cli::Plan,
) -> Result<(Plan, Catalog), Failure> {
    let database = given_database(session, arguments.db.as_deref())?;
    let wanted = Wanted {
        selection: &arguments.selection,
        given: BTreeSet::new(),
        stores: &[],
        records: false,
        regate: false,
        database: database.as_ref(),
    };
    let Planning { mut plan, catalog, later, histories, .. } =
        planning::plan(session, wanted).await?;
    // The pasts of thousands of images are very many pieces: nobody waits until they are given back.
    std::thread::spawn(move || drop(histories));
    later.warn(session, plan.build.iter().map(|planned| &catalog.images[&planned.image]));
    if arguments.check_upstream {
        plan.upstream = upstream_changes(session, &plan, &catalog).await?;
    }
    Ok((plan, catalog))
}

/// What has become of the downloads of all images that were selected.
async fn upstream_changes(
    session: &Session,
    plan: &Plan,
    catalog: &Catalog,
) -> Result<Vec<UpstreamChange>, Failure> {
    let unwanted = |why: &NotDue| matches!(why, NotDue::NotSelected | NotDue::Disabled);
    let others = plan.skip.iter().filter(|skipped| unwanted(&skipped.why));
    let others: HashSet<&ImageName> = others.map(|skipped| &skipped.image).collect();
    let known = plan.build.iter().map(|planned| &planned.image);
    let known: HashSet<&ImageName> =
        known.chain(plan.skip.iter().map(|skipped| &skipped.image)).collect();
    let images = catalog.images.values();
    let images = images.filter(|i| known.contains(&i.name) && !others.contains(&i.name));
    let images: Vec<Image> = images.cloned().collect();
    let read = move || {
        let downloads = |image: &Image| {
            let name = image.name.clone();
            inputs::downloads(image).into_iter().map(move |download| (name.clone(), download))
        };
        images.iter().flat_map(downloads).collect::<Vec<_>>()
    };
    let downloads = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
    tokio::select! {
        changes = upstream::check(&downloads, Limits::default()) => Ok(changes),
        wish = session.cancellation.beyond(None) => Err(wish.cause.failure()),
    }
}
