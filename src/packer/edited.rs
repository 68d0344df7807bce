//! An edited copy of a template that Packer builds in place of it, and how what Packer says about
//! the copy is said about the template: nobody can do anything with the name and the lines of a file
//! that is gone.

use std::borrow::Cow;

use camino::{Utf8Path, Utf8PathBuf};

use super::arguments::relative;
use crate::template::LineMap;

/// A copy of a template.
#[derive(Debug, Clone, Default)]
pub struct EditedCopy {
    /// How Packer is to call it: relative to where it runs, or absolute.
    pub(super) called: String,
    /// The name of the copy alone. Nothing else has this name.
    name: String,
    /// What stands for what, the more precise first.
    stands: Vec<Stands>,
}

/// How a path of the copy is told.
#[derive(Debug, Clone)]
struct Stands {
    /// As Packer has it.
    from: String,
    /// Where in there the name of the copy begins.
    name_at: usize,
    /// As it is told.
    to: String,
    /// Where the lines of an edited file come from.
    lines: Option<LineMap>,
}

impl EditedCopy {
    /// Where the copy lies, for a Packer that runs in `workdir`.
    pub fn path(&self, workdir: &Utf8Path) -> Utf8PathBuf {
        workdir.join(&self.called)
    }

    /// The copy of `template` that lies in the same folder and is called `name`, for a Packer that
    /// runs in `workdir`. `at` is where the copy really lies, if that is another folder: there are
    /// links on the way to the template then. `files` are the changed ones, by their paths below the
    /// copy, or none but an empty path if the copy is a file.
    pub fn new(
        template: &Utf8Path,
        workdir: &Utf8Path,
        name: &str,
        at: Option<&Utf8Path>,
        files: &[(String, LineMap)],
    ) -> Self {
        let was_called = relative(template, workdir);
        let called = match (at, was_called.as_str()) {
            (Some(at), _) => at.to_string(),
            (None, ".") => format!("../{name}"),
            (None, called) => Utf8Path::new(called).with_file_name(name).into_string(),
        };
        let original = template.file_name().unwrap_or_default();
        // Packer does without the dot in front of its files.
        let below = if was_called == "." { String::new() } else { format!("{was_called}/") };
        let mut stands = Vec::new();
        let mut stand = |from: String, to: String, lines: Option<&LineMap>| {
            let name_at = from.find(name).unwrap_or_default();
            stands.push(Stands { from, name_at, to, lines: lines.cloned() });
        };
        for (file, lines) in files.iter().filter(|(file, _)| !file.is_empty()) {
            stand(format!("{called}/{file}"), format!("{below}{file}"), Some(lines));
            stand(format!("{name}/{file}"), format!("{original}/{file}"), Some(lines));
        }
        let lines = files.iter().find(|(file, _)| file.is_empty()).map(|(_, lines)| lines);
        stand(format!("{called}/"), below.clone(), None);
        stand(called.clone(), was_called.clone(), lines);
        stand(name.to_owned(), original.to_owned(), lines);
        Self { called, name: name.to_owned(), stands }
    }

    /// The file of this name in the copy, which is a folder.
    #[must_use]
    pub fn file(mut self, name: &str) -> Self {
        self.called = format!("{}/{name}", self.called);
        self
    }

    /// A line of Packer's output as it would be about the template itself.
    pub(super) fn restore<'l>(&self, line: &'l str) -> Cow<'l, str> {
        if self.name.is_empty() || !line.contains(&self.name) {
            return Cow::Borrowed(line);
        }
        let (mut told, mut rest) = (String::with_capacity(line.len()), line);
        while let Some(at) = rest.find(&self.name) {
            let found = self.stands.iter().find_map(|stands| {
                let start = at.checked_sub(stands.name_at)?;
                Some((stands, start, rest.get(start..)?.strip_prefix(&stands.from)?))
            });
            let Some((stands, start, after)) = found else {
                break;
            };
            told.push_str(&rest[..start]);
            told.push_str(&stands.to);
            rest = match &stands.lines {
                Some(lines) => place(after, lines, &mut told),
                None => after,
            };
        }
        told.push_str(rest);
        Cow::Owned(told)
    }
}

