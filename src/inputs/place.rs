//! What paths are called wherever a checkout lies.

use camino::{Utf8Path, Utf8PathBuf};

/// Where a template lies, and the repositories around it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: Utf8PathBuf,
    repositories: [Utf8PathBuf; 2],
}

impl Place {
    /// That of a template in `folder`, which `catalog` names.
    pub(super) fn of(folder: &Utf8Path, catalog: &Utf8Path) -> Self {
        let beside = catalog.parent().unwrap_or(folder);
        let repositories = [root(folder, catalog), root(beside, catalog)];
        Self { folder: folder.to_owned(), repositories }
    }

    /// Whether `path` is content of a repository: what comes from elsewhere is a material.
    pub(super) fn has(&self, path: &Utf8Path) -> bool {
        self.repositories.iter().any(|root| path.starts_with(root))
    }

    /// The name of a path: as seen from the template's folder, equal wherever the checkout lies. What
    /// lies elsewhere does so wherever that is.
    pub(super) fn name(&self, path: &Utf8Path) -> String {
        if !self.has(path) {
            return path.to_string();
        }
        for (ups, ancestor) in self.folder.ancestors().enumerate() {
            if let Ok(rest) = path.strip_prefix(ancestor) {
                return format!("{}{rest}", "../".repeat(ups));
            }
        }
        path.to_string()
    }
}

/// Where everything that counts for `folder` lies: its repository; without one, the folder of
/// `images.yml`.
pub(super) fn root(folder: &Utf8Path, catalog: &Utf8Path) -> Utf8PathBuf {
    let mut ancestors = folder.ancestors();
    let repository = ancestors.find(|folder| folder.join(".git").symlink_metadata().is_ok());
    let beside = catalog.parent().filter(|beside| folder.starts_with(beside));
    repository.or(beside).unwrap_or(folder).to_owned()
}
