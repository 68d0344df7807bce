//! The text of an `images.yml`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use camino::Utf8Path;

use super::discovery::{Discovery, Found, LeftOut};
use crate::config;
use crate::model::{Arch, ImageName, Source};

const HEAD: &str = r#"# The image matrix, as `goldsmith init` made it out of the templates of this repository. Read it and
# put right what it got wrong: it is yours from here on. All keys are in goldsmith's
# docs/reference/images.md.
version: 1

# Versions, channels and history. In a job this has to be a folder of the runner that outlives it: a
# checkout wipes the workspace. To try things out, `./registry` will do.
registry: file:///srv/golden/registry

defaults:
  # Where the images go; the same holds.
  stores: [{ dir: { url: "file:///srv/golden/images" } }]

images:
"#;

/// The text of the `images.yml` of what was found. [`config::read`] accepts it, if there is an image
/// in it at all: what cannot be used as it is stands there as a comment, with the reason.
pub fn images_yml(discovery: &Discovery) -> String {
    let (usable, objections) = sort_out(&discovery.images);
    let mut text = HEAD.to_owned();
    for (found, objection) in discovery.images.iter().zip(&objections) {
        match objection {
            None => text.push_str(&entry(found)),
            Some(why) => text.push_str(&commented_out(found, why)),
        }
        text.push('\n');
    }
    if usable.is_empty()
        && let Some(first) = discovery.images.first()
    {
        text.push_str(&placeholder(first));
        text.push('\n');
    }
    text.push_str(&left_out(&discovery.left_out));
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    text
}

/// The images that were found, each with the reason why it is written as a comment, if it is.
pub fn objections(discovery: &Discovery) -> Vec<(&Found, Option<String>)> {
    let (_, objections) = sort_out(&discovery.images);
    discovery.images.iter().zip(objections).collect()
}

/// Which images can be used, and why the others cannot, in the order of `images`.
pub(super) fn sort_out(images: &[Found]) -> (BTreeSet<&ImageName>, Vec<Option<String>>) {
    let alone = |found: &Found| {
        let text = entry(&Found { parents: Vec::new(), ..without_placeholders(found) });
        refusal(&format!("{HEAD}{text}"))
    };
    let mut objections: Vec<Option<String>> =
        images.iter().map(|found| found.objection.clone().or_else(|| alone(found))).collect();
    // Whoever is built upon an image that cannot be used cannot be used.
    loop {
        let usable: BTreeSet<&ImageName> = images
            .iter()
            .zip(&objections)
            .filter(|(_, objection)| objection.is_none())
            .map(|(found, _)| &found.name)
            .collect();
        let mut changed = false;
        for (found, objection) in images.iter().zip(&mut objections) {
            let missing = found.parents.iter().find(|parent| !usable.contains(parent));
            if let (None, Some(parent)) = (objection.as_ref(), missing) {
                *objection = Some(format!("it is built upon {parent}, which is not complete"));
                changed = true;
            }
        }
        if !changed {
            return (usable, objections);
        }
    }
}

/// The image with plain values where placeholders name its parents.
fn without_placeholders(found: &Found) -> Found {
    let mut found = found.clone();
    for value in found.vars.values_mut() {
        "x".clone_into(value);
    }
    found
}

/// Why `text` would be refused.
fn refusal(text: &str) -> Option<String> {
    let problems = config::read(Utf8Path::new("/images.yml"), text.as_bytes()).err()?;
    Some(problems.diagnostics().first()?.message.clone())
}

/// An entry of `images:`.
fn entry(found: &Found) -> String {
    let mut text = String::new();
    for note in &found.notes {
        writeln!(text, "  # {}", in_one_line(note)).expect("text can be written");
    }
    for line in lines(found) {
        writeln!(text, "  {line}").expect("text can be written");
    }
    text
}

fn commented_out(found: &Found, why: &str) -> String {
    let mut text = format!("  # Not complete: {}\n", in_one_line(why));
    for note in &found.notes {
        writeln!(text, "  # {}", in_one_line(note)).expect("text can be written");
    }
    for line in lines(found) {
        writeln!(text, "  # {line}").expect("text can be written");
    }
    text
}

