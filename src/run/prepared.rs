//! What `prepare` has made for an earlier build of a pull request, which serves the next one.
//!
//! Only there, and only where nothing is published: everything else is prepared afresh, since a new
//! month must bring new packages. It is good for as long as everything is as it was: the image's
//! definition (with it the command, the scripts that it names and the template), the folder, every
//! variable that `prepare` sees, and, byte for byte, the file. And not for longer than a week.
//!
//! Kept below the state folder, in `prepared/`, by the path of the file that is created.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::image_task::ImageTask;
use super::prepare::{environment, material};
use crate::model::{Digest, Failure, FailureClass, Hasher, Prepare};
use crate::process;

/// What is older is made afresh.
const OLDEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What was made, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    /// The program that wrote this: another one may prepare otherwise.
    goldsmith: String,
    /// Everything that could make a difference.
    from: Digest,
    /// What was made.
    made: Digest,
    /// When.
    at: Timestamp,
}

impl Record {
    /// Whether what lies there now, `made` from `from`, is as good as new.
    fn is_good(&self, from: Digest, made: Digest, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        self.goldsmith == env!("CARGO_PKG_VERSION")
            && self.from == from
            && self.made == made
            && (SignedDuration::ZERO..=OLDEST).contains(&age)
    }
}

/// When what lies there was made, if it will do for this build.
pub(super) async fn made(
    task: &ImageTask<'_>,
    prepare: &Prepare,
) -> Result<Option<Timestamp>, Failure> {
    let Some((place, creates)) = place(task, prepare) else { return Ok(None) };
    // One that cannot be read is none.
    let record = fs_err::read(&place).ok().and_then(|text| serde_json::from_slice(&text).ok());
    let Some(record): Option<Record> = record else { return Ok(None) };
    if !creates.is_file() {
        return Ok(None);
    }
    let made = digest(task, creates).await?;
    let now = task.run.pipeline.clock.now();
    Ok(record.is_good(from(task, prepare), made, now).then_some(record.at))
}

/// Remembers what was made just now. If that cannot be done, the next one prepares afresh.
pub(super) async fn remember(task: &ImageTask<'_>, prepare: &Prepare) -> Result<(), Failure> {
    let Some((place, creates)) = place(task, prepare) else { return Ok(()) };
    let record = Record {
        goldsmith: env!("CARGO_PKG_VERSION").to_owned(),
        from: from(task, prepare),
        made: digest(task, creates).await?,
        at: task.run.pipeline.clock.now(),
    };
    let _ = write(&place, &record);
    Ok(())
}

/// Where the record lies, and the file that it is of; none where nothing is used again.
fn place<'p>(task: &ImageTask<'_>, prepare: &'p Prepare) -> Option<(Utf8PathBuf, &'p Utf8Path)> {
    let pipeline = task.run.pipeline;
    let creates = prepare.creates.as_deref().filter(|_| pipeline.options.reuse_prepared)?;
    let name = Digest::of(creates.as_str().as_bytes()).short();
    Some((pipeline.state.join("prepared").join(format!("{name}.json")), creates))
}

fn from(task: &ImageTask<'_>, prepare: &Prepare) -> Digest {
    let mut hasher = Hasher::default();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for text in [
        &*task.planned.definition.digest.to_string(),
        &prepare.run,
        prepare.creates.as_ref().map_or("", |path| path.as_str()),
        task.image.workdir.as_str(),
    ] {
        add(text);
    }
    for (name, value) in environment(task).iter() {
        add(name);
        add(value);
    }
    hasher.finish()
}

async fn digest(task: &ImageTask<'_>, creates: &Utf8Path) -> Result<Digest, Failure> {
    let failure = |error: io::Error| process::failure(&error, FailureClass::Prepare);
    let (image, creates) = (task.image.clone(), creates.to_owned());
    let wish = task.run.pipeline.cancellation.clone();
    let work = tokio::task::spawn_blocking(move || material(&image, &creates, &wish));
    let material = work.await.map_err(|error| failure(error.into()))?.map_err(failure)?;
    Ok(material.digest)
}

/// Nobody else reads it: values of variables stand behind one of the digests.
fn write(place: &Utf8Path, record: &Record) -> io::Result<()> {
    let folder = place.parent().unwrap_or(place);
    fs_err::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&file, record)?;
    file.persist(place).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_good_while_nothing_is_different_and_for_a_week() {
        let at: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let [from, made, other] = ["from", "made", "other"].map(|it| Digest::of(it.as_bytes()));
        let goldsmith = env!("CARGO_PKG_VERSION").to_owned();
        let record = Record { goldsmith, from, made, at };
        let after = |hours| at + SignedDuration::from_hours(hours);
        assert!(record.is_good(from, made, at));
        assert!(record.is_good(from, made, after(168)));
        assert!(!record.is_good(from, made, after(169)));
        assert!(!record.is_good(from, made, after(-1)), "a clock was set back");
        assert!(!record.is_good(other, made, at));
        assert!(!record.is_good(from, other, at));
        let elsewhere = Record { goldsmith: "0.0.1".to_owned(), ..record };
        assert!(!elsewhere.is_good(from, made, at));
    }
}
