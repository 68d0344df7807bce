//! The process environment as a value: read once in `main`, handed to whoever needs it.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

/// A snapshot of environment variables. Variables that are not UTF-8 are left out.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of `name`; empty counts as unset, as on every forge's runner.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// This environment, in which `name` has another value.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Where goldsmith keeps what it can do without: `goldsmith` in `$XDG_CACHE_HOME`, else
    /// `~/.cache/goldsmith`. Absolute; relative ones do not count (XDG Base Directory Specification).
    pub fn cache_folder(&self) -> Option<Utf8PathBuf> {
        let absolute = |name| self.get(name).filter(|folder| folder.starts_with('/'));
        let cache = absolute("XDG_CACHE_HOME").map(Utf8PathBuf::from);
        let cache = cache.or_else(|| Some(Utf8Path::new(absolute("HOME")?).join(".cache")));
        Some(cache?.join("goldsmith"))
    }

    /// Where programs are looked for, in order.
    pub fn search_path(&self) -> impl Iterator<Item = Utf8PathBuf> {
        self.get("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin").split(':').map(Utf8PathBuf::from)
    }

    /// The first executable file called `program` on the search path, absolute.
    pub fn find_program(&self, program: &str) -> Option<Utf8PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        self.search_path()
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|path| {
                fs_err::metadata(path)
                    .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
            })
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}
