//! What lies in a repository and is no part of it.

use std::collections::HashSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::Catalog;

/// Paths that are no part of any definition: what goldsmith itself writes, the catalog, whose keys
/// count one by one, the lists for the gate, and the lock of plugins, which are tools. Clones share them.
#[derive(Clone, Default)]
pub(super) struct NoPart {
    shared: Arc<HashSet<Utf8PathBuf>>,
    created: Option<Utf8PathBuf>,
}

impl NoPart {
    /// What is no part for any image of `catalog`: that, and what is in `more`.
    pub(super) fn of(catalog: &Catalog, more: Option<&Utf8Path>) -> Self {
        let paths =
            catalog.own_paths().into_iter().chain([catalog.path.clone(), catalog.plugin_lock()]);
        let paths = paths.chain(catalog.gate_lists());
        let shared = paths.chain(more.map(Utf8Path::to_owned)).collect();
        Self { shared: Arc::new(shared), created: None }
    }

    /// The same, and what the image's `prepare` creates.
    pub(super) fn and(&self, created: Option<&Utf8Path>) -> Self {
        Self { shared: self.shared.clone(), created: created.map(Utf8Path::to_owned) }
    }

    /// Whether `path` is one of them.
    pub(super) fn has(&self, path: &Utf8Path) -> bool {
        self.created.as_deref() == Some(path) || self.shared.contains(path)
    }

    /// Whether `path` is one of them, or lies in one.
    pub(super) fn covers(&self, path: &Utf8Path) -> bool {
        path.ancestors().any(|ancestor| self.has(ancestor))
    }
}
