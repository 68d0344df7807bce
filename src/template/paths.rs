//! Paths of a template, resolved by their text alone.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// `path` as seen from `folder`, without `.`, `..` and doubled slashes, as Go cleans it.
pub(super) fn resolve(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    clean(&folder.join(path))
}

/// `path` without `.`, `..` and doubled slashes. What a relative path has of `..` at its beginning
/// stays.
pub(super) fn clean(path: &Utf8Path) -> Utf8PathBuf {
    let mut cleaned = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => match cleaned.components().next_back() {
                Some(Utf8Component::Normal(_)) => {
                    cleaned.pop();
                }
                Some(Utf8Component::RootDir) => {}
                _ => cleaned.push(".."),
            },
            other => cleaned.push(other),
        }
    }
    cleaned
}

/// `path` as seen from `folder`, both absolute and clean: may start with `..`.
pub(super) fn relative(path: &Utf8Path, folder: &Utf8Path) -> Utf8PathBuf {
    for (ups, ancestor) in folder.ancestors().enumerate() {
        if let Ok(rest) = path.strip_prefix(ancestor) {
            return Utf8PathBuf::from("../".repeat(ups)).join(rest);
        }
    }
    path.to_owned()
}

/// The path that stands for the folder of the template in its own text, as Packer computes it from
/// what it is started with: the template as somebody in `workdir` names it.
pub(super) fn root_text(folder: &Utf8Path, workdir: &Utf8Path) -> String {
    match folder.strip_prefix(workdir) {
        Ok(rest) if rest.as_str().is_empty() => ".".to_owned(),
        Ok(rest) => rest.to_string(),
        Err(_) => folder.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_seen_from_elsewhere() {
        assert_eq!(resolve("/a/b".into(), "../c/./d//e"), "/a/c/d/e");
        assert_eq!(resolve("/a".into(), "../../.."), "/");
        assert_eq!(clean("a/../../b".into()), "../b");
        assert_eq!(relative("/a/b/c".into(), "/a/b".into()), "c");
        assert_eq!(relative("/a/c".into(), "/a/b/d".into()), "../../c");
        assert_eq!(relative("/a".into(), "/a".into()), "");
        assert_eq!(root_text("/a/b".into(), "/a".into()), "b");
        assert_eq!(root_text("/a".into(), "/a".into()), ".");
        assert_eq!(root_text("/a".into(), "/b".into()), "/a");
    }
}
