//! `goldsmith init`: writes an `images.yml` and a workflow for the templates of a repository.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::session::Session;
use crate::cli;
use crate::init::{self, Discovery};
use crate::inputs::Checkout;
use crate::model::{Failure, FailureClass};

/// Writes what is not there yet, and tells what was written and what was left out.
pub(super) fn run(session: &Session, arguments: &cli::Init) -> Result<String, Failure> {
    let config = session.path(&session.global.config);
    let folder = config.parent().unwrap_or(&session.directory).to_owned();
    if !arguments.force && config.symlink_metadata().is_ok() {
        let failure = Failure::new(FailureClass::Usage, format!("`{config}` exists already"));
        return Err(failure.hint("`--force` writes it anew"));
    }
    let tree = Checkout::of(&folder);
    let discovery = init::discover(&tree, &folder);
    if discovery.images.is_empty() {
        let reason = format!("there is no Packer template for an image in `{folder}`");
        let failure = Failure::new(FailureClass::Usage, reason)
            .hint("templates are files that end in `.pkr.hcl`; name their folder with `-C DIR`");
        let left = discovery
            .left_out
            .iter()
            .map(|left| init::in_one_line(&format!("{}: {}", left.path, left.why)));
        return Err(left.take(10).fold(failure, Failure::hint));
    }
    let repository = repository(&folder);
    let workflow = repository.join(init::workflow_path(&tree, &repository));
    let in_repository = config.strip_prefix(&repository).unwrap_or(&config);

    let mut told = String::new();
    write(&config, &init::images_yml(&discovery), arguments.force)?;
    tell(&mut told, "wrote", &session.shown(&config));
    if arguments.force || workflow.symlink_metadata().is_err() {
        write(&workflow, &init::workflow(&discovery, in_repository), arguments.force)?;
        tell(&mut told, "wrote", &session.shown(&workflow));
    } else {
        let kept =
            format!("{}, which was there: `--force` writes it anew", session.shown(&workflow));
        tell(&mut told, "kept", &kept);
    }
    told.push_str(&summary(&discovery));
    Ok(told)
}

/// The root of the repository that `folder` lies in; without one, the folder itself.
fn repository(folder: &Utf8Path) -> Utf8PathBuf {
    let mut ancestors = folder.ancestors();
    let root = ancestors.find(|folder| folder.join(".git").symlink_metadata().is_ok());
    root.unwrap_or(folder).to_owned()
}

fn tell(told: &mut String, what: &str, path: &str) {
    writeln!(told, "{what} {}", init::in_one_line(path)).expect("text can be written");
}

fn summary(discovery: &Discovery) -> String {
    let objections = init::objections(discovery);
    let usable = objections.iter().filter(|(_, why)| why.is_none()).count();
    let mut text = match usable {
        1 => "\n1 image".to_owned(),
        count => format!("\n{count} images"),
    };
    text.push_str(match usable {
        0 => ": complete what stands in comments\n",
        _ => "; `goldsmith plan` says what would be built\n",
    });
    let commented: Vec<String> = objections
        .iter()
        .filter_map(|(found, why)| Some(format!("{}: {}", found.name, why.as_ref()?)))
        .collect();
    let left: Vec<String> =
        discovery.left_out.iter().map(|left| format!("{}: {}", left.path, left.why)).collect();
    for (title, entries) in [("as comments", commented), ("left out", left)] {
        if !entries.is_empty() {
            writeln!(text, "\n{title}:").expect("text can be written");
        }
        for entry in entries {
            writeln!(text, "  {}", init::in_one_line(&entry)).expect("text can be written");
        }
    }
    text
}

/// Writes `text` to `path` all at once. Without `force`, never over anything, also not over what
/// appeared there meanwhile.
fn write(path: &Utf8Path, text: &str, force: bool) -> Result<(), Failure> {
    let failure = |error: &dyn std::error::Error| Failure::caused_by(FailureClass::Usage, error);
    let folder = path.parent().unwrap_or(path);
    fs_err::create_dir_all(folder).map_err(|error| failure(&error))?;
    let file = tempfile::Builder::new()
        // What the user's umask leaves of it.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
        .map_err(|error| failure(&error))?;
    let written = if force { file.persist(path) } else { file.persist_noclobber(path) };
    written.map(drop).map_err(|error| failure(&error.error))
}
