//! Patterns of names, as waivers have them.

use globset::{GlobBuilder, GlobMatcher};

/// A pattern of names.
#[derive(Debug, Clone)]
pub struct NameGlob(Form);

/// Most patterns are names as they are, which are compared at once.
#[derive(Debug, Clone)]
enum Form {
    Literal(String),
    Glob(GlobMatcher),
}

impl NameGlob {
    /// Longest pattern, in bytes.
    pub const LONGEST: usize = 256;

    /// The pattern that `text` is: `*` and `?` stand for what is within a name, `[ab]` and `{a,b}`
    /// for one of several. `None` if it is none.
    pub fn new(text: &str) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+:".contains(c);
        if text.chars().all(plain) {
            return Some(Self(Form::Literal(text.to_owned())));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build().ok()?;
        Some(Self(Form::Glob(glob.compile_matcher())))
    }

    /// Whether it stands for `name`.
    pub fn matches(&self, name: &str) -> bool {
        match &self.0 {
            Form::Literal(literal) => literal == name,
            Form::Glob(glob) => glob.is_match(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_what_is_within_a_name() {
        let matches = |glob, name| NameGlob::new(glob).is_some_and(|glob| glob.matches(name));
        assert!(matches("debian-*", "debian-12") && matches("lib?", "libx"));
        assert!(matches("golang.org/x/*", "golang.org/x/net"));
        assert!(!matches("golang.org/*", "golang.org/x/net"));
        assert!(!matches("debian", "debian-12") && !matches("DEBIAN-*", "debian-12"));
        assert!(NameGlob::new("debian-[12").is_none() && NameGlob::new("{a").is_none());
        assert!(NameGlob::new(&"*a".repeat(200)).is_none());
    }
}
