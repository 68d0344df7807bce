//! What is made from a log, beside what follows from it.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cure::REPAIR;
use crate::model::{Flaw, LogEntry};
use crate::registry::{
    ChannelFile, Projection, Registry, RegistryError, VersionFile, format, layout, log,
};

/// How often a file is looked at again while its log moves on.
const LOOKS: usize = 8;

/// Looks at every file that follows from `log`, and at those that are `there`. Extends the log by what
/// was written meanwhile.
pub(super) async fn check(
    registry: &dyn Registry,
    there: &BTreeSet<Projection>,
    log: &mut Vec<LogEntry>,
) -> Result<Vec<Flaw>, RegistryError> {
    let mut flaws = Vec::new();
    let mut all: BTreeSet<Projection> = there.clone();
    all.extend(Projection::all(log));
    for projection in all {
        flaws.extend(look(registry, &projection, log).await?);
    }
    Ok(flaws)
}

/// Whether `projection` has to be made again.
pub(super) async fn is_flawed(
    registry: &dyn Registry,
    projection: &Projection,
    log: &mut Vec<LogEntry>,
) -> Result<bool, RegistryError> {
    let flaw = look(registry, projection, log).await?;
    Ok(flaw.is_some_and(|flaw| flaw.cure.as_deref() == Some(REPAIR)))
}

async fn look(
    registry: &dyn Registry,
    projection: &Projection,
    log: &mut Vec<LogEntry>,
) -> Result<Option<Flaw>, RegistryError> {
    for _ in 0..LOOKS {
        let place = layout::place(registry.location(), &layout::projection(projection));
        let flaw = match registry.projection(projection).await {
            Ok(there) => judge(projection, there.as_deref(), log, &place),
            Err(RegistryError::Damaged { source, .. }) => {
                Some(Flaw::broken(place, format!("is damaged: {source}")).cured_by(REPAIR))
            }
            Err(error) => return Err(error),
        };
        let Some(flaw) = flaw else { return Ok(None) };
        // It may be ahead of what was read, and not wrong.
        let more = registry.log(projection.image(), log::head(log)).await?;
        if more.is_empty() {
            return Ok(Some(flaw));
        }
        log.extend(more);
    }
    // Somebody writes all the time: whoever does brings it up to date.
    Ok(None)
}

/// What is wrong with the file at `place`, which holds `there`.
fn judge(
    projection: &Projection,
    there: Option<&[u8]>,
    log: &[LogEntry],
    place: &str,
) -> Option<Flaw> {
    let place = place.to_owned();
    match (there, projection.render(log)) {
        (None, None) => None,
        (None, Some(_)) => Some(Flaw::stale(place, "is missing").cured_by(REPAIR)),
        (Some(_), None) => {
            let what =
                "is there, and the log says nothing of it: whoever reads it is told what is not so";
            Some(Flaw::broken(place, what).cured_by("remove it"))
        }
        (Some(there), Some(ours)) if there == ours => None,
        (Some(there), Some(ours)) => match projection {
            Projection::Version(..) => {
                // What only a newer goldsmith knows is not for us to judge.
                let known = |file: &mut VersionFile| file.record.further.clear();
                let seq = |file: &VersionFile| file.seq;
                compare(projection, there, &ours, log, place, known, seq)
            }
            Projection::Channel(..) => {
                let seq = |file: &ChannelFile| file.seq;
                compare(projection, there, &ours, log, place, |_| {}, seq)
            }
            Projection::Variables(image) => {
                let seq = |file: &Value| newest(&file["goldsmith_images"][image.as_str()]);
                compare(projection, there, &ours, log, place, |_| {}, seq)
            }
        },
    }
}

/// The newest entry that any of `channels` follows from.
fn newest(channels: &Value) -> u64 {
    let channels = channels.as_object().into_iter().flat_map(|channels| channels.values());
    channels.filter_map(|named| named["seq"].as_u64()).max().unwrap_or_default()
}

/// Compares what the file says with what it should, as far as this goldsmith knows the words: another
/// one may have written more of them, or in another order.
fn compare<T: DeserializeOwned + PartialEq>(
    projection: &Projection,
    there: &[u8],
    ours: &[u8],
    log: &[LogEntry],
    place: String,
    known: impl Fn(&mut T),
    seq: impl Fn(&T) -> u64,
) -> Option<Flaw> {
    if let Err(RegistryError::TooNew { schema, .. }) = format::check_schema(there, &place) {
        let what = format!("is of schema {schema}, which only a newer goldsmith knows");
        return Some(Flaw::notice(place, what));
    }
    let read = |bytes: &[u8]| {
        let mut file = serde_json::from_slice::<T>(bytes)?;
        known(&mut file);
        Ok::<T, serde_json::Error>(file)
    };
    let file = match read(there) {
        Ok(file) => file,
        Err(why) => {
            return Some(Flaw::broken(place, format!("is damaged: {why}")).cured_by(REPAIR));
        }
    };
    if read(ours).is_ok_and(|ours| ours == file) {
        return None;
    }
    let seq = seq(&file);
    let before = usize::try_from(seq).ok().and_then(|seq| log.get(..seq));
    let was_so = before.and_then(|before| projection.render(before));
    if was_so.is_some_and(|was| read(&was).is_ok_and(|was| was == file)) {
        let head = log::head(log);
        let what = format!("is as of entry {seq}, and the log has {head}");
        return Some(Flaw::stale(place, what).cured_by(REPAIR));
    }
    let what = "does not say what the log says: whoever reads it is told what is not so";
    Some(Flaw::broken(place, what).cured_by(REPAIR))
}