/// The lines of an entry, from its name on.
fn lines(found: &Found) -> Vec<String> {
    let mut lines = vec![format!("{}:", scalar(found.name.as_str()))];
    let mut key = |key: &str, value: String| lines.push(format!("  {key}: {value}"));
    let list = |values: Vec<String>| format!("[{}]", values.join(", "));
    key("template", scalar(found.template.as_str()));
    if let Some(workdir) = &found.workdir {
        key("workdir", scalar(workdir.as_str()));
    }
    if let Some(build) = &found.build {
        key("build", scalar(build));
    }
    key(
        "os",
        match &found.os {
            Some(os) => {
                format!("{{ family: {}, release: {} }}", scalar(&os.family), quoted(&os.release))
            }
            None => r#"{ family: …, release: "…" }"#.to_owned(),
        },
    );
    let source = match found.source {
        Source::CloudImage => "cloud-image",
        Source::Iso => "iso",
        Source::Factory => "factory",
        Source::Image => "image",
    };
    key("source", source.to_owned());
    if found.arch == Arch::Arm64 {
        key("arch", "arm64".to_owned());
    }
    if !found.parents.is_empty() {
        let parents = found.parents.iter();
        let parents = parents.map(|parent| format!("{{ image: {} }}", scalar(parent.as_str())));
        key("parents", list(parents.collect()));
    }
    if !found.vars.is_empty() {
        let vars = found.vars.iter();
        let vars = vars.map(|(name, value)| format!("{}: {}", scalar(name), quoted(value)));
        key("vars", format!("{{ {} }}", vars.collect::<Vec<_>>().join(", ")));
    }
    if !found.var_files.is_empty() {
        let files = found.var_files.iter();
        key("var_files", list(files.map(|path| scalar(path.as_str())).collect()));
    }
    if !found.env.is_empty() {
        key("env", list(found.env.iter().map(|name| scalar(name)).collect()));
    }
    lines
}

/// An image that keeps the file valid where no other one is complete.
fn placeholder(first: &Found) -> String {
    let template = scalar(first.template.as_str());
    let entry = format!(
        "  # No image above is complete. Complete one, and remove this entry.\n  \
         to-be-completed:\n    enabled: false\n    template: {template}\n    \
         os: {{ family: debian, release: \"12\" }}\n    source: iso\n"
    );
    match refusal(&format!("{HEAD}{entry}")) {
        None => entry,
        Some(_) => entry.replace(&format!("template: {template}"), "template: packer"),
    }
}

fn left_out(left_out: &[LeftOut]) -> String {
    let mut text = String::new();
    if !left_out.is_empty() {
        text.push_str("# Left out:\n");
    }
    for left in left_out {
        let line = in_one_line(&format!("{}: {}", left.path, left.why));
        writeln!(text, "# - {line}").expect("text can be written");
    }
    text
}

/// `value` as YAML reads it as text.
fn scalar(value: &str) -> String {
    let inside = |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    let word = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.chars().all(inside)
        && !value.ends_with('.');
    let means_something = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];
    if word && !means_something.contains(&value.to_ascii_lowercase().as_str()) {
        value.to_owned()
    } else {
        quoted(value)
    }
}

/// `value` in quotes.
pub(super) fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            character if is_hidden(character) => {
                write!(text, "\\U{:08x}", u32::from(character)).expect("text can be written");
            }
            character => text.push(character),
        }
    }
    text.push('"');
    text
}

/// `text` as it can stand in a comment or a message: a file's name must not end the line.
pub fn in_one_line(text: &str) -> String {
    let shown =
        text.chars().map(|character| if is_hidden(character) { '\u{fffd}' } else { character });
    shown.take(MAX_COMMENT).collect()
}

/// Longest such line, in characters.
const MAX_COMMENT: usize = 400;

/// Whether a character ends lines, acts on terminals or is not to be seen.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
