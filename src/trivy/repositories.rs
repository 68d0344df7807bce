//! Where the advisory database is downloaded from.

use crate::environment::Environment;

/// The variable by which Trivy's users name others, with commas between.
const VARIABLE: &str = "TRIVY_DB_REPOSITORY";

/// Trivy's own choice.
const DEFAULT: [&str; 2] = ["mirror.gcr.io/aquasec/trivy-db:2", "ghcr.io/aquasecurity/trivy-db:2"];

/// OCI repositories with the advisory database, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repositories(Vec<String>);

impl Repositories {
    /// Those that are `given`; else those of the environment; else Trivy's own.
    pub fn new(given: &[String], environment: &Environment) -> Self {
        let named = environment.get(VARIABLE).into_iter().flat_map(|names| names.split(','));
        let clean = |names: Vec<&str>| -> Vec<String> {
            let names = names.into_iter().map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        let given = clean(given.iter().map(String::as_str).collect());
        let named = clean(named.collect());
        let first = [given, named].into_iter().find(|names| !names.is_empty());
        Self(first.unwrap_or_else(|| DEFAULT.map(str::to_owned).into()))
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_trivys_own() {
        let chosen = |given: &[&str], variable: &str| {
            let environment = [(VARIABLE.to_owned(), variable.to_owned())].into_iter().collect();
            let given: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
            Repositories::new(&given, &environment).0.join(" ")
        };
        assert_eq!(chosen(&["a/b:2", "c"], "d"), "a/b:2 c");
        assert_eq!(chosen(&[" "], "d/e:2, f ,"), "d/e:2 f");
        assert_eq!(chosen(&[], " ,"), DEFAULT.join(" "));
    }
}
