//! What a registry asks for before it answers: `WWW-Authenticate` (RFC 9110, section 11). Pure.

use std::collections::BTreeMap;

/// How to prove who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token from elsewhere.
    Bearer {
        /// Who gives tokens: a URL.
        realm: String,
        /// What the token is for.
        service: Option<String>,
        /// What it should allow.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The first of a header's challenges that can be met; tokens before passwords.
    pub(super) fn of<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for header in headers {
            for (scheme, mut parameters) in challenges(header) {
                if scheme.eq_ignore_ascii_case("bearer") {
                    if let Some(realm) = parameters.remove("realm") {
                        return Some(Self::Bearer {
                            realm,
                            service: parameters.remove("service"),
                            scope: parameters.remove("scope"),
                        });
                    }
                } else if scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

/// The challenges of a header: schemes with their parameters. What cannot be read ends the list.
fn challenges(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let word = token(rest);
        if word.is_empty() {
            return found;
        }
        rest = &rest[word.len()..];
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            found.push((word.to_owned(), BTreeMap::new()));
            continue;
        };
        let Some((value, after)) = value_of(value.trim_start()) else {
            return found;
        };
        rest = after;
        if let Some((_, parameters)) = found.last_mut() {
            parameters.entry(word.to_ascii_lowercase()).or_insert(value);
        }
    }
}

/// The token (RFC 9110, 5.6.2) that `text` starts with; empty if there is none.
fn token(text: &str) -> &str {
    let inside = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    &text[..end]
}

/// A token or a quoted text, and what comes after it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let word = token(text);
        return (!word.is_empty()).then(|| (word.to_owned(), &text[word.len()..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_of_registries_are_understood() {
        let headers = [
            r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull,push""#,
            r#"Basic realm="Registry""#,
            r#"Basic realm="a, b", Bearer realm="https://auth.example.org/token""#,
            r#"Negotiate, bearer Realm = "https://x/\"t" , service=registry"#,
            "Negotiate",
            "Bearer service=registry",
            r#"Bearer realm="https://never.ends"#,
            "",
        ];
        let told = headers.map(|header| format!("{:?}", Challenge::of([header])));
        insta::assert_snapshot!(told.join("\n"), @r#"
        Some(Bearer { realm: "https://ghcr.io/token", service: Some("ghcr.io"), scope: Some("repository:a/b:pull,push") })
        Some(Basic)
        Some(Bearer { realm: "https://auth.example.org/token", service: None, scope: None })
        Some(Bearer { realm: "https://x/\"t", service: Some("registry"), scope: None })
        None
        None
        None
        None
        "#);
    }

    proptest! {
        #[test]
        fn any_header_is_read_to_its_end(header in r#"(?s)([Bb]earer |realm=|"|\\|,| |.){0,40}"#) {
            let _ = Challenge::of([header.as_str()]);
        }
    }
}
