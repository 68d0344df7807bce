//! Did you mean: slips of the finger.

/// A text longer than this is no slip of the finger.
const MAX_LENGTH: usize = 64;

/// The one of `candidates` that `text` was probably meant to be.
pub fn closest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(text);
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&wanted, &plain(candidate));
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let keys = ["template", "timeout", "workdir", "fail_on", "arch", "env"];
        let meant = |text| closest(text, keys);
        assert_eq!(meant("tempalte"), Some("template"));
        assert_eq!(meant("fail-on"), Some("fail_on"));
        assert_eq!(meant("Timeout"), Some("timeout"));
        assert_eq!(meant("work_dir"), Some("workdir"));
        assert_eq!(meant("envs"), Some("env"));
        assert_eq!(meant("x"), None);
        assert_eq!(meant("packages"), None);
        assert_eq!(meant(&"template".repeat(1000)), None);
    }
}
