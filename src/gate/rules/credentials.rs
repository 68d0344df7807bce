//! Keys, tokens and passwords in files: by their names, and by what the scanner has found in them.

use super::{Case, Check, Outcome, some};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("private-key", |case| of(case, Kind::PrivateKey, "private key")),
    ("cloud-credentials", |case| of(case, Kind::Cloud, "place with credentials for a cloud")),
    ("token", |case| of(case, Kind::Token, "place with tokens or passwords")),
];

/// What a credential is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    PrivateKey,
    Cloud,
    Token,
}

/// Parts of paths of files for clouds.
const CLOUDS: [&str; 6] = [
    "/.aws/",
    "/.azure/",
    "/.config/gcloud/",
    "application_default_credentials.json",
    "accessTokens.json",
    "/.oci/",
];

/// Whose secrets open a cloud, as the scanner calls them (Trivy, pkg/fanal/secret/builtin-rules.go).
const CLOUD_CATEGORIES: [&str; 8] =
    ["AWS", "Alibaba", "Azure", "DigitalOcean", "GCP", "Google", "Heroku", "Linode"];

/// What a file with credentials is, by its path.
fn of_path(path: &str) -> Kind {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    if name.starts_with("id_") || matches!(ending, Some("pem" | "key")) {
        Kind::PrivateKey
    } else if CLOUDS.iter().any(|part| path.contains(part)) {
        Kind::Cloud
    } else {
        Kind::Token
    }
}

/// What a secret is, by whose it is.
fn of_category(category: &str, rule: &str) -> Kind {
    if category == "AsymmetricPrivateKey" || rule == "private-key" {
        Kind::PrivateKey
    } else if CLOUD_CATEGORIES.contains(&category) {
        Kind::Cloud
    } else {
        Kind::Token
    }
}

/// The outcome for credentials of a kind. Host keys have rules of their own.
fn of(case: &Case<'_>, kind: Kind, what: &str) -> Outcome {
    let facts = &case.evidence.facts;
    let files = facts.credentials.iter().flatten();
    let mut places: Vec<(String, String)> = files
        .filter(|file| of_path(&file.path) == kind)
        .map(|file| (file.path.clone(), file.path.clone()))
        .collect();
    let mut titles = Vec::new();
    for secret in facts.secrets.iter().flatten() {
        let host_key = secret.path.starts_with("/etc/ssh/ssh_host_");
        if of_category(&secret.category, &secret.rule) != kind || host_key {
            continue;
        }
        titles.push(secret.title.as_str());
        if !places.iter().any(|(path, _)| *path == secret.path) {
            places.push((secret.path.clone(), format!("{}:{}", secret.path, secret.line)));
        }
    }
    let Some((first, _)) = places.first() else {
        let looked =
            facts.credentials.is_some() && facts.secrets.is_some() && !facts.secrets_left_out;
        return if looked { Outcome::Kept } else { Outcome::Unchecked };
    };
    let title = titles.first().map_or_else(String::new, |title| format!(" ({title})"));
    let verb = if places.len() == 1 { "is" } else { "are" };
    Outcome::Broken {
        message: format!("{} {verb} in the image: {first}{title}", counted(places.len(), what)),
        places: some(places.into_iter().map(|(_, place)| place)),
    }
}

/// `a private key`, `2 private keys`: the plural is that of the last word before `with`.
fn counted(number: usize, what: &str) -> String {
    if number == 1 {
        return format!("a {what}");
    }
    match what.split_once(" with ") {
        Some((what, rest)) => format!("{number} {what}s with {rest}"),
        None => format!("{number} {what}s"),
    }
}
