//! Asks a guest at the end of its build what it is made of (`evidence: guest`).

use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8PathBuf;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::image_task::ImageTask;
use crate::evidence::{self, guest};
use crate::inputs;
use crate::model::{Failure, FailureClass, Image, Strategy};
use crate::packer::Collected;

/// Prepares the question, if the guest of this task's image is to be asked.
pub(super) async fn prepare(task: &ImageTask<'_>) -> Result<Option<Collected>, Failure> {
    if !is_asked(task.image).await? {
        return Ok(None);
    }
    let io = |error: std::io::Error| Failure::caused_by(FailureClass::Build, &error);
    let windows = task.image.os.family == "windows";
    let random = uuid::Uuid::new_v4().simple().to_string();
    let made = guest::made_at(&random, windows);
    let name = if windows { "collect.ps1" } else { "collect.sh" };
    let script = task.work.join(name);
    let text = guest::collecting(task.image.evidence.scope, &made, windows);
    fs_err::write(&script, text).map_err(io)?;
    // Packer leaves the mode of a file that is there: what comes is for nobody else.
    let download = task.work.join("guest.tar");
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(&download).map_err(io)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(io)?;
    Ok(Some(Collected { script, made, download }))
}

/// The answer, if one came.
pub(super) fn answer(question: &Collected) -> Option<Utf8PathBuf> {
    let there = fs_err::metadata(&question.download).is_ok_and(|file| file.len() > 0);
    there.then(|| question.download.clone())
}

/// Whether the guest of an image is asked: where that is said, and where nobody can look from outside.
pub(super) async fn is_asked(image: &Image) -> Result<bool, Failure> {
    match image.evidence.from {
        Strategy::Guest => return Ok(true),
        Strategy::Auto => {}
        _ => return Ok(false),
    }
    let image = image.clone();
    let builder = tokio::task::spawn_blocking(move || inputs::builder_type(&image)).await;
    let builder = builder.map_err(|error| Failure::caused_by(FailureClass::Config, &error))?;
    Ok(builder.is_some_and(|builder| evidence::is_cloud(&builder)))
}
