//! Git's words for what is in a commit.

use std::fmt;

/// The name of an object: hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId(String);

impl ObjectId {
    /// Reads one, of either of git's two lengths.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_hex =
            text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (is_hex && [40, 64].contains(&text.len())).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A file with this content.
    File(ObjectId),
    /// A folder.
    Folder,
    /// A link, or another repository: nothing that goldsmith makes or follows.
    Foreign,
}

/// A line of `git ls-tree -z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the root of the branch.
    pub(super) path: String,
    pub(super) node: Node,
}

impl Entry {
    /// All of a listing. Names that are no UTF-8 are none of ours and left out.
    pub(super) fn all(listing: &[u8]) -> Vec<Self> {
        let lines = listing.split(|byte| *byte == 0);
        lines.filter_map(|line| Self::parse(std::str::from_utf8(line).ok()?)).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let (about, path) = line.split_once('\t')?;
        let mut about = about.split(' ');
        let node = match (about.next()?, about.next()?) {
            ("100644" | "100755" | "100664", "blob") => Node::File(ObjectId::parse(about.next()?)?),
            (_, "tree") => Node::Folder,
            _ => Node::Foreign,
        };
        (!path.is_empty()).then(|| Self { path: path.to_owned(), node })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_are_files() {
        let id = "ce013625030ba8dba906f756967f9e9ca394464a";
        let listing = format!(
            "100644 blob {id}\timages/a/log/00000001.json\0120000 blob {id}\timages/a/link\0\
             040000 tree {id}\timages/a/a b\n\"c\0160000 commit {id}\tmodule\0\
             100644 blob {id}\t\u{0}100644 blob short\tx\0"
        );
        let mut bytes = listing.into_bytes();
        bytes.extend(b"100644 blob ce013625030ba8dba906f756967f9e9ca394464a\t\xff\0");
        let told: Vec<_> = Entry::all(&bytes)
            .iter()
            .map(|entry| match &entry.node {
                Node::File(_) => format!("file {:?}", entry.path),
                other => format!("{other:?} {:?}", entry.path),
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        file "images/a/log/00000001.json"
        Foreign "images/a/link"
        Folder "images/a/a b\n\"c"
        Foreign "module"
        "#);
    }
}
