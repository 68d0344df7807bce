//! Selection by name, glob and label.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use thiserror::Error;

use crate::model::{Image, ImageName};

/// Why a selection cannot be made. The user's fault: it stands on the command line.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// The pattern is not a glob.
    #[error("`{0}` is not a name or a glob")]
    Glob(String),
    /// Nothing is called like that.
    #[error("no image {} `{pattern}`", if is_name(pattern) { "is called" } else { "matches" })]
    NoMatch {
        /// What was asked for.
        pattern: String,
        /// The name that it resembles most, if any.
        similar: Option<ImageName>,
    },
    /// Nothing has that label.
    #[error("no image has the label `{label}`")]
    NoLabel {
        /// What was asked for.
        label: String,
        /// The label that it resembles most, if any.
        similar: Option<String>,
    },
}

/// The images that at least one of `patterns` names. A pattern that names none is an error: a
/// typing mistake must not mean "nothing to do".
pub fn select<'a>(
    patterns: &[String],
    names: impl Iterator<Item = &'a ImageName> + Clone,
) -> Result<BTreeSet<ImageName>, SelectionError> {
    let mut selected = BTreeSet::new();
    for pattern in patterns {
        let glob = GlobBuilder::new(pattern)
            .build()
            .map_err(|_| SelectionError::Glob(pattern.clone()))?
            .compile_matcher();
        let matching: Vec<_> = names.clone().filter(|name| glob.is_match(name.as_str())).collect();
        selected.extend(matching.iter().map(|name| (*name).clone()));
        if matching.is_empty() {
            let (pattern, mut others) = (pattern.clone(), names.clone());
            let similar = most_similar(&pattern, names.map(ImageName::as_str));
            let similar = similar.and_then(|name| others.find(|other| other.as_str() == name));
            return Err(SelectionError::NoMatch { similar: similar.cloned(), pattern });
        }
    }
    Ok(selected)
}

/// The images that have at least one of `labels`. A label that none has is an error.
pub fn with_labels<'a>(
    labels: &[String],
    images: impl Iterator<Item = &'a Image> + Clone,
) -> Result<BTreeSet<ImageName>, SelectionError> {
    let mut selected = BTreeSet::new();
    for label in labels {
        let matching = images.clone().filter(|image| image.labels.contains(label));
        let matching: Vec<_> = matching.map(|image| image.name.clone()).collect();
        if matching.is_empty() {
            let known = images.flat_map(|image| &image.labels).map(String::as_str);
            let similar = most_similar(label, known).map(str::to_owned);
            return Err(SelectionError::NoLabel { label: label.clone(), similar });
        }
        selected.extend(matching);
    }
    Ok(selected)
}

/// Whether nothing in `pattern` stands for anything else.
fn is_name(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', '{', '\\'])
}

/// The one of `known` that `wanted` was probably meant to be.
pub fn most_similar<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(wanted, known), known))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::image;

    fn names() -> Vec<ImageName> {
        ["debian-12", "debian-13", "ubuntu-2404"].map(|name| name.parse().unwrap()).into()
    }

    #[test]
    fn globs_and_names_are_united() {
        let names = names();
        let selected = select(&["debian-*".into(), "debian-12".into()], names.iter()).unwrap();
        assert_eq!(selected.into_iter().collect::<Vec<_>>(), names[..2]);
    }

    #[test]
    fn a_pattern_that_names_nothing_is_an_error_with_a_suggestion() {
        let names = names();
        assert_eq!(
            select(&["ubuntu-2504".into()], names.iter()).unwrap_err(),
            SelectionError::NoMatch {
                pattern: "ubuntu-2504".into(),
                similar: Some(names[2].clone()),
            }
        );
        let told = |pattern: &str| select(&[pattern.into()], names.iter()).unwrap_err().to_string();
        assert_eq!(told("nope"), "no image is called `nope`");
        assert_eq!(told("nope*"), "no image matches `nope*`");
        assert_eq!(
            select(&["{".into()], names.iter()).unwrap_err(),
            SelectionError::Glob("{".into())
        );
    }

    #[test]
    fn one_label_is_enough_and_each_must_be_known() {
        let mut images = ["debian-12", "debian-13", "ubuntu-2404"].map(image);
        images[0].labels = vec!["lts".into(), "apt".into()];
        images[2].labels = vec!["apt".into(), "nightly".into()];
        let selected = with_labels(&["lts".into(), "nightly".into()], images.iter()).unwrap();
        assert!(selected.iter().eq([&images[0].name, &images[2].name]));
        assert_eq!(
            with_labels(&["nightli".into()], images.iter()).unwrap_err(),
            SelectionError::NoLabel { label: "nightli".into(), similar: Some("nightly".into()) }
        );
    }
}