/// Tells the line that stands behind the name of a file: ` line 7`, `:7`. Returns what is left.
fn place<'l>(after: &'l str, lines: &LineMap, told: &mut String) -> &'l str {
    for word in [" line ", ":"] {
        if let Some((number, rest)) = after.strip_prefix(word).and_then(number) {
            told.push_str(word);
            told.push_str(&lines.original(number).to_string());
            return if word == ":" { rest } else { excerpt(rest, lines, told) };
        }
    }
    after
}

/// Tells the lines of the file that stand behind a place: `   7: text`, up to an empty one. In a
/// message, a line feed is two characters.
fn excerpt<'l>(after: &'l str, lines: &LineMap, told: &mut String) -> &'l str {
    let (shown, rest) = after.split_at(after.find(r"\n\n").unwrap_or(after.len()));
    for (index, line) in shown.split(r"\n").enumerate() {
        if index > 0 {
            told.push_str(r"\n");
        }
        let text = line.trim_start_matches(' ');
        match number(text).filter(|(_, text)| index > 0 && text.starts_with(':')) {
            Some((number, text)) => {
                told.push_str(&" ".repeat(line.len() - line.trim_start_matches(' ').len()));
                told.push_str(&lines.original(number).to_string());
                told.push_str(text);
            }
            None => told.push_str(line),
        }
    }
    rest
}

fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Splice, splice};

    /// The second line of the template has become the fifth.
    fn copy(template: &str, workdir: &str, files: &[&str]) -> EditedCopy {
        let added = Splice { at: 2..2, text: "x\nx\nx\n".to_owned() };
        let lines = splice("a\nb\nc\n", &[added]).unwrap().lines;
        let files: Vec<_> = files.iter().map(|file| ((*file).to_owned(), lines.clone())).collect();
        let end = if template.contains(".pkr.") { ".pkr.hcl" } else { "" };
        let name = format!(".goldsmith-1{end}");
        EditedCopy::new(template.into(), workdir.into(), &name, None, &files)
    }

    #[test]
    fn what_packer_says_of_the_copy_is_told_of_the_template() {
        let of_folder = copy("/w/t", "/w", &["a.pkr.hcl"]);
        let in_place = copy("/w/t", "/w/t", &["a.pkr.hcl"]);
        let of_file = copy("/w/t/b.pkr.hcl", "/w", &[""]);
        let elsewhere = copy("/w/t", "/v", &["a.pkr.hcl"]);
        let called = [&of_folder, &in_place, &of_file, &elsewhere].map(|copy| copy.called.as_str());
        assert_eq!(
            called,
            [
                "t".replace('t', ".goldsmith-1").as_str(),
                "../.goldsmith-1",
                "t/.goldsmith-1.pkr.hcl",
                "/w/.goldsmith-1"
            ]
        );
        for (copy, said, told) in [
            (
                &of_folder,
                r"1,,ui,error,Error: x\n\n  on .goldsmith-1/a.pkr.hcl line 5%!(PACKER_COMMA) in build:\n   5: b\n  \u2026\n  6: c 5: b\n\nSee .goldsmith-1/a.pkr.hcl:5%!(PACKER_COMMA)1-2: x",
                r"1,,ui,error,Error: x\n\n  on t/a.pkr.hcl line 2%!(PACKER_COMMA) in build:\n   2: b\n  \u2026\n  3: c 5: b\n\nSee t/a.pkr.hcl:2%!(PACKER_COMMA)1-2: x",
            ),
            (&in_place, "on ../.goldsmith-1/a.pkr.hcl line 5:", "on a.pkr.hcl line 2:"),
            (&in_place, "../.goldsmith-1/b.pkr.hcl line 5:", "b.pkr.hcl line 5:"),
            (&in_place, "no ../.goldsmith-1: x/.goldsmith-1/y", "no .: x/t/y"),
            (&of_file, "on t/.goldsmith-1.pkr.hcl line 6:", "on t/b.pkr.hcl line 3:"),
            (&of_file, "/w/t/.goldsmith-1.pkr.hcl:6", "/w/t/b.pkr.hcl:3"),
            (&elsewhere, "/w/.goldsmith-1/http/x", "/w/t/http/x"),
            (&elsewhere, "/w/.goldsmith-2/a.pkr.hcl line 5", "/w/.goldsmith-2/a.pkr.hcl line 5"),
        ] {
            assert_eq!(copy.restore(said), told);
        }
    }
}
