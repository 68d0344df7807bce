//! Which images a branch has changed: what git says about the files that define them.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use super::{Git, GitError};
use crate::model::{Catalog, FailureClass, Image, ImageName};
use crate::template::COPIES;

/// Why nobody can say what has changed.
#[derive(Debug, Error)]
pub enum ChangesError {
    /// git does not answer, or not as hoped: mostly a reference that is not there.
    #[error("cannot tell what has changed since `{reference}`")]
    Git {
        /// What was to be compared with.
        reference: String,
        /// What git says.
        source: GitError,
    },
    /// There is no repository.
    #[error("`{folder}` lies in no git repository")]
    NoRepository {
        /// The folder.
        folder: Utf8PathBuf,
    },
}

impl ChangesError {
    /// The failure that it is to a command; of class `otherwise`, unless somebody wished to stop.
    pub fn class(&self, otherwise: FailureClass) -> FailureClass {
        match self {
            Self::Git { source, .. } => source.class(otherwise),
            Self::NoRepository { .. } => otherwise,
        }
    }
}

/// The images of `catalog` that have changed since the branch left `reference`, committed or not,
/// each with the files that did, as paths from the root of the repository.
///
/// `concerns` tells whether an image uses a file that lies outside of its template's folder, and that
/// need not be there any more. `before` reads an earlier `images.yml`, if it can be read: an image whose entry now says something else has changed.
pub async fn changed_since(
    git: &Git<'_>,
    reference: &str,
    catalog: &Catalog,
    concerns: impl Fn(&Image, &Utf8Path) -> bool,
    before: impl FnOnce(&[u8]) -> Option<Catalog>,
) -> Result<BTreeMap<ImageName, Vec<String>>, ChangesError> {
    let folder = catalog.path.parent().unwrap_or(Utf8Path::new("/"));
    let root = folder
        .ancestors()
        .find(|root| root.join(".git").symlink_metadata().is_ok())
        .ok_or_else(|| ChangesError::NoRepository { folder: folder.to_owned() })?;
    let failed = |source| ChangesError::Git { reference: reference.to_owned(), source };
    // What begins with a dash would be an option.
    let fork = ["merge-base", "--end-of-options", reference, "HEAD"];
    let fork = git.answer(root, fork).await.map_err(failed)?.trim().to_owned();
    let differences = ["diff", "--name-only", "-z", "--no-renames", &fork, "--"];
    let new = ["ls-files", "--others", "--exclude-standard", "-z"];
    let mut changed = BTreeSet::new();
    for question in [&differences[..], &new[..]] {
        let answer = git.answer(root, question.iter().copied()).await.map_err(failed)?;
        let copy = |name: &&str| name.split('/').any(|part| part.starts_with(COPIES));
        let names = answer.split('\0').filter(|name| !name.is_empty() && !copy(name));
        changed.extend(names.map(|name| root.join(name)));
    }
    let earlier = if changed.contains(&catalog.path) {
        let name = catalog.path.strip_prefix(root).unwrap_or(&catalog.path);
        let show = format!("{fork}:{name}");
        let text = git.answer(root, ["show", "--end-of-options", &show]).await;
        Some(text.ok().and_then(|text| before(text.as_bytes())))
    } else {
        None
    };
    let name = |path: &Utf8Path| path.strip_prefix(root).unwrap_or(path).to_string();
    let mut images = BTreeMap::new();
    for image in catalog.images.values() {
        let homes = [Some(image.template.clone()), within(root, &image.template)];
        let in_template =
            |path: &Utf8Path| homes.iter().flatten().any(|home| path.starts_with(home));
        let mut why: Vec<String> = changed
            .iter()
            .filter(|path| **path != catalog.path)
            .filter(|path| in_template(path) || concerns(image, path))
            .map(|path| name(path))
            .collect();
        if let Some(earlier) = &earlier {
            let before = earlier.as_ref().and_then(|catalog| catalog.images.get(&image.name));
            if !before.is_some_and(|before| same_definition(before, image)) {
                why.push(name(&catalog.path));
            }
        }
        if !why.is_empty() {
            images.insert(image.name.clone(), why);
        }
    }
    Ok(images)
}

/// Where `path` really lies, with its beginning as `root` is spelled; none if that is elsewhere.
fn within(root: &Utf8Path, path: &Utf8Path) -> Option<Utf8PathBuf> {
    let (real_root, real) = (root.canonicalize_utf8().ok()?, path.canonicalize_utf8().ok()?);
    real.strip_prefix(real_root).ok().map(|rest| root.join(rest))
}

/// Whether two entries define the same image: how it is judged and where it goes is no part of that.
fn same_definition(one: &Image, other: &Image) -> bool {
    let keys = |image: &Image| {
        let Image { template, workdir, build, os, source, arch, prepare, .. } = image.clone();
        let Image { vars, var_files, env, parents, enforce, .. } = image.clone();
        let files = (var_files, enforce);
        ((template, workdir, build, os), (source, arch, prepare), (vars, files, env, parents))
    };
    keys(one) == keys(other)
}
