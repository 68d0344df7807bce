//! The text of a workflow that builds the images.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::discovery::Discovery;
use super::images_yml::{quoted, sort_out};
use crate::template::{Kind, SourceTree};

/// The workflow that goldsmith has for everybody.
const STARTER: &str = include_str!("../../workflows/scheduled.yml");

const HEAD: &str = "\
# Builds the images that are due, every day. goldsmith decides which those are: most days, none.
#
# It needs a runner of your own that has goldsmith, packer and trivy on its PATH, and a registry and
# stores that outlive the job: not in the workspace, which every checkout empties.
";

/// Where the workflow belongs, relative to the repository at `root`: where its forge looks for it.
pub fn workflow_path(tree: &dyn SourceTree, root: &Utf8Path) -> Utf8PathBuf {
    let forges = [".forgejo", ".gitea"];
    let used = forges.iter().find(|forge| tree.kind(&root.join(forge)) == Some(Kind::Folder));
    Utf8Path::new(used.unwrap_or(&".github")).join("workflows/images.yml")
}

/// The text of a workflow for what was found, whose `images.yml` lies at `config` in the repository.
pub fn workflow(discovery: &Discovery, config: &Utf8Path) -> String {
    let settings = STARTER.lines().skip_while(|line| line.starts_with('#'));
    let mut text = HEAD.to_owned();
    for line in settings {
        text.push_str(line);
        text.push('\n');
    }
    if config != "images.yml" {
        let config = quoted(config.as_str());
        writeln!(text, "          INPUT_CONFIG: {config}").expect("text can be written");
    }
    let wanted = wanted(discovery);
    if !wanted.is_empty() {
        text.push_str("          # What templates want; set them in the repository's settings.\n");
    }
    for (name, is_secret) in wanted {
        let kept = if is_secret { "secrets" } else { "vars" };
        let key = name.to_ascii_uppercase();
        writeln!(text, "          {name}: ${{{{ {kept}.{key} }}}}").expect("text can be written");
    }
    text
}

/// The environment variables of the images that are written down as such, and whether they are
/// secrets.
fn wanted(discovery: &Discovery) -> BTreeMap<&str, bool> {
    let (usable, _) = sort_out(&discovery.images);
    let mut wanted = BTreeMap::new();
    for found in discovery.images.iter().filter(|found| usable.contains(&found.name)) {
        for name in &found.env {
            *wanted.entry(name.as_str()).or_default() |= found.secrets.contains(name);
        }
    }
    // A forge keeps nothing of such a name.
    wanted.retain(|name, _| !name.starts_with("GITHUB_"));
    wanted
}
